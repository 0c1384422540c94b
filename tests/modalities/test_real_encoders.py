"""Encoders that others trained, as small models in their real layouts; nothing is downloaded."""

import json
import pickle
import sys
from dataclasses import dataclass

import numpy as np
import open_clip
import pytest
import skimage
import torch
import torchvision
import transformers
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional

from modalities.assets import AssetError
from modalities.catalog import ENCODERS, MODALITIES, find
from modalities.encoders.clip import TINY, Clip, ClipImage, ClipText
from modalities.encoders.emoaffectnet import (
    EmoAffectNet,
    EmoAffectNetwork,
    Sizes,
    convert_emoaffectnet,
    save_emoaffectnet,
)
from modalities.encoders.emoaffectnet.encoder import prepare
from modalities.encoders.roberta import Roberta, tiny_tokenizer
from modalities.encoders.vitmae import ViTMAE
from modalities.encoders.wav2vec2 import Wav2Vec2
from modalities.encoders.wavlm import WavLM
from modalities.pretrained import Pretrained
from modalities.types import FOREVER, Faces
from tests.makers import modality_over_toys

pytestmark = pytest.mark.slow

TEXTS = ["I can hardly believe that you came!", "no", "Ich weiß nicht, was soll es bedeuten", ""]
SOUND = (np.sin(np.arange(32_000) / 9) * np.linspace(0, 0.4, 32_000)).astype(np.float32)
KINDS = [kind for kind in ENCODERS if issubclass(find(kind, ENCODERS).Config, Pretrained)]


def faces(count=3):
    """The portrait of an astronaut, moved a little from row to row."""
    portrait = skimage.data.astronaut()[:224, 110:334]
    crops = np.stack([np.roll(portrait, 25 * row, axis=1) for row in range(count)])
    rows = np.arange(count)
    flat = {"boxes": 4, "blendshapes": 52, "pose": 3}
    return Faces(
        times=rows, tracks=rows * 0, scores=rows.astype(np.float32), detected=rows >= 0, crops=crops, looked=rows,
        landmarks=np.zeros((count, 478, 3), np.float32), ran=rows >= 0, until=FOREVER,
        **{name: np.zeros((count, width), np.float32) for name, width in flat.items()},
    )  # fmt: skip


def something(encoder):
    return {"sound": SOUND, "text": TEXTS, "face": faces(), "picture": list(faces().crops)}[encoder.kind]


def tiny(kind):
    part = find(kind, ENCODERS)
    return part(part.Config(preset="tiny"))


def save(encoder, folder):
    """Write an encoder's model as its library does."""
    if isinstance(encoder, EmoAffectNet):
        save_emoaffectnet(encoder.network.state_dict(), folder)
    elif isinstance(encoder, Clip):
        save_clip(encoder.loaded.network, TINY, folder)
    elif encoder.name == "sentence":
        encoder.network.save(str(folder), create_model_card=False)
    else:
        encoder.network.save_pretrained(folder)
        names = ("extractor", "tokenizer", "processor")
        (beside,) = [getattr(encoder, name) for name in names if hasattr(type(encoder), name)]
        beside.save_pretrained(folder)


def save_clip(network, sizes, folder):
    folder.mkdir()
    scale = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
    settings = {"model_cfg": sizes, "preprocess_cfg": {**scale, "size": sizes["vision_cfg"]["image_size"]}}
    (folder / "open_clip_config.json").write_text(json.dumps(settings))
    save_file(network.state_dict(), folder / "open_clip_model.safetensors")


@pytest.fixture(scope="module")
def opened():
    """What has asked for a socket or an address since this module began."""
    events = []
    wanted = ("socket.connect", "socket.getaddrinfo")
    # An audit hook cannot be taken away again, but this one does nothing that a later test could notice.
    sys.addaudithook(lambda event, _: events.append(event) if event in wanted else None)
    return events


@pytest.mark.parametrize("kind", KINDS)
def test_the_tiny_preset_saved_in_the_real_layout_answers_alike(kind, tmp_path, opened):
    encoder = tiny(kind)
    save(encoder, tmp_path / "model")
    loaded = type(encoder)(type(encoder).Config(name=str(tmp_path / "model")))
    assert loaded.width == encoder.width
    assert np.array_equal(loaded.encode(something(encoder)), encoder.encode(something(encoder)))
    assert not opened, "a model in a folder needs no socket"


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_move_to_another_process(kind):
    encoder = tiny(kind)
    expected = encoder.encode(something(encoder))
    moved = pickle.loads(pickle.dumps(encoder))  # noqa: S301  our own
    assert np.array_equal(moved.encode(something(encoder)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_frozen(kind):
    encoder = tiny(kind)
    network = encoder.loaded.network if isinstance(encoder, Clip) else encoder.network
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if find(kind, ENCODERS).kind != "sound"])
def test_a_row_does_not_depend_on_its_batch(kind):
    encoder = tiny(kind)
    rows = {"face": faces(18), "picture": list(faces(18).crops)}.get(encoder.kind, (TEXTS * 5)[:18])
    together = encoder.encode(rows)
    one = rows.take(np.array([17])) if encoder.kind == "face" else rows[17:]
    assert together.shape == (18, encoder.width)
    assert encoder.encode(one)[0] == pytest.approx(together[17], abs=1e-5)
    nothing = rows.take(np.zeros(0, np.int64)) if encoder.kind == "face" else []
    assert encoder.encode(nothing).shape == (0, encoder.width)


def test_another_models_folder_is_refused(tmp_path):
    save(tiny("roberta"), tmp_path / "model")
    for part in (WavLM, ViTMAE):
        with pytest.raises(AssetError, match=f"lacks .* weights of {part.__name__}Model"):
            _ = part(part.Config(name=str(tmp_path / "model"))).network
    with pytest.raises(AssetError, match=r"has no open_clip_model\.safetensors"):
        ClipText(ClipText.Config(name=str(tmp_path / "model"))).encode(TEXTS)
    with pytest.raises(AssetError, match="holds no EmoAffectNet"):
        EmoAffectNet(EmoAffectNet.Config(name=str(tmp_path / "model"))).encode(faces())


@pytest.mark.parametrize(("modality", "kind"), [("audio", "wavlm"), ("face", "emoaffectnet"), ("text", "roberta")])
def test_a_recipe_names_it_like_any_other(modality, kind):
    _, subject = modality_over_toys(modality)
    part = find(modality, MODALITIES)
    made = part(part.Config.model_validate({"encoder": {"kind": kind, "preset": "tiny"}}))
    encoding = made.encode(subject.percepts, subject.segments)
    assert encoding.mask.any()
    assert encoding.steps.shape[2] == made.encoder.width
    assert np.ptp(encoding.steps[encoding.mask]) > 0


# -------------------------------------------------------------------------- against the plain use of each library


@pytest.mark.parametrize(("part", "normalise"), [(WavLM, True), (WavLM, False), (Wav2Vec2, True)])
def test_sound_is_what_the_library_says(part, normalise, tmp_path):
    config = getattr(transformers, f"{part.architecture}Config")(
        hidden_size=48, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64, conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    network = getattr(transformers, f"{part.architecture}Model")(config).eval()
    network.save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=normalise).save_pretrained(tmp_path)
    values = (SOUND - SOUND.mean()) / np.sqrt(SOUND.var() + 1e-7) if normalise else SOUND
    with torch.no_grad():
        expected = network(torch.from_numpy(values)[None]).last_hidden_state[0].numpy()
    encoder = part(part.Config(name=str(tmp_path)))
    assert encoder.encode(SOUND) == pytest.approx(expected, abs=1e-4)
    assert encoder.width == 48


def test_four_seconds_of_sound_are_199_steps_of_20_ms():
    encoder = tiny("wavlm")
    steps = encoder.encode(np.tile(SOUND, 2))
    assert len(steps) == 199
    assert encoder.times(3).tolist() == [12_500, 32_500, 52_500]
    assert len(encoder.encode(SOUND[:1])) == 1


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_roberta_is_what_the_library_says(pooling, tmp_path):
    tokenizer = tiny_tokenizer()
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.RobertaConfig(vocab_size=len(tokenizer), type_vocab_size=1, pad_token_id=1, **sizes)
    # Of another task, as the papers' emotion model is: it has no pooler, but a classifier that is not asked.
    network = transformers.RobertaForSequenceClassification(config).eval()
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    encoder = Roberta(Roberta.Config(name=str(tmp_path), pooling=pooling))
    for text, vector in zip(TEXTS, encoder.encode(TEXTS), strict=True):
        with torch.no_grad():
            states = network.roberta(torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0]
        expected = states.mean(0) if pooling == "mean" else states[0]
        assert vector == pytest.approx(expected.numpy(), abs=1e-5)


def test_roberta_reads_as_many_tokens_as_it_is_told():
    short = Roberta(Roberta.Config(preset="tiny", tokens=8))
    one, other = short.encode(["abcdef and more", "abcdef or less"])
    assert np.array_equal(one, other)
    assert not np.allclose(*tiny("roberta").encode(["abcdef and more", "abcdef or less"]))


def test_vitmae_is_what_the_library_says_whatever_the_order_of_patches(tmp_path):
    config = transformers.ViTMAEConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        decoder_hidden_size=16, decoder_num_hidden_layers=1, decoder_num_attention_heads=2,
    )  # fmt: skip
    network = transformers.ViTMAEForPreTraining(config).eval()
    network.save_pretrained(tmp_path)
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    processor.save_pretrained(tmp_path)
    network.config.mask_ratio = network.vit.embeddings.config.mask_ratio = 0.0
    pictures = processor(list(faces().crops), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        states = network.vit(pictures).last_hidden_state.numpy()  # in a random order
    for pooling, expected in (("mean", states[:, 1:].mean(1)), ("class", states[:, 0])):
        encoder = ViTMAE(ViTMAE.Config(name=str(tmp_path), pooling=pooling))
        assert encoder.encode(faces()) == pytest.approx(expected, abs=1e-5)


def test_clip_is_what_the_library_says(tmp_path):
    sizes = {**TINY, "embed_dim": 24, "quick_gelu": True}
    save_clip(open_clip.CLIP(**sizes), sizes, tmp_path / "model")
    name = f"local-dir:{tmp_path / 'model'}"
    network, _, scale = open_clip.create_model_and_transforms(name)
    network.eval()
    with torch.no_grad():
        pictures = network.encode_image(torch.stack([scale(Image.fromarray(crop)) for crop in faces().crops]))
        texts = network.encode_text(open_clip.get_tokenizer(name)(TEXTS))
    config = {"name": str(tmp_path / "model")}
    assert ClipImage(ClipImage.Config(**config)).encode(faces()) == pytest.approx(pictures.numpy(), abs=1e-5)
    assert ClipText(ClipText.Config(**config)).encode(TEXTS) == pytest.approx(texts.numpy(), abs=1e-5)
    assert np.abs(np.linalg.norm(pictures, axis=1) - 1).min() > 0.1, "vectors are not normalised"


# ----------------------------------------------------------------------------------------------------- EmoAffectNet

SIZES = Sizes((1, 2, 1, 1), 64, 16)


@dataclass
class Other:
    """The same network out of torchvision's parts, whose ResNet differs: made like it by hand."""

    network: torch.nn.Module

    @classmethod
    def draw(cls):
        torch.manual_seed(0)
        resnet = torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, list(SIZES.blocks))
        for module in resnet.modules():
            if isinstance(module, torchvision.models.resnet.Bottleneck):
                module.conv1.stride, module.conv2.stride = module.conv2.stride, (1, 1)
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eps = 1e-3
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 2)
        resnet.conv1.padding, resnet.maxpool.padding = (0, 0), 0
        resnet.fc = torch.nn.Sequential(torch.nn.Linear(2048, 16), torch.nn.ReLU(), torch.nn.Linear(16, 7))
        return cls(resnet.eval())

    def logits(self, pictures):
        return self.network(functional.pad(pictures, (2, 3, 2, 3)))


@pytest.fixture(scope="module")
def other():
    return Other.draw()


def test_emoaffectnet_is_another_writing_of_the_same_network(other, tmp_path):
    torch.save(other.network.state_dict(), tmp_path / "weights.pth")
    network = EmoAffectNetwork(SIZES).eval()
    network.load_state_dict(convert_emoaffectnet(tmp_path / "weights.pth", SIZES))
    pictures = prepare(faces(2).crops)
    with torch.no_grad():
        assert network(pictures).numpy() == pytest.approx(other.logits(pictures).numpy(), abs=1e-4)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of writing it; reading says nothing
def test_torchscript_becomes_a_folder_that_the_encoder_reads(tmp_path):
    own = EmoAffectNetwork(Sizes((1, 1, 1, 1), 8, 32)).eval()
    torch.jit.trace(own, torch.zeros(1, 3, 224, 224)).save(str(tmp_path / "published.pth"))
    save_emoaffectnet(convert_emoaffectnet(tmp_path / "published.pth", Sizes((1, 1, 1, 1), 8, 32)), tmp_path / "model")
    encoder = EmoAffectNet(EmoAffectNet.Config(name=str(tmp_path / "model")))
    with torch.no_grad():
        expected = own.vectors(prepare(faces().crops)).numpy()
    assert encoder.encode(faces()) == pytest.approx(expected, abs=1e-5)


def test_weights_of_another_network_are_not_converted(other, tmp_path):
    state = other.network.state_dict()
    torch.save(dict(list(state.items())[6:]), tmp_path / "less.pth")
    with pytest.raises(ValueError, match="weights, but EmoAffectNet has"):
        convert_emoaffectnet(tmp_path / "less.pth", SIZES)
    names = list(state)
    shortcut, last = names.index("layer1.0.downsample.0.weight"), names.index("layer1.0.conv3.weight")
    names[shortcut], names[last] = names[last], names[shortcut]
    torch.save({name: state[name] for name in names}, tmp_path / "swapped.pth")
    with pytest.raises(ValueError, match=r"downsample\.0\.weight .* where EmoAffectNet has .*conv3"):
        convert_emoaffectnet(tmp_path / "swapped.pth", SIZES)


def test_the_published_sizes_are_those_of_resnet_50():
    with torch.device("meta"):
        network = EmoAffectNetwork(Sizes())
    # 23 508 032 of ResNet-50 without its classifier, then the two last layers.
    assert sum(w.numel() for w in network.parameters()) == 23_508_032 + 2048 * 512 + 512 + 512 * 7 + 7
    assert Sizes.of(network.state_dict()) == Sizes()


def test_a_face_is_brought_to_the_scale_of_emoaffectnet():
    crop = np.full((1, 100, 120, 3), (10, 20, 30), np.uint8)
    picture = prepare(crop)
    assert picture.shape == (1, 3, 224, 224)
    assert picture[0, :, 5, 7].numpy() == pytest.approx([30 - 91.4953, 20 - 103.8827, 10 - 131.0912], abs=1e-4)
