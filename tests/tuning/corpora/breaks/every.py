"""Every corpus of the catalog and every kind of break: how its tiny tree is harmed, and what comes of it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.tuning.corpora.breaks.breaking import (
    NO_FOLDER,
    Alike,
    Breaks,
    LeftOut,
    Never,
    Stops,
    copied,
    gone,
    with_header,
    with_line,
)
from tests.tuning.corpora.breaks.spoken import SPOKEN
from tests.tuning.corpora.films import film, write
from tests.tuning.corpora.trees.pictures import (
    AFFECTNET_HEADER,
    AFFECTNET_ROWS,
    RAFDB_LIST,
    affectnet,
    fer_line,
    picture,
)
from tests.tuning.corpora.trees.videos import (
    CAPTIONS_HEADER,
    CEXPRDB_HEADER,
    EXPR,
    FACES,
    MANIFEST_HEADER,
    MANIFEST_ROWS,
    MTL_ROW,
    SAD,
)


def rafdb(image: str, train: str) -> Breaks:
    """A part of RAF-DB: where an image lies by its name, and the first that trains."""
    return {
        "missing": Stops(
            with_line(RAFDB_LIST, "train_00008.jpg 2"),
            rf"{image.format('train_00008')} is missing, but list_patition_label.txt tells of it",
        ),
        "header": Stops(
            lambda root: write(root / RAFDB_LIST, "image,label", "train_00001.jpg 5"),
            "list_patition_label.txt, line 1 is 'image,label', but must be like 'train_00001.jpg 5'",
        ),
        "label": Stops(
            with_line(RAFDB_LIST, "train_00001.jpg 12"),
            "list_patition_label.txt, line 4: the class is '12', but must be one of 1, 2, 3",
        ),
        "overlap": Alike(
            copied(image.format(train), image.format("test_0001")),
            rf"{image.format('test_0001')} \(test\) and .*{image.format(train)} \(train\) have the same content",
        ),
    }


ALIGNED, ORIGINAL = "Image/aligned/{}_aligned.jpg", "Image/original/{}.jpg"


def captions(prompt: int) -> Breaks:
    train, dev = (f"{split}_segment_with_text_{prompt}.csv" for split in ("train", "dev"))
    one = f"117___0_120_0000.avi,x,{SAD}"

    def both(root):
        for table in (train, dev):
            write(root / table, CAPTIONS_HEADER, one)

    return {
        "missing": Stops(gone(f"*_{prompt}.csv"), rf"there is no \*_segment_with_text_{prompt}.csv\*"),
        "header": Stops(
            with_header(train, "Fear", "Angst"), rf"{train} has the columns .*, but lacks Fear; is it the file"
        ),
        "label": Stops(
            with_line(train, "1___Sad_0000.avi,x,0,2,0,0,0,0,0,0"),
            rf"{train}, row \d below the header: the labels are 0.*, but must be shares that sum to 1",
        ),
        "overlap": Stops(both, "the subject 117 stands in dev and train; put all its clips into one"),
    }


def relabelled(root: Path, **labels: np.ndarray) -> None:
    """Change labels of one clip of the demo."""
    path = min(root.glob("*.npz"))
    with np.load(path) as made:
        told = {name: made[name] for name in made.files}
    np.savez(path, **{**told, **labels})


BROKEN: Mapping[str, Breaks] = {
    "demo": {
        "missing": Stops(
            lambda root: sorted(root.glob("*.mp4"))[0].unlink(), r"1 of 135 clips are missing .* `twofold demo`"
        ),
        "header": Stops(
            lambda root: [np.savez(path, faces=np.zeros(3)) for path in root.glob("*.npz")],
            "there is no demo corpus in .*; make one with `twofold demo`",
        ),
        "label": Stops(
            lambda root: relabelled(root, valence_arousal=np.array([[0, 0], [0.5, 1.5]], np.float32)),
            "labels of valence_arousal are 0.5, 1.5, but must be from -1 to 1",
        ),
        "overlap": Never("the plan, which the reader makes anew from its seed, says who is in which split"),
    },
    **SPOKEN,
    "rafdb": rafdb(ALIGNED, "train_00001"),
    "rafdb_original": rafdb(ORIGINAL, "train_00001"),
    "rafdb_compound": rafdb(ALIGNED, "train_0001"),
    "rafdb_compound_original": rafdb(ORIGINAL, "train_0001"),
    "affectnet": {
        "missing": Stops(gone("*/*_Images/10/c.png"), "10/c.png is missing, but training.csv lists it"),
        "header": Stops(
            lambda root: affectnet(root, header=AFFECTNET_HEADER.replace("expression", "emotion")),
            "training.csv has the columns .*, but lacks expression; is it the file",
        ),
        "label": Stops(
            lambda root: affectnet(root, {"validation": ["10/d.jpg,0,0,9,9,1;2,11,0,0"]}),
            "validation.csv: 10/d.jpg: the expression is '11', but must be one of 0, 1",
        ),
        "overlap": Stops(
            lambda root: affectnet(root, {"training": AFFECTNET_ROWS["validation"]}),
            "the subject 10/d.jpg stands in test and train; put all its clips into one",
        ),
    },
    "ckplus": {
        "missing": Stops(gone("*/*.png"), NO_FOLDER),
        "header": Stops(
            lambda root: picture(root / "anger/me.png", 200), "anger/me.png is not named like S010_004_00000017.png"
        ),
        "label": Stops(
            lambda root: picture(root / "neutral/S010_001_00000001.png", 200),
            "neutral/S010_001_00000001.png: the folder is 'neutral', but must be one of",
        ),
        # By its name the copy is of S011, whom our rule puts into another split than S010.
        "overlap": LeftOut(copied("anger/S010_004_00000017.png", "anger/S011_004_00000017.png")),
    },
    "fer2013": {
        "missing": Stops(gone("fer2013.csv"), NO_FOLDER),
        "header": Stops(
            with_header("fer2013.csv", "emotion", "label"),
            "fer2013.csv has the columns label, pixels, Usage, but lacks emotion;",
        ),
        "label": Stops(
            with_line("fer2013.csv", fer_line(9, 7, "Training")),
            "fer2013.csv, line 6: the emotion is '7', but must be one of 0, 1, 2",
        ),
        "overlap": LeftOut(with_line("fer2013.csv", fer_line(3, 4, "Training"))),
    },
    "affwild2": {
        "missing": Stops(gone("videos/batch1/117.avi"), r"videos/\*\*/117.mp4 \(or .avi\) is missing, but 117 is"),
        "header": Stops(
            lambda root: write(root / EXPR / "Train_Set/117.txt", "Anger,Neutral", "0"),
            "Train_Set/117.txt begins with 'Anger,Neutral', but must begin with 'Neutral,Anger,Disgust,Fear",
        ),
        "label": Stops(
            lambda root: write(root / EXPR / "Train_Set/117.txt", FACES, "0", "8"),
            "Train_Set/117.txt, line 3: expression is 8, but must be -1 .not labelled. or a whole number from 0 to 7",
        ),
        "overlap": Stops(
            lambda root: write(root / EXPR / "Train_Set/video59_right.txt", FACES, "0"),
            "the subject video59 stands in dev and train; put all its clips into one",
        ),
    },
    "affwild2_mtl": {
        "missing": Stops(gone("**/validation_set.txt"), r"MTL_Challenge/validation_set\.txt is missing, but the multi"),
        "header": Stops(
            lambda root: write(root / "annotations/MTL_Challenge/train_set.txt", "image,arousal"),
            "train_set.txt begins with 'image,arousal', but must begin with 'image,valence",
        ),
        "label": Stops(
            with_line("annotations/MTL_Challenge/train_set.txt", "117/00005.jpg,0,0,9," + MTL_ROW.split(",", 3)[3]),
            "train_set.txt, line 5: expression is 9, but must be -1",
        ),
        "overlap": Stops(
            with_line("annotations/MTL_Challenge/train_set.txt", f"video59_right/00001.jpg,{MTL_ROW}"),
            "the subject video59 stands in dev and train; put all its clips into one",
        ),
    },
    "afew": {
        "missing": Stops(gone("Val_AFEW"), r"there is no Val_AFEW/\*/\* .*; is this the folder of the corpus\?"),
        "header": Never("there is no table: folders are labels, and what they are called is checked as such"),
        "label": Stops(
            lambda root: film(root / "Val_AFEW/Bored/1.avi"),
            r"Val_AFEW/Bored/1\.avi: the folder is 'Bored', but must be one of Neutral",
        ),
        "overlap": Alike(
            copied("Train_AFEW/Angry/000046280.avi", "Val_AFEW/Surprise/000046280.avi"),
            r"Train_AFEW/Angry/000046280.avi \(train\) and .*Val_AFEW/.*000046280.avi \(dev\) have the same content",
        ),
    },
    "cexprdb": {
        "missing": Stops(gone("videos/01.mp4"), r"videos/\*\*/01.mp4 is missing, but its frames are listed"),
        "header": Stops(
            lambda root: write(root / "list.txt", "image_location,Neutral"),
            "list.txt begins with 'image_location,Neutral', but must begin with 'image",
        ),
        "label": Stops(
            lambda root: write(root / "list.txt", CEXPRDB_HEADER, "01/00001.jpg,7"),
            "list.txt, line 2: the class is '7', but must be one of -1, 0, 1, 2",
        ),
        "overlap": Never("it has a test split alone"),
    },
    "manifest": {
        "missing": Stops(gone("films/ann.mp4"), "films/ann.mp4 is missing, but manifest.csv, row 1 names it"),
        "header": Stops(
            lambda root: write(root / "manifest.csv", "path,split", "films/ann.mp4,dev"),
            "manifest.csv has the columns path, split, but lacks subject",
        ),
        "label": Stops(
            lambda root: write(root / "manifest.csv", MANIFEST_HEADER, "films/ann.mp4,,,ann,dev,Joy,,"),
            "manifest.csv, row 1 below the header: the expression is 'Joy', but must be one of Neutral",
        ),
        "overlap": Stops(
            lambda root: (
                write(root / "manifest.csv", MANIFEST_HEADER, *MANIFEST_ROWS, "films/cy.mp4,,,ann,dev,,,")
                and film(root / "films/cy.mp4")
            ),
            "the subject ann stands in dev and train; put all its clips into one",
        ),
    },
    "ras_captions": captions(1),
    "ras_captions_2": captions(2),
}
