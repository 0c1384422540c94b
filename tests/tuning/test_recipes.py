"""Recipes: every one that is shipped fits together, and what is wrong with one's own is said in a sentence."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from transformers import AutoModel, JinaEmbeddingsV3Config, RobertaConfig, WavLMConfig

from ensemble.plan import Plan
from modalities.catalog import HEADS, find
from modalities.config import Choice, Integers, Uniform
from modalities.pretrained import Pretrained
from tuning.recipe import Recipe, RecipeError, read_recipe, shipped
from tuning.reproduction.paper import MAPPINGS, read_paper
from tuning.space import check, declared, space

NAMES = [name for name in shipped() if not name.startswith("_")]
RAS = [name for name in NAMES if name.startswith("ras-")]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_says_what_exists(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe.name == name
    check(recipe)
    for modality in recipe.ensemble.modalities.values():
        for head in modality.heads.values():
            part = find(head.kind, HEADS).Config
            assert head.settings.keys() <= part.model_fields.keys()


@pytest.mark.parametrize("name", NAMES)
def test_its_tiny_twin_can_be_made_without_any_weights(name: str) -> None:
    recipe = read_recipe(name, tiny=True)
    assert (recipe.name, recipe.corpora) == (f"{name}-tiny", ("demo",))
    plan = Plan.of(recipe.ensemble)
    assert [member.name for member in plan.members] == [
        f"{modality}.{head}"
        for modality, given in read_recipe(name).ensemble.modalities.items()
        for head in given.heads
    ]
    for part in (*plan.parts.values(), *(modality.encoder for modality in plan.modalities.values())):
        assert not isinstance(part.config, Pretrained) or part.config.preset == "tiny"
    for member, head in plan.heads.items():
        fit = recipe.fitting(member)
        assert fit.epochs <= 2
        modules = dict(head.named_modules())
        assert {name for names in fit.unfreeze.values() for name in names} <= modules.keys()


@functools.cache
def network(kind: str, name: str) -> torch.nn.Module:
    """The network of a model as its authors sized it, without weights."""
    with torch.device("meta"):
        if kind == "clip_text":
            return open_clip.CLIP(**open_clip.get_model_config("ViT-B-32"))
        sizes: Any = {
            "microsoft/wavlm-base-plus-sd": WavLMConfig(),
            "j-hartmann/emotion-english-distilroberta-base": RobertaConfig(num_hidden_layers=6),
            "jinaai/jina-embeddings-v3-hf": JinaEmbeddingsV3Config(),
        }[name]
        return AutoModel.from_config(sizes)


@pytest.mark.parametrize("name", RAS)
def test_what_learns_late_bears_its_name_in_the_real_network(name: str) -> None:
    recipe = read_recipe(name)
    for modality, given in recipe.ensemble.modalities.items():
        for head, wish in given.heads.items():
            named = {one for names in recipe.fitting(f"{modality}.{head}").unfreeze.values() for one in names}
            if not named:
                continue
            backbone = wish.settings["backbone"]
            defaults = {"wavlm": "microsoft/wavlm-base-plus-sd"}
            real = network(backbone["kind"], backbone.get("name", defaults.get(backbone["kind"])))
            assert named <= {"head", *(f"backbone.{one}" for one, _ in real.named_modules())}


def test_every_row_of_the_paper_has_a_recipe_with_its_members() -> None:
    paper = read_paper("ras9")
    rows = {row.id: row for row in paper.rows}
    assert {row.recipe for row in rows.values()} <= set(NAMES)
    for row in rows.values():
        for mapping in MAPPINGS:
            if getattr(row, mapping) is not None:
                assert read_recipe(row.recipe_for(mapping)).ensemble.mapping["kind"] == mapping
    for fused, members in {15: (1, 5, 6, 10, 14), 16: (1, 5, 6, 10, 13), 17: (1, 5, 6, 10, 13, 14)}.items():
        alone = [read_recipe(rows[number].recipe) for number in members]
        together = read_recipe(rows[fused].recipe)
        assert list(together.ensemble.modalities) == [name for one in alone for name in one.ensemble.modalities]
        for one in alone:
            assert one.ensemble.modalities.items() <= together.ensemble.modalities.items()
            assert one.ensemble.cues.items() <= together.ensemble.cues.items()
            assert one.fit.items() <= together.fit.items()
            assert one.search.items() <= together.search.items()


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder / "own.toml"


def read(folder: Path, text: str) -> Recipe:
    return read_recipe(written(folder, own=text))


def test_what_a_recipe_says_itself_stands_above_what_it_includes(tmp_path: Path) -> None:
    own = written(
        tmp_path,
        own='name = "own"\ninclude = ["ras-05", "beside.toml"]\nseed = 1\n[fit."face_clip.mamba"]\nlr = 0.5',
        beside='seed = 2\n[ensemble]\nmapping = { kind = "pfsa" }\n[fit."face_clip.mamba"]\nlr = 0.1\nbatch = 8',
    )
    recipe, included = read_recipe(own), read_recipe("ras-05")
    assert (recipe.name, recipe.seed, recipe.ensemble.mapping) == ("own", 1, {"kind": "pfsa"})
    assert recipe.ensemble.modalities == included.ensemble.modalities
    expected = included.fitting("face_clip.mamba").model_copy(update={"lr": 0.5, "batch": 8})
    assert recipe.fitting("face_clip.mamba") == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('include = ["ras-05"]', "own.toml cannot be read: name: Field required"),
        ('name = "own"\ninclude = ["ras-18"]', "there is no recipe ras-18; give a TOML file, or one of those shipped"),
        ('name = "own"\ninclude = ["own.toml"]', "include each other in a circle: own.toml → own.toml"),
        ('name = "own"\ninclude = "ras-05"', "own.toml: include takes a list of recipes, but got 'ras-05'"),
        ('name = "own"\ncolour = 1\ninclude = ["ras-05"]', "own.toml cannot be read: colour: Extra inputs"),
        ("name = ", "own.toml cannot be read: Invalid value"),
        ('name = "own"\ninclude = [3]', "own.toml: include takes a list of recipes, but got [3]"),
        ('name = "own"\ninclude = ["ras-05"]\ntiny = 3', "own.toml: tiny takes a table, [tiny], but got 3"),
        ('name = "own"\nensemble = 3', "own.toml cannot be read: ensemble: Input should be"),
        ('name = "own"\n[ensemble]\nmodalities = []', "own.toml cannot be read: ensemble.modalities: Input should be"),
    ],
)
@pytest.mark.parametrize("tiny", [False, True], ids=["itself", "its twin"])
def test_a_recipe_that_cannot_be_read_says_why(tmp_path: Path, text: str, sentence: str, *, tiny: bool) -> None:
    with pytest.raises(RecipeError) as raised:
        read_recipe(written(tmp_path, own=text), tiny=tiny)
    assert sentence in str(raised.value)


@pytest.mark.parametrize("tiny", [False, True], ids=["itself", "its twin"])
def test_what_is_only_included_cannot_be_asked_for(tmp_path: Path, *, tiny: bool) -> None:
    with pytest.raises(RecipeError, match=r"there is no recipe _ras; give a TOML file, or one of those shipped: demo,"):
        read_recipe("_ras", tiny=tiny)
    assert read(tmp_path, 'name = "own"\ninclude = ["_ras", "ras-05"]').name == "own"


HEAD = "[ensemble.modalities.face_clip.heads.mamba]\n"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            '[fit."face_clip.mmba"]\nlr = 0.1',
            "how to fit face_clip.mmba, but there is only face_clip.mamba, fusion,",
        ),
        ("[search]\nface_clip = {}", "the recipe own searches face_clip, but there is only"),
        (f'{HEAD}kind = "mambo"', "face_clip.mamba cannot be made: there is no part 'mambo'; choose one of"),
        (
            f'{HEAD}kind = "nonsense:Head"',
            "face_clip.mamba cannot be made: nonsense:Head cannot be found (No module named 'nonsense')",
        ),
        ("[ensemble.cues.speech]\nonset = 0.5", "speech must say its kind, one of faces"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_made(tmp_path: Path, lines: str, sentence: str) -> None:
    recipe = read(tmp_path, f'name = "own"\ninclude = ["ras-05"]\n{lines}')
    with pytest.raises(RecipeError) as raised:
        check(recipe)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (f'{HEAD}kind = "mambo"', "own.toml has no tiny twin: there is no part 'mambo'; choose one of"),
        (
            f'{HEAD}kind = "nonsense:Head"',
            "own.toml has no tiny twin: nonsense:Head cannot be found (No module named 'nonsense')",
        ),
    ],
)
def test_what_has_no_twin_says_why(tmp_path: Path, lines: str, sentence: str) -> None:
    with pytest.raises(RecipeError) as raised:
        read_recipe(written(tmp_path, own=f'name = "own"\ninclude = ["ras-05"]\n{lines}'), tiny=True)
    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("modalities.face_clip.heads.mamba.settings", "face_clip.mamba: hiden: Extra inputs are not permitted"),
        ("modalities.face_clip.settings", "face_clip: hiden: Extra inputs are not permitted"),
        ("cues.faces", "faces: hiden: Extra inputs are not permitted"),
        ("fusion", "fusion: hiden: Extra inputs are not permitted"),
        ("mapping", "mapping: hiden: Extra inputs are not permitted"),
    ],
)
def test_a_setting_that_a_part_lacks_is_said_with_the_part(tmp_path: Path, part: str, sentence: str) -> None:
    own = written(tmp_path, own=f'name = "own"\ninclude = ["ras-05"]\n[ensemble.{part}]\nhiden = 64')
    recipe = read_recipe(own, tiny=True)  # needs no weights
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        Plan.of(recipe.ensemble)


def test_a_search_narrows_what_parts_declare(tmp_path: Path) -> None:
    head = 'name = "own"\ninclude = ["ras-05"]\n[search]\n'
    lines = (
        '"face_clip.mamba.layers" = { low = 2 }',
        '"face_clip.mamba.hidden" = [64]',
        '"fit.face_clip.mamba.lr" = { high = 1e-3 }',
        '"fusion.fusion_heads" = {}',
        '"fit.face_clip.mamba.batch" = [8, 16]',
    )
    recipe = read(tmp_path, head + "\n".join(lines))
    found, allowed = space(recipe), declared(recipe.ensemble)
    assert found["face_clip.mamba.layers"] == Integers(2, 4)
    assert found["face_clip.mamba.hidden"] == Choice((64,))
    assert found["fit.face_clip.mamba.lr"] == Uniform(1e-5, 1e-3, log=True)
    assert found["fusion.fusion_heads"] == allowed["fusion.fusion_heads"]
    assert found["fit.face_clip.mamba.batch"] == Choice((8, 16))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('"face_clip.mamba.colour" = {}', "searches face_clip.mamba.colour, but face_clip.mamba declares a range for"),
        ('"voice.mamba.layers" = {}', "searches voice.mamba.layers, but there is only"),
        ('"face_clip.mamba.layers" = { high = 9 }', "searches face_clip.mamba.layers from 1 to 9, but 1 to 4 is"),
        ('"face_clip.mamba.layers" = { low = 3, high = 2 }', "searches face_clip.mamba.layers from 3 to 2, but"),
        ('"face_clip.mamba.hidden" = [100]', "searches face_clip.mamba.hidden in [100], but one of 64, 128, 256, 512"),
        ('"face_clip.mamba.hidden" = { low = 64 }', "gives bounds for face_clip.mamba.hidden, but one of 64"),
        ('"face_clip.mamba.layers" = []', "searches face_clip.mamba.layers in [], but 1 to 4 is allowed"),
        ('"face_clip.mamba.layers" = [1.5]', "searches face_clip.mamba.layers in [1.5], but 1 to 4 is allowed"),
    ],
)
def test_a_search_cannot_leave_what_parts_declare(tmp_path: Path, line: str, sentence: str) -> None:
    recipe = read(tmp_path, f'name = "own"\ninclude = ["ras-05"]\n[search]\n{line}')
    with pytest.raises(RecipeError) as raised:
        space(recipe)
    assert sentence in str(raised.value)
