"""The network of EmoAffectNet: ResNet-50 in the layout of Keras-VGGFace2, as plain modules.

It differs from the usual ResNet-50: the first convolution pads as TensorFlow does ('same'), the pooling behind it does
not pad, a block halves the picture in its first 1×1 convolution, and the variance of a batch has 1e-3 added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

EXPRESSIONS = ("Neutral", "Happiness", "Sadness", "Surprise", "Fear", "Disgust", "Anger")
"""What the last layer tells apart, in its order."""
_EXPANSION = 4


class Sizes(NamedTuple):
    """Blocks of each stage, channels of the first, and the length of the vector."""

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    channels: int = 64
    width: int = 512

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> Sizes:
        """Read the sizes off saved weights."""
        names = {tuple(name.split(".")[1:3]) for name in state if name.startswith("stages.")}
        stages = sorted({stage for stage, _ in names}, key=int)
        return cls(
            tuple(sum(stage == other for other, _ in names) for stage in stages),
            len(state["stem.weight"]),
            len(state["fc1.weight"]),
        )


class Block(nn.Module):
    """1×1 (with the stride), 3×3, 1×1, beside a shortcut where the shape changes."""

    def __init__(self, incoming: int, planes: int, stride: int) -> None:
        super().__init__()
        out = planes * _EXPANSION
        self.conv1, self.norm1 = _conv(incoming, planes, 1, stride), _norm(planes)
        self.conv2, self.norm2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False), _norm(planes)
        self.conv3, self.norm3 = _conv(planes, out, 1), _norm(out)
        changes = stride != 1 or incoming != out
        self.shortcut = nn.Sequential(_conv(incoming, out, 1, stride), _norm(out)) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        """Turn [B, incoming, h, w] into [B, 4 · planes, h / stride, w / stride]."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.norm3(self.conv3(functional.relu(self.norm2(self.conv2(y)))))
        return functional.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class EmoAffectNetwork(nn.Module):
    """Pictures [B, 3, H, W] (H and W even; BGR, 0 to 255, without their mean) → seven expressions [B, 7]."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        incoming = sizes.channels
        self.stem, self.stem_norm = _conv(3, incoming, 7, 2), _norm(incoming)
        stages = []
        for number, count in enumerate(sizes.blocks):
            planes, blocks = sizes.channels << number, []
            for place in range(count):
                blocks.append(Block(incoming, planes, 2 if number and not place else 1))
                incoming = planes * _EXPANSION
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)
        self.fc1 = nn.Linear(incoming, sizes.width)
        self.fc2 = nn.Linear(sizes.width, len(EXPRESSIONS))

    def vectors(self, x: Tensor) -> Tensor:
        """Return what `fc1` says [B, E], before its rectifier, as the released code does."""
        x = functional.pad(x, (2, 3, 2, 3))  # 'same' of a 7×7 convolution of stride 2, for even sides
        x = functional.max_pool2d(functional.relu(self.stem_norm(self.stem(x))), 3, 2)
        vectors: Tensor = self.fc1(self.stages(x).mean((2, 3)))
        return vectors

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits [B, 7]."""
        logits: Tensor = self.fc2(functional.relu(self.vectors(x)))
        return logits


def _conv(incoming: int, out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(incoming, out, kernel, stride=stride, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)
