"""Tuned head: the network of an encoder, trained together with a head over what it says.

    kind = "tuned"
    backbone = { kind = "wavlm" }                              encoder of the modality: { kind = "samples" }
    head = { kind = "bilstm", hidden = 768 }

Its steps are raw, so that they can be augmented: sound as `samples`, text as `tokens` of the same model, faces as
`crops`, frames as `pixels`. `unfreeze` of a fit names modules as they are called below `backbone.` and `head.`, such as
`backbone.encoder.layer.1`. The state holds the whole network and its sizes: a bundle needs no other file of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from modalities.catalog import ENCODERS, HEADS, build, find
from modalities.config import Uniform
from modalities.encoders.backbone import Backbone
from modalities.encoders.samples import FRAME, LOUDEST
from modalities.heads.augmentation import Augmentation, augment
from modalities.heads.head import Answer, Head
from modalities.heads.lstm import existing_first
from modalities.pretrained import Origin
from modalities.types import Array

RAW: Mapping[str, tuple[str, int]] = {
    "sound": ("samples", FRAME), "text": ("tokens", 1), "face": ("crops", 3), "picture": ("pixels", 3),
}  # fmt: skip
"""Kind of a backbone → the encoder of its raw steps, and their width."""
LOOKED_AT = 256
"""Training rows over which hidden steps are standardised: each is a pass through the backbone."""
SILENCES = 2
"""Spans of a sound that are made silent."""
_ARCHITECTURE = "architecture"


class TunedHead(Head):
    """A backbone, then a head of the catalog over its hidden steps."""

    name: ClassVar[str] = "tuned"

    class Config(Head.Config):
        """Settings of an encoder and of a head, as recipes write them, and what may happen to raw steps in training.

        `hidden` and `dropout` are those of the inner head, unless its own settings say otherwise.
        """

        backbone: dict[str, Any]
        head: dict[str, Any] = {"kind": "attention"}
        augmentation: Augmentation = Augmentation()
        """Of pictures."""
        silence: Annotated[float, Uniform(0.0, 0.3)] = 0.1
        """Of sound: the largest share that each of two silences takes (SpecAugment's masks of time, on samples)."""

        @property
        def origin(self) -> Origin:
            """Where the backbone's weights come from."""
            found: Origin = build(self.backbone, ENCODERS).config.origin
            return found

    config: Config
    backbone: Any
    head: Any

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        found = build(config.backbone, ENCODERS)
        find(config.head.get("kind", ""), HEADS)
        if not isinstance(found, Backbone):
            raise TypeError(f"the encoder {found.name} has no network that a head could train; name another")
        self._encoder = found
        encoder, width = RAW[self._encoder.kind]
        if config.width != width:
            raise ValueError(
                f"the backbone {self._encoder.name} takes raw steps of {width} numbers, but they have {config.width}; "
                f"let the modality encode by `{encoder}`"
            )
        self._about: Mapping[str, Any] = {}
        self.backbone = self.head = None
        if config.backbone.get("preset"):
            self._begin()

    # ------------------------------------------------------------------------------------------------------- weights

    def reset(self) -> None:
        """Begin again with the backbone's weights as they were published, or drawn; draw those of the head anew."""
        self._begin()
        self.head.reset()

    def settle(self) -> None:
        """Begin with the named backbone, unless there is one."""
        if self.backbone is None:
            self._begin()

    def _begin(self) -> None:
        source = build(self.config.backbone, ENCODERS)  # a new one, for what it gives away is changed by training
        with torch.random.fork_rng(devices=[]):  # libraries draw weights before they read them
            width = source.width
            network, about = source.release()
        self._install(network, {**about, "width": width})

    def _install(self, network: Any, about: Mapping[str, Any]) -> None:
        config = self.config
        outer = {name: getattr(config, name) for name in ("hidden", "dropout", "speaks", "kinds")}
        self.backbone, self._about = network.to(self.place), about
        self.head = build({**outer, **config.head, "width": about["width"]}, HEADS).to(self.place)

    def state(self) -> dict[str, Array]:
        """Return all weights, and the sizes of the backbone as JSON in bytes."""
        self.settle()
        return {**super().state(), _ARCHITECTURE: np.frombuffer(json.dumps(self._about).encode(), np.uint8)}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Put weights back; every name must fit."""
        if _ARCHITECTURE in state:
            about = json.loads(state[_ARCHITECTURE].tobytes())
            self._install(self._encoder.draw(about), about)
        super().restore({name: value for name, value in state.items() if name != _ARCHITECTURE})

    @property
    def features_width(self) -> int:
        """D of its features: those of the inner head."""
        self.settle()
        inner: Head = self.head
        return inner.features_width

    def standardise_by(self, steps: Tensor, mask: Tensor) -> None:
        """Let the head learn the scale of hidden steps from some of the rows [S, T, …]."""
        self.settle()
        rows = mask.any(1).nonzero()[:, 0]
        rows = rows[torch.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT), dtype=torch.float64).long()]
        learns = self.training
        self.eval()
        with torch.no_grad():
            self.head.standardise_by(*self._encoder.steps(self.backbone, steps[rows], mask[rows]))
        self.train(mode=learns)

    # ------------------------------------------------------------------------------------------------------- answers

    def augment(self, steps: Tensor, mask: Tensor, generator: torch.Generator) -> Tensor:
        """Change pictures by draws of their own, silence parts of sounds; texts stay as they are."""
        if self._encoder.kind == "sound":
            return silenced(steps, mask, self.config.silence, generator)
        if self._encoder.kind == "text":
            return steps
        changed = torch.zeros_like(steps)
        if mask.any():
            changed[mask] = augment(steps[mask], self.config.augmentation, generator)
        return changed

    def forward(self, steps: Tensor, mask: Tensor, times: Tensor) -> Answer:
        """Ask the backbone, then the head; what is one sequence has its hidden steps at the times of its first ones."""
        self.settle()
        hidden_BTE, there_BT = self._encoder.steps(self.backbone, steps, mask)
        if self._encoder.kind in ("sound", "text"):
            times = existing_first(times[..., None], mask)[0][..., 0]
        answer: Answer = self.head(hidden_BTE, there_BT, times[:, : hidden_BTE.shape[1]])
        return answer


def silenced(steps_BTN: Tensor, mask_BT: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Make spans of each sound silent, of at most this share of its steps each, anywhere in it."""
    place_BT, count_B1 = mask_BT.cumsum(1) - 1, mask_BT.sum(1, keepdim=True)
    for _ in range(SILENCES):
        length_draw_B1, start_draw_B1 = (torch.rand(len(mask_BT), 1, generator=generator) for _ in range(2))
        length_B1 = count_B1 * share * length_draw_B1.to(mask_BT.device)
        start_B1 = (count_B1 - length_B1) * start_draw_B1.to(mask_BT.device)
        inside_BT = (place_BT >= start_B1) & (place_BT < start_B1 + length_B1) & mask_BT
        steps_BTN = torch.where(inside_BT[..., None] & (steps_BTN.abs() < LOUDEST), 0.0, steps_BTN)
    return steps_BTN
