"""What stands in the files of the ABAW challenges, as their lists and example files have it.

    ce      image_location,Fearfully_Surprised,…,Sadly_Angry        01/00001.jpg,0
    expr    image_location,Neutral,…,Other                          01/00001.jpg,0
    va      image_location,valence,arousal                          01/00001.jpg,0.5,-0.5
    au      image_location,AU1,…,AU26                               01/00001.jpg,0,1,0,…
    mtl     image,valence,arousal,expression,aus                    01/00001.jpg,0.5,-0.5,0,0,1,0,…

A class is one number, its place among the labels; valence and arousal lie in [-1, 1], an action unit is 0 or 1. What is
not known is −5 (valence, arousal) or −1, and left out in the CE file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from modalities.labels import ACTION_UNITS, COMPOUND, EXPRESSION, VALENCE_AROUSAL, Labels, Task

Kind = Literal["ce", "expr", "va", "au", "mtl"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class AbawError(ValueError):
    """A file that does not have the form of its challenge, or a challenge that there is not; a sentence says which."""


TASKS: Mapping[Kind, tuple[str, ...]] = {
    "ce": ("compound",),
    "expr": ("expression",),
    "va": ("valence_arousal",),
    "au": ("action_units",),
    "mtl": ("valence_arousal", "expression", "action_units"),
}
LABELS: Mapping[str, Labels] = {
    task.name: task.labels for task in (EXPRESSION, COMPOUND, VALENCE_AROUSAL, ACTION_UNITS)
}
UNKNOWN: Mapping[str, int] = {"compound": -1, "expression": -1, "valence_arousal": -5, "action_units": -1}
CLASSES = ("compound", "expression")
"""Tasks that are written as one number."""


def header(kind: Kind, labels: Labels) -> str:
    """Return the first line; `labels` are those of the file's task (the CE file's may be others than ABAW's seven)."""
    if kind == "mtl":
        return "image,valence,arousal,expression,aus"
    return ",".join(["image_location", *(name.replace(" ", "_") for name in labels)])


def width(task: str) -> int:
    """Count the numbers that a task takes in a line."""
    return 1 if task in CLASSES else len(LABELS[task])


def parse_kinds(text: str) -> tuple[Kind, ...]:
    """Read names of files beside that of CE, as `expr,va`; AbawError where there is no such file."""
    known: dict[str, Kind] = {kind: kind for kind in KINDS if kind != "ce"}
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in known]:
        raise AbawError(f"there is no ABAW file {', '.join(unknown)} beside that of CE; there are {', '.join(known)}")
    return tuple(dict.fromkeys(known[name] for name in names))


def check(kinds: Sequence[Kind], tasks: Mapping[str, Task]) -> None:
    """Raise ValueError where an ensemble's labels have no place in these files; compounds are free."""
    for kind in kinds:
        for name in TASKS[kind]:
            if strange := [label for label in tasks[name].labels if name != "compound" and label not in LABELS[name]]:
                known = ", ".join(LABELS[name])
                raise ValueError(f"the ABAW file {kind} has no {', '.join(strange)}, only {known}; leave it out")
