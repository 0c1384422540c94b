"""From `ray up` to `ray down` on three machines: work spreads, machines die in the middle of it, and nothing is lost.

    make test-cluster

The steps run in order, on one cluster.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.hosts import HEAD, WORKERS, Host, hosts, lacking
from tests.cluster.launched import EDITS, MINUTES, ROOT, SHARED, STEP, Launched, launched
from tests.cluster.notes import BUCKET, CLIPS, EPOCHS, MEMBERS, TRIALS, noted

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(25 * MINUTES)]
OUTCOME, PROGRESS = "outcome.json", "progress.jsonl"
TRIAL = "ResourceTrainable"
"""What Ray calls the class of the actors that Tune's trials run in."""
GRIDS = 2
"""On which the faces of a clip are encoded; each is a file."""
IN_THE_HANDS = 2
"""Clips of a machine that dies: what one actor is given at a time."""
HEAD_PORT, CLIENT_PORT = 6379, 10001


@pytest.fixture(scope="module")
def cluster() -> Iterator[Launched]:
    """Three machines, not started yet; nothing is left of them afterwards, however this ends."""
    if why := lacking():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="twofold-cluster-"))
    try:
        with hosts(folder) as made:
            yield launched(made)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def shared(cluster: Launched) -> Path:
    """The folder that all machines share, as this one sees it."""
    return cluster.hosts.folder / "shared"


@pytest.fixture(scope="module")
def bucket(shared: Path) -> Path:
    """What lies in the bucket."""
    return shared / BUCKET


# ------------------------------------------------------------------------------------------------- what is up is used


def test_ray_up(cluster: Launched, shared: Path) -> None:
    cluster.up()
    assert set(cluster.nodes().values()) == {HEAD, *WORKERS}
    cluster.work("prepare").finish()
    assert len(list((shared / "clips").glob("*.mp4"))) == CLIPS


# ------------------------------------------------------------------------------ work is spread, machines die in it


def victim(cluster: Launched, names: set[str]) -> Host:
    """Return one of the workers among some machines."""
    return next(host for host in cluster.hosts.workers if host.name in names)


def test_a_machine_dies_during_extraction_on_all(cluster: Launched, shared: Path) -> None:
    out = shared / "extracted"
    run = cluster.work("extract", out.name)
    run.until(lambda: len(pieces(out)) > CLIPS and set(noted(out / "perceived")) == {HEAD, *WORKERS}, "half of it")
    before, dead = pieces(out), cluster.hosts.workers[1]
    cluster.kill(dead)
    assert len(before) < CLIPS * GRIDS, "it was killed too late"
    run.finish()
    after = pieces(out)
    assert len(after) == CLIPS * GRIDS, "something is missing"
    assert not set(before) - set(after)
    again = {path.name for path, written in before.items() if after[path] != written}
    assert len(again) <= IN_THE_HANDS, "what was finished was done again"
    perceived = {clip for clips in noted(out / "perceived").values() for clip in clips}
    assert perceived == {f"clip-{number}" for number in range(CLIPS)}
    dead.start()


def pieces(out: Path) -> dict[Path, int]:
    """Return piece → when it was written."""
    return {path.relative_to(out): path.stat().st_mtime_ns for path in (out / "cache").glob("*/*.npz")}


def test_training_with_two_workers_on_two_machines(cluster: Launched, shared: Path) -> None:
    cluster.work("train", "trained").finish()
    fitted = noted(shared / "tiny" / "fitted")
    assert sorted(rank for ranks in fitted.values() for rank in ranks) == ["rank-0", "rank-1"]
    assert len(fitted) == 2, f"both workers were on one machine: {fitted}"


def test_a_machine_dies_during_training(cluster: Launched, shared: Path, bucket: Path) -> None:
    out = bucket / "trained-killed"
    shutil.rmtree(shared / "tiny" / "fitted")
    cluster.whole()
    run = cluster.work("train", out.name)
    run.until(lambda: epochs(out) > EPOCHS // 4, "some epochs")
    dead = victim(cluster, set(noted(shared / "tiny" / "fitted")))
    cluster.kill(dead)
    assert epochs(out) < MEMBERS * EPOCHS, "it was killed too late"
    run.finish()
    told = [json.loads((folder / "told.json").read_text()) for folder in (bucket / "trained", out)]
    assert told[1] == pytest.approx(told[0], abs=1e-6)
    done = MEMBERS * EPOCHS
    assert done - 1 <= epochs(out) <= done + 2, "it did not go on where it was"
    dead.start()


def epochs(out: Path) -> int:
    """Return how many epochs of members a run has told of."""
    log = out / PROGRESS
    lines = log.read_text().splitlines() if log.exists() else []
    return sum('"epoch": null' not in line and '"part": "fusion"' not in line for line in lines if line.endswith("}"))


# ------------------------------------------------------------------------------------------------ what the README says


def readme() -> list[str]:
    """Return the commands of the README's section about clusters, in order."""
    text = (ROOT / "README.md").read_text()
    section = re.search(r"^##+ A cluster$(.*?)(^##+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert section, "the README has no section called 'A cluster'"
    lines = [line.removeprefix("    ") for line in section[1].splitlines() if line.startswith("    .venv/bin/")]
    return [line.partition("  #")[0].rstrip() for line in lines]


def test_every_command_of_the_readme(cluster: Launched, shared: Path) -> None:
    elsewhere = (".venv/bin/ray up", ".venv/bin/ray down", ".venv/bin/twofold size")
    commands = [one for one in readme() if not one.startswith(elsewhere)]
    assert len(commands) >= 4
    for command in commands:
        for before, after in EDITS.items():
            command = command.replace(before, after)
        said = cluster.control(command, STEP)
        assert "Traceback" not in said, f"{command}\n{said}"
    assert (shared / "runs" / "mine" / "bundle" / "bundle.json").exists()


# --------------------------------------------------------------------------------------------- sweeps, and serving


def test_a_sweep_over_the_fusion(cluster: Launched, bucket: Path) -> None:
    cluster.whole()
    before = cluster.actors(TRIAL)
    cluster.work("fusion", "fusion").finish()
    assert states(bucket / "fusion", "ensemble") == ["done"] * len(WORKERS)
    assert {host for one, host in cluster.actors(TRIAL).items() if one not in before} >= set(WORKERS)


def test_a_machine_dies_during_a_sweep_over_settings_of_a_head(cluster: Launched, bucket: Path) -> None:
    out, sweep = bucket / "heads", "face.static"
    cluster.whole()
    run = cluster.work("heads", out.name)
    kept = out / "search" / sweep / "ray"
    run.until(lambda: len(list(kept.glob("*/checkpoint_*"))) > TRIALS, "some iterations")
    run.until(lambda: cluster.hosts_of(TRIAL) >= set(WORKERS), "trials on both workers")
    dead = cluster.hosts.workers[0]
    cluster.kill(dead)
    assert not (out / "search" / sweep / OUTCOME).exists(), "it was killed too late"
    run.finish()
    assert states(out, sweep) == ["done"] * TRIALS
    dead.start()


def test_a_cluster_that_is_not_there_is_one_sentence(cluster: Launched) -> None:
    head, worker = cluster.hosts.head.address, cluster.hosts.workers[0].address
    addresses = ("10.77.0.99:6379", f"ray://{worker}:{CLIENT_PORT}", f"{head}:{HEAD_PORT}")
    commands = [f".venv/bin/twofold --address {one} train demo --tiny --workers 0 -o /tmp/nothing" for one in addresses]
    with ThreadPoolExecutor(len(commands)) as pool:
        *nobody, not_a_node = pool.map(lambda command: cluster.control(command, STEP, code=2), commands)
    for address, said in zip(addresses, nobody, strict=False):
        assert said.splitlines()[-1].startswith(f"twofold: no cluster answers at {address};")
    last = not_a_node.splitlines()[-1]
    assert last.startswith(
        f"twofold: this machine is no node of the cluster at {head}:{HEAD_PORT}; from here it is ray:"
    )
    assert "Traceback" not in not_a_node


def states(out: Path, sweep: str) -> list[str]:
    """Return how each trial of a sweep has ended."""
    return [trial["state"] for trial in json.loads((out / "search" / sweep / OUTCOME).read_text())["trials"]]


SERVER = """
[graph]
placement = "compact"
[graph.parts.conductor]
replicas = 2
cpus = 0.5
resources = { cpu_node = 0.6 }
[graph.parts.gate]
resources = { "node:__internal_head__" = 0.001 }
[jobs]
folder = "/mnt/twofold/serve"
"""
"""One conductor on a machine; who answers HTTP is on the head, which no test of this kills."""
CONDUCTOR = "ServeReplica:twofold:conductor"


@contextmanager
def served(cluster: Launched, shared: Path) -> Iterator[str]:
    """Serve the bundle of the first sweep; it is ready when the block begins, and gone afterwards. Returns where."""
    (shared / "server.toml").write_text(SERVER)
    options = f"--host 0.0.0.0 --port 8000 --settings {SHARED}/server.toml"
    serve = f".venv/bin/twofold serve {SHARED}/{BUCKET}/heads/bundle {options}"
    url = f"http://{cluster.hosts.head.address}:8000"
    run = cluster.begin(f"echo $$ > {SHARED}/serve.pid; exec {serve}", "serve")
    try:
        ready = f"python3 -c \"import urllib.request as ask; ask.urlopen('{url}/readyz', timeout=20)\""
        run.until(lambda: cluster.hosts.control.call(ready, 60).returncode == 0, "it was ready")
        yield url
    finally:
        cluster.hosts.head.call(f"kill -INT $(cat {SHARED}/serve.pid)", 30)
    run.finish()


def test_serving_with_replicas_on_two_machines_one_of_which_dies(cluster: Launched, shared: Path) -> None:
    with served(cluster, shared) as url:
        cluster.until(lambda: len(cluster.hosts_of(CONDUCTOR)) == 2, STEP, "conductors on two machines")
        asked = f".venv/bin/twofold predict {shared}/clips/clip-0.mp4 -o {shared}/answered --server {url} --json"
        summary = json.loads(next(line for line in cluster.control(asked, STEP).splitlines() if line[:1] == "{"))
        assert summary["failed"] == [], summary
        rows = json.loads((shared / "answered" / "clip-0.json").read_text())
        assert rows["members"], rows.keys()
        dead = victim(cluster, cluster.hosts_of(CONDUCTOR))
        asking = f".venv/bin/python -m tests.cluster.asking {url} {shared}/clips/clip-0.mp4 20 4"
        log = cluster.hosts.folder / "asking.log"
        clients = cluster.hosts.control.begin(f"cd {cluster.checkout} && {asking}", log)
        time.sleep(5)
        cluster.kill(dead)
        assert clients.wait(timeout=STEP) == 0, log.read_text()
        told = json.loads(log.read_text().splitlines()[-1])
        assert set(told) == {"200"}, f"some requests were lost: {told}"
        assert told["200"] >= 8, told
        dead.start()


# -------------------------------------------------------------------------------------------------- what is not there


def test_a_folder_that_one_machine_does_not_see_is_said_before_work_begins(cluster: Launched, shared: Path) -> None:
    blind = victim(cluster, set(cluster.nodes().values()))
    hidden = "mkdir -p /mnt/twofold/hidden && mount -t tmpfs tmpfs /mnt/twofold/hidden"
    assert blind.call(hidden, 30).returncode == 0
    run = cluster.work("extract", "hidden")
    run.finish(code=1)
    assert f"ClusterError: {SHARED}/hidden/cache is not the same on every machine: {blind.name} cannot see" in run.told
    assert not list((shared / "hidden").rglob("*.npz"))
    assert blind.call("umount /mnt/twofold/hidden", 30).returncode == 0


# ----------------------------------------------------------------------------------------------------------- the end


def test_the_head_dies(cluster: Launched, bucket: Path) -> None:
    out, worker = bucket / "trained-headless", victim(cluster, set(cluster.nodes().values()))
    near = cluster.work("train", out.name, on=worker)
    near.until(lambda: epochs(out) > EPOCHS // 4, "some epochs")
    cluster.kill(cluster.hosts.head)
    near.finish(code=1)
    assert "has stopped answering; what was finished is kept. Start it again" in near.told.splitlines()[-1]
    assert "Traceback" not in near.told
    before = epochs(out)
    assert before < MEMBERS * EPOCHS, "it was killed too late"
    cluster.hosts.head.start()
    stop_ray(cluster.hosts.workers)
    cluster.up(everywhere=False)
    cluster.work("train", out.name).finish()
    told = [json.loads((folder / "told.json").read_text()) for folder in (bucket / "trained", out)]
    assert told[1] == pytest.approx(told[0], abs=1e-6)


def test_ray_down(cluster: Launched) -> None:
    cluster.down()
    everywhere = (cluster.hosts.head, *cluster.hosts.workers)
    stop_ray(everywhere)
    for host in everywhere:
        cluster.until(lambda host=host: not running_ray(host), MINUTES, f"nothing of Ray left on {host.name}")


def stop_ray(machines: Sequence[Host]) -> None:
    """Stop what of Ray runs on machines."""
    with ThreadPoolExecutor(len(machines)) as pool:
        for ran in pool.map(lambda host: host.call("~/twofold/.venv/bin/ray stop --force", 2 * MINUTES), machines):
            assert ran.returncode == 0, ran.stderr


def running_ray(host: Host) -> list[str]:
    """Return what of Ray runs on a machine."""
    return [line for line in host.processes() if re.search(r"raylet|gcs_server|ray::", shlex.quote(line))]
