"""The files of the ABAW challenges: written from timelines, and read back."""

from ensemble.write.abaw.formats import KINDS, AbawError, Kind, check, parse_kinds
from ensemble.write.abaw.frames import ras_classes, ras_frames, reference_frames
from ensemble.write.abaw.reading import Sheet, read_abaw
from ensemble.write.abaw.submission import submission, write_abaw

__all__ = [
    "KINDS",
    "AbawError",
    "Kind",
    "Sheet",
    "check",
    "parse_kinds",
    "ras_classes",
    "ras_frames",
    "read_abaw",
    "reference_frames",
    "submission",
    "write_abaw",
]
