"""Contracts of cues, encoders, heads and modalities: every entry of the catalogs, and the tests' own toys.

A new part is tested by standing in its catalog. One whose assets are not in the cache is skipped, and says so.
"""

from functools import cache, partial

import numpy as np
import pytest
import skimage
import torch

from modalities.assets import locate, table
from modalities.catalog import CUES, ENCODERS, HEADS, MODALITIES, find
from modalities.types import SAMPLE_RATE, SECOND, Segment, Speech, Transcript
from tests.checks import cues, encoders, heads, modalities, parts
from tests.films import Film
from tests.makers import MODALITIES_OVER_TOYS, TWO_PEOPLE, WIDTH, batch_for, default, make_head, modality_over_toys
from tuning.corpora.demo import voice

TOYS = {"cue": ("tests.toys:Marks", "tests.toys:Tones", "tests.toys:Pitch", "tests.toys:Light")}
SENTENCES = ("I can hardly believe that you came.", "What a wonderful surprise.", "Please sit down.")


def needing(kind, catalog):
    """Return a maker of a part with default settings; skip where an asset of it is missing."""
    part = find(kind, catalog)
    encoder = getattr(part.Config(), "encoder", {}).get("kind") if catalog is MODALITIES else None
    needed = {*part.assets, *(find(encoder, ENCODERS).assets if encoder else ())}
    missing = sorted(asset.name for asset in table() if asset.name in needed and not asset.present)
    if missing:
        pytest.skip(f"{kind} needs the assets {', '.join(missing)}; run `twofold fetch`")
    return partial(default, kind, catalog)


# --------------------------------------------------------------------------------------------- one clip with a person


@cache
def person():
    """A portrait that sways and is hidden for a while, and a voice that says two sentences."""
    portrait = skimage.data.astronaut()[:320, 64:384]
    shifts = (12 * np.sin(TWO_PEOPLE.times / 4e5)).astype(int)
    hidden = (TWO_PEOPLE.times > 2.1 * SECOND) & (TWO_PEOPLE.times < 2.7 * SECOND)
    images = [np.roll(portrait, shift, axis=1) * (not gone) for shift, gone in zip(shifts, hidden, strict=True)]
    said = voice.speak(SENTENCES[:2], "en-us+f1", voice.PROSODY["Neutral"])
    sound = np.interp(np.arange(0, len(said), voice.RATE / SAMPLE_RATE), np.arange(len(said)), said)
    samples = np.zeros(round(5.6 * SAMPLE_RATE), np.float32)
    samples[4000 : 4000 + len(sound)] = sound[: len(samples) - 4000]
    return Film(TWO_PEOPLE.times, tuple(images), samples, TWO_PEOPLE.end)


CAST = {
    "faces": partial(default, "faces", CUES),
    "speech": partial(default, "silero", CUES),
    "transcript": partial(default, "moonshine", CUES),
    "caption": partial(default, "measured", CUES),
}
"""The cues that parts with default settings need, by instance name; those first that others need."""


def before(needs):
    """Return the makers of these cues, and of those that they need."""
    wanted = set(needs)
    for name in reversed(CAST):
        if name in wanted:
            wanted |= set(CAST[name]().needs.values())
    return {name: maker for name, maker in CAST.items() if name in wanted}


@cache
def percepts():
    """What the default cues find in the clip."""
    scene = cues.Scene(person().stretches)
    footage = person().stretches(None)[0]
    found = {"frames": footage.frames, "waveform": footage.waveform}
    for name, make in CAST.items():
        for asset in make().assets:
            try:
                locate(asset)
            except RuntimeError as missing:
                pytest.skip(str(missing))
        earlier = cues.Scene(scene.stretches, before(set(make().needs.values()) & CAST.keys()))
        found[name] = cues.joined(cues.perceive(make, earlier, person().stretches(None)))
    return found


# -------------------------------------------------------------------------------------------------------------- cues


def scene_for(kind):
    if kind not in TOYS["cue"]:
        needing(kind, CUES)
        return cues.Scene(person().stretches, before(default(kind, CUES).needs.values()))
    others = {"speech": partial(default, "tests.toys:Tones", CUES)} if kind == "tests.toys:Pitch" else {}
    return cues.Scene(TWO_PEOPLE.stretches, others)


@pytest.fixture(autouse=True)
def may_ask_its_server(request, monkeypatch):
    """A cue that asks an endpoint asks the tests' own, on this machine, even where nothing else may be asked."""
    if hasattr(request.node, "callspec") and request.node.callspec.params.get("kind") == "endpoint":
        monkeypatch.delenv("TWOFOLD_OFFLINE", raising=False)


@pytest.mark.parametrize("check", cues.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", [*CUES, *TOYS["cue"]])
def test_cue(kind, check):
    check(partial(default, kind, CUES), scene_for(kind))


@pytest.mark.parametrize("check", parts.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", [*CUES, *TOYS["cue"]])
def test_cue_is_a_part(kind, check, tmp_path):
    scene = scene_for(kind)

    def ask(cue):
        return cues.joined(cues.perceive(lambda: cue, scene, scene.stretches(SECOND)[:2]))

    check(default(kind, CUES), ask, tmp_path)


# ---------------------------------------------------------------------------------------------------------- encoders


@cache
def inputs_of(kind):
    """Several inputs of a kind of encoder."""
    if kind == "face":
        faces = percepts()["faces"]
        return [faces, faces.take(np.arange(len(faces)) % 2 == 0)]
    if kind == "sound":
        sound = person().samples
        return [sound[:32_000], sound[8_000:72_000], sound[20_000:23_200], sound[20_000:21_600]]
    if kind == "text":
        return [list(SENTENCES), ["Go away!", "yes"], [" ".join(SENTENCES) * 8, "…"]]
    if kind == "picture":
        images = percepts()["frames"].images
        return [list(images[:6]), [image[:, 40:] for image in images[8:11]]]
    raise ValueError(f"there is no example for encoders of the kind {kind!r} yet; add one here")


@pytest.mark.parametrize("check", encoders.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", [*ENCODERS, "tests.toys:Shapes", "tests.toys:Loudness", "tests.toys:Counts"])
def test_encoder(kind, check):
    check(needing(kind, ENCODERS), inputs_of(find(kind, ENCODERS).kind))


@pytest.mark.parametrize("check", parts.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", [*ENCODERS, "tests.toys:Loudness"])
def test_encoder_is_a_part(kind, check, tmp_path):
    encoder = needing(kind, ENCODERS)()
    check(encoder, lambda part: part.encode(inputs_of(encoder.kind)[1]), tmp_path)


# -------------------------------------------------------------------------------------------------------- modalities


def subject_of(modality):
    """Whole-clip percepts for a modality, and overlapping segments: of a track's first, where it is about tracks."""
    found = {role: percepts()[need] for role, need in modality.needs.items()}
    track = int(found["faces"].tracks[0]) if modality.about == "track" else None
    spans = [(0, 4_000_000), (2_000_000, 5_600_000), (2_000_000, 2_600_000), (4_400_000, 4_600_000)]
    return modalities.Subject(found, [Segment(start, end, track) for start, end in spans], TWO_PEOPLE.end)


@pytest.mark.parametrize("check", modalities.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", list(MODALITIES))
def test_modality(kind, check):
    make = needing(kind, MODALITIES)
    check(make, subject_of(make()))


@pytest.mark.parametrize("check", parts.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", list(MODALITIES))
def test_modality_is_a_part(kind, check, tmp_path):
    modality = needing(kind, MODALITIES)()
    subject = subject_of(modality)
    check(modality, lambda part: part.encode(subject.percepts, subject.segments[2:]), tmp_path)


@pytest.mark.parametrize("check", modalities.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", list(MODALITIES_OVER_TOYS))
def test_modality_with_a_toy_encoder(name, check):
    check(*modality_over_toys(name))


def test_audio_is_silent_below_the_gate():
    make, subject = modality_over_toys("audio")
    quiet = Speech(np.array([[0, 390_000]], np.int64), TWO_PEOPLE.end)
    enough = Speech(np.array([[0, 400_000]], np.int64), TWO_PEOPLE.end)
    segments = [Segment(0, 4_000_000)]
    assert not make().encode({**subject.percepts, "speech": quiet}, segments).mask.any()
    assert make().encode({**subject.percepts, "speech": enough}, segments).mask.all()


def test_text_takes_words_by_their_middle():
    make, subject = modality_over_toys("text")
    words = subject.percepts["transcript"].words
    edge = words[0].middle
    encoding = make().encode(subject.percepts, [Segment(0, edge), Segment(0, edge + 1)])
    assert encoding.present.tolist() == [False, True]
    assert encoding.steps[1, 0].sum() == 1
    empty = Transcript((), TWO_PEOPLE.end)
    assert not make().encode({"transcript": empty}, [Segment(0, edge)]).mask.any()


def test_face_knows_how_much_time_passed_unseen():
    make, subject = modality_over_toys("face")
    faces = subject.percepts["faces"]
    encoding = make().encode(subject.percepts, [Segment(0, 4_000_000, 0)])
    looked = faces.looked[faces.looked < 4_000_000]
    assert encoding.times[0].tolist() == looked.tolist()
    assert (
        encoding.times[0][encoding.mask[0]].tolist()
        == faces.times[(faces.tracks == 0) & (faces.times < 4_000_000)].tolist()
    )
    assert not encoding.mask.all()
    assert not make().encode(subject.percepts, [Segment(0, 4_000_000)]).mask.any()


# -------------------------------------------------------------------------------------------------------------- heads


@pytest.mark.parametrize("check", heads.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", list(HEADS))
def test_head(kind, check):
    check(partial(make_head, kind), batch_for(kind))


@pytest.mark.parametrize("check", parts.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", list(HEADS))
def test_head_is_a_part(kind, check, tmp_path):
    batch = batch_for(kind)
    check(make_head(kind), lambda head: {k: v.numpy() for k, v in heads.ask(head, batch).items()}, tmp_path)


def test_mean_head_is_the_mean_of_what_each_step_shows():
    head, batch = make_head("mean"), heads.Batch.draw(WIDTH)
    whole = heads.ask(head, batch)
    for row in range(5):
        present = batch.mask[row]
        alone = heads.Batch(batch.steps[row, present][:, None], torch.ones(int(present.sum()), 1, dtype=torch.bool),
                            batch.times[row, present][:, None])  # fmt: skip
        for task in head.speaks:
            assert torch.allclose(heads.ask(head, alone)[task].mean(0), whole[task][row], atol=1e-5)


def test_a_part_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="there is no part 'nobody'"):
        find("nobody", HEADS)
    with pytest.raises(TypeError, match="is not a part"):
        find("tests.films:Film", HEADS)
