"""Fusion: what the members say together, per task.

Most fusions weigh members (`WeighingFusion`): by one [member, class] matrix per task (`LinearFusion`), or segment by
segment. Inference and training run the same four lines (`weigh`).
"""

from ensemble.fusion.dirichlet import DirichletFusion
from ensemble.fusion.evidence import Evidence
from ensemble.fusion.feature import FeatureFusion
from ensemble.fusion.fusion import Fusion, TaskSettings
from ensemble.fusion.gated import GatedFusion
from ensemble.fusion.hierarchical import HierarchicalFusion
from ensemble.fusion.mean import MeanFusion
from ensemble.fusion.mhpf import MultiHeadProbabilityFusion
from ensemble.fusion.weighing import LinearFusion, WeighingFusion, shares, weigh

__all__ = [
    "DirichletFusion",
    "Evidence",
    "FeatureFusion",
    "Fusion",
    "GatedFusion",
    "HierarchicalFusion",
    "LinearFusion",
    "MeanFusion",
    "MultiHeadProbabilityFusion",
    "TaskSettings",
    "WeighingFusion",
    "shares",
    "weigh",
]
