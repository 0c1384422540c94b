"""Label matching: what its modality looks at, what its heads compare, and what a trained CLIP keeps."""

import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import open_clip
import pytest
import skimage
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import save_file
from torch.nn import functional

from ensemble.perception import Perception
from ensemble.plan import EnsembleSettings, Plan
from modalities.assets import AssetError
from modalities.catalog import CUES
from modalities.encoders.clip import TINY, ClipImage, ClipPicture
from modalities.encoders.pixels import Pixels
from modalities.heads.head import Comparing
from modalities.heads.matching import ClipHead, MatchHead, prompts_for
from modalities.heads.matching.augmentation import Augmentation
from modalities.heads.mean import MeanHead
from modalities.labels import COMPOUND, EXPRESSION
from modalities.match import Match
from modalities.types import SECOND, Encoding, Segment
from tests.checks import cues, heads, modalities
from tests.makers import TWO_PEOPLE, default, make_head
from tuning.encodings import join, load_impression, save_impression

SPEAKS = {"expression": EXPRESSION.labels.names, "compound": COMPOUND.labels.names}
KINDS = dict.fromkeys(SPEAKS, "distribution")
PORTRAIT = skimage.data.astronaut()[:224, 110:334]
PICTURES = [np.roll(PORTRAIT, 40 * n, axis=1) for n in range(4)]


def match_head(**settings):
    return MatchHead(MatchHead.Config(width=32, speaks=SPEAKS, kinds=KINDS, **{"preset": "tiny", **settings}))


def clip_head(**settings):
    return ClipHead(ClipHead.Config(width=3, speaks=SPEAKS, kinds=KINDS, **{"hidden": 64, **settings}))


def one_segment(steps):
    steps = torch.as_tensor(steps)[None]
    return heads.Batch(steps, torch.ones(steps.shape[:2], dtype=torch.bool), torch.zeros(steps.shape[:2]))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small CLIP in a folder of open_clip's layout, and its network."""
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(5)
    network = open_clip.CLIP(**TINY).eval()
    scale = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.4], "size": 64}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY, "preprocess_cfg": scale}))
    save_file(network.state_dict(), folder / "open_clip_model.safetensors")
    return folder, network


# ----------------------------------------------------------------------------------------------------------- modality


def at_faces():
    """Return a maker of the modality that looks at faces, and toy faces, no two of which look alike."""
    footage = TWO_PEOPLE.stretches(None)
    faces = cues.perceive(partial(default, "tests.toys:Marks", CUES), cues.Scene(TWO_PEOPLE.stretches), footage)[0]
    crops = np.random.default_rng(0).integers(0, 256, (len(faces), 12, 12, 3), dtype=np.uint8)
    make = partial(Match, Match.Config(encoder={"kind": "pixels", "size": 8}, looks_at="faces"))
    return make, replace(faces, crops=crops)


@pytest.mark.parametrize("check", modalities.CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_the_contract_when_it_looks_at_faces(check):
    make, faces = at_faces()
    spans = [(0, 4_000_000), (1_234_567, 3_000_001), (2_000_000, 5_600_000)]
    check(make, modalities.Subject({"faces": faces}, [Segment(*span) for span in spans], TWO_PEOPLE.end))


def test_it_looks_at_the_largest_face_of_each_frame():
    make, faces = at_faces()
    encoding = make().encode({"faces": faces}, [Segment(0, TWO_PEOPLE.end)])
    assert encoding.times[0].tolist() == faces.looked.tolist()
    shown = set()
    for step, time in enumerate(faces.looked):
        rows = np.flatnonzero(faces.times == time)
        assert encoding.mask[0, step] == bool(len(rows))
        if len(rows):
            areas = (faces.boxes[rows, 2] - faces.boxes[rows, 0]) * (faces.boxes[rows, 3] - faces.boxes[rows, 1])
            largest = rows[areas.argmax()]
            shown.add(int(faces.tracks[largest]))
            assert (encoding.steps[0, step] == Pixels(Pixels.Config(size=8)).encode([faces.crops[largest]])[0]).all()
    assert shown == {0, 1}, "each of the two is the largest for a while"


def test_it_needs_what_it_looks_at():
    assert Match(Match.Config()).needs == {"frames": "frames"}
    assert Match(Match.Config(looks_at="faces", faces="people")).needs == {"faces": "people"}


def test_pixels_stay_bytes_from_the_stretch_to_the_cache(tmp_path):
    settings = {"encoder": {"kind": "pixels", "size": 6}}
    one = {"kind": "clip", "grid": {"duration": 2, "step": 1, "tail": 0.5}, "settings": {"size": 16}}
    modality = {"kind": "match", "settings": settings, "heads": {"clip": one}}
    plan = Plan.of(EnsembleSettings(cues={}, modalities={"match": modality}))
    whole, pieces = (join(list(Perception(plan).run(TWO_PEOPLE.stretches(n)))) for n in (None, SECOND * 13 // 10))
    save_impression(whole, tmp_path / "clip.npz")
    for impression in (pieces, load_impression(tmp_path / "clip.npz")):
        for key, encoding in whole.encodings.items():
            found = impression.encodings[key]
            assert (found.steps.dtype, found.steps.shape[2:]) == (np.uint8, (6, 6, 3))
            assert found.segments == encoding.segments
            assert (found.steps[found.mask] == encoding.steps[encoding.mask]).all()
            assert np.ptp(found.steps) > 0


# ----------------------------------------------------------------------------------------------------------- encoders


def test_pixels_hold_the_whole_picture():
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:20, 40:] = (10, 200, 30)
    (square,) = Pixels(Pixels.Config(size=4)).encode([wide])
    assert square.shape == (4, 4, 3)
    assert (square[:2, 2:] == (10, 200, 30)).all()
    assert not square[2:].any()
    assert not square[:2, :2].any()


def test_pictures_are_seen_as_faces_are(model):
    folder, network = model
    for settings in ({"preset": "tiny"}, {"name": str(folder)}):
        seen = ClipPicture(ClipPicture.Config(**settings)).encode(PICTURES)
        assert np.array_equal(seen, ClipImage(ClipImage.Config(**settings)).look(np.stack(PICTURES)))
    _, _, scale = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    with torch.no_grad():
        images = torch.stack([scale(Image.fromarray(picture)) for picture in PICTURES])
        assert seen == pytest.approx(network.encode_image(images).numpy(), abs=1e-5)


# --------------------------------------------------------------------------------------------------------- match head


def test_it_is_the_cosine_of_pictures_and_texts(model):
    """Against the library, step by step: mean cosine to the mean of a label's texts, times the model's scale."""
    folder, network = model
    prompts = {"Anger": ("an angry man", "rage"), "Sadly Angry": ("tears of anger",)}
    head = match_head(preset=None, name=str(folder), prompts=prompts)
    vectors = ClipPicture(ClipPicture.Config(name=str(folder))).encode(PICTURES)
    answer = head(*vars(one_segment(vectors)).values())
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")
    for task, labels in SPEAKS.items():
        for column, label in enumerate(labels):
            with torch.no_grad():
                texts = functional.normalize(network.encode_text(tokens(list(head.prompts[label]))), dim=-1)
            direction = functional.normalize(texts.mean(0), dim=0)
            cosine = functional.cosine_similarity(torch.from_numpy(vectors), direction[None]).mean()
            expected = cosine * network.logit_scale.exp()
            assert answer.logits[task][0, column].item() == pytest.approx(expected.item(), abs=1e-4)
    assert head.prompts["Anger"] == prompts["Anger"]
    assert head.sharpness() == pytest.approx(1 / 0.07, rel=1e-4)


def test_a_temperature_takes_the_place_of_the_scale():
    vectors = ClipPicture(ClipPicture.Config(preset="tiny")).encode(PICTURES)
    own, ras = (head(*vars(one_segment(vectors)).values()) for head in (match_head(), match_head(temperature=1)))
    assert torch.allclose(own.logits["compound"], ras.logits["compound"] / 0.07, atol=1e-3)
    assert match_head(temperature=0.5).sharpness() == 2


def test_a_plan_loads_no_model_and_a_saved_head_needs_none(tmp_path):
    part = match_head(preset=None, name="nobody/has-this")
    with pytest.raises(AssetError, match="nobody/has-this"):
        part.reset()
    head, vectors = match_head(), torch.randn(3, 32)
    head.save(tmp_path / "head")
    expected = head(*vars(one_segment(vectors)).values())
    part.restore(MatchHead.load(tmp_path / "head").state())
    answer = part(*vars(one_segment(vectors)).values())
    assert torch.equal(answer.logits["expression"], expected.logits["expression"])


def test_another_models_vectors_are_refused():
    head = MatchHead(MatchHead.Config(width=6, speaks=SPEAKS, kinds=KINDS, preset="tiny"))
    with pytest.raises(ValueError, match=r"texts of .* have 32 numbers, but the pictures of its encoder 6"):
        head.reset()
    with pytest.raises(ValueError, match="its steps have 6; encode by `pixels`"):
        ClipHead(ClipHead.Config(width=6, speaks=SPEAKS, kinds=KINDS))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"hidden": 100}, "hidden is 100, but attention heads are 16 wide; give a multiple"),
        ({"hidden": 0}, "hidden is 0, but attention heads are 16 wide"),
        ({"size": 4}, "size is 4, but must be 8 or more"),
        ({"context": 2, "layers": 0}, "context is 2, but must be 3 or more, layers is 0, but must be 1 or more"),
    ],
)
def test_a_tiny_clip_that_cannot_be_drawn_is_refused(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        clip_head(**{"hidden": 64, **settings})


def test_the_smallest_clip_that_can_be_drawn_speaks():
    head = clip_head(hidden=16, size=8, context=3, tower="transformer").eval()
    answer = heads.ask(head, one_segment(np.zeros((1, 8, 8, 3), np.uint8)))
    assert torch.isfinite(answer["expression"]).all()


def test_every_label_has_prompts_of_its_own():
    prompts = prompts_for([*EXPRESSION.labels, *COMPOUND.labels], {})
    texts = [text for some in prompts.values() for text in some]
    assert len(set(texts)) == len(texts)
    assert "a photo of a person who looks happily surprised" in prompts["Happily Surprised"]
    assert "a photo of a person who looks angry" in prompts["Anger"]
    assert prompts_for(["Bored"], {})["Bored"][0] == "a photo of a person who looks bored"


def test_prompts_and_tasks_that_make_no_sense_are_refused():
    for prompts, why in (
        ({"Rage": ("rage",)}, "prompts for Rage, but the labels are"),
        ({"Anger": ()}, "Anger has no prompt"),
        ({"Fear": ("fear", " ")}, "Fear has no prompt or an empty one"),
    ):
        with pytest.raises(ValueError, match=why):
            match_head(prompts=prompts)
    with pytest.raises(ValueError, match="cannot speak valence_arousal"):
        MatchHead(
            MatchHead.Config(
                width=32, speaks={"valence_arousal": ("valence", "arousal")}, kinds={"valence_arousal": "continuous"}
            )
        )


# ---------------------------------------------------------------------------------------------------------- clip head


def coloured(rng, per_colour=12, side=20):
    """Noisy red, green and blue pictures, and which of the first labels each shows."""
    labels = np.repeat(np.arange(3), per_colour)
    steps = rng.integers(0, 120, (len(labels), 1, side, side, 3), dtype=np.uint8)
    steps[np.arange(len(labels)), 0, :, :, labels] += 100
    return torch.from_numpy(steps), torch.from_numpy(labels)


def trained(seed, epochs=12):
    steps, labels = coloured(np.random.default_rng(0))
    mask, times = torch.ones(len(steps), 1, dtype=torch.bool), torch.zeros(len(steps), 1)
    torch.manual_seed(seed)
    head = clip_head(size=16)
    head.reset()
    optimiser = torch.optim.AdamW(head.train().parameters(), lr=3e-3)
    for _ in range(epochs):
        answer = head(head.augment(steps, mask, torch.default_generator), mask, times)
        loss = functional.cross_entropy(answer.logits["expression"], labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return head.eval()


def test_both_towers_learn_and_a_seed_gives_the_same_weights():
    head = trained(3)
    steps, labels = coloured(np.random.default_rng(1))
    with torch.no_grad():
        answer = head(steps, torch.ones(len(steps), 1, dtype=torch.bool), torch.zeros(len(steps), 1))
    assert (answer.logits["expression"].argmax(1) == labels).float().mean() > 0.9
    again, other = trained(3).state(), trained(4).state()
    assert all(np.array_equal(value, again[name]) for name, value in head.state().items())
    assert any(not np.array_equal(value, other[name]) for name, value in head.state().items())
    red = head.compare(answer.features.numpy(), head.prompts["Neutral"])[:, 0]
    assert red[:12].mean() > red[12:].mean() + 0.1, "texts are answered with what was learnt"


def test_texts_are_read_anew_when_weights_change():
    head, features = make_head("clip"), np.eye(64, dtype=np.float32)[:2]
    before = head.compare(features, ["a smile"])
    assert np.array_equal(before, head.compare(features, ["a smile"]))
    with torch.no_grad():
        head.network.text_projection += 0.5
    assert not np.allclose(before, head.compare(features, ["a smile"]))


def test_a_named_clip_is_the_start_and_its_state_is_enough(model, tmp_path):
    place, network = model
    folder = tmp_path / "model"
    shutil.copytree(place, folder)
    head = clip_head(preset=None, name=str(folder))
    assert not list(head.parameters()), "a plan loads no model"
    assert isinstance(head, Comparing)
    head.settle()
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in head.network.state_dict().items())
    assert all(weight.requires_grad for weight in head.parameters())
    assert head.centre.tolist() == pytest.approx([102, 127.5, 153])
    pixels = Pixels(Pixels.Config(size=64)).encode(PICTURES)
    expected = heads.ask(head, one_segment(pixels))
    scaled = (torch.from_numpy(pixels) / 255 - torch.tensor([0.4, 0.5, 0.6])) / torch.tensor([0.2, 0.3, 0.4])
    with torch.no_grad():
        vectors = functional.normalize(network.encode_image(scaled.movedim(-1, 1)), dim=-1)
    assert torch.allclose(expected["features"][0], vectors.mean(0), atol=1e-5)
    head.save(tmp_path / "head")
    shutil.rmtree(folder)
    heads.assert_same(expected, heads.ask(ClipHead.load(tmp_path / "head"), one_segment(pixels)), 0.0, "loaded")


@pytest.mark.parametrize("tower", ["convolutions", "transformer"])
def test_each_tower_keeps_the_contract(tower):
    def make(seed=0):
        torch.manual_seed(seed)
        return clip_head(size=16, tower=tower)

    for check in (heads.check_masked_steps_never_matter, heads.check_every_step_matters):
        check(make, heads.Batch.pixels(16))


def test_augmentation_changes_existing_pictures_alike_within_a_segment():
    batch = heads.Batch.pixels(12)
    batch = heads.Batch(batch.steps[:, :1].expand(-1, 11, -1, -1, -1), batch.mask, batch.times)
    draw = partial(Augmentation().change, batch.steps, batch.mask)
    changed, again, other = (draw(torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(changed, again)
    assert not torch.equal(changed, other)
    assert not changed[~batch.mask].any()
    assert changed.min() >= 0
    assert changed.max() <= 255
    whole = changed[0]
    assert torch.allclose(whole, whole[:1].expand_as(whole))
    assert not torch.allclose(whole[0], batch.steps[0, 0].float(), atol=1.0)
    still = Augmentation(mirror=0, shift=0, zoom=0, light=0, contrast=0)
    same = still.change(batch.steps, batch.mask, torch.Generator())
    assert torch.allclose(same[batch.mask], batch.steps[batch.mask].float(), atol=1e-2)
    mirrored = still.model_copy(update={"mirror": 1.0}).change(batch.steps, batch.mask, torch.Generator())
    assert torch.allclose(mirrored[batch.mask], batch.steps[batch.mask].float().flip(2), atol=1e-2)


def test_other_heads_change_nothing_in_training():
    head, batch = make_head("mean"), heads.Batch.draw(6)
    assert head.augment(batch.steps, batch.mask, torch.default_generator) is batch.steps
    assert not isinstance(MeanHead, Comparing)
    assert not isinstance(head, Comparing)
    assert isinstance(match_head(), Comparing)


def test_an_empty_stretch_is_judged():
    nothing = Encoding.of([], [], [], like=np.zeros((0, 8, 8, 3), np.uint8))
    output = Match(Match.Config(encoder={"kind": "pixels", "size": 8})).judge(nothing, clip_head(size=16))
    assert output.features.shape == (0, 64)
