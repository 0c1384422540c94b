"""The command `predict` without its command line: which clips, which names, what is written, what is said."""

import json
import os
import sys
from pathlib import Path

import av
import jsonschema
import numpy as np
import pandas as pd
import pytest

import twofold
from ensemble.bundle import save
from ensemble.manifest import BundleError
from ensemble.predict import InputError, Wishes, find_bundle, predict
from ensemble.predict.clips import gather
from ensemble.write import SCHEMA, Origin
from modalities.assets import AssetError, locate
from modalities.types import SAMPLE_RATE
from tests import toys

RATE = 10


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    save(toys.plan(), folder)
    return folder


def film(path, seconds=2.0, sound=True):
    """Write a small video of one toy person, with a toy voice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=RATE)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if sound else None
        for _ in range(int(seconds * RATE)):
            image = np.zeros((64, 96, 3), np.uint8)
            image[16:48, 16:48, 1] = 220
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode())
        if audio is not None:
            tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
            frame = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return path


def test_a_clip_becomes_five_files(bundle, tmp_path):
    said = []
    clip, out = film(tmp_path / "talk.mp4"), tmp_path / "out"
    summary = predict([clip], out, bundle, report=said.append)
    assert summary.code == 0
    assert sorted(file.name for file in out.iterdir()) == [
        "talk.abaw.txt", "talk.csv", "talk.json", "talk.parquet", "talk.png"
    ]  # fmt: skip
    content = json.loads((out / "talk.json").read_text())
    jsonschema.validate(content, json.loads(SCHEMA.read_text()))
    assert content["clip"]["name"] == "talk.mp4"
    assert content["bundle"]["sha256"] == Origin.of(bundle).sha256
    assert len(content["tracks"]) == 1
    frames = pd.read_csv(out / "talk.csv")
    assert len(frames) == 2 * RATE
    assert len((out / "talk.abaw.txt").read_text().splitlines()) == 1 + 2 * RATE
    assert frames["time"].diff().dropna().to_numpy() == pytest.approx(1 / RATE, abs=1e-3)
    assert set(frames["track"]) == {0}
    assert any("1 of 1: talk.mp4" in line for line in said)


def test_the_summary_says_what_was_done(bundle, tmp_path):
    clip = film(tmp_path / "talk.mp4")
    summary = predict([clip], tmp_path / "out", bundle)
    columns, rows = summary.table()
    assert len(rows) == 1
    assert len(rows[0]) == len(columns)
    frames = pd.read_csv(tmp_path / "out" / "talk.csv")
    top = frames["top_compound"].value_counts(normalize=True)
    assert rows[0][:4] == ["talk.mp4", top.index[0], f"{top.iloc[0]:.0%}", "1"]
    document = json.loads(json.dumps(summary.document()))
    (entry,) = document["clips"]
    assert entry["top_compound"] == top.index[0]
    assert entry["speech"] == pytest.approx(2.0, abs=0.2)
    assert entry["duration"] == pytest.approx(2.0, abs=0.2)
    assert entry["realtime_factor"] > 0
    assert all(Path(file).is_file() for file in entry["files"].values())
    assert summary.remarks() == []


def test_a_bad_clip_never_stops_the_rest(bundle, tmp_path):
    clips = tmp_path / "clips"
    film(clips / "a.mp4")
    film(clips / "c.mp4")
    whole = (clips / "a.mp4").read_bytes()
    (clips / "b.mp4").write_bytes(whole[: len(whole) // 2])
    summary = predict([clips, tmp_path / "gone.mp4"], tmp_path / "out", bundle)
    assert summary.code == 1
    assert [done.name for done in summary.done] == ["a.mp4", "c.mp4"]
    assert {refusal.path.name for refusal in summary.failed} == {"b.mp4", "gone.mp4"}
    assert summary.remarks()[-1] == "2 of 4 clips failed"
    assert any("b.mp4" in remark for remark in summary.remarks())
    assert [entry["path"] for entry in summary.document()["failed"]] == [str(r.path) for r in summary.failed]
    assert not list((tmp_path / "out").glob("b.*"))
    assert not list((tmp_path / "out").rglob(".*"))


def test_a_place_that_cannot_be_written_to_is_one_clips_trouble(bundle, tmp_path):
    film(tmp_path / "a.mp4")
    film(tmp_path / "b.mp4")
    (tmp_path / "out" / "a.json").mkdir(parents=True)
    summary = predict([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "out", bundle)
    assert [done.name for done in summary.done] == ["b.mp4"]
    assert [refusal.path.name for refusal in summary.failed] == ["a.mp4"]


class Stumbling(toys.Tones):
    """Listens, but has a fault: silence makes it stumble."""

    name = "stumbling"

    def perceive(self, percepts, segments, memory):
        return super().perceive(percepts, segments, memory) if 1 / len(percepts["waveform"].samples) else None


def test_a_fault_of_the_program_is_told_and_stops_nothing(tmp_path, caplog):
    cues = toys.settings().model_dump()["cues"] | {"voice": {"kind": f"{__name__}:Stumbling"}}
    save(toys.plan(cues=cues), tmp_path / "bundle")
    clips = [film(tmp_path / "a.mp4", sound=False), film(tmp_path / "b.mp4")]
    summary = predict(clips, tmp_path / "out", tmp_path / "bundle")
    assert [done.name for done in summary.done] == ["b.mp4"]
    (refusal,) = summary.failed
    assert "ZeroDivisionError" in refusal.reason
    assert "please report" in refusal.reason
    assert "Traceback" in caplog.text


class Unfetched(toys.Tones):
    """Listens by a model that is not there."""

    name = "unfetched"

    def perceive(self, percepts, segments, memory):
        locate("minilm")


def test_a_missing_asset_concerns_every_clip(tmp_path, monkeypatch, capsys):
    cues = toys.settings().model_dump()["cues"] | {"voice": {"kind": f"{__name__}:Unfetched"}}
    save(toys.plan(cues=cues), tmp_path / "bundle")
    clips = [film(tmp_path / "a.mp4"), film(tmp_path / "b.mp4")]
    monkeypatch.setenv("TWOFOLD_CACHE", str(tmp_path / "empty"))
    with pytest.raises(AssetError, match=r"the asset .*minilm.* is not in .*; run `twofold fetch`"):
        predict(clips, tmp_path / "out", tmp_path / "bundle")
    places = ["--out", str(tmp_path / "out"), "--bundle", str(tmp_path / "bundle")]
    monkeypatch.setattr(sys, "argv", ["twofold", "predict", *map(str, clips), *places])
    with pytest.raises(SystemExit) as left:
        twofold.main()
    said = capsys.readouterr().err
    assert left.value.code == 1
    assert said.splitlines()[-1].startswith("twofold: the asset ")
    assert "Traceback" not in said


def captioned(folder, table):
    """Save a bundle whose captions come from a table."""
    cues = toys.settings().model_dump()["cues"] | {"caption": {"kind": "caption_table", "path": str(table)}}
    save(toys.plan(cues=cues), folder)
    return folder


def test_a_caption_table_that_leaves_a_clip_in_doubt_costs_that_clip(tmp_path, caplog):
    table = tmp_path / "captions.csv"
    table.write_text("clip,start,end,text\nx/b,0,1,She smiles.\ny/b,0,1,He frowns.\n")
    clips = [film(tmp_path / name) for name in ("a.mp4", "b.mp4", "c.mp4")]
    summary = predict(clips, tmp_path / "out", captioned(tmp_path / "bundle", table))
    assert [done.name for done in summary.done] == ["a.mp4", "c.mp4"]
    (refusal,) = summary.failed
    assert refusal.path.name == "b.mp4"
    assert refusal.reason.startswith("the table of captions has 2 clips called b (x/b, y/b), and b.mp4 is none of them")
    assert summary.code == 1
    assert "Traceback" not in caplog.text


def test_an_endpoint_that_gives_no_caption_costs_that_clip(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TWOFOLD_OFFLINE", "1")
    table = {"kind": "endpoint", "url": "http://localhost:9/v1", "model": "none"}
    save(toys.plan(cues=toys.settings().model_dump()["cues"] | {"caption": table}), tmp_path / "bundle")
    summary = predict([film(tmp_path / "a.mp4")], tmp_path / "out", tmp_path / "bundle")
    (refusal,) = summary.failed
    assert refusal.reason.startswith("TWOFOLD_OFFLINE is set, so http://localhost:9/v1 was not asked for captions")
    assert "Traceback" not in caplog.text


def test_wishes_reach_the_recognizer(bundle, tmp_path):
    clip = film(tmp_path / "talk.mp4")
    predict([clip], tmp_path / "all", bundle)
    others = frozenset(member.name for member in toys.plan().members) - {"text.mean"}
    predict([clip], tmp_path / "less", bundle, wishes=Wishes(others))
    every, fewer = (pd.read_csv(tmp_path / name / "talk.csv") for name in ("all", "less"))
    assert every["contribution.face.static"].abs().max() > 0
    assert fewer["contribution.face.static"].abs().max() == 0
    assert fewer["AU1"].isna().all()
    assert fewer["expression.Other"].isna().all()
    assert not fewer["expression.Anger"].isna().any()


def test_requests_that_cannot_begin(bundle, tmp_path):
    clip = film(tmp_path / "talk.mp4", 0.5)
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"no member face\.odd.*members are face\.static"):
        predict([clip], out, bundle, wishes=Wishes(frozenset({"face.odd"})))
    every = frozenset(member.name for member in toys.plan().members)
    with pytest.raises(InputError, match="every member was left out"):
        predict([clip], out, bundle, wishes=Wishes(every))
    with pytest.raises(InputError, match="no member can compare pictures with texts"):
        predict([clip], out, bundle, wishes=Wishes(prompts=("a person crying",)))
    with pytest.raises(InputError, match=r"there is no .*gone\.mp4"):
        predict([tmp_path / "gone.mp4"], out, bundle)
    with pytest.raises(InputError, match="is a file"):
        predict([clip], clip, bundle)
    with pytest.raises(BundleError, match="is not a bundle"):
        predict([clip], out, tmp_path)
    assert not out.exists()


def test_where_a_bundle_is_looked_for(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWOFOLD_BUNDLE", raising=False)
    with pytest.raises(BundleError, match=r"`twofold demo`.*runs/demo/bundle.*--bundle.*TWOFOLD_BUNDLE"):
        find_bundle()
    demo = tmp_path / "runs" / "demo" / "bundle"
    demo.mkdir(parents=True)
    (demo / "bundle.json").write_text("{}")
    assert find_bundle().resolve() == demo
    monkeypatch.setenv("TWOFOLD_BUNDLE", str(bundle))
    assert find_bundle() == bundle
    assert find_bundle(tmp_path) == tmp_path


def test_the_origin_changes_with_any_file(bundle, tmp_path):
    before = Origin.of(bundle).sha256
    copy = tmp_path / "copy"
    for file in bundle.rglob("*"):
        if file.is_file():
            (copy / file.relative_to(bundle)).parent.mkdir(parents=True, exist_ok=True)
            (copy / file.relative_to(bundle)).write_bytes(file.read_bytes())
    assert Origin.of(copy).sha256 == before
    (copy / "parts" / "fusion" / "extra").write_text("x")
    assert Origin.of(copy).sha256 != before


# ---------------------------------------------------------------------------------------------------------- gathering


def test_a_folder_is_searched_to_the_bottom(tmp_path):
    clips = tmp_path / "clips"
    film(clips / "deep" / "er" / "a.mp4", 0.3)
    film(clips / "b.avi", 0.3).rename(clips / "unnamed")
    film(clips / ".hidden.mp4", 0.3)
    film(clips / ".git" / "c.mp4", 0.3)
    (clips / "notes.txt").write_text("to do\n")
    (clips / "drawing.svg").write_text("<svg/>")
    (clips / "broken.mp4").write_bytes(b"\0" * 100)
    found = gather([clips], tmp_path / "out")
    assert [source.path.relative_to(clips).as_posix() for source in found.sources] == [
        "broken.mp4", "deep/er/a.mp4", "unnamed"
    ]  # fmt: skip
    assert {refusal.path.name for refusal in found.skipped} == {"notes.txt", "drawing.svg"}
    assert all(refusal.reason for refusal in found.skipped)


def test_results_are_no_clips(bundle, tmp_path):
    film(tmp_path / "a.mp4", 0.5)
    for _ in range(2):
        summary = predict([tmp_path], tmp_path / "out", bundle)
        assert [done.name for done in summary.done] == ["a.mp4"]


def test_a_clip_given_twice_is_done_once(tmp_path):
    clip = film(tmp_path / "a.mp4", 0.3)
    os.link(clip, tmp_path / "b.mp4")
    found = gather([clip, tmp_path, tmp_path / "." / "a.mp4"], tmp_path / "out")
    assert [source.name for source in found.sources] == ["a.mp4", "b.mp4"]


def test_an_empty_folder_is_nothing_to_do(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing\n")
    with pytest.raises(InputError, match="nothing to do"):
        gather([tmp_path], tmp_path / "out")


@pytest.mark.parametrize(
    ("paths", "places"),
    [
        (["a/x.mp4", "a/y.mp4"], ["x", "y"]),
        (["a/x.mp4", "b/x.mp4"], ["a/x", "b/x"]),
        (["a/x.mp4", "a/x.avi"], ["x.mp4", "x.avi"]),
        (["a/x.mp4", "a/X.MP4"], ["x.mp4", "X.MP4-2"]),
        (["a/c/x.mp4", "b/c/x.mp4", "d/x.mp4"], ["a/c/x", "b/c/x", "d/x"]),
        (["a/x.mp4", "a/x.avi", "a/x.mp4.mov"], ["x.mp4", "x.avi", "x.mp4.mov"]),
    ],
)
def test_no_two_clips_share_their_files(tmp_path, paths, places):
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    found = gather([tmp_path / path for path in paths], tmp_path / "out")
    given = [source.place for source in found.sources]
    assert len({place.casefold() for place in given}) == len(paths)
    assert given == places


def test_results_may_lie_among_the_clips(bundle, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    film(folder / "talk.mp4", 0.5)
    first = predict([folder], folder, bundle)
    assert [done.name for done in first.done] == ["talk.mp4"]
    again = predict([folder], folder, bundle)  # its own picture is no clip
    assert [done.name for done in again.done] == ["talk.mp4"]
    assert not again.skipped


def test_an_out_folder_that_cannot_be_written_to_is_refused_before_any_work(bundle, tmp_path):
    clip = film(tmp_path / "talk.mp4", 0.5)
    with pytest.raises(InputError, match="cannot be written to"):
        predict([clip], clip / "below", bundle)
