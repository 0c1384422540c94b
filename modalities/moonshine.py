"""The Moonshine network (tiny, English): sound → steps → words, by plain onnxruntime.

Its encoder serves as an encoder of sound, encoder and decoder together as a recogniser of speech. Jeffries et al.,
"Moonshine: Speech Recognition for Live Transcription and Voice Commands", 2024 (arXiv 2410.15608).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from modalities.assets import locate
from modalities.onnx import open_network
from modalities.types import SAMPLE_RATE, Array

WIDTH = 288
"""Of a step."""
HOP, FIRST_MIDDLE = 384, 447
"""In samples: from step to step, and the middle of the first step (127 / 64, then 7 / 3, then 3 / 2 convolutions)."""
SHORTEST = 2 * FIRST_MIDDLE + 1
"""In samples: the sound that one step sees."""
ASSETS = ("moonshine_encoder", "moonshine_decoder", "moonshine_tokenizer")
_HEADS, _HEAD_WIDTH = 8, 36
_START, _END = 1, 2
_TOKENS_PER_SECOND = 6.5
_SPACE = "▁"


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was understood: tokens, and the natural logarithm of the probability of each and of the end."""

    tokens: tuple[int, ...]
    scores: tuple[float, ...]
    finished: bool  # False where it did not come to an end: it repeats itself, or makes things up

    @property
    def doubt(self) -> float:
        """Minus the logarithm of the probability of all tokens together."""
        return -sum(self.scores)

    @property
    def words(self) -> tuple[tuple[str, float], ...]:
        """Words in writing, punctuation included, each with its mean probability."""
        spellings = [tokenizer().id_to_token(token) or "" for token in self.tokens]
        starts = [place for place, spelling in enumerate(spellings) if place == 0 or spelling.startswith(_SPACE)]
        found = []
        for start, end in zip(starts, [*starts[1:], len(self.tokens)], strict=True):
            text = tokenizer().decode(self.tokens[start:end]).strip()
            if any(map(str.isalnum, text)):
                found.append((text, math.exp(sum(self.scores[start:end]) / (end - start))))
        return tuple(found)


@cache
def tokenizer() -> Tokenizer:
    """Read how tokens are spelt, once per process."""
    return Tokenizer.from_file(str(locate("moonshine_tokenizer")))


def encode(samples: Array) -> NDArray[np.float32]:
    """Turn sound [N] (16 kHz, in [-1, 1]) into steps [T, 288], 41.7 per second; at least one."""
    sound = np.pad(samples.astype(np.float32), (0, max(0, SHORTEST - len(samples))))[None]
    network = open_network(locate("moonshine_encoder"))
    steps: NDArray[np.float32] = network.run(
        None, {"input_values": sound, "attention_mask": np.ones_like(sound, np.int64)}
    )[0][0]
    return steps


def middles(steps: int) -> NDArray[np.int64]:
    """Return the middle of each step [T] in samples."""
    return FIRST_MIDDLE + HOP * np.arange(steps, dtype=np.int64)


def transcribe(samples: Array) -> Recognition:
    """Recognise what is said in sound [N] of up to half a minute, always taking the most probable token."""
    length = max(len(samples), SHORTEST)
    network = open_network(locate("moonshine_decoder"))
    inputs: dict[str, Array] = {
        "encoder_hidden_states": encode(samples)[None],
        "encoder_attention_mask": np.ones((1, length), np.int64),
    }
    empty = np.zeros((1, _HEADS, 0, _HEAD_WIDTH), np.float32)
    past = {put.name: empty for put in network.get_inputs() if put.name.startswith("past_key_values")}
    kept = [put.name.replace("present", "past_key_values") for put in network.get_outputs()[1:]]
    tokens, scores = [_START], list[float]()
    while tokens[-1] != _END and len(scores) <= length / SAMPLE_RATE * _TOKENS_PER_SECOND:
        started = bool(scores)
        inputs |= {"input_ids": np.array([tokens[-1:]]), "use_cache_branch": np.array([started])}
        logits, *present = network.run(None, inputs | past)
        past |= {name: keys for name, keys in zip(kept, present, strict=True) if not (started and "encoder" in name)}
        token = int(logits[0, -1].argmax())
        tokens.append(token)
        scores.append(float(logits[0, -1, token] - np.logaddexp.reduce(logits[0, -1].astype(np.float64))))
    finished = tokens[-1] == _END
    return Recognition(tuple(tokens[1:-1] if finished else tokens[1:]), tuple(scores), finished=finished)
