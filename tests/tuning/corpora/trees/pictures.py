"""Tiny trees of corpora of pictures: RAF-DB, AffectNet, CK+ and FER2013."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tests.tuning.corpora.films import write


def picture(path: Path, grey: int = 99, side: int = 48) -> None:
    """Write a grey picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side, 3), grey, np.uint8)).save(path)


BASIC = ("train_00001.jpg 5", "train_00002.jpg 7", "test_0001.jpg 1")
COMPOUND = ("train_0001.jpg 1", "train_0002.jpg 6", "test_0001.jpg 11")
RAFDB_LIST = "EmoLabel/list_patition_label.txt"


def rafdb(root: Path, lines: tuple[str, ...] = BASIC, images: tuple[str, ...] | None = None) -> Path:
    """Lines of the list, and both pictures of each (or of `images`); no two are alike."""
    write(root / RAFDB_LIST, *lines)
    for grey, stem in enumerate(sorted({line.split(".")[0] for line in (images or lines)})):
        picture(root / f"Image/aligned/{stem}_aligned.jpg", 100 + 9 * grey, side=100)
        picture(root / f"Image/original/{stem}.jpg", 100 + 9 * grey, side=60)
    return root


AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)
AFFECTNET_ROWS = {
    "training": ["689/a.jpg,0,0,9,9,1;2,1,0.5,-0.25", "689/b.JPG,0,0,9,9,1;2,8,-2,-2", "10/c.png,0,0,9,9,1;2,7,-1,1"],
    "validation": ["10/d.jpg,0,0,9,9,1;2,0,0,0"],
}
AFFECTNET_FILES = {"train_set": {"0": ("1", "0.5", "-0.25"), "7": ("7", "-2", "-2")}, "val_set": {"0": ("0", "0", "0")}}


def affectnet(
    root: Path,
    rows: Mapping[str, list[str]] = AFFECTNET_ROWS,
    header: str = AFFECTNET_HEADER,
    place: str = "Manually_Annotated/",
) -> Path:
    """The official tables."""
    for name, lines in rows.items():
        write(root / f"{place}Manually_Annotated_file_lists/{name}.csv", header, *lines)
    for grey, name in enumerate(("689/a.jpg", "10/c.png", "10/d.jpg")):
        picture(root / f"{place}Manually_Annotated_Images/{name}", 90 + 9 * grey, side=24)
    return root


def affectnet_annotated(root: Path, files: Mapping[str, Mapping[str, tuple[str, ...]]] = AFFECTNET_FILES) -> Path:
    """The release of 2021: a file per label."""
    for folder, numbers in files.items():
        (root / folder / "annotations").mkdir(parents=True)
        for number, labels in numbers.items():
            picture(root / folder / f"images/{number}.jpg")
            for kind, label in zip(("exp", "val", "aro"), labels, strict=True):
                np.save(root / folder / f"annotations/{number}_{kind}.npy", np.array(label))
    return root


CKPLUS = (
    "anger/S010_004_00000017.png",
    "anger/S010_004_00000018.png",
    "contempt/S138_008_00000008.png",
    "happy/S010_006_00000013.png",
    "surprise/S999_001_00000014.png",
)


def ckplus(root: Path) -> Path:
    for grey, name in enumerate(CKPLUS):
        picture(root / name, grey)
    return root


FER_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def fer_pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (48, 48)).astype(np.uint8)


def fer_line(seed: int, emotion: int, usage: str) -> str:
    return f"{emotion},{' '.join(map(str, fer_pixels(seed).ravel()))},{usage}"


FER_ROWS = (
    fer_line(0, 0, "Training"), fer_line(1, 3, "Training"), fer_line(2, 6, "PublicTest"), fer_line(3, 5, "PrivateTest"),
)  # fmt: skip


def fer2013(root: Path, rows: tuple[str, ...] = FER_ROWS, header: str = "emotion,pixels,Usage") -> Path:
    write(root / "fer2013.csv", header, *rows)
    return root


def fer2013_arrays(root: Path, **changed: np.ndarray) -> Path:
    stored = {
        "images": np.stack([fer_pixels(0), fer_pixels(1), fer_pixels(3), fer_pixels(1)]),
        "label": np.array([0, 3, 5, 3], np.int8),
        "split": np.array(["train", "train", "test", "test"]),
        "classes": np.array(FER_CLASSES),
    }
    np.savez(root / "part.npz", **{**stored, **changed})
    return root
