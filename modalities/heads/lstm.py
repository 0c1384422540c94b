"""LSTM head: two recurrent layers over the steps (PML, "temporal convergence"; SUN §2.1, the dynamic face model).

PML puts a leaky ReLU before two layers of one width; SUN has layers of 512 and 256 and none (`slope = 1`). A step that
does not exist leaves the memory as it was: the steps that exist are moved together before anything reads them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from modalities.config import Choice, Uniform
from modalities.heads.head import Answer, Head


def existing_first(steps_BTD: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Move the steps that exist to the front of their rows, in order; returns steps and mask."""
    order_BT = mask_BT.int().argsort(dim=1, descending=True, stable=True)
    return steps_BTD.take_along_dim(order_BT[..., None], 1), mask_BT.take_along_dim(order_BT, 1)


def recall(lstm: nn.LSTM, steps_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Run an LSTM, in both directions where it has two, over rows whose existing steps come first.

    Returns its outputs [B, T, D]; zero where no step is.
    """
    width = lstm.hidden_size * (2 if lstm.bidirectional else 1)
    outputs_BTD = steps_BTD.new_zeros(*mask_BT.shape, width)
    rows = mask_BT.any(1)
    if rows.any():  # packing refuses rows without steps
        lengths = mask_BT[rows].sum(1).cpu()
        packed = pack_padded_sequence(steps_BTD[rows], lengths, batch_first=True, enforce_sorted=False)
        outputs_BTD[rows], _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=mask_BT.shape[1])
    return outputs_BTD


class LSTMHead(Head):
    """Leaky ReLU, two LSTM layers, then what the last step (or the mean step) remembers."""

    name: ClassVar[str] = "lstm"

    class Config(Head.Config):
        """SUN: hidden 512, vector 256, slope 1; PML: hidden and vector of the steps' width, 768."""

        hidden: Annotated[int, Choice((64, 128, 256, 512))] = 128
        vector: Annotated[int, Choice((64, 128, 256))] = 64
        slope: Annotated[float, Uniform(0.0, 1.0)] = 0.1
        """Of the leaky ReLU below zero; 1 leaves the steps as they are."""
        summary: Literal["last", "mean"] = "last"
        """Of the second layer's outputs."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.first = nn.LSTM(config.width, config.hidden, batch_first=True)
        self.second = nn.LSTM(config.hidden, config.vector, batch_first=True)
        self.drop = nn.Dropout(config.dropout)
        self.tasks = self.last_layers(config.vector)

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  only their order matters
        """Read the steps in order, then judge what is remembered."""
        features_BD = self.summarise(self.enter(steps, mask), mask)
        dropped_BD = self.drop(features_BD)
        return Answer(features_BD, {task: layer(dropped_BD) for task, layer in self.tasks.items()})

    def summarise(self, steps_BTE: Tensor, mask_BT: Tensor) -> Tensor:
        """Turn steps into one vector [B, D]; zero for a row without steps."""
        steps_BTE, mask_BT = existing_first(functional.leaky_relu(steps_BTE, self.config.slope), mask_BT)
        outputs_BTD = recall(self.second, self.drop(recall(self.first, steps_BTE, mask_BT)), mask_BT)
        count_B1 = mask_BT.sum(1, keepdim=True)
        if self.config.summary == "mean":
            return outputs_BTD.sum(1) / count_B1.clamp_min(1)
        place_BT = torch.arange(1, mask_BT.shape[1] + 1, device=mask_BT.device)
        return (outputs_BTD * (place_BT == count_B1)[..., None]).sum(1)
