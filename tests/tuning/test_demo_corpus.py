"""The demo corpus: a balanced plan whose splits share nothing, and clips whose labels are exact."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import av
import mediapipe as mp
import numpy as np
import pytest
from mediapipe.tasks.python import BaseOptions, vision

from modalities.assets import locate
from modalities.labels import ABAW_PAIRS, EXPRESSION, tasks
from tuning.corpora.corpus import SPLITS
from tuning.corpora.demo import DEMO_VERSION, Script, is_made, make_clip, plan_demo, read_demo
from tuning.corpora.demo.expressions import RECIPES, STATES, UNITS, Timing, label, perform
from tuning.corpora.demo.muscles import ACTION_UNITS, CONTROLS
from tuning.corpora.demo.sentences import SENTENCES
from tuning.corpora.demo.voice import PROSODY, RATE, VOICES, draw_prosody, speak
from tuning.corpora.demo.warp import LOWER_LIP, UPPER_LIP, close, mesh


def scripts() -> tuple[Script, ...]:
    return plan_demo(0)


@pytest.fixture(scope="module")
def compound() -> Script:
    """A compound clip whose face is hidden for a while, with sound."""
    return next(s for s in scripts() if s.expression in ABAW_PAIRS and s.hidden and s.words != "none")


@pytest.fixture(scope="module")
def basic() -> Script:
    return next(s for s in scripts() if s.expression == "Happiness" and not s.hidden and s.words == "own")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, compound: Script, basic: Script) -> Path:
    made = tmp_path_factory.mktemp("demo")
    for script in (compound, basic):
        make_clip(script, made)
    return made


def labels_of(script: Script, folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / f"{script.name}.npz") as made:
        return {name: made[name] for name in made.files}


def pictures_of(script: Script, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and presentation times in microseconds after the clip's origin."""
    with av.open(folder / f"{script.name}.mp4") as container:
        origin = container.start_time or 0
        frames = [
            (f.to_ndarray(format="rgb24"), round((f.time or 0) * 1_000_000) - origin) for f in container.decode(video=0)
        ]
    return np.stack([picture for picture, _ in frames]), np.array([time for _, time in frames])


def test_the_plan_is_a_function_of_its_seed() -> None:
    assert plan_demo(3) == plan_demo(3)
    assert plan_demo(3) != plan_demo(4)
    assert {script.version for script in scripts()} == {DEMO_VERSION}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_plan_is_balanced(seed: int) -> None:
    planned = plan_demo(seed)
    assert len({script.name for script in planned}) == len(planned) == 135
    assert Counter((s.split, s.expression) for s in planned) == {
        (split, state): clips for split, clips in zip(SPLITS, (4, 2, 3), strict=True) for state in STATES
    }
    for split in SPLITS:
        mine = [script for script in planned if script.split == split]
        words = Counter(script.words for script in mine)
        assert words["none"] == round(0.2 * len(mine))
        assert abs(words["own"] - words["neutral"]) <= 0.25 * len(mine)
        assert sum(script.hidden for script in mine) == pytest.approx(0.15 * len(mine), abs=1)
        assert max(Counter(s.subject for s in mine).values()) <= 7


def test_both_portraits_show_every_state_in_every_split() -> None:
    shown = {(s.split, s.expression, int(s.subject[-2:]) % 2) for s in scripts()}
    assert len(shown) == len(SPLITS) * len(STATES) * 2


def test_splits_share_no_subject_no_voice_and_no_sentence() -> None:
    planned = scripts()
    for told in ([(s.subject,) for s in planned], [(s.voice,) for s in planned], [s.sentences for s in planned]):
        sides = [{name for s, names in zip(planned, told, strict=True) if s.split == split for name in names}
                 for split in SPLITS]  # fmt: skip
        assert all(sides)
        assert sum(map(len, sides)) == len(sides[0] | sides[1] | sides[2])


def test_every_sentence_belongs_to_one_expression_and_one_split() -> None:
    every = [line for splits in SENTENCES.values() for lines in splits.values() for line in lines]
    assert len(set(every)) == len(every)
    assert set(SENTENCES) == set(EXPRESSION.labels) == set(PROSODY)


def test_a_silent_clip_says_nothing_and_a_compound_clip_speaks_of_its_two() -> None:
    for script in scripts():
        assert (script.words == "none") == (not script.sentences)
        if script.words == "own":
            feelings = ABAW_PAIRS.get(script.expression, (script.expression,))
            for feeling, line in zip(feelings, script.sentences, strict=True):
                assert line in SENTENCES[feeling][script.split]


def test_tables_name_only_what_exists() -> None:
    assert set(RECIPES) == set(STATES)
    assert {unit for mixtures in RECIPES.values() for recipe in mixtures for unit in recipe} <= set(UNITS)
    assert {point for moves in ACTION_UNITS.values() for point in moves} <= set(CONTROLS)


@pytest.mark.parametrize("state", STATES)
def test_labels_follow_the_movements(state: str) -> None:
    rng = np.random.default_rng(5)
    timing = Timing(onset=0.5, apex=1.0, offset=3.0, gone=3.6, duration=4.4)
    acted = perform(state, timing, np.zeros(timing.frames, np.float32), rng)
    labels = label(state, acted, rng)
    shown = acted.envelope >= 0.3
    assert shown.any()
    assert not shown.all()
    np.testing.assert_allclose(labels["expression"].sum(axis=1), 1)
    assert np.all(labels["expression"][~shown, EXPRESSION.labels.index("Neutral")] == 1)
    expected = dict.fromkeys(ABAW_PAIRS[state], 0.5) if state in ABAW_PAIRS else {state: 1.0}
    for name in EXPRESSION.labels:
        assert np.all(labels["expression"][shown, EXPRESSION.labels.index(name)] == expected.get(name, 0))
    assert np.isnan(labels["compound"][~shown]).all()
    if state in ABAW_PAIRS:
        assert np.all(labels["compound"][shown].argmax(axis=1) == list(ABAW_PAIRS).index(state))
        np.testing.assert_array_equal(labels["compound"][shown].sum(axis=1), 1)
    else:
        assert np.isnan(labels["compound"]).all()
    columns = [UNITS.index(unit) for unit in tasks()["action_units"].labels]
    np.testing.assert_array_equal(labels["action_units"], acted.intensities[:, columns] >= 0.3)
    assert np.abs(labels["valence_arousal"]).max() <= 1


@pytest.mark.slow
def test_a_clip_has_a_row_of_labels_for_every_frame_at_its_presentation_time(
    folder: Path, compound: Script, basic: Script
) -> None:
    for script in (compound, basic):
        labels, (pictures, times) = labels_of(script, folder), pictures_of(script, folder)
        np.testing.assert_array_equal(labels["times"], times)
        assert 4.0 <= len(pictures) / 25 <= 8.0
        for task in tasks().values():
            assert labels[task.name].shape == (len(pictures), len(task.labels))


@pytest.mark.slow
def test_the_same_script_gives_the_same_clip(folder: Path, basic: Script, tmp_path: Path) -> None:
    make_clip(basic, tmp_path)
    again, before = (place / f"{basic.name}.npz" for place in (tmp_path, folder))
    assert again.read_bytes() == before.read_bytes()
    np.testing.assert_array_equal(pictures_of(basic, tmp_path)[0], pictures_of(basic, folder)[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{basic.name}.mp4", f"{basic.name}.npz"]


def test_the_detector_sees_the_face_unless_it_is_hidden(folder: Path, compound: Script) -> None:
    pictures, _ = pictures_of(compound, folder)
    hidden = labels_of(compound, folder)["hidden"]
    assert 0.7 * 25 <= hidden.sum() <= 2.1 * 25
    options = vision.FaceLandmarkerOptions(base_options=BaseOptions(model_asset_path=str(locate("face_landmarker"))))
    sliding = np.convolve(hidden, np.ones(17), mode="same") > 0
    with vision.FaceLandmarker.create_from_options(options) as landmarker:

        def seen(frames: np.ndarray) -> list[bool]:
            images = (mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(f)) for f in frames)
            return [bool(landmarker.detect(image).face_landmarks) for image in images]

        assert not any(seen(pictures[hidden][::5]))
        assert np.mean(seen(pictures[~sliding][::5])) >= 0.95


def test_the_voice_is_heard_while_the_expression_is_at_its_height(folder: Path, basic: Script) -> None:
    with av.open(folder / f"{basic.name}.mp4") as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    envelope = labels_of(basic, folder)["envelope"]
    hop = RATE // 25
    loud = np.sqrt(np.mean(sound[: len(sound) // hop * hop].reshape(-1, hop) ** 2, axis=1))[: len(envelope)]
    assert loud[envelope[: len(loud)] > 0.9].mean() > 5 * loud[envelope[: len(loud)] < 0.1].mean()


def test_fear_is_spoken_higher_and_faster_than_sadness() -> None:
    rng = np.random.default_rng(0)
    fear, sadness = ([draw_prosody(state, rng) for _ in range(20)] for state in ("Fear", "Sadness"))
    assert np.mean([p.pitch for p in fear]) > np.mean([p.pitch for p in sadness]) + 20
    line, voice = ("The bus stops in front of the bank.",), VOICES["train"][0]
    assert len(speak(line, voice, fear[0])) < len(speak(line, voice, sadness[0]))


def test_the_voice_forgets_what_it_said_before() -> None:
    prosody = PROSODY["Happiness"]
    first = speak(("I love this.",), "en-us+f1", prosody)
    speak(("Run, it is dangerous.",), "en-us+f3", PROSODY["Fear"])
    np.testing.assert_array_equal(speak(("I love this.",), "en-us+f1", prosody), first)


def test_an_unknown_voice_is_refused_by_name() -> None:
    with pytest.raises(RuntimeError, match="no voice 'nobody'"):
        speak(("Hello.",), "nobody", PROSODY["Neutral"])


@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_lips_part_with_the_jaw_and_never_pass_through_each_other(name: str) -> None:
    shape = mesh(name)
    opened = shape.points + shape.moves["AU25"] + shape.moves["AU26"]
    pressed = close(shape.points - 2 * shape.moves["AU25"])

    def gap(points: np.ndarray) -> np.ndarray:
        return np.asarray(points[list(LOWER_LIP), 1] - points[list(UPPER_LIP), 1])

    assert gap(opened)[5] > gap(shape.points)[5] + 15
    assert gap(pressed).min() > -1e-3


def test_a_clip_of_another_script_or_with_broken_labels_is_not_made(
    folder: Path, basic: Script, tmp_path: Path
) -> None:
    assert is_made(basic, folder)
    assert not is_made(replace(basic, version=DEMO_VERSION + 1), folder)
    assert not is_made(replace(basic, seed=basic.seed + 1), folder)
    for path in folder.glob(f"{basic.name}.*"):
        shutil.copy(path, tmp_path)
    (tmp_path / f"{basic.name}.npz").write_bytes(b"half a file")
    assert not is_made(basic, tmp_path)


def test_an_incomplete_folder_is_refused_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"133 of 135 clips are missing .* make them with `twofold demo`"):
        read_demo(folder)
    with pytest.raises(FileNotFoundError, match=r"no demo corpus in .*; make one"):
        read_demo(tmp_path)


def test_a_whole_folder_is_read_back(folder: Path, basic: Script, tmp_path: Path) -> None:
    labels = labels_of(basic, folder)
    for script in plan_demo(7):  # the same short clip under every name, to have a whole folder quickly
        (tmp_path / f"{script.name}.mp4").hardlink_to(folder / f"{basic.name}.mp4")
        told: dict[str, Any] = labels | {"script": json.dumps(asdict(script), sort_keys=True)}
        np.savez(tmp_path / f"{script.name}.npz", **told)
    corpus = read_demo(tmp_path)
    assert [len(corpus.split(split)) for split in SPLITS] == [60, 30, 45]
    assert set(corpus.clips[0].labels) == set(tasks())
    assert corpus.clips[0].labelling.times.tolist() == labels["times"].tolist()
    (tmp_path / f"{plan_demo(7)[0].name}.mp4").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 135 clips are missing"):
        read_demo(tmp_path)
