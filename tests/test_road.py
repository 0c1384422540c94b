"""The whole road with the real parts: a talking face goes in, a timeline comes out, everywhere the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import ray

from ensemble import bundle
from ensemble.perception import Perception
from ensemble.plan import Plan
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Timeline
from modalities.grid import Grid, cut
from modalities.media import Limits, read
from modalities.types import Clip
from tests.makers import draw_weights
from tuning.actors import elsewhere, modality_actors
from tuning.cluster import running
from tuning.corpora.demo import Script, make_clip, plan_demo
from tuning.encodings import impress, load_impression, save_impression
from tuning.recipe import read_recipe

pytestmark = pytest.mark.slow

WATCH = """
import sys
def no_sockets(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind"):
        raise RuntimeError(f"a socket was used: {event} {arguments}")
sys.addaudithook(no_sockets)
from twofold import main
sys.argv = ["twofold", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module")
def script() -> Script:
    """A clip in which somebody speaks and nothing hides the face."""
    return next(s for s in plan_demo(seed=3) if s.words == "own" and not s.hidden and s.expression == "Happiness")


@pytest.fixture(scope="module")
def clip(script: Script, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    make_clip(script, folder)
    return folder / f"{script.name}.mp4"


@pytest.fixture(scope="module")
def recognizer() -> Iterator[Recognizer]:
    """The demo's ensemble with drawn weights: what it says means nothing, but must be the same everywhere."""
    plan = Plan.of(read_recipe("demo").ensemble)
    for seed, part in enumerate((*plan.heads.values(), plan.fusion)):
        draw_weights(part, seed)
    with Recognizer(plan) as made:
        yield made


@pytest.fixture(scope="module")
def timeline(recognizer: Recognizer, clip: Path) -> Timeline:
    return recognizer.predict(clip)


def same(one: Timeline, other: Timeline, tolerance: float) -> None:
    np.testing.assert_array_equal(one.rows.times, other.rows.times)
    np.testing.assert_array_equal(one.rows.tracks, other.rows.tracks)
    assert one.verdict.segments == other.verdict.segments
    assert one.transcript == other.transcript
    assert (one.captions is None) == (other.captions is None)
    assert one.captions is None or other.captions is None or one.captions.captions == other.captions.captions
    for task, scores in one.rows.scores.items():
        np.testing.assert_allclose(scores, other.rows.scores[task], atol=tolerance)
    np.testing.assert_allclose(one.rows.contributions, other.rows.contributions, atol=tolerance)


def test_every_member_has_something_to_say(timeline: Timeline, script: Script) -> None:
    assert len(timeline.members) == 7
    assert timeline.verdict.opinions.present.any(axis=1).all()
    assert timeline.captions is not None
    assert [(c.start, c.end) for c in timeline.captions.captions] == cut(timeline.end, Grid())
    assert timeline.transcript is not None
    heard = {word.text.lower().strip(".,!?") for word in timeline.transcript.words}
    said = {word.lower().strip(".,!?") for sentence in script.sentences for word in sentence.split()}
    assert len(heard & said) >= len(said) / 2
    assert not np.isnan(timeline.rows.scores["expression"]).any()
    np.testing.assert_allclose(timeline.rows.compound_probability.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("stretch", [0.37, 1.3, 60.0])
def test_the_result_does_not_depend_on_the_stretch_length(
    recognizer: Recognizer, clip: Path, timeline: Timeline, stretch: float
) -> None:
    same(timeline, recognizer.predict(clip, Limits(stretch=stretch)), 1e-6)


def test_the_bulk_executor_agrees(recognizer: Recognizer, clip: Path, timeline: Timeline, tmp_path: Path) -> None:
    save_impression(impress(recognizer.plan, read(Clip.of(clip), Limits())), tmp_path / "one.npz")
    pieces = list(recognizer.combine([load_impression(tmp_path / "one.npz")]))
    same(timeline, Timeline.join(pieces), 1e-5)


@pytest.mark.ray
def test_modalities_in_actors_of_their_own_agree(recognizer: Recognizer, clip: Path, timeline: Timeline) -> None:
    plan = recognizer.plan
    with running(2), modality_actors(plan) as actors:
        living = [entry["name"].rsplit(".", 1)[0] for entry in ray.util.list_named_actors(all_namespaces=True)]
        assert sorted(living) == sorted(f"modality.{name}" for name in plan.modalities)
        impressions = Perception(plan, elsewhere(plan, actors)).run(read(Clip.of(clip), Limits(stretch=1.3)))
        same(timeline, Timeline.join(list(recognizer.combine(impressions))), 1e-5)


def test_a_saved_bundle_answers_alike(recognizer: Recognizer, clip: Path, timeline: Timeline, tmp_path: Path) -> None:
    bundle.save(recognizer.plan, tmp_path / "bundle")
    with bundle.load(tmp_path / "bundle") as loaded:
        same(timeline, loaded.predict(clip), 0.0)


def test_any_members_can_be_left_out_but_not_all(recognizer: Recognizer, clip: Path) -> None:
    impression = impress(recognizer.plan, read(Clip.of(clip), Limits()))
    names = [member.name for member in recognizer.plan.members]
    for count in range(1, len(names)):
        for gone in combinations(names, count):
            (rest,) = recognizer.combine([impression], Wishes(without=frozenset(gone)))
            present = dict(zip(rest.members, rest.verdict.opinions.present.any(axis=1), strict=True))
            assert present == {name: name not in gone for name in names}
            heard = rest.verdict.opinions.present.any(axis=0)
            assert not np.isnan(rest.verdict.scores["compound"][heard]).any()
            assert rest.verdict.said["compound"][heard].all(), f"without {gone}"
    with pytest.raises(ValueError, match="leave at least one in"):
        recognizer.predict(clip, wishes=Wishes(without=frozenset(names)))


def test_predict_works_offline_and_opens_no_socket(recognizer: Recognizer, clip: Path, tmp_path: Path) -> None:
    bundle.save(recognizer.plan, tmp_path / "bundle")
    command = [sys.executable, "-c", WATCH, "predict", str(clip), "-o", str(tmp_path / "out"), "--json"]
    run = subprocess.run(
        [*command, "--bundle", str(tmp_path / "bundle")],
        env={**os.environ, "TWOFOLD_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout.splitlines()[-1])
    assert {path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()} >= {".json", ".csv", ".png"}
