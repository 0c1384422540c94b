"""The one training loop: for every head of every modality and for every fusion. It never imports Ray."""

from tuning.fit.loop import Data, Loop, Objective, Progress, Report, fit
from tuning.fit.rows import Batch, Held, Keeper, Kept, Rows, Some, chunks
from tuning.fit.settings import FUSION_FIT, FitSettings

__all__ = [
    "FUSION_FIT",
    "Batch",
    "Data",
    "FitSettings",
    "Held",
    "Keeper",
    "Kept",
    "Loop",
    "Objective",
    "Progress",
    "Report",
    "Rows",
    "Some",
    "chunks",
    "fit",
]
