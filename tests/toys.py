"""Small real parts: coloured squares are faces, tones are voices, their pitch is the words (`tests/films.py`).

They work as the real ones do (memory between stretches, spans that stay open, tracks numbered as they appear), but in
microseconds and without any asset, so that a test can say by hand what must come out. None of them is a mock: every
road a test takes through them is the product's own.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch

from ensemble.plan import EnsembleSettings, Plan
from modalities.cues.caption import CaptionCue
from modalities.cues.cue import Cue
from modalities.encoders.encoder import Encoder, SoundEncoder
from modalities.grid import Grid
from modalities.types import (
    FOREVER,
    SAMPLE_RATE,
    SECOND,
    Faces,
    Frames,
    Speech,
    Transcript,
    Waveform,
    Word,
)

BLOCK = 320
"""Samples of 20 ms, which `Tones` looks at together."""


# --------------------------------------------------------------------------------------------------------------- cues


class Marks(Cue):
    """A person is a square in one colour channel; tracks are numbered in the order in which they appear."""

    name = "marks"
    wants: ClassVar = {"frames": Frames}
    gives = Faces

    @property
    def needs(self):
        return {"frames": "frames"}

    def perceive(self, percepts, segments, memory):
        frames, known = percepts["frames"], dict(memory or {})
        rows = []
        for time, image in zip(frames.times.tolist(), frames.images, strict=True):
            found = [(channel, image[..., channel]) for channel in range(2) if image[..., channel].max() > 50]
            for channel, _ in found:
                known.setdefault(channel, len(known))
            rows += sorted((known[channel], time, plane) for channel, plane in found)
        return _faces(rows, frames), known


def _faces(rows, frames):
    boxes, shapes = np.zeros((len(rows), 4), np.float32), np.zeros((len(rows), 52), np.float32)
    for row, (_, time, plane) in enumerate(rows):
        height, width = plane.shape
        down, across = np.nonzero(plane > 50)
        boxes[row] = across.min() / width, down.min() / height, (across.max() + 1) / width, (down.max() + 1) / height
        light = plane[plane > 50].mean() / 255
        shapes[row, :6] = light, light**2, np.sin(9 * light), np.cos(5 * light), time % 700 / 700, boxes[row, 0]
    return Faces(
        times=np.array([time for _, time, _ in rows], np.int64),
        tracks=np.array([track for track, _, _ in rows], np.int64),
        boxes=boxes,
        scores=np.ones(len(rows), np.float32),
        detected=np.ones(len(rows), np.bool_),
        crops=np.zeros((len(rows), 1, 1, 3), np.uint8),
        landmarks=np.zeros((len(rows), 478, 3), np.float32),
        blendshapes=shapes,
        pose=np.zeros((len(rows), 3), np.float32),
        looked=frames.times,
        ran=np.ones(len(frames.times), np.bool_),
        until=frames.until,
    )


@dataclass(frozen=True)
class Heard:
    """What `Tones` remembers: sound that fills no block yet, blocks so far, and where the open span began."""

    rest: np.ndarray
    origin: int
    blocks: int = 0
    open: int | None = None

    def time(self, block):
        """When a block begins."""
        return self.origin + block * BLOCK * SECOND // SAMPLE_RATE


class Tones(Cue):
    """Somebody speaks where it is loud; a span is told when it is over."""

    name = "tones"
    wants: ClassVar = {"waveform": Waveform}
    gives = Speech

    @property
    def needs(self):
        return {"waveform": "waveform"}

    def perceive(self, percepts, segments, memory):
        waveform = percepts["waveform"]
        last = waveform.until >= FOREVER
        if memory is None:
            if not len(waveform.samples):
                return Speech(np.zeros((0, 2), np.int64), waveform.until), None
            memory = Heard(waveform.samples[:0], waveform.start)
        sound = np.concatenate([memory.rest, waveform.samples])
        whole = len(sound) // BLOCK
        spans, open_from = [], memory.open
        for number, block in enumerate(sound[: whole * BLOCK].reshape(-1, BLOCK), memory.blocks):
            loud = float(np.sqrt(np.mean(block**2))) > 0.1
            if loud and open_from is None:
                open_from = number
            if not loud and open_from is not None:
                spans.append((memory.time(open_from), memory.time(number)))
                open_from = None
        memory = replace(memory, rest=sound[whole * BLOCK :].copy(), blocks=memory.blocks + whole, open=open_from)
        if last and open_from is not None:
            spans.append((memory.time(open_from), memory.time(memory.blocks)))
        until = FOREVER if last else memory.time(memory.blocks if open_from is None else open_from)
        return Speech(np.array(spans, np.int64).reshape(-1, 2), until), memory


class Pitch(Cue):
    """Every span of speech is a word: `high` or `low`, by its zero crossings. Needs another cue."""

    name = "pitch"
    wants: ClassVar = {"waveform": Waveform, "speech": Speech}
    gives = Transcript

    class Config(Cue.Config):
        """Which cue hears where somebody speaks."""

        speech: str = "speech"

    @property
    def needs(self):
        return {"waveform": "waveform", "speech": self.config.speech}

    def perceive(self, percepts, segments, memory):
        waveform, speech = percepts["waveform"], percepts["speech"]
        held = waveform if memory is None else memory.join(waveform)
        words = []
        for start, end in speech.spans.tolist():
            sound = held.cut(start, end)
            rate = float(np.mean(np.diff(np.signbit(sound)) != 0))
            words.append(Word("high" if rate > 0.05 else "low", start, end, 1.0, "aligned"))
        return Transcript(tuple(words), speech.until), held.since(speech.until)


class Light(CaptionCue):
    """Tells how bright a segment's frames are, and nothing of dark ones."""

    name = "light"
    wants: ClassVar = {"frames": Frames}

    class Config(CaptionCue.Config):
        """Segments of one second."""

        grid: Grid = Grid(duration=1, step=0.5, tail=0.25)

    @property
    def needs(self):
        return {"frames": "frames"}

    def describe(self, percepts, segments):
        frames, texts = percepts["frames"], []
        for segment in segments:
            inside = (frames.times >= segment.start) & (frames.times < segment.end)
            light = max((float(frames.images[row].max()) for row in np.flatnonzero(inside)), default=0.0)
            texts.append(f"light of {light:.0f}" if light > 100 else "")
        return texts


# ----------------------------------------------------------------------------------------------------------- encoders


class Shapes(Encoder[Faces]):
    """The first blendshapes."""

    name = "shapes"
    kind = "face"
    width = 6

    def encode(self, inputs):
        return inputs.blendshapes[:, : self.width]


class Loudness(SoundEncoder):
    """Loudness, zero crossings and peak of every tenth of a second; at least one step."""

    name = "loudness"
    width = 3
    LENGTH = SAMPLE_RATE // 10

    def encode(self, inputs):
        steps = max(1, len(inputs) // self.LENGTH)
        parts = np.array_split(inputs, steps)
        rows = [(np.sqrt((p**2).mean()), np.mean(np.diff(np.signbit(p)) != 0), np.abs(p).max()) for p in parts]
        return np.array(rows, np.float32)

    def times(self, steps):
        return np.arange(steps, dtype=np.int64) * SECOND // 10 + SECOND // 20


class Counts(Encoder[list[str]]):
    """How often each word is said."""

    name = "counts"
    kind = "text"
    width = 2

    def encode(self, inputs):
        rows = [[text.split().count(word) for word in ("high", "low")] for text in inputs]
        return np.array(rows, np.float32).reshape(-1, self.width)


# ----------------------------------------------------------------------------------------------------------- ensemble

PAPERS, SHORT = {"duration": 4, "step": 2, "tail": 1}, {"duration": 2, "step": 1, "tail": 0.5}
SEVEN = ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Neutral")
"""Expressions of a member that does not know "Other"; in an order of its own."""


def settings(timeline="frames", **changes):
    """Five members of three modalities with different grids; one knows fewer labels, two speak fewer tasks."""
    face = {
        "static": {"kind": "mean", "grid": "frames", "tasks": ("expression", "valence_arousal", "action_units")},
        "attention": {"kind": "attention", "grid": PAPERS},
    }
    audio = {"attention": {"kind": "attention", "grid": SHORT}, "mean": {"kind": "mean", "grid": PAPERS}}
    text = {"mean": {"kind": "mean", "grid": PAPERS, "tasks": ("expression",), "speaks": {"expression": SEVEN}}}
    table = {
        "cues": {
            "words": {"kind": "tests.toys:Pitch", "speech": "voice"},
            "voice": {"kind": "tests.toys:Tones"},
            "people": {"kind": "tests.toys:Marks"},
        },
        "modalities": {
            "face": {
                "kind": "face",
                "heads": face,
                "settings": {"encoder": {"kind": "tests.toys:Shapes"}, "faces": "people"},
            },
            "audio": {
                "kind": "audio",
                "heads": audio,
                "settings": {"encoder": {"kind": "tests.toys:Loudness"}, "speech": "voice"},
            },
            "text": {
                "kind": "text",
                "heads": text,
                "settings": {"encoder": {"kind": "tests.toys:Counts"}, "transcript": "words"},
            },
        },
        "timeline": timeline,
    }
    return EnsembleSettings.model_validate({**table, **changes})


def plan(timeline="frames", **changes):
    """Make the toy plan, with weights drawn so that nothing is near zero."""
    made = Plan.of(settings(timeline, **changes))
    for number, part in enumerate([*made.heads.values(), made.fusion]):
        randomise(part, number)
    return made


def randomise(part, seed=0):
    """Draw every parameter: weights that begin at zero hide errors."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in part.parameters():
            drawn = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(drawn * (1.5 / parameter.shape[-1] ** 0.5 if parameter.ndim > 1 else 0.5))
    return part
