"""One clip: a script becomes an MP4 file and, beside it, the labels of every frame."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from modalities.types import SECOND, Times
from tuning.corpora.demo.camera import SIZE, film
from tuning.corpora.demo.expressions import FPS, Timing, draw_timing, label, perform
from tuning.corpora.demo.looks import look
from tuning.corpora.demo.obstacles import draw_obstacle
from tuning.corpora.demo.plan import Script
from tuning.corpora.demo.voice import RATE, draw_prosody, jaw, speak
from tuning.corpora.demo.warp import Image

Sound = NDArray[np.float32]


def clip_paths(script: Script, folder: Path) -> tuple[Path, Path]:
    """Where a clip and its labels lie."""
    return folder / f"{script.name}.mp4", folder / f"{script.name}.npz"


def is_made(script: Script, folder: Path) -> bool:
    """Whether exactly this clip has been made in the folder."""
    clip, labels = clip_paths(script, folder)
    if not (clip.is_file() and labels.is_file()):
        return False
    try:
        with np.load(labels) as made:
            return str(made["script"]) == _as_json(script)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError):
        return False


def make_clip(script: Script, folder: Path) -> None:
    """Write `<name>.mp4` (H.264 and AAC) and `<name>.npz`; the same script gives the same bytes of labels.

    The labels hold `times` [F] (µs, presentation times), one array per task, `envelope` [F], `hidden` [F], and the
    script as JSON. Both files appear whole or not at all, the labels last.
    """
    rng = np.random.default_rng(script.seed)
    appearance = look(script.subject, script.plan_seed)
    voice = speak(script.sentences, script.voice, draw_prosody(script.expression, rng)) if script.sentences else None
    timing = draw_timing(0.0 if voice is None else len(voice) / RATE, rng)
    sound = _sound(voice, timing, rng)
    acted = perform(script.expression, timing, jaw(sound, timing.frames) * (voice is not None), rng)
    labels = label(script.expression, acted, rng)
    camera = appearance.camera
    face = (1 - camera.centre[0] if camera.mirrored else camera.centre[0], camera.centre[1])
    obstacle = draw_obstacle(SIZE, face, timing, rng) if script.hidden else None
    pictures = film(appearance, acted, obstacle, rng)

    clip, beside = clip_paths(script, folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = clip.with_suffix(".part.mp4")
    try:
        with _one_thread():
            times = _encode(part, pictures, sound, camera.quality)
        part.replace(clip)
    finally:
        part.unlink(missing_ok=True)
    hidden = obstacle.hidden if obstacle else np.zeros(timing.frames, np.bool_)
    told: dict[str, Any] = {"times": times, "envelope": acted.envelope, "hidden": hidden, "script": _as_json(script)}
    part = beside.with_suffix(".part.npz")
    np.savez(part, **(told | labels))
    part.replace(beside)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep OpenCV to one thread: clips are made side by side."""
    usual = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(usual)


def _as_json(script: Script) -> str:
    return json.dumps(asdict(script), sort_keys=True)


def _sound(voice: Sound | None, timing: Timing, rng: np.random.Generator) -> Sound:
    """The clip's sound [N]: a quiet room, and the voice while the expression is at its height."""
    length = round(timing.duration * RATE)
    level = 10 ** rng.uniform(-4.2, -2.9)
    room = np.cumsum(rng.normal(0, 1, length))
    room = room - np.convolve(room, np.ones(400) / 400, mode="same")
    sound = level * room / max(float(room.std()), 1e-9) if voice is not None or rng.random() < 0.5 else np.zeros(length)
    if voice is not None:
        room_left = max(0.0, timing.offset - timing.apex - len(voice) / RATE)
        start = round((timing.apex - 0.15 + rng.uniform(0, room_left)) * RATE)
        end = min(length, start + len(voice))
        sound[start:end] += voice[: end - start]
    return np.clip(sound, -1, 1).astype(np.float32)


def _encode(path: Path, pictures: Iterable[Image], sound: Sound, quality: int) -> Times:
    """Encode with one thread and return the presentation times that the file has."""
    with av.open(path, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": str(quality)})
        video.width = video.height = SIZE
        video.pix_fmt, video.codec_context.thread_count = "yuv420p", 1
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        heard = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        heard.sample_rate, heard.pts, heard.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(audio.encode(heard))
        container.mux(audio.encode(None))
    return presentation_times(path)


def presentation_times(path: Path) -> Times:
    """Read the times of all video frames [F], in µs after the clip's origin, without decoding."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        origin = container.start_time or 0
        stamps = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        tick = Fraction(stream.time_base or 0) * SECOND
    return np.array([round(stamp * tick) - origin for stamp in stamps], np.int64)
