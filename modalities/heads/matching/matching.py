"""What heads of label matching share: labels become texts, texts become vectors, and cosines tell who is nearest.

A segment's vector is the mean of its steps' vectors of length one, so that its product with a text's vector is the
mean of the steps' cosines. Scores are a softmax over cosines × a scale (RAS, member 14, without the scale).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import PositiveFloat
from torch import Tensor
from torch.nn import functional

from modalities.config import Uniform
from modalities.encoders.clip import Clip
from modalities.heads.head import Answer, Head
from modalities.heads.matching.prompts import prompts_for
from modalities.heads.pooling import mean_step
from modalities.types import Scores

KEPT = 8
"""Sets of texts whose vectors are kept, so that they are not read anew for every stretch."""


class MatchingHead(Head):
    """Speaks distributions over labels by the cosines of their texts, and compares with any other text."""

    class Config(Head.Config, Clip.Config):
        """Which CLIP, the texts of labels (by default a few sentences each), and how sharply cosines are told apart."""

        prompts: dict[str, tuple[str, ...]] = {}
        temperature: Annotated[PositiveFloat | None, Uniform(0.005, 1.0, log=True)] = None
        """Cosines are divided by it; None is the model's own scale, and 1 is that of RAS: nearly uniform."""

    config: Config

    def __init__(self, config: Config) -> None:
        if unlike := sorted(task for task, kind in config.kinds.items() if kind != "distribution"):
            raise ValueError(f"matching compares labels with each other, so it cannot speak {', '.join(unlike)}")
        super().__init__(config)
        every = dict.fromkeys(label for labels in self.speaks.values() for label in labels)
        self.prompts = prompts_for(every, config.prompts)
        self._kept: dict[tuple[str, ...], Tensor] = {}
        self._kept_of: object = None

    @abstractmethod
    def read(self, texts: Sequence[str]) -> Tensor:
        """Turn texts into vectors of length one [P, D]."""

    @abstractmethod
    def multiplier(self) -> Tensor:
        """Return by how much cosines are multiplied, where no temperature is set."""

    def version(self) -> object:
        """Change with the weights that read texts; these never do."""
        return None

    @abstractmethod
    def settle(self) -> None:
        """Load what was not needed so far; called before anything is asked."""

    def sharpness(self) -> float:
        """Return by how much cosines are multiplied before they become shares."""
        self.settle()
        return self._sharpness().item()

    def compare(self, features: Scores, prompts: Sequence[str]) -> Scores:
        """Compare segments' features [S, D] with texts: mean cosines [S, P], in [-1, 1]."""
        self.settle()
        with torch.inference_mode():
            cosines_SP = torch.from_numpy(features).to(self.place) @ self._vectors(tuple(prompts)).T
            return cosines_SP.cpu().numpy()

    rows_to_know: ClassVar[int] = 0

    def standardise_by(self, steps: Tensor, mask: Tensor) -> None:
        """Leave the steps as they are: the model has its own scale."""

    def label_vectors(self, prompts: Mapping[str, tuple[str, ...]]) -> Tensor:
        """Return the vector of each label, task after task: the mean of its texts', of length one [C, D]."""
        texts = tuple(text for some in prompts.values() for text in some)
        means = [some.mean(0) for some in torch.split(self._vectors(texts), [len(some) for some in prompts.values()])]
        row = {label: number for number, label in enumerate(prompts)}
        order = [row[label] for labels in self.speaks.values() for label in labels]
        return functional.normalize(torch.stack(means), dim=-1)[order]

    def answer(self, vectors_BTD: Tensor, mask: Tensor, labels_CD: Tensor) -> Answer:
        """Compare steps (zero where masked) with the labels of every task."""
        features_BD = mean_step(functional.normalize(vectors_BTD, dim=-1, eps=1e-6), mask)
        logits_BC = features_BD @ labels_CD.T * self._sharpness()
        counts = [len(labels) for labels in self.speaks.values()]
        return Answer(features_BD, dict(zip(self.speaks, torch.split(logits_BC, counts, dim=1), strict=True)))

    def _sharpness(self) -> Tensor:
        return self.multiplier() if self.config.temperature is None else torch.tensor(1 / self.config.temperature)

    def _vectors(self, texts: tuple[str, ...]) -> Tensor:
        """Read texts; without gradient, those that were read lately are remembered until the weights change."""
        if torch.is_grad_enabled():
            return self.read(texts)
        if self._kept_of != (version := (self.place, self.version())) or len(self._kept) >= KEPT:
            self._kept, self._kept_of = {}, version
        vectors = self._kept.get(texts)
        if vectors is None:
            self._kept[texts] = vectors = self.read(texts)
        return vectors
