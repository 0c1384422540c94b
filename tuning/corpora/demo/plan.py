"""Which clips the demo corpus has: 135 scripts, balanced over states and splits, drawn from one seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tuning.corpora.corpus import SPLITS, Split
from tuning.corpora.demo.expressions import STATES, parts
from tuning.corpora.demo.sentences import SENTENCES
from tuning.corpora.demo.voice import VOICES

DEMO_VERSION = 2
"""Raise it with every change of the generator that changes a clip: it is part of what a made clip is known by."""
CLIPS: Mapping[Split, int] = {"train": 4, "dev": 2, "test": 3}
"""Clips of every state."""
SUBJECTS: Mapping[Split, int] = {"train": 12, "dev": 6, "test": 9}
SILENT, HIDDEN = 0.2, 0.15
"""Shares of clips that are silent, and in which something hides the face for a while."""

Words = Literal["own", "neutral", "none"]


@dataclass(frozen=True, slots=True)
class Script:
    """One clip before it is made; it says everything, so the same script gives the same clip."""

    name: str
    split: Split
    subject: str
    expression: str  # a label of the tasks expression or compound
    words: Words  # whether the words tell of the expression
    sentences: tuple[str, ...]
    voice: str
    hidden: bool
    seed: int  # of everything random within the clip
    plan_seed: int
    version: int = DEMO_VERSION


def plan_demo(seed: int) -> tuple[Script, ...]:
    """Return the scripts of all clips, in the order of their names; the same seed gives the same ones."""
    rng = np.random.default_rng([seed, DEMO_VERSION])
    scripts = [script for split in SPLITS for script in _plan_split(split, seed, rng)]
    return tuple(sorted(scripts, key=lambda script: script.name))


def _plan_split(split: Split, seed: int, rng: np.random.Generator) -> Iterator[Script]:
    """Scripts of one split."""
    takes = [(state, take) for take in range(CLIPS[split]) for state in STATES]
    silent, hidden = (_spread(CLIPS[split], share, rng) for share in (SILENT, HIDDEN))
    odd = dict(zip(STATES, rng.permutation(np.arange(len(STATES)) % 2), strict=True))
    subjects = _deal([(take + int(odd[state])) % 2 for state, take in takes], SUBJECTS[split], rng)
    spoken = dict.fromkeys(STATES, 0)
    decks: dict[str, list[str]] = {}
    for (state, take), subject in zip(takes, subjects, strict=True):
        words: Words = "none"
        if (state, take) not in silent:
            words = "own" if (spoken[state] + STATES.index(state)) % 2 else "neutral"
            spoken[state] += 1
        yield Script(
            name=f"{split}-{state.lower().replace(' ', '-')}-{take + 1}",
            split=split,
            subject=f"{split}-{subject:02d}",
            expression=state,
            words=words,
            sentences=tuple(_draw(decks, feeling, split, rng) for feeling in _feelings(state, words)),
            voice=VOICES[split][subject % len(VOICES[split])],
            hidden=(state, take) in hidden,
            seed=int(rng.integers(2**31)),
            plan_seed=seed,
        )


def _spread(takes: int, share: float, rng: np.random.Generator) -> set[tuple[str, int]]:
    """Choose a share of the clips of all states, at most one of each state."""
    count = round(share * takes * len(STATES))
    chosen = rng.permutation(len(STATES))[:count]
    return {(STATES[state], int(rng.integers(takes))) for state in chosen}


def _deal(parities: list[int], subjects: int, rng: np.random.Generator) -> list[int]:
    """Deal subjects to clips, evenly; whether its number is even decides a subject's portrait, so states mix both."""
    hands: dict[int, list[int]] = {0: [], 1: []}
    dealt = []
    for parity in parities:
        if not hands[parity]:
            hands[parity] = rng.permutation(np.arange(parity, subjects, 2)).tolist()
        dealt.append(hands[parity].pop())
    return dealt


def _feelings(state: str, words: Words) -> tuple[str, ...]:
    """Whose words are said: a sentence of the expression, one of each of a compound's two, a neutral one, or none."""
    return {"none": (), "neutral": ("Neutral",), "own": tuple(parts(state))}[words]


def _draw(decks: dict[str, list[str]], feeling: str, split: Split, rng: np.random.Generator) -> str:
    """Draw a sentence; all of a feeling are said before one is said again, for few clips must show many words."""
    if not decks.get(feeling):
        decks[feeling] = rng.permutation(SENTENCES[feeling][split]).tolist()
    return decks[feeling].pop()
