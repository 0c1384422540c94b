"""A bundle holds everything: what is loaded answers as what was saved, and what is broken says so in a sentence."""

import json
from dataclasses import replace

import pytest

from ensemble import bundle
from ensemble.catalog import FUSIONS
from ensemble.manifest import MANIFEST, BundleError
from ensemble.recognizer import Recognizer
from ensemble.timeline import Timeline
from modalities.assets import MissingAsset, table
from modalities.catalog import build
from modalities.types import SECOND
from tests import toys
from tests.checks.alike import assert_alike
from tests.films import film

FILM = film(6.1)
PLAN = toys.plan(toys.PAPERS)


@pytest.fixture
def folder(tmp_path):
    mapping = type(PLAN.mapping)(PLAN.mapping.config.model_copy(update={"spoken_share": 0.25}))
    bundle.save(replace(PLAN, mapping=mapping), tmp_path / "bundle", {"recipe": "toys"})
    return tmp_path / "bundle"


def predict(recognizer):
    return Timeline.join(list(recognizer.stream(FILM.stretches(SECOND))))


def rewrite(folder, **changes):
    path = folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_what_is_loaded_answers_as_what_was_saved(folder):
    with bundle.load(folder) as loaded:
        assert loaded.plan.mapping.config.spoken_share == 0.25, "what was chosen in fitting is kept"
        saved = Recognizer(replace(PLAN, mapping=loaded.plan.mapping))
        assert_alike(predict(saved).rows, predict(loaded).rows)
        assert loaded.plan.settings == PLAN.settings


def test_it_says_what_it_is_made_of(folder):
    manifest = bundle.read_manifest(folder)
    assert manifest["members"] == [member.name for member in PLAN.members]
    assert manifest["labels"]["compound"] == list(PLAN.tasks["compound"].labels)
    assert {entry["instance"] for entry in manifest["parts"]} == set(PLAN.parts) | {
        f"{name}.encoder" for name in PLAN.modalities
    }
    assert all(entry["licence"] for entry in manifest["parts"])
    assert manifest["provenance"] == {"recipe": "toys"}
    assert manifest["versions"].keys() >= {"python", "torch", "mediapipe", "numpy"}


def test_it_names_the_assets_of_its_parts(tmp_path):
    settings = toys.settings().model_dump()
    settings["cues"]["words"] = {"kind": "moonshine", "speech": "voice"}
    bundle.save(toys.Plan.of(toys.EnsembleSettings.model_validate(settings)), tmp_path)
    known = {asset.name: asset.sha256 for asset in table()}
    found = {entry["name"]: entry["sha256"] for entry in bundle.read_manifest(tmp_path)["assets"]}
    assert set(found) == {"moonshine_encoder", "moonshine_decoder", "moonshine_tokenizer"}
    assert all(known[name] == sha256 for name, sha256 in found.items())


def test_a_folder_that_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match=rf"{tmp_path} is not a bundle.*give the folder of one"):
        bundle.load(tmp_path)
    with pytest.raises(BundleError, match="is not a bundle"):
        bundle.load(tmp_path / "nowhere")


def test_one_that_is_half_written_over_another_is_no_bundle(folder, monkeypatch):
    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(type(PLAN.fusion), "save", fail)
    with pytest.raises(OSError, match="the disk is full"):
        bundle.save(PLAN, folder)
    with pytest.raises(BundleError, match="is not a bundle"):
        bundle.load(folder)


def test_a_manifest_that_is_broken(folder):
    (folder / MANIFEST).write_text('{"format": 1, "sett')
    with pytest.raises(BundleError, match="is not JSON"):
        bundle.load(folder)


@pytest.mark.parametrize("content", ['{"format": 1}', "[]", "3", '{"format": 1, "settings": {}, "assets": []}'])
def test_a_manifest_that_says_too_little(folder, content):
    (folder / MANIFEST).write_text(content)
    with pytest.raises(BundleError, match="bundle"):
        bundle.load(folder)


def test_a_format_of_another_version(folder):
    rewrite(folder, format=99)
    with pytest.raises(BundleError, match=r"format 99.*reads 1"):
        bundle.load(folder)


@pytest.mark.parametrize("lost", ["fusion/part.json", "face.static/weights.safetensors", "people/part.json"])
def test_a_part_that_is_missing(folder, lost):
    (folder / "parts" / lost).unlink()
    with pytest.raises(BundleError, match=lost.split("/")[0]):
        bundle.load(folder)


@pytest.mark.parametrize("broken", ["fusion/part.json", "face.static/weights.safetensors"])
def test_a_part_that_is_broken(folder, broken):
    (folder / "parts" / broken).write_bytes(b"{")
    with pytest.raises(BundleError, match=broken.split("/")[0]):
        bundle.load(folder)


def test_weights_for_other_labels_are_refused(folder):
    path = folder / "parts" / "text.mean" / "part.json"
    about = json.loads(path.read_text())
    about["labels"]["expression"].reverse()
    path.write_text(json.dumps(about))
    with pytest.raises(ValueError, match="labels"):
        bundle.load(folder)


def test_an_asset_of_other_bytes_is_refused(folder):
    asset = table()[0]
    rewrite(folder, assets=[{"name": asset.name, "sha256": "0" * 64}])
    with pytest.raises(BundleError, match=rf"{asset.name}.*0000.*does not list"):
        bundle.load(folder)
    rewrite(folder, assets=[{"name": "somebody", "sha256": asset.sha256}])
    with pytest.raises(BundleError, match="somebody"):
        bundle.load(folder)


def test_an_asset_that_was_not_fetched_is_named(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "empty"))
    asset = table()[0]
    rewrite(folder, assets=[{"name": asset.name, "sha256": asset.sha256}])
    with pytest.raises(MissingAsset, match=rf"{asset.name}.*twofold fetch"):
        bundle.load(folder)


def test_a_bundle_whose_labels_were_turned_is_refused(folder):
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["labels"]["expression"].reverse()
    (folder / "bundle.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="says that its labels are"):
        bundle.load(folder)


def test_a_part_that_speaks_other_labels_than_its_bundle_is_refused(folder):
    part = folder / "parts" / "fusion" / "part.json"
    about = json.loads(part.read_text())
    about["labels"]["expression"].reverse()
    about["settings"]["tasks"]["expression"]["labels"].reverse()
    part.write_text(json.dumps(about))
    with pytest.raises(BundleError, match="speaks other labels"):
        bundle.load(folder)


def test_a_part_takes_the_place_of_another_kind(tmp_path):
    PLAN.fusion.save(tmp_path / "part")
    mean = build({"kind": "mean", **PLAN.fusion.config.model_dump(include={"speaks", "tasks"})}, FUSIONS)
    mean.save(tmp_path / "part")
    assert type(mean).load(tmp_path / "part").state() == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part"]


def test_it_names_the_models_that_others_trained(tmp_path):
    settings = toys.settings().model_dump()
    settings["cues"]["words"] = {"kind": "whisper", "speech": "voice", "name": "openai/whisper-base"}
    bundle.save(toys.Plan.of(toys.EnsembleSettings.model_validate(settings)), tmp_path / "bundle")
    (model,) = bundle.read_manifest(tmp_path / "bundle")["models"]
    assert (model["name"], model["licence"], model["commercial"]) == ("openai/whisper-base", "Apache-2.0", True)
