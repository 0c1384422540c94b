"""Makers of parts for the contracts: by catalog with default settings, over toys, or with drawn weights."""

import atexit
import tempfile
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch

from modalities.catalog import CUES, HEADS, MODALITIES, find
from modalities.heads.lexicon import LexiconHead
from modalities.heads.mamba import MambaBlock
from modalities.heads.matching import MatchingHead
from modalities.labels import tasks
from modalities.types import Segment
from tests import chat_server, toys
from tests.checks import cues, heads, modalities
from tests.films import film

TWO_PEOPLE = film(5.6)

WIDTH = 6
"""Of the steps that heads are given."""

UNTRAINED = {"most_doubt": 1000.0, "languages": ("en", "de", "es", "fr", "zh")}
"""What a recogniser with random weights is not to be doubted for."""


ASKED = {
    "endpoint": lambda: {"url": chat_server.shared().url, "model": "hashes"},
    "caption_table": lambda: {"path": caption_table()},
    "match": lambda: {"encoder": {"kind": "clip_picture", "preset": "tiny"}},
    "tokens": lambda: {"model": {"kind": "roberta", "preset": "tiny"}},
}
"""Part → a maker of the settings that have no default, or one that is too large for a test."""


@cache
def caption_table():
    """A table of captions for the clip `film`, one of which goes on after its end; it lies there while tests run."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "captions.csv"
    path.write_text(
        "clip,start,end,text\nfilm.mp4,0.2,1.1,a smile\nfilm,1,4.5,tears\nfilm,4,8,a frown\nother,1,2,joy\n"
    )
    return path


def default(kind, catalog):
    """Make a part with its default settings; a model that others trained is made as its tiny preset."""
    part = find(kind, catalog)
    fields = part.Config.model_fields
    preset = {"preset": "tiny"} if "preset" in fields else {}
    heard = {name: value for name, value in UNTRAINED.items() if preset and name in fields}
    return part(part.Config(**ASKED.get(kind, dict)(), **preset, **heard))


OF_HEADS = {
    "mamba": {"layers": 1},  # drawn weights are large, and what a block adds grows with the fifth power of its input
    "match": {"preset": "tiny", "width": 32},
    "clip": {"size": 16, "width": 3},
    "given": {"width": sum(len(task.labels) for task in tasks().values())},
    "convolutional": {"width": 3, "channels": (8, 16)},
    "tuned": {"width": 320, "backbone": {"kind": "wavlm", "preset": "tiny"}},
    "lexicon": {"width": 1, "least": 1},
}
"""Head → settings."""


def make_head(kind, seed=0):
    """Make a head that speaks all tasks that it can; its weights are drawn, for zeros hide errors."""
    part, known = find(kind, HEADS), tasks()
    if issubclass(part, MatchingHead):
        known = {name: task for name, task in known.items() if task.kind == "distribution"}
    settings = {
        "width": WIDTH,
        "speaks": {name: task.labels.names for name, task in known.items()},
        "kinds": {name: task.kind for name, task in known.items()},
    }
    head = part(part.Config.model_validate({**settings, "hidden": 64, **OF_HEADS.get(kind, {})}))
    if isinstance(head, LexiconHead):
        batch = batch_for(kind)
        head.standardise_by(batch.steps, batch.mask)  # without a vocabulary, it has no weights
    return draw_weights(head, seed)


def draw_weights(head, seed=0):
    """Draw the weights of a head: those that begin at zero hide errors."""
    toys.randomise(head, seed)
    with torch.no_grad():
        for module in head.modules():
            if isinstance(module, MambaBlock):
                module.A.abs_()  # drawn below zero, nothing would be forgotten and the state would grow without bound
    return head


def batch_for(kind):
    """Draw steps of the kind that a head is made for."""
    if kind in ("clip", "convolutional"):
        return heads.Batch.pixels(20)
    batch = heads.Batch.draw(OF_HEADS.get(kind, {}).get("width", WIDTH))
    return replace(batch, steps=(batch.steps * 60).long() % 256) if kind == "lexicon" else batch


MODALITIES_OVER_TOYS = {
    "face": {"kind": "face", "encoder": {"kind": "tests.toys:Shapes"}},
    "audio": {"kind": "audio", "encoder": {"kind": "tests.toys:Loudness"}},
    "text": {"kind": "text", "encoder": {"kind": "tests.toys:Counts"}},
    "scene": {"kind": "scene", "encoder": {"kind": "tests.toys:Counts"}},
    "match": {"kind": "match", "encoder": {"kind": "pixels", "size": 4}},
}


def modality_over_toys(name):
    """A real modality over a toy encoder, and percepts of the toy clip: needs no asset."""
    part = find(name, MODALITIES)
    settings = {key: value for key, value in MODALITIES_OVER_TOYS[name].items() if key != "kind"}
    footage = TWO_PEOPLE.stretches(None)
    heard = cues.Scene(TWO_PEOPLE.stretches, {"speech": partial(default, "tests.toys:Tones", CUES)})
    found = {
        "faces": cues.perceive(partial(default, "tests.toys:Marks", CUES), heard, footage)[0],
        "speech": cues.perceive(partial(default, "tests.toys:Tones", CUES), heard, footage)[0],
        "transcript": cues.perceive(partial(default, "tests.toys:Pitch", CUES), heard, footage)[0],
        "caption": cues.perceive(partial(default, "tests.toys:Light", CUES), heard, footage)[0],
        "waveform": footage[0].waveform,
        "frames": footage[0].frames,
    }
    track = 1 if name == "face" else None
    spans = [(0, 4_000_000), (1_234_567, 3_000_001), (2_000_000, 5_600_000), (3_000_000, 3_200_000)]
    segments = [Segment(start, end, track) for start, end in spans]
    roles = {role: found[role] for role in part.wants}
    return lambda: part(part.Config.model_validate(settings)), modalities.Subject(roles, segments, TWO_PEOPLE.end)
