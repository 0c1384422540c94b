"""What every fusion is: a part that is asked about evidence, and answers per task."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import ClassVar, Literal, final

import numpy as np
import torch
from torch import Tensor, nn

from ensemble.fusion.evidence import Evidence
from ensemble.opinions import Opinions
from modalities.config import Config
from modalities.labels import Kind, Labels
from modalities.part import Part
from modalities.types import Array, Mask, Scores


class TaskSettings(Config):
    """A task as a fusion stores it."""

    kind: Kind
    labels: tuple[str, ...]


class Fusion(nn.Module, Part):
    """Makes one answer of what members say. Who is absent, and a class that is not said, never influence it."""

    class Config(Config):
        """Member → task → the labels it speaks; the tasks; how wide features are. The plan fills them in."""

        speaks: dict[str, dict[str, tuple[str, ...]]]
        tasks: dict[str, TaskSettings]
        widths: dict[str, int] = {}
        """Member → width of its features, where it has any."""
        unspoken: Literal["absent", "zero"] = "absent"
        """What a present member that speaks a task says of a class it does not know: nothing, or 0 as in RAS.

        An absent member stays absent, and a class that no present member knows stays unsaid.
        """

    config: Config
    looks_at_features: ClassVar[bool] = False
    """Whether members' features are to be brought, which are long."""

    def __init__(self, config: Config) -> None:
        nn.Module.__init__(self)
        Part.__init__(self, config)

    @property
    def members(self) -> tuple[str, ...]:
        """Names, in the order of the first axis."""
        return tuple(self.config.speaks)

    @property
    def speaks(self) -> Mapping[str, Labels]:
        """Task → labels."""
        return {name: Labels(task.labels) for name, task in self.config.tasks.items()}

    @abstractmethod
    def forward(self, evidence: Evidence, tasks: Collection[str]) -> dict[str, Tensor]:
        """Fuse each of these tasks into [S, C]; what nobody says gets a finite filler, and no gradient."""

    def pulled(self, task: str) -> Tensor:  # noqa: ARG002  a hook
        """Return by how much training is to be held back, 0 for the plain mean; here, nothing is."""
        return torch.zeros(())

    @final
    def fuse(self, opinions: Opinions) -> dict[str, tuple[Scores, Mask]]:
        """Return task → fused scores [S, C] and whether anybody said them [S, C]."""
        if opinions.members != self.members:
            given = ", ".join(opinions.members)
            raise ValueError(f"this fusion weighs {', '.join(self.members)}, but was given {given}")
        self.eval()
        with torch.inference_mode():
            fused = self(Evidence.of(opinions), tuple(opinions.scores))
        return {task: (fused[task].numpy(), np.asarray(said.any(axis=0))) for task, said in opinions.said.items()}

    def state(self) -> dict[str, Array]:
        """Return all parameters and buffers by name."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.state_dict().items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Put parameters and buffers back."""
        self.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
