"""Several workers that fit one part together: they see the batches that one worker with a larger batch would see.

Each takes its share of a batch; what they say about it is gathered before the loss, so that any loss (weighted means,
CCC) is that of the whole batch. Without a process group all of this does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import Function, FunctionCtx

from tuning.fit.rows import Batch

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class World:
    """How many workers there are, and which this one is."""

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> World:
        """Look whether this process works with others."""
        if distributed.is_available() and distributed.is_initialized():
            return cls(distributed.get_rank(), distributed.get_world_size())
        return cls()

    def share(self, index: Tensor) -> tuple[Tensor, int]:
        """Return this worker's rows of a batch, as many as any other's, and how many of them are no padding."""
        if self.size == 1:
            return index, len(index)
        length = -(-len(index) // self.size)
        own = index[self.rank * length : (self.rank + 1) * length]
        return torch.cat([own, index[:1].expand(length - len(own))]), len(own)

    def average(self, part: nn.Module) -> None:
        """Make the gradients of all workers one, in a single message.

        Every worker's loss is that of the whole batch, and `gathered` lets its rows count for all: the mean is right.
        """
        if self.size == 1:
            return
        gradients = [weight.grad for weight in part.parameters() if weight.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        first = 0
        for gradient in gradients:
            gradient.copy_(together[first : first + gradient.numel()].view_as(gradient) / self.size)
            first += gradient.numel()

    def settle(self, part: nn.Module) -> None:
        """Give all workers the buffers of the first, which each has moved by its own rows: they must judge alike."""
        for buffer in part.buffers() if self.size > 1 else ():
            distributed.broadcast(buffer, 0)

    def agreed(self, score: float) -> float:
        """Return the first worker's score: on unlike machines it may differ in its last digit, and decides for all."""
        if self.size == 1:
            return score
        said = torch.tensor(score, dtype=torch.float64)
        distributed.broadcast(said, 0)
        return float(said)

    def told(self, look: Callable[[], Found]) -> Found:
        """Return what the first worker finds: another machine may not see yet what lies in a folder that all share."""
        if self.size == 1:
            return look()
        found: list[Any] = [look() if self.rank == 0 else None]
        distributed.broadcast_object_list(found, 0, device=torch.device("cpu"))
        answer: Found = found[0]
        return answer


def unlabelled(batch: Batch, tasks: Batch, first: int) -> Batch:
    """Take the labels from the rows of a batch from number `first` on: they are padding."""
    rows = torch.arange(len(next(iter(batch.values())))) >= first
    return {
        name: torch.where(rows[:, None], torch.nan, column) if name in tasks else column
        for name, column in batch.items()
    }


def gathered(columns: Sequence[Tensor]) -> Sequence[Tensor]:
    """Put the rows of all workers one after the other, in columns [B, *] of any widths: one message for all of them.

    Every worker has the same loss of the same rows then, and so knows the gradient of its own without being told.
    """
    if World.here().size == 1:
        return columns
    rows = torch.cat([column.float() for column in columns], -1)
    together: Tensor = _Gathered.apply(rows)  # type: ignore[no-untyped-call]  # torch ships it untyped
    parts = torch.split(together, [column.shape[-1] for column in columns], -1)
    return [part if own.requires_grad else part.detach() for part, own in zip(parts, columns, strict=True)]


class _Gathered(Function):
    """Rows [B, C] of this worker → [workers · B, C]; backwards the sum over all of them, who say the same."""

    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor) -> Tensor:  # noqa: ARG004  torch gives it
        everyones = [torch.empty_like(rows) for _ in range(World.here().size)]
        distributed.all_gather(everyones, rows.contiguous())
        return torch.cat(everyones)

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> Tensor:  # noqa: ARG004
        world = World.here()
        return gradient.chunk(world.size)[world.rank] * world.size
