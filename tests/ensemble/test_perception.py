"""Perception: cues and encoders over stretches; what is left behind does not depend on how a clip is cut."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.perception import Cursor, Perception, StepStore
from modalities.catalog import MODALITIES, find
from modalities.face import Face
from modalities.grid import FRAMES, Grid, cut
from modalities.types import FOREVER, SECOND, Encoding, Segment, Transcript, Word
from tests import toys
from tests.checks.alike import assert_alike
from tests.films import film
from tuning.encodings import join, load_impression, save_impression

PLAN = toys.plan()
FILM = film()
LENGTHS = (SECOND * 7 // 10, SECOND * 37 // 10, None)


def impress(footages, plan=PLAN):
    return join(list(Perception(plan).run(footages)))


def unpadded(encoding):
    """Segment → its steps and their times; padding and order do not matter."""
    rows = zip(encoding.segments, encoding.steps, encoding.mask, encoding.times, strict=True)
    return {str(segment): (steps[mask], times[mask]) for segment, steps, mask, times in rows}


@pytest.mark.parametrize("length", LENGTHS[:2])
def test_impressions_do_not_depend_on_stretches(length):
    whole, pieces = impress(FILM.stretches(None)), impress(FILM.stretches(length))
    assert_alike(whole.sightings, pieces.sightings)
    assert_alike(whole.speech, pieces.speech)
    assert_alike(whole.transcript, pieces.transcript)
    assert_alike(whole.row_times, pieces.row_times)
    for key, encoding in whole.encodings.items():
        assert_alike(unpadded(encoding), unpadded(pieces.encodings[key]), 1e-6, str(key))
        assert len(set(encoding.segments)) == len(encoding.segments) == len(pieces.encodings[key].segments)


def test_there_is_something_to_perceive():
    impression = impress(FILM.stretches(SECOND))
    assert set(impression.sightings.tracks.tolist()) == {0, 1}
    assert {word.text for word in impression.transcript.words} == {"high", "low"}
    assert all(encoding.present.any() for encoding in impression.encodings.values())


@pytest.mark.parametrize("length", LENGTHS)
def test_encodings_are_what_the_modality_says_of_the_whole_clip(length):
    pieces = impress(FILM.stretches(length))
    percepts = whole_percepts()
    for (name, grid), encoding in pieces.encodings.items():
        modality = PLAN.modalities[name]
        roles = {role: percepts[need] for role, need in modality.needs.items()}
        direct = modality.encode(roles, encoding.segments)
        assert_alike(unpadded(direct), unpadded(encoding), 1e-6, name)
        spans = {(segment.start, segment.end) for segment in encoding.segments}
        if modality.about == "clip":
            assert spans == set(cut(FILM.end, grid))
        else:
            seen = set(zip(percepts["people"].times.tolist(), percepts["people"].tracks.tolist(), strict=True))
            for start, end in cut(FILM.end, grid):
                tracks = {track for time, track in seen if start <= time < end}
                assert {s.track for s in encoding.segments if (s.start, s.end) == (start, end)} == tracks


def whole_percepts():
    footage = FILM.stretches(None)[0]
    percepts = {"frames": footage.frames, "waveform": footage.waveform}
    for name, cue in PLAN.cues.items():
        roles = {role: percepts[need] for role, need in cue.needs.items()}
        percepts[name], _ = cue.perceive(roles, [Segment(0, FILM.end)], None)
    return percepts


def test_a_stepwise_encoder_sees_each_step_once():
    counted = Counting(Counting.Config(encoder={"kind": "tests.toys:Shapes"}, faces="people"))
    plan = replace(PLAN, modalities={**PLAN.modalities, "face": counted})
    impress(FILM.stretches(SECOND), plan)
    assert sorted(counted.seen) == sorted(set(counted.seen))
    faces = whole_percepts()["people"]
    assert len(counted.seen) == len(faces)


class Counting(find("face", MODALITIES)):
    """A face modality that remembers what its encoder was shown."""

    def encode(self, percepts, segments):
        self.seen = getattr(self, "seen", [])
        faces = percepts["faces"]
        for segment in segments:
            inside = (faces.times >= segment.start) & (faces.times < segment.end) & (faces.tracks == segment.track)
            self.seen += [(int(t), int(k)) for t, k in zip(faces.times[inside], faces.tracks[inside], strict=True)]
        return super().encode(percepts, segments)


def test_what_footage_brings_is_not_perceived_again():
    word = Word("high", SECOND, SECOND + 50_000, 0.9, "aligned")
    footages = [
        replace(f, percepts={"words": Transcript((word,) * (f.start <= SECOND < f.end), f.frames.until)})
        for f in FILM.stretches(3 * SECOND)
    ]
    impression = impress(footages)
    assert impression.transcript.words == (word,)
    (encoding,) = (e for (name, _), e in impression.encodings.items() if name == "text")
    assert [s for s, there in zip(encoding.segments, encoding.present, strict=True) if there] == [
        Segment(0, 4 * SECOND)
    ]
    assert_alike(impression.speech, impress(FILM.stretches(None)).speech, why="the others are perceived as before")


def test_a_segment_waits_until_its_percepts_are_complete():
    footages = FILM.stretches(SECOND)
    words = impress(footages).transcript.words
    word = max(words, key=lambda word: word.end - word.start)
    for impression in Perception(PLAN).run(footages):
        (text,) = (e for (name, _), e in impression.encodings.items() if name == "text")
        for segment in text.segments:
            assert not (word.start < segment.end and impression.end < word.end), "its last word was still being said"
        frontiers = impression.frontiers.values()
        assert all((time == FOREVER) == impression.last for time in frontiers)


def test_an_impression_is_kept_as_it_is(tmp_path):
    impression = impress(FILM.stretches(None))
    save_impression(impression, tmp_path / "inner" / "clip.npz")
    assert_alike(load_impression(tmp_path / "inner" / "clip.npz"), impression)
    assert [path.name for path in (tmp_path / "inner").iterdir()] == ["clip.npz"]


@pytest.mark.parametrize("blank", [film(people=0), film(sound=False), film(0.05), film(0.05, people=0)])
def test_little_or_nothing_is_perceived_too(blank):
    impression = impress(blank.stretches(SECOND))
    assert impression.last
    assert set(impression.encodings) == {(member.modality, member.grid) for member in PLAN.members}


# ------------------------------------------------------------------------------------------------------ its two parts

NESTED = (Segment(0, 10), Segment(2, 4), Segment(2, 4, 1), Segment(3, 12), Segment(20, 30), Segment(11, 40))


def footage(end, last=False, segments=NESTED):
    return replace(film(0.5).stretches(None)[0], end=end, last=last, segments=segments)


def test_listed_segments_close_once_each_in_any_pieces():
    expected = sorted({(s.start, s.end) for s in NESTED})
    for untils in ((5, 10, 11, 25, 35, 50), (50,), (4, 40), tuple(range(1, 50))):
        cursor, spans = Cursor(FRAMES), []
        for until in untils:
            closed = cursor.close(until, footage(until))
            assert all(end <= until for _, end in closed)
            spans += closed
            still_open = [start for start, end in expected if (start, end) not in spans]
            assert cursor.frontier() == min(still_open, default=FOREVER)
        assert sorted(spans) == expected


def test_listed_segments_all_close_at_the_end():
    cursor = Cursor(FRAMES)
    first = cursor.close(5, footage(5))
    assert sorted(first + cursor.close(7, footage(7, last=True))) == sorted({(s.start, s.end) for s in NESTED})


def test_a_cursor_closes_the_spans_of_its_grid():
    grid = Grid(duration=4, step=2, tail=1)
    cursor, spans = Cursor(grid), []
    for until in (1, 4 * SECOND, 4 * SECOND + 1, 7 * SECOND):
        spans += cursor.close(until, footage(until, segments=None))
    assert cursor.frontier() == 4 * SECOND
    end = 9 * SECOND
    assert spans + cursor.close(FOREVER, footage(end, last=True, segments=None)) == cut(end, grid)


def test_an_empty_store_gathers_nothing():
    store = StepStore(PLAN.modalities["face"])
    encoding = store.gather([(0, SECOND)])
    assert encoding.segments == ()
    assert encoding.steps.shape[:2] == (0, 0)
    store.forget(SECOND)
    assert np.asarray(encoding.present).shape == (0,)


class PatientFace(Face):
    """A face modality that is asked about whole segments, as one must be that looks at several steps at once."""

    stepwise = False


class RawFace(Face):
    """A face modality whose steps are raw crops: its backbone would be in the head."""

    def encode(self, percepts, segments):
        encoding = super().encode(percepts, segments)
        return Encoding(encoding.segments, np.zeros((*encoding.mask.shape, 4, 4, 3), np.uint8), *rest(encoding))


def rest(encoding):
    return encoding.mask, encoding.times


def planned(kind):
    settings = toys.settings().model_dump()
    settings["modalities"]["face"]["kind"] = f"tests.ensemble.test_perception:{kind}"
    return toys.Plan.of(toys.EnsembleSettings.model_validate(settings))


@pytest.mark.parametrize("length", LENGTHS)
def test_a_modality_about_tracks_need_not_be_stepwise(length):
    stepwise = impress(FILM.stretches(length))
    patient = impress(FILM.stretches(length), planned("PatientFace"))
    for key, encoding in stepwise.encodings.items():
        assert_alike(unpadded(encoding), unpadded(patient.encodings[key]), 1e-6, str(key))


def test_steps_may_be_raw_even_if_nobody_is_there_at_first():
    found = impress(film(people=0).stretches(SECOND), planned("RawFace"))
    seen = impress(FILM.stretches(SECOND), planned("RawFace"))
    for key, encoding in seen.encodings.items():
        if key[0] == "face":
            assert encoding.steps.dtype == np.uint8
            assert encoding.steps.shape[2:] == (4, 4, 3)
            assert Encoding.join([found.encodings[key], encoding]).steps.dtype == np.uint8
