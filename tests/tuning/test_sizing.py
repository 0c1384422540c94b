"""Sizes follow from what was measured, by hand-made numbers; and what is measured is what a bundle's parts take."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import twofold
from ensemble.plan import Plan
from tests import films
from tests.toys import settings
from tuning.search.trials.costs import Costs
from tuning.sizing.measure import Measured, measure, opened
from tuning.sizing.sizes import Assumed, Size, Work, for_corpus, for_service, work_of
from tuning.sizing.telling import sentences

ASSUMED = Assumed(cores=10, gpus_each=2, gpu_speed=20, busy=0.5, load=0.5)
WORK = Work(core=0.2, network=1.0, measured_on_gpu=False)


def test_a_corpus_without_gpus_takes_cores_for_everything() -> None:
    # 100 h × 1.2 s of a core per second = 120 core-hours; half of the time at work, in 12 h: 20 cores
    assert for_corpus(WORK, 100, 0, 12, ASSUMED) == Size(12, pytest.approx(20), 0, 2, 0)


def test_gpus_take_the_networks_and_say_how_long_it_lasts() -> None:
    # networks: 100 h × 1 s ÷ 20 = 5 GPU-hours on 1 GPU at half its time = 10 h; cores: 20 core-hours ÷ 10 h ÷ 0.5 = 4
    assert for_corpus(WORK, 100, 1, 1, ASSUMED) == Size(pytest.approx(10), pytest.approx(4), 1, 1, 1)
    # 8 GPUs could do it in 1.25 h, but 5 h are allowed, so that fewer cores do
    assert for_corpus(WORK, 100, 8, 5, ASSUMED) == Size(5, pytest.approx(8), 8, 4, 4)


def test_a_measured_gpu_is_not_made_faster() -> None:
    assert Work(0.2, 0.1, measured_on_gpu=True).of_gpu(ASSUMED) == 0.1
    assert WORK.of_gpu(ASSUMED) == 0.05


def test_where_a_gpu_was_measured_cores_alone_are_slower() -> None:
    assert Work(0.2, 0.1, measured_on_gpu=True).without_gpu(ASSUMED) == pytest.approx(0.2 + 0.1 * 20)
    assert WORK.without_gpu(ASSUMED) == pytest.approx(1.2)


def test_a_service_is_sized_by_requests_and_their_length() -> None:
    # 2 requests × 10 s × 1.2 s ÷ 0.5 = 48 cores
    assert for_service(WORK, 2, 10, with_gpus=False, assumed=ASSUMED) == Size(0, pytest.approx(48), 0, 5, 0)
    # cores: 2 × 10 × 0.2 ÷ 0.5 = 8; GPUs: 2 × 10 × 0.05 ÷ 0.5 = 2
    assert for_service(WORK, 2, 10, with_gpus=True, assumed=ASSUMED) == Size(0, pytest.approx(8), 2, 1, 1)


def test_every_part_is_on_one_side() -> None:
    plan = Plan.of(settings())
    parts = {"reading": 1.0, "cue people": 2.0, "encoder face": 4.0, "encoding audio by frames": 8.0, "head a.b": 16.0}
    work = work_of(plan, Costs(1.0, parts, {}), measured_on_gpu=False)
    assert (work.core, work.network) == pytest.approx((0.015, 0.016))  # toy encoders are no networks, heads are
    assert work.latency(ASSUMED, with_gpus=False) == pytest.approx(sum(parts.values()) / 1000)


def test_what_was_assumed_is_said() -> None:
    measured = Measured(Costs(8.0, {}, {}), "talk.mp4", on_gpu=False, memory=1.5)
    told = " ".join(sentences(measured, WORK, ASSUMED, clip_seconds=10, with_gpus=False))
    assert "200 ms of a core and 1000 ms of networks on one core of this machine" in told
    assert "one alone takes 12.0 s" in told


@pytest.mark.parametrize(
    ("on_gpu", "with_gpus", "said"),
    [(False, True, "where there is a GPU"), (True, False, "where there is none"), (False, False, ""), (True, True, "")],
)
def test_how_fast_a_gpu_is_was_measured_or_is_said_to_be_assumed(on_gpu: bool, with_gpus: bool, said: str) -> None:
    measured = Measured(Costs(8.0, {}, {}), "talk.mp4", on_gpu=on_gpu, memory=1.5)
    told = " ".join(sentences(measured, WORK, ASSUMED, clip_seconds=None, with_gpus=with_gpus))
    assert ("a GPU runs networks 20 times as fast as a core" in told) == bool(said)
    assert said in told


def test_a_clip_is_measured(tmp_path: Path) -> None:
    film = films.write(films.film(3.0), tmp_path / "film.mp4", scale=4)
    plan = Plan.of(settings())
    measured = measure(plan, film)
    assert set(measured.costs.parts) >= {"reading", "cue people", "cue voice", "head face.static"}
    work = work_of(plan, measured.costs, measured_on_gpu=measured.on_gpu)
    assert work.core > 0
    assert work.network > 0
    with pytest.raises(FileNotFoundError):
        measure(plan, tmp_path / "nothing.mp4")
    with opened(None) as demo:
        assert "face.static" in [member.name for member in demo.members]


@pytest.mark.parametrize(
    ("words", "said"), [(["size"], "not both"), (["size", "--hours", "5", "--rps", "1"], "not both")]
)
def test_what_to_size_is_said_once(words, said, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["twofold", *words])
    with pytest.raises(SystemExit) as left:
        twofold.main()
    assert left.value.code == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.slow
def test_the_readmes_commands_answer(monkeypatch, capsys) -> None:
    readme = (Path(twofold.__file__).parent / "README.md").read_text(encoding="utf-8")
    corpus, service = (
        json.loads(_said(line.partition("#")[0].split(), monkeypatch, capsys))
        for line in re.findall(r"^    \.venv/bin/twofold (size .*)$", readme, re.MULTILINE)
    )
    assert corpus["gpus"] == 8
    assert corpus["machines"] >= corpus["gpu_machines"] == 8
    assert corpus["hours"] >= 24
    assert any(one.startswith("assumed, not measured: a GPU") for one in corpus["assumed"])
    assert service["gpus"] == 0
    assert service["machines"] >= 1
    assert service["hours"] == 0


def _said(words: list[str], monkeypatch, capsys) -> str:
    monkeypatch.setattr(sys, "argv", ["twofold", *words, "--json"])
    with pytest.raises(SystemExit) as left:
        twofold.main()
    assert left.value.code == 0
    return capsys.readouterr().out
