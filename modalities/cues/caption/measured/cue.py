"""The cue: a caption of each segment, written from what other cues measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, cast

import numpy as np

from modalities.cues.caption.cue import CaptionCue
from modalities.cues.caption.measured.face import describe_face
from modalities.cues.caption.measured.head import describe_company, describe_head, describe_view, main_track
from modalities.cues.caption.measured.scene import describe_scene
from modalities.cues.caption.measured.voice import describe_voice
from modalities.types import Faces, Frames, Percept, Segment, Speech, Waveform


class MeasuredCaption(CaptionCue):
    """Geometry of the face that fills most of the segment, motion of the head, light, and voice, in plain English.

    It needs no model and no download. Phrases come from tables (`rules.py`); none names an emotion. A segment without a
    frame and without speech has no caption.
    """

    name: ClassVar[str] = "measured"
    wants: ClassVar[Mapping[str, type[Percept]]] = {
        "faces": Faces, "frames": Frames, "waveform": Waveform, "speech": Speech,
    }  # fmt: skip

    class Config(CaptionCue.Config):
        """Which cues find the faces and hear where somebody speaks."""

        faces: str = "faces"
        speech: str = "speech"

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """Faces, frames, waveform and speech."""
        return {
            "faces": self.config.faces, "frames": "frames", "waveform": "waveform", "speech": self.config.speech,
        }  # fmt: skip

    def describe(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> list[str]:
        """Write a sentence about people, one about speech and one about the picture; each where there is one."""
        return [_describe(percepts, segment) for segment in segments]


def _describe(percepts: Mapping[str, Percept], segment: Segment) -> str:
    faces = _faces_in(cast(Faces, percepts["faces"]), segment)
    frames = _frames_in(cast(Frames, percepts["frames"]), segment)
    waveform, speech = cast(Waveform, percepts["waveform"]), cast(Speech, percepts["speech"])
    if not len(faces.looked) and not speech.share(segment.start, segment.end):
        return ""
    people = _describe_people(faces, segment) if len(faces.looked) else ""
    sentences = (people, describe_voice(waveform, speech, segment), ", ".join(describe_scene(frames)))
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences if sentence)


def _describe_people(faces: Faces, segment: Segment) -> str:
    company = describe_company(faces)
    if not len(faces):
        return company
    person = faces.take(faces.tracks == main_track(faces))
    shown, changes = describe_face(person, segment)
    clauses = [company, ", ".join(shown), *changes, *describe_head(person, segment), describe_view(person)]
    return "; ".join(clause for clause in clauses if clause)


def _faces_in(faces: Faces, segment: Segment) -> Faces:
    looked = (faces.looked >= segment.start) & (faces.looked < segment.end)
    rows = np.flatnonzero((faces.times >= segment.start) & (faces.times < segment.end))
    return replace(faces.take(rows), looked=faces.looked[looked], ran=faces.ran[looked])


def _frames_in(frames: Frames, segment: Segment) -> Frames:
    first, last = np.searchsorted(frames.times, (segment.start, segment.end))
    return Frames(frames.times[first:last], frames.images[first:last], frames.until)
