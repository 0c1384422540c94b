"""The convolutional head: what it takes, what augments it, that it learns, and the crops that it is made for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from modalities.catalog import CUES
from modalities.cues.faces.given import FaceAsGiven
from modalities.encoders.crops import Crops
from modalities.heads.augmentation import Augmentation
from modalities.heads.convolutional import ConvolutionalHead
from modalities.types import FOREVER, Frames, Segment
from tests.checks.heads import Batch
from tests.makers import default
from tuning.fit import Data, FitSettings, Held, fit
from tuning.objectives import HeadObjective

SPEAKS = {"expression": ("Up", "Down")}
KINDS = {"expression": "distribution"}
STILL = Augmentation(area=1, aspect=1, mirror=0, turn=0, light=0, contrast=0, colour=0)


def convolutional(**settings):
    about = {"width": 3, "speaks": SPEAKS, "kinds": KINDS, "hidden": 64, "channels": (8, 16)}
    return ConvolutionalHead(ConvolutionalHead.Config.model_validate({**about, **settings}))


def gradients(count, seed=0):
    """Pictures that become lighter from top to bottom, or darker, with noise; side by side they look alike."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.arange(count) % 2
    slope = torch.linspace(-60, 60, 24)[None, :] * (1 - 2 * classes[:, None])
    noise = torch.randn(count, 24, 24, 3, generator=generator) * 30
    steps = (128 + slope[:, :, None, None] + noise).clamp(0, 255).to(torch.uint8)[:, None]
    columns = {
        "steps": steps,
        "mask": torch.ones(count, 1, dtype=torch.bool),
        "times": torch.zeros(count, 1, dtype=torch.int64),
        "expression": torch.eye(2)[classes],
    }
    return Held(columns, ("expression",))


def test_learns_from_augmented_pictures():
    head, train, dev = convolutional(), gradients(96), gradients(64, seed=1)
    torch.manual_seed(0)
    head.reset()
    head.standardise_by(train.columns["steps"], train.columns["mask"])
    settings = FitSettings(epochs=6, batch=16, lr=3e-3, ema=0.9)
    assert fit(head, HeadObjective(head, train, settings), Data(train, dev), settings, seed=1) > 0.95


def test_standardises_each_colour_over_the_pictures_that_exist():
    batch = Batch.pixels(20)
    head = convolutional()
    head.standardise_by(batch.filled(255).steps, batch.mask)
    seen = batch.steps[batch.mask].float()
    assert torch.allclose(head.centre, seen.mean((0, 1, 2)), atol=1e-2)
    assert torch.allclose(head.scale, seen.std((0, 1, 2)), atol=0.1)


def test_augments_pictures_that_exist_and_keeps_bytes():
    batch = Batch.pixels(20)
    changed = convolutional().augment(batch.steps, batch.mask, torch.Generator().manual_seed(0))
    assert changed.dtype == torch.uint8
    assert changed.shape == batch.steps.shape
    assert not torch.equal(changed[batch.mask], batch.steps[batch.mask])
    assert not changed[~batch.mask].any()
    still = convolutional(augmentation=STILL).augment(batch.steps, batch.mask, torch.Generator())
    assert torch.equal(still[batch.mask], batch.steps[batch.mask])


@pytest.mark.parametrize("places", [1, 2, 3])
def test_takes_pictures_of_any_size_and_number_of_colours(places):
    head = convolutional(width=1, places=places).eval()
    for side in (16, 33, 48):
        batch = Batch.pixels(side)
        answer = head(batch.steps[..., :1], batch.mask, batch.times)
        assert answer.features.shape == (6, 64)


def test_a_segment_is_the_mean_of_its_pictures():
    head, batch = convolutional().eval(), Batch.pixels(20)
    whole = head(batch.steps, batch.mask, batch.times).features
    for row in range(5):
        steps = batch.steps[row, batch.mask[row]][:, None]
        there = torch.ones(steps.shape[:2], dtype=torch.bool)
        alone = head(steps, there, torch.zeros(there.shape)).features
        assert torch.allclose(alone.mean(0), whole[row], atol=1e-5)


def test_a_mirrored_answer_is_the_same_for_a_picture_and_its_mirror_image():
    plain, batch = convolutional(), Batch.pixels(20)
    mirrored = convolutional(mirrored=True)
    mirrored.restore(plain.state())
    turned = batch.steps.flip(3)

    def features(head, steps):
        return head(steps, batch.mask, batch.times).features

    one, other = (features(plain.eval(), steps) for steps in (batch.steps, turned))
    assert not torch.allclose(one, other, atol=1e-3)
    for steps in (batch.steps, turned):
        assert torch.allclose(features(mirrored.eval(), steps), (one + other) / 2, atol=1e-5)


def test_channels_that_cannot_be_grouped_are_refused():
    for channels in ((12, 24), ()):
        with pytest.raises(ValueError, match="multiples of 8"):
            convolutional(channels=channels)


def test_crops_are_the_faces_as_they_are_given():
    rng = np.random.default_rng(0)
    images = tuple(rng.integers(0, 256, (48, 48, 3), np.uint8) // 4 + 100 for _ in range(3))
    frames = Frames(np.arange(3, dtype=np.int64) * 200_000, images, FOREVER)
    cue = default("face_as_given", CUES)
    assert isinstance(cue, FaceAsGiven)
    faces, _ = cue.perceive({"frames": frames}, [Segment(0, FOREVER)], None)
    coloured, grey = (Crops(Crops.Config(grey=grey)) for grey in (False, True))
    squares = coloured.encode(faces)
    assert squares.shape == (3, 48, 48, 3)
    assert squares.dtype == np.uint8
    assert np.abs(squares.astype(int) - np.array(images)).mean() < 8  # stretched to the size of a crop and back
    assert coloured.width == 3
    assert grey.width == 1
    shown = grey.encode(faces)[..., 0].astype(float)
    assert np.abs(shown - squares @ (0.299, 0.587, 0.114)).max() < 3
    assert Crops(Crops.Config(size=224)).encode(replace(faces)).tobytes() == faces.crops.tobytes()
