"""Questions about single moments of a clip, answered without decoding all of it."""

from __future__ import annotations

from itertools import dropwhile, takewhile

import av
import numpy as np
from av.video.stream import VideoStream

from modalities.media.pictures import Image, Pictures
from modalities.media.source import DEFAULT_LIMITS, USABLE, Limits, MediaError, Source, opened
from modalities.types import Clip, Microseconds, Times


def frame_at(clip: Clip, time: Microseconds, limits: Limits = DEFAULT_LIMITS) -> Image:
    """Return the frame that is shown at a time, upright [height, width, 3] RGB; the first one where none is yet."""
    with opened(clip, limits) as source:
        found = _after_seeking(source, time, limits)
    if found is not None:
        return found
    with opened(clip, limits) as source:
        pictures = Pictures(source, _video(source), limits)
        placed = pictures.placed()
        first = next(placed, None)
        if first is None:
            raise MediaError(f"{clip.name}: none of its frames could be decoded; {USABLE}")
        *_, (_, frame) = [first, *takewhile(lambda entry: entry[0] <= time, placed)]
        return pictures.image(frame)


def _after_seeking(source: Source, time: Microseconds, limits: Limits) -> Image | None:
    """Decode from the key frame before; `None` where the format has no index that leads there."""
    pictures = Pictures(source, _video(source), limits)
    if not source.ordered or source.container.start_time is None:
        return None
    try:
        source.container.seek(source.origin + time, backward=True)
    except av.FFmpegError:
        return None
    found = None
    whole = dropwhile(lambda entry: not entry[1].key_frame, pictures.placed())
    for moment, frame in whole:
        if moment > time:
            break
        found = frame
    return None if found is None else pictures.image(found)


def stated_duration(clip: Clip, limits: Limits = DEFAULT_LIMITS) -> Microseconds | None:
    """Return how long a clip says that it lasts; `None` where it says nothing. A MediaError if it cannot be used."""
    with opened(clip, limits) as source:
        return source.promised


def packet_times(clip: Clip, limits: Limits = DEFAULT_LIMITS) -> Times:
    """Return the time of every video packet, rising, by reading alone: nothing is decoded."""
    with opened(clip, limits) as source:
        video = _video(source)
        source.only(video)
        if source.still:
            return np.zeros(1, np.int64)
        stamps = [
            (packet.pts if source.ordered else packet.dts, packet.time_base)
            for packet in source.container.demux(video)
            if not packet.is_discard
        ]
    times = [source.time(value, base) for value, base in stamps if value is not None]
    if not source.ordered:
        times = [time - min(times) for time in times]
    return np.unique(np.array([time for time in times if time >= 0], np.int64))


def _video(source: Source) -> VideoStream:
    if source.video is None:
        raise MediaError(f"{source.name}: there is no picture in it that could be decoded; give a video")
    return source.video
