"""What every fusion must do. Each check takes a way to make one with random parameters: `make(speaks)`.

Five members, because no task has five labels: so a check can find the axis of members in any parameter.
"""

from collections.abc import Mapping

import numpy as np
import torch

from ensemble.opinions import Opinions
from modalities.labels import tasks
from modalities.types import Segment

TASKS = tasks()
MEMBERS = ("face.a", "face.b", "audio", "text", "scene")
EVERYTHING: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    member: {name: tuple(task.labels) for name, task in TASKS.items()} for member in MEMBERS
}


def configure(fusion, speaks=EVERYTHING):
    """Return the settings of a fusion of these members."""
    known = {name: {"kind": task.kind, "labels": task.labels.names} for name, task in TASKS.items()}
    return fusion.Config.model_validate({"speaks": speaks, "tasks": known})


def draw(rows=9, seed=0, speaks=EVERYTHING, presence=0.7):
    """Draw opinions: finite scores of the task's kind, members absent at random, but the first always present."""
    rng = np.random.default_rng(seed)
    present = rng.random((len(speaks), rows)) < presence
    present[0] = True
    scores, said = {}, {}
    for name, task in TASKS.items():
        shape = (len(speaks), rows, len(task.labels))
        spoken = np.array([[label in s.get(name, ()) for label in task.labels] for s in speaks.values()])
        said[name] = present[..., None] & spoken[:, None]
        values = rng.dirichlet(np.ones(shape[2]), shape[:2]) if task.kind == "distribution" else rng.random(shape)
        scores[name] = np.where(said[name], values, 0).astype(np.float32)
    segments = tuple(Segment(row, row + 1) for row in range(rows))
    return Opinions(segments, tuple(speaks), present, scores, said)


def changed(opinions, **changes):
    """Return opinions with other columns."""
    columns = {name: getattr(opinions, name) for name in Opinions.__dataclass_fields__}
    return Opinions(**{**columns, **changes})


def assert_same(one, other, why, tolerance=1e-5):
    """Fail unless two results agree on what is said, and there on the scores."""
    for task, (scores, said) in one.items():
        others, also_said = other[task]
        assert (said == also_said).all(), f"{why}: {task} is said elsewhere"
        assert np.allclose(scores[said], others[said], atol=tolerance), f"{why}: {task}"


def check_absent_member_never_counts(make):
    """Whatever stands where a member is absent changes nothing."""
    fusion, opinions = make(EVERYTHING), draw()
    rubbish = {t: np.where(opinions.said[t], values, np.float32(0.9)) for t, values in opinions.scores.items()}
    assert_same(fusion.fuse(opinions), fusion.fuse(changed(opinions, scores=rubbish)), "fillers of absent members")


def check_equal_opinions_stay(make):
    """Where all who are present say the same, that is the result: an absent member is not a zero."""
    fusion, opinions = make(EVERYTHING), draw()
    alike = {t: np.where(opinions.said[t], values[:1], 0) for t, values in opinions.scores.items()}
    for task, (fused, said) in fusion.fuse(changed(opinions, scores=alike)).items():
        assert said.all()
        assert np.allclose(fused, alike[task][0], atol=1e-5), task


def check_unspoken_class_is_not_zero(make):
    """A class that some members do not know takes the opinion of those who do."""
    speaks = {m: {n: labels[:-1] if m != "face.a" else labels for n, labels in EVERYTHING[m].items()} for m in MEMBERS}
    fusion, opinions = make(speaks), draw(speaks=speaks)
    alike = {t: np.where(opinions.said[t], values[:1], 0) for t, values in opinions.scores.items()}
    for task, (fused, said) in fusion.fuse(changed(opinions, scores=alike)).items():
        assert said.all()
        assert np.allclose(fused, alike[task][0], atol=1e-5), f"{task}: {fused[0]} is not {alike[task][0, 0]}"


def check_class_that_nobody_says_is_not_said(make):
    """A class that no present member speaks is absent in the result, and its filler is finite."""
    speaks = {m: {n: labels[1:] for n, labels in EVERYTHING[m].items() if n != "compound"} for m in MEMBERS}
    fusion, opinions = make(speaks), draw(speaks=speaks)
    for task, (fused, said) in fusion.fuse(opinions).items():
        assert np.isfinite(fused).all()
        assert not said[:, 0].any()
        assert said[:, 1:].all() == (task != "compound")
        assert (said == opinions.said[task].any(axis=0)).all()


def check_columns_of_weights_sum_to_one(make):
    """Per class the members' weights sum to one, and none is negative."""
    fusion = make(EVERYTHING)
    for name, task in TASKS.items():
        weights = fusion.weights(name).detach()
        assert weights.shape == (len(MEMBERS), len(task.labels))
        assert weights.min() >= 0
        assert torch.allclose(weights.sum(0), torch.ones(len(task.labels)), atol=1e-5)


def check_scores_stay_in_their_kind(make):
    """A distribution sums to one over what is said; other scores lie between the members' own."""
    fusion, opinions = make(EVERYTHING), draw()
    for task, (fused, _) in fusion.fuse(opinions).items():
        if TASKS[task].kind == "distribution":
            assert np.allclose(fused.sum(1), 1, atol=1e-5)
        else:
            said, scores = opinions.said[task], opinions.scores[task]
            assert (fused >= np.where(said, scores, 9).min(0) - 1e-5).all()
            assert (fused <= np.where(said, scores, -9).max(0) + 1e-5).all()


def check_order_of_members_does_not_matter(make):
    """With parameters that are ordered accordingly, another order of members gives the same."""
    order = [3, 1, 4, 0, 2]
    fusion, opinions = make(EVERYTHING), draw()
    other = make({MEMBERS[i]: EVERYTHING[MEMBERS[i]] for i in order})
    other.restore({name: _reorder(value, order) for name, value in fusion.state().items()})
    turned = changed(
        opinions,
        members=tuple(MEMBERS[i] for i in order),
        present=opinions.present[order],
        scores={t: values[order] for t, values in opinions.scores.items()},
        said={t: values[order] for t, values in opinions.said.items()},
    )
    assert_same(fusion.fuse(opinions), other.fuse(turned), "another order")


def _reorder(value, order):
    axes = [axis for axis, size in enumerate(value.shape) if size == len(order)]
    for axis in axes:
        value = np.take(value, order, axis)
    return value


def check_other_members_are_refused(make):
    """Opinions of other members, or in another order, are refused."""
    fusion, opinions = make(EVERYTHING), draw()
    try:
        fusion.fuse(changed(opinions, members=tuple(reversed(MEMBERS))))
    except ValueError as error:
        assert "face.a" in str(error)  # noqa: PT017  either outcome is this check's business
    else:
        raise AssertionError("members in another order were taken for those that it weighs")


def check_silent_row_does_not_spoil_a_gradient(make):
    """A row about which nobody says anything is finite, and leaves the gradient as it is without it."""
    fusion, opinions = make(EVERYTHING), draw()
    if not list(fusion.parameters()):
        return
    gradients = []
    for rows in (slice(0, 9), slice(1, 9)):
        fusion.zero_grad()
        total = torch.zeros(())
        for task, values in opinions.scores.items():
            said = torch.from_numpy(opinions.said[task].copy())
            said[:, 0] = False
            fused = fusion(task, torch.from_numpy(values)[:, rows], said[:, rows])
            total = total + fused.clamp_min(1e-6).log().sum() * 0.1
        total.backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in fusion.named_parameters()})
    for name, gradient in gradients[0].items():
        assert torch.isfinite(gradient).all(), name
        assert torch.allclose(gradient, gradients[1][name], atol=1e-5), name


CHECKS = (
    check_absent_member_never_counts,
    check_equal_opinions_stay,
    check_unspoken_class_is_not_zero,
    check_class_that_nobody_says_is_not_said,
    check_columns_of_weights_sum_to_one,
    check_scores_stay_in_their_kind,
    check_order_of_members_does_not_matter,
    check_other_members_are_refused,
    check_silent_row_does_not_spoil_a_gradient,
)
