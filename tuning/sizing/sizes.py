"""How many machines a corpus or a service needs, from what a bundle's parts cost on this machine.

    twofold size --hours 500 --gpus 8               twofold size --rps 3 --seconds 10

What is measured: every part's time per second of footage (`tuning/search/trials/costs.py`), with one thread, on one
clip. What is assumed is in `Assumed`, and said with every answer: above all, that other machines' cores are like this
one's, and, where there is no GPU here, how much faster one is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field, PositiveFloat, PositiveInt

from ensemble.plan import Plan
from modalities.config import Config
from modalities.pretrained import Pretrained
from tuning.search.trials.costs import Costs

HOUR = 3600.0


class Assumed(Config):
    """What nobody measured here."""

    cores: PositiveInt = 16
    """Of each machine, each as fast as one of this machine's."""
    gpus_each: PositiveInt = 1
    """Of each machine that has any."""
    gpu_speed: PositiveFloat = 20.0
    """How many times as fast as a core a GPU runs a network; used where one was measured and the other is wanted."""
    busy: float = Field(default=0.8, gt=0, le=1)
    """Share of their time that cores work in bulk: the rest goes to Ray, to storage, and to the last clips."""
    load: float = Field(default=0.5, gt=0, le=1)
    """Share of its time that a service may work before requests queue for long."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a second of footage takes, in seconds."""

    core: float
    """Of a core: reading, cues, and encoders that no GPU runs."""
    network: float
    """Of a core for networks that a GPU would run; of a GPU, where one was measured."""
    measured_on_gpu: bool

    def of_gpu(self, assumed: Assumed) -> float:
        """Return the seconds of a GPU that the networks take."""
        return self.network if self.measured_on_gpu else self.network / assumed.gpu_speed

    def without_gpu(self, assumed: Assumed) -> float:
        """Return the seconds of a core that everything takes."""
        return self.core + (self.network * assumed.gpu_speed if self.measured_on_gpu else self.network)

    def latency(self, assumed: Assumed, *, with_gpus: bool) -> float:
        """Return the seconds that everything takes, one after the other."""
        return self.core + self.of_gpu(assumed) if with_gpus else self.without_gpu(assumed)


@dataclass(frozen=True, slots=True)
class Size:
    """What is needed."""

    hours: float
    """How long it takes; of a service, 0: it runs as long as it is wanted."""
    cores: float
    gpus: float
    machines: int
    """All of them, those with GPUs among them."""
    gpu_machines: int


def work_of(plan: Plan, costs: Costs, *, measured_on_gpu: bool) -> Work:
    """Part what was measured into what a GPU would run and what it would not."""
    network = {f"cue {name}" for name, cue in plan.cues.items() if isinstance(cue.config, Pretrained)}
    heavy = [name for name, one in plan.modalities.items() if isinstance(one.encoder.config, Pretrained)]

    def on_gpu(part: str) -> bool:
        kind, _, rest = part.partition(" ")
        return part in network or kind == "head" or (kind in ("encoder", "encoding") and rest.split()[0] in heavy)

    spent: Mapping[bool, float] = {
        side: sum(cost for part, cost in costs.parts.items() if on_gpu(part) is side) / 1000 for side in (True, False)
    }
    return Work(spent[False], spent[True], measured_on_gpu)


def for_corpus(work: Work, hours: float, gpus: int, within: float, assumed: Assumed) -> Size:
    """Size a cluster that encodes so many hours of footage within so many hours, or as soon as its GPUs can."""
    footage = hours * HOUR
    if not gpus:
        cores = footage * work.without_gpu(assumed) / (within * HOUR * assumed.busy)
        return _size(within, cores, 0, assumed)
    needed = footage * work.of_gpu(assumed) / (gpus * assumed.busy) / HOUR
    took = max(within, needed)
    return _size(took, footage * work.core / (took * HOUR * assumed.busy), gpus, assumed)


def for_service(work: Work, rps: float, clip_seconds: float, *, with_gpus: bool, assumed: Assumed) -> Size:
    """Size a service that answers so many requests per second, each about a clip of so many seconds."""
    footage = rps * clip_seconds / assumed.load
    if not with_gpus:
        return _size(0.0, footage * work.without_gpu(assumed), 0, assumed)
    return _size(0.0, footage * work.core, math.ceil(footage * work.of_gpu(assumed)), assumed)


def _size(hours: float, cores: float, gpus: int, assumed: Assumed) -> Size:
    gpu_machines = math.ceil(gpus / assumed.gpus_each)
    machines = max(gpu_machines, math.ceil(cores / assumed.cores - 1e-9), 1)
    return Size(hours, cores, gpus, machines, gpu_machines)
