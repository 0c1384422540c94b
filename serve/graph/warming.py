"""Warming: every part is asked once about a made-up clip, so that no request waits for a model to be read.

What the parts answer is thrown away. A part that cannot be had (AssetError) keeps the server from starting; one that
merely does not like the made-up clip is warmed by the first real one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ensemble.host import Host
from ensemble.plan import Plan
from modalities.assets import AssetError
from modalities.cues.caption.endpoint import EndpointError
from modalities.cues.cue import Cue
from modalities.types import (
    FOREVER,
    SAMPLE_RATE,
    SECOND,
    Caption,
    Captions,
    ClipName,
    Faces,
    Frames,
    Percept,
    Segment,
    Speech,
    Transcript,
    Waveform,
    Word,
)

END = 2 * SECOND
_log = logging.getLogger(__name__)


def warm(plan: Plan, hosts: Mapping[str, Host]) -> None:
    """Warm all parts of a plan that live in this process."""
    for cue in plan.cues.values():
        warm_cue(cue)
    for host in hosts.values():
        warm_host(host)


def warm_cue(cue: Cue) -> None:
    """Have a cue look at the made-up clip."""
    segments = [Segment(0, END)] if cue.grid is None else [Segment(*span) for span in cue.grid.close(0, END, END)]
    _try(lambda: cue.perceive(_percepts(cue.wants), segments, None))


def warm_host(host: Host) -> None:
    """Have a modality encode what was to be perceived in it, and its heads judge that."""

    def ask() -> None:
        segment = Segment(0, END, 0 if host.about == "track" else None)
        encoding = host.encode(_percepts(host.wants), [segment])
        host.judge(dict.fromkeys(host.members, encoding))

    _try(ask)


def _try(ask: Callable[[], Any]) -> None:
    try:
        with np.errstate(all="ignore"):
            ask()
    except EndpointError as error:  # it may come up later; until then its members are absent
        _log.warning("%s", error)
    except AssetError:
        raise
    except Exception:  # noqa: BLE001  the made-up clip is not what it expects
        _log.info("a part was not warmed", exc_info=True)


def _percepts(wants: Mapping[str, type[Percept]]) -> dict[str, Percept]:
    made = _made_up()
    return {role: made[kind] for role, kind in wants.items() if kind in made}


def _made_up() -> dict[type[Percept], Percept]:
    """What is perceived in two seconds of noise, with a face that is none."""
    draw = np.random.default_rng(0)
    times = np.arange(0, END, SECOND // 5, dtype=np.int64)
    count = len(times)
    frames = tuple(draw.integers(0, 255, (480, 640, 3)).astype(np.uint8) for _ in times)
    faces = Faces(
        times=times,
        tracks=np.zeros(count, np.int64),
        boxes=np.tile(np.array([0.3, 0.3, 0.6, 0.7], np.float32), (count, 1)),
        scores=np.ones(count, np.float32),
        detected=np.ones(count, np.bool_),
        crops=draw.integers(0, 255, (count, 224, 224, 3)).astype(np.uint8),
        landmarks=draw.normal(0.5, 0.1, (count, 478, 3)).astype(np.float32),
        blendshapes=draw.random((count, 52)).astype(np.float32),
        pose=np.zeros((count, 3), np.float32),
        looked=times,
        ran=np.ones(count, np.bool_),
        until=FOREVER,
    )
    sound = draw.normal(0, 0.1, END * SAMPLE_RATE // SECOND).astype(np.float32)
    words = Transcript((Word("hello", SECOND // 2, SECOND, 1.0, "estimated"),), FOREVER)
    caption = Captions((Caption("A person looks at the camera.", 0, END),), FOREVER)
    return {
        ClipName: ClipName("warming", FOREVER),
        Frames: Frames(times, frames, FOREVER),
        Waveform: Waveform(sound, 0, FOREVER),
        Faces: faces,
        Speech: Speech(np.array([[0, END]], np.int64), FOREVER),
        Transcript: words,
        Captions: caption,
    }
