"""Augmentation of pictures: each change alone, all together, and that nothing is changed where nothing is wished."""

import numpy as np
import pytest
import skimage
import torch

from modalities.heads.augmentation import Augmentation, augment, cuts, mirrors, move, punch, recolour, turns

PORTRAIT = torch.from_numpy(skimage.transform.resize(skimage.data.astronaut()[:224, 110:334], (32, 32)) * 255).float()
PICTURES = torch.stack([PORTRAIT.roll(4 * n, dims=1) for n in range(12)])
NOTHING = Augmentation(area=1, aspect=1, mirror=0, turn=0, light=0, contrast=0, colour=0)
MUCH = Augmentation(area=0.5, aspect=1.3, turn=30, light=0.4, contrast=0.4, colour=0.4, hole=0.4)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_keeps_shape_type_and_scale(dtype, colours):
    images = PICTURES[:, :, :24, :colours].to(dtype)
    changed = augment(images, MUCH, seeded())
    assert changed.shape == images.shape
    assert changed.dtype == dtype
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert not torch.equal(changed, images)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_settings_that_wish_for_nothing_change_nothing(dtype):
    images = PICTURES.to(dtype)
    assert torch.allclose(augment(images, NOTHING, seeded()).float(), images.float(), atol=1e-2)
    if dtype == torch.uint8:
        assert torch.equal(augment(images, NOTHING, seeded()), images)


def test_the_generator_alone_decides_and_pictures_are_not_written_to():
    images = PICTURES.to(torch.uint8)
    before = images.clone()
    first = augment(images, MUCH, seeded(1))
    torch.manual_seed(99)
    assert torch.equal(first, augment(images, MUCH, seeded(1)))
    assert not torch.equal(first, augment(images, MUCH, seeded(2)))
    assert torch.equal(images, before)
    assert augment(images[:0], MUCH, seeded()).shape == (0, 32, 32, 3)


def test_pictures_are_changed_apart():
    same = PORTRAIT.expand(6, 32, 32, 3)
    changed = augment(same, MUCH, seeded())
    assert all((changed[0] - changed[n]).abs().mean() > 1 for n in range(1, 6))


def test_a_mirrored_picture_is_the_picture_from_right_to_left():
    assert torch.allclose(move(PICTURES, mirrors(12, 1.0, seeded())), PICTURES.flip(2), atol=1e-2)
    half = move(PICTURES, mirrors(12, 0.5, seeded()))
    sides = [torch.allclose(one, was, atol=1e-2) for one, was in zip(half, PICTURES, strict=True)]
    assert 0 < sum(sides) < 12


def test_turns_stay_within_their_angle_and_keep_lengths():
    moves = turns(500, 20.0, seeded())
    angles = torch.rad2deg(torch.atan2(moves[:, 1, 0], moves[:, 0, 0]))
    assert 18 < angles.max() <= 20
    assert -20 <= angles.min() < -18
    assert torch.allclose(torch.linalg.det(moves), torch.ones(500), atol=1e-5)
    quarter = torch.tensor([[[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]])
    assert torch.allclose(move(PICTURES[:1], quarter), PICTURES[:1].rot90(1, (1, 2)), atol=1e-2)


def test_cuts_lie_inside_the_picture_and_have_the_share_that_is_wished():
    moves = cuts(500, 0.5, 1.3, seeded())
    corners = torch.tensor([[-1.0, -1, 1], [1, 1, 1]]).T
    places = (moves @ corners)[:, :2]
    assert places.abs().max() <= 1 + 1e-5
    share = moves[:, 0, 0] * moves[:, 1, 1]
    ratio = moves[:, 0, 0] / moves[:, 1, 1]
    assert 0.43 < share.min() < 0.55  # a part that would be wider than the picture is as wide as it
    assert share.max() <= 1
    assert np.log(1.3) * 0.8 < ratio.log().abs().max() <= np.log(1.3) + 1e-5


def test_light_contrast_and_colour_change_what_they_say():
    only = {"light": 0, "contrast": 0, "colour": 0}
    middle = 80 + PICTURES / 8  # far from black and white, where nothing is cut
    lit = recolour(middle, Augmentation(**{**only, "light": 0.3}), seeded()) / middle
    assert torch.allclose(lit, lit[:, :1, :1, :1].expand_as(lit), atol=1e-4)
    assert lit.amax() - lit.amin() > 0.3
    flat = recolour(middle, Augmentation(**{**only, "contrast": 0.3}), seeded())
    assert torch.allclose(flat.mean((1, 2, 3)), middle.mean((1, 2, 3)), atol=1e-2)
    assert (flat.std((1, 2, 3)) / middle.std((1, 2, 3)) - 1).abs().max() > 0.2
    strong = Augmentation(**{**only, "colour": 0.5})
    grey = middle.mean(-1, keepdim=True)
    assert torch.allclose(recolour(grey.expand(-1, -1, -1, 3), strong, seeded()), grey, atol=1e-3)
    assert torch.allclose(recolour(grey, strong, seeded()), grey, atol=1e-3)
    assert not torch.allclose(recolour(middle, strong, seeded()), middle, atol=1)


def test_a_hole_is_a_square_as_grey_as_the_picture_and_no_larger_than_wished():
    changed = punch(PICTURES, 0.5, seeded())
    gone = (changed != PICTURES).any(-1)
    assert torch.allclose(changed[3][gone[3]], PICTURES[3].mean((0, 1)), atol=1e-3)
    assert 8 < gone.sum(2).amax() <= 17
    assert torch.equal(punch(PICTURES, 0.0, seeded()), PICTURES)
