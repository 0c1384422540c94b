"""Several requests through one network together: what is asked is joined row by row, and the answers are cut apart.

Faces, texts and pictures each stand for themselves, so encoders of these may see those of several clips at once; heads
judge each segment by itself. Sound is one sequence per segment and is not joined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import accumulate, pairwise
from typing import Any

from ensemble.host import Host
from modalities.encoders.backbone import Backbone
from modalities.encoders.encoder import Encoder
from modalities.pretrained import Pretrained
from modalities.types import Encoding, Faces, Output

USUAL = 256
"""Rows that a network of torch takes together, where the settings say nothing."""
JOINED = ("face", "picture", "text")
"""Kinds of encoders whose inputs can be joined."""


def most_rows(encoder: Encoder[Any], wished: int | None) -> int:
    """Return how many rows go together: as wished; else many where a network of torch gains from it, and one by one."""
    if encoder.kind not in JOINED:
        return 1
    gains = isinstance(encoder, Backbone) or isinstance(encoder.config, Pretrained)
    return wished or (USUAL if gains else 1)


def rows_in(inputs: Sequence[Any] | Faces) -> int:
    """Count what an encoder is asked about."""
    return len(inputs)


def steps_in(encodings: Mapping[str, Encoding]) -> int:
    """Count the steps that heads are asked about, filled up to the longest."""
    return max((encoding.mask.size for encoding in encodings.values()), default=0)


def encode_together(encoder: Any, asked: Sequence[Any]) -> list[Any]:
    """Ask an encoder once for several callers; `encoder` is its own `encode`."""
    if len(asked) == 1:
        return [encoder(asked[0])]
    joined = _faces(asked) if isinstance(asked[0], Faces) else [row for rows in asked for row in rows]
    answers, edges = encoder(joined), [0, *accumulate(len(rows) for rows in asked)]
    return [answers[start:end] for start, end in pairwise(edges)]


def judge_together(host: Host, asked: Sequence[Mapping[str, Encoding]]) -> list[dict[str, Output]]:
    """Ask heads once for several callers."""
    if len(asked) == 1:
        return [host.judge(asked[0])]
    found: list[dict[str, Output]] = [{} for _ in asked]
    for member in dict.fromkeys(name for encodings in asked for name in encodings):
        places = [number for number, encodings in enumerate(asked) if member in encodings]
        parts = [asked[number][member] for number in places]
        output = host.judge({member: Encoding.join(parts)})[member]
        edges = [0, *accumulate(len(part.segments) for part in parts)]
        for number, (start, end) in zip(places, pairwise(edges), strict=True):
            found[number][member] = output.take(slice(start, end))
    return found


def _faces(asked: Sequence[Faces]) -> Faces:
    return reduce(Faces.join, asked)
