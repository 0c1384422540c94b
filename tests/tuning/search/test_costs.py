"""What members cost: parts that several need are paid once, what is brought costs nothing, and the numbers keep."""

import time

import av
import numpy as np
import pytest

from ensemble.plan import Plan
from modalities.types import FOREVER, SECOND, Segment, Speech, Transcript, Word
from tests import toys
from tuning.corpora.corpus import LabelledClip
from tuning.corpora.labelling import AtTimes
from tuning.search.trials.costs import Costs, measure_costs

NAP = 0.02
"""Seconds; a sleep is never shorter, so that a lower bound is certain."""


class SlowMarks(toys.Marks):
    """The same marks, found slowly."""

    def perceive(self, percepts, segments, memory):
        time.sleep(NAP)
        return super().perceive(percepts, segments, memory)


class SlowShapes(toys.Shapes):
    """The same shapes, encoded slowly."""

    def encode(self, inputs):
        time.sleep(NAP)
        return super().encode(inputs)


def film(path, seconds):
    """Write a small video of one toy person, without sound."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        image = np.zeros((64, 96, 3), np.uint8)
        image[16:48, 16:48, 1] = 220
        for _ in range(int(seconds * 10)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode())
    return path


def clip(path=None, **changes):
    return LabelledClip("film", path, "somebody", "dev", AtTimes(np.zeros(0, np.int64)), {}, **changes)


@pytest.fixture(scope="module")
def plan():
    table = toys.settings().model_dump()
    table["cues"]["people"]["kind"] = f"{__name__}:SlowMarks"
    table["modalities"]["face"]["settings"]["encoder"]["kind"] = f"{__name__}:SlowShapes"
    return Plan.of(toys.EnsembleSettings.model_validate(table))


@pytest.fixture(scope="module")
def costs(plan, tmp_path_factory):
    return measure_costs(plan, clip(film(tmp_path_factory.mktemp("clips") / "film.mp4", 2)))


def test_members_of_one_modality_share_its_face_finder_and_its_encoder(costs):
    static, attention = costs.of({"face.static"}), costs.of({"face.attention"})
    shared = sum(costs.parts[part] for part in ("reading", "cue people", "encoder face"))
    assert costs.of({"face.static", "face.attention"}) == pytest.approx(static + attention - shared)
    assert max(static, attention) < static + attention - shared


def test_what_an_encoder_takes_is_measured_once_and_apart_from_its_grids(costs):
    nap = 1000 * NAP / costs.seconds
    assert costs.parts["encoder face"] >= nap
    assert costs.parts["cue people"] >= nap
    assert costs.parts["encoding face by frames"] < costs.parts["encoder face"]
    assert costs.parts["encoding face by 4/2/1 s"] < costs.parts["encoder face"]


def test_grids_of_a_modality_that_looks_at_whole_segments_are_encoded_apart(costs):
    assert {"encoding audio by 2/1/0.5 s", "encoding audio by 4/2/1 s"} <= costs.parts.keys()
    assert "encoder audio" not in costs.parts
    assert "encoding audio by 4/2/1 s" not in costs.needs["audio.attention"]


def test_a_cue_brings_those_it_needs(costs):
    assert {"cue words", "cue voice"} <= set(costs.needs["text.mean"])
    assert "cue people" not in costs.needs["text.mean"]


def test_all_members_cost_the_sum_of_the_parts_and_nobody_costs_nothing(costs):
    assert costs.of(costs.needs) == pytest.approx(sum(costs.parts.values()))
    assert costs.of([]) == 0


def test_more_members_never_cost_less(costs):
    names, so_far = [], 0.0
    for member in costs.needs:
        names.append(member)
        assert costs.of(names) > so_far
        so_far = costs.of(names)


def test_a_member_of_slow_parts_costs_more(costs):
    assert costs.of({"face.static"}) > costs.of({"audio.mean"})


def test_a_member_that_was_not_measured_is_refused(costs):
    with pytest.raises(ValueError, match=r"no cost was measured of scene\.mean, only of face\.static"):
        costs.of({"face.static", "scene.mean"})


def test_they_are_read_as_they_were_written(costs, tmp_path):
    costs.save(tmp_path / "costs.json")
    assert Costs.load(tmp_path / "costs.json") == costs


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "twofold.costs", "version": 9}'])
def test_a_file_that_holds_something_else_is_refused(content, tmp_path):
    path = tmp_path / "costs.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="holds no costs of members"):
        Costs.load(path)


def test_only_the_start_of_a_long_clip_is_measured(tmp_path):
    long = clip(film(tmp_path / "long.mp4", 9))
    assert measure_costs(toys.plan(), long, 3).seconds == pytest.approx(4, abs=0.3)  # stretches have four seconds
    assert measure_costs(toys.plan(), long, 60).seconds == pytest.approx(9, abs=0.3)


def test_listed_segments_are_cut_where_the_measuring_ends(tmp_path):
    segments = (Segment(0, 2 * SECOND), Segment(2 * SECOND, 9 * SECOND), Segment(5 * SECOND, 9 * SECOND))
    long = clip(film(tmp_path / "long.mp4", 9), segments=segments)
    assert measure_costs(toys.plan(), long, 3).parts["head face.static"] > 0


def test_what_a_corpus_brings_is_not_perceived(plan):
    words = Transcript((Word("high", SECOND, 2 * SECOND, 1.0, "aligned"),), FOREVER)
    spoken = Speech(np.array([[SECOND, 2 * SECOND]]), FOREVER)
    brought = clip(brought={"words": words, "voice": spoken}, end=3 * SECOND)
    costs = measure_costs(plan, brought)
    assert costs.seconds == 3
    assert costs.parts["cue words"] == costs.parts["cue voice"] == 0
    assert costs.parts["cue people"] > 0
    assert costs.of({"text.mean"}) > 0
    assert costs.of({"text.mean"}) < costs.of({"face.static"})
