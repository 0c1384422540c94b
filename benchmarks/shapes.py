"""Models of the published sizes with random weights, each saved as its library does: what takes time can be measured.

Speed does not depend on weights, so no hub is needed. The sizes are those of the models that the encoders name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import open_clip
import transformers
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

from modalities.encoders.clip import SETTINGS, WEIGHTS
from modalities.encoders.emoaffectnet import EmoAffectNetwork, Sizes, save_emoaffectnet
from modalities.encoders.roberta import tiny_tokenizer

SENTENCE = (
    "I can hardly believe that you came all this way through the rain only to tell me how sorry you are about what "
    "happened here last summer"
)
"""27 words: more than most people say in a segment."""


def save_real(encoder: str, folder: Path) -> None:
    """Write the model that this encoder of the catalog names, with random weights, into a folder."""
    folder.mkdir()
    REAL[encoder](folder)


def _sound(architecture: str, folder: Path) -> None:
    # The library's defaults are the base models of both families.
    config = getattr(transformers, f"{architecture}Config")()
    getattr(transformers, f"{architecture}Model")(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)


def _emoaffectnet(folder: Path) -> None:
    save_emoaffectnet(EmoAffectNetwork(Sizes()).state_dict(), folder)


def _vitmae(folder: Path) -> None:
    transformers.ViTMAEModel(transformers.ViTMAEConfig()).save_pretrained(folder)
    transformers.ViTImageProcessor().save_pretrained(folder)


def _clip(folder: Path) -> None:
    sizes = open_clip.get_model_config("ViT-B-32-quickgelu")
    scale = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
    settings = {"model_cfg": sizes, "preprocess_cfg": {**scale, "size": sizes["vision_cfg"]["image_size"]}}
    (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")
    save_file(open_clip.CLIP(**sizes).state_dict(), folder / WEIGHTS)


def _roberta(folder: Path) -> None:
    config = transformers.RobertaConfig(max_position_embeddings=514, type_vocab_size=1)
    transformers.RobertaModel(config).save_pretrained(folder)
    _tokenizer().save_pretrained(folder)


def _sentence(folder: Path) -> None:
    words = folder / "words"
    transformers.MPNetModel(transformers.MPNetConfig()).save_pretrained(words)
    _tokenizer().save_pretrained(words)
    modules = [reader := Transformer(str(words), max_seq_length=384), Pooling(reader.get_embedding_dimension(), "mean")]
    model = SentenceTransformer(modules=[*modules, Normalize()], device="cpu")
    model.save(str(folder), create_model_card=False)


def _tokenizer() -> Any:
    """Make a tokenizer with about one token per word of the sentence, as real ones have; bytes would be five."""
    return tiny_tokenizer().train_new_from_iterator([SENTENCE], 1000, show_progress=False)


REAL: Mapping[str, Callable[[Path], None]] = {
    "wavlm": partial(_sound, "WavLM"),
    "wav2vec2": partial(_sound, "Wav2Vec2"),
    "emoaffectnet": _emoaffectnet,
    "clip_image": _clip,
    "clip_picture": _clip,
    "vitmae": _vitmae,
    "roberta": _roberta,
    "sentence": _sentence,
    "clip_text": _clip,
}
"""Encoder → what writes its model."""
