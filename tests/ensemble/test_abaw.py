"""The files of the ABAW challenges: what is written is read back, and what the challenges hand out is understood."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ensemble.recognizer import Recognizer
from ensemble.timeline import Rows, Timeline
from ensemble.write.abaw import AbawError, check, parse_kinds, read_abaw, submission, write_abaw
from modalities.labels import EXPRESSION, Labels, Task, tasks
from tests import toys
from tests.films import film

FRAMES = 6
HEADERS = {
    "ce": "image_location,Fearfully_Surprised,Happily_Surprised,Sadly_Surprised,Disgustedly_Surprised,"
    "Angrily_Surprised,Sadly_Fearful,Sadly_Angry",
    "expr": "image_location,Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other",
    "va": "image_location,valence,arousal",
    "au": "image_location,AU1,AU2,AU4,AU6,AU7,AU10,AU12,AU15,AU23,AU24,AU25,AU26",
    "mtl": "image,valence,arousal,expression,aus",
}


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    """Six frames of which the third is not judged; a unit that nobody speaks."""
    drawn = np.random.default_rng(0)
    scores = {name: drawn.random((FRAMES, len(task.labels))).astype(np.float32) for name, task in tasks().items()}
    scores["valence_arousal"] = scores["valence_arousal"] * 2 - 1
    for values in scores.values():
        values[2] = np.nan
    scores["action_units"][:, 3] = np.nan
    with Recognizer(toys.plan()) as recognizer:
        judged = Timeline.join(list(recognizer.stream(film(2.0).stretches(None))))
    times = np.array([0, 40, 80, 110, 160, 200], np.int64) * 1000  # the third frame is nearer to the fourth
    rows = Rows(times, np.zeros(FRAMES, np.int64), scores, np.zeros((FRAMES, len(judged.members)), np.float32))
    return replace(judged, tasks=tasks(), rows=rows)


def nothing(timeline: Timeline) -> Timeline:
    """The same clip, about which nobody said anything."""
    silent = {task: np.full_like(scores, np.nan) for task, scores in timeline.rows.scores.items()}
    return replace(timeline, rows=replace(timeline.rows, scores=silent))


FILLED = [0, 1, 3, 3, 4, 5]
"""Whose scores each frame takes."""


@pytest.mark.parametrize("kind", list(HEADERS))
def test_what_is_written_is_read_back(timeline: Timeline, kind: str, tmp_path: Path) -> None:
    write_abaw({"01": timeline, "02_left": nothing(timeline)}, tmp_path / "said.txt", kind=kind)
    lines = (tmp_path / "said.txt").read_text().splitlines()
    assert lines[0] == HEADERS[kind]
    assert len(lines) == 1 + 2 * FRAMES
    assert lines[1].startswith("01/00001.jpg,")
    sheets = read_abaw(tmp_path / "said.txt", kind)
    assert list(sheets) == ["01", "02_left"]
    one, silent = sheets.values()
    assert one.numbers.tolist() == list(range(1, FRAMES + 1))
    for task, found in one.values.items():
        want = timeline.rows.scores[task][FILLED]
        if task in ("compound", "expression"):
            np.testing.assert_array_equal(found, want.argmax(axis=1))
            assert (silent.values[task] == -1).all()
        elif task == "valence_arousal":
            np.testing.assert_allclose(found, want, atol=1e-5)
            assert np.isnan(silent.values[task]).all()
        else:
            np.testing.assert_array_equal(found, np.where(np.isnan(want), np.nan, want >= 0.5))
            assert np.isnan(silent.values[task]).all()


def test_an_mtl_line_holds_sixteen_fields(timeline: Timeline) -> None:
    line = submission({"video45_1": timeline}, kind="mtl").splitlines()[1].split(",")
    valence, arousal = timeline.rows.scores["valence_arousal"][0].tolist()
    assert line[0] == "video45_1/00001.jpg"
    assert [float(line[1]), float(line[2])] == pytest.approx([valence, arousal], abs=1e-5)
    assert int(line[3]) == timeline.rows.scores["expression"][0].argmax()
    assert len(line) == 16
    assert line[4 + 3] == "-1"
    unknown = submission({"1": nothing(timeline)}, kind="mtl").splitlines()[1]
    assert unknown == "1/00001.jpg,-5,-5,-1" + 12 * ",-1"


def test_labels_in_another_order_keep_their_numbers(timeline: Timeline) -> None:
    order = ("Surprise", "Neutral", "Fear")
    known = {**tasks(), "expression": Task("expression", "distribution", Labels(order))}
    scores = {**timeline.rows.scores, "expression": np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]}
    told = replace(timeline, tasks=known, rows=replace(timeline.rows, scores=scores))
    numbers = [line.split(",")[1] for line in submission({"01": told}, kind="expr").splitlines()[1:]]
    assert numbers == [str(EXPRESSION.labels.index(order[place])) for place in (0, 1, 2, 0, 1, 2)]
    strange = {**tasks(), "expression": Task("expression", "distribution", Labels(("Boredom", "Fear")))}
    check(["ce", "va", "au"], strange)
    with pytest.raises(ValueError, match="the ABAW file mtl has no Boredom"):
        check(["va", "mtl"], strange)


def test_lists_of_the_challenges_are_read(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{HEADERS['au']}\n2-30-640x360/00001.jpg,\n2-30-640x360/00002.jpg,\n")
    assert np.isnan(read_abaw(path, "au")["2-30-640x360"].values["action_units"]).all()
    path.write_text(
        "341/00001.jpg,-0.002,0.0,7,0,0,0,0,0,0,0,0,0,0,0,0\n341/00066.jpg,0.07,0.041,-1,0,0,0,0,1,0,0,0,0,0,0,0\n"
    )
    labels = read_abaw(path, "mtl")["341"]
    assert labels.numbers.tolist() == [1, 66]
    assert labels.values["expression"].tolist() == [7, -1]
    assert labels.values["action_units"][1, 4] == 1
    path.write_text(f"{HEADERS['ce']}\n01/00001.jpg,0\n01/00002.jpg,\n")
    assert read_abaw(path, "ce")["01"].values["compound"].tolist() == [0, -1]


@pytest.mark.parametrize(
    ("kind", "text", "sentence"),
    [
        ("expr", "video,0\n", "begins with 'video,0', but a file of expr begins with"),
        ("expr", f"{HEADERS['expr']}\n01/00001.jpg,0\n01/00002.jpg,8\n", "line 3: .* does not fit expression"),
        ("ce", f"{HEADERS['ce']}\n01/00001.jpg,7\n", "line 2: .* does not fit compound"),
        ("va", f"{HEADERS['va']}\n01/00001.jpg,0.5,1.5\n", "line 2: .* does not fit valence_arousal"),
        ("va", f"{HEADERS['va']}\n01/00001.jpg,0.5\n", "line 2: there are 1 numbers, but should be 2"),
        ("va", f"{HEADERS['va']}\n01/00001.jpg,0.5,high\n", "line 2: '0.5,high' are not 2 numbers"),
        ("va", f"{HEADERS['va']}\n00001,0.5,0.5\n", "line 2: '00001' is no frame"),
    ],
)
def test_a_broken_file_is_one_sentence(kind: str, text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "broken.txt").write_text(text)
    with pytest.raises(AbawError, match=sentence):
        read_abaw(tmp_path / "broken.txt", kind)


def test_files_are_chosen_by_name() -> None:
    assert parse_kinds("expr, VA,expr") == ("expr", "va")
    assert parse_kinds("") == ()
    with pytest.raises(AbawError, match="no ABAW file eyes beside that of CE; there are expr, va, au, mtl"):
        parse_kinds("va,eyes")
