"""MHPF against three loops, and against the published code's numbers; the plain mean."""

import numpy as np
import pytest
import torch

from ensemble.fusion import Evidence, GatedFusion, MeanFusion, MultiHeadProbabilityFusion, weigh
from modalities.labels import EXPRESSION
from tests import toys
from tests.checks.fusions import (
    EVERYTHING,
    MEMBERS,
    TASKS,
    changed,
    check_unspoken_class_is_not_zero,
    checks_of,
    configure,
    draw,
)
from tests.golden import g3, golden, softmax


def loops(weights, scores, said, kind):
    """The slow, obvious fusion of one task: [M, C], [M, S, C], [M, S, C] → [S, C]."""
    members, rows, classes = scores.shape
    fused = np.zeros((rows, classes))
    for row in range(rows):
        for column in range(classes):
            rest = 0.0
            for member in range(members):
                if said[member, row, column]:
                    fused[row, column] += weights[member, column] * scores[member, row, column]
                    rest += weights[member, column]
            fused[row, column] /= rest or 1.0
        if kind == "distribution":
            fused[row] /= fused[row].sum() or 1.0
    return fused


@pytest.mark.parametrize("seed", range(3))
def test_mhpf_is_what_three_loops_say(seed):
    speaks = {m: {n: labels[i % 3 :] for n, labels in EVERYTHING[m].items()} for i, m in enumerate(MEMBERS)}
    config = configure(MultiHeadProbabilityFusion, speaks)
    fusion = toys.randomise(MultiHeadProbabilityFusion(config), seed)
    opinions = draw(seed=seed, speaks=speaks)
    parameters = fusion.state()
    for task, (fused, said) in fusion.fuse(opinions).items():
        heads = softmax(parameters[f"head_logits.{task}"])
        weights = sum(a * softmax(w, 0) for a, w in zip(heads, parameters[f"member_logits.{task}"], strict=True))
        expected = loops(weights, opinions.scores[task], opinions.said[task], TASKS[task].kind)
        assert np.allclose(fused[said], expected[said], atol=1e-6)


@pytest.mark.parametrize(("tag", "amplitude"), [("M3_H3", 0.3), ("M6_H3_strong", 3.0)])
def test_mhpf_is_the_published_one(tag, amplitude):
    released, reference = golden("released", f"prob_fusion_v6/{tag}"), golden("reference", f"prob_fusion_v6/{tag}")
    members = released["config"]["num_matrices"]
    speaks = {f"m{number}": {"expression": EXPRESSION.labels.names} for number in range(members)}
    fusion = MultiHeadProbabilityFusion(configure(MultiHeadProbabilityFusion, speaks)).double()
    parameters = fusion.state()
    parameters["member_logits.expression"] = (amplitude * np.sin(0.7 * np.arange(3 * members * 8))).reshape(
        3, members, 8
    )
    parameters["head_logits.expression"] = amplitude * np.sin(0.7 * np.arange(3) + 1.3)
    fusion.restore(parameters)
    weights = fusion.weights("expression").detach()
    assert np.allclose(weights, released["effective_W"], rtol=1e-7, atol=1e-7)
    scores = torch.from_numpy(softmax(1.5 * g3(members, 10, 8)))
    everybody = torch.ones(scores.shape, dtype=torch.bool)
    fused = fusion(Evidence({"expression": scores}, {"expression": everybody}), ("expression",))["expression"].detach()
    assert np.allclose(fused, reference["output_rows_normalised"], rtol=1e-7, atol=1e-7)
    raw = torch.einsum("mc,msc->sc", weights, scores)
    assert np.allclose(raw, released["output"], rtol=1e-7, atol=1e-7)


def test_mhpf_with_equal_parameters_is_the_plain_mean():
    fusion, mean = (part(configure(part)) for part in (MultiHeadProbabilityFusion, MeanFusion))
    fusion.restore({name: np.zeros_like(value) for name, value in fusion.state().items()})
    opinions = draw()
    for task, (fused, _) in mean.fuse(opinions).items():
        assert np.allclose(fused, fusion.fuse(opinions)[task][0], atol=1e-6)


def test_the_mean_is_the_mean_of_those_who_say_it():
    opinions = draw()
    fused, said = MeanFusion(configure(MeanFusion)).fuse(opinions)["action_units"]
    values = np.where(opinions.said["action_units"], opinions.scores["action_units"], np.nan)
    assert np.allclose(fused[said], np.nanmean(values, axis=0)[said], atol=1e-6)


def test_a_new_fusion_does_not_depend_on_what_was_made_before():
    first = MultiHeadProbabilityFusion(configure(MultiHeadProbabilityFusion)).state()
    torch.rand(17)
    second = MultiHeadProbabilityFusion(configure(MultiHeadProbabilityFusion)).state()
    assert all(np.array_equal(first[name], second[name]) for name in first)


def emoaffectnet_and_another(unspoken):
    """Two members that count the same; the first does not know the last expression, and is there in rows 0 and 1."""
    names = EXPRESSION.labels.names
    speaks = {"seven": {"expression": names[:-1]}, "eight": {"expression": names}}
    settings = configure(MeanFusion, speaks, unspoken=unspoken)
    opinions = draw(rows=3, speaks=speaks, presence=1.0)
    present = np.array([[True, True, False], [True, False, True]])
    said = {task: mask & present[..., None] for task, mask in opinions.said.items()}
    opinions = changed(opinions, present=present, said=said)
    rubbish = {t: np.where(said[t], values, np.float32(0.9)) for t, values in opinions.scores.items()}
    fused = MeanFusion(settings).fuse(changed(opinions, scores=rubbish))
    return opinions.scores["expression"], fused["expression"]


@pytest.mark.parametrize(("unspoken", "share"), [("absent", 1.0), ("zero", 0.5)])
def test_what_a_present_member_does_not_know_is_nothing_or_zero(unspoken, share):
    (seven, eight), (fused, said) = emoaffectnet_and_another(unspoken)
    both = np.append((seven[0, :-1] + eight[0, :-1]) / 2, share * eight[0, -1])
    assert np.allclose(fused[0], both / both.sum(), atol=1e-6)
    assert np.allclose(fused[1, :-1], seven[1, :-1] / seven[1, :-1].sum(), atol=1e-6)
    assert np.allclose(fused[2], eight[2], atol=1e-6), "an absent member counted as one that says zero"
    assert said.tolist() == [[True] * 8, [True] * 7 + [False], [True] * 8]


@pytest.mark.parametrize("part", [MultiHeadProbabilityFusion, GatedFusion])
@pytest.mark.parametrize(
    "check", [c for c in checks_of(MultiHeadProbabilityFusion) if c is not check_unspoken_class_is_not_zero]
)
def test_where_the_unspoken_is_zero_all_else_holds(part, check):
    check(lambda speaks: toys.randomise(part(configure(part, speaks, unspoken="zero"))))


@pytest.mark.parametrize("unspoken", ["absent", "zero"])
def test_a_member_of_another_task_says_nothing_of_this_one(unspoken):
    speaks = {"face": {"expression": EXPRESSION.labels.names}, "match": {"valence_arousal": ("valence", "arousal")}}
    settings = configure(MeanFusion, speaks, unspoken=unspoken)
    opinions = draw(speaks=speaks, presence=1.0)
    fused, _ = MeanFusion(settings).fuse(opinions)["valence_arousal"]
    assert np.allclose(fused, opinions.scores["valence_arousal"][1], atol=1e-6)


def test_a_row_of_zeros_stays_finite():
    ones = torch.ones(2, 1, 3)
    assert weigh(torch.full((2, 1, 3), 0.5), ones * 0, ones > 0, "distribution").tolist() == [[0, 0, 0]]
