"""CLIP: one space for pictures (crops of faces, or whole frames) and for texts, by open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modalities.assets import AssetError
from modalities.encoders.batches import in_batches
from modalities.encoders.encoder import Encoder
from modalities.pretrained import Pretrained, Unloaded, frozen, seeded
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


class Clip(Unloaded, Encoder[Input]):
    """What the two sides of CLIP (Radford et al., 2021) share."""

    class Config(Pretrained):
        """Which CLIP, in open_clip's layout; by default OpenAI's ViT-B/32."""

        name: str = "timm/vit_base_patch32_clip_224.openai"

    config: Config

    @cached_property
    def width(self) -> int:  # type: ignore[override]  # known from the model's own weights
        """E."""
        return int(self.loaded.network.visual.output_dim)

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
        folder = self.config.folder()
        for file in (WEIGHTS, SETTINGS):
            if not (folder / file).is_file():
                raise AssetError(f"{folder} has no {file}: it holds no CLIP in open_clip's layout; name one that does")
        place = f"local-dir:{folder}"
        network, _, prepare = open_clip.create_model_and_transforms(place, precision="fp32", device="cpu")
        return Loaded(frozen(network), prepare, open_clip.get_tokenizer(place))


class Seeing(Clip[Input]):
    """The picture side."""

    def look(self, images: Sequence[Array]) -> NDArray[np.float32]:
        """One vector per RGB image [H, W, 3], not normalised; each depends on its own image alone."""
        import torch

        network, prepare, _ = self.loaded

        def see(some: Sequence[Array]) -> torch.Tensor:
            vectors: torch.Tensor = network.encode_image(torch.stack([prepare(Image.fromarray(one)) for one in some]))
            return vectors

        return in_batches(images, see, self.width)


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


class ClipText(Clip[Sequence[str]]):
    """The text side, E = 512, not normalised; reads 77 tokens (RAS, members 8 and 13)."""

    name: ClassVar[str] = "clip_text"
    kind: ClassVar[str] = "text"

    def encode(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Turn texts into vectors [N, E]; an empty text is a text like any other."""
        network, _, tokens = self.loaded
        return in_batches(list(inputs), lambda texts: network.encode_text(tokens(texts)), self.width)
