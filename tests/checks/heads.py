"""What every head must do. Each check takes a way to make it, with random weights, and a `Batch` of steps."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from modalities.heads.head import activate, deactivate

HOLES = ("none", "end", "start", "middle", "both ends and the middle")


@dataclass(frozen=True)
class Batch:
    """Steps [B, T, ...], mask [B, T], times [B, T]; rows with holes in every place, and one row without any step."""

    steps: torch.Tensor
    mask: torch.Tensor
    times: torch.Tensor

    @classmethod
    def draw(cls, width, steps=11, seed=0):
        """Draw steps; one row for each kind of hole, then one without steps."""
        generator = torch.Generator().manual_seed(seed)
        rows = len(HOLES) + 1
        mask = torch.ones(rows, steps, dtype=torch.bool)
        mask[1, 7:] = mask[2, :4] = mask[3, 4:7] = mask[4, 0] = mask[4, 5] = mask[4, 9:] = mask[5] = False
        times = torch.arange(steps)[None].repeat(rows, 1) * 200_000
        return cls(torch.randn(rows, steps, width, generator=generator), mask, times)

    @classmethod
    def pixels(cls, side, seed=0):
        """Draw steps that are pictures of bytes [B, T, side, side, 3]."""
        batch = cls.draw(1, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        shape = (*batch.mask.shape, side, side, 3)
        return replace(batch, steps=torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator))

    @property
    def rubbish(self):
        """What may stand where no step is; the worst first."""
        return (float("nan"), float("inf"), 1e30, -1e3) if self.steps.is_floating_point() else (255, 128, 1)

    def filled(self, rubbish):
        """Write something where no step is."""
        mask = self.mask.reshape(*self.mask.shape, *[1] * (self.steps.ndim - 2))
        return replace(self, steps=torch.where(mask, self.steps, torch.as_tensor(rubbish).to(self.steps.dtype)))

    def take(self, rows):
        """Keep some rows."""
        return Batch(self.steps[rows], self.mask[rows], self.times[rows])


def is_trained(head):
    """Whether a head has weights to train; one that has none is the same from every seed."""
    return any(True for _ in head.parameters())


def ask(head, batch):
    """Return everything that a head says, as scores, in one dictionary."""
    head.eval()
    with torch.no_grad():
        answer = head(batch.steps, batch.mask, batch.times)
    scores = {task: activate(head.config.kinds[task], logits) for task, logits in answer.logits.items()}
    return {"features": answer.features, **scores, **{f"{t}?": doubt for t, doubt in answer.uncertainty.items()}}


def assert_same(one, other, tolerance, why):
    """Fail unless two sets of answers are the same."""
    assert one.keys() == other.keys()
    for name, values in one.items():
        assert values.shape == other[name].shape, f"{why}: {name}"
        assert torch.allclose(values, other[name], atol=tolerance), f"{why}: {name}"


def check_masked_steps_never_matter(make, batch):
    """Whatever stands where no step is, in the middle too, never reaches an answer: not even NaN or infinity."""
    head = make()
    answer = ask(head, batch.filled(0.0))
    for rubbish in batch.rubbish:
        assert_same(answer, ask(head, batch.filled(rubbish)), 0.0, f"masked steps of {rubbish}")


def check_every_step_matters(make, batch):
    """Each step that exists changes its own segment's answer, and no other's."""
    head = make()
    before = ask(head, batch)
    for row, step in ((0, 0), (1, 6), (2, 4), (3, 8), (4, 7)):
        steps = batch.steps.clone()
        steps[row, step] = steps[row, step] + 2.0 if steps.is_floating_point() else 255 - steps[row, step]
        after = ask(head, replace(batch, steps=steps))
        changed = (after["features"] - before["features"]).abs().amax(1)
        assert changed[row] > 1e-5, f"step {step} of the row with holes at {HOLES[row]} was not looked at"
        assert changed[torch.arange(len(changed)) != row].max() < 1e-5


def check_features_are_as_wide_as_it_says(make, batch):
    """A fusion of features is made before any of them is seen."""
    head = make()
    assert ask(head, batch)["features"].shape == (len(batch.steps), head.features_width)


def check_padding_changes_nothing(make, batch):
    """More masked steps at the end change nothing."""
    head = make()
    rows, _, *shape = batch.steps.shape
    padded = Batch(
        torch.cat([batch.steps, torch.full((rows, 6, *shape), 50).to(batch.steps.dtype)], 1),
        torch.cat([batch.mask, torch.zeros(rows, 6, dtype=torch.bool)], 1),
        torch.cat([batch.times, torch.zeros(rows, 6, dtype=torch.int64)], 1),
    )
    assert_same(ask(head, batch), ask(head, padded), 1e-5, "padded")


def check_order_of_segments_does_not_matter(make, batch):
    """A segment's answer is the same in any place of a batch, and alone."""
    head = make()
    answer, order = ask(head, batch), torch.tensor([3, 0, 5, 4, 1, 2])
    assert_same({k: v[order] for k, v in answer.items()}, ask(head, batch.take(order)), 1e-5, "another order")
    for row in range(len(HOLES)):
        assert_same({k: v[[row]] for k, v in answer.items()}, ask(head, batch.take([row])), 1e-5, "alone")


def check_scores_fit_their_kind(make, batch):
    """Distributions sum to one, shares lie in [0, 1], values in [-1, 1]; and it speaks what it says it speaks."""
    head = make()
    answer = ask(head, batch)
    for task, labels in head.speaks.items():
        scores, kind = answer[task], head.config.kinds[task]
        assert scores.shape == (len(batch.steps), len(labels))
        assert torch.isfinite(scores).all()
        assert scores.min() >= (-1 if kind == "continuous" else 0)
        assert scores.max() <= 1
        if kind == "distribution":
            assert torch.allclose(scores.sum(1), torch.ones(len(scores)), atol=1e-5)


def check_nothing_gets_finite_fillers(make, batch):
    """A row without any step, and a batch without any segment or any step, have finite answers."""
    head = make()
    for some in (batch.filled(batch.rubbish[0]), batch.take([5]), batch.take([])):
        assert all(torch.isfinite(values).all() for values in ask(head, some).values())
    without = Batch(batch.steps[:, :0], batch.mask[:, :0], batch.times[:, :0])
    assert all(torch.isfinite(values).all() for values in ask(head, without).values())


def check_gradient_survives_a_row_without_steps(make, batch):
    """The gradient is finite, and the same as without that row, where one row has no steps."""
    head = make().eval()
    if not is_trained(head):
        return
    gradients = []
    for rows in (list(range(6)), list(range(5))):
        some = batch.filled(batch.rubbish[0]).take(rows)
        head.zero_grad()
        answer = head(some.steps, some.mask, some.times)
        said = [*answer.logits.values(), *answer.uncertainty.values()]
        sum(values[:5].square().sum() for values in said).backward()
        gradients.append({name: p.grad.clone() for name, p in head.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == {name for name, _ in head.named_parameters()}, "a parameter that nothing uses"
    assert all(torch.isfinite(gradient).all() for gradient in gradients[0].values())
    largest = max(gradient.abs().max() for gradient in gradients[0].values())
    with_it, without = ({name: gradient / largest for name, gradient in some.items()} for some in gradients)
    assert_same(with_it, without, 1e-5, "gradient")


def check_gradient_is_finite_for_any_row(make, batch):
    """Every row's answer, the one without steps too, can be part of a loss."""
    head = make().train()
    if not is_trained(head):
        return
    some = batch.filled(batch.rubbish[0])
    answer = head(some.steps, some.mask, some.times)
    said = [activate(head.config.kinds[t], logits) for t, logits in answer.logits.items()]
    sum(values.square().sum() for values in [*said, *answer.uncertainty.values()]).backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters() if p.grad is not None)


def check_restores_exactly(make, batch):
    """Weights that are taken out and put into another head give the same answer; a part of them is refused."""
    head, other = make(0), make(1)
    head.standardise_by(batch.steps * 3 + 1, batch.mask)
    assert torch.equal(ask(head, batch)["features"], ask(other, batch)["features"]) != is_trained(head)
    state = head.state()
    other.restore(state)
    assert_same(ask(head, batch), ask(other, batch), 0.0, "restored")
    assert all(np.array_equal(value, other.state()[name]) for name, value in state.items())
    with pytest.raises(RuntimeError, match="Missing key"):
        other.restore(dict(list(state.items())[1:]))


def check_reset_is_seeded(make, batch):
    """The same seed draws the same weights, whatever they were; another seed draws others."""
    first, second = make(0), make(1)
    torch.manual_seed(3)
    first.reset()
    torch.manual_seed(3)
    second.reset()
    assert_same(ask(first, batch), ask(second, batch), 0.0, "the same seed")
    second.reset()
    assert torch.equal(ask(first, batch)["features"], ask(second, batch)["features"]) != is_trained(first)


def check_leaves_what_it_is_given(make, batch):
    """Steps, mask and times are not changed."""
    copy = Batch(batch.steps.clone(), batch.mask.clone(), batch.times.clone())
    ask(make(), batch)
    assert all(torch.equal(getattr(batch, name), getattr(copy, name)) for name in ("steps", "mask", "times"))


def check_kinds_go_both_ways(make, batch):
    """`deactivate` finds logits that `activate` turns back into the scores."""
    head = make()
    for task, scores in ask(head, batch).items():
        if task in head.speaks:
            kind = head.config.kinds[task]
            assert torch.allclose(activate(kind, deactivate(kind, scores)), scores, atol=1e-5)


CHECKS = (
    check_masked_steps_never_matter,
    check_every_step_matters,
    check_features_are_as_wide_as_it_says,
    check_padding_changes_nothing,
    check_order_of_segments_does_not_matter,
    check_scores_fit_their_kind,
    check_nothing_gets_finite_fillers,
    check_gradient_survives_a_row_without_steps,
    check_gradient_is_finite_for_any_row,
    check_restores_exactly,
    check_reset_is_seeded,
    check_leaves_what_it_is_given,
    check_kinds_go_both_ways,
)
