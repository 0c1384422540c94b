"""Mixing of rows: MixUp by its formula, CutMix by the pixels that were really pasted, and the heads that bear none."""

import math

import pytest
import torch

from tests.makers import batch_for, make_head
from tests.tuning.toy_rows import TRAIN, held, objective_for
from tuning.fit import FitSettings
from tuning.fit.mixing import boxes, cut_mixed, mixed
from tuning.objectives import HeadObjective

# ---------------------------------------------------------------------------------------------------------------- MixUp


def test_mixup_is_the_formula():
    torch.manual_seed(0)
    steps, mask = torch.randn(6, 3, 2), torch.rand(6, 3) < 0.6
    steps[~mask] = math.nan
    known, unknown = torch.eye(6)[:, :4], torch.full((2, 4), math.nan)
    targets = torch.cat([known[:4], unknown])
    batch = {"steps": steps, "mask": mask, "times": torch.zeros(6, 3), "expression": targets}
    torch.manual_seed(5)
    share = float(torch.distributions.Beta(0.4, 0.4).sample())
    share, partner = max(share, 1 - share), torch.randperm(6)
    torch.manual_seed(5)
    found = mixed(batch, ["expression"], 0.4)
    assert 0.5 <= share < 1
    for row, other in enumerate(partner.tolist()):
        for step in range(3):
            own = steps[row, step]
            both = mask[row, step] and mask[other, step]
            expected = share * own + (1 - share) * steps[other, step] if both else own
            torch.testing.assert_close(found["steps"][row, step], expected, equal_nan=True)
        blend = share * targets[row] + (1 - share) * targets[other]
        expected = targets[row] if blend.isnan().any() else blend
        torch.testing.assert_close(found["expression"][row], expected, equal_nan=True)
    assert found["mask"] is mask
    assert torch.equal(found["expression"].isnan(), targets.isnan()), "no label is lost, and none is made up"


def test_a_mixed_batch_has_a_finite_loss_whatever_stands_in_masked_steps():
    head = make_head("mean")
    steps = torch.where(TRAIN.columns["mask"][..., None], TRAIN.columns["steps"], torch.nan)
    loss = objective_for(head, mixup=0.4).loss(head, {**TRAIN.columns, "steps": steps})
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(weight.grad).all() for weight in head.parameters())


# --------------------------------------------------------------------------------------------------------------- CutMix


def numbered(count=8, steps=3, side=(20, 12)):
    """Rows whose pictures are full of the number of their row, which is their class too; some lack some pictures."""
    torch.manual_seed(1)
    number = torch.arange(count, dtype=torch.uint8)
    mask = torch.rand(count, steps) < 0.7
    mask[:, 0] = True
    mask[2] = False
    pictures = number[:, None, None, None, None].expand(count, steps, *side, 3).clone()
    return {"steps": pictures, "mask": mask, "times": torch.zeros(count, steps), "expression": torch.eye(count)}


def cut(batch, alpha=1.0, seed=5):
    """Cut boxes, as a seed draws them."""
    torch.manual_seed(seed)
    return cut_mixed(batch, ["expression"], alpha)


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_targets_are_the_shares_of_the_pixels(alpha):
    batch, pasted = numbered(), 0
    for seed in range(20):
        found = cut(batch, alpha, seed)
        assert found["steps"].dtype == torch.uint8
        assert found["mask"] is batch["mask"]
        for row, there in enumerate(batch["mask"]):
            seen = found["steps"][row, there] if there.any() else batch["steps"][row]
            shares = torch.bincount(seen.flatten().long(), minlength=8) / seen.numel()
            torch.testing.assert_close(found["expression"][row], shares)
            pasted += int(shares[row] < 1)
    assert pasted > 60, "boxes must really be pasted"


def test_a_box_is_one_rectangle_and_the_same_in_all_pictures_of_a_row():
    batch = numbered()
    batch["mask"][:] = True
    changed = cut(batch)["steps"] != batch["steps"]
    for pictures in changed:
        assert torch.equal(pictures, pictures[:1, :, :, :1].expand_as(pictures))
        place = pictures[0, :, :, 0]
        assert torch.equal(place, place.any(1)[:, None] & place.any(0)[None])
        for side in (place.any(1), place.any(0)):
            inside = side.nonzero()[:, 0]
            assert (inside.diff() == 1).all()
    assert changed.any()
    assert not changed.flatten(1).all(1).any()


def test_boxes_fit_any_picture_and_take_the_area_that_was_drawn():
    torch.manual_seed(0)
    drawn = boxes(4000, 10, 30, 1.0)
    assert drawn.shape == (4000, 10, 30)
    areas = drawn.float().mean((1, 2))
    # A side s about any place of a length of 1 covers s - s²/4 of it on average, and here s² is even in [0, 1].
    assert areas.mean().item() == pytest.approx(1 / 2 - 1 / 5 + 1 / 48, abs=0.02)
    assert areas.max() > 0.9
    assert areas.min() < 0.02


def test_pictures_that_the_partner_lacks_stay_and_their_rubbish_stays_outside():
    batch = numbered()
    batch["steps"][~batch["mask"]] = 255
    for seed in range(5):
        found = cut(batch, seed=seed)
        assert (found["steps"][batch["mask"]] != 255).all()
        assert (found["steps"][~batch["mask"]] == 255).all()


def test_unknown_labels_stay_unknown_and_none_is_lost():
    batch = numbered()
    batch["expression"][4:] = math.nan
    for seed in range(5):
        found = cut(batch, seed=seed)["expression"]
        assert torch.equal(found.isnan(), batch["expression"].isnan())
        torch.testing.assert_close(found[:4].sum(1), torch.ones(4))


def test_the_same_seed_cuts_the_same_boxes():
    batch = numbered()
    one, again, other = cut(batch), cut(batch), cut(batch, seed=6)
    assert torch.equal(one["steps"], again["steps"])
    assert torch.equal(one["expression"], again["expression"])
    assert not torch.equal(one["steps"], other["steps"])


# -------------------------------------------------------------------------------------------------------- what bears it


def objective(kind, steps, **settings):
    head = make_head(kind)
    count, (_, classes) = len(steps), TRAIN.targets["expression"].shape
    columns = {"steps": steps, "mask": torch.ones(steps.shape[:2], dtype=torch.bool), "times": torch.zeros(count, 3)}
    columns["expression"] = torch.eye(classes)[torch.arange(count) % classes]
    weights = {task: 0.0 for task in head.speaks if task != "expression"}
    fitting = FitSettings(task_weights=weights, **settings)
    return head, HeadObjective(head, held(columns, ("expression",)), fitting), columns


@pytest.mark.parametrize("kind", ["convolutional", "clip"])
def test_heads_that_hold_pictures_learn_from_cut_ones(kind):
    pictures = batch_for(kind).steps[:, :3]
    head, cutting, columns = objective(kind, pictures, cutmix=1.0)
    _, plain, _ = objective(kind, pictures)
    losses = []
    for one in (plain, cutting):
        torch.manual_seed(3)
        losses.append(one.loss(head, columns))
    losses[1].backward()
    assert torch.isfinite(losses[1])
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("steps", "width"),
    [(torch.randn(6, 3, 8), 8), (torch.zeros(6, 3, 1, dtype=torch.int64), 1)],
    ids=["vectors", "tokens"],
)
def test_only_pictures_can_be_cut(steps, width):
    told = rf"cutmix is for pictures, but each step of mean is \[{width}\] numbers; set it to 0, or let the modality"
    with pytest.raises(ValueError, match=told):
        objective("mean", steps, cutmix=1.0)


@pytest.mark.parametrize("name", ["jitter", "mixup"])
@pytest.mark.parametrize("step", [(8, 8, 3), (1,)], ids=["pictures", "tokens"])
def test_raw_steps_are_neither_shaken_nor_mixed(name, step):
    with pytest.raises(ValueError, match="the steps of mean are raw; set both to 0"):
        objective("mean", torch.zeros(6, 3, *step, dtype=torch.uint8), **{name: 0.1})
