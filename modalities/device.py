"""Where torch computes: on a GPU where there is one, or as `TWOFOLD_DEVICE` says.

Two rules keep this in few places. What is loaded, fitted or asked for a timeline is put on `device()`. Whoever asks a
part brings the inputs to where its weights are (`place_of`, `bring`), so that a part works anywhere; what is already
there is not copied. ONNX, LiteRT and MediaPipe stay on the processor, and so does a fusion, which is a few numbers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from itertools import chain

import torch
from torch import Tensor, nn

VARIABLE = "TWOFOLD_DEVICE"
CHOICES = ("auto", "cpu", "cuda")


class DeviceError(ValueError):
    """A device that is not there, or no device at all."""


@cache
def device() -> torch.device:
    """Decide, once per process; of several workers on one machine (`LOCAL_RANK`), each takes the next GPU.

    Raises `DeviceError` where the variable says nothing known, or `cuda` where torch finds no GPU.
    """
    wish = os.environ.get(VARIABLE) or "auto"
    if wish not in CHOICES:
        raise DeviceError(f"{VARIABLE} is {wish!r}, but it can only be {', '.join(CHOICES)}; set it to one of them")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wish == "cuda" and not count:
        raise DeviceError(
            f"{VARIABLE} is cuda, but torch {torch.__version__} finds no GPU here; see `nvidia-smi`, or set it to auto"
        )
    if wish == "cpu" or not count:
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % count)


def place_of(module: nn.Module) -> torch.device:
    """Return where the weights of a module are; one that has none computes on the processor."""
    weight = next(chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if weight is None else weight.device


def bring(columns: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Move a batch to where the weights of a module are."""
    place = place_of(module)
    return {name: column.to(place) for name, column in columns.items()}
