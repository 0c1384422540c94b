"""MHPF, the multi-head probability fusion of RAS (§3.6)."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from ensemble.fusion.weighing import LinearFusion
from modalities.config import Integers


class MultiHeadProbabilityFusion(LinearFusion):
    """MHPF: H weightings of the members per class, mixed by learnt head weights (RAS §3.6).

    It is linear in the members' scores, so it is one matrix W[m, c] = Σ_h a_h w[h, m, c] whose columns sum to one; the
    released ProbabilityFusion_v6 is the same up to the absent members. All-zero parameters are the plain mean.
    """

    name: ClassVar[str] = "mhpf"

    class Config(LinearFusion.Config):
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
