"""The tuned head: a backbone inside it says what its frozen encoder says, learns, opens by name, and needs no file."""

import pickle
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from ensemble import bundle
from ensemble.plan import EnsembleSettings, Plan
from ensemble.recognizer import Recognizer
from ensemble.timeline import Timeline
from modalities.catalog import ENCODERS, HEADS, build, find
from modalities.encoders.crops import Crops
from modalities.encoders.pixels import Pixels
from modalities.encoders.samples import LOUDEST, NO_SAMPLE, Samples
from modalities.encoders.sentence import Sentence
from modalities.encoders.tokens import Tokens
from modalities.heads.augmentation import Augmentation
from modalities.heads.tuned import RAW, TunedHead
from modalities.labels import tasks
from modalities.types import Encoding, Segment
from modalities.words import encode_texts
from tests import toys
from tests.checks import heads
from tests.checks.alike import assert_alike
from tests.makers import TWO_PEOPLE, draw_weights, modality_over_toys
from tests.modalities.test_real_encoders import faces, save
from tuning.fit import Data, FitSettings, Held, fit
from tuning.fit.learning import unfreeze
from tuning.objectives import HeadObjective

pytestmark = pytest.mark.slow  # the contract of every head has one of them in the fast part

KINDS = ("wavlm", "wav2vec2", "roberta", "sentence", "clip_text", "vitmae", "clip_image", "clip_picture")
TEXTS = ["I can hardly believe that you came!", "no", "Ich weiß nicht, was soll es bedeuten"]
SECOND = 1_000_000


def settings_of(kind, **settings):
    return {"kind": kind, "preset": "tiny", **settings}


def tuned(kind="roberta", seed=None, speaks=None, **settings):
    """A head over a tiny backbone; with a seed, all of its weights are drawn."""
    known = {name: tasks()[name] for name in speaks or ("expression", "valence_arousal")}
    about = {
        "width": RAW[find(kind, ENCODERS).kind][1],
        "speaks": {name: task.labels.names for name, task in known.items()},
        "kinds": {name: task.kind for name, task in known.items()},
        "backbone": settings_of(kind),
        "hidden": 64,
    }
    head = TunedHead(TunedHead.Config.model_validate({**about, **settings}))
    return head if seed is None else draw_weights(head, seed)


def sounds():
    """Three sounds, one of which does not end with a step, and one that is too short to be heard."""
    time = np.arange(12_345) / 16_000
    whole = (np.sin(900 * time) * np.linspace(0, 0.4, len(time))).astype(np.float32)
    return [whole, whole[3_000:9_400], whole[:77]]


def segments(count):
    return [Segment(4 * SECOND * row, 4 * SECOND * (row + 1)) for row in range(count)]


def encodings(kind):
    """What is there to see, hear or read, as a frozen backbone encodes it, and raw."""
    frozen, perceived = build(settings_of(kind), ENCODERS), find(kind, ENCODERS).kind
    if perceived == "text":
        raw = Tokens(Tokens.Config(model=settings_of(kind)))
        return [encode_texts(encoder, segments(3), TEXTS) for encoder in (frozen, raw)]
    if perceived == "sound":
        found = []
        for encoder in (frozen, Samples(Samples.Config())):
            steps = [encoder.encode(sound) for sound in sounds()]
            found.append(Encoding.of(segments(3), steps, [encoder.times(len(s)) for s in steps], like=steps[0][:0]))
        return found
    small = replace(faces(5), crops=Crops(Crops.Config(size=64)).encode(faces(5)))
    if perceived == "face":
        vectors = [frozen.encode(small), Crops(Crops.Config(size=64)).encode(small)]
    else:
        vectors = [frozen.encode(list(small.crops)), Pixels(Pixels.Config(size=64)).encode(list(small.crops))]
    times = np.arange(5, dtype=np.int64) * 200_000
    return [Encoding.of(segments(2), [rows[:4], rows[4:]], [times[:4], times[4:]], like=rows[:0]) for rows in vectors]


def as_batch(encoding):
    return heads.Batch(*(torch.from_numpy(array) for array in (encoding.steps, encoding.mask, encoding.times)))


# ------------------------------------------------------------------------------------------- as a frozen encoder says


@pytest.mark.parametrize("inner", ["attention", "bilstm", "uncertain", "mean", "transformer"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_the_frozen_encoder_and_the_same_head_say(kind, inner):
    frozen, raw = map(as_batch, encodings(kind))
    head = tuned(kind, head={"kind": inner, "dropout": 0.2})
    head.reset()
    draw_weights(head.head)
    head.standardise_by(raw.steps, raw.mask)
    alone = find(inner, HEADS)(head.head.config)
    assert alone.config.dropout == 0.2
    alone.restore({**head.head.state(), "centre": np.zeros(alone.config.width, np.float32)})
    alone.standardise_by(frozen.steps, frozen.mask)
    if len(frozen.steps[frozen.mask]) > 3:  # of few steps, what hardly varies is enlarged until rounding shows
        heads.assert_same(heads.ask(alone, frozen), heads.ask(head, raw), 1e-3, "standardised by its own steps")
    alone.centre.zero_()
    alone.scale.fill_(1)
    head.head.restore(alone.state())
    heads.assert_same(heads.ask(alone, frozen), heads.ask(head, raw), 1e-5, "the same scale")


def assert_same_weights(one, other):
    ours, theirs = one.state(), other.state()
    assert ours.keys() == theirs.keys()
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


@pytest.mark.parametrize("kind", ["wavlm", "roberta", "sentence", "clip_text", "vitmae", "clip_image"])
def test_a_bundle_needs_no_other_file(kind, tmp_path):
    encoder = build(settings_of(kind), ENCODERS)
    save(encoder, tmp_path / "model")
    head = tuned(kind, backbone={"kind": kind, "name": str(tmp_path / "model")})
    assert head.backbone is None, "a plan loads no weights"
    raw = as_batch(encodings(kind)[1])
    torch.manual_seed(0)
    head.reset()
    expected = tuned(kind)
    torch.manual_seed(0)
    expected.reset()
    heads.assert_same(heads.ask(expected, raw), heads.ask(head, raw), 1e-6, "the folder's weights")
    draw_weights(head)
    head.save(tmp_path / "part")
    for file in (tmp_path / "model").rglob("*.*"):
        file.unlink()
    loaded = TunedHead.load(tmp_path / "part")
    # The weights are the same to the last bit; how a sum is rounded depends on where in memory they come to lie.
    assert_same_weights(head, loaded)
    heads.assert_same(heads.ask(head, raw), heads.ask(loaded, raw), 1e-6, "loaded")
    heads.assert_same(heads.ask(head, raw), heads.ask(deepcopy(loaded), raw), 1e-6, "copied")
    moved = pickle.loads(pickle.dumps(loaded))  # noqa: S301  our own
    heads.assert_same(heads.ask(head, raw), heads.ask(moved, raw), 1e-6, "in another process")


def test_an_ensemble_of_them_answers_alike_from_its_bundle_whatever_the_stretches(tmp_path):
    table = toys.settings().model_dump()
    raw = {"audio": {"kind": "samples"}, "text": {"kind": "tokens", "model": settings_of("roberta")}}
    for (name, encoder), backbone in zip(raw.items(), ("wavlm", "roberta"), strict=True):
        table["modalities"][name]["settings"]["encoder"] = encoder
        for wish in table["modalities"][name]["heads"].values():
            wish |= {"kind": "tuned", "settings": {"backbone": settings_of(backbone), "hidden": 64}}
    plan = Plan.of(EnsembleSettings.model_validate(table))
    bundle.save(plan, tmp_path / "bundle")
    expected = Timeline.join(list(Recognizer(plan).stream(TWO_PEOPLE.stretches(None))))
    found = Timeline.join(list(bundle.load(tmp_path / "bundle").stream(TWO_PEOPLE.stretches(700_000))))
    assert {"audio.attention", "text.mean"} <= set(expected.members)
    assert_alike(expected.rows, found.rows, 1e-5, "from the bundle, in short stretches")
    assert_alike(expected.verdict, found.verdict, 1e-5, "from the bundle, in short stretches")


def test_it_says_whose_weights_it_begins_with():
    assert tuned("roberta").config.origin.name == "tiny: random weights"
    assert tuned("roberta", backbone={"kind": "roberta"}).config.origin.licence == "MIT"
    assert Tokens.Config().origin.name == "FacebookAI/roberta-base"


# --------------------------------------------------------------------------------------------------- the raw encoders


@pytest.mark.parametrize("length", [0, 1, 319, 320, 321, 6400])
def test_samples_lose_nothing(length):
    sound = np.random.default_rng(0).standard_normal(length).astype(np.float32)
    encoder = Samples(Samples.Config())
    steps = encoder.encode(sound)
    assert steps.shape == (-(-length // 320), 320)
    assert np.array_equal(steps[steps < LOUDEST], sound)
    assert (steps.reshape(-1)[length:] == NO_SAMPLE).all()
    assert encoder.times(len(steps)).tolist() == [20_000 * step for step in range(len(steps))]


def test_tokens_are_those_of_the_model():
    ids = Tokens(Tokens.Config(model=settings_of("roberta", tokens=8))).encode(["abcdef and more", ""])
    assert [len(some) for some in ids] == [8, 2]
    assert ids[1].tolist() == [[0], [2]]
    clip = Tokens(Tokens.Config(model=settings_of("clip_text"))).encode(["happy"])
    assert clip[0][[0, -1], 0].tolist() == [49_406, 49_407]
    with pytest.raises(TypeError, match="ngrams has no tokens"):
        Tokens(Tokens.Config(model={"kind": "ngrams"}))


@pytest.mark.parametrize("name", ["text", "scene"])
def test_a_text_is_as_many_steps_as_it_has_tokens(name):
    make, subject = modality_over_toys(name)
    modality = type(make())
    encoder = {"kind": "tokens", "model": settings_of("roberta")}
    encoding = modality(modality.Config.model_validate({"encoder": encoder})).encode(subject.percepts, subject.segments)
    assert encoding.steps.dtype == np.int64
    lengths = encoding.mask.sum(1)
    assert lengths.max() > 3
    for row, segment in enumerate(encoding.segments):
        times = encoding.times[row][encoding.mask[row]]
        assert (np.diff(times) > 0).all()
        assert ((times >= segment.start) & (times < segment.end)).all()
    nothing = Segment(90 * SECOND, 94 * SECOND)
    absent = modality(modality.Config.model_validate({"encoder": encoder})).encode(subject.percepts, [nothing])
    assert absent.steps.dtype == np.int64
    assert not absent.present.any()


# --------------------------------------------------------------------------------------- every contract, each backbone


def raw_batch(kind):
    perceived = find(kind, ENCODERS).kind
    if perceived in ("face", "picture"):
        return heads.Batch.pixels(20)
    batch = heads.Batch.draw(RAW[perceived][1])
    if perceived == "sound":
        return batch
    # Rising, for CLIP reads up to the greatest; small, for a check triples them.
    rising = torch.arange(batch.mask.shape[1]) * 7 + torch.arange(6)[:, None] + 5
    return replace(batch, steps=rising[..., None])


@pytest.mark.parametrize("check", heads.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["wav2vec2", "roberta", "sentence", "clip_text", "vitmae", "clip_image"])
def test_it_is_a_head_with_each_backbone(kind, check):
    check(lambda seed=0: tuned(kind, seed), raw_batch(kind))


# ------------------------------------------------------------------------------------------------------ what it learns


def rows_of(encoding, classes):
    columns = {
        "steps": torch.from_numpy(encoding.steps),
        "mask": torch.from_numpy(encoding.mask),
        "times": torch.from_numpy(encoding.times),
        "expression": torch.eye(8)[torch.as_tensor(classes)],
    }
    return Held(columns, ("expression",))


def texts(count):
    """Texts of two kinds by one letter of many."""
    rng = np.random.default_rng(0)
    classes = np.arange(count) % 2
    letters = ["".join(rng.choice(list("bcdfg"), 6)) for _ in classes]
    return [word[:3] + "xa"[kind] + word[3:] for word, kind in zip(letters, classes, strict=True)], classes


def tones(count):
    """Sounds of two pitches, in noise."""
    rng = np.random.default_rng(0)
    classes = np.arange(count) % 2
    time = np.arange(6_400) / 16_000
    pure = np.sin(2 * np.pi * np.where(classes, 700, 300)[:, None] * time + rng.uniform(0, 6, (count, 1)))
    return (pure + rng.standard_normal(pure.shape)).astype(np.float32), classes


def text_rows(count=48):
    found, classes = texts(count)
    return rows_of(encode_texts(Tokens(Tokens.Config(model=settings_of("roberta"))), segments(count), found), classes)


def sound_rows(count=48):
    sound, classes = tones(count)
    encoder = Samples(Samples.Config())
    steps = [encoder.encode(one) for one in sound]
    times = [encoder.times(len(one)) for one in steps]
    return rows_of(Encoding.of(segments(count), steps, times, like=steps[0][:0]), classes)


def learn(head, train, seed=1, **settings):
    """Fit from its beginning; returns the losses of the epochs."""
    chosen = FitSettings.model_validate({"batch": 16, "smoothing": 0.0, **settings})
    losses = []
    torch.manual_seed(0)
    head.reset()
    head.standardise_by(train.columns["steps"], train.columns["mask"])
    objective = HeadObjective(head, train, chosen)
    fit(head, objective, Data(train, None), chosen, seed=seed, report=lambda progress: losses.append(progress.loss))
    return losses


@pytest.mark.parametrize(("kind", "rows"), [("roberta", text_rows), ("wavlm", sound_rows)])
def test_it_learns_what_its_backbone_did_not_know(kind, rows):
    head = tuned(kind, speaks=["expression"], head={"kind": "mean"})
    before = {name: value.clone() for name, value in tuned(kind).backbone.named_parameters()}
    losses = learn(head, rows(), epochs=8, lr=2e-3, schedule="constant")
    assert losses[-1] < 0.6 * losses[0]
    moved = [name for name, value in head.backbone.named_parameters() if not torch.equal(value, before[name])]
    assert len(moved) == len(before), "the whole backbone learns"


@pytest.mark.parametrize("kind", ["wavlm", "wav2vec2"])
def test_what_is_random_in_training_heeds_the_seed(kind):
    states = []
    for _ in range(2):
        head = tuned(kind, speaks=["expression"])
        np.random.seed(len(states))  # noqa: NPY002  what the library's own masks would be drawn from
        learn(head, sound_rows(16), epochs=2, ema=0.9)
        states.append(head.state())
    assert all(np.array_equal(value, states[1][name]) for name, value in states[0].items())


def test_a_backbone_opens_layer_by_layer():
    head = tuned("roberta", speaks=["expression"])
    assert all(weight.requires_grad for weight in head.parameters()), "frozen no longer"
    settings = FitSettings(epochs=2, batch=16, unfreeze={0: ("head",), 1: ("backbone.encoder.layer.1",)})
    begun = {name: value.clone() for name, value in head.named_parameters() if name.startswith("backbone.")}
    for epochs, opened in ((0, ()), (1, ("backbone.encoder.layer.1.",))):
        unfreeze(head, settings, epochs)
        learns = {name for name, weight in head.named_parameters() if weight.requires_grad}
        assert learns == {name for name, _ in head.named_parameters() if name.startswith(("head.", *opened))}
    learn(head, text_rows(16), epochs=2, unfreeze=settings.unfreeze)
    moved = {name for name, value in head.named_parameters() if name in begun and not torch.equal(value, begun[name])}
    assert moved
    assert all(name.startswith("backbone.encoder.layer.1.") for name in moved)
    with pytest.raises(ValueError, match=r"unfreeze names backbone\.encoder\.layer\.2,"):
        unfreeze(head, FitSettings(unfreeze={0: ("backbone.encoder.layer.2",)}), 0)


def test_it_begins_again_where_its_backbone_did():
    head = tuned("roberta", seed=3)
    head.reset()
    fresh = tuned("roberta")
    state = fresh.backbone.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in head.backbone.state_dict().items())
    assert all(weight.requires_grad for weight in head.parameters())


# ------------------------------------------------------------------------------------------------------- augmentation


def test_sound_is_silenced_in_places():
    batch = heads.Batch.draw(320, steps=50)
    batch.steps[0, -1, 100:] = float(NO_SAMPLE)
    head = tuned("wavlm", silence=0.3)
    changed = head.augment(batch.steps, batch.mask, torch.Generator().manual_seed(0))
    silent = (changed == 0).any(-1)
    assert torch.equal(changed[~silent], batch.steps[~silent])
    assert silent[:5].any()
    assert not silent[~batch.mask].any()
    assert (silent.sum(1) <= 2 * (0.3 * batch.mask.sum(1)).ceil()).all()
    assert torch.equal(changed >= LOUDEST, batch.steps >= LOUDEST)
    assert torch.equal(head.augment(batch.steps, batch.mask, torch.Generator().manual_seed(0)), changed)
    still = tuned("wavlm", silence=0.0).augment(batch.steps, batch.mask, torch.Generator())
    assert torch.equal(still, batch.steps)


def test_pictures_are_changed_and_texts_are_not():
    pictures, read = raw_batch("vitmae"), raw_batch("roberta")
    changed = partial(tuned("vitmae", augmentation=Augmentation(mirror=1)).augment, pictures.steps, pictures.mask)
    one, other = (changed(torch.Generator().manual_seed(0)) for _ in range(2))
    assert torch.equal(one, other)
    assert one.dtype == torch.uint8
    assert not torch.equal(one[pictures.mask], pictures.steps[pictures.mask])
    assert tuned("roberta").augment(read.steps, read.mask, torch.Generator()) is read.steps


# ---------------------------------------------------------------------------------------------------- what it refuses


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"raw steps of 320 numbers, but they have 5; .* `samples`"):
        tuned("wavlm", width=5)
    with pytest.raises(TypeError, match="ngrams has no network"):
        tuned("roberta", backbone={"kind": "ngrams"})
    with pytest.raises(ValueError, match="there is no part 'nobody'"):
        tuned("roberta", head={"kind": "nobody"})
    foreign = raw_batch("roberta")
    with pytest.raises(ValueError, match="the id 9001, but the backbone knows 261"):
        heads.ask(tuned("roberta"), replace(foreign, steps=foreign.steps * 0 + 9001))


def test_a_sentence_model_with_layers_behind_its_pooling_is_refused():
    from sentence_transformers.sentence_transformer.modules import Dense

    encoder = Sentence(Sentence.Config(preset="tiny"))
    encoder.network.append(Dense(64, 32))
    with pytest.raises(ValueError, match="of sentence models, only those"):
        encoder.release()
