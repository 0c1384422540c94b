"""Feature fusion (RAS §3.6): members' features are tokens, and a learnt query asks them all.

The released EmotionFusionModelV3, with a feed-forward width of 256 instead of 2048 and one last layer per task.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, ClassVar, Self

import torch
from pydantic import model_validator
from torch import Tensor, nn

from ensemble.fusion.evidence import Evidence
from ensemble.fusion.fusion import Fusion
from modalities.config import Choice, Integers, Uniform
from modalities.heads.head import activate
from modalities.labels import Kind

FLOOR = -1e9
"""Logit of a class that nobody says."""


class FeatureFusion(Fusion):
    """Linear layer and LayerNorm per member to a token, Transformer over them and a query, LayerNorm, layer per task.

    A member without features gives its scores of all tasks side by side. An absent member's token is masked. What a
    member does not speak is never a zero here, so `unspoken` changes nothing.
    """

    name: ClassVar[str] = "feature"
    looks_at_features: ClassVar[bool] = True

    class Config(Fusion.Config):
        """Sizes of the Transformer; released: token 128, heads 4, layers 2, feedforward 2048, dropout 0.1."""

        token: Annotated[int, Choice((64, 128, 256))] = 128
        heads: Annotated[int, Choice((2, 4, 8))] = 4
        layers: Annotated[int, Integers(1, 4)] = 2
        feedforward: Annotated[int, Choice((128, 256, 512, 2048))] = 256
        dropout: Annotated[float, Uniform(0.0, 0.5)] = 0.1

        @model_validator(mode="after")
        def _agree(self) -> Self:
            if self.token % self.heads:
                raise ValueError(f"{self.heads} heads cannot share a token of {self.token}; give a multiple")
            return self

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        with torch.random.fork_rng(devices=[]):  # making a fusion does not depend on what was made before
            torch.manual_seed(0)
            self._make(config)

    def _make(self, config: Config) -> None:
        token = config.token
        self.tokens = nn.ModuleDict(
            {
                _key(member): nn.Sequential(nn.Linear(self._width(member), token), nn.LayerNorm(token))
                for member in config.speaks
            }
        )
        self.query = nn.Parameter(0.02 * torch.randn(token))
        layer = nn.TransformerEncoderLayer(token, config.heads, config.feedforward, config.dropout, batch_first=True)
        self.trunk = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        for module in self.trunk.modules():  # the copies of a layer are alike, and are drawn each for itself
            if isinstance(module, nn.Linear):
                module.reset_parameters()
            if isinstance(module, nn.MultiheadAttention):
                module._reset_parameters()  # torch has no public name for it
        self.norm = nn.LayerNorm(token)
        self.judges = nn.ModuleDict({name: nn.Linear(token, len(task.labels)) for name, task in config.tasks.items()})

    def _width(self, member: str) -> int:
        spoken = sum(len(names) for names in self.config.speaks[member].values())
        return self.config.widths.get(member, spoken)

    def forward(self, evidence: Evidence, tasks: Collection[str]) -> dict[str, Tensor]:
        """Look at all members once, then judge each task."""
        vector_SD = self.summarise(evidence)
        return {
            task: _answer(self.config.tasks[task].kind, self.judges[task](vector_SD), evidence.said[task].any(0))
            for task in tasks
        }

    def pulled(self, task: str) -> Tensor:  # noqa: ARG002  the same for all
        """Return 0, for no weights of it are the plain mean; with a gradient, that a batch of nobody has one too."""
        return 0 * self.query.sum()

    def summarise(self, evidence: Evidence) -> Tensor:
        """Return what the query finds [S, D]."""
        present_MS = evidence.present
        tokens = [
            self.tokens[_key(member)](torch.where(present_S[:, None], self._vector(number, member, evidence), 0))
            for number, (member, present_S) in enumerate(zip(self.members, present_MS, strict=True))
        ]
        query_SD = self.query.expand(present_MS.shape[1], -1)
        hidden_SN = ~torch.cat([torch.ones_like(present_MS[:1]), present_MS]).T  # the query is always there
        found_SND = self.trunk(torch.stack([query_SD, *tokens], 1), src_key_padding_mask=hidden_SN)
        vector_SD: Tensor = self.norm(found_SND[:, 0])
        return vector_SD

    def _vector(self, number: int, member: str, evidence: Evidence) -> Tensor:
        """Return what a member shows [S, D]: features, or its scores."""
        if member not in self.config.widths:
            scores = [
                (evidence.scores[task] * evidence.said[task])[number][:, self.speaks[task].positions(names)]
                for task, names in self.config.speaks[member].items()
            ]
            return torch.cat(scores, -1)
        wanted, given = self.config.widths[member], evidence.features.get(member)
        if given is None or given.shape[1] != wanted:
            there = "none" if given is None else str(given.shape[1])
            raise ValueError(f"{member} has to bring {wanted} features, but there are {there}; make the ensemble anew")
        return given


def _answer(kind: Kind, logits_SC: Tensor, said_SC: Tensor) -> Tensor:
    """Turn logits into scores, and what nobody says into 0."""
    if kind == "distribution":
        logits_SC = logits_SC.masked_fill(~said_SC, FLOOR)
    return activate(kind, logits_SC) * said_SC


def _key(member: str) -> str:
    """Return a member's name as torch can take it."""
    return member.replace(".", "/")
