"""`twofold size`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from modalities.console import AsJson, show


def size(  # noqa: PLR0913  each is an option of the command
    *,
    hours: Annotated[float | None, typer.Option(help="Hours of footage to encode.", min=0.001)] = None,
    rps: Annotated[float | None, typer.Option(help="Requests per second to answer.", min=0.001)] = None,
    seconds: Annotated[float, typer.Option(help="Length of a request's clip.", min=0.1)] = 10.0,
    within: Annotated[float, typer.Option(help="Hours that the corpus may take.", min=0.01)] = 24.0,
    gpus: Annotated[int, typer.Option(help="GPUs for networks; 0: none.", min=0)] = 0,
    cores: Annotated[int, typer.Option(help="Cores of each machine.", min=1)] = 16,
    gpus_each: Annotated[int, typer.Option(help="GPUs of each machine that has any.", min=1)] = 1,
    gpu_speed: Annotated[
        float,
        typer.Option(
            help="How many times as fast as a core a GPU is with networks; where it cannot be measured.", min=0.1
        ),
    ] = 20.0,
    bundle: Annotated[
        Path | None, typer.Option(help="What is measured; else the demo's ensemble, untrained: speed is the same.")
    ] = None,
    clip: Annotated[Path | None, typer.Option(help="What it is measured on; else a clip that is made.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say how many machines a corpus of so many hours, or so many requests per second, need, and for how long."""
    if (hours is None) == (rps is None):
        raise typer.BadParameter("give --hours of footage, or --rps for a service, not both")
    typer.echo("twofold: measuring (torch, MediaPipe) …", err=True)
    from tuning.sizing.measure import measure, opened
    from tuning.sizing.sizes import Assumed, for_corpus, for_service, work_of
    from tuning.sizing.telling import sentences

    assumed = Assumed(cores=cores, gpus_each=gpus_each, gpu_speed=gpu_speed)
    with opened(bundle) as plan:
        measured = measure(plan, clip)
        work = work_of(plan, measured.costs, measured_on_gpu=measured.on_gpu)
    found = (
        for_corpus(work, hours, gpus, within, assumed)
        if hours is not None
        else for_service(work, rps or 0.0, seconds, with_gpus=gpus > 0, assumed=assumed)
    )
    told = sentences(measured, work, assumed, clip_seconds=None if rps is None else seconds, with_gpus=gpus > 0)
    if as_json:
        figures = {
            "machines": found.machines,
            "gpu_machines": found.gpu_machines,
            "cores": round(found.cores, 2),
            "gpus": found.gpus,
            "hours": round(found.hours, 3),
            "core_ms_per_second": round(1000 * work.core, 2),
            "network_ms_per_second": round(1000 * work.network, 2),
        }
        typer.echo(json.dumps({**figures, "assumed": told}))
        return
    rows = [
        ["machines", str(found.machines), f"{cores} cores each"],
        ["with a GPU", str(found.gpu_machines), f"{gpus_each} GPU(s) each" if found.gpus else "none asked for"],
        ["cores at work", f"{found.cores:.1f}", ""],
        ["GPUs", f"{found.gpus:g}", ""],
        ["hours", f"{found.hours:.1f}" if hours is not None else "as long as it serves", ""],
    ]
    show(["what", "how many", "of what kind"], rows)
    for sentence in told:
        typer.echo(f"* {sentence}")
