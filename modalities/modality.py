"""What a modality is: an opinion-giver with one encoder and one or more heads.

`encode` is the only thing that a new modality must write. It is deterministic and label-free, so that training may
cache what serving computes anew, and both give the same answer by construction.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, final

import torch

from modalities.catalog import ENCODERS, build
from modalities.config import Config
from modalities.encoders.encoder import Encoder
from modalities.heads.head import Head
from modalities.part import Part
from modalities.types import Encoding, Output, Percept, Scored, Segment


class Modality(Part):
    """Turns percepts of segments into steps; its heads judge them."""

    about: ClassVar[Literal["track", "clip"]]
    """Whether its segments are about one face each, or about everything."""
    stepwise: ClassVar[bool] = False
    """Whether its encoder looks at one step at a time: each step is then encoded once and shared by all segments."""
    wants: ClassVar[Mapping[str, type[Percept]]]
    """Role → type of percept."""
    tasks: ClassVar[tuple[str, ...]] = ("expression", "compound", "valence_arousal", "action_units")
    """What its heads can be asked to speak."""

    class Config(Config):
        """Settings of the encoder: `kind` from the catalog, and that encoder's own."""

        encoder: dict[str, Any]

    config: Config
    encoder: Encoder[Any]

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.encoder = build(config.encoder, ENCODERS)

    @abstractmethod
    def encode(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> Encoding:
        """Turn each segment into steps; a segment with nothing to perceive has every step masked.

        A modality about tracks is asked about segments that name one. A stepwise one is asked once per stretch, for
        the stretch as a segment of each track, and for one of no track: its answer to that has a masked step, at its
        time, for every frame that was looked at, so that later a missing face is known from a missing frame.
        """

    @final
    def judge(self, encoding: Encoding, head: Head) -> Output:
        """Ask a head what each segment shows."""
        if head.training:  # to tell a head to rest walks through all that is in it
            head.eval()
        with torch.inference_mode():
            columns = (encoding.steps, encoding.mask, encoding.times)
            answer = head(*(torch.from_numpy(column).to(head.place) for column in columns))
            values = head.scores(answer)
        scores = {
            task: Scored(
                labels,
                values[task].cpu().numpy(),
                answer.uncertainty[task].cpu().numpy() if task in answer.uncertainty else None,
            )
            for task, labels in head.speaks.items()
        }
        return Output(encoding.segments, encoding.present, scores, answer.features.cpu().numpy())
