"""A minute of a talking face, 1280×720 with sound, for measuring speed: clips of the demo corpus, one after another.

talking_clip(Path("somewhere"))        # made once, then found there
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from tuning.corpora.demo import DEMO_VERSION, is_made, make_clip, plan_demo
from tuning.corpora.demo.expressions import FPS
from tuning.corpora.demo.voice import RATE

WIDTH, HEIGHT, SECONDS, SEED, TAKES = 1280, 720, 60, 7, 6

Picture = NDArray[np.uint8]
Sound = NDArray[np.float32]


def talking_clip(folder: Path) -> Path:
    """Return the clip; it appears whole or not at all."""
    path = folder / f"talking-{WIDTH}x{HEIGHT}-{SECONDS}s-{DEMO_VERSION}.mp4"
    if not path.exists():
        scratch = path.with_name(f".{os.getpid()}.{path.name}")
        _write(scratch, list(_takes(folder / f"demo-{SEED}")))
        scratch.replace(path)
    return path


def _takes(folder: Path) -> Iterator[tuple[list[Picture], Sound]]:
    """Make a few clips in which somebody talks and nothing hides the face; give pictures, and sound as long."""
    talking = [script for script in plan_demo(SEED) if script.sentences and not script.hidden]
    for script in talking[:: len(talking) // TAKES][:TAKES]:
        if not is_made(script, folder):
            make_clip(script, folder)
        with av.open(str(folder / f"{script.name}.mp4")) as container:
            pictures = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]
        with av.open(str(folder / f"{script.name}.mp4")) as container:
            as_floats = AudioResampler(format="flt", layout="mono", rate=RATE)
            sound = [
                piece.to_ndarray()[0] for frame in container.decode(audio=0) for piece in as_floats.resample(frame)
            ]
        heard = np.zeros(len(pictures) * RATE // FPS, np.float32)
        spoken = np.concatenate(sound)[: len(heard)]
        heard[: len(spoken)] = spoken
        yield pictures, heard


def _widen(picture: Picture) -> Picture:
    """Put a square picture into the middle of a wide one, which its edges fill."""
    square = cv2.resize(picture, (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC)
    side = (WIDTH - HEIGHT) // 2
    wide = cv2.copyMakeBorder(square, 0, 0, side, side, cv2.BORDER_REPLICATE)
    return np.asarray(wide, np.uint8)


def _write(path: Path, takes: list[tuple[list[Picture], Sound]]) -> None:
    """Encode the takes over and over until the clip is long enough."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [picture for pictures, _ in takes for picture in pictures]
    frames = SECONDS * FPS
    sound = np.resize(np.concatenate([heard for _, heard in takes]), SECONDS * RATE)
    with av.open(str(path), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "23"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(_widen(pictures[number % len(pictures)]), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
            if number % FPS == 0:  # sound beside the pictures, so that the file can be read in one go
                container.mux(audio.encode(_second(sound, number // FPS)))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def _second(sound: Sound, number: int) -> av.AudioFrame:
    """Cut out one second."""
    piece = av.AudioFrame.from_ndarray(sound[None, number * RATE : (number + 1) * RATE], format="fltp", layout="mono")
    piece.sample_rate, piece.pts, piece.time_base = RATE, number * RATE, Fraction(1, RATE)
    return piece
