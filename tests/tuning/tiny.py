"""A tiny corpus whose encodings are drawn, not perceived: what a member should say is written into its steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from ensemble.perception import Impression
from ensemble.plan import Plan
from ensemble.tracks import Sightings
from modalities.assets import cache_folder
from modalities.grid import FRAMES, Grid, cut
from modalities.labels import ABAW_PAIRS, ACTION_UNITS, EXPRESSION
from modalities.types import FOREVER, SECOND, Encoding, Segment
from tuning.corpora.corpus import SPLITS, Corpus, LabelledClip
from tuning.corpora.labelling import AtTimes
from tuning.encodings import EncodingCache
from tuning.recipe import Recipe, parse_recipe

READER = "tests.tuning.tiny:read"
SECONDS = 3
STATES = (*EXPRESSION.labels, *ABAW_PAIRS)


def cache(folder: Path) -> Path:
    """Make a cache in a folder, with the assets of the usual one and nothing else."""
    made = folder / "cache"
    made.mkdir()
    (made / "assets").symlink_to(cache_folder() / "assets")
    return made


def recipe() -> Recipe:
    """Two members on two grids; the encoders are the real cheap ones, though nothing is encoded here."""
    return parse_recipe(
        {
            "name": "tiny",
            "corpora": [READER],
            "ensemble": {
                "cues": {"faces": {"kind": "faces"}, "speech": {"kind": "silero"}},
                "modalities": {
                    "face": {
                        "kind": "face",
                        "settings": {"encoder": {"kind": "blendshapes"}},
                        "heads": {"static": {"kind": "mean"}},
                    },
                    "audio": {
                        "kind": "audio",
                        "settings": {"encoder": {"kind": "prosody"}},
                        "heads": {
                            "attention": {
                                "kind": "attention",
                                "grid": {"duration": 2, "step": 1, "tail": 0.5},
                                "tasks": ["expression", "valence_arousal"],
                            }
                        },
                    },
                },
            },
            "fit": {"default": {"epochs": 40, "lr": 0.01}, "fusion": {"epochs": 10, "lr": 0.05}},
        }
    )


def read(folder: Path) -> Corpus:
    """Read the tiny corpus."""
    clips = []
    for path in sorted(folder.glob("*.clip")):
        about = json.loads(path.read_text())
        times = np.arange(0, SECONDS * SECOND, 40_000)
        rows = labels(about["state"], len(times))
        clips.append(LabelledClip(path.stem, path, about["subject"], about["split"], AtTimes(times), rows))
    return Corpus("tiny", tuple(clips), "Apache-2.0", "none")


def read_without_compounds(folder: Path) -> Corpus:
    """Read the tiny corpus as one that labels three tasks only."""
    whole = read(folder)
    clips = tuple(
        replace(clip, labels={task: v for task, v in clip.labels.items() if task != "compound"}) for clip in whole.clips
    )
    return replace(whole, clips=clips)


def labels(state: str, frames: int) -> dict[str, np.ndarray]:
    """Labels of a clip that shows one state all the time."""
    parts = ABAW_PAIRS.get(state, (state,))
    expression = np.zeros((frames, 8), np.float32)
    expression[:, EXPRESSION.labels.positions(parts)] = 1 / len(parts)
    compound = np.full((frames, 7), np.nan, np.float32)
    if state in ABAW_PAIRS:
        compound[:] = np.eye(7)[list(ABAW_PAIRS).index(state)]
    units = np.tile((np.arange(12) % 8 == STATES.index(state) % 8).astype(np.float32), (frames, 1))
    valence = np.tile(np.array([STATES.index(state) / 7 - 1, 0.5 - STATES.index(state) / 14], np.float32), (frames, 1))
    return {"expression": expression, "compound": compound, "action_units": units, "valence_arousal": valence}


def make(folder: Path, encodings: Path, plan: Plan) -> None:
    """Write clips and their encodings: one clip of each state and split, its state plainly in the steps."""
    assert len(ACTION_UNITS.labels) == 12
    folder.mkdir(parents=True)
    cache = EncodingCache(encodings, plan)
    rng = np.random.default_rng(0)
    for split in SPLITS:
        for state in STATES:
            path = folder / f"{split}-{state.replace(' ', '-')}.clip"
            path.write_text(json.dumps({"split": split, "subject": f"{split}-someone", "state": state}))
    for clip in read(folder).clips:
        state = json.loads((folder / f"{clip.name}.clip").read_text())["state"]
        cache.keep(clip, impression(STATES.index(state), silent=state == "Other", rng=rng))


def impression(state: int, *, silent: bool, rng: np.random.Generator) -> Impression:
    """What perception would leave behind of a clip."""
    end = SECONDS * SECOND
    looked = np.arange(0, end, 200_000)
    faces = len(looked)
    boxes = np.tile(np.array([0.3, 0.3, 0.6, 0.6], np.float32), (faces, 1))
    always, nobody = np.ones(faces, np.bool_), np.zeros(faces, np.int64)
    sound = Grid(duration=2, step=1, tail=0.5)
    return Impression(
        0,
        end,
        last=True,
        row_times=np.arange(0, end, 40_000),
        sightings=Sightings(looked, nobody, boxes, boxes[:, 0], always, looked, always),
        encodings={
            ("face", FRAMES): steps(FRAMES, 1, 0, state, WIDTHS["face"], rng),
            ("audio", sound): steps(sound, 0 if silent else 4, None, state, WIDTHS["audio"], rng),
        },
        frontiers={("face", FRAMES): FOREVER, ("audio", sound): FOREVER},
        told={},
        segments=None,
        problems=(),
    )


def steps(grid: Grid, count: int, track: int | None, state: int, width: int, rng: np.random.Generator) -> Encoding:
    """Steps that hold the state's number as a one-hot, in noise."""
    segments = tuple(Segment(start, end, track) for start, end in cut(SECONDS * SECOND, grid))
    values = rng.normal(0, 0.3, (len(segments), max(count, 1), width)).astype(np.float32)
    values[:, :, state] += 2
    times = np.array([[s.start + 10_000 * step for step in range(max(count, 1))] for s in segments])
    return Encoding(segments, values, np.full(values.shape[:2], count > 0), times)


def _widths() -> dict[str, int]:
    from modalities.catalog import ENCODERS, find

    return {"face": find("blendshapes", ENCODERS).width, "audio": find("prosody", ENCODERS).width}


WIDTHS = _widths()
