"""Clip head: a whole CLIP that is trained, pictures against the texts of their labels (supervised contrast).

Its steps are raw pixels (encoder `pixels`), so that both towers learn. The `tiny` preset is drawn and knows nothing
before; another is the starting point by its name. The state holds the whole network and its sizes: a bundle needs no
other file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import model_validator
from torch import Tensor
from torch.nn import functional

from modalities.config import Choice, Integers
from modalities.encoders.clip import Clip, ClipText
from modalities.heads.head import Answer
from modalities.heads.matching.augmentation import Augmentation
from modalities.heads.matching.matching import MatchingHead
from modalities.heads.matching.tower import ConvolutionTower
from modalities.types import Array

AT_ONCE = 256
"""Pictures that go through the tower together."""
LARGEST_SCALE = 100.0
"""CLIP cuts its scale here."""
HEAD_WIDTH, PATCH = 16, 8
"""Of the tiny preset: numbers of an attention head, and the side of what its transformer takes as one, in pixels."""
FEWEST_TOKENS = 3
"""Where a text begins, one token of it, and where it ends."""
_ARCHITECTURE = "architecture"


class ClipHead(MatchingHead):
    """Both towers of a CLIP; its features are those of the picture side."""

    name: ClassVar[str] = "clip"

    class Config(MatchingHead.Config):
        """Sizes of the tiny preset (`hidden` is the width of both towers), and what may happen to a picture."""

        preset: Literal["tiny"] | None = "tiny"
        size: Annotated[int, Choice((32, 48, 64))] = 64
        """Side of the pictures in pixels; others are brought to it."""
        tower: Literal["convolutions", "transformer"] = "convolutions"
        """The picture side; open_clip's transformer needs more pictures to learn from."""
        layers: Annotated[int, Integers(1, 4)] = 1
        """Of transformers."""
        context: int = 24
        """Tokens of a text; what is longer is cut."""
        augmentation: Augmentation = Augmentation()

        @model_validator(mode="after")
        def _can_be_drawn(self) -> Self:
            if self.preset is None:
                return self
            if self.hidden < HEAD_WIDTH or self.hidden % HEAD_WIDTH:
                raise ValueError(f"hidden is {self.hidden}, but attention heads are {HEAD_WIDTH} wide; give a multiple")
            least = {"size": PATCH, "context": FEWEST_TOKENS, "layers": 1}
            if low := [name for name, lowest in least.items() if getattr(self, name) < lowest]:
                given = ", ".join(f"{name} is {getattr(self, name)}, but must be {least[name]} or more" for name in low)
                raise ValueError(f"no network can be drawn so: {given}")
            return self

    config: Config
    network: Any
    _tokenizer: Any

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        if config.width != 3:
            raise ValueError(
                f"the head clip looks at RGB pixels, but its steps have {config.width}; encode by `pixels`"
            )
        self._architecture: dict[str, Any] = {}
        self.network = self._tokenizer = None
        if config.preset:
            self._install(_tiny(config))

    # ------------------------------------------------------------------------------------------------------- weights

    def reset(self) -> None:
        """Draw the tiny network anew, or begin again with the weights of the named one."""
        if self.config.preset:
            self._install(_tiny(self.config))
            return
        named = Clip.Config(name=self.config.name, revision=self.config.revision)
        source = ClipText(named)
        self._architecture = source.sizes()
        network = source.loaded.network.requires_grad_(requires_grad=True)
        self._install(network)
        self._see_as(network.visual.image_mean, network.visual.image_std)

    def state(self) -> dict[str, Array]:
        """Return all weights; of a named network its sizes too, as JSON in bytes."""
        self.settle()
        if self.config.preset:
            return super().state()
        return {**super().state(), _ARCHITECTURE: np.frombuffer(json.dumps(self._architecture).encode(), np.uint8)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Put weights back; every name must fit."""
        if not self.config.preset and _ARCHITECTURE in state:
            import open_clip

            self._architecture = json.loads(state[_ARCHITECTURE].tobytes())
            self._install(open_clip.CLIP(**self._architecture))
        super().restore({name: value for name, value in state.items() if name != _ARCHITECTURE})

    def _install(self, network: Any) -> None:
        # Imported here because it takes seconds, and a plan without this head needs none of it.
        import open_clip

        self.network = network.to(self.place)
        self._tokenizer = open_clip.tokenizer.SimpleTokenizer()
        self._see_as(open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)

    def _see_as(self, mean: Sequence[float], spread: Sequence[float]) -> None:
        """Bring pixels to the network's own scale from now on."""
        self.centre.copy_(torch.tensor(mean) * 255)
        self.scale.copy_(torch.tensor(spread) * 255)

    def settle(self) -> None:
        """Begin with the named network, unless there is one."""
        if self.network is None:
            self.reset()

    def version(self) -> object:
        """Change with every step of training."""
        # What counts in-place changes has no public name.
        return tuple((id(weight), weight._version) for weight in self.network.parameters())

    # ------------------------------------------------------------------------------------------------------- answers

    def read(self, texts: Sequence[str]) -> Tensor:
        """Turn texts into vectors of length one [P, D]."""
        tokens = self._tokenizer(list(texts), context_length=self.network.context_length).to(self.place)
        vectors: Tensor = functional.normalize(self.network.encode_text(tokens), dim=-1)
        return vectors

    def multiplier(self) -> Tensor:
        """Return the learnt scale."""
        scale: Tensor = self.network.logit_scale.exp().clamp_max(LARGEST_SCALE)
        return scale

    def augment(self, steps: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """Mirror, move, scale and light pictures anew, all of a segment alike; float32 on the scale of bytes."""
        return self.config.augmentation.change(steps, mask, generator)

    @property
    def features_width(self) -> int:
        """D of its features: the mean vector."""
        self.settle()
        return int(self.network.visual.output_dim)

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:  # noqa: ARG002  order does not matter here
        """Look at pixels [B, T, H, W, 3]: those that exist, some at a time."""
        self.settle()
        vectors_BTD = torch.zeros(*mask.shape, self.network.visual.output_dim, device=mask.device)
        if mask.any():
            vectors_BTD[mask] = torch.cat([self._look(some) for some in torch.split(steps[mask], AT_ONCE)]).float()
        return self.answer(vectors_BTD, mask, self._labels_CD())

    def _labels_CD(self) -> Tensor:
        """Read all texts of the labels; in training one of each, which costs a fraction: the same template for all."""
        if not self.training:
            return self.label_vectors(self.prompts)
        draw = torch.rand(()).item()
        return self.label_vectors({label: (texts[int(draw * len(texts))],) for label, texts in self.prompts.items()})

    def _look(self, images_NHW3: Tensor) -> Tensor:
        images_N3HW = ((images_NHW3.float() - self.centre) / self.scale).movedim(-1, 1)
        if tuple(images_N3HW.shape[2:]) != (size := self.network.visual.image_size):
            images_N3HW = functional.interpolate(images_N3HW, size, mode="bilinear", antialias=True)
        vectors: Tensor = self.network.encode_image(images_N3HW)
        return vectors


def _tiny(config: ClipHead.Config) -> Any:
    """Draw a small network; texts are cut into tokens by the one vocabulary of CLIP."""
    import open_clip

    width = config.hidden
    network = open_clip.CLIP(
        embed_dim=width,
        vision_cfg={
            "image_size": config.size, "layers": config.layers, "width": width, "patch_size": PATCH,
            "head_width": HEAD_WIDTH,
        },
        text_cfg={
            "context_length": config.context, "vocab_size": 49408, "width": width, "heads": width // HEAD_WIDTH,
            "layers": config.layers,
        },
    )  # fmt: skip
    if config.tower == "convolutions":
        network.visual = ConvolutionTower(config.size, width, width, config.dropout)
    return network
