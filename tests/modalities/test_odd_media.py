"""Files that are broken, cut, hostile or no media at all: each is refused in one sentence or read as far as it goes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from modalities.media import Limits, MediaError, frame_at, packet_times, read
from modalities.types import Clip

KEYS = {"preset": "ultrafast", "crf": "10", "threads": "1", "g": "25"}


def refusal(data, **limits) -> str:
    """The sentence with which a clip is refused, before any footage."""
    with pytest.raises(MediaError) as error:
        next(read(Clip.of(data, "talk.mp4"), Limits(**limits)))
    sentence = str(error.value)
    assert sentence.startswith("talk.mp4: ")
    assert "\n" not in sentence
    return sentence


def overwritten(data: bytes, share: float, length: int) -> bytes:
    start = int(len(data) * share)
    return data[:start] + np.random.default_rng(1).bytes(length) + data[start + length :]


def open_files(path: Path) -> int:
    return sum(entry.resolve() == path for entry in Path("/proc/self/fd").iterdir())


def talk(make, form: str, **options: str) -> bytes:
    video = make.Video(times=range(0, 4000, 40), options=KEYS, size=(128, 96))
    return make.film(form, video, make.Audio(4.0, codec="libmp3lame" if form == "matroska" else "aac"), options=options)


def test_nothing_is_opened_before_the_first_footage(tmp_path):
    read(Clip.of(tmp_path / "missing.mp4"))


def test_missing_folder_device_and_empty(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    assert "there is no such file" in refusal(tmp_path / "missing.mp4")
    assert "is not a file but a folder or a device" in refusal(tmp_path)
    assert "is not a file but a folder or a device" in refusal(tmp_path / "pipe")
    assert "the file is empty (0 bytes)" in refusal(tmp_path / "empty")
    assert "the file is empty (0 bytes)" in refusal(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"Dear colleague,\nthis is a letter and not a film.\n" * 50,
        np.random.default_rng(0).bytes(20_000),
        bytes(5000),
        b"<html><body>404 Not Found</body></html>",
    ],
    ids=["text", "random", "zeros", "html"],
)
def test_what_is_no_media_at_all(data):
    assert "not a media file that can be read; give a video, a sound or a picture" in refusal(data)


def test_a_playlist_may_not_open_other_files(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("secret.ts").write_bytes(make.film("mpegts", make.Video(times=range(0, 400, 40))))
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n"
    for name, text in (("a.m3u8", playlist), ("a.ffconcat", "ffconcat version 1.0\nfile 'secret.ts'\n")):
        Path(name).write_text(text)
        assert "not a media file" in refusal(Path(name))
        assert "not a media file" in refusal(text.encode())


def test_tags_in_another_alphabet(make):
    film = make.film("matroska", make.Video(times=[0])).replace(b"Lavf", b"\xff\xfe\xfdf")
    assert make.whole(film).rows == [0]


def test_mp4_cut_before_its_index(make):
    data = talk(make, "mp4")
    assert "not a media file that can be read" in refusal(data[: len(data) // 2])


def test_a_gigantic_picture(make):
    for side in (60_000, 20_000):
        sentence = "nothing in it could be decoded (broken packets: 1), it is damaged, or its frames have more than"
        assert sentence in refusal(make.bomb(side, side))


def test_frames_over_the_limit(make):
    film = make.film("mp4", make.Video(times=[0], size=(128, 96)))
    assert "its frames have 128 × 96 pixels, at most 12287 are allowed" in refusal(film, pixels=128 * 96 - 1)
    assert make.whole(film, pixels=128 * 96).rows == [0]


def test_frames_that_grow_over_the_limit(make):
    clip = make.whole(make.growing([(64, 48)] * 3 + [(128, 96)] * 5), "grown.mkv", pixels=64 * 48)
    assert clip.rows == [0, 40_000, 80_000]
    assert clip.problems == ("grown.mkv: 5 of 8 packets are broken",)


def test_too_long_as_declared(make):
    film = make.film("matroska", make.Video(times=range(0, 3000, 1000)))
    assert "it lasts longer than the 2 s that are allowed; cut it into parts" in refusal(film, duration=2.0)


def test_too_long_without_a_declaration(make):
    video = make.Video(range(0, 3000, 100), "libvpx", options={"deadline": "realtime", "cpu-used": "8"})
    film = make.film("webm", video, options={"live": "1"})
    footages = read(Clip.of(film, "live.webm"), Limits(duration=2.0, stretch=1.0))
    assert next(footages).end == 1_000_000
    with pytest.raises(MediaError, match=r"^live\.webm: it lasts longer than the 2 s"):
        list(footages)


def test_a_frame_with_an_impossible_time_is_left_out(make):
    film = make.film("matroska", make.Video(times=[0, 40, 80, 5_000_000]), options={"live": "1"})
    clip = make.whole(film, "leap.mkv", duration=100.0)
    assert clip.rows == [0, 40_000, 80_000]
    assert clip.problems == ("leap.mkv: 1 frames stood out of order in time and were left out",)


def test_absurd_sound(make):
    assert "its sound has 1 samples per second, 2000 to 768000 are allowed" in refusal(make.wave(make.tone(8000, 1), 1))
    assert "its sound has 100 channels, at most 64 are allowed" in refusal(make.wave(make.tone(8000, 0.1), 8000, 100))
    assert "nothing in it could be decoded" in refusal(make.wave(make.tone(8000, 0.1), 8000, 40))


@pytest.mark.parametrize(("form", "options"), [("matroska", {}), ("mp4", {"moov_size": "20000"})])
def test_cut_short(make, form, options):
    data = talk(make, form, **options)
    clip = make.whole(data[: len(data) // 2], "talk.mkv")
    assert 1_000_000 < clip.end < 3_000_000
    assert clip.rows == list(range(0, len(clip.rows) * 40_000, 40_000))
    assert abs(clip.rows[-1] - clip.end) < 300_000
    assert clip.problems[-1] == f"talk.mkv stops at {clip.end / 1e6:.1f} s, but its container promises 4.0 s"


def test_a_transport_stream_cut_inside_a_packet(make):
    data = talk(make, "mpegts")
    clip = make.whole(data[: len(data) // 2 - 100], "talk.ts")
    assert 1_000_000 < clip.end < 3_000_000
    assert not [problem for problem in clip.problems if "promises" in problem]  # it never declares a duration


def test_damage_in_the_middle(make):
    film = make.film("mp4", make.Video(times=range(0, 4000, 40), options=KEYS))
    clip = make.whole(overwritten(film, 0.5, 1500), "talk.mp4")
    assert clip.end == 4_000_000
    assert set(clip.rows) < set(range(0, 4_000_000, 40_000))
    assert clip.rows[-1] == 3_960_000
    assert 60 < len(clip.rows) < 100
    bad = int(clip.problems[0].split()[1])
    assert clip.problems == (f"talk.mp4: {bad} of 100 packets are broken",)
    assert 100 - len(clip.rows) <= bad < 40


@pytest.mark.parametrize("form", ["mpegts", "matroska"])
def test_damage_to_the_container(make, form):
    options = {"cluster_time_limit": "500"} if form == "matroska" else {}
    clip = make.whole(overwritten(talk(make, form, **options), 0.5, 600), "talk")
    assert clip.rows[-1] > 3_900_000
    assert 80 < len(clip.rows) < 100
    assert np.abs(clip.samples[-8000:-1600]).max() > 0.4  # what comes after stays where it was
    assert clip.problems


def test_every_cut_and_every_damage_is_either_read_or_refused(make):
    data, draw = talk(make, "matroska"), np.random.default_rng(7)
    for _ in range(12):
        start, length = int(draw.integers(0, len(data) - 500)), int(draw.integers(1, 400))
        broken = overwritten(data, start / len(data), length)[: int(draw.integers(len(data) // 4, len(data)))]
        try:
            clip = make.whole(broken, stretch=1.0)
        except MediaError as error:
            assert str(error).startswith("clip: ")  # noqa: PT017  either outcome is right
        else:
            assert clip.end > 0


@pytest.mark.parametrize(
    ("name", "lost", "used"), [(b"V_MPEG4/ISO/AVC", "picture", "sound"), (b"A_MPEG/L3", "sound", "picture")]
)
def test_an_unknown_coding_beside_a_known_one(make, name, lost, used):
    clip = make.whole(talk(make, "matroska").replace(name, name[:-1] + b"X"), "talk.mkv")
    assert clip.problems == (f"talk.mkv: its {lost} could not be decoded, only its {used} is used",)
    assert (bool(clip.times), bool(len(clip.samples))) == (used == "picture", used == "sound")
    assert clip.rows[:100] == list(range(clip.rows[0], clip.rows[0] + 4_000_000, 40_000))


def test_an_unknown_coding_alone(make):
    film = make.film("matroska", make.Video(times=[0])).replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/AVX")
    assert "there is no decoder for its picture; convert it to mp4" in refusal(film)


def test_time_that_runs_backwards(make):
    late = make.film("mpegts", make.Video(times=range(5000, 6000, 40)))
    early = make.film("mpegts", make.Video(times=range(0, 400, 40)))
    clip = make.whole(late + early, "joined.ts")
    assert clip.rows == list(range(0, 1_000_000, 40_000))
    assert clip.problems == (
        "joined.ts: 1 of 35 packets are broken",  # marked by the counter of packets, though it can be decoded
        "joined.ts: 10 frames stood out of order in time and were left out",
    )


def test_questions_about_pictures_where_there_are_none(make):
    sound = Clip.of(make.film("wav", make.Audio(0.1)), "voice.wav")
    for ask in (lambda: frame_at(sound, 0), lambda: packet_times(sound)):
        with pytest.raises(MediaError, match=r"^voice\.wav: there is no picture in it"):
            ask()


def test_a_reader_that_is_left_early_closes_the_file(make, tmp_path):
    path = tmp_path / "long.mkv"
    path.write_bytes(make.film("matroska", make.Video(times=range(0, 5000, 100)), make.Audio(5.0)))
    footages = read(Clip.of(path), Limits(stretch=1.0))
    next(footages)
    held = open_files(path)
    footages.close()
    assert (held, open_files(path)) == (2, 0)
