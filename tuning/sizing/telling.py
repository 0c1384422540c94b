"""What an answer about sizes rests on, in sentences."""

from __future__ import annotations

import platform

from tuning.sizing.measure import Measured
from tuning.sizing.sizes import Assumed, Work


def sentences(
    measured: Measured, work: Work, assumed: Assumed, clip_seconds: float | None, *, with_gpus: bool
) -> list[str]:
    """Say what was measured and what was not; `clip_seconds`: of a service's requests, None for a corpus."""
    core, network = 1000 * work.core, 1000 * work.network
    where = "on this machine's GPU" if measured.on_gpu else "on one core of this machine"
    told = [
        f"measured: {core:.0f} ms of a core and {network:.0f} ms of networks {where} ({platform.machine()}) for each "
        f"second of {measured.clip}, {measured.costs.seconds:.1f} s long, one thread; "
        f"a process that does it took {measured.memory:.1f} GiB at most",
        "assumed: other clips are like this one, and a core of those machines is as fast as one of this",
        "assumed: machines read clips and write encodings as fast as they work; a shared folder may be what is slow",
    ]
    if measured.on_gpu != with_gpus:
        there = "there is a GPU" if with_gpus else "there is none"
        told.append(
            f"assumed, not measured: a GPU runs networks {assumed.gpu_speed:g} times as fast as a core; say "
            f"--gpu-speed once it has been measured, or run this where {there}"
        )
    if clip_seconds is None:
        told.append(f"assumed: cores and GPUs work {assumed.busy:.0%} of the time; starting machines is not counted")
    else:
        latency = work.latency(assumed, with_gpus=with_gpus)
        told.append(
            f"assumed: clips of {clip_seconds:g} s, and machines that work {assumed.load:.0%} of the time, so that "
            f"requests seldom queue; one alone takes {clip_seconds * latency:.1f} s if nothing runs side by side"
        )
    return told
