"""What every cue must do. Each check takes a way to make the cue, and a `Scene` for it.

A cue is made anew wherever a check needs one: it keeps nothing of a clip, so any of them may go on with any memory.
"""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ensemble.perception import Observer
from modalities.cues.cue import Cue
from modalities.types import (
    FOREVER,
    SAMPLED_FPS,
    SECOND,
    Captions,
    ClipName,
    Faces,
    Footage,
    Frames,
    Speech,
    Transcript,
    Waveform,
)
from tests.checks.alike import assert_alike


@dataclass(frozen=True)
class Scene:
    """A clip that can be cut into stretches of any length, and makers of the cues that must look at it before."""

    stretches: Callable[[int | None], list[Footage]]
    before: Mapping[str, Callable[[], Cue]] = field(default_factory=dict)
    lengths: tuple[int, int] = (SECOND * 7 // 10, SECOND * 37 // 10)
    tolerance: float = 0.0


def perceive(make, scene, footages, move=lambda observer: observer):
    """Let a cue look at stretches, after those that it needs; returns a percept for each."""
    observer, found = Observer(make()), []
    before = {instance: Observer(maker()) for instance, maker in scene.before.items()}
    for footage in footages:
        whose = ClipName(footage.clip, footage.frames.until)
        new = {"clip": whose, "frames": footage.frames, "waveform": footage.waveform}
        for instance, earlier in before.items():
            new[instance] = earlier.look(new, footage)
        found.append(observer.look(new, footage))
        observer = move(observer)
    return found


def joined(percepts):
    """Put the percepts of a clip together."""
    whole = percepts[0]
    for percept in percepts[1:]:
        whole = whole.join(percept)
    return whole


def check_does_not_depend_on_the_length_of_stretches(make, scene):
    """Three lengths of stretches give the same percept: nothing is forgotten where one ends."""
    whole = joined(perceive(make, scene, scene.stretches(None)))
    for length in scene.lengths:
        pieces = joined(perceive(make, scene, scene.stretches(length)))
        assert_alike(whole, pieces, scene.tolerance, f"stretches of {length / SECOND} s")


def check_memory_can_move(make, scene):
    """A memory that was pickled between stretches goes on alike."""
    footages = scene.stretches(scene.lengths[1])
    stayed = joined(perceive(make, scene, footages))

    def move(observer):
        fresh, memory = Observer(make()), {name: value for name, value in vars(observer).items() if name != "_cue"}
        vars(fresh).update(pickle.loads(pickle.dumps(memory)))  # noqa: S301  our own
        return fresh

    moved = joined(perceive(make, scene, footages, move))
    assert_alike(stayed, moved, why="pickled")


def check_keeps_nothing_of_a_clip(make, scene):
    """One cue that looks at the same clip twice finds the same."""
    cue = make()
    footages = scene.stretches(scene.lengths[1])
    first = joined(perceive(lambda: cue, scene, footages))
    perceive(lambda: cue, scene, footages[:1])
    assert_alike(first, joined(perceive(lambda: cue, scene, footages)), why="a second time")


def check_until_never_falls(make, scene):
    """What is complete stays complete; at the end of the clip everything is."""
    untils = [percept.until for percept in perceive(make, scene, scene.stretches(scene.lengths[0]))]
    assert all(earlier <= later for earlier, later in pairwise(untils)), untils
    assert untils[-1] == FOREVER
    assert all(until < FOREVER for until in untils[:-1]), "only the end of a clip completes it"


def check_until_is_kept(make, scene):
    """Nothing is found later that began before the time up to which a percept said it was complete."""
    complete = 0
    for percept in perceive(make, scene, scene.stretches(scene.lengths[0])):
        times = moments(percept)
        assert not len(times) or times.min() >= complete, f"{times.min()} was complete up to {complete}"
        complete = percept.until


def check_gives_what_it_says(make, scene):
    """Its percepts are of the type that the plan relies on."""
    cue = make()
    assert all(type(percept) is cue.gives for percept in perceive(make, scene, scene.stretches(scene.lengths[1])))
    assert cue.needs.keys() == cue.wants.keys()


def check_finds_something(make, scene):
    """There is something in this scene: or the other checks would compare nothing with nothing."""
    assert len(moments(joined(perceive(make, scene, scene.stretches(None)))))


def check_takes_empty_footage(make, scene):
    """A clip without frames or sound is complete and empty; one whose sound begins late loses nothing of it."""
    (nothing,) = perceive(make, scene, [_blank(0, SECOND, last=True)])
    assert not len(moments(nothing))
    assert nothing.until == FOREVER
    first, *others = scene.stretches(scene.lengths[1])
    found = perceive(make, scene, [_blank(0, 0, last=False), first, *others])
    assert_alike(joined(perceive(make, scene, [first, *others])), joined(found), why="after nothing")


CHECKS = (
    check_does_not_depend_on_the_length_of_stretches,
    check_memory_can_move,
    check_keeps_nothing_of_a_clip,
    check_until_never_falls,
    check_until_is_kept,
    check_gives_what_it_says,
    check_finds_something,
    check_takes_empty_footage,
)


def moments(percept):
    """When the things were there that a percept tells of: from their beginning; a caption from its end."""
    if isinstance(percept, Faces):
        return percept.times
    if isinstance(percept, Speech):
        return percept.spans[:, 0]
    if isinstance(percept, Transcript):
        return np.array([word.start for word in percept.words], np.int64)
    if isinstance(percept, Captions):
        return np.array([caption.end for caption in percept.captions], np.int64)
    raise TypeError(f"say here when the things of a {type(percept).__name__} begin")


def _blank(start, end, *, last):
    until = FOREVER if last else end
    times = np.zeros(0, np.int64)
    silence = Waveform(np.zeros(0, np.float32), start, until)
    rows = np.arange(start, end, SECOND // SAMPLED_FPS)
    return Footage(start, end, last, Frames(times, (), until), rows, silence)
