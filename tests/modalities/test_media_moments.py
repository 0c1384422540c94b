"""Single moments of a clip: the frame at a time is the one that reading shows, and packets tell the same times."""

from __future__ import annotations

import numpy as np
import pytest

from modalities.media import frame_at, packet_times, read
from modalities.types import Clip

B_FRAMES = {"preset": "medium", "bf": "3", "g": "25", "threads": "1"}


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts", "avi", "gif", "mpeg4"])
def test_the_frame_at_a_time_is_the_sampled_one(make, form):
    video = make.Video(range(0, 2400, 40), "libx264", options=B_FRAMES, step=3)
    if form == "gif":
        video = make.Video(range(0, 2400, 80), "gif", pixel="rgb8", options={})
    if form == "mpeg4":  # decodes from any frame on, but wrongly until the next key frame
        form, video = "mpegts", make.Video(range(0, 2400, 40), "mpeg4", options={"g": "12"}, step=3)
    clip = Clip.of(make.film(form, video))
    for frames in [footage.frames for footage in read(clip)]:
        for time, image in list(zip(frames.times.tolist(), frames.images, strict=True))[::3]:
            assert np.array_equal(frame_at(clip, time), image)
            assert np.array_equal(frame_at(clip, time + 39_999), image)
    assert np.array_equal(frame_at(clip, -1), frame_at(clip, 0))


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts", "avi"])
def test_packets_and_frames_tell_the_same_times(make, form):
    data = make.film(form, make.Video(times=range(0, 1200, 40), options=B_FRAMES), make.Audio(1.2, codec="libmp3lame"))
    assert packet_times(Clip.of(data)).tolist() == make.whole(data).rows
