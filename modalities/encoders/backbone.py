"""What an encoder is whose network a head may train: it can give the network away, and ask any that it is handed.

Frozen, an encoder asks its own network. Trained inside a head (`modalities/heads/tuned.py`), the same code asks the
head's, on raw steps that were cached without loss: samples of sound, ids of tokens, pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

AT_ONCE = 32
"""Rows that go through a network together; in training, a batch of the loop is no larger anyway."""


class Released(NamedTuple):
    """A network that learns, and what tells how to draw another of its kind, as JSON can hold it."""

    network: Any
    about: Mapping[str, Any]


class Backbone(ABC):
    """An encoder with a network of torch."""

    name: ClassVar[str]
    kind: ClassVar[str]

    @abstractmethod
    def release(self) -> Released:
        """Give the network away, without what no answer needs; this encoder is not to be asked any more."""

    @abstractmethod
    def draw(self, about: Mapping[str, Any]) -> Any:
        """Make a network as `release` told about it, with random weights, from nothing else."""

    @abstractmethod
    def steps(self, network: Any, raw: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn raw steps [B, T, …] and their mask into hidden steps [B, T', E] and theirs, as `encode` would.

        Pictures stay in their places. Sound and text are one sequence each: what does not exist is left out of it.
        """


class TextBackbone(Backbone):
    """One that reads tokens."""

    @abstractmethod
    def cut(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Cut each text into ids of tokens [T], those that begin and end it among them."""


def learning(network: Any) -> Any:
    """Let all weights of a network learn."""
    return network.requires_grad_(requires_grad=True)


def alike(lengths_B: Tensor) -> Iterator[Tensor]:
    """Yield numbers of rows that are equally long, some at a time; rows of length 0 are left out."""
    for length in sorted(set(lengths_B[lengths_B > 0].tolist())):
        yield from torch.split((lengths_B == length).nonzero()[:, 0], AT_ONCE)


def beside(parts: Sequence[tuple[Tensor, Tensor]], mask: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Put hidden steps [b, t, E] of some rows each into [B, T', E] of all rows of a mask, with their own [B, T']."""
    longest = max((hidden.shape[1] for _, hidden in parts), default=0)
    together_BTE = torch.zeros(len(mask), longest, width, device=mask.device)
    mask_BT = mask.new_zeros(len(mask), longest)
    for numbers, hidden in parts:
        together_BTE[numbers, : hidden.shape[1]] = hidden.float()
        mask_BT[numbers, : hidden.shape[1]] = True
    return together_BTE, mask_BT


def look_at_each(look: Callable[[Tensor], Tensor], raw: Tensor, mask: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Turn the pictures [B, T, H, W, 3] that exist into vectors in their places [B, T, E]."""
    vectors_BTE = torch.zeros(*mask.shape, width, device=mask.device)
    if mask.any():
        vectors_BTE[mask] = torch.cat([look(some) for some in torch.split(raw[mask], AT_ONCE)]).float()
    return vectors_BTE, mask


def read_each(
    read: Callable[[Tensor, Tensor], Tensor], raw: Tensor, mask: Tensor, sizes: tuple[int, int, int]
) -> tuple[Tensor, Tensor]:
    """Turn ids of tokens [B, T, 1] into one vector per row [B, 1, E]; `sizes` are E, of the vocabulary, and the filler.

    `read` takes ids and mask [b, t], filled up behind what exists. Raises ValueError at ids of another vocabulary.
    """
    width, vocabulary, filler = sizes
    order_BT = mask.int().argsort(dim=1, descending=True, stable=True)
    there_BT = mask.take_along_dim(order_BT, 1)
    ids_BT = raw[..., 0].take_along_dim(order_BT, 1).masked_fill(~there_BT, filler)
    if ids_BT.numel() and int(ids_BT.max()) >= vocabulary:
        raise ValueError(
            f"a token has the id {int(ids_BT.max())}, but the backbone knows {vocabulary}; "
            "name the same model in the encoder `tokens` and in the head"
        )
    vectors_B1E = torch.zeros(len(mask), min(1, mask.shape[1]), width, device=mask.device)
    for rows in torch.split(mask.any(1).nonzero()[:, 0], AT_ONCE):
        longest = int(there_BT[rows].sum(1).max()) if len(rows) else 0
        if longest:
            vectors_B1E[rows, 0] = read(ids_BT[rows, :longest], there_BT[rows, :longest]).float()
    return vectors_B1E, mask.any(1, keepdim=True)[:, : mask.shape[1]]


class Scale(NamedTuple):
    """What brings bytes to the scale of a network: side in pixels, mean and spread per colour of shares of white."""

    side: int
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    blend: str = "bilinear"

    def apply(self, images_NHW3: Tensor) -> Tensor:
        """Turn pictures on the scale of bytes into [N, 3, side, side]; resized only where they are of another size."""
        images_N3HW = images_NHW3.float().movedim(-1, 1)
        if tuple(images_N3HW.shape[2:]) != (self.side, self.side):
            images_N3HW = functional.interpolate(images_N3HW, (self.side, self.side), mode=self.blend, antialias=True)
        place = images_NHW3.device
        mean, spread = (torch.tensor(values, device=place)[:, None, None] for values in (self.mean, self.spread))
        return (images_N3HW.clamp(0, 255) / 255 - mean) / spread
