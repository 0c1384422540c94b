"""Fusions and mappings: name → "module:Class", imported only when asked for."""

from __future__ import annotations

from collections.abc import Mapping

FUSIONS: Mapping[str, str] = {
    "mhpf": "ensemble.fusion:MultiHeadProbabilityFusion",
    "mean": "ensemble.fusion:MeanFusion",
    "dirichlet": "ensemble.fusion:DirichletFusion",
    "hierarchical": "ensemble.fusion:HierarchicalFusion",
    "feature": "ensemble.fusion:FeatureFusion",
    "gated": "ensemble.fusion:GatedFusion",
}
MAPPINGS: Mapping[str, str] = {
    "ppa": "ensemble.mapping:PairSum",
    "pfsa": "ensemble.mapping:PrototypeSimilarity",
    "product": "ensemble.mapping:PairProduct",
    "rule1": "ensemble.mapping:ThresholdedPairSum",
    "rule2": "ensemble.mapping:WeightedPairMean",
}
