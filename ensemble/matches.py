"""Matches: how near a request's own texts come to what members see. Beside the fused result, never mixed into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modalities.heads.head import Comparing, Head
from modalities.types import Mask, Output, Scores, Segment

MOST_PROMPTS = 32
LONGEST_PROMPT = 300
"""Characters; a CLIP reads little more than fifty words."""


@dataclass(frozen=True, slots=True)
class Match:
    """What one member answers. Absent rows hold finite fillers."""

    segments: tuple[Segment, ...]  # S, of the member's own grid
    present: Mask  # [S]
    cosines: Scores  # [S, P], mean over a segment's steps, in [-1, 1]
    shares: Scores  # [S, P], a softmax over the prompts; of a single prompt always 1

    @classmethod
    def of(cls, output: Output, head: Comparing, prompts: Sequence[str]) -> Match:
        """Compare what a member saw with the prompts."""
        if output.features is None:
            raise ValueError("a head that compares with texts must say its features, but this one has none")
        cosines_SP = head.compare(output.features, prompts)
        raw_SP = np.exp(head.sharpness() * (cosines_SP - cosines_SP.max(axis=1, keepdims=True)))
        shares_SP = (raw_SP / raw_SP.sum(axis=1, keepdims=True)).astype(np.float32)
        return cls(output.segments, output.present, cosines_SP, shares_SP)

    @classmethod
    def join(cls, parts: Sequence[Match]) -> Match:
        """Put segments one after the other; at least one part."""
        return cls(
            tuple(segment for part in parts for segment in part.segments),
            np.concatenate([part.present for part in parts]),
            np.concatenate([part.cosines for part in parts]),
            np.concatenate([part.shares for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class Matches:
    """The prompts of a request, and what each member that can compare answers."""

    prompts: tuple[str, ...]  # P
    members: Mapping[str, Match]

    @classmethod
    def of(cls, prompts: tuple[str, ...], outputs: Mapping[str, Output], heads: Mapping[str, Head]) -> Matches | None:
        """Ask every member that can compare; None where there is nothing to ask."""
        if not prompts:
            return None
        able = {name: head for name, head in heads.items() if isinstance(head, Comparing)}
        return cls(prompts, {name: Match.of(outputs[name], head, prompts) for name, head in able.items()})

    @classmethod
    def join(cls, parts: Sequence[Matches | None]) -> Matches | None:
        """Put the pieces of a clip together; None where nothing was asked."""
        asked = [part for part in parts if part is not None]
        if not asked:
            return None
        members = {name: Match.join([part.members[name] for part in asked]) for name in asked[0].members}
        return cls(asked[0].prompts, members)


def check_prompts(prompts: Sequence[str], heads: Mapping[str, Head]) -> None:
    """Raise ValueError where prompts cannot be answered; the message says what to do."""
    if not prompts:
        return
    if not any(isinstance(head, Comparing) for head in heads.values()):
        raise ValueError(
            f"no member can compare pictures with texts (there are {', '.join(heads)}); "
            "use a bundle with the modality match, or ask without prompts"
        )
    if len(prompts) > MOST_PROMPTS:
        raise ValueError(f"there are {len(prompts)} prompts, but at most {MOST_PROMPTS} are answered; give fewer")
    if not all(map(str.strip, prompts)):
        raise ValueError("a prompt is empty; say in words what to look for, such as 'a person crying'")
    if long := [prompt for prompt in prompts if len(prompt) > LONGEST_PROMPT]:
        raise ValueError(
            f"the prompt {long[0][:40]!r}… has {len(long[0])} characters, but at most {LONGEST_PROMPT} are read; cut it"
        )
