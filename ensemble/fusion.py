"""Fusion: what the members say together, per task.

Every fusion here is linear: one [member, class] matrix per task. Inference and training run the same four lines
(`weigh`): zero the absent, divide each class's column by what remains, fuse, and make a distribution sum to one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn

from ensemble.opinions import Opinions
from modalities.config import Config, Integers
from modalities.labels import Kind, Labels
from modalities.part import Part
from modalities.types import Array, Mask, Scores


class TaskSettings(Config):
    """A task as a fusion stores it."""

    kind: Kind
    labels: tuple[str, ...]


def weigh(weights_MC: Tensor, scores_MSC: Tensor, said_MSC: Tensor, kind: Kind) -> Tensor:
    """Fuse [M, S, C] to [S, C]; a class that nobody says gets zero, and no gradient."""
    weights_MSC = weights_MC[:, None, :] * said_MSC
    rest_SC = weights_MSC.sum(0)
    fused_SC = (weights_MSC * scores_MSC).sum(0) / torch.where(rest_SC > 0, rest_SC, torch.ones_like(rest_SC))
    if kind != "distribution":
        return fused_SC
    total_S1 = fused_SC.sum(-1, keepdim=True)
    return fused_SC / torch.where(total_S1 > 0, total_S1, torch.ones_like(total_S1))


class Fusion(nn.Module, Part):
    """Weighs members per task and class."""

    class Config(Config):
        """Member → task → the labels it speaks; and the tasks. The plan fills both in."""

        speaks: dict[str, dict[str, tuple[str, ...]]]
        tasks: dict[str, TaskSettings]

    config: Config

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
    def weights(self, task: str) -> Tensor:
        """Return how much each member counts for each class of a task: [M, C], columns sum to one, none below zero."""

    def forward(self, task: str, scores: Tensor, said: Tensor) -> Tensor:
        """Fuse scores [M, S, C] where they are said [M, S, C] into [S, C]."""
        return weigh(self.weights(task), scores, said, self.config.tasks[task].kind)

    @final
    def fuse(self, opinions: Opinions) -> dict[str, tuple[Scores, Mask]]:
        """Return task → fused scores [S, C] and whether anybody said them [S, C]."""
        if opinions.members != self.members:
            given = ", ".join(opinions.members)
            raise ValueError(f"this fusion weighs {', '.join(self.members)}, but was given {given}")
        self.eval()
        fused: dict[str, tuple[Scores, Mask]] = {}
        with torch.inference_mode():
            for task, scores in opinions.scores.items():
                said = opinions.said[task]
                values = self(task, torch.from_numpy(scores), torch.from_numpy(said))
                fused[task] = values.numpy(), np.asarray(said.any(axis=0))
        return fused

    def state(self) -> dict[str, Array]:
        """Return all parameters by name."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.state_dict().items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Put parameters back."""
        self.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})


class MeanFusion(Fusion):
    """Every member counts the same: what every other fusion is judged against."""

    name: ClassVar[str] = "mean"

    def weights(self, task: str) -> Tensor:
        """Return equal weights."""
        members = len(self.members)
        return torch.full((members, len(self.config.tasks[task].labels)), 1 / members)


class MultiHeadProbabilityFusion(Fusion):
    """MHPF: H weightings of the members per class, mixed by learnt head weights (RAS §3.6).

    It is linear in the members' scores, so it is one matrix W[m, c] = Σ_h a_h w[h, m, c] whose columns sum to one; the
    released ProbabilityFusion_v6 is the same up to the absent members. All-zero parameters are the plain mean.
    """

    name: ClassVar[str] = "mhpf"

    class Config(Fusion.Config):
        """H, the number of weightings."""

        fusion_heads: Annotated[int, Integers(1, 6)] = 3

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        heads, members = config.fusion_heads, len(config.speaks)
        # A little spread, for equal heads would stay equal for ever; from a generator of its own, so that making a
        # fusion does not depend on what was made before.
        seeded = torch.Generator().manual_seed(0)
        self.member_logits = nn.ParameterDict(
            {
                name: nn.Parameter(0.02 * torch.randn(heads, members, len(task.labels), generator=seeded))
                for name, task in config.tasks.items()
            }
        )
        self.head_logits = nn.ParameterDict({name: nn.Parameter(torch.zeros(heads)) for name in config.tasks})

    def weights(self, task: str) -> Tensor:
        """Return W [M, C]."""
        weights_HMC = self.member_logits[task].softmax(1)
        return torch.einsum("h,hmc->mc", self.head_logits[task].softmax(0), weights_HMC)
