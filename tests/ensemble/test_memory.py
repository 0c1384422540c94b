"""What is held of a clip does not grow with it: a live stream may go on for ever."""

import numpy as np

from ensemble.perception import Perception
from ensemble.recognizer import Recognizer
from modalities.types import SECOND
from tests import toys
from tests.films import film

PLAN = toys.plan(toys.PAPERS)
FILM = film(60.0)


def held(value, seen):
    """Bytes of all arrays, and numbers in all containers, that are reachable; a plan is not of the clip."""
    if id(value) in seen or value is PLAN or isinstance(value, Recognizer | type | str):
        return 0
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, dict):
        return sum(held(inner, seen) for inner in value.values())
    if isinstance(value, tuple | list):
        return 8 * len(value) + sum(held(inner, seen) for inner in value)
    inner = [getattr(value, name, None) for name in (*getattr(value, "__slots__", ()), *getattr(value, "__dict__", ()))]
    return sum(held(one, seen) for one in inner)


def assert_level(sizes):
    assert len(sizes) == 60
    assert min(sizes[:-1]) > 0
    assert max(sizes[30:]) < 1.3 * max(sizes[:30]), sizes


def test_perception_forgets():
    perception = Perception(PLAN)
    assert_level([held(vars(perception), {id(PLAN.modalities)}) for _ in perception.run(FILM.stretches(SECOND))])


def test_the_timeline_forgets():
    stream = Recognizer(PLAN).stream(FILM.stretches(SECOND))
    assert_level([held(stream.gi_frame.f_locals["pending"], set()) for _ in stream])
