"""Qwen2.5-VL of the real classes in tiny: random weights that are always the same, and tokens made on the spot.

It understands nothing and says something: the real code path, for tests and teaching, without a download.
"""

from __future__ import annotations

from typing import Any

import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from modalities.pretrained import seeded

_TEXT = (
    "The person is smiling, and the eyes are wide open.", "A woman looks down in a dimly lit room.",
    "The man frowns, turns his head away, and seems angry.", "Happily Surprised", "Sadness", "Neutral",
)  # fmt: skip
_MARKS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip
_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A question as the real models are asked it."""
_TEXT_SIZES = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 128, "max_position_embeddings": 4096, "initializer_range": 0.2,
}  # fmt: skip
_LOOK_SIZES = {
    "depth": 2, "hidden_size": 64, "num_heads": 4, "intermediate_size": 128, "fullatt_block_indexes": [1],
    "tokens_per_second": 2, "initializer_range": 0.2,
}  # fmt: skip


def qwen() -> tuple[Any, Any]:
    """Make Qwen2.5-VL's network and processor; it says words of a few sentences, and stops after some."""
    tokens = _tokens()
    marks = dict(zip(_MARKS, tokens.convert_tokens_to_ids(list(_MARKS)), strict=True))
    stop = marks["<|im_end|>"]
    # Heads are 16 wide: half of that is turned by time, height and width.
    turns = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
    config = transformers.Qwen2_5_VLConfig(
        text_config={
            **_TEXT_SIZES,
            "vocab_size": len(tokens),
            "rope_parameters": turns,
            "bos_token_id": None,
            "eos_token_id": stop,
        },
        vision_config={**_LOOK_SIZES, "out_hidden_size": _TEXT_SIZES["hidden_size"]},
        image_token_id=marks["<|image_pad|>"],
        video_token_id=marks["<|video_pad|>"],
        vision_start_token_id=marks["<|vision_start|>"],
        vision_end_token_id=marks["<|vision_end|>"],
    )
    network = seeded(lambda: transformers.Qwen2_5_VLForConditionalGeneration(config))
    network.generation_config = transformers.GenerationConfig(
        bos_token_id=marks["<|endoftext|>"],
        eos_token_id=stop,
        pad_token_id=marks["<|endoftext|>"],
        suppress_tokens=[token for token in range(len(tokens)) if token != stop and not _is_word(tokens, token)],
        min_new_tokens=4,
        repetition_penalty=1.5,
        # Without training nothing would come to an end.
        exponential_decay_length_penalty=(8, 1.5),
    )
    return network, transformers.Qwen2_5_VLProcessor(
        image_processor=transformers.Qwen2VLImageProcessor(),
        tokenizer=tokens,
        video_processor=transformers.Qwen2VLVideoProcessor(),
        chat_template=_CHAT,
    )


def _tokens() -> Any:
    """Bytes, and some words: it reads every language."""
    text = Tokenizer(models.BPE())
    text.pre_tokenizer, text.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=450, special_tokens=list(_MARKS), initial_alphabet=letters, show_progress=False
    )
    text.train_from_iterator(_TEXT, trainer)
    return transformers.Qwen2Tokenizer(
        tokenizer_object=text, bos_token=None, eos_token="<|im_end|>", pad_token="<|endoftext|>",  # noqa: S106  marks
    )  # fmt: skip


def _is_word(tokens: Any, token: int) -> bool:
    return len(tokens.decode([token], skip_special_tokens=True).strip()) > 1
