"""Qwen2.5-VL, tiny and untrained: what it tells is nonsense; of which frames, when and how asked is not."""

import pickle
from functools import cache

import numpy as np
import pytest
import skimage
from safetensors.numpy import load_file, save_file

from modalities.assets import AssetError, MissingAsset
from modalities.cues.caption.qwen import QwenCaption
from modalities.cues.caption.show import choose
from modalities.cues.transcript import tiny as recognisers
from modalities.pretrained import KNOWN
from modalities.types import FOREVER, SECOND, Frames, Segment

pytestmark = pytest.mark.slow

FIFTH = SECOND // 5
SEGMENTS = [
    Segment(0, 4 * SECOND),
    Segment(2 * SECOND, 6 * SECOND),
    Segment(9 * SECOND, 11 * SECOND),  # nothing is seen then
    Segment(4 * SECOND, 8 * SECOND),
    Segment(7 * SECOND, 8 * SECOND),
]


@cache
def seen():
    """Eight seconds of a portrait that moves, and is a negative in the second half."""
    portrait = skimage.data.astronaut()[:200, 64:224]
    moved = [np.roll(portrait, 4 * number, axis=1) for number in range(40)]
    images = [image if number < 20 else 255 - image for number, image in enumerate(moved)]
    return Frames(np.arange(40) * FIFTH, tuple(images), FOREVER)


@cache
def cue(**settings):
    return QwenCaption(QwenCaption.Config(**{"preset": "tiny", "pixels": 10_000, **settings}))


def tell(segments=tuple(SEGMENTS), **settings):
    return cue(**settings).describe({"frames": seen()}, segments)


def asked(*segments, **settings):
    """What the network is given, and the words in it."""
    part = cue(**settings)
    entries = part._ask([choose(seen(), segment, part.config.frames) for segment in segments])
    return entries, part._network[1].batch_decode(entries["input_ids"])


# ------------------------------------------------------------------------------------------------------ which frames


def grey(times):
    """Frames that say when they are."""
    images = tuple(np.full((2, 2, 3), time // FIFTH, np.uint8) for time in times)
    return Frames(np.array(times, np.int64), images, FOREVER)


@pytest.mark.parametrize(
    ("times", "most", "expected", "rate"),
    [
        (range(0, 4 * SECOND, FIFTH), 20, list(range(20)), 5),
        (range(0, 4 * SECOND, FIFTH), 2, [0, 19], 1 / 3.8),
        (range(0, 11 * FIFTH, FIFTH), 6, [0, 2, 4, 6, 8, 10], 2.5),
        (range(0, 11 * FIFTH, FIFTH), 1, [5], 1 / 4),
        (range(FIFTH, 4 * FIFTH, FIFTH), 8, [1, 2, 3], 5),
        ([3 * FIFTH], 8, [3], 1 / 4),
        ([0, FIFTH, 10 * FIFTH], 3, [0, 1, 10], 1),
    ],
)
def test_frames_are_spread_evenly_over_what_is_there(times, most, expected, rate):
    show = choose(grey(times), Segment(0, 4 * SECOND), most)
    assert show.images[:, 0, 0, 0].tolist() == expected
    assert show.rate == pytest.approx(rate)


def test_only_frames_of_the_segment_are_shown():
    frames = grey(range(0, 8 * SECOND, FIFTH))
    show = choose(frames, Segment(2 * SECOND, 6 * SECOND), 20)
    assert show.images[:, 0, 0, 0].tolist() == list(range(10, 30))
    assert choose(frames, Segment(8 * SECOND, 9 * SECOND), 20) is None


@pytest.mark.parametrize("frames", [1, 4, 7])
def test_the_network_is_given_so_many_frames_at_their_pace(frames):
    entries, (text,) = asked(SEGMENTS[0], frames=frames)
    steps, height, width = entries["video_grid_thw"][0].tolist()
    assert steps == -(-frames // 2)  # it reads two at a time
    assert 0 < height * width * 14 * 14 <= 10_000
    pace = 3.8 / (frames - 1) if frames > 1 else 4
    assert entries["second_per_grid_ts"].tolist() == pytest.approx([2 * pace], rel=0.05)
    assert text.count("<|video_pad|>") == steps * height * width // 4


def test_a_frame_has_at_most_so_many_pixels():
    small, large = (asked(SEGMENTS[0], pixels=pixels)[0]["video_grid_thw"][0] for pixels in (5_000, 30_000))
    assert int(small[1] * small[2]) * 196 <= 5_000 < int(large[1] * large[2]) * 196 <= 30_000


# --------------------------------------------------------------------------------------------------------- captions


def test_each_segment_with_frames_gets_a_paragraph_of_its_own():
    texts = tell()
    assert [bool(text) for text in texts] == [True, True, False, True, True]
    assert all(text == " ".join(text.split()) for text in texts)
    assert texts[0] != texts[3], "other frames, other words"


@pytest.mark.parametrize("batch", [2, 3, 10])
def test_a_caption_does_not_depend_on_what_is_told_beside_it(batch):
    alone = [tell((segment,))[0] for segment in SEGMENTS]
    assert tell(batch=batch) == tell() == alone


def test_segments_without_frames_need_no_model():
    nowhere = cue(preset=None, name="/nowhere/at/all")
    assert nowhere.describe({"frames": seen()}, [SEGMENTS[2]]) == [""]


def test_a_caption_is_cut_after_so_many_tokens():
    (whole,), (short,) = tell(SEGMENTS[:1]), tell(SEGMENTS[:1], tokens=5)
    assert whole.startswith(short)
    assert 0 < len(short) < len(whole)


def test_nothing_is_drawn_even_where_the_model_says_so():
    part = QwenCaption(cue().config)
    settings = part._network[0].generation_config
    settings.do_sample, settings.temperature, settings.top_k, settings.top_p = True, 5.0, 50, 0.9
    assert part.describe({"frames": seen()}, SEGMENTS) == tell()


def test_a_pickle_holds_settings_alone():
    tell()
    pickled = pickle.dumps(cue())
    assert len(pickled) < 2_000
    assert pickle.loads(pickled).describe({"frames": seen()}, SEGMENTS[:1]) == tell(SEGMENTS[:1])  # noqa: S301  our own


# ---------------------------------------------------------------------------------------------------------- prompts


def test_both_prompts_ask_what_they_are_for():
    free, label = (asked(SEGMENTS[0], prompt=prompt)[1][0] for prompt in ("1", "2"))
    assert "describe, in continuous, natural language" in free
    assert "continuous natural language emotional interpretation" in free
    assert "Sadly Angry, Joy, Sadness, Anger, Fear, Disgust, Surprise, Neutral." in label
    assert tell(SEGMENTS[:1], prompt="1") != tell(SEGMENTS[:1], prompt="2")


def test_a_prompt_of_ones_own_is_asked(tmp_path):
    own = tmp_path / "own.txt"
    own.write_text("Was sieht man? Und wer weiß es…\n", encoding="utf-8")
    _, (text,) = asked(SEGMENTS[0], prompt=str(own))
    assert text.endswith("<|vision_end|>Was sieht man? Und wer weiß es…<|im_end|>\n<|im_start|>assistant\n")


def test_a_prompt_that_is_nowhere_is_refused(tmp_path):
    (tmp_path / "empty.txt").touch()
    for prompt in ("3", str(tmp_path / "missing.txt"), str(tmp_path)):
        with pytest.raises(AssetError, match=r"there is no prompt .*; choose one of 1, 2, or give the path"):
            QwenCaption.Config(prompt=prompt)
    with pytest.raises(AssetError, match="is empty"):
        QwenCaption.Config(prompt=str(tmp_path / "empty.txt"))


# ----------------------------------------------------------------------------------------------------------- models


def test_a_model_in_its_own_layout_tells_the_same(tmp_path):
    for part in cue()._network:
        part.save_pretrained(tmp_path)
    assert tell(preset=None, name=str(tmp_path), batch=2) == tell()
    weights = load_file(tmp_path / "model.safetensors")
    weights["lm_head.weight"] = weights["lm_head.weight"][::-1].copy()
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    assert tell(preset=None, name=str(tmp_path)) != tell(), "its own weights are what is read"


def test_a_model_of_another_kind_is_refused(tmp_path):
    for part in recognisers.whisper():
        part.save_pretrained(tmp_path)
    with pytest.raises(AssetError, match="whisper, but qwen2_5_vl is expected"):
        tell(preset=None, name=str(tmp_path))


def test_a_missing_model_is_described(monkeypatch):
    monkeypatch.setenv("TWOFOLD_OFFLINE", "1")
    with pytest.raises(MissingAsset, match=r"VL-3B-Instruct \(about 7500 MB, licence Qwen Research License\).*hf down"):
        tell(preset=None, revision="0" * 40)


def test_only_the_smallest_is_closed_to_trade():
    known = {size: KNOWN[f"Qwen/Qwen2.5-VL-{size}-Instruct"].commercial for size in ("3B", "7B", "32B")}
    assert known == {"3B": False, "7B": True, "32B": True}
