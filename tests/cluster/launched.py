"""A cluster that `ray up` has started on three hosts, commanded as its README says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.hosts import ADDRESSES, HEAD, WORKERS, Host, Hosts

ROOT = Path(__file__).resolve().parents[2]
SHARED = "/mnt/twofold"
EDITS = {
    "192.0.2.10": ADDRESSES[HEAD],
    "192.0.2.11": ADDRESSES[WORKERS[0]],
    "192.0.2.12": ADDRESSES[WORKERS[1]],
    "ssh_user: twofold": "ssh_user: root",
}
"""What a user edits; the key, too."""
MINUTES = 60.0 * float(os.environ.get("TWOFOLD_PATIENCE", "1"))
"""Of seconds to wait; a machine that others use too wants more of them."""
STEP = 8 * MINUTES
"""What one step may take; a busy machine needs some of it."""


@dataclass(frozen=True, slots=True)
class Launched:
    """The cluster."""

    hosts: Hosts
    checkout: Path
    """Of the control host: a copy of this one with an edited `cluster.yaml`."""
    _gone: set[str] = field(default_factory=set)
    """Nodes of machines that were killed: until Ray has found that out, it calls them alive."""

    def up(self, everywhere: bool = True) -> None:
        """Start it, and wait until all machines are in it, not only the head."""
        again = ".venv/bin/ray up -y cluster.yaml --no-config-cache"  # Ray gives itself 15 s to start on a busy machine
        self.control(f"{again} || {again}", STEP)
        if everywhere:
            self.wait_for_all()

    def down(self) -> None:
        """Stop it."""
        self.control(".venv/bin/ray down -y cluster.yaml", 5 * MINUTES)

    def control(self, command: str, timeout: float, code: int = 0) -> str:
        """Run a shell's command as the user does, outside of the cluster, in the checkout; returns what it said."""
        ran = self.hosts.control.call(f"cd {self.checkout} && {command}", timeout)
        assert ran.returncode == code, f"{command}: {ran.returncode}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
        return ran.stdout + ran.stderr

    def begin(self, command: str, name: str, on: Host | None = None) -> Run:
        """Start a command on one of the machines, the head if none is named, as somebody who has logged in there."""
        log = self.hosts.folder / f"{name}.log"
        return Run((on or self.hosts.head).begin(LOGGED_IN + command, log), log)

    def work(self, what: str, out: str = "", on: Host | None = None) -> Run:
        """Start a piece of work (see `tests.cluster.work`) that writes to `out`."""
        return self.begin(f".venv/bin/python -m tests.cluster.work {what} {SHARED} {out}", out or what, on)

    def wait_for_all(self, timeout: float = STEP) -> None:
        """Wait until all machines are in the cluster."""
        self.until(lambda: set(self.nodes().values()) == {HEAD, *WORKERS}, timeout, "all machines in the cluster")

    def until(self, happened: Callable[[], bool], timeout: float, what: str) -> None:
        """Wait for something."""
        end = time.monotonic() + timeout
        while not happened():
            assert time.monotonic() < end, f"{what}: not in {timeout} s"
            time.sleep(2)

    def nodes(self) -> dict[str, str]:
        """Return id → host of the living nodes."""
        found = self._ask("/nodes?view=summary")
        by_address = {address: name for name, address in ADDRESSES.items()}
        summary = found["data"]["summary"] if found else []
        raylets = [one["raylet"] for one in summary if one["raylet"].get("state") == "ALIVE"]
        known = {one["nodeId"]: by_address[one["nodeManagerAddress"]] for one in raylets}
        return {node: host for node, host in known.items() if node not in self._gone}

    def actors(self, part: str) -> dict[str, str]:
        """Return id → host of all actors whose class has this in its name and that have lived, now or before."""
        found = self._ask("/api/v0/actors?limit=10000&detail=true")
        known, all_of_them = self.nodes(), found["data"]["result"]["result"] if found else []
        return {
            one["actor_id"]: known[one["node_id"]]
            for one in all_of_them
            if part in one["class_name"] and one["node_id"] in known
        }

    def hosts_of(self, part: str) -> set[str]:
        """Return the hosts of these actors."""
        return set(self.actors(part).values())

    def kill(self, host: Host) -> None:
        """Pull a machine's plug."""
        self._gone.update(node for node, name in self.nodes().items() if name == host.name)
        host.kill()

    def whole(self) -> None:
        """Wait until a machine that was switched on again is back: the head starts Ray there, or else we do.

        Not both at once, or one would stop what the other has started.
        """
        with suppress(AssertionError):
            self.wait_for_all(MINUTES)
            return
        there = set(self.nodes().values())
        for host in (host for host in self.hosts.workers if host.name not in there):
            self._start_ray(host)
        self.wait_for_all()

    def _start_ray(self, host: Host) -> None:
        config = yaml.safe_load((self.checkout / "cluster.yaml").read_text())
        start = f"export RAY_HEAD_IP={ADDRESSES[HEAD]}; {config['worker_start_ray_commands'][-1]}"
        options = f"-i {self.hosts.key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        (self.hosts.folder / "start.sh").write_text(start)
        login = f"ssh {options} root@{host.address} bash --login -i -s"
        self.control(f"{login} < {self.hosts.folder}/start.sh", 5 * MINUTES)

    def _ask(self, path: str) -> dict[str, Any] | None:
        """Ask the head's dashboard, from within the control host's network."""
        url = f"http://{ADDRESSES[HEAD]}:8265{path}"
        fetch = f"import urllib.request as ask; print(ask.urlopen('{url}', timeout=20).read().decode())"
        ran = self.hosts.control.call(f'python3 -c "{fetch}"', 60)
        return json.loads(ran.stdout) if ran.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Run:
    """A command that runs on one of the machines."""

    process: subprocess.Popen[bytes]
    log: Path

    def until(self, happened: Callable[[], bool], what: str) -> None:
        """Wait for something while it runs."""
        end = time.monotonic() + STEP
        while not happened():
            assert self.process.poll() is None, f"it ended before {what}: {self.told}"
            assert time.monotonic() < end, f"{what}: not in {STEP} s: {self.told}"
            time.sleep(0.1)

    def finish(self, code: int = 0) -> None:
        """Wait for its end."""
        try:
            assert self.process.wait(timeout=STEP) == code, self.told
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"it did not end in {STEP} s: {self.told}")

    @property
    def told(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-4000:]


LOGGED_IN = "source ~/.bashrc; cd ~/twofold; export OMP_NUM_THREADS=1 TWOFOLD_OFFLINE=1 RAY_ADDRESS=auto; "


def launched(hosts: Hosts) -> Launched:
    """Make the user's checkout, and machines that have the environment already; nothing is started yet."""
    checkout = hosts.folder / "checkout"
    checkout.mkdir()
    text = (ROOT / "cluster.yaml").read_text()
    for before, after in {**EDITS, "~/.ssh/id_ed25519": str(hosts.key)}.items():
        assert before in text, f"cluster.yaml has no {before} to edit"
        text = text.replace(before, after)
    (checkout / "cluster.yaml").write_text(text)
    for source in yaml.safe_load(text)["file_mounts"].values():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, checkout / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / source, checkout / source)
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    for host in (hosts.head, *hosts.workers):
        _install(host)
    return Launched(hosts, checkout)


def _install(host: Host) -> None:
    """Lend a host this machine's environment: no package index can be reached from there."""
    env = host.folder / "home" / "twofold" / ".venv"
    env.mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "pyvenv.cfg"):
        (env / name).symlink_to(ROOT / ".venv" / name)
    (env / ".ready").touch()
