"""What machines share: a folder, or a bucket that each of them mirrors."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

import twofold
from ensemble import bundle
from ensemble.plan import Plan
from modalities.part import WEIGHTS_FILE
from tests.clouds import bucket
from tests.tuning import tiny
from tuning.cluster import running
from tuning.encodings import EncodingCache
from tuning.recipe import Recipe, parse_recipe
from tuning.run import run
from tuning.search.asking import Asking
from tuning.search.error import SearchError
from tuning.search.run import search
from tuning.stages import Stages
from tuning.storage import StorageError, fetch, forget, found, holds, kept, names, placed, send, shown
from tuning.storage.bucket import Bucket

CLOUDS = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("s3", "gs")]


@pytest.fixture(params=["file", *CLOUDS])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with bucket(request.param, tmp_path) as served:
        yield served


@pytest.fixture
def machines(url: str, tmp_path: Path) -> tuple[Bucket, Bucket]:
    """Two machines that use one bucket."""
    return Bucket.open(url, tmp_path / "one"), Bucket.open(url, tmp_path / "two")


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def read(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_one_machine_sends_another_fetches(machines: tuple[Bucket, Bucket]) -> None:
    one, two = machines
    write(one.folder / "run" / "part", weights_bin="w" * 10_000, part_json="{}")
    write(one.folder / "run", scores_json="1", _hidden="half")
    assert not two.holds(two.folder / "run")
    assert two.names(two.folder / "run") == set()
    two.fetch(two.folder / "run")  # nothing is there yet, which is no error
    one.send(one.folder / "run")
    assert two.holds(two.folder / "run")
    assert two.holds(two.folder / "run" / "part" / "weights.bin")
    assert two.names(two.folder / "run") == {"scores.json"}
    two.fetch(two.folder / "run" / "scores.json")
    assert read(two.folder) == {"run/scores.json": "1"}
    two.fetch(two.folder / "run")
    assert read(two.folder) == {
        "run/scores.json": "1",
        "run/part/part.json": "{}",
        "run/part/weights.bin": "w" * 10_000,
    }
    one.forget(one.folder / "run" / "part")
    one.forget(one.folder / "run" / "nothing")
    assert not two.holds(two.folder / "run" / "part" / "weights.bin")
    assert two.holds(two.folder / "run" / "scores.json")


def test_what_the_bucket_has_is_what_counts(machines: tuple[Bucket, Bucket]) -> None:
    one, two = machines
    for text in ("first", "second one"):
        write(one.folder, note=text)
        one.send(one.folder / "note")
        two.fetch(two.folder / "note")
        assert read(two.folder) == {"note": text}
    write(one.folder, note="third, and not sent", other="not sent either")
    one.fetch(one.folder)
    assert read(one.folder)["note"] == "second one"
    assert not one.holds(one.folder / "other")
    assert one.names(one.folder) == {"note"}


def test_what_the_bucket_has_is_not_sent_again(machines: tuple[Bucket, Bucket]) -> None:
    one, two = machines
    write(one.folder / "run", same="1", other="2")
    one.send(one.folder / "run")
    two.fetch(two.folder / "run")
    write(two.folder / "run", other="22")
    before = when(two, "run/same")
    two.send(two.folder / "run")
    one.fetch(one.folder / "run")
    assert when(two, "run/same") == before
    assert read(one.folder / "run")["other"] == "22"


def when(place: Bucket, name: str) -> int:
    """Return when the bucket's file was written."""
    return int(place.files.get_file_info(place.key(place.folder / name)).mtime_ns)


def test_what_says_that_a_folder_is_complete_comes_last(tmp_path: Path) -> None:
    one, two = (Bucket.open(f"file://{tmp_path}/box", tmp_path / name) for name in ("one", "two"))
    last = ["a/part.json", "z/part.json", "bundle.json"]
    for name in ("a", "z", "."):
        write(one.folder / "run" / name, **{f"file{number}": "." * 1000 for number in range(30)})
    for name in last:
        (one.folder / "run" / name).write_text("{}")
    one.send(one.folder / "run")
    two.fetch(two.folder / "run")
    for copied in (tmp_path / "box" / "run", two.folder / "run"):
        changed = {str(path.relative_to(copied)): path.stat().st_ctime_ns for path in copied.rglob("*.json")}
        others = [path.stat().st_ctime_ns for path in copied.rglob("file*")]
        assert len(others) == 90
        assert max(others) <= min(changed[name] for name in last[:2])
        assert changed["bundle.json"] == max(changed.values())


def test_a_bundle_may_lose_weights(tmp_path: Path) -> None:
    one, two = (Bucket.open(f"file://{tmp_path}/box", tmp_path / name) for name in ("one", "two"))
    plan = Plan.of(tiny.recipe().ensemble)
    for kind in ("mhpf", "mean"):
        bundle.save(plan.again(plan.settings.model_copy(update={"fusion": {"kind": kind}})), one.folder / "bundle")
        one.send(one.folder / "bundle")
        two.fetch(two.folder / "bundle")
    with bundle.load(two.folder / "bundle") as recognizer:
        assert recognizer.plan.fusion.name == "mean"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("ftp://box/here", r"the storage ftp://box/here is neither a folder nor a bucket \(s3://BUCKET/PATH or gs://"),
        (
            "s3://key:secret@box/x",
            r"^the address of the bucket s3://box/x has keys in it; leave them out, and set AWS_",
        ),
        ("s3a://key:secret@box/x", r"^the storage s3a://…@box/x is neither a folder nor a bucket"),
        ("s3://UPPER_case//x?colour=red", r"the bucket s3://UPPER_case//x cannot be opened \(.*colour.*\); check its"),
        (
            "gs://anonymous@box/x?scheme=http&endpoint_override=127.0.0.1:9&retry_limit_seconds=1",
            r"the bucket gs://box/x cannot be opened \(.*Could not connect to server\); check its name, this machine's",
        ),
    ],
)
def test_a_bucket_that_cannot_be_used_is_one_sentence(wrong: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=said) as raised:
        Bucket.open(wrong, tmp_path)
    assert "\n" not in str(raised.value)
    assert twofold.exit_code(raised.value) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["s3", "gs"])
def test_a_bucket_that_is_not_there_is_one_sentence(kind: str, tmp_path: Path) -> None:
    with (
        bucket(kind, tmp_path) as url,
        pytest.raises(StorageError, match=r"^there is no bucket bax; create it, or name"),
    ):
        Bucket.open(url.replace("box/", "bax/"), tmp_path)


# --------------------------------------------------------------------------------------------------- the one setting


def test_storage_holds_what_is_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TWOFOLD_STORAGE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert kept("encodings") == tmp_path / "cache" / "encodings"
    assert placed(Path("runs/a")) == tmp_path / "runs" / "a"
    monkeypatch.setenv("TWOFOLD_STORAGE", str(tmp_path / "shared"))
    assert kept("encodings") == tmp_path / "shared" / "encodings"
    assert placed(Path("runs/a")) == tmp_path / "shared" / "runs" / "a"
    assert placed(tmp_path / "own") == tmp_path / "own"
    monkeypatch.setenv("TWOFOLD_STORAGE", f"file://{tmp_path}/box")
    mirror = tmp_path / "cache" / "buckets" / "file" / str(tmp_path / "box").strip("/")
    assert kept("encodings") == mirror / "encodings"
    assert placed(Path("runs/a")) == mirror / "runs" / "a"
    assert shown(mirror / "runs" / "a") == f"{mirror}/runs/a (file://{tmp_path}/box/runs/a)"
    assert shown(tmp_path / "own") == str(tmp_path / "own")
    monkeypatch.setenv("TWOFOLD_STORAGE", "ftp://box")
    with pytest.raises(StorageError, match="ftp://box is neither a folder nor a bucket"):
        kept("encodings")
    monkeypatch.setenv("TWOFOLD_STORAGE", "s3:/box")
    with pytest.raises(StorageError, match="two slashes: s3://bucket/path"):
        kept("encodings")


@pytest.mark.parametrize("storage", ["", "shared"])
def test_a_buckets_address_is_no_folder(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOFOLD_STORAGE", storage)
    for way in (placed, found):
        with pytest.raises(StorageError, match="s3:/box/runs is an address, not a folder; name the bucket with --sto"):
            way(Path("s3://box/runs"))


def test_what_the_storage_has_is_found_before_what_has_its_name_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TWOFOLD_STORAGE", f"file://{tmp_path}/box")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "run", note="here")
    assert found(Path("run")) == Path("run")
    send(write(placed(Path("run")), note="in the storage"))
    assert found(Path("run")) == placed(Path("run"))


@pytest.mark.parametrize("kind", ["none", "folder", "file"])
def test_code_says_the_same_whatever_the_storage_is(kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    place = {"none": "", "folder": str(tmp_path / "shared"), "file": f"file://{tmp_path}/box"}[kind]
    monkeypatch.setenv("TWOFOLD_STORAGE", place)
    folder = write(placed(Path("run")), a="1", b="2")
    send(folder)
    if kind == "file":
        shutil.rmtree(folder)
    assert found(Path("run")) in (folder, Path("run"))
    assert names(folder) == {"a", "b"}
    assert holds(folder / "a")
    assert not holds(folder / "c")
    assert fetch(folder / "a").read_text() == "1"
    forget(folder / "a")
    assert not holds(folder / "a")
    forget(folder)
    assert not holds(folder)
    assert names(folder) == set()


# ------------------------------------------------------------------------------------------------- runs on a bucket


@pytest.fixture
def shared(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Use the bucket from a cache of its own; call it to be another machine, which has nothing yet."""
    own = tiny.cache(tmp_path)
    monkeypatch.setenv("TWOFOLD_CACHE", str(own))
    monkeypatch.setenv("TWOFOLD_STORAGE", url)
    tiny.make(tmp_path / "corpus", kept("encodings"), Plan.of(tiny.recipe().ensemble))
    return lambda: shutil.rmtree(own / "buckets")


def recipe(**changes: object) -> Recipe:
    table = tiny.recipe().model_dump(mode="json", exclude_defaults=True)
    return parse_recipe({**table, "fit": {"default": {"epochs": 3}, "fusion": {"epochs": 2}}, **changes})


def test_encodings_are_found_by_another_machine(shared: Callable[[], None], tmp_path: Path) -> None:
    clips = tiny.read(tmp_path / "corpus").clips
    shared()
    cache = EncodingCache(kept("encodings"), Plan.of(recipe().ensemble))
    assert cache.missing(clips) == []
    assert cache.load(clips[0]).encodings.keys() == {piece.key for piece in cache.pieces if piece.key}
    forget(kept("encodings"))
    assert cache.missing(clips) == list(clips)


@pytest.mark.ray
@pytest.mark.parametrize("url", ["s3"], indirect=True)
def test_another_machine_goes_on_with_a_run(shared: Callable[[], None], tmp_path: Path) -> None:
    corpora, told = {tiny.READER: tmp_path / "corpus"}, io.StringIO()
    stages = Stages(Console(file=told, width=500))
    with running(cpus=2):
        shared()
        folder = run(recipe(), corpora, placed(Path("mine")), workers=2, stages=stages)
    weights = (folder / "parts" / "face.static" / WEIGHTS_FILE).read_bytes()
    shared()
    assert not folder.exists()
    again = run(recipe(), corpora, placed(Path("mine")), workers=0, stages=stages)  # nothing is fitted: there is no Ray
    assert "fitted before with the same recipe" in told.getvalue()
    assert (again / "parts" / "face.static" / WEIGHTS_FILE).read_bytes() == weights
    shared()
    with bundle.load(found(Path("mine/bundle"))) as recognizer:
        assert [member.name for member in recognizer.plan.members] == ["face.static", "audio.attention"]


@pytest.mark.ray
@pytest.mark.parametrize("url", ["gs"], indirect=True)
def test_another_machine_reads_a_search(shared: Callable[[], None], tmp_path: Path) -> None:
    corpora, quiet = {tiny.READER: tmp_path / "corpus"}, Stages(Console(quiet=True))
    wished = recipe(search={"fit.face.static.lr": {"low": 0.001, "high": 0.1}}, tune={"trials": 2, "confirm": 0})
    with running(cpus=2):
        first = search(wished, corpora, placed(Path("searched")), Asking(1, workers=0), quiet)
    shared()
    with pytest.raises(SearchError, match="holds a search already; go on with --resume"):
        search(wished, corpora, placed(Path("searched")), Asking(1, workers=0), quiet)
    again = search(wished, corpora, placed(Path("searched")), Asking(1, resume=True, workers=0), quiet)
    assert [outcome.trials for outcome in again.outcomes] == [outcome.trials for outcome in first.outcomes]
    assert {"history.png", "trials.csv", "outcome.json"} <= names(placed(Path("searched/search/face.static")))
