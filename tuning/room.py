"""Whether a cluster has room for actors that must live at the same time: Ray would wait for it for ever.

`require` says before work begins what does not fit, and what there is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuning.address import ClusterError
from tuning.machines import machines

Needs = Mapping[str, float]
"""Resource → how much of it one actor claims, as Ray counts them."""
_LOOK = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Demand:
    """Actors that must find room at the same time."""

    what: str
    needs: Needs
    count: int = 1

    @classmethod
    def of(cls, what: str, options: Mapping[str, Any], count: int = 1) -> Demand:
        """Read what Ray will be asked for."""
        needs = {"CPU": options["num_cpus"], "GPU": options["num_gpus"], **options["resources"]}
        return cls(what, {name: float(amount) for name, amount in needs.items() if amount}, count)

    def __str__(self) -> str:
        each = ", ".join(f"{amount:g} {name}" for name, amount in self.needs.items()) or "nothing"
        return f"{self.what} ({self.count} × {each})"


def room_for(needs: Needs, most: int, taken: Sequence[Demand] = ()) -> int:
    """Return how many actors of a kind find room beside others, at most."""
    free = [dict(node["Resources"]) for node in machines()]
    for demand in taken:
        _place(free, demand.needs, demand.count)
    return _place(free, needs, most)


def sets_beside(one: Demand, others: Demand) -> int:
    """Return on how many machines a set of actors may live, one on each, so that all others find room too.

    One set does (`require` has seen to it). Others that find no room would wait for ever, and what they were given too.
    """
    there = [node["Resources"] for node in machines()]
    holding = [number for number, resources in enumerate(there) if fits(resources, one)]
    for count in range(len(holding), 1, -1):
        free = [dict(resources) for resources in there]
        for number in holding[:count]:
            _place([free[number]], one.needs, one.count)
        if _place(free, others.needs, others.count) == others.count:
            return count
    return 1


def fits(resources: Needs, demand: Demand) -> bool:
    """Whether one machine with these resources has room for all of it."""
    return _place([dict(resources)], demand.needs, demand.count) == demand.count


def require(demands: Sequence[Demand], wait: float = 0.0) -> None:
    """Raise ClusterError unless the cluster has room for all of it; an autoscaler is asked for it, and waited for."""
    end = time.monotonic() + wait
    asked = False
    while (lacking := _lacking(demands)) is not None:
        if time.monotonic() >= end:
            raise ClusterError(
                f"the cluster has no room for {lacking}. It has {_inventory()}; ask for less in the recipe's "
                "[cluster], add machines, or give [cluster] wait = SECONDS where an autoscaler adds them"
            )
        if not asked:
            _ask_for(demands)
            asked = True
        time.sleep(min(_LOOK, max(0.0, end - time.monotonic())))


def _lacking(demands: Iterable[Demand]) -> Demand | None:
    """Return the first demand that finds no room beside those before it."""
    free = [dict(node["Resources"]) for node in machines()]
    return next((demand for demand in demands if _place(free, demand.needs, demand.count) < demand.count), None)


def _place(free: list[dict[str, float]], needs: Needs, most: int) -> int:
    """Take room on the first machine that has it, actor by actor; returns how many found some."""
    if not needs:
        return most
    for placed in range(most):
        fitting = (one for one in free if all(one.get(name, 0.0) + 1e-9 >= amount for name, amount in needs.items()))
        if (machine := next(fitting, None)) is None:
            return placed
        for name, amount in needs.items():
            machine[name] -= amount
    return most


def _ask_for(demands: Sequence[Demand]) -> None:
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=[dict(demand.needs) for demand in demands for _ in range(demand.count) if demand.needs])


def _inventory() -> str:
    hidden = ("node:", "memory", "object_store_memory", "accelerator_type:")
    listed = [
        ", ".join(f"{amount:g} {name}" for name, amount in sorted(resources.items()) if not name.startswith(hidden))
        for resources in (machine["Resources"] for machine in machines())
    ]
    return f"{len(listed)} machine(s): " + "; ".join(one or "nothing" for one in listed)
