"""Captions from a table: what is read, when it is handed out, and which tables are refused."""

import gzip
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from modalities.cues.caption.table import CaptionTableError, TableCaption, captions_of, read_captions, without_ending
from modalities.grid import Grid
from modalities.types import FOREVER, SECOND, Caption
from tests.checks import cues
from tests.films import Film

SPANS = "clip,start,end,text\nb.mp4,1,3,late\nb.mp4,0,2.5,early\na,0.5,1,alone\nb,2,9,left\nb,7,9,never\n"
RAS = """video_name,text,Neutral,Anger
01___0000.mp4,"A smile,
 and  tears.",,
01___0002.mp4,,,
01___0001.mp4,Nothing.,0.5,0.5
video_7___Angry_0003.avi,Fury.,,
117___2038_2158_0034.avi,"She said ""NA"".",,
"""


def table(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def caption(text, start, end):
    return Caption(text, round(start * SECOND), round(end * SECOND))


def told(path, clip="b.mp4", length=None, seconds=6.0):
    """What the cue hands out of a clip, stretch by stretch."""
    times = np.arange(0, round(seconds * SECOND), SECOND // 5)
    images = (np.zeros((2, 2, 3), np.uint8),) * len(times)
    film = Film(times, images, np.zeros(0, np.float32), round(seconds * SECOND))
    footages = [replace(footage, clip=clip) for footage in film.stretches(length)]
    return cues.perceive(lambda: TableCaption(TableCaption.Config(path=path)), cues.Scene(film.stretches), footages)


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_reads_spans_in_order_of_their_ends(tmp_path, name):
    found = read_captions(table(tmp_path, SPANS, name), Grid())
    assert found == {
        "a": (caption("alone", 0.5, 1),),
        "b": (caption("early", 0, 2.5), caption("late", 1, 3), caption("left", 2, 9), caption("never", 7, 9)),
    }


def test_reads_parquet(tmp_path):
    columns = {"clip": ["a.mkv", "a"], "start": [0.0, 1.25], "end": [1, 2], "text": ["one", None]}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "table.parquet")
    assert read_captions(tmp_path / "table.parquet", Grid()) == {"a": (caption("one", 0, 1),)}


def test_reads_what_is_published(tmp_path):
    found = read_captions(table(tmp_path, "\ufeff" + RAS), Grid())
    assert found == {
        "01": (caption("A smile, and tears.", 0, 4), caption("Nothing.", 2, 6)),
        "video_7": (caption("Fury.", 6, 10),),
        "117": (caption('She said "NA".', 68, 72),),
    }
    other = read_captions(table(tmp_path, RAS), Grid(duration=2, step=0.5))
    assert other["video_7"] == (caption("Fury.", 1.5, 3.5),)


def test_clips_are_known_with_and_without_ending(tmp_path):
    path = table(tmp_path, SPANS)
    assert told(path, "a") == told(path, "a.avi") == told(path, "a.MKV")
    assert told(path, "a")[0].captions == (caption("alone", 0.5, 1),)
    assert told(path, "c.mp4")[0].captions == ()
    assert [without_ending(name) for name in ("take.2", "take.2.mov", "in/take.mp4")] == ["take.2", "take.2", "in/take"]


def test_hands_out_a_caption_where_it_ends(tmp_path):
    pieces = told(table(tmp_path, SPANS), length=SECOND)
    assert [[c.text for c in piece.captions] for piece in pieces] == [[], [], ["early", "late"], [], [], ["left"]]
    assert [piece.until for piece in pieces] == [*(n * SECOND for n in range(1, 6)), FOREVER]
    assert pieces[-1].captions == (caption("left", 2, 6),), "cut at the end of the clip"
    assert pieces[-1].text(2 * SECOND, 6 * SECOND) == "left", "so the last segment has it"


@pytest.mark.parametrize("length", [None, SECOND // 2, 2_500_000, 2_500_001])
def test_hands_out_each_once(tmp_path, length):
    found = [c.text for piece in told(table(tmp_path, SPANS), length=length) for c in piece.captions]
    assert found == ["early", "late", "left"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("clip,start,text\na,1,x\n", r"table\.csv has the columns clip, start, text, but .* clip, start, end, text or"),
        ("", r"has the columns none"),
        ("clip,start,end,text\na,0,1,x\na,1,soon,x\n", r"table\.csv, row 2 .*: end must be a number .* 'soon'"),
        ("clip,start,end,text\na,nan,1,x\n", r"row 1 .*: start must be a number .* 'nan'"),
        ("clip,start,end,text\na,0\n", r"row 1 .*: end must be a number"),
        ("clip,start,end,text\na,3,2,x\n", r"row 1 .*goes from 3 s to 2 s"),
        ("clip,start,end,text\na,2,2,x\n", r"row 1 .*goes from 2 s to 2 s"),
        ("clip,start,end,text\na,-1,2,x\n", r"row 1 .*begin at 0 or later"),
        ("clip,start,end,text\n,1,2,x\n", r"row 1 .*names no clip"),
        ("clip,start,end,text\na,1,2,hello, you\n", r"row 1 .*more cells than columns"),
        ("video_name,text\n01___0000.mp4,x\n02.mp4,x\n", r"row 2 .*as in 01___0000\.mp4, but is '02\.mp4'"),
        ('clip,start,end,text\na,1,2,"open\n', r"table\.csv cannot be read"),
    ],
)
def test_refuses_a_broken_table(tmp_path, text, sentence):
    with pytest.raises(CaptionTableError, match=sentence) as caught:
        read_captions(table(tmp_path, text), Grid())
    assert "\n" not in str(caught.value)


def test_refuses_what_is_no_table(tmp_path):
    for name in ("table.csv.gz", "table.parquet", "table.csv"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00nothing")
        with pytest.raises(CaptionTableError, match=rf"{name} cannot be read as CSV"):
            read_captions(tmp_path / name, Grid())
    with pytest.raises(FileNotFoundError, match=r"no table of captions .*none\.csv"):
        read_captions(tmp_path / "none.csv", Grid())


def test_clips_of_one_name_in_two_folders_are_two(tmp_path):
    path = table(tmp_path, "clip,start,end,text\na/01.mp4,0,4,crying\nb/01.mp4,0,4,laughing\nc/02.mp4,0,4,yawning\n")
    found = read_captions(path, Grid())
    assert [caption.text for caption in captions_of("a/01.mkv", found)] == ["crying"]
    assert [caption.text for caption in captions_of("02.mp4", found)] == ["yawning"], "only one is called so"
    assert captions_of("03.mp4", found) == ()
    with pytest.raises(CaptionTableError, match=r"has 2 clips called 01 \(a/01, b/01\)"):
        captions_of("01.mp4", found)
