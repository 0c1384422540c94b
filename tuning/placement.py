"""Where work runs in a cluster: a recipe's `[cluster]`, and whether the cluster has room for what is asked.

    [cluster]
    encoders = { gpus = 0.5, resources = { gpu_node = 0.001 } }    # of each encoder's actor
    cues = { cpus = 2, resources = { cpu_node = 0.001 } }          # of each actor that reads clips and runs cues
    fit = { cpus = 4, gpus = 1 }                                   # of each training worker, and each trial of a search
    wait = 600                                                     # seconds for machines that an autoscaler brings

Resources are names that machines were started with (`ray start --resources`; `cluster.yaml` gives `gpu_node` and
`cpu_node`). Whether there is room for it is asked before work begins (`tuning/room.py`).
"""

from __future__ import annotations

from typing import Any

from pydantic import NonNegativeFloat, PositiveFloat

from modalities.config import Config


class Share(Config):
    """What an actor claims of the machine that it runs on."""

    cpus: NonNegativeFloat | None = None
    gpus: NonNegativeFloat | None = None
    resources: dict[str, PositiveFloat] = {}

    def needs(self, cpus: float, gpus: float) -> dict[str, float]:
        """Return resource → how much of it, as Ray counts them; what is not claimed is left out."""
        asked = self.options(cpus, gpus)
        claimed = {"CPU": asked["num_cpus"], "GPU": asked["num_gpus"], **asked["resources"]}
        return {name: float(amount) for name, amount in claimed.items() if amount}

    def options(self, cpus: float, gpus: float) -> dict[str, Any]:
        """Return what Ray is asked for; the arguments stand for what is not said."""
        return {
            "num_cpus": cpus if self.cpus is None else self.cpus,
            "num_gpus": gpus if self.gpus is None else self.gpus,
            "resources": dict(self.resources),
        }


class ClusterSettings(Config):
    """Where the work of a recipe runs; on one machine nothing needs to be said."""

    encoders: Share = Share()
    cues: Share = Share()
    fit: Share = Share()
    wait: NonNegativeFloat = 0.0
