"""The RAS recipes against a table written by hand: what the paper states (§4), and where it is silent, its code.

Nothing here is read from a recipe: who changes a setting by accident finds out here which row it was.
"""

from __future__ import annotations

from typing import Any

import pytest

from modalities.grid import Grid
from tuning.recipe import Recipe, read_recipe

ROBERTA, JINA = "j-hartmann/emotion-english-distilroberta-base", "jinaai/jina-embeddings-v3-hf"
WAVLM, CLIP = {"kind": "wavlm"}, {"kind": "clip_text"}
LINEAR = {"kind": "linear", "dropout": 0.0}
WORDS_HEAD = {"kind": "linear", "dropout": 0.1}
UPPER_HALF = range(6, 12)

TRANSFORMER = {"hidden": 512, "layers": 1, "heads": 4, "vector": 128, "dropout": 0.15}
MAMBA = {"hidden": 512, "layers": 4, "state": 4, "kernel": 6, "vector": 128, "dropout": 0.15}
FACE_FIT: dict[str, Any] = {
    "epochs": 100, "patience": 25, "batch": 64, "optimiser": "adam", "lr": 1e-5, "weight_decay": 0.0,
    "schedule": "plateau", "cycle": 2, "lr_fall": 0.5, "lr_floor": 1e-7, "loss": "cross_entropy", "smoothing": 0.0,
}  # fmt: skip
SCENE_FIT: dict[str, Any] = {
    "epochs": 75, "patience": 10, "optimiser": "adam", "lr": 1e-5, "schedule": "cosine", "clip": 1.0,
    "loss": "cross_entropy", "smoothing": 0.0, "unfreeze": {},
}  # fmt: skip
VOICE_FIT: dict[str, Any] = {
    "epochs": 100, "patience": 10, "batch": 32, "optimiser": "adamw", "lr": 1e-4, "schedule": "cosine",
}  # fmt: skip
WORDS_FIT: dict[str, Any] = {
    "epochs": 100, "patience": 30, "optimiser": "adam", "lr": 1e-4, "weight_decay": 1e-4, "schedule": "constant",
    "loss": "cross_entropy", "smoothing": 0.0,
}  # fmt: skip


def late(first: str, layers: range) -> tuple[str, ...]:
    """Name the head and some layers of a backbone."""
    return ("head", *(f"backbone.{first}.{layer}" for layer in layers))


def reader(name: str, tokens: int, **pooling: str) -> dict[str, Any]:
    """Return the settings of a text transformer."""
    return {"kind": "roberta", "name": name, "tokens": tokens, **pooling}


UNCERTAIN_FIT = {
    **VOICE_FIT,
    "smoothing": 0.0,
    "unfreeze": {0: ("head",)} | {layer - 4: (f"backbone.encoder.layers.{layer}",) for layer in UPPER_HALF},
}
BILSTM_FIT = {
    **VOICE_FIT,
    "loss": "focal", "gamma": 2.0, "smoothing": 0.1,
    "unfreeze": {0: late("encoder.layers", UPPER_HALF)},
}  # fmt: skip

TEMPORAL = {
    2: ("face_emo.transformer", "emoaffectnet", TRANSFORMER),
    3: ("face_emo.mamba", "emoaffectnet", MAMBA),
    4: ("face_clip.transformer", "clip_image", TRANSFORMER),
    5: ("face_clip.mamba", "clip_image", MAMBA),
}
# row: member, backbone, head, fit
TUNED: dict[int, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    6: ("scene_jina.linear", reader(JINA, 192, pooling="first"), LINEAR, {**SCENE_FIT, "batch": 48}),
    7: ("scene_roberta.linear", reader(ROBERTA, 192, pooling="first"), LINEAR, {**SCENE_FIT, "batch": 16}),
    8: ("scene_clip.linear", CLIP, LINEAR, {**SCENE_FIT, "batch": 48}),
    9: ("audio.uncertain", WAVLM, {"kind": "uncertain", "hidden": 768, "vector": 256, "dropout": 0.3}, UNCERTAIN_FIT),
    10: ("audio.bilstm", WAVLM, {"kind": "bilstm", "hidden": 768, "vector": 256, "dropout": 0.3}, BILSTM_FIT),
    11: (
        "text_jina.linear",
        reader(JINA, 1024),
        WORDS_HEAD,
        {**WORDS_FIT, "batch": 16, "unfreeze": {0: late("layers", range(20, 24))}},
    ),
    12: (
        "text_roberta.linear",
        reader(ROBERTA, 512),
        WORDS_HEAD,
        {**WORDS_FIT, "batch": 32, "unfreeze": {0: late("encoder.layer", range(3, 6))}},
    ),
    13: (
        "text_clip.linear",
        CLIP,
        WORDS_HEAD,
        {**WORDS_FIT, "batch": 64, "unfreeze": {0: late("transformer.resblocks", range(10, 12))}},
    ),
}
PROMPTS = {6: "2", 7: "1", 8: "2"}


def of(row: int) -> Recipe:
    """Read a row's recipe."""
    return read_recipe(f"ras-{row:02}")


def head_of(recipe: Recipe, member: str) -> Any:
    """Return a member's head as the recipe wishes it."""
    modality, head = member.split(".")
    assert [*recipe.ensemble.modalities] == [modality]
    assert [*recipe.ensemble.modalities[modality].heads] == [head]
    return recipe.ensemble.modalities[modality].heads[head]


def assert_fit(recipe: Recipe, member: str, published: dict[str, Any]) -> None:
    """Fail at the first setting that is not as published."""
    fit = recipe.fitting(member)
    assert {name: getattr(fit, name) for name in published} == published
    assert (fit.mixup, fit.cutmix, fit.jitter, fit.ema, fit.class_weights) == (0, 0, 0, None, True)


@pytest.mark.parametrize("row", range(1, 18))
def test_every_row_cuts_and_fuses_as_published(row: int) -> None:
    recipe = of(row)
    assert (recipe.source, recipe.seed, recipe.corpora) == ("paper", 42, ("affwild2", "afew"))
    assert recipe.ensemble.timeline == Grid(duration=4, step=2, tail=1)
    assert recipe.ensemble.fusion == {"kind": "mhpf", "fusion_heads": 3, "unspoken": "zero"}
    assert recipe.ensemble.mapping == {"kind": "ppa"}
    for modality in recipe.ensemble.modalities.values():
        assert {head.grid for head in modality.heads.values()} == {Grid(duration=4, step=2, tail=1)}


def test_row_1_is_emoaffectnet_as_it_is() -> None:
    recipe = of(1)
    head = head_of(recipe, "face_known.given")
    settings = recipe.ensemble.modalities["face_known"].settings
    assert settings == {"encoder": {"kind": "emoaffectnet", "layer": "expressions"}}
    assert "Other" not in head.speaks["expression"]
    columns = ["Neutral", "Happiness", "Sadness", "Surprise", "Fear", "Disgust", "Anger"]
    assert (head.kind, head.settings) == ("given", {"columns": columns})


@pytest.mark.parametrize("row", TEMPORAL)
def test_faces_over_time(row: int) -> None:
    member, encoder, sizes = TEMPORAL[row]
    recipe = of(row)
    head = head_of(recipe, member)
    assert recipe.ensemble.modalities[member.split(".")[0]].settings == {"encoder": {"kind": encoder}}
    assert (head.kind, head.settings) == (member.split(".")[1], sizes)
    assert_fit(recipe, member, FACE_FIT)


@pytest.mark.parametrize("row", TUNED)
def test_networks_that_learn(row: int) -> None:
    member, backbone, inner, fit = TUNED[row]
    recipe = of(row)
    head = head_of(recipe, member)
    silent = {"silence": 0.0} if backbone is WAVLM else {}  # no augmentation is published
    assert (head.kind, head.settings) == ("tuned", {"backbone": backbone, "head": inner, **silent})
    assert_fit(recipe, member, fit)


@pytest.mark.parametrize("row", PROMPTS)
def test_captions(row: int) -> None:
    caption = of(row).ensemble.cues["caption"]
    expected = {"kind": "qwen", "name": "Qwen/Qwen2.5-VL-32B-Instruct", "prompt": PROMPTS[row], "tokens": 100}
    assert caption == expected


@pytest.mark.parametrize("row", range(9, 14))
def test_voices_and_words(row: int) -> None:
    cues = of(row).ensemble.cues
    words = {"transcript": {"kind": "parakeet"}} if row > 10 else {}
    assert cues == {"speech": {"kind": "silero"}, **words}


def test_row_14_matches_frames() -> None:
    recipe = of(14)
    head = head_of(recipe, "match.match")
    expected = {"encoder": {"kind": "clip_picture"}, "looks_at": "frames"}
    assert (head.kind, head.settings) == ("match", {})
    assert recipe.ensemble.modalities["match"].settings == expected


@pytest.mark.parametrize(
    ("row", "members"), [(15, (1, 5, 6, 10, 14)), (16, (1, 5, 6, 10, 13)), (17, (1, 5, 6, 10, 13, 14))]
)
def test_fused_rows(row: int, members: tuple[int, ...]) -> None:
    together = of(row)
    alone = [of(number) for number in members]
    assert together.ensemble.modalities == {n: one for each in alone for n, one in each.ensemble.modalities.items()}
    assert together.fit == {n: one for each in alone for n, one in each.fit.items()}
