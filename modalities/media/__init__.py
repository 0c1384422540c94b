"""Files that people bring, turned into footage: exact times, one pass, memory that does not grow with the clip.

    for footage in read(Clip.of("talk.mp4")):
        print(footage.end, len(footage.frames.images), len(footage.waveform.samples))

`source` opens and refuses, `packets` decodes, `pictures` and `sound` put what comes out on one clock, `reading` cuts it
into stretches, `moments` answers about single frames.
"""

from modalities.media.moments import frame_at, packet_times, stated_duration
from modalities.media.reading import read
from modalities.media.source import Limits, MediaError

__all__ = ["Limits", "MediaError", "frame_at", "packet_times", "read", "stated_duration"]
