"""What a head is: steps in, scores of one or more tasks out; the part of a modality that is trained.

A head answers in logits; `activate` turns them into scores by the kind of the task, so that losses and answers can
never disagree about it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from modalities.config import Choice, Config, Uniform
from modalities.labels import Kind, Labels
from modalities.part import Part
from modalities.types import Array, Scores

CLIP_STANDARDISED = 6.0
"""Standard deviations beyond which a standardised input is cut: an outlier of a stranger's face must not explode."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a head says about a batch of segments."""

    features: Tensor  # [B, D], the penultimate vector
    logits: Mapping[str, Tensor]  # task → [B, C]
    uncertainty: Mapping[str, Tensor] = field(default_factory=dict)  # task → [B, C]


def activate(kind: Kind, logits: Tensor) -> Tensor:
    """Turn logits [B, C] into scores of a task's kind."""
    if kind == "distribution":
        return logits.softmax(-1)
    return logits.sigmoid() if kind == "independent" else logits.tanh()


def deactivate(kind: Kind, scores: Tensor) -> Tensor:
    """Return logits that `activate` turns into these scores."""
    if kind == "distribution":
        return scores.clamp_min(1e-8).log()
    return torch.logit(scores, 1e-6) if kind == "independent" else torch.atanh(scores.clamp(-1 + 1e-6, 1 - 1e-6))


@runtime_checkable
class Comparing(Protocol):
    """A head whose features share a space with texts: a request can bring texts of its own."""

    def sharpness(self) -> float:
        """Return by how much cosines are multiplied before they become shares."""
        ...

    def compare(self, features: Scores, prompts: Sequence[str]) -> Scores:
        """Compare segments' features [S, D] with texts: cosines [S, P]."""
        ...


def draw_as_released(head: nn.Module) -> None:
    """Draw linear layers by Glorot's uniform rule, with zero bias, as the code of RAS does; the rest stays as it is."""
    for module in head.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class Head(nn.Module, Part):
    """Scores of segments from their steps. A masked step's value can never reach an answer."""

    class Config(Config):
        """What every head must know; the plan fills in `width` and `speaks`."""

        width: int
        speaks: dict[str, tuple[str, ...]]
        kinds: dict[str, Kind]
        hidden: Annotated[int, Choice((64, 128, 256))] = 128
        dropout: Annotated[float, Uniform(0.0, 0.5)] = 0.15

    config: Config
    rows_to_know: ClassVar[int] = 4096
    """Training rows from which the mean and spread of the inputs are learnt; fewer for raw samples."""
    centre: Tensor
    scale: Tensor
    temperatures: Tensor  # by task, in the order of `speaks`: how much too sure the head is (Guo et al., 2017)

    def __init__(self, config: Config) -> None:
        nn.Module.__init__(self)
        Part.__init__(self, config)
        self.register_buffer("centre", torch.zeros(config.width))
        self.register_buffer("scale", torch.ones(config.width))
        self.register_buffer("temperatures", torch.ones(len(config.speaks)))

    @property
    def place(self) -> torch.device:
        """Where it computes: what it is asked about is to be brought there."""
        return self.centre.device

    @property
    def features_width(self) -> int:
        """D of its features: `vector` of its settings where there is one, else `hidden`."""
        width: int = getattr(self.config, "vector", self.config.hidden)
        return width

    @property
    def speaks(self) -> Mapping[str, Labels]:
        """Task → labels."""
        return {task: Labels(names) for task, names in self.config.speaks.items()}

    def state(self) -> dict[str, Array]:
        """Return all weights and buffers by name."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.state_dict().items()}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Put weights back; every name must fit."""
        self.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})

    def standardise_by(self, steps: Tensor, mask: Tensor) -> None:
        """Learn mean and spread of each input from training steps [S, T, E]; called once before fitting."""
        seen = steps[mask].float()
        self.centre.copy_(seen.mean(0))
        spread = seen.std(0)
        self.scale.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def enter(self, steps_BTE: Tensor, mask_BT: Tensor) -> Tensor:
        """Standardise; a masked step becomes zero, whatever stood there (even NaN)."""
        standard_BTE = ((steps_BTE.float() - self.centre) / self.scale).clamp(-CLIP_STANDARDISED, CLIP_STANDARDISED)
        return torch.where(mask_BT[..., None], standard_BTE, torch.zeros_like(standard_BTE))

    def scores(self, answer: Answer) -> dict[str, Tensor]:
        """Turn an answer into scores of each task [B, C], as sure as the head may be."""
        found: dict[str, Tensor] = {}
        for task, temperature in zip(self.config.speaks, self.temperatures.tolist(), strict=True):
            kind, logits = self.config.kinds[task], answer.logits[task]
            found[task] = activate(kind, logits / temperature if kind == "distribution" else logits)
        return found

    def augment(self, steps: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG002  a hook
        """Change steps [B, T, ...] in training only, so that they look like more; here, nothing is changed."""
        return steps

    def reset(self) -> None:
        """Draw new weights from torch's generator, so that a seed gives the same head however it came here."""
        for module in self.modules():
            if module is not self and callable(reset := getattr(module, "reset_parameters", None)):
                reset()

    @abstractmethod
    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:
        """Judge segments: steps [B, T, E], mask [B, T], times [B, T] in µs. A row without steps gets finite fillers."""

    def last_layers(self, width: int) -> nn.ModuleDict:
        """One linear layer per task on top of features of this width."""
        return nn.ModuleDict({task: nn.Linear(width, len(names)) for task, names in self.speaks.items()})
