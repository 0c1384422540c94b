"""Every part there is: name → "module:Class", imported only when asked for.

`find("mylab.gesture:Gesture", MODALITIES)` accepts a stranger's class without any entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from modalities.part import Part

CUES: Mapping[str, str] = {
    "faces": "modalities.cues.faces:FaceFinder",
    "face_as_given": "modalities.cues.faces.given:FaceAsGiven",
    "silero": "modalities.cues.speech:Silero",
    "moonshine": "modalities.cues.transcript:Moonshine",
    "whisper": "modalities.cues.transcript.whisper:Whisper",
    "parakeet": "modalities.cues.transcript.parakeet:Parakeet",
    "measured": "modalities.cues.caption.measured:MeasuredCaption",
    "endpoint": "modalities.cues.caption.endpoint:EndpointCaption",
    "caption_table": "modalities.cues.caption.table:TableCaption",
    "qwen": "modalities.cues.caption.qwen:QwenCaption",
}
ENCODERS: Mapping[str, str] = {
    "face_embedded": "modalities.encoders.face:EmbeddedFace",
    "blendshapes": "modalities.encoders.blendshapes:Blendshapes",
    "fer": "modalities.encoders.fer:Fer",
    "moonshine": "modalities.encoders.moonshine:MoonshineEncoder",
    "prosody": "modalities.encoders.prosody:ProsodyEncoder",
    "minilm": "modalities.encoders.minilm:MiniLM",
    "ngrams": "modalities.encoders.ngrams:Ngrams",
    "wavlm": "modalities.encoders.wavlm:WavLM",
    "wav2vec2": "modalities.encoders.wav2vec2:Wav2Vec2",
    "emoaffectnet": "modalities.encoders.emoaffectnet:EmoAffectNet",
    "clip_image": "modalities.encoders.clip:ClipImage",
    "vitmae": "modalities.encoders.vitmae:ViTMAE",
    "roberta": "modalities.encoders.roberta:Roberta",
    "sentence": "modalities.encoders.sentence:Sentence",
    "clip_text": "modalities.encoders.clip:ClipText",
    "clip_picture": "modalities.encoders.clip:ClipPicture",
    "pixels": "modalities.encoders.pixels:Pixels",
    "crops": "modalities.encoders.crops:Crops",
    "samples": "modalities.encoders.samples:Samples",
    "tokens": "modalities.encoders.tokens:Tokens",
    "stated": "modalities.encoders.stated:Stated",
    "terms": "modalities.encoders.terms:Terms",
}
HEADS: Mapping[str, str] = {
    "mean": "modalities.heads.mean:MeanHead",
    "given": "modalities.heads.given:GivenHead",
    "attention": "modalities.heads.attention:AttentionHead",
    "mamba": "modalities.heads.mamba:MambaHead",
    "transformer": "modalities.heads.transformer:TransformerHead",
    "lstm": "modalities.heads.lstm:LSTMHead",
    "bilstm": "modalities.heads.bilstm:BiLSTMHead",
    "uncertain": "modalities.heads.uncertain:UncertainHead",
    "cosine": "modalities.heads.cosine:CosineHead",
    "statistics": "modalities.heads.statistics:StatisticsHead",
    "match": "modalities.heads.matching:MatchHead",
    "clip": "modalities.heads.matching:ClipHead",
    "convolutional": "modalities.heads.convolutional:ConvolutionalHead",
    "tuned": "modalities.heads.tuned:TunedHead",
    "linear": "modalities.heads.linear:LinearHead",
    "lexicon": "modalities.heads.lexicon:LexiconHead",
}
MODALITIES: Mapping[str, str] = {
    "face": "modalities.face:Face",
    "audio": "modalities.audio:Audio",
    "text": "modalities.text:Text",
    "scene": "modalities.scene:Scene",
    "match": "modalities.match:Match",
}


def find(name: str, catalog: Mapping[str, str]) -> type[Any]:
    """Return the class of a part by its name in a catalog or by "module:Class"."""
    address = name if ":" in name else catalog.get(name)
    if address is None:
        raise ValueError(f"there is no part {name!r}; choose one of {', '.join(catalog)}, or give module:Class")
    module, _, attribute = address.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"{address} cannot be found ({error}); is its package installed, and the name right?"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Part)):
        raise TypeError(f"{address} is not a part: its class must extend modalities.part.Part")
    return found


def build(settings: Mapping[str, Any], catalog: Mapping[str, str], **given: Any) -> Any:
    """Make a part of its settings: `kind` is its name, the rest is its own; `given` goes beside the settings."""
    if "kind" not in settings:
        raise ValueError(f"a part's settings must say its kind, one of {', '.join(catalog)}; got {dict(settings)}")
    part = find(settings["kind"], catalog)
    return part(part.Config.model_validate({key: value for key, value in settings.items() if key != "kind"}), **given)
