"""Given head: what an encoder that is itself a classifier says. Nothing is trained (RAS, member 1: EmoAffectNet as is).

The steps are the classifier's logits, one column for each of its labels. A segment's score is the mean of its steps'
scores, as of every network that looks at one picture at a time.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from modalities.heads.head import Answer, Head, activate, deactivate
from modalities.heads.pooling import mean_step


class GivenHead(Head):
    """Each task takes its labels' columns; a label that the classifier does not have cannot be spoken."""

    name: ClassVar[str] = "given"

    class Config(Head.Config):
        """What the columns of the encoder's logits mean; if not given, the labels that are spoken, in their order."""

        columns: tuple[str, ...] = ()

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        spoken = [name for names in config.speaks.values() for name in names]
        columns = config.columns or tuple(spoken)
        if len(columns) != config.width:
            raise ValueError(
                f"the encoder says {config.width} numbers, but {len(columns)} columns are named: {', '.join(columns)}; "
                "name one for each"
            )
        if strange := [name for name in spoken if name not in columns]:
            raise ValueError(
                f"the encoder has no column for {', '.join(strange)}, only {', '.join(columns)}; "
                "leave out of `speaks` what it does not know"
            )
        self._places = {task: [columns.index(name) for name in names] for task, names in config.speaks.items()}

    @property
    def features_width(self) -> int:
        """D of its features: the mean logits."""
        return self.config.width

    def standardise_by(self, steps: Tensor, mask: Tensor) -> None:
        """Learn nothing: logits stand on the scale on which they were learnt."""

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  every step alone: no times
        """Turn each step into scores, then average."""
        steps_BTE = torch.where(mask[..., None], steps.float(), torch.zeros_like(steps, dtype=torch.float32))
        logits: dict[str, Tensor] = {}
        for task, places in self._places.items():
            kind = self.config.kinds[task]
            logits[task] = deactivate(kind, mean_step(activate(kind, steps_BTE[..., places]), mask))
        return Answer(mean_step(steps_BTE, mask), logits)
