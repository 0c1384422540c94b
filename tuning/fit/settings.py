"""How a part is fitted: every setting with its default, and the range a search may use."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from modalities.config import Choice, Config, Integers, Uniform


class FitSettings(Config):
    """How a part is fitted. A recipe gives one per member, one for the fusion, and a default."""

    epochs: Annotated[PositiveInt, Integers(1, 500)] = 60
    batch: Annotated[PositiveInt, Integers(8, 1024, log=True)] = 64
    """Rows per worker and step of the loop."""
    accumulate: PositiveInt = 1
    """Batches whose mean gradient makes one step of the optimiser: as one larger batch where all weigh the same."""
    patience: NonNegativeInt = 15
    """Epochs without a better dev metric after which fitting stops."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of what the network computes; weights and losses stay float32."""

    optimiser: Annotated[Literal["adamw", "adam"], Choice(("adamw", "adam"))] = "adamw"
    lr: Annotated[PositiveFloat, Uniform(1e-5, 1e-1, log=True)] = 1e-3
    weight_decay: Annotated[NonNegativeFloat, Uniform(1e-6, 1.0, log=True)] = 1e-2
    schedule: Annotated[
        Literal["constant", "cosine", "restarts", "plateau"], Choice(("constant", "cosine", "restarts", "plateau"))
    ] = "cosine"
    cycle: PositiveInt = 10
    """Epochs to the first restart (`restarts`), or without a better metric until the rate falls (`plateau`)."""
    lr_fall: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """By what the rate is multiplied when it falls."""
    lr_floor: NonNegativeFloat = 0.0
    """The rate at the end of a cosine."""
    clip: PositiveFloat = 1.0
    """The largest norm of the gradient."""
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of an exponential moving average of the weights, which then is what is judged and kept (MAE: 0.999)."""
    unfreeze: dict[NonNegativeInt, tuple[str, ...]] = {}
    """Epoch → modules, by their exact names, that learn from then on; others stay as they are. Empty: all learn."""

    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    """Of distributions; an uncertain head has its own."""
    gamma: Annotated[NonNegativeFloat, Uniform(0.0, 5.0)] = 2.0
    """How little the focal loss cares for what is right already."""
    class_weights: bool = True
    """Whether rare classes count for more in the loss."""
    unit_weights: bool = False
    """Whether rare action units count for more where they are active: by inactive over active rows, 10 at most."""
    va_mse: NonNegativeFloat = 1.0
    """Share of the squared error of valence and arousal beside 1 − CCC, which says little of a small batch; PML: 0."""
    smoothing: Annotated[float, Field(ge=0, lt=1), Uniform(0.0, 0.3)] = 0.05
    """Label smoothing of distributions."""
    task_weights: dict[str, NonNegativeFloat] = {}
    """Task → its share of the joint loss (PML's λ); 1 where it is not named, 0 drops the task."""
    balance: Literal["none", "class", "corpus", "both"] = "none"
    """What rows are drawn evenly over, with replacement, instead of each once per epoch."""
    mixup: Annotated[NonNegativeFloat, Uniform(0.0, 1.0)] = 0.0
    """α of MixUp's Beta distribution (Zhang et al., 2018)."""
    cutmix: Annotated[NonNegativeFloat, Uniform(0.0, 1.0)] = 0.0
    """α of CutMix's Beta distribution (Yun et al., 2019), for pictures; as MixUp is for vectors."""
    jitter: Annotated[NonNegativeFloat, Uniform(0.0, 1.0)] = 0.0
    """Noise on standardised steps, in standard deviations, in training only."""

    member_dropout: Annotated[float, Field(ge=0, lt=1), Uniform(0.0, 0.5)] = 0.2
    """Of a fusion: how often a member is left out in training."""
    pull: Annotated[NonNegativeFloat, Uniform(1e-3, 10.0, log=True)] = 0.1
    """Of a fusion: how strongly its weights are pulled towards the plain mean."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.mixup and self.cutmix:
            raise ValueError("mixup is for vectors and cutmix for pictures, but both are on; set one of them to 0")
        if self.lr_floor > self.lr:
            raise ValueError(f"lr_floor is {self.lr_floor}, above the rate of {self.lr} that falls to it; lower it")
        if self.unfreeze and min(self.unfreeze) > 0:
            raise ValueError(f"unfreeze begins at epoch {min(self.unfreeze)}, so nothing learns before; begin at 0")
        if late := [epoch for epoch in self.unfreeze if epoch >= self.epochs]:
            raise ValueError(
                f"unfreeze names epoch {late[0]}, but the last of {self.epochs} epochs is {self.epochs - 1}"
            )
        return self


FUSION_FIT = FitSettings(epochs=60, lr=0.05, weight_decay=0.0, batch=256, pull=0.01)
"""How a fusion is fitted where nothing else is said: few numbers, which may leave the mean where that pays."""
