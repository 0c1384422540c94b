"""The one training loop: for every head of every modality and for every fusion. It never imports Ray."""

from tuning.fit.loop import Data, Objective, Progress, Report, fit
from tuning.fit.rows import Batch, Held, Keeper, Kept, Rows, Some, chunks
from tuning.fit.settings import FitSettings

__all__ = [
    "Batch",
    "Data",
    "FitSettings",
    "Held",
    "Keeper",
    "Kept",
    "Objective",
    "Progress",
    "Report",
    "Rows",
    "Some",
    "chunks",
    "fit",
]
