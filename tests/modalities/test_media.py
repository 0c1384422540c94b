"""Clips that are whole, plain and odd: every time, every row and every sample stands where the file puts it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from modalities.media import packet_times
from modalities.types import Clip

EVEN = list(range(0, 1_000_000, 40_000))
FIFTHS = [0, 200_000, 400_000, 600_000, 800_000]
UNEVEN_MS = [0, 13, 57, 190, 201, 350, 399, 400, 777, 1450]
B_FRAMES = {"preset": "medium", "bf": "3", "g": "25", "threads": "1"}


def close(greys, expected) -> bool:
    return len(greys) == len(expected) and np.allclose(greys, expected, atol=3)


def test_plain_film(make):
    clip = make.whole(make.film("mp4", make.Video(), make.Audio(codec="pcm_s16le")))
    assert (clip.end, clip.times, clip.rows, clip.problems) == (1_000_000, FIFTHS, EVEN, ())
    assert close(clip.greys, [0, 40, 80, 120, 160])
    assert {image.shape for image in clip.images} == {(48, 64, 3)}
    assert np.allclose(clip.samples[100:-100], make.tone(16_000, 1.0)[100:-100], atol=0.01)


def test_bytes_and_paths_of_any_name_read_alike(make, tmp_path):
    data = make.film("mp4", make.Video(times=range(0, 400, 40)), make.Audio(0.4))
    path = tmp_path / "100%d: [strange] ünïcode.png"
    path.write_bytes(data)
    of_path, of_bytes = make.whole(path), make.whole(data)
    assert of_path.rows == of_bytes.rows == EVEN[:10]
    assert np.array_equal(of_path.samples, of_bytes.samples)


def odd_kinds(make):
    video = make.Video(times=UNEVEN_MS)
    return {
        "uneven, late sound": make.film("matroska", video, make.Audio(1.0, start=730, rate=44_100)),
        "B-frames, sound with a gap": make.film(
            "matroska", make.Video(times=range(0, 3000, 40), options=B_FRAMES), make.Audio(2.0, gap=(512, 700))
        ),
        "coded sound": make.film("mp4", make.Video(times=range(0, 2500, 100)), make.Audio(1.1, codec="aac")),
        "sound only": make.film("wav", make.Audio(2.345, rate=44_100)),
        "picture only": make.film("mp4", make.Video(times=range(0, 2500, 500))),
    }


def test_nothing_depends_on_the_length_of_stretches(make):
    for kind, data in odd_kinds(make).items():
        long, middle, short = (make.whole(data, stretch=length) for length in (60.0, 1.0, 0.3))
        assert long.stretches == 1, kind
        assert short.stretches > middle.stretches > 1, kind
        for other in (middle, short):
            assert (other.end, other.times, other.rows) == (long.end, long.times, long.rows), kind
            assert np.array_equal(other.samples, long.samples), kind
            assert all(np.array_equal(a, b) for a, b in zip(other.images, long.images, strict=True)), kind


@pytest.mark.parametrize("form", ["mp4", "matroska"])
def test_variable_frame_rate(make, form):
    data = make.film(form, make.Video(times=UNEVEN_MS))
    clip = make.whole(data)
    assert clip.rows == [1000 * time for time in UNEVEN_MS]
    assert clip.times == [0, 201_000, 400_000, 777_000, 1_450_000]
    assert close(clip.greys, [0, 32, 56, 64, 72])
    assert packet_times(Clip.of(data)).tolist() == clip.rows


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts", "avi", "h264"])
def test_b_frames(make, form):
    data = make.film(form, make.Video(options=B_FRAMES))
    clip = make.whole(data)
    assert (clip.rows, clip.times, clip.problems) == (EVEN, FIFTHS, ())
    assert close(clip.greys, [0, 40, 80, 120, 160])


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_rotation_is_undone(make, degrees, turns):
    clip = make.whole(make.film("mp4", make.Video(times=[0], rotation=degrees)))
    assert np.allclose(clip.images[0], np.rot90(make.picture(0), turns), atol=12)


def test_a_photograph_is_turned_upright(make):
    clip = make.whole(make.turned_jpeg(6))  # the camera was held to the left: turn clockwise
    assert np.allclose(clip.images[0], np.rot90(make.picture(80), -1), atol=12)


@pytest.mark.parametrize(("form", "codec", "slack"), [("matroska", "pcm_s16le", 0.1), ("mp4", "aac", 1.0)])
def test_sound_that_starts_late(make, form, codec, slack):
    clip = make.whole(make.film(form, make.Video(), make.Audio(0.4, start=500, codec=codec)))
    assert clip.rows == EVEN
    assert clip.loud == pytest.approx((500, 900), abs=slack)
    assert clip.end >= 1_000_000


def test_sound_that_ends_early(make):
    clip = make.whole(make.film("mp4", make.Video(times=range(0, 3000, 40)), make.Audio(0.5)), stretch=1.0)
    assert (clip.end, len(clip.samples), clip.stretches) == (3_000_000, 48_000, 3)
    assert clip.loud == pytest.approx((0, 500), abs=0.1)


def test_sound_that_goes_on_longer(make):
    clip = make.whole(make.film("matroska", make.Video(times=range(0, 400, 40)), make.Audio(1.5)), stretch=1.0)
    assert (clip.end, clip.rows, clip.stretches) == (1_500_000, EVEN[:10], 2)
    assert clip.loud == pytest.approx((0, 1500), abs=0.1)


def test_a_gap_in_the_sound_is_silent(make):
    clip = make.whole(make.film("matroska", make.Video(), make.Audio(0.6, gap=(256, 300))))
    gap = (clip.samples[4096 + 50 : 8896 - 50], clip.samples[8896 + 20 : 14_400 - 20])
    assert clip.loud == pytest.approx((0, 900), abs=0.1)
    assert np.abs(clip.samples[4096 - 12 : 4096]).max() > 0.4  # to the last sample before the gap
    assert np.abs(gap[0]).max() == 0
    assert np.abs(gap[1]).max() > 0.45


def test_sound_that_says_a_time_twice_is_heard_once(make):
    silence = np.zeros(48_000, np.float32)
    first = make.film("mpegts", make.Audio(start=1000, codec="libmp3lame"))
    again = make.film("mpegts", make.Audio(start=1500, codec="libmp3lame", samples=silence))
    clip = make.whole(first + again, "joined.ts")
    assert clip.loud[1] == pytest.approx(1023, abs=1)  # the coder's padding included, nothing of it overwritten
    assert clip.end == 1_532_000
    assert clip.problems == ("joined.ts: 21 frames stood out of order in time and were left out",)


def test_a_stretch_that_ends_with_a_packet_is_not_the_last(make):
    data = make.film("wav", make.Audio(1.024, rate=16_000))  # packets of 0.256 s
    clip = make.whole(data, stretch=0.512)
    assert (clip.end, clip.stretches, len(clip.samples)) == (1_024_000, 2, 16_384)


def test_sound_that_lies_far_from_its_picture(make):
    video, audio = make.Video(times=range(0, 15_000, 1000)), make.Audio(15.0, rate=8000)
    clip = make.whole(make.film("matroska", video, audio, interleaved=False))
    assert len(clip.rows) == 15
    assert clip.loud == pytest.approx((0, 15_000), abs=1)


def test_picture_without_sound(make):
    clip = make.whole(make.film("mp4", make.Video()))
    assert (clip.end, clip.rows, len(clip.samples)) == (1_000_000, EVEN, 0)


@pytest.mark.parametrize(("rate", "layout"), [(8000, "mono"), (44_100, "stereo"), (48_000, "5.1"), (16_000, "mono")])
def test_sound_alone(make, rate, layout):
    clip = make.whole(make.film("wav", make.Audio(0.5, rate=rate, layout=layout)))
    assert (clip.end, clip.rows, clip.times) == (500_000, EVEN[:13], [])
    assert len(clip.samples) == 8000
    assert np.allclose(clip.samples[100:-100], make.tone(16_000, 0.5)[100:-100], atol=0.01)  # equal channels: no louder


def test_an_impulse_stays_where_it_is(make):
    for rate in (8000, 44_100, 48_000):
        impulse = np.zeros(rate, np.float32)
        impulse[rate // 4] = 1
        assert np.argmax(np.abs(make.whole(make.wave(impulse, rate)).samples)) == 4000


def test_ten_milliseconds_of_sound(make):
    clip = make.whole(make.film("wav", make.Audio(0.01)))
    assert (clip.end, clip.rows, len(clip.samples)) == (10_000, [0], 160)


@pytest.mark.parametrize(("form", "codec"), [("mp3", "libmp3lame"), ("mp4", "aac")])
def test_a_cover_picture_is_no_video(make, form, codec):
    clip = make.whole(make.with_cover(form, codec))
    assert (clip.times, clip.rows, clip.problems) == ([], EVEN[:13], ())
    assert clip.loud == pytest.approx((0, 500), abs=2)


def test_broken_numbers_are_silence(make):
    samples = make.tone(8000, 0.5)
    samples[1000:1010] = np.nan, np.inf, -np.inf, 1e30, -1e30, 9, -9, np.nan, 0, 1
    clip = make.whole(make.wave(samples, 8000))
    assert np.isfinite(clip.samples).all()
    assert np.abs(clip.samples).max() <= 1
    assert np.abs(clip.samples[4000:6000]).max() > 0.4


@pytest.mark.parametrize(
    ("codec", "pixel"), [("png", "rgb24"), ("mjpeg", "yuvj420p"), ("png", "rgba"), ("png", "gray"), ("png", "rgb48be")]
)
def test_a_picture(make, codec, pixel):
    clip = make.whole(make.still(codec, pixel))
    assert (clip.end, clip.times, clip.rows, len(clip.samples)) == (200_000, [0], [0], 0)
    assert close(clip.greys, [80])
    assert clip.images[0][:20, :28].min() > 240


def test_a_moving_gif(make):
    clip = make.whole(make.film("gif", make.Video(range(0, 1000, 100), "gif", pixel="rgb8", options={}, step=16)))
    assert (clip.times, clip.rows) == (FIFTHS, list(range(0, 1_000_000, 100_000)))
    assert clip.greys == sorted(clip.greys)


def test_one_frame(make):
    clip = make.whole(make.film("mp4", make.Video(times=[0])))
    assert (clip.end, clip.times, clip.rows) == (40_000, [0], [0])


@pytest.mark.parametrize(
    ("codec", "pixel", "size"),
    [
        ("libx264", "yuv420p10le", (64, 48)),
        ("ffv1", "gray", (64, 48)),
        ("ffv1", "yuva420p", (64, 48)),
        ("libx264", "yuv444p", (33, 17)),
        ("ffv1", "bgr0", (16, 120)),
    ],
)
def test_other_pixels_and_sizes(make, codec, pixel, size):
    options = B_FRAMES if codec == "libx264" else {}
    clip = make.whole(make.film("matroska", make.Video(range(0, 400, 40), codec, size, pixel, options)))
    assert [image.shape for image in clip.images] == [(size[1], size[0], 3)] * 2
    assert close(clip.greys, [0, 40])


def test_frames_that_change_their_size(make):
    clip = make.whole(make.growing([(64, 48)] * 3 + [(128, 96)] * 5))
    assert (clip.rows, clip.times) == (EVEN[:8], [0, 200_000])
    assert [image.shape for image in clip.images] == [(48, 64, 3)] * 2


def test_large_frames_are_scaled_down(make):
    clip = make.whole(make.film("mp4", make.Video(times=[0], size=(640, 360), rotation=90)), side=320)
    assert clip.images[0].shape == (320, 180, 3)


def test_pixels_become_square(make):
    clip = make.whole(make.film("mp4", make.Video(times=[0], aspect=Fraction(3, 2))))
    assert clip.images[0].shape == (48, 96, 3)


def test_many_frames_per_second(make):
    times = [round(number * 1000 / 120) for number in range(120)]
    clip = make.whole(make.film("mp4", make.Video(times=times, step=1)))
    assert clip.rows == [1000 * time for time in times]
    assert clip.times == FIFTHS
    assert close(clip.greys, [0, 24, 48, 72, 96])


def test_few_frames_per_second(make):
    clip = make.whole(make.film("matroska", make.Video(times=range(0, 5000, 1000))))
    assert clip.times == clip.rows == [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000]


def test_what_an_edit_list_cuts_off_is_not_there(make):
    video = make.Video(times=range(-200, 800, 40), options=B_FRAMES)
    data = make.film("mp4", video, make.Audio(1.0, start=-200))
    clip = make.whole(data)
    assert (clip.end, clip.rows, clip.times) == (800_000, EVEN[:20], FIFTHS[:4])
    assert close(clip.greys, [40, 80, 120, 160])
    assert np.allclose(clip.samples[100:-100], make.tone(16_000, 1.0)[3300:-100], atol=0.01)
    assert packet_times(Clip.of(data)).tolist() == clip.rows


@pytest.mark.parametrize("form", ["mpegts", "matroska", "mp4"])
def test_a_clock_that_does_not_start_at_zero(make, form):
    start = 5000 if form != "mp4" else 0
    video = make.Video(times=range(start + 100, start + 1100, 40))
    clip = make.whole(make.film(form, video, make.Audio(0.5, start=start, codec="libmp3lame")))
    shift = clip.rows[0]  # the coder's padding stands before the sound, and everything counts from there
    assert 100_000 <= shift <= 160_000
    assert np.allclose(clip.rows, np.array(EVEN) + shift, atol=1000)
    assert clip.loud[0] == pytest.approx(shift / 1000 - 100, abs=25)


def test_a_file_without_a_duration(make):
    video = make.Video(codec="libvpx", options={"deadline": "realtime", "cpu-used": "8"})
    clip = make.whole(make.film("webm", video, options={"live": "1"}))
    assert (clip.end, clip.rows, clip.problems) == (1_000_000, EVEN, ())


def test_the_default_of_several_videos(make):
    small, large = make.Video(times=range(0, 400, 40)), make.Video(times=range(0, 400, 80), size=(128, 96))
    clip = make.whole(make.film("matroska", small, large))
    assert len(clip.rows) in (5, 10)
    assert clip.images[0].shape == ((96, 128, 3) if len(clip.rows) == 5 else (48, 64, 3))
