"""Reading a clip against a plain PyAV loop that decodes, converts and resamples the same: time and memory.

    python -m benchmarks.media [--repetitions 5]

Makes its own clips: 60 s of moving 720p25 H.264 with AAC, and the same packets twenty times over. Goals: at most 1.15
times the plain loop's time, and at most 1.3 times the memory for twenty times the length.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from benchmarks.report import Comparison, compare, conditions, peak_memory, publish
from modalities.media import packet_times, read
from modalities.types import SAMPLE_RATE, SECOND, Clip

SECONDS, TIMES, RATE, SIZE, SOUND_RATE = 60, 20, 25, (1280, 720), 44_100
MAX_RATIO, MAX_MEMORY_RATIO = 1.15, 1.3
CELL = 200_000
PAUSE = Fraction(1, 10)  # AAC's padding reaches beyond the minute

Sampled = tuple[list[int], int, int]
"""Times of the sampled frames, rows, samples."""


def make_clip(path: Path) -> None:
    """Write the clip of one minute: a textured picture that moves, and a voice-like sound."""
    width, height = SIZE
    draw = np.random.default_rng(0)
    texture = np.kron(draw.integers(0, 255, (height // 8, width // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for second in range(SECONDS):
            for number in range(second * RATE, (second + 1) * RATE):
                frame = av.VideoFrame.from_ndarray(np.roll(texture, (number, 2 * number), (0, 1)))
                frame.pts = number
                out.mux(video.encode(frame))
            time = np.arange(second * SOUND_RATE, (second + 1) * SOUND_RATE) / SOUND_RATE
            wave = 0.3 * np.sin(2 * np.pi * 200 * time) * (1 + np.sin(2 * np.pi * 4 * time))
            sound = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "fltp", "mono")
            sound.sample_rate, sound.pts, sound.time_base = SOUND_RATE, second * SOUND_RATE, Fraction(1, SOUND_RATE)
            out.mux(audio.encode(sound))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))


def repeat_clip(path: Path, longer: Path, times: int = TIMES) -> None:
    """Write the same packets of a clip of one minute over and over, each time later."""
    with av.open(str(longer), "w") as out:
        streams = {}
        for turn in range(times):
            with av.open(str(path)) as source:
                for stream in source.streams:
                    if stream.index not in streams:
                        streams[stream.index] = out.add_stream_from_template(stream)
                for packet in source.demux():
                    if packet.dts is None or packet.pts is None:
                        continue
                    shift = round(turn * (SECONDS + PAUSE) / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)


def ours(path: str) -> Sampled:
    """Read a clip as the product does, keeping nothing but times."""
    times: list[int] = []
    rows = samples = 0
    for footage in read(Clip.of(path)):
        times += footage.frames.times.tolist()
        rows += len(footage.row_times)
        samples += len(footage.waveform.samples)
    return times, rows, samples


def plain(path: str) -> Sampled:
    """Do the same work in the shortest loop, without any checks or care for odd files."""
    times: list[int] = []
    rows = samples = 0
    scale, resample, cell = VideoReformatter(), av.AudioResampler("flt", "mono", SAMPLE_RATE), -1
    with av.open(path) as source:
        video, audio = source.streams.video[0], source.streams.audio[0]
        for stream in (video, audio):
            stream.codec_context.thread_count = 1
        for packet in source.demux(video, audio):
            for frame in packet.decode():
                if isinstance(frame, av.AudioFrame):
                    samples += sum(len(part.to_ndarray()[0]) for part in resample.resample(frame))
                elif isinstance(frame, av.VideoFrame):
                    rows += 1
                    time = round(frame.time * SECOND) - source.start_time
                    if time // CELL > cell:
                        cell = time // CELL
                        times.append(time)
                        scale.reformat(
                            frame, *SIZE, "rgb24", interpolation=Interpolation.BILINEAR, threads=1
                        ).to_ndarray()
        samples += sum(len(part.to_ndarray()[0]) for part in resample.resample(None))
    return times, rows, samples


def agree(path: str) -> bool:
    """Whether both sides sampled the same frames, saw every packet, and heard as much (to 2 ms)."""
    mine, other = ours(path), plain(path)
    packets = len(packet_times(Clip.of(path)))
    return mine[0] == other[0] and mine[1] == other[1] == packets and abs(mine[2] - other[2]) <= SAMPLE_RATE // 500


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions: int = parser.parse_args().repetitions
    with tempfile.TemporaryDirectory() as folder:
        short, long = Path(folder) / "short.mp4", Path(folder) / "long.mp4"
        make_clip(short)
        repeat_clip(short, long)
        same = agree(str(short))
        speed = compare(lambda: ours(str(short)), lambda: plain(str(short)), repetitions)
        memory = [peak_memory("benchmarks.media:ours", str(path)) for path in (short, long)]
    return _tell(speed, memory, same=same)


def _tell(speed: Comparison, memory: list[float], *, same: bool) -> int:
    memory_ratio = memory[1] / memory[0]
    publish(
        f"Reading {SECONDS} s of 720p25 H.264 with AAC",
        [
            {"": "read()", "seconds": speed.ours, "MiB, 1 min": memory[0], f"MiB, {TIMES} min": memory[1]},
            {"": "plain PyAV loop", "seconds": speed.other, "MiB, 1 min": "", f"MiB, {TIMES} min": ""},
            {"": "ratio", "seconds": speed.ratio, "MiB, 1 min": "", f"MiB, {TIMES} min": memory_ratio},
        ],
        {
            "ratio": speed.ratio,
            "memory_ratio": memory_ratio,
            "read_seconds": speed.ours,
            "plain_seconds": speed.other,
            "memory_short_mib": memory[0],
            "memory_long_mib": memory[1],
            "same_times": float(same),
            "repetitions": float(speed.repetitions),
        },
        conditions(("av", "numpy"), threads=1, repetitions=speed.repetitions),
    )
    return int(speed.ratio > MAX_RATIO or memory_ratio > MAX_MEMORY_RATIO or not same)


if __name__ == "__main__":
    sys.exit(main())
