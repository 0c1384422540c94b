"""CLIP: one space for pictures (crops of faces, or whole frames) and for texts, by open_clip."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from modalities.assets import AssetError
from modalities.device import place_of
from modalities.encoders.backbone import (
    Backbone,
    Released,
    Scale,
    TextBackbone,
    learning,
    look_at_each,
    read_each,
)
from modalities.encoders.batches import in_batches
from modalities.encoders.encoder import Encoder
from modalities.pretrained import Pretrained, Unloaded, frozen, readable, seeded
from modalities.types import Array, Faces

WEIGHTS, SETTINGS = "open_clip_model.safetensors", "open_clip_config.json"
TINY: dict[str, Any] = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 64, "layers": 2, "width": 64, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
}
Input = TypeVar("Input")


class Loaded(NamedTuple):
    """A model, what brings a picture to its scale, and what cuts texts into its tokens."""

    network: Any
    prepare: Any
    tokens: Any


class Clip(Unloaded, Backbone, Encoder[Input]):
    """What the two sides of CLIP (Radford et al., 2021) share."""

    class Config(Pretrained):
        """Which CLIP, in open_clip's layout; by default OpenAI's ViT-B/32."""

        name: str = "timm/vit_base_patch32_clip_224.openai"

    config: Config

    @cached_property
    def width(self) -> int:
        """E, known from the model's own settings."""
        return int((TINY if self.config.preset else self.sizes())["embed_dim"])

    def sizes(self) -> dict[str, Any]:
        """Read the sizes of a model in its folder; raises `AssetError` where it is not in open_clip's layout."""
        folder = self.config.folder()
        for file in (WEIGHTS, SETTINGS):
            if not (folder / file).is_file():
                raise AssetError(f"{folder} has no {file}: it holds no CLIP in open_clip's layout; name one that does")
        sizes: dict[str, Any] = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["model_cfg"]
        return sizes

    @cached_property
    def loaded(self) -> Loaded:
        """The model, loaded when it is first asked."""
        # Imported here because it takes seconds, and a plan or a help page needs none of it.
        import open_clip

        if self.config.preset:
            network = seeded(lambda: open_clip.CLIP(**TINY))
            scale = open_clip.transform.PreprocessCfg(TINY["vision_cfg"]["image_size"])
            prepare = open_clip.transform.image_transform_v2(scale, is_train=False)
            return Loaded(network, prepare, open_clip.tokenizer.SimpleTokenizer())
        self.sizes()
        place = f"local-dir:{self.config.folder()}"
        with readable(self.config.folder()):
            network, _, prepare = open_clip.create_model_and_transforms(place, precision="fp32", device="cpu")
        return Loaded(frozen(network), prepare, open_clip.get_tokenizer(place))

    def release(self) -> Released:
        """Give one side away."""
        import open_clip

        network, mean, spread = self.loaded.network, open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
        if type(network) is not open_clip.CLIP:
            raise ValueError(f"{self.config.name} is a {type(network).__name__}, but only a plain CLIP can be trained")
        sizes = TINY
        if not self.config.preset:
            mean, spread = network.visual.image_mean, network.visual.image_std
            sizes = self.sizes()
        about = {"sizes": sizes, "mean": list(mean), "spread": list(spread)}
        return Released(learning(self._side(network, about)), about)

    def draw(self, about: Mapping[str, Any]) -> Any:
        """Make one side of these sizes, with random weights."""
        import open_clip

        return learning(self._side(seeded(lambda: open_clip.CLIP(**about["sizes"])), about))

    @abstractmethod
    def _side(self, network: Any, about: Mapping[str, Any]) -> Any:
        """Cut a side out of a whole network."""


class Seeing(Clip[Input]):
    """The picture side."""

    def look(self, images: Sequence[Array]) -> NDArray[np.float32]:
        """One vector per RGB image [H, W, 3], not normalised; each depends on its own image alone."""
        network, prepare, _ = self.loaded

        def see(some: Sequence[Array]) -> torch.Tensor:
            images = torch.stack([prepare(Image.fromarray(one)) for one in some])
            vectors: torch.Tensor = network.encode_image(images.to(place_of(network)))
            return vectors

        return in_batches(images, see, self.width)

    def steps(self, network: Any, raw: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn pictures of bytes [B, T, H, W, 3] into vectors in their places."""
        return look_at_each(lambda images: network(network.scale.apply(images)), raw, mask, network.output_dim)

    def _side(self, network: Any, about: Mapping[str, Any]) -> Any:
        visual = network.visual
        visual.scale = Scale(visual.image_size[0], tuple(about["mean"]), tuple(about["spread"]), "bicubic")
        return visual


class ClipImage(Seeing[Faces]):
    """The picture side on crops of faces, E = 512 (RAS, members 4 and 5)."""

    name: ClassVar[str] = "clip_image"
    kind: ClassVar[str] = "face"

    def encode(self, inputs: Faces) -> NDArray[np.float32]:
        """One vector per face [N, E]."""
        return self.look(list(inputs.crops))


class ClipPicture(Seeing[Sequence[Array]]):
    """The picture side on any pictures, E = 512 (RAS, member 14)."""

    name: ClassVar[str] = "clip_picture"
    kind: ClassVar[str] = "picture"

    def encode(self, inputs: Sequence[Array]) -> NDArray[np.float32]:
        """One vector per RGB image [N, E]."""
        return self.look(inputs)


class ClipText(Clip[Sequence[str]], TextBackbone):
    """The text side, E = 512, not normalised; reads 77 tokens (RAS, members 8 and 13)."""

    name: ClassVar[str] = "clip_text"
    kind: ClassVar[str] = "text"

    def encode(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Turn texts into vectors [N, E]; an empty text is a text like any other."""
        network, _, tokens = self.loaded
        return in_batches(
            list(inputs), lambda texts: network.encode_text(tokens(texts).to(place_of(network))), self.width
        )

    def cut(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Cut texts into ids of tokens, up to the one that ends a text, which is the greatest."""
        return [row[: int(row.argmax()) + 1] for row in self.tokenizer(list(texts)).numpy()]

    def steps(self, network: Any, raw: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn ids of tokens [B, T, 1] into one vector per text; what does not fit is cut off."""

        def read(ids: Tensor, _: Tensor) -> Tensor:
            places = network.context_length
            vectors: Tensor = network.encode_text(functional.pad(ids, (0, max(0, places - ids.shape[1])))[:, :places])
            return vectors

        return read_each(read, raw, mask, (network.output_dim, network.vocab_size, 0))

    @cached_property
    def tokenizer(self) -> Any:
        """What cuts texts into tokens, without the model."""
        import open_clip

        if self.config.preset:
            return open_clip.tokenizer.SimpleTokenizer()
        return open_clip.get_tokenizer(f"local-dir:{self.config.folder()}")

    def _side(self, network: Any, about: Mapping[str, Any]) -> Any:
        network.output_dim = about["sizes"]["embed_dim"]
        del network.visual, network.logit_scale
        network.logit_bias = None
        return network
