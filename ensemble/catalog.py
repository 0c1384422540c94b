"""Fusions and mappings: name → "module:Class", imported only when asked for."""

from __future__ import annotations

from collections.abc import Mapping

FUSIONS: Mapping[str, str] = {
    "mhpf": "ensemble.fusion:MultiHeadProbabilityFusion",
    "mean": "ensemble.fusion:MeanFusion",
}
MAPPINGS: Mapping[str, str] = {
    "ppa": "ensemble.mapping:PairSum",
    "pfsa": "ensemble.mapping:PrototypeSimilarity",
}
