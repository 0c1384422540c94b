"""Parakeet as a recogniser: English (v2) or 25 European languages (v3), with word times of its own, 0.08 s apart.

Its network either says with each token how long it lasts (TDT; Xu et al., 2023, arXiv 2304.06795) or names a token, or
none, for each frame (CTC); which of both is read from the model. It is not told a language.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modalities.cues.transcript.cue import TranscriptCue
from modalities.cues.transcript.recognition import NOTHING, Heard, Recognition, groups, speakable
from modalities.pretrained import Pretrained, load_with_processor
from modalities.types import SAMPLE_RATE, Array

_MOST_PER_FRAME = 10
"""Tokens, as in the released decoder: with more, it does not come to an end."""
_SHORTEST = SAMPLE_RATE // 5
"""Shorter sound is continued by silence: a frame sees as much."""
_SPACE = "▁"


@dataclass(frozen=True, slots=True)
class Emission:
    """A token that was said: from frame to frame, and the natural logarithm of its probability."""

    token: int
    score: float
    first: int
    end: int


def by_durations(tokens: Array, durations: Array, scores: Array, blank: int) -> list[Emission]:
    """Read steps [N] of TDT: each stands where those before it have led, and leads on by its duration in frames."""
    ends = np.cumsum(durations)
    steps = zip(tokens.tolist(), scores.tolist(), (ends - durations).tolist(), ends.tolist(), strict=True)
    return [Emission(*step) for step in steps if step[0] != blank]


def by_runs(tokens: Array, scores: Array, blank: int) -> list[Emission]:
    """Read the most probable token of each frame [T] of CTC: a run of the same one is one; its score is the mean."""
    edges = [0, *(np.flatnonzero(np.diff(tokens)) + 1).tolist(), len(tokens)] if len(tokens) else []
    return [Emission(int(tokens[a]), float(scores[a:b].mean()), a, b) for a, b in pairwise(edges) if tokens[a] != blank]


class Parakeet(TranscriptCue):
    """Speech recognition by Parakeet-TDT or Parakeet-CTC (NVIDIA, 2025)."""

    name: ClassVar[str] = "parakeet"

    class Config(TranscriptCue.Config, Pretrained):
        """Which Parakeet; `decoder` is that of the preset, for a model says it itself.

        `most_doubt`: minus the mean logarithm of the probability of a token; its default is not measured yet.
        """

        name: str = "nvidia/parakeet-tdt-0.6b-v2"
        decoder: Literal["tdt", "ctc"] = "tdt"
        most_doubt: float = Field(0.5, gt=0)

    config: Config

    def recognise(self, sound: NDArray[np.float32]) -> Recognition:
        """Write down an utterance; words with the times of their tokens."""
        network, processor = self._network
        sound = np.pad(sound, (0, max(0, _SHORTEST - len(sound))))
        heard = processor(sound, sampling_rate=SAMPLE_RATE, return_tensors="pt").to(network.device)
        if network.config.model_type == "parakeet_ctc":
            emissions, finished = _frames(network, heard), True
        else:
            emissions, finished = _steps(network, heard)
        if not emissions:
            return NOTHING
        words = self._join(emissions)
        return Recognition(words, -float(np.mean([emission.score for emission in emissions])), finished)

    def _join(self, emissions: Sequence[Emission]) -> tuple[Heard, ...]:
        """Join tokens to words; a mark after a word does not lengthen it."""
        network, processor = self._network
        sound, tokens = processor.feature_extractor, processor.tokenizer
        seconds = sound.hop_length / sound.sampling_rate * network.config.encoder_config.subsampling_factor
        spellings = tokens.convert_ids_to_tokens([emission.token for emission in emissions])
        words = []
        for group in groups([spelling.startswith(_SPACE) for spelling in spellings]):
            said = emissions[group]
            text = tokens.decode([emission.token for emission in said], group_tokens=False, skip_special_tokens=True)
            voiced = [one.end for one, spelling in zip(said, spellings[group], strict=True) if speakable(spelling)]
            if speakable(text) and voiced:
                confidence = float(np.exp(np.mean([emission.score for emission in said])))
                when = said[0].first * seconds, max(voiced[-1], said[0].first + 1) * seconds
                words.append(Heard(text.strip(), confidence, when, "aligned"))
        return tuple(words)

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        # Imported here because it takes seconds, and a plan or a help page needs none of it.
        from transformers import ParakeetForCTC, ParakeetForTDT

        if self.config.preset:
            from modalities.cues.transcript import tiny

            return tiny.parakeet(self.config.decoder)
        return load_with_processor(self.config.folder(), (ParakeetForTDT, ParakeetForCTC))


def _frames(network: Any, heard: Any) -> list[Emission]:
    """Let CTC name a token for each frame."""
    found = network.generate(**heard, return_dict_in_generate=True)
    scores = found.logits[0].float().log_softmax(-1).max(-1).values
    return by_runs(found.sequences[0].cpu().numpy(), scores.cpu().numpy(), network.config.pad_token_id)


def _steps(network: Any, heard: Any) -> tuple[list[Emission], bool]:
    """Let TDT speak step by step, and listen to how sure it is; and whether it came to an end."""
    config, scores = network.config, list[float]()

    def listen(_: Any, logits: Any) -> Any:
        tokens = logits[:, : config.vocab_size]  # what follows are durations, which must not be taken for tokens
        scores.append(float(tokens[0].float().log_softmax(-1).max()))
        return tokens

    frames = heard["input_features"].shape[1] // config.encoder_config.subsampling_factor + 1
    found = network.generate(
        **heard, return_dict_in_generate=True, logits_processor=[listen], max_new_tokens=_MOST_PER_FRAME * frames
    )
    # What comes first is the token that decoding starts from.
    tokens, durations = (steps[0, 1:].cpu().numpy() for steps in (found.sequences, found.durations))
    emissions = by_durations(tokens, durations, np.array(scores), config.blank_token_id)
    return emissions, len(tokens) < _MOST_PER_FRAME * frames
