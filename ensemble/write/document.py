"""The timeline as one JSON document: versioned, described by `timeline.schema.json`, every label set named.

Times are seconds after the clip's origin; scores stand in the order of their labels; `null` where nobody says it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from ensemble.manifest import read_manifest
from ensemble.matches import Matches
from ensemble.timeline import Timeline, shares
from ensemble.tracks import Sightings
from ensemble.write.frames import names, winners
from modalities.labels import Pairs
from modalities.types import SECOND, Array, Caption, Captions, Segment, Speech, Transcript, Word
from modalities.whole import whole

FORMAT, VERSION = "twofold.timeline", 1
SCHEMA = Path(__file__).with_name("timeline.schema.json")
DISCLOSURE = (
    "These are apparent expressions, estimated from face, voice and words; they do not tell what a person feels."
)
TIME_DIGITS, SCORE_DIGITS = 6, 5


@dataclass(frozen=True, slots=True)
class Origin:
    """The bundle that a timeline comes from."""

    name: str
    sha256: str
    """Of all its files."""
    versions: Mapping[str, str]
    """Of the packages that made it."""
    pairs: Pairs

    @classmethod
    def of(cls, bundle: Path) -> Self:
        """Read it from a bundle's folder."""
        manifest = read_manifest(bundle)
        digest = hashlib.sha256()
        for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            digest.update(f"{path.relative_to(bundle).as_posix()} {content}\n".encode())
        pairs = {name: (first, second) for name, (first, second) in manifest["settings"]["compounds"].items()}
        return cls(bundle.resolve().name, digest.hexdigest(), manifest["versions"], pairs)


def document(timeline: Timeline, origin: Origin) -> dict[str, Any]:
    """Return the document as plain values; it fits the published schema."""
    labels = {name: list(task.labels) for name, task in timeline.tasks.items()}
    start, end = _times(np.array([timeline.start, timeline.end]))
    sightings = timeline.sightings
    return {
        "format": FORMAT,
        "version": VERSION,
        "disclosure": DISCLOSURE,
        "clip": {"name": timeline.clip, "start": start, "end": end},
        "bundle": {"name": origin.name, "sha256": origin.sha256, "versions": dict(origin.versions)},
        "labels": {**labels, "compound_pairs": {name: list(pair) for name, pair in origin.pairs.items()}},
        "members": list(timeline.members),
        "degraded": dict(timeline.degraded),
        "problems": list(timeline.problems),
        "speech": _speech(timeline.speech),
        "words": _words(timeline.transcript),
        "captions": _captions(timeline.captions),
        "prompts": None if timeline.matches is None else list(timeline.matches.prompts),
        "matches": None if timeline.matches is None else list(_matches(timeline.matches)),
        "looked": {"times": _times(sightings.looked), "detector_ran": sightings.ran.tolist()},
        "tracks": list(_tracks(sightings)),
        "segments": list(_segments(timeline)),
    }


def write_document(content: Mapping[str, Any], path: Path) -> None:
    """Write a document with a line for each segment, word, caption, match and track."""
    with whole(path) as unfinished:
        unfinished.write_text(_text(content), encoding="utf-8")


def _text(content: Mapping[str, Any]) -> str:
    entries = [f" {json.dumps(key)}: {_value(value)}" for key, value in content.items()]
    return "{\n" + ",\n".join(entries) + "\n}\n"


def _value(value: Any) -> str:
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return "[\n  " + ",\n  ".join(_compact(item) for item in value) + "\n ]"
    return _compact(value)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _speech(speech: Speech | None) -> list[list[float]] | None:
    return None if speech is None else _times(speech.spans)


def _words(transcript: Transcript | None) -> list[dict[str, Any]] | None:
    if transcript is None:
        return None
    return [
        {
            "text": word.text,
            **_span(word),
            "confidence": round(word.confidence, SCORE_DIGITS),
            "timing": word.timing,
        }
        for word in transcript.words
    ]


def _captions(captions: Captions | None) -> list[dict[str, Any]] | None:
    if captions is None:
        return None
    return [{**_span(caption), "text": caption.text} for caption in captions.captions]


def _matches(matches: Matches) -> Iterator[dict[str, Any]]:
    for member, match in matches.members.items():
        cosines, shares_of_prompts = _scores(match.cosines), _scores(match.shares)
        for row in np.flatnonzero(match.present).tolist():
            found = {"cosines": cosines[row], "shares": shares_of_prompts[row]}
            yield {"member": member, **_span(match.segments[row]), **found}


def _span(what: Caption | Segment | Word) -> dict[str, float]:
    return {"start": round(what.start / SECOND, TIME_DIGITS), "end": round(what.end / SECOND, TIME_DIGITS)}


def _tracks(sightings: Sightings) -> Iterator[dict[str, Any]]:
    looked = max(1, len(sightings.looked))
    for track in np.unique(sightings.tracks).tolist():
        rows = np.flatnonzero(sightings.tracks == track)
        times = _times(sightings.times[rows])
        yield {
            "id": track,
            "first_seen": times[0],
            "last_seen": times[-1],
            "share": round(min(1.0, len(rows) / looked), SCORE_DIGITS),
            "boxes": [
                {"time": time, "box": box, "score": score, "detected": detected}
                for time, box, score, detected in zip(
                    times,
                    _scores(sightings.boxes[rows]),
                    _scores(sightings.scores[rows]),
                    sightings.detected[rows].tolist(),
                    strict=True,
                )
            ],
        }


def _segments(timeline: Timeline) -> Iterator[dict[str, Any]]:
    verdict, members = timeline.verdict, timeline.members
    unsaid = {task: np.where(verdict.said[task], scores, np.nan) for task, scores in verdict.scores.items()}
    winner_S = winners(unsaid["compound"])
    top = names(winner_S, timeline.tasks["compound"].labels)
    scores = {task: _scores(values) for task, values in unsaid.items()}
    probability = _scores(shares(unsaid["compound"]))
    contributions = _scores(verdict.contributions[:, np.arange(len(winner_S)), winner_S].T)
    present = verdict.opinions.present
    for row, segment in enumerate(verdict.segments):
        there = np.flatnonzero(present[:, row]).tolist()
        yield {
            **_span(segment),
            "track": segment.track,
            "present": [members[member] for member in there],
            "top_compound": top[row],
            "scores": {task: values[row] for task, values in scores.items()},
            "compound_probability": probability[row],
            "contributions": {members[member]: contributions[row][member] for member in there if top[row]},
        }


def _times(times: Array) -> list[Any]:
    seconds: list[Any] = np.round(times / SECOND, TIME_DIGITS).tolist()
    return seconds


def _scores(values: Array) -> list[Any]:
    """Round; nobody's word is `None`."""
    # Adding zero turns a rounded −0.0 into 0.0.
    rounded = np.round(values.astype(np.float64), SCORE_DIGITS) + 0.0
    plain: list[Any] = np.where(np.isnan(rounded), None, rounded.astype(object)).tolist()  # type: ignore[call-overload]  # None in an object array
    return plain
