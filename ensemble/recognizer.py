"""The Recognizer: footage in, a timeline out. The one road for a file, a live stream and a cached corpus alike.

recognizer = load("runs/demo/bundle")
timeline = recognizer.predict("clip.mp4")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from ensemble.host import Crew
from ensemble.mapping import normalise
from ensemble.matches import Matches, check_prompts
from ensemble.opinions import Opinions, align, bounds
from ensemble.perception import Cursor, Impression, Perception
from ensemble.plan import Plan
from ensemble.smoothing import Smoother
from ensemble.timeline import Rows, Timeline, Verdict
from ensemble.tracks import NOBODY, Primary, Sightings
from modalities.grid import Span
from modalities.heads.head import Head
from modalities.media import Limits, read
from modalities.types import (
    FOREVER,
    SECOND,
    Clip,
    Encoding,
    Footage,
    Mask,
    Microseconds,
    Output,
    Scores,
    Segment,
    Times,
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a single request may ask for."""

    without: frozenset[str] = frozenset()
    """Members to leave out."""
    all_tracks: bool = False
    """Rows for every track in view, not for the primary one alone."""
    prompts: tuple[str, ...] = ()
    """Texts to compare what is seen with; answered beside the fused result, which they never change."""
    ahead: bool = False
    """Tell of segments that are not final too: what those say who could judge already. For cameras."""


class Recognizer:
    """A plan with trained weights."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.crew = Crew.of(plan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free what the cues hold open."""
        for cue in self.plan.cues.values():
            cue.close()

    def predict(self, clip: Clip | str | Path, limits: Limits | None = None, wishes: Wishes | None = None) -> Timeline:
        """Recognise a whole clip."""
        clip = clip if isinstance(clip, Clip) else Clip.of(clip)
        pieces = self.stream(read(clip, limits or Limits()), wishes)
        return replace(Timeline.join(list(pieces)), clip=clip.name)

    def stream(
        self, footages: Iterable[Footage], wishes: Wishes | None = None, crew: Crew | None = None
    ) -> Iterator[Timeline]:
        """Hand out pieces of the timeline as their rows become final; `crew` stands in for the plan's own parts."""
        crew = crew or self.crew
        impressions = Perception(self.plan, crew.hosts, crew.cues, crew.together).run(footages)
        return self.combine(impressions, wishes, crew)

    def combine(
        self, impressions: Iterable[Impression], wishes: Wishes | None = None, crew: Crew | None = None
    ) -> Iterator[Timeline]:
        """Judge, fuse, map and spread what perception left behind."""
        return self.weigh(((impression, self.judge(impression, crew)) for impression in impressions), wishes)

    def weigh(
        self, heard: Iterable[tuple[Impression, Mapping[str, Output]]], wishes: Wishes | None = None
    ) -> Iterator[Timeline]:
        """Fuse, map and spread what members have said about impressions."""
        wishes = wishes or Wishes()
        self.check(wishes)
        pending = _Pending(self, wishes)
        for impression, outputs in heard:
            yield pending.add(impression, outputs)

    def check(self, wishes: Wishes) -> None:
        """Raise ValueError for wishes that no clip can fulfil."""
        names = [member.name for member in self.plan.members]
        if unknown := sorted(wishes.without - set(names)):
            raise ValueError(f"there is no member {', '.join(unknown)} to leave out; members are {', '.join(names)}")
        if wishes.without >= set(names):
            raise ValueError("every member was left out, so there is nothing to fuse; leave at least one in")
        check_prompts(wishes.prompts, self.asked(wishes))

    def asked(self, wishes: Wishes) -> dict[str, Head]:
        """Return the heads of the members that a request does not leave out."""
        return {name: head for name, head in self.plan.heads.items() if name not in wishes.without}

    def judge(self, impression: Impression, crew: Crew | None = None) -> dict[str, Output]:
        """Ask every member about the segments that have closed."""
        crew = crew or self.crew
        asked: dict[str, dict[str, Encoding]] = {name: {} for name in self.plan.modalities}
        for member in self.plan.members:
            asked[member.modality][member.name] = impression.encodings[member.modality, member.grid]
        answers = crew.together([partial(crew.hosts[name].judge, encodings) for name, encodings in asked.items()])
        outputs = {member: output for answer in answers for member, output in answer.items()}
        return {member.name: outputs[member.name] for member in self.plan.members}

    def decide(self, opinions: Opinions) -> Verdict:
        """Fuse and map what members say about segments, and say who contributed what."""
        scores, said = self._fuse(opinions)
        whole_SK = normalise(scores["compound"], said["compound"])
        contributions_MSK = np.zeros((len(opinions.members), *whole_SK.shape), np.float32)
        for row, member in enumerate(opinions.members):
            if opinions.present[row].any():
                rest, rest_said = self._fuse(opinions.without([member]))
                # Where m is the only one present, nothing is left: `normalise` answers 1/K.
                without_SK = normalise(rest["compound"], rest_said["compound"])
                contributions_MSK[row] = np.where(opinions.present[row][:, None], whole_SK - without_SK, 0)
        return Verdict(opinions, scores, said, contributions_MSK)

    def _fuse(self, opinions: Opinions) -> tuple[dict[str, Scores], dict[str, Mask]]:
        fused = self.plan.fusion.fuse(opinions)
        fused["compound"] = self.plan.mapping.compound(opinions, fused)
        return {task: value[0] for task, value in fused.items()}, {task: value[1] for task, value in fused.items()}


class _Pending:
    """What one clip's timeline still waits for: rows, cells of its grid, and what members said about open ones."""

    def __init__(self, recognizer: Recognizer, wishes: Wishes) -> None:
        self._recognizer = recognizer
        self._plan = recognizer.plan
        self._wishes = wishes
        self._primary = Primary()
        self._cursor = Cursor(self._plan.grid)
        self._cells: list[Span] = []
        self._outputs: dict[str, Output] = {}
        self._verdicts: list[Verdict] = []
        self._row_times: Times = np.zeros(0, np.int64)
        self._sightings = Sightings.of(None)
        self._smoother = Smoother(self._plan.settings.smoothing)

    def add(self, impression: Impression, outputs: Mapping[str, Output]) -> Timeline:
        """Take the next impression in, hand out what is final."""
        self._primary.see(impression.sightings)
        self._sightings = Sightings.join([self._sightings, impression.sightings])
        self._row_times = np.concatenate([self._row_times, impression.row_times])
        for name, output in outputs.items():
            self._outputs[name] = Output.join([self._outputs[name], output]) if name in self._outputs else output
        self._cells += self._cursor.close(impression.end, impression)
        verdict = self._decide(self._ready(impression))
        self._verdicts.append(verdict)
        open_from = min([start for start, _ in self._cells] + [self._cursor.frontier()])
        rows = self._rows(FOREVER if impression.last else min(open_from, impression.end))
        self._forget(open_from)
        return Timeline(
            "",
            impression.start,
            impression.end,
            self._plan.tasks,
            tuple(member.name for member in self._plan.members),
            rows,
            verdict,
            impression.sightings,
            impression.speech,
            impression.transcript,
            impression.captions,
            impression.problems,
            Matches.of(prompts, outputs, self._recognizer.asked(self._wishes))
            if (prompts := self._wishes.prompts)
            else None,
            ahead=self._decide(self._open(impression.end)) if self._wishes.ahead else None,
        )

    def _open(self, end: Microseconds) -> list[Span]:
        """Return the cells that have passed, though not everybody has judged them."""
        return [cell for cell in self._cells if cell[1] <= end]

    def _ready(self, impression: Impression) -> list[Span]:
        """Take the cells about which no member will say anything more."""
        ready: list[Span] = []
        listed = impression.segments is not None
        while self._cells:
            start, end = self._cells[0]
            for (_, grid), frontier in impression.frontiers.items():
                finer = listed or round(grid.duration * SECOND) < end - start
                if frontier < end if finer else frontier <= (start + end) // 2:
                    return ready
            ready.append(self._cells.pop(0))
        return ready

    def _decide(self, cells: list[Span]) -> Verdict:
        segments: list[Segment] = []
        for start, end in cells:
            segments.append(Segment(start, end))
            segments += [Segment(start, end, track) for track in self._sightings.tracks_in(start, end)]
        outputs = {
            member.name: (self._outputs[member.name], self._plan.modalities[member.modality].about == "track")
            for member in self._plan.members
        }
        looked_at = self._plan.fusion.looks_at_features or self._plan.mapping.looks_at_features
        opinions = align(segments, outputs, self._plan.tasks, with_features=looked_at)
        return self._recognizer.decide(opinions.without(self._wishes.without))

    def _rows(self, before: Microseconds) -> Rows:
        """Fill the rows that no open cell covers, and hand out those that smoothing has done with.

        Smoothing looks at all tracks even where only the primary one is shown, for it may have been another's turn in
        between, and what is shown must not change what is said.
        """
        count = int(np.searchsorted(self._row_times, before))
        times, self._row_times = self._row_times[:count], self._row_times[count:]
        tracks = self._primary.at(times)
        verdict = Verdict.join(self._verdicts)
        if self._wishes.all_tracks or self._smoother.reach:
            times, tracks = _with_others(times, tracks, verdict.segments)
        draft = self._smoother.add(verdict.draft(times, tracks), before)
        if self._smoother.reach and not self._wishes.all_tracks:
            _, firsts = np.unique(draft.times, return_index=True)
            draft = draft.take(firsts)
        return draft.settle()

    def _forget(self, before: Microseconds) -> None:
        self._sightings = self._sightings.since(before)
        self._outputs = {name: output.since(before) for name, output in self._outputs.items()}
        oldest_row = int(self._row_times[0]) if len(self._row_times) else before
        late = [v for v in self._verdicts[:-1] if any(segment.end > oldest_row for segment in v.segments)]
        self._verdicts = [*late, self._verdicts[-1]]


def _with_others(times: Times, primary: Times, segments: Sequence[Segment]) -> tuple[Times, Times]:
    """Add a row for every further track in view, after the primary one's."""
    start, end, about = bounds(segments)
    cover_FS = (start[None, :] <= times[:, None]) & (times[:, None] < end[None, :])
    rows = [(int(time), -1, int(track)) for time, track in zip(times, primary, strict=True)]
    for track in np.unique(about[about != NOBODY]):
        seen = cover_FS[:, about == track].any(axis=1) & (primary != track)
        rows += [(int(time), int(track), int(track)) for time in times[seen]]
    table = np.array(sorted(rows), np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 2]
