"""Mappings: from what members say about basic expressions to compound scores."""

from ensemble.mapping.mapping import Fused, Mapping, TargetsByTask, normalise
from ensemble.mapping.pfsa import PrototypeSimilarity
from ensemble.mapping.ppa import PairSum

__all__ = ["Fused", "Mapping", "PairSum", "PrototypeSimilarity", "TargetsByTask", "normalise"]
