"""Whisper as a recogniser: many languages, heard or told, and word times from where its attention goes.

It reads half a minute at once, the rest of which is silence. Radford et al., "Robust Speech Recognition via
Large-Scale Weak Supervision", 2022 (arXiv 2212.04356).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from modalities.cues.transcript.cue import TranscriptCue
from modalities.cues.transcript.recognition import NOTHING, Heard, Recognition, groups, lay, speakable
from modalities.pretrained import Pretrained, load_with_processor
from modalities.types import SAMPLE_RATE, SECOND

_SHORTEST = SAMPLE_RATE // 5
"""Shorter sound is continued by silence: there is nothing to align to."""
MOMENT = 0.02
"""Seconds between two tokens of time."""
_SPACE, _BROKEN = "Ġ", "\ufffd"
_UNSPACED = ("zh", "ja", "th", "lo", "my", "yue")  # languages written without spaces: a character counts as a word


@dataclass(frozen=True, slots=True)
class Told:
    """What was generated: tokens, the logarithms of their probabilities, and when each begins, in seconds."""

    tokens: list[int]
    scores: list[float]
    times: list[float] | None  # None where the model does not align


@dataclass(frozen=True, slots=True)
class Passage:
    """Places of tokens of text that stand between two tokens of time, and these in seconds."""

    start: float
    end: float
    places: list[int]


def passages(tokens: Sequence[int], text_end: int, time_start: int, duration: float) -> list[Passage]:
    """Cut tokens at those of time, `time_start` and above; text is below `text_end`, and marks are left out.

    What comes before the first time begins at 0, and what comes after the last ends with the sound.
    """
    found, start, places = [], 0.0, list[int]()
    for place, token in enumerate([*tokens, time_start + round(duration / MOMENT)]):
        if token < text_end:
            places.append(place)
        elif token >= time_start:
            time = (token - time_start) * MOMENT
            if places:
                found.append(Passage(start, max(start, time), places))
            start, places = time, []
    return found


class Whisper(TranscriptCue):
    """Speech recognition by Whisper (Radford et al., 2022)."""

    name: ClassVar[str] = "whisper"

    class Config(TranscriptCue.Config, Pretrained):
        """Which Whisper, and which language is spoken (`en`); without one the model listens for it itself.

        Where it hears none of `languages`, the utterance is absent. `most_doubt`: minus the mean logarithm of the
        probability of a token, and that of somebody speaking at all; its default is the paper's bound of the former.
        """

        name: str = "openai/whisper-base"
        language: str | None = None
        languages: tuple[str, ...] = ("en",)
        longest: float = Field(15.0, gt=0, le=29)
        most_doubt: float = Field(1.0, gt=0)

    config: Config

    def recognise(self, sound: NDArray[np.float32]) -> Recognition:
        """Write down an utterance; words have times of their own where the model's settings name heads that align."""
        import torch

        network, processor = self._network
        sound = np.pad(sound, (0, max(0, _SHORTEST - len(sound))))
        heard = processor(sound, sampling_rate=SAMPLE_RATE, return_tensors="pt", return_attention_mask=True)
        heard = heard.to(network.device)
        with torch.inference_mode():
            steps = network.model.encoder(heard.input_features)
            language, speaks = self._listen(steps)
            if language is None:
                return NOTHING
            told = self._tell(steps, heard.attention_mask, language)
        words = self._join(told, language, len(sound) / SAMPLE_RATE)
        doubt = -float(np.mean(told.scores)) - math.log(max(speaks, 1e-9))
        return Recognition(words, doubt, told.tokens[-1] == network.generation_config.eos_token_id)

    def _listen(self, steps: Any) -> tuple[str | None, float]:
        """Hear which language is spoken, None if it is not wanted, and how probably somebody speaks at all."""
        import torch

        network, settings = self._network[0], self._network[0].generation_config
        start = torch.tensor([[settings.decoder_start_token_id]], device=network.device)
        first = network(encoder_outputs=steps, decoder_input_ids=start, use_cache=False).logits[0, -1].double()
        speaks = 1 - float(first.softmax(-1)[settings.no_timestamps_token_id - 1])
        if self.config.language:
            return self.config.language, speaks
        if not _multilingual(network):
            return "en", speaks
        heard = max(settings.lang_to_id, key=lambda name: float(first[settings.lang_to_id[name]])).strip("<|>")
        return (heard if heard in self.config.languages else None), speaks

    def _tell(self, steps: Any, mask: Any, language: str) -> Told:
        """Write the tokens of an utterance, always the most probable one."""
        network = self._network[0]
        told = network.generate(
            encoder_outputs=steps,
            attention_mask=mask,
            return_timestamps=True,
            return_token_timestamps=_aligns(network),
            return_dict_in_generate=True,
            output_scores=True,
            force_unique_generate_call=True,
            **({"language": language, "task": "transcribe"} if _multilingual(network) else {}),
        )
        prompt = told["sequences"].shape[1] - len(told["scores"])
        tokens = told["sequences"][0, prompt:].tolist()
        scores = [float(row[0].log_softmax(-1)[token]) for row, token in zip(told["scores"], tokens, strict=True)]
        times = told["token_timestamps"][0, prompt:].tolist() if _aligns(network) else None
        return Told(tokens, scores, times)

    def _join(self, told: Told, language: str, duration: float) -> tuple[Heard, ...]:
        """Join tokens to words; where the model does not align, lay them over the passages it gives times for."""
        network, processor = self._network
        settings, words = network.generation_config, list[Heard]()
        times = [*told.times, duration] if told.times else None
        for passage in passages(told.tokens, settings.eos_token_id, settings.no_timestamps_token_id + 1, duration):
            tokens, said = [told.tokens[place] for place in passage.places], list[Heard]()
            for group in groups(self._begins(tokens, language)):
                places, text = passage.places[group], processor.tokenizer.decode(tokens[group]).strip()
                if speakable(text):
                    confidence = math.exp(float(np.mean([told.scores[place] for place in places])))
                    when = (times[places[0]], times[places[-1] + 1]) if times else None
                    said.append(Heard(text, confidence, when, "aligned"))
            words += said if times else _laid(said, passage)
        return tuple(words)

    def _begins(self, tokens: list[int], language: str) -> list[bool]:
        """Say for each token of text whether a word begins with it."""
        tokenizer = self._network[1].tokenizer
        if language not in _UNSPACED:
            return [spelling.startswith(_SPACE) for spelling in tokenizer.convert_ids_to_tokens(tokens)]
        begins, start = [], 0
        for place in range(len(tokens)):
            begins.append(start == place)
            if not tokenizer.decode(tokens[start : place + 1]).endswith(_BROKEN):  # a character may take some tokens
                start = place + 1
        return begins

    @cached_property
    def _network(self) -> tuple[Any, Any]:
        # Imported here because it takes seconds, and a plan or a help page needs none of it.
        from transformers import WhisperForConditionalGeneration

        if self.config.preset:
            from modalities.cues.transcript import tiny

            network, processor = tiny.whisper()
        else:
            network, processor = load_with_processor(self.config.folder(), (WhisperForConditionalGeneration,))
        # Only this attention can be looked at; chosen here, or the first utterance would be heard by another.
        network.set_attn_implementation("eager")
        return network, processor


def _multilingual(network: Any) -> bool:
    return bool(getattr(network.generation_config, "is_multilingual", False))


def _aligns(network: Any) -> bool:
    return bool(getattr(network.generation_config, "alignment_heads", None))


def _laid(words: list[Heard], passage: Passage) -> list[Heard]:
    """Lay words over a passage, in seconds."""
    if not words:
        return []
    span = np.round(np.array([[passage.start, passage.end]]) * SECOND).astype(np.int64)
    placed = lay([(word.text, word.confidence) for word in words], span)
    return [Heard(word.text, word.confidence, (word.start / SECOND, word.end / SECOND)) for word in placed]
