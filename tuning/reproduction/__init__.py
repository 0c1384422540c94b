"""Reproduction: the tables that a paper prints, with our figures beside them, and what is missing."""

from tuning.reproduction.paper import Paper, ReproductionError, read_paper
from tuning.reproduction.run import reproduce

__all__ = ["Paper", "ReproductionError", "read_paper", "reproduce"]
