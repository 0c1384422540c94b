"""MHPF against three loops, and against the published code's numbers; the plain mean."""

import numpy as np
import pytest
import torch

from ensemble.fusion import MeanFusion, MultiHeadProbabilityFusion, weigh
from modalities.labels import EXPRESSION
from tests import toys
from tests.checks.fusions import EVERYTHING, MEMBERS, TASKS, configure, draw
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
    fused = fusion("expression", scores, torch.ones(scores.shape, dtype=torch.bool)).detach()
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


def test_a_row_of_zeros_stays_finite():
    ones = torch.ones(2, 1, 3)
    assert weigh(torch.full((2, 3), 0.5), ones * 0, ones > 0, "distribution").tolist() == [[0, 0, 0]]
