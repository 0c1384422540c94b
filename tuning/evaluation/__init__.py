"""Evaluation: an ensemble, its plain mean and each of its members on one split. The only reader of the test split."""

from tuning.evaluation.evaluate import FUSED, MEAN, evaluate
from tuning.evaluation.result import Judged, Result, Told, score

__all__ = ["FUSED", "MEAN", "Judged", "Result", "Told", "evaluate", "score"]
