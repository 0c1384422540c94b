"""Steps of a speech transformer, 50 per second: what WavLM and wav2vec 2.0 share."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from modalities.encoders.encoder import SoundEncoder
from modalities.pretrained import Pretrained, Unloaded, load_network, seeded
from modalities.types import SAMPLE_RATE, SECOND, Array, Times

HOP, REACH = 320, 400
"""Samples from one step to the next (20 ms), and samples that one step hears, of every model of these families."""
TINY = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "conv_dim": (32,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip


class Waves(Unloaded, SoundEncoder):
    """The last hidden state; sound is normalised as the model's own extractor says."""

    architecture: ClassVar[str]
    """Of the classes in transformers: `WavLM` stands for `WavLMConfig` and `WavLMModel`."""

    class Config(Pretrained):
        """Which model."""

    config: Config

    @cached_property
    def width(self) -> int:  # type: ignore[override]  # known from the model's own settings
        """E."""
        return int(self.network.config.hidden_size)

    def encode(self, inputs: Array) -> NDArray[np.float32]:
        """Turn sound [N] into steps [T, E]: at least one; sound shorter than 25 ms is continued by silence."""
        import torch

        sound = np.pad(inputs.astype(np.float32), (0, max(0, REACH - len(inputs))))
        values = self.extractor(sound, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_values
        with torch.inference_mode():
            steps: NDArray[np.float32] = self.network(values).last_hidden_state[0].numpy()
        return steps

    def times(self, steps: int) -> Times:
        """Middle of each step [T] in microseconds after the sound's start."""
        return (HOP * np.arange(steps, dtype=np.int64) + REACH // 2) * SECOND // SAMPLE_RATE

    @cached_property
    def network(self) -> Any:
        """The model, loaded when it is first asked."""
        import transformers

        model = getattr(transformers, f"{self.architecture}Model")
        if self.config.preset:
            return seeded(lambda: model(getattr(transformers, f"{self.architecture}Config")(**TINY)))
        return load_network(model, self.config.folder())

    @cached_property
    def extractor(self) -> Any:
        """What brings sound to the scale that the model was trained on."""
        from transformers import AutoFeatureExtractor, Wav2Vec2FeatureExtractor

        if self.config.preset:
            return Wav2Vec2FeatureExtractor(do_normalize=True)
        return AutoFeatureExtractor.from_pretrained(str(self.config.folder()), local_files_only=True)
