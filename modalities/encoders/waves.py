"""Steps of a speech transformer, 50 per second: what WavLM and wav2vec 2.0 share."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

from modalities.device import place_of
from modalities.encoders.backbone import Backbone, Released, alike, beside, learning
from modalities.encoders.encoder import SoundEncoder
from modalities.encoders.samples import LOUDEST
from modalities.pretrained import Pretrained, Unloaded, load_network, seeded
from modalities.types import SAMPLE_RATE, SECOND, Array, Times

HOP, REACH = 320, 400
"""Samples from one step to the next (20 ms), and samples that one step hears, of every model of these families."""
TINY: dict[str, Any] = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "conv_dim": (32,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
_CALM = {"layerdrop": 0.0, "apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0}
"""What is random in training beside dropout, of which some heeds no seed of torch."""


class Waves(Unloaded, Backbone, SoundEncoder):
    """The last hidden state; sound is normalised as the model's own extractor says."""

    architecture: ClassVar[str]
    """Of the classes in transformers: `WavLM` stands for `WavLMConfig` and `WavLMModel`."""

    class Config(Pretrained):
        """Which model."""

    config: Config

    @cached_property
    def width(self) -> int:
        """E, known from the model's own settings."""
        return int(TINY["hidden_size"] if self.config.preset else self.config.sizes().hidden_size)

    def encode(self, inputs: Array) -> NDArray[np.float32]:
        """Turn sound [N] into steps [T, E]: at least one; sound shorter than 25 ms is continued by silence."""
        network = self.network
        sound_BN = torch.from_numpy(inputs.astype(np.float32))[None].to(place_of(network))
        with torch.inference_mode():
            steps: NDArray[np.float32] = _hear(network, sound_BN)[0].cpu().numpy()
        return steps

    def times(self, steps: int) -> Times:
        """Middle of each step [T] in microseconds after the sound's start."""
        return (HOP * np.arange(steps, dtype=np.int64) + REACH // 2) * SECOND // SAMPLE_RATE

    def release(self) -> Released:
        """Give the network away; what it drops or hides at random in training is off, for heads augment their steps."""
        network = _plain(self.network)
        network.config.update(_CALM)
        if hasattr(network, "masked_spec_embed"):  # what hides sound
            del network.masked_spec_embed
        return Released(learning(network), {"config": network.config.to_dict(), "normalises": network.normalises})

    def draw(self, about: Mapping[str, Any]) -> Any:
        """Make a network of these settings, with random weights."""
        network = _plain(self._drawn(about["config"]))
        network.normalises = about["normalises"]
        return learning(network)

    def steps(self, network: Any, raw: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn samples [B, T, 320] (`modalities/encoders/samples.py`) into hidden steps."""
        # It has no dropout; in training it would ask for a gradient of the sound, even where its weights are frozen.
        network.feature_extractor.eval()
        there_BTN = mask[..., None] & (raw.abs() < LOUDEST)
        # Its norms look at a whole sound, silence behind it too, so only what is equally long goes together.
        groups = alike(there_BTN.flatten(1).sum(1))
        parts = [(rows, _hear(network, raw[rows][there_BTN[rows]].view(len(rows), -1))) for rows in groups]
        return beside(parts, mask, network.config.hidden_size)

    @cached_property
    def network(self) -> Any:
        """The model, loaded when it is first asked; `normalises` says whether sound is brought to its scale."""
        import transformers

        if self.config.preset:
            network = self._drawn(TINY)
        else:
            network = load_network(getattr(transformers, f"{self.architecture}Model"), self.config.folder())
        network.normalises = bool(self.extractor.do_normalize)
        return network

    def _drawn(self, settings: Mapping[str, Any]) -> Any:
        import transformers

        model, config = (getattr(transformers, f"{self.architecture}{what}") for what in ("Model", "Config"))
        return seeded(lambda: model(config(**settings)))

    @cached_property
    def extractor(self) -> Any:
        """What brings sound to the scale that the model was trained on."""
        from transformers import AutoFeatureExtractor, Wav2Vec2FeatureExtractor

        if self.config.preset:
            return Wav2Vec2FeatureExtractor(do_normalize=True)
        return AutoFeatureExtractor.from_pretrained(str(self.config.folder()), local_files_only=True)


def _plain(network: Any) -> Any:
    """Let the convolution of places have one weight, not a length and a direction: those cannot be pickled."""
    places = network.encoder.pos_conv_embed
    old, sizes = places.conv, ("in_channels", "out_channels", "kernel_size", "padding", "groups")
    like = {name: getattr(old, name) for name in sizes}
    places.conv = skip_init(nn.Conv1d, **like)  # type: ignore[no-untyped-call]  # torch ships it untyped
    places.conv.load_state_dict({"weight": old.weight.detach(), "bias": old.bias.detach()})
    return network


def _hear(network: Any, sound_BN: Tensor) -> Tensor:
    """Turn sounds of one length into steps [B, T, E]; shorter ones than the network reaches go on in silence."""
    sound_BN = functional.pad(sound_BN, (0, max(0, REACH - sound_BN.shape[1])))
    if network.normalises:
        spread_B1 = (sound_BN.var(1, keepdim=True, unbiased=False) + 1e-7).sqrt()
        sound_BN = (sound_BN - sound_BN.mean(1, keepdim=True)) / spread_B1
    steps_BTE: Tensor = network(sound_BN).last_hidden_state
    return steps_BTE
