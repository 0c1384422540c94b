"""Faces through EmoAffectNet: 512 numbers of a network that learned seven expressions from AffectNet."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from modalities.assets import AssetError
from modalities.device import place_of
from modalities.encoders.batches import in_batches
from modalities.encoders.emoaffectnet.network import EXPRESSIONS, EmoAffectNetwork, Sizes
from modalities.encoders.encoder import Encoder
from modalities.pretrained import Pretrained, Unloaded, frozen, readable, seeded
from modalities.types import Array, Faces

SIDE = 224
MEAN_BGR = (91.4953, 103.8827, 131.0912)
"""Of VGGFace2, on the scale from 0 to 255."""
WEIGHTS = "model.safetensors"
_TINY = Sizes((1, 1, 1, 1), 8, 32)


class EmoAffectNet(Unloaded, Encoder[Faces]):
    """What the layer before the last says of a face (Ryumina et al., 2022), E = 512 (RAS, members 2 and 3).

    Or what the last one says: the logits of `EXPRESSIONS`, for the head `given` (RAS, member 1).
    """

    name: ClassVar[str] = "emoaffectnet"
    kind: ClassVar[str] = "face"

    class Config(Pretrained):
        """Which weights: a folder with a converted `model.safetensors`; and which layer is listened to."""

        name: str = "emoaffectnet"
        layer: Literal["vector", "expressions"] = "vector"

    config: Config

    @cached_property
    def width(self) -> int:
        """E, known from the model's own weights; or as many as there are expressions."""
        return self.network.fc1.out_features if self.config.layer == "vector" else len(EXPRESSIONS)

    def encode(self, inputs: Faces) -> NDArray[np.float32]:
        """One vector per face [N, E]; each depends on its own row alone."""
        listen = self.network.vectors if self.config.layer == "vector" else self.network
        return in_batches(inputs.crops, lambda crops: listen(prepare(crops).to(place_of(self.network))), self.width)

    @cached_property
    def network(self) -> EmoAffectNetwork:
        """The model, loaded when it is first asked."""
        if self.config.preset:
            return seeded(lambda: EmoAffectNetwork(_TINY))
        path = self.config.folder() / WEIGHTS
        if not path.is_file():
            raise AssetError(f"EmoAffectNet needs {path}, which is not there; convert the published file into it")
        with readable(path.parent):
            state = load_file(path)
        if "fc1.weight" not in state or "stem.weight" not in state:
            raise AssetError(f"{path} holds no EmoAffectNet; convert the published file into it")
        network = EmoAffectNetwork(Sizes.of(state))
        network.load_state_dict(state, strict=True)
        return frozen(network)


def prepare(crops: Array) -> torch.Tensor:
    """Turn crops [N, h, w, 3] (RGB, bytes) into [N, 3, 224, 224]: bilinear, BGR, without the mean."""
    sized = [cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)[..., ::-1] for crop in crops]
    pictures = np.array(sized, np.float32) - np.array(MEAN_BGR, np.float32)
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))
