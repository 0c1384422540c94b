"""Temporal heads against the published code's numbers, and against textbook forms where that code deviates."""

import numpy as np
import pytest
import torch

from modalities.heads.bilstm import ResidualBiLSTM
from modalities.heads.lstm import recall
from modalities.heads.pooling import AttentionPooling
from modalities.heads.uncertain import MeansAndLogVariances, separate
from tests.golden import f2, golden
from tests.modalities.test_temporal_heads.making import head_of

FILLS = ("", "/strong")


def f3(*shape):
    """The formula F3 of the vectors' page."""
    a, b, c = np.indices(shape).astype(float)
    return torch.from_numpy(np.sin(0.5 * a + 0.61 * b + 0.83 * c + 0.37 * b * c))


def fill(entry, number, name, shape):
    """Return a parameter by the formulas P and Q."""
    flat = np.arange(np.prod(shape))
    wave = np.sin(0.7 * flat + 1.3 * number)
    if entry["fill"] != "Q":
        wave = wave * 0.3
    elif len(shape) > 1:
        wave = np.sin(0.7 * flat + 1.3 * number + 0.9 * (flat * flat % 11)) * 2.5 / np.prod(shape[1:]) ** 0.5
    else:
        wave = 0.3 * wave + name.endswith("weight")
    return torch.from_numpy(wave.reshape(shape))


def put(module, entry, names):
    """Give a module the parameters of an entry; `names` rewrites theirs to ours, each once, longest first."""
    given = {}
    for number, (name, shape) in enumerate(entry["params"]):
        ours = name
        for theirs, mine in sorted(names.items(), key=lambda pair: -len(pair[0])):
            if theirs in name:
                ours = name.replace(theirs, mine)
                break
        value = fill(entry, number, name, shape)
        given[ours] = torch.cat([given[ours], value]) if ours in given else value
    expected = {name for name, _ in module.named_parameters()}
    assert expected == given.keys(), expected ^ given.keys()
    for name, parameter in module.named_parameters():
        parameter.data = given[name]
    return module.double().eval()


def agrees(values, expected):
    return np.allclose(values.detach().numpy(), expected, rtol=1e-7, atol=1e-7)


TRANSFORMER = {
    "image_proj": "project",
    **{
        f"transformer.{layer}.{theirs}": f"layers.{layer}.{ours}"
        for layer in range(2)
        for theirs, ours in {
            "self_attention.in_proj_": "attention.inward.",
            "self_attention.out_proj": "attention.outward",
            "feed_forward.layer_1": "feed.0",
            "feed_forward.layer_2": "feed.3",
            "add_norm_after_attention.norm": "after_attention",
            "add_norm_after_ff.norm": "after_feed",
        }.items()
    },
    "classifier.0": "trunk.0",
    "classifier.1": "trunk.1",
    "classifier.4": "tasks.expression",
}


def transformer(suffix, **settings):
    """The small network of the vectors, its input, and the mask that they call masked."""
    entry = golden("released", f"video_former/pe_off{suffix}")
    vector = entry["config"]["out_features"]
    head = head_of("transformer", 10, hidden=16, vector=vector, heads=2, layers=2, **settings)
    steps, mask = f3(3, 6, 10), torch.ones(3, 6, dtype=torch.bool)
    steps[2, 4:] = 0
    mask[2, 4:] = False
    return put(head, entry, TRANSFORMER), steps, mask


@pytest.mark.parametrize("suffix", FILLS)
@pytest.mark.parametrize(
    ("variant", "positions", "masked", "origin", "key"),
    [
        ("ras", False, False, "released", "pe_off"),
        ("ras", True, False, "released", "pe_on"),
        ("ras", False, True, "reference", "released_form_pe_off__masked"),
        ("ras", True, True, "reference", "released_form_pe_on__masked"),
        ("textbook", False, False, "reference", "textbook_pe_none"),
        ("textbook", True, False, "reference", "textbook_pe_input_once"),
        ("textbook", False, True, "reference", "textbook_pe_none__masked"),
        ("textbook", True, True, "reference", "textbook_pe_input_once__masked"),
    ],
)
def test_transformer_is_the_published_one(variant, positions, masked, origin, key, suffix):
    head, steps, mask = transformer(suffix, variant=variant, positions=positions)
    steps = torch.where(mask[..., None], steps, torch.tensor(7.0).double()) if masked else steps
    mask = mask if masked else torch.ones_like(mask)
    name = f"video_former/{key}{suffix}" if origin == "released" else f"video_former{suffix}"
    expected = golden(origin, name)["output" if origin == "released" else key]
    assert agrees(head.tasks["expression"](head.summarise(steps, mask)), expected)


def test_transformer_has_as_many_parameters_as_the_released_one():
    head = head_of("transformer", 512, hidden=512, vector=128, layers=1, heads=4, variant="ras")
    assert sum(p.numel() for p in head.parameters()) == golden("released", "param_counts")["VideoFormer"]


@pytest.mark.parametrize("suffix", FILLS)
def test_residual_bilstm_is_the_published_one(suffix):
    entry = golden("released", f"residual_bilstm_block{suffix}")
    block, mask = put(ResidualBiLSTM(6), entry, {"projection": "project"}), torch.ones(2, 5, dtype=torch.bool)
    assert agrees(recall(block.lstm, f3(2, 5, 6), mask), entry["lstm_output"])
    assert agrees(block(f3(2, 5, 6), mask), entry["output"])


@pytest.mark.parametrize("suffix", FILLS)
def test_attention_pooling_is_the_published_one(suffix):
    entry = golden("released", f"attention_pooling{suffix}")
    pool = put(AttentionPooling(6), entry, {})
    assert agrees(pool(f3(2, 5, 6), torch.ones(2, 5, dtype=torch.bool)), entry["output"])


@pytest.mark.parametrize("suffix", FILLS)
def test_bilstm_head_is_the_published_one(suffix):
    entry = golden("released", f"rebilstm_head_full{suffix}")
    names = {
        "sequence_model.projection": "read.project",
        "sequence_model": "read",
        "pooling": "pool",
        "classifier.8": "tasks.expression",
        "classifier": "trunk",
    }
    head, mask = put(head_of("bilstm", 8, hidden=8), entry, names), torch.ones(2, 10, dtype=torch.bool)
    pooled = head.summarise(f3(2, 10, 8), mask)
    assert agrees(pooled, entry["pooled"])
    assert agrees(head.tasks["expression"](head.trunk(pooled)), entry["output"])


UNCERTAIN = {
    **{
        f"temporal_module.segment_attn.{third}.{theirs}": f"thirds.attention.{third}.{ours}"
        for third in range(3)
        for theirs, ours in {"in_proj_": "inward.", "out_proj": "outward"}.items()
    },
    "temporal_module.relational_fc": "relate",
    "global_fc": "overall",
    "combined_fc": "combine",
    "uncertainty_head.mu_layer": "doubting.expression",
    "uncertainty_head.logvar_layer": "doubting.expression",
}


@pytest.mark.parametrize("suffix", FILLS)
@pytest.mark.parametrize("variant", ["ras", "textbook"])
def test_temporal_relations_are_the_published_ones(suffix, variant):
    entry, mask = golden("released", f"temporal_relational_module_v1{suffix}"), torch.ones(2, 10, dtype=torch.bool)
    head = head_of("uncertain", 8, hidden=8, variant=variant)
    module = torch.nn.ModuleDict({"thirds": head.thirds, "relate": head.relate})
    names = {key.removeprefix("temporal_module."): ours for key, ours in UNCERTAIN.items()}
    put(module, entry, names)
    thirds = head.thirds(f3(2, 10, 8), mask)
    if variant == "ras":
        assert agrees(torch.stack(thirds.chunk(3, -1)), entry["segment_pooled"])
        assert agrees(head.relate(thirds), entry["output"])
    else:
        reference = golden("reference", f"temporal_relational_module_v1{suffix}")
        assert agrees(head.relate(thirds), reference["all_steps_covered"])


@pytest.mark.parametrize("suffix", FILLS)
def test_uncertain_head_is_the_published_one(suffix):
    entry, mask = golden("released", f"uaware_head_full{suffix}"), torch.ones(2, 10, dtype=torch.bool)
    head = put(head_of("uncertain", 8, hidden=8, variant="ras"), entry, UNCERTAIN)
    features = head.summarise(f3(2, 10, 8), mask)
    means, log_variances = separate(head.doubting["expression"](features))
    assert agrees(features, entry["features"])
    assert agrees(means, entry["mu"])
    assert agrees(log_variances, entry["logvar"])
    answer = head(f3(2, 10, 8), mask, torch.zeros(2, 10))
    # Heads take steps in single precision.
    assert np.allclose(answer.logits["expression"].softmax(-1).detach(), entry["probs"], atol=1e-5)
    assert np.allclose(answer.uncertainty["expression"].detach(), np.exp(np.array(entry["logvar"]) / 2), atol=1e-4)


def test_means_and_log_variances_are_the_published_ones():
    entry = golden("released", "head_v4")
    layer = put(MeansAndLogVariances(8, 8), entry, {"mu_layer.": "", "logvar_layer.": ""})
    layer.weight.data[8:] *= 4
    both = layer(torch.from_numpy(4 * f2(5, 8)))
    means, log_variances = separate(both)
    assert agrees(means, entry["mu"])
    assert agrees(log_variances, entry["logvar"])
    assert agrees((means / 1.5).softmax(-1), entry["probs"])
    assert (both[:, 8:].abs() > 3).sum() == entry["n_clamped"]
