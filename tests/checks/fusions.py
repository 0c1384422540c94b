"""What every fusion must do. Each check takes a way to make one with random parameters: `make(speaks)`.

Five members, because no task has five labels: so a check can find the axis of members in any parameter. One of them
states how uncertain it is of expressions, and one has no features.
"""

from collections.abc import Mapping

import numpy as np
import torch

from ensemble.fusion import DirichletFusion, Evidence, HierarchicalFusion, WeighingFusion
from ensemble.opinions import Opinions
from modalities.labels import tasks
from modalities.types import Segment

TASKS = tasks()
MEMBERS = ("face.a", "face.b", "audio", "text", "scene")
EVERYTHING: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    member: {name: tuple(task.labels) for name, task in TASKS.items()} for member in MEMBERS
}


WIDTHS: Mapping[str, int] = {"face.a": 6, "face.b": 4, "audio": 6, "text": 3}
DOUBTING = "audio"


def configure(fusion, speaks=EVERYTHING, **settings):
    """Return the settings of a fusion of these members."""
    known = {name: {"kind": task.kind, "labels": task.labels.names} for name, task in TASKS.items()}
    widths = {member: width for member, width in WIDTHS.items() if member in speaks}
    return fusion.Config.model_validate({"speaks": speaks, "tasks": known, "widths": widths, **settings})


def settle(fusion, seed=0):
    """Give a fusion whose weights are searched for some that a search might find; return it."""
    rng = np.random.default_rng(seed)
    if isinstance(fusion, DirichletFusion):
        for task, labels in fusion.speaks.items():
            fusion.settle(task, rng.dirichlet(np.ones(len(fusion.members)), len(labels)).T)
            if isinstance(fusion, HierarchicalFusion):
                fusion.settle_members(task, rng.uniform(0.01, 0.5, len(fusion.members)))
    return fusion


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
    features = {m: rng.normal(size=(rows, WIDTHS[m])).astype(np.float32) for m in speaks if m in WIDTHS}
    doubting = np.array([member == DOUBTING for member in speaks])[:, None, None]
    doubts = {task: np.zeros_like(values) for task, values in scores.items()}
    drawn = rng.uniform(0.2, 4.5, doubts["expression"].shape).astype(np.float32)
    doubts["expression"] = np.where(said["expression"] & doubting, drawn, 0)
    return Opinions(segments, tuple(speaks), present, scores, said, features, doubts)


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
    """Whatever stands where a member is absent changes nothing, features of NaN neither."""
    fusion, opinions = make(EVERYTHING), draw()
    before = fusion.fuse(opinions)
    scores, doubts = (
        {task: np.where(opinions.said[task], values, np.float32(0.9)) for task, values in columns.items()}
        for columns in (opinions.scores, opinions.uncertainty)
    )
    assert_same(before, fusion.fuse(changed(opinions, scores=scores, uncertainty=doubts)), "fillers of absent members")
    for rubbish in (50.0, np.nan, np.inf):
        features = {
            member: np.where(opinions.present[row][:, None], opinions.features[member], np.float32(rubbish))
            for row, member in enumerate(opinions.members)
            if member in opinions.features
        }
        assert_same(before, fusion.fuse(changed(opinions, features=features)), "features of absent members")


def check_any_subset_of_members_works(make):
    """Whoever is left, the result is finite, of its kind, and said where one of them says it."""
    fusion, opinions = make(EVERYTHING), draw(presence=1.0)
    for left in range(1, 2 ** len(MEMBERS)):
        rest = opinions.without([member for number, member in enumerate(MEMBERS) if not left >> number & 1])
        for task, (fused, said) in fusion.fuse(rest).items():
            assert said.all()
            assert_of_kind(fused, TASKS[task].kind)


def assert_of_kind(fused, kind):
    """Fail unless rows that are said wholly are scores of a kind."""
    assert np.isfinite(fused).all()
    assert fused.min() >= (-1 if kind == "continuous" else 0)
    assert fused.max() <= 1 + 1e-6
    assert kind != "distribution" or np.allclose(fused.sum(1), 1, atol=1e-5)


def check_distributions_sum_to_one_over_what_is_said(make):
    """A class that nobody says takes no share."""
    speaks = {m: {n: labels[1:] for n, labels in EVERYTHING[m].items()} for m in MEMBERS}
    fusion, opinions = make(speaks), draw(speaks=speaks)
    for task, (fused, said) in fusion.fuse(opinions).items():
        assert not said[:, 0].any()
        if TASKS[task].kind == "distribution":
            assert np.allclose(np.where(said, fused, 0).sum(1), 1, atol=1e-5), task


def check_segments_are_fused_each_for_itself(make):
    """In another order, and one by one, segments get the same; and there may be none."""
    fusion, opinions = make(EVERYTHING), draw()
    whole = fusion.fuse(opinions)
    order = np.random.default_rng(1).permutation(len(opinions.segments))
    turned = {task: (fused[order], said[order]) for task, (fused, said) in whole.items()}
    assert_same(turned, fusion.fuse(opinions.take(order)), "segments in another order", 1e-6)
    for row in range(len(opinions.segments)):
        alone = {task: (fused[[row]], said[[row]]) for task, (fused, said) in whole.items()}
        assert_same(alone, fusion.fuse(opinions.take(np.array([row]))), "one by one", 1e-6)
    for task, (fused, _) in fusion.fuse(opinions.take(np.zeros(0, np.int64))).items():
        assert fused.shape == (0, len(TASKS[task].labels))


def check_who_is_alone_is_believed(make):
    """Where one member is present, and speaks everything, the result is what it says."""
    fusion, opinions = make(EVERYTHING), draw(presence=1.0)
    for row, member in enumerate(MEMBERS):
        for task, (fused, _) in fusion.fuse(opinions.without(set(MEMBERS) - {member})).items():
            assert np.allclose(fused, opinions.scores[task][row], atol=1e-5), f"{task}: {member}"


def check_a_new_one_does_not_depend_on_what_was_made_before(make):
    """Two new ones are the same, whatever was drawn in between, and the second draws nothing from the generator."""
    kind, config = type(make(EVERYTHING)), make(EVERYTHING).config
    first = kind(config).state()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    second = kind(config).state()
    assert torch.equal(torch.rand(3), expected)
    assert all(np.array_equal(first[name], second[name]) for name in first)


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
    fusion, evidence = make(EVERYTHING), Evidence.of(draw())
    for name, task in TASKS.items():
        weights = fusion.weights_at(name, evidence).detach()
        assert weights.shape[0::2] == (len(MEMBERS), len(task.labels))
        assert weights.min() >= 0
        assert torch.allclose(weights.sum(0), torch.ones(weights.shape[1:]), atol=1e-5)


def check_scores_stay_between_the_members_own(make):
    """Nobody is outdone; of distributions this holds of what they are before they are divided by their sum."""
    fusion, opinions = make(EVERYTHING), draw()
    for task, (fused, _) in fusion.fuse(opinions).items():
        if TASKS[task].kind != "distribution":
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
        uncertainty={t: values[order] for t, values in opinions.uncertainty.items()},
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
    fusion, opinions = make(EVERYTHING).eval(), draw()
    if not list(fusion.parameters()):
        return
    silent = {task: np.where(np.arange(9)[:, None] > 0, mask, np.False_) for task, mask in opinions.said.items()}
    opinions = changed(opinions, said=silent)
    gradients = []
    for rows in (slice(0, 9), slice(1, 9)):
        fusion.zero_grad()
        fused = fusion(Evidence.of(opinions.take(np.arange(9)[rows])), tuple(TASKS))
        torch.stack([0.1 * values.clamp_min(1e-6).log().sum() for values in fused.values()]).sum().backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in fusion.named_parameters()})
    for name, gradient in gradients[0].items():
        assert torch.isfinite(gradient).all(), name
        assert torch.allclose(gradient, gradients[1][name], atol=1e-5), name


CHECKS = (
    check_absent_member_never_counts,
    check_any_subset_of_members_works,
    check_class_that_nobody_says_is_not_said,
    check_distributions_sum_to_one_over_what_is_said,
    check_segments_are_fused_each_for_itself,
    check_order_of_members_does_not_matter,
    check_other_members_are_refused,
    check_silent_row_does_not_spoil_a_gradient,
    check_a_new_one_does_not_depend_on_what_was_made_before,
)
WEIGHING = (check_columns_of_weights_sum_to_one, check_scores_stay_between_the_members_own)
AGREEING = (check_equal_opinions_stay, check_unspoken_class_is_not_zero, check_who_is_alone_is_believed)


def checks_of(part):
    """Return what a kind of fusion must do; the hierarchical one favours classes, so that it agrees with nobody."""
    found = CHECKS
    if issubclass(part, WeighingFusion):
        found += WEIGHING
        if not issubclass(part, HierarchicalFusion):
            found += AGREEING
    return found
