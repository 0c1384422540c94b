"""ViT-MAE: faces through a transformer that learned to complete pictures; nothing is hidden from it here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modalities.device import place_of
from modalities.encoders.backbone import Backbone, Released, Scale, learning, look_at_each
from modalities.encoders.batches import in_batches
from modalities.encoders.encoder import Encoder
from modalities.pretrained import Pretrained, Unloaded, load_network, seeded
from modalities.types import Array, Faces

TINY = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "image_size": 64, "patch_size": 8,
}  # fmt: skip


class ViTMAE(Unloaded, Backbone, Encoder[Faces]):
    """The last hidden state of all patches, averaged, or of the class token (He et al., 2022), E = 768."""

    name: ClassVar[str] = "vitmae"
    kind: ClassVar[str] = "face"

    class Config(Pretrained):
        """Which ViT-MAE, and how its patches become one vector."""

        name: str = "facebook/vit-mae-base"
        pooling: Literal["mean", "class"] = "mean"

    config: Config

    @cached_property
    def width(self) -> int:
        """E, known from the model's own settings."""
        return int(TINY["hidden_size"] if self.config.preset else self.config.sizes().hidden_size)

    def encode(self, inputs: Faces) -> NDArray[np.float32]:
        """One vector per face [N, E]; each depends on its own row alone."""
        return in_batches(inputs.crops, self._look, self.width)

    def _look(self, crops: Array) -> torch.Tensor:
        pictures = self.processor(list(crops), return_tensors="pt", input_data_format="channels_last")["pixel_values"]
        return self._pool(self.network, pictures.to(place_of(self.network)))

    def _pool(self, network: Any, pictures: Tensor) -> Tensor:
        # Its patches come in the order of this noise: a rising one leaves them where they are.
        patches = torch.arange(network.embeddings.patch_embeddings.num_patches, device=pictures.device)
        order = patches.float().expand(len(pictures), -1)
        states: Tensor = network(pictures, noise=order).last_hidden_state
        return states[:, 0] if self.config.pooling == "class" else states[:, 1:].mean(1)

    def release(self) -> Released:
        """Give the network away."""
        network, processor = self.network, self.processor
        scale = Scale(network.config.image_size, tuple(processor.image_mean), tuple(processor.image_std))
        network.scale = scale
        return Released(learning(network), {"config": network.config.to_dict(), "scale": scale._asdict()})

    def draw(self, about: Mapping[str, Any]) -> Any:
        """Make a network of these settings, with random weights."""
        network = _drawn(about["config"])
        network.scale = Scale(**about["scale"])
        return learning(network)

    def steps(self, network: Any, raw: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn pictures of bytes [B, T, H, W, 3] into vectors in their places."""

        def look(images: Tensor) -> Tensor:
            return self._pool(network, network.scale.apply(images))

        return look_at_each(look, raw, mask, network.config.hidden_size)

    @cached_property
    def network(self) -> Any:
        """The model, loaded when it is first asked; no patch is masked."""
        from transformers import ViTMAEModel

        if self.config.preset:
            return _drawn(TINY)
        network = load_network(ViTMAEModel, self.config.folder())
        network.config.mask_ratio = network.embeddings.config.mask_ratio = 0.0
        return network

    @cached_property
    def processor(self) -> Any:
        """What brings a picture to the model's size and scale."""
        from transformers import AutoImageProcessor, ViTImageProcessor

        if self.config.preset:
            side = TINY["image_size"]
            return ViTImageProcessor(size={"height": side, "width": side})
        return AutoImageProcessor.from_pretrained(str(self.config.folder()), local_files_only=True)


def _drawn(settings: Mapping[str, Any]) -> Any:
    from transformers import ViTMAEConfig, ViTMAEModel

    return seeded(lambda: ViTMAEModel(ViTMAEConfig(**{**settings, "mask_ratio": 0.0})))
