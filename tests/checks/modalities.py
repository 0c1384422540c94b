"""What every modality must do. Each check takes a way to make it, and a `Subject`: percepts and segments of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ensemble.perception import StepStore
from modalities.types import Faces, Frames, Percept, Segment
from tests.checks.alike import assert_alike


@dataclass(frozen=True)
class Subject:
    """Percepts of a whole clip by role, segments in it that overlap and differ in length, and the clip's end."""

    percepts: Mapping[str, Percept]
    segments: Sequence[Segment]
    end: int


def check_is_deterministic(make, subject):
    """The same question gets the same answer, from another instance too."""
    modality = make()
    first = modality.encode(subject.percepts, subject.segments)
    assert_alike(first, modality.encode(subject.percepts, subject.segments), why="a second time")
    assert_alike(first, make().encode(subject.percepts, subject.segments), why="another instance")
    assert first.mask.any(), "there is something in these segments"


def check_knows_no_labels(make, subject):
    """It holds neither labels nor trained weights: its encodings may be cached for every head."""
    modality = make()
    assert not modality.speaks
    assert not modality.state()


def check_masks_where_nothing_is(make, subject):
    """A segment with nothing to perceive is all masked."""
    end, track = subject.end, subject.segments[0].track
    nowhere = [Segment(end + 10_000_000, end + 14_000_000, track), Segment(end + 20_000_000, end + 20_200_000, track)]
    modality = make()
    assert not modality.encode(subject.percepts, nowhere).mask.any()
    mixed = modality.encode(subject.percepts, [nowhere[0], *subject.segments])
    assert not mixed.present[0]
    assert mixed.present[1:].any()
    if modality.about == "track":
        assert not modality.encode(subject.percepts, [Segment(0, end, 999)]).mask.any()


def check_takes_no_segments(make, subject):
    """No segments give an encoding without rows, of the encoder's width."""
    modality = make()
    encoding = modality.encode(subject.percepts, [])
    assert encoding.mask.shape[0] == 0
    assert encoding.steps.shape[-1] == modality.encoder.width


def check_judges_segments_apart(make, subject):
    """What a segment's steps are does not depend on which others are asked about."""
    modality = make()
    together = modality.encode(subject.percepts, subject.segments)
    for row, segment in enumerate(subject.segments):
        alone = modality.encode(subject.percepts, [segment])
        mask = together.mask[row]
        assert (alone.times[0][alone.mask[0]] == together.times[row][mask]).all()
        assert np.allclose(alone.steps[0][alone.mask[0]], together.steps[row][mask], atol=1e-5)


def check_needs_nothing_from_before(make, subject):
    """Forgetting what ended before a segment begins changes nothing."""
    modality = make()
    for segment in subject.segments:
        kept = {role: percept.since(segment.start) for role, percept in subject.percepts.items()}
        whole, rest = (modality.encode(percepts, [segment]) for percepts in (subject.percepts, kept))
        assert_alike(whole, rest, 1e-6, f"from {segment.start} µs on")


def check_steps_carry_presentation_times(make, subject):
    """Each step has its own time inside its segment; of frames, the time at which the frame is shown."""
    modality = make()
    encoding = modality.encode(subject.percepts, subject.segments)
    for row, segment in enumerate(encoding.segments):
        times = encoding.times[row][encoding.mask[row]]
        assert (np.diff(times) > 0).all()
        assert ((times >= segment.start) & (times < segment.end)).all()
        for faces in (percept for percept in subject.percepts.values() if isinstance(percept, Faces)):
            if modality.about == "clip":
                continue
            seen = faces.times[faces.tracks == segment.track]
            assert times.tolist() == seen[(seen >= segment.start) & (seen < segment.end)].tolist()


def check_gathers_what_it_encodes(make, subject):
    """Of a stepwise modality: steps that were encoded once, stretch by stretch, are those of whole segments."""
    modality = make()
    if not modality.stepwise:
        return
    store, edges = StepStore(modality), [0, 1_300_000, 2_700_000, subject.end]
    for start, end in pairwise(edges):
        store.add({role: _between(p, start, end) for role, p in subject.percepts.items()}, Segment(start, end))
    spans = list(dict.fromkeys((segment.start, segment.end) for segment in subject.segments))
    gathered = store.gather(spans)
    assert gathered.segments
    assert_alike(gathered, modality.encode(subject.percepts, gathered.segments), 1e-6, "gathered")


CHECKS = (
    check_is_deterministic,
    check_knows_no_labels,
    check_masks_where_nothing_is,
    check_takes_no_segments,
    check_judges_segments_apart,
    check_needs_nothing_from_before,
    check_steps_carry_presentation_times,
    check_gathers_what_it_encodes,
)


def _between(percept, start, end):
    """Keep the faces, or the frames, of a stretch."""
    rest = percept.since(start)
    if isinstance(rest, Frames):
        count = int((rest.times < end).sum())
        return Frames(rest.times[:count], rest.images[:count], end)
    early, looks = rest.times < end, rest.looked < end
    rows = rest.take(early)
    return Faces(**{**_columns(rows), "looked": rest.looked[looks], "ran": rest.ran[looks], "until": end})


def _columns(faces):
    return {name: getattr(faces, name) for name in Faces.__dataclass_fields__ if not name.startswith("_")}
