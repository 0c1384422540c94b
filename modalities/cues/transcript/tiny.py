"""Recognisers of the real classes in tiny: random weights that are always the same, and tokens made on the spot.

They understand nothing and say something: the real code path, for tests and teaching, without a download.
"""

from __future__ import annotations

import json
from typing import Any

import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from modalities.pretrained import seeded

_TEXT = (
    "I can hardly believe that you came.", "What a wonderful surprise.", "Please sit down, and tell me how you are.",
    "Do not shout at me!", "This is disgusting.", "She was afraid of the dark and sad.",
)  # fmt: skip
_LANGUAGES = ("en", "de", "es", "fr", "zh")
_MOMENTS = 1501  # of Whisper: every 0.02 s of half a minute
_ENCODER = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "subsampling_conv_channels": 16, "num_mel_bins": 80, "initializer_range": 0.3,
}  # fmt: skip


def parakeet(decoder: str) -> tuple[Any, Any]:
    """Make Parakeet's network and processor; `decoder` is "tdt" or "ctc"."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))  # noqa: S106  a token of text
    trained.pre_tokenizer, trained.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    special = ["<unk>", "<pad>"]
    trained.train_from_iterator(_TEXT, trainers.BpeTrainer(vocab_size=120, special_tokens=special, show_progress=False))
    tokens = transformers.ParakeetTokenizer(tokenizer_object=trained, unk_token="<unk>", pad_token="<pad>")  # noqa: S106  tokens of text
    sizes: dict[str, Any] = {"encoder_config": _ENCODER}
    if decoder == "ctc":
        sizes |= {"vocab_size": len(tokens), "pad_token_id": tokens.pad_token_id}
        network = seeded(lambda: transformers.ParakeetForCTC(transformers.ParakeetCTCConfig(**sizes)))
    else:
        tokens.add_special_tokens({"additional_special_tokens": ["<blank>"]})
        blank = tokens.convert_tokens_to_ids("<blank>")
        sizes |= {"blank_token_id": blank, "pad_token_id": tokens.pad_token_id, "vocab_size": len(tokens)}
        sizes |= {"decoder_hidden_size": 32, "num_decoder_layers": 1}
        network = seeded(lambda: transformers.ParakeetForTDT(transformers.ParakeetTDTConfig(**sizes)))
        network.generation_config.decoder_start_token_id = blank
        # A token may last no time at all; without training it would be said again and again.
        network.joint.head.bias.data[len(tokens)] = -100.0
    sound = transformers.ParakeetFeatureExtractor(feature_size=_ENCODER["num_mel_bins"])
    return network, transformers.ParakeetProcessor(sound, tokens, decoder_type=decoder)


def whisper() -> tuple[Any, Any]:
    """Make Whisper's network and processor: five languages, a hundred pieces of words, word times."""
    text = Tokenizer(models.BPE())
    text.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    text.train_from_iterator(_TEXT, trainers.BpeTrainer(vocab_size=120, show_progress=False))
    learnt = json.loads(text.to_str())["model"]
    tokens = transformers.WhisperTokenizer(learnt["vocab"], [tuple(merge) for merge in learnt["merges"]])
    languages = [f"<|{language}|>" for language in _LANGUAGES]
    tasks = ["<|translate|>", "<|transcribe|>"]
    marks = ["<|startoftranscript|>", *languages, *tasks, "<|nospeech|>", "<|notimestamps|>"]
    tokens.add_special_tokens({"additional_special_tokens": marks})
    known = dict(zip(marks, tokens.convert_tokens_to_ids(marks), strict=True))
    end = tokens.eos_token_id
    config = transformers.WhisperConfig(
        vocab_size=len(tokens) + _MOMENTS, d_model=32, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64, init_std=0.3, bos_token_id=end,
        eos_token_id=end, pad_token_id=end, decoder_start_token_id=known[marks[0]], begin_suppress_tokens=None,
        max_target_positions=64,
    )  # fmt: skip
    network = seeded(lambda: transformers.WhisperForConditionalGeneration(config))
    network.generation_config = transformers.GenerationConfig(
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=known[marks[0]],
        lang_to_id={language: known[language] for language in languages},
        task_to_id={"translate": known[tasks[0]], "transcribe": known[tasks[1]]},
        is_multilingual=True,
        no_timestamps_token_id=known["<|notimestamps|>"],
        alignment_heads=[[0, 0], [0, 1]],
        max_initial_timestamp_index=50,
        suppress_tokens=list(known.values()),
        max_length=config.max_target_positions,
        # Without training nothing would come to an end.
        exponential_decay_length_penalty=(8, 1.5),
    )
    # Padding is made of zeros and is the end as well, which then no factor makes more likely.
    pieces = network.model.decoder.embed_tokens.weight
    pieces.data[end] = pieces.data[0] / 2
    return network, transformers.WhisperProcessor(transformers.WhisperFeatureExtractor(), tokens)
