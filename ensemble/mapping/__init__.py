"""Mappings: from what members say about basic expressions to compound scores."""

from ensemble.mapping.mapping import Fused, Mapping, TargetsByTask, normalise
from ensemble.mapping.pfsa import PrototypeSimilarity
from ensemble.mapping.ppa import PairSum
from ensemble.mapping.product import PairProduct
from ensemble.mapping.rules import ThresholdedPairSum, WeightedPairMean

__all__ = [
    "Fused",
    "Mapping",
    "PairProduct",
    "PairSum",
    "PrototypeSimilarity",
    "TargetsByTask",
    "ThresholdedPairSum",
    "WeightedPairMean",
    "normalise",
]
