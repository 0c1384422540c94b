"""Tiny trees of corpora of videos, and of tables about videos."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from modalities.labels import ABAW_PAIRS, ACTION_UNITS, EXPRESSION, tasks
from tests.tuning.corpora.films import film, write
from tuning.corpora.demo import plan_demo


def demo(root: Path) -> Path:
    """All clips of the plan, each the same short film, labelled at two of its frames."""
    one = film(root / "one.mp4")
    labels = {task.name: np.eye(2, len(task.labels), dtype=np.float32) for task in tasks().values()}
    for script in plan_demo(0):
        (root / f"{script.name}.mp4").hardlink_to(one)
        told = {
            **labels,
            "times": np.array([0, 40_000]),
            "script": np.array(json.dumps(asdict(script), sort_keys=True)),
        }
        np.savez(root / f"{script.name}.npz", **told)
    one.unlink()
    return root


EXPR, VA, AU = (f"annotations/{name}_Challenge" for name in ("EXPR_Recognition", "VA_Estimation", "AU_Detection"))
FACES, MOODS, UNITS = ",".join(EXPRESSION.labels), "valence,arousal", ",".join(ACTION_UNITS.labels)
NO_UNITS = ",".join("0" * 12)
MTL_ROW = "0.1,-0.2,7," + NO_UNITS


def affwild2(root: Path) -> Path:
    film(root / "videos/batch1/117.avi")
    film(root / "videos/batch2/video59.mp4", grey=90)
    film(root / "videos/118-30-640x480.mp4", grey=100)
    write(root / EXPR / "Train_Set/117.txt", FACES, "-1", "0", "4")
    write(root / VA / "Train_Set/117.txt", MOODS, "0.148,0.352", "-5,-5", "1,-1", "-0.5,0", "-5,-5")
    write(root / AU / "Train_Set/117.txt", UNITS, "1" + NO_UNITS[1:], "-1," * 11 + "-1")
    write(root / EXPR / "Validation_Set/video59_left.txt", FACES, "7")
    write(root / EXPR / "Validation_Set/video59_right.txt", FACES, "6")
    write(root / VA / "Validation_Set/118-30-640x480.txt", MOODS, "0,0")
    return root


def affwild2_mtl(root: Path) -> Path:
    affwild2(root)
    write(
        root / "annotations/MTL_Challenge/train_set.txt",
        "image,valence,arousal,expression,aus",
        "117/00004.jpg,-5,-5,3," + "-1," * 11 + "-1",
        f"117/00001.jpg,{MTL_ROW}",
        f"117/00001.jpg,{MTL_ROW}",
    )
    write(root / "annotations/MTL_Challenge/validation_set.txt", f"video59_left/00002.jpg,{MTL_ROW}")
    return root


def afew(root: Path) -> Path:
    places = ("Train_AFEW/Angry/000046280", "Train_AFEW/Happy/005153760", "Val_AFEW/Surprise/005153760")
    for number, place in enumerate(places):
        film(root / f"{place}.avi", grey=80 + 10 * number)
    return root


CEXPRDB_HEADER = ",".join(["image_location", *(name.replace(" ", "_") for name in ABAW_PAIRS)])


def cexprdb(root: Path) -> Path:
    film(root / "videos/01.mp4")
    film(root / "videos/more/10.avi", grey=90)
    write(root / "list.txt", CEXPRDB_HEADER, "01/00001.jpg,3", "01/00002.jpg,", "01/00004.jpg,6", "10/00001.jpg,-1")
    return root


# --------------------------------------------------------------------------------------------------------------- tables

CAPTIONS_HEADER = "video_name,text,Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other"
ANGRY, SAD, NOTHING = "0,1,0,0,0,0,0,0", "0,0,0,0,0,1.0,0,0", ",,,,,,,"


def ras_captions(root: Path) -> Path:
    """AFEW's, of both prompts."""
    write(
        root / "train_segment_with_text_1.csv",
        CAPTIONS_HEADER,
        f'000046280___Angry_0001.avi,"Later, he shouts.",{ANGRY}',
        f"000046280___Angry_0000.avi,A dim room.,{ANGRY}",
        f"005153760___Angry_0000.avi,,{ANGRY}",
    )
    write(root / "dev_segment_with_text_1.csv", CAPTIONS_HEADER, f"005153760___Sad_0000.avi,Tears.,{SAD}")
    write(root / "train_segment_with_text_2.csv", CAPTIONS_HEADER, f"000046280___Angry_0000.avi,Angry.,{ANGRY}")
    return root


MANIFEST_HEADER = "path,start,end,subject,split,expression,valence,AU12"
MANIFEST_ROWS = (
    "films/ann.mp4,0.1,0.2,ann,train,Happiness,0.8,1",
    "films/ann.mp4,0,0.1,ann,train,Calm,0,0",
    "films/bob.avi,,,bob,dev,,,",
)


def manifest(root: Path) -> Path:
    film(root / "films/ann.mp4")
    film(root / "films/bob.avi", grey=90)
    write(root / "manifest.csv", MANIFEST_HEADER, *MANIFEST_ROWS)
    return root
