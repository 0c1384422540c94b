"""What fails is absent: the others answer as if it had been left out, and the answer says so."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.host import Crew
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Timeline
from modalities.types import SECOND
from serve.graph.absence import Lost, Record, sparing
from tests import films, toys

RECOGNIZER = Recognizer(toys.plan())
MEMBERS = {
    name: {member.name for member in RECOGNIZER.plan.members if member.modality == name}
    for name in RECOGNIZER.plan.modalities
}
FILM = films.film(12.3)


class Failing:
    """A part that fails at some of its calls."""

    def __init__(self, part, method, turns, error=None):
        self._part, self._method, self._turns = part, method, turns
        self._error = error or ValueError("a secret /path")
        self._calls = 0

    def __getattr__(self, name):
        inner = getattr(self._part, name)
        if name != self._method:
            return inner

        def call(*arguments):
            self._calls += 1
            if self._turns is None or self._calls in self._turns:
                raise self._error
            return inner(*arguments)

        return call


def crew(*, cues=None, hosts=None) -> Crew:
    usual = RECOGNIZER.crew
    return Crew({**usual.cues, **(cues or {})}, {**usual.hosts, **(hosts or {})})


def recognise(with_crew: Crew | None, wishes: Wishes | None = None) -> tuple[Timeline, dict[str, str]]:
    record = Record(RECOGNIZER.plan)
    spared = None if with_crew is None else sparing(with_crew, RECOGNIZER.plan, record)
    pieces = list(RECOGNIZER.stream(FILM.stretches(2 * SECOND), wishes, spared))
    return Timeline.join(pieces), record.reasons


def same(one: Timeline, other: Timeline) -> None:
    np.testing.assert_array_equal(one.rows.times, other.rows.times)
    np.testing.assert_array_equal(one.rows.tracks, other.rows.tracks)
    for task, scores in one.rows.scores.items():
        np.testing.assert_allclose(scores, other.rows.scores[task], atol=1e-6)
    np.testing.assert_allclose(one.rows.contributions, other.rows.contributions, atol=1e-6)


def test_nobody_lost_changes_nothing() -> None:
    spared, reasons = recognise(crew())
    same(spared, recognise(None)[0])
    assert reasons == {}


@pytest.mark.parametrize("method", ["encode", "judge"])
@pytest.mark.parametrize("name", list(RECOGNIZER.plan.modalities))
def test_a_modality_that_always_fails_is_as_if_left_out(name: str, method: str) -> None:
    failing = Failing(RECOGNIZER.crew.hosts[name], method, None)
    spared, reasons = recognise(crew(hosts={name: failing}))
    same(spared, recognise(None, Wishes(without=frozenset(MEMBERS[name])))[0])
    assert set(reasons) == MEMBERS[name]
    assert set(reasons.values()) == {f"{name} failed with ValueError"}


@pytest.mark.parametrize("name", list(RECOGNIZER.plan.modalities))
def test_a_modality_that_fails_once_is_asked_again(name: str) -> None:
    whole, _ = recognise(None)
    failing = Failing(RECOGNIZER.crew.hosts[name], "judge", {2}, Lost("did not answer within 3 s"))
    spared, reasons = recognise(crew(hosts={name: failing}))
    assert set(reasons) == MEMBERS[name]
    assert set(reasons.values()) == {f"{name} did not answer within 3 s"}
    changed = np.zeros(len(whole.rows.times), np.bool_)
    for task, scores in whole.rows.scores.items():
        changed |= ~np.isclose(scores, spared.rows.scores[task], atol=1e-6, equal_nan=True).all(axis=1)
    assert changed.any(), "nothing of it is to be seen in the result"
    assert not changed.all(), "it was not asked again"


@pytest.mark.parametrize(("cue", "lost"), [("people", {"face"}), ("voice", {"audio", "text"}), ("words", {"text"})])
def test_a_lost_cue_takes_those_along_who_need_it(cue: str, lost: set[str]) -> None:
    failing = Failing(RECOGNIZER.plan.cues[cue], "perceive", None)
    spared, reasons = recognise(crew(cues={cue: failing}))
    gone = frozenset(member for name in lost for member in MEMBERS[name])
    assert set(reasons) == gone
    assert set(reasons.values()) == {f"{cue} failed with ValueError"}
    left, _ = recognise(None, Wishes(without=gone))
    if cue == "people":  # then nobody is in view either
        left = replace(left, rows=spared.rows) if (spared.rows.tracks < 0).all() else left
        present = {m for m, row in zip(spared.members, spared.verdict.opinions.present, strict=True) if row.any()}
        assert present == set(spared.members) - gone
    same(spared, left)


@pytest.mark.parametrize("cue", ["people", "voice", "words"])
def test_a_cue_lost_on_the_way_leaves_what_was_said_before(cue: str) -> None:
    whole, _ = recognise(None)
    failing = Failing(RECOGNIZER.plan.cues[cue], "perceive", {4})
    spared, reasons = recognise(crew(cues={cue: failing}))
    assert reasons
    assert failing._calls == 4, "what it remembered is gone, so it is not asked again"
    before = whole.rows.times < 2 * SECOND  # no later stretch has a say about these
    for task, scores in whole.rows.scores.items():
        np.testing.assert_allclose(spared.rows.scores[task][before], scores[before], atol=1e-6)
    assert len(spared.rows.times) == len(whole.rows.times)
    gone = [row for row, member in enumerate(spared.members) if member in reasons]
    late = [row for row, segment in enumerate(spared.verdict.segments) if segment.start >= 10 * SECOND]
    assert not spared.verdict.opinions.present[np.ix_(gone, late)].any()
