"""What is written: JSON that fits its schema, equal CSV and Parquet, ABAW files by the golden rules, and pictures."""

import json
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

import jsonschema
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from skimage.data import astronaut

from ensemble.mapping import normalise
from ensemble.opinions import Opinions
from ensemble.timeline import Timeline, Verdict
from ensemble.tracks import Sightings
from ensemble.write import (
    SCHEMA,
    Crop,
    Digest,
    Origin,
    document,
    moments,
    picture,
    ras_classes,
    ras_frames,
    reference_frames,
    submission,
    table,
    write_csv,
    write_document,
    write_parquet,
    write_picture,
)
from ensemble.write.crops import square
from ensemble.write.picture.columns import Columns
from modalities.grid import FRAMES, Grid, cut
from modalities.labels import ABAW_PAIRS, EXPRESSION, tasks
from modalities.types import SECOND, Caption, Captions, Segment, Speech, Transcript, Word
from modalities.whole import whole
from tests.golden import golden

ORIGIN = Origin("bundle", "0" * 64, {"torch": "2"}, ABAW_PAIRS)
MEMBERS = ("face.static", "face.transformer", "audio.pool", "text.pool")


@dataclass
class Film:
    """A clip as a test wants it; times in seconds. `seen` is when there is a face, `silent` when no member speaks."""

    name: str = "clip.mp4"
    length: float = 12.0
    fps: float = 25.0
    seen: tuple[tuple[float, float], ...] = ((0.0, 6.0), (8.0, 12.0))
    speech: tuple[tuple[float, float], ...] = ((1.0, 3.0), (5.0, 9.5))
    words: str = "I did not think that you would really come back here today"
    silent: tuple[float, float] = (0.0, 0.0)
    looked: bool = True
    grid: Grid = FRAMES

    @property
    def end(self):
        return round(self.length * SECOND)

    def timeline(self):
        sightings = self._sightings()
        segments = []
        for start, end in cut(self.end, self.grid):
            segments.append(Segment(start, end))
            segments += [Segment(start, end, track) for track in sightings.tracks_in(start, end)]
        verdict = self._verdict(tuple(segments))
        times = np.round(np.arange(max(1, int(self.length * self.fps))) / self.fps * SECOND).astype(np.int64)
        tracks = np.full(len(times), -1, np.int64)
        for track, (start, end) in enumerate(self.seen):
            tracks[(times >= start * SECOND) & (times < end * SECOND)] = track
        spans = np.array(self.speech, np.float64).reshape(-1, 2) * SECOND
        return Timeline(
            self.name, 0, self.end, tasks(), MEMBERS, verdict.rows(times, tracks), verdict, sightings,
            Speech(spans.astype(np.int64), self.end), self._transcript(),
        )  # fmt: skip

    def _sightings(self):
        looked = np.array([start for start, _ in cut(self.end, FRAMES)] if self.looked else [], np.int64)
        rows = [
            (int(time), track)
            for time in looked
            for track, (start, end) in enumerate(self.seen)
            if start * SECOND <= time < end * SECOND
        ]
        times, tracks = np.array(rows, np.int64).reshape(-1, 2).T
        boxes = np.tile(np.array([[0.3, 0.02, 0.6, 0.4]], np.float32), (len(rows), 1))
        detected = np.arange(len(rows)) % 2 == 0
        return Sightings(times, tracks, boxes, np.full(len(rows), 0.9, np.float32), detected, looked, looked % 2 == 0)

    def _verdict(self, segments):
        middle = np.array([segment.middle / SECOND for segment in segments])
        known = tasks()
        said_S = ~((middle >= self.silent[0]) & (middle < self.silent[1]))
        about = np.array([segment.track is not None for segment in segments])
        present = np.stack([said_S & about, said_S & about, said_S, said_S & (middle > self.length / 3)])
        wave = [np.cos(middle[:, None] * 0.7 + np.arange(len(t.labels)) * 1.1) for t in known.values()]
        scores = dict(zip(known, wave, strict=True))
        expression = np.exp(2 * scores["expression"])
        scores["expression"] = expression / expression.sum(1, keepdims=True)
        scores["action_units"] = 0.5 + 0.5 * scores["action_units"]
        pairs = np.array([EXPRESSION.labels.positions(pair) for pair in ABAW_PAIRS.values()])
        scores["compound"] = scores["expression"][:, pairs].sum(2)
        scores = {task: values.astype(np.float32) for task, values in scores.items()}
        said = {task: np.repeat(said_S[:, None], values.shape[1], 1) for task, values in scores.items()}
        said["valence_arousal"] &= about[:, None]
        said["action_units"] &= about[:, None]
        opinions = Opinions(segments, MEMBERS, present, {}, {})
        share = normalise(scores["compound"], said["compound"])
        weights = np.array([0.3, -0.1, 0.2, 0.15])[:, None, None] * np.sin(middle / 3)[None, :, None]
        contributions = np.where(present[..., None], weights * share[None], 0).astype(np.float32)
        return Verdict(opinions, scores, said, contributions)

    def _transcript(self):
        texts = self.words.split()
        step = self.end // max(1, len(texts))
        return Transcript(
            tuple(Word(text, n * step, n * step + step // 2, 0.8, "estimated") for n, text in enumerate(texts)),
            self.end,
        )


@pytest.fixture(scope="module")
def timeline():
    return Film(silent=(6.5, 7.0)).timeline()


# ---------------------------------------------------------------------------------------------------------------- JSON


def check(content):
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)


@pytest.mark.parametrize(
    "film", [Film(), Film(seen=()), Film(looked=False, seen=()), Film(silent=(0, 99)), Film(length=0.2, fps=5)]
)
def test_the_document_fits_its_schema(film, tmp_path):
    path = tmp_path / "clip.json"
    write_document(document(film.timeline(), ORIGIN), path)
    text = path.read_text()
    assert "NaN" not in text
    check(json.loads(text))
    assert len(text.splitlines()) < 200 + len(json.loads(text)["segments"])


def test_the_schema_refuses_what_it_does_not_know(timeline):
    content = document(timeline, ORIGIN)
    for wrong in ({"version": 2}, {"surprise": 1}, {"speech": [[0.0]]}, {"labels": {}}):
        with pytest.raises(jsonschema.ValidationError):
            check(content | wrong)


def test_the_document_says_what_the_timeline_says(timeline):
    content = document(timeline, ORIGIN)
    assert content["clip"] == {"name": "clip.mp4", "start": 0.0, "end": 12.0}
    assert content["labels"]["compound_pairs"]["Sadly Angry"] == ["Sadness", "Anger"]
    assert content["speech"] == [[1.0, 3.0], [5.0, 9.5]]
    assert content["words"][0] == {
        "text": "I", "start": 0.0, "end": 0.5, "confidence": 0.8, "timing": "estimated"
    }  # fmt: skip
    assert [track["id"] for track in content["tracks"]] == [0, 1]
    assert content["tracks"][0]["share"] == 0.5
    assert content["tracks"][0]["boxes"][1] == {
        "time": 0.2, "box": [0.3, 0.02, 0.6, 0.4], "score": 0.9, "detected": False
    }  # fmt: skip
    assert content["looked"]["times"][:2] == [0.0, 0.2]
    row = next(n for n, segment in enumerate(timeline.verdict.segments) if segment.track == 0)
    segment = content["segments"][row]
    assert segment["track"] == 0
    assert segment["present"] == ["face.static", "face.transformer", "audio.pool"]
    assert segment["contributions"].keys() == set(segment["present"])
    scores = timeline.verdict.scores["compound"][row]
    assert segment["scores"]["compound"] == pytest.approx(scores.tolist(), abs=1e-5)
    assert segment["compound_probability"] == pytest.approx((scores / scores.sum()).tolist(), abs=1e-5)
    assert segment["top_compound"] == content["labels"]["compound"][int(scores.argmax())]


def test_captions_stand_beside_the_words(timeline, tmp_path):
    captions = Captions(
        (Caption("A man smiles; „schön“.", 0, 2_500_000), Caption("He turns.", 2_000_000, 12_000_000)), 1
    )
    write_document(document(replace(timeline, captions=captions), ORIGIN), tmp_path / "clip.json")
    content = json.loads((tmp_path / "clip.json").read_text())
    check(content)
    assert content["captions"] == [
        {"start": 0.0, "end": 2.5, "text": "A man smiles; „schön“."},
        {"start": 2.0, "end": 12.0, "text": "He turns."},
    ]
    assert document(timeline, ORIGIN)["captions"] is None
    with pytest.raises(jsonschema.ValidationError):
        check(content | {"captions": [{"text": "A man smiles"}]})


def test_what_nobody_says_is_null(timeline):
    unjudged = [segment for segment in document(timeline, ORIGIN)["segments"] if not segment["present"]]
    assert unjudged
    assert all(segment["top_compound"] is None and not segment["contributions"] for segment in unjudged)
    assert all(set(segment["scores"]["expression"]) == {None} for segment in unjudged)
    deaf = document(replace(timeline, speech=None, transcript=None), ORIGIN)
    assert deaf["speech"] is None
    assert deaf["words"] is None
    check(deaf)


# --------------------------------------------------------------------------------------------------------------- table


def test_csv_and_parquet_hold_the_same(timeline, tmp_path):
    frame = table(timeline)
    write_csv(frame, tmp_path / "clip.csv")
    write_parquet(frame, tmp_path / "clip.parquet")
    from_parquet = pd.read_parquet(tmp_path / "clip.parquet")
    from_csv = pd.read_csv(tmp_path / "clip.csv", dtype=dict(from_parquet.dtypes))
    pd.testing.assert_frame_equal(from_csv, from_parquet, check_exact=True)
    assert len(from_csv) == len(timeline.rows.times) == 300
    assert list(from_csv.columns[:3]) == ["clip", "time", "track"]
    assert str(from_parquet["track"].dtype) == "Int64"


def test_the_table_says_what_the_timeline_says(timeline):
    frame, rows = table(timeline), timeline.rows
    row = frame.iloc[50]
    assert row["time"] == 2.0
    assert row["clip"] == "clip.mp4"
    assert row["expression.Fear"] == pytest.approx(rows.scores["expression"][50, 3], abs=1e-5)
    assert row["arousal"] == pytest.approx(rows.scores["valence_arousal"][50, 1], abs=1e-5)
    assert row["AU26"] == pytest.approx(rows.scores["action_units"][50, 11], abs=1e-5)
    assert row["compound.Sadly Angry"] == pytest.approx(rows.compound_probability[50, 6], abs=1e-5)
    assert row["compound_score.Sadly Angry"] == pytest.approx(rows.scores["compound"][50, 6], abs=1e-5)
    assert row["contribution.audio.pool"] == pytest.approx(rows.contributions[50, 2], abs=1e-5)
    compounds = [f"compound.{name}" for name in ABAW_PAIRS]
    assert row["top_compound"] == max(compounds, key=lambda name: row[name]).removeprefix("compound.")
    judged = frame.dropna(subset=["top_compound"])
    assert judged[compounds].sum(axis=1).to_numpy() == pytest.approx(1, abs=5e-5)


def test_cells_are_empty_where_nobody_says_it(timeline, tmp_path):
    frame = table(timeline)
    away = frame[(frame["time"] >= 6.0) & (frame["time"] < 8.0)]
    assert away["track"].isna().all()
    assert away["valence"].isna().all()
    assert (
        frame[frame["time"] == 6.6][["top_compound", "expression.Anger", "compound.Sadly Angry"]].isna().all(axis=None)
    )
    assert not frame[frame["time"] < 6.0]["track"].isna().any()
    write_csv(frame, tmp_path / "clip.csv")
    line = (tmp_path / "clip.csv").read_text().splitlines()[1 + 165]
    assert line.startswith("clip.mp4,6.6,,,,")
    assert "nan" not in line.lower()


def test_parquet_columns_carry_units_even_where_nothing_is_judged(tmp_path):
    path = tmp_path / "clip.parquet"
    write_parquet(table(Film(silent=(0, 99), seen=()).timeline()), path)
    schema = pq.read_schema(path)
    assert schema.field("time").metadata[b"unit"] == b"s"
    assert schema.field("valence").metadata[b"unit"] == b"-1 to 1"
    assert json.loads(schema.metadata[b"twofold"])["format"] == "twofold.frames"
    assert str(schema.field("top_compound").type) in ("string", "large_string")
    assert pd.read_parquet(path)["top_compound"].isna().all()


# ---------------------------------------------------------------------------------------------------------------- ABAW


@pytest.fixture(scope="module")
def vectors():
    return golden("released", "segment_to_frame"), golden("reference", "segment_to_frame")


def golden_clips(released):
    """Name → spans, scores by formula, rate, frames on the list."""
    lengths = released["official_list"].split("frames 1..n of ")[1].split(" in this")[0]
    for number, (name, frames) in enumerate(pair.split(":") for pair in lengths.split(", ")):
        video = released["videos"].get(name)
        spans = cut(round(video["duration"] * SECOND), Grid()) if video else []
        steps, classes = np.arange(len(spans))[:, None], np.arange(7)
        scores = (0.5 + 0.4 * np.sin(0.9 * number + 1.1 * steps + 1.3 * classes)).astype(np.float32)
        yield name, spans, scores, Fraction(video["fps_fraction"] if video else 25), int(frames)


def unroll(runs):
    return np.array([value for first, last, value in runs for _ in range(last - first + 1)])


def test_the_released_rule_equals_the_released_code(vectors):
    released, _ = vectors
    clips = list(golden_clips(released))
    frames = [ras_frames(spans, scores, fps) for _, spans, scores, fps, _ in clips]
    classes = ras_classes([(count, means) for means, (*_, count) in zip(frames, clips, strict=True)])
    for (name, *_), means, column in zip(clips, frames, classes, strict=True):
        if name in released["frame_mean_runs"]:
            assert means == pytest.approx(unroll(released["frame_mean_runs"][name]), abs=1e-6)
        assert column.tolist() == unroll(released["class_runs_on_list"][name]).tolist()


def test_our_rule_equals_the_reference(vectors):
    released, reference = vectors
    for name, spans, scores, fps, count in golden_clips(released):
        times = np.array([round(frame / fps * SECOND) for frame in range(count)])
        frames = reference_frames(spans, scores, times)
        if not spans:
            assert np.isnan(frames).all()
            continue
        assert frames == pytest.approx(unroll(reference["frame_mean_runs"][name]), abs=1e-6)
        assert frames.argmax(1).tolist() == unroll(reference["class_runs_on_list"][name]).tolist()


def test_four_seconds_are_120_frames_or_121():
    spans, scores = [(0, 4 * SECOND)], np.ones((1, 7), np.float32)
    assert len(ras_frames(spans, scores, Fraction(30))) == 121
    times = np.round(np.arange(130) / 30 * SECOND).astype(np.int64)
    covered = reference_frames([*spans, (4 * SECOND, 5 * SECOND)], np.stack([scores[0], scores[0] * 2]), times)
    assert np.flatnonzero(covered[:, 0] == 2)[0] == 120


def test_a_gap_takes_the_nearest_judged_segment_of_its_own_clip():
    spans = [(2 * SECOND, 3 * SECOND), (6 * SECOND, 7 * SECOND)]
    scores = np.array([[1, 0], [0, 1]], np.float32)
    times = np.array([0, 2, 4, 5, 6, 9]) * SECOND
    assert reference_frames(spans, scores, times)[:, 0].tolist() == [1, 1, 1, 0, 0, 0]
    assert np.isnan(reference_frames([], scores[:0], times)).all()


def test_the_submission_file(timeline):
    lines = submission({"01": timeline, "02": Film(silent=(0, 99)).timeline()}).splitlines()
    assert lines[0] == (
        "image_location,Fearfully_Surprised,Happily_Surprised,Sadly_Surprised,Disgustedly_Surprised,"
        "Angrily_Surprised,Sadly_Fearful,Sadly_Angry"
    )
    assert len(lines) == 1 + 300 + 300
    assert lines[51] == f"01/00051.jpg,{timeline.rows.scores['compound'][50].argmax()}"
    inside = [lines[1 + frame].split(",")[1] for frame in range(160, 175)]
    assert inside[0]
    assert set(inside) <= {lines[1 + 159].split(",")[1], lines[1 + 175].split(",")[1]}
    assert lines[301] == "02/00001.jpg,"


def test_further_tracks_add_no_frames_to_the_submission(timeline):
    rows = timeline.rows
    twice = np.repeat(np.arange(len(rows.times)), 2)
    other = rows.tracks[twice].copy()
    other[1::2] = 7
    scores = {task: values[twice].copy() for task, values in rows.scores.items()}
    scores["compound"][1::2] = 0
    more = replace(rows, times=rows.times[twice], tracks=other, scores=scores, contributions=rows.contributions[twice])
    crowd = replace(timeline, rows=more)
    assert submission({"01": crowd}) == submission({"01": timeline})
    assert Digest.of(crowd) == Digest.of(timeline)
    assert len(table(crowd)) == 600


def test_the_ras_convention_reaches_one_frame_further():
    timeline = Film(grid=Grid(), seen=((0, 12),)).timeline()
    plain, ras = (submission({"01": timeline}, rule).splitlines() for rule in ("reference", "ras"))
    assert len(plain) == len(ras) == 301
    segments = [n for n, segment in enumerate(timeline.verdict.segments) if segment.track == 0]
    scores = timeline.verdict.scores["compound"][segments]
    assert ras[1 + 100].split(",")[1] == str(scores[:3].mean(0).argmax())
    assert plain[1 + 100].split(",")[1] == str(scores[1:3].mean(0).argmax())


# ------------------------------------------------------------------------------------------------------------- picture


def faces(timeline):
    return [Crop(moment, square(astronaut(), moment.box)) for moment in moments(timeline)]


@pytest.mark.parametrize(
    "film",
    [
        Film(silent=(6.5, 7.0), name="a $x$ 日本語.mp4"),
        Film(length=0.2, fps=5, seen=((0, 1),), speech=(), words=""),
        Film(seen=(), looked=False),
        Film(silent=(0, 99)),
        Film(length=150, grid=Grid(duration=10, step=10), words="so " * 500),
    ],
    ids=["gaps", "image", "sound", "unjudged", "long"],
)
def test_a_picture_of_any_clip(film, tmp_path):
    timeline = film.timeline()
    write_picture(picture(timeline, faces(timeline)), tmp_path / "clip.png")
    data = (tmp_path / "clip.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (1600, 1000)


def test_the_legend_stands_in_the_order_of_labels(timeline):
    legends = [
        [text.get_text() for text in axes.get_legend().get_texts()]
        for axes in picture(timeline).axes
        if axes.get_legend()
    ]
    assert legends[0] == [*ABAW_PAIRS, "nobody in view", "not judged"]
    assert legends[-1] == list(MEMBERS)


def test_columns_are_means_of_frames(timeline):
    view = Columns.of(timeline, most=100)
    whole_clip = timeline.rows.compound_probability
    assert len(view.edges) == 101
    assert view.compound[10] == pytest.approx(whole_clip[30:33].mean(0), abs=1e-6)
    assert np.isnan(view.compound).all(axis=1).sum() == 4
    assert view.nobody.sum() == pytest.approx(2 / 12 * 100, abs=1)


def test_moments_are_spread_and_show_the_primary_face(timeline):
    chosen = moments(timeline, most=4)
    times = [moment.time / SECOND for moment in chosen]
    assert len(chosen) == 4
    assert all(later > earlier for earlier, later in pairwise(times))
    assert not any(6 <= time < 8 for time in times)
    assert all(moment.label in ABAW_PAIRS for moment in chosen)
    assert moments(Film(seen=()).timeline()) == []


def test_a_crop_is_square_and_white_beyond_the_edge():
    image = np.zeros((100, 200, 3), np.uint8)
    cut_out = square(image, (0.0, 0.0, 0.1, 0.4))
    assert cut_out.shape == (60, 60, 3)
    assert (cut_out[:10] == 255).all()
    assert (cut_out[30, 30:] == 0).all()


# --------------------------------------------------------------------------------------------------------------- whole


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "file.txt"

    def fail():
        with whole(path) as unfinished:
            unfinished.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert list(path.parent.iterdir()) == []
    with whole(path) as unfinished:
        unfinished.write_text("all")
        assert not path.exists()
    assert [entry.name for entry in path.parent.iterdir()] == ["file.txt"]


def test_a_digest_counts(timeline):
    digest = Digest.of(timeline)
    tops = table(timeline)["top_compound"].value_counts(normalize=True)
    assert digest.top_compound == tops.index[0]
    assert math.isclose(digest.share, tops.iloc[0])
    assert (digest.faces, digest.speech, digest.duration) == (2, 6.5, 12.0)
    assert Digest.of(Film(silent=(0, 99)).timeline()).top_compound is None
