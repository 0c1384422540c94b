"""Real hosts on one machine: each has its own network, processes, name, home and SSH server; a switch joins them.

A host is a network namespace, and in it a process whose PID, mount and UTS namespaces are its own: `/tmp/ray`,
`/dev/shm`, the home folder (an overlay of this machine's) and `/etc/hosts` are its own, the rest is the machine's disk,
and `/mnt/twofold` is a folder that all share. Nothing is added to this machine's own network, and several sets of
hosts do not meet. Killing a host ends all that runs on it, at once, as pulling its plug would.

Needs root, `ip`, `sshd`, `rsync` and `unshare`; `lacking` says what is not there.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

NET = "10.77.0"
NAMED = "twofold-{pid}-"
CONTROL, HEAD, WORKERS = "ctl", "h0", ("h1", "h2")
ADDRESSES = {CONTROL: f"{NET}.9", HEAD: f"{NET}.10", WORKERS[0]: f"{NET}.11", WORKERS[1]: f"{NET}.12"}
BOOT = """
set -e
host=$1 folder=$2 shared=$3; shift 3
mount --make-rprivate /
mount -t proc proc /proc
mkdir -p /tmp/ray; mount --bind "$folder/ray" /tmp/ray
mount -t tmpfs -o size=1g tmpfs /dev/shm
mount -t tmpfs tmpfs /mnt
mkdir /mnt/twofold; mount --bind "$shared" /mnt/twofold
mount -t overlay overlay -o lowerdir="$HOME",upperdir="$folder/home",workdir="$folder/work" "$HOME"
rm -rf "$HOME/.ray"
hostname "$host"
mount --bind "$folder/hosts" /etc/hosts
exec "$@"
"""
SSHD = """
Port 22
HostKey {folder}/hostkey
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin yes
PasswordAuthentication no
StrictModes no
UsePAM no
UseDNS no
PidFile none
MaxStartups 100
MaxSessions 100
"""


def lacking() -> str | None:
    """Say why there can be no hosts here, or nothing."""
    if os.geteuid():
        return "not root, so there can be no network namespaces"
    for tool in ("ip", "unshare", "nsenter", "setpriv", "rsync", "ssh-keygen"):
        if shutil.which(tool) is None:
            return f"there is no {tool} here (Debian: iproute2, util-linux, rsync, openssh-client)"
    if _sshd() is None:
        return "there is no sshd here (Debian: openssh-server)"
    for attempt in (["ip", "netns", "add", "twofold-probe"], ["unshare", "--mount", "--pid", "--fork", "true"]):
        tried = subprocess.run(attempt, capture_output=True, text=True, check=False)
        subprocess.run(["ip", "netns", "del", "twofold-probe"], capture_output=True, check=False)
        if tried.returncode:
            return f"this machine allows no namespaces: {tried.stderr.strip()}"
    return None


def _sshd() -> str | None:
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass(slots=True)
class Host:
    """A machine that can be reached, entered, killed and started again."""

    name: str
    namespace: str
    folder: Path
    address: str
    server: Sequence[str]
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Switch it on; its home is as it was left, its `/tmp/ray` is empty."""
        shutil.rmtree(self.folder / "ray", ignore_errors=True)
        for name in ("ray", "home", "work"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        shared = self.folder.parent / "shared"
        boot = ["bash", "-c", BOOT, "boot", self.name, str(self.folder), str(shared), *self.server]
        alone = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child"]
        # should the test itself be killed, the host goes with it
        entered = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self.namespace, *alone, *boot]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(entered, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_for(lambda: self.call("true", timeout=120).returncode == 0)

    def kill(self) -> None:
        """Pull its plug."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def enter(self, command: str) -> list[str]:
        """Return the words that run a shell's command there, as somebody who has logged in."""
        keep = [f"HOME={os.environ['HOME']}", "LANG=C.UTF-8", "TERM=dumb"]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        inside = ["nsenter", "--target", str(self._first()), "--mount", "--uts", "--pid", "--net"]
        return [*inside, "env", "-i", path, *keep, "bash", "-c", command]

    def call(self, command: str, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a shell's command there."""
        return subprocess.run(self.enter(command), capture_output=True, text=True, check=False, timeout=timeout)

    def begin(self, command: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a shell's command there, and do not wait for it."""
        with log.open("ab") as out:
            return subprocess.Popen(self.enter(command), stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def processes(self) -> list[str]:
        """Return the command lines of all that runs there."""
        pids = subprocess.run(["ip", "netns", "pids", self.namespace], capture_output=True, text=True, check=False)
        lines = (Path(f"/proc/{pid}/cmdline") for pid in pids.stdout.split())
        return [path.read_bytes().replace(b"\0", b" ").decode(errors="replace") for path in lines if path.exists()]

    def _first(self) -> int:
        """Return the host's first process, as this machine numbers it."""
        if self._process is None:
            raise RuntimeError(f"{self.name} is switched off")
        below = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        end = time.monotonic() + 120
        while not (found := below.read_text().split() if below.exists() else []):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name} did not start: {(self.folder / 'log').read_text()[-500:]}")
            time.sleep(0.05)
        return int(found[0])

    @staticmethod
    def _wait_for(happened: object) -> None:
        end = time.monotonic() + 120
        while not (callable(happened) and happened()):
            if time.monotonic() > end:
                raise RuntimeError("a host did not start in 120 s")
            time.sleep(0.1)


@dataclass(frozen=True, slots=True)
class Hosts:
    """Three machines, and one from which they are commanded."""

    folder: Path
    by_name: dict[str, Host]

    @property
    def key(self) -> Path:
        """The private key that opens all of them."""
        return self.folder / "key"

    @property
    def control(self) -> Host:
        """From where the others are commanded; it is no part of the cluster."""
        return self.by_name[CONTROL]

    @property
    def head(self) -> Host:
        """The first."""
        return self.by_name[HEAD]

    @property
    def workers(self) -> tuple[Host, ...]:
        """The others."""
        return tuple(self.by_name[name] for name in WORKERS)


@contextmanager
def hosts(folder: Path) -> Iterator[Hosts]:
    """Start all of them; nothing of them is left afterwards."""
    _sweep()
    prefix = NAMED.format(pid=os.getpid())
    (folder / "shared").mkdir()
    for name in ("key", "hostkey"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "sshd_config").write_text(SSHD.format(folder=folder))
    Path("/run/sshd").mkdir(exist_ok=True)
    server = [str(_sshd()), "-D", "-e", "-f", str(folder / "sshd_config")]
    made = {
        name: Host(
            name, f"{prefix}{name}", folder / name, address, server if name != CONTROL else ["sleep", "infinity"]
        )
        for name, address in ADDRESSES.items()
    }
    try:
        _connect(prefix, made.values())
        for host in made.values():
            host.folder.mkdir()
            names = "".join(f"{address} {name}\n" for name, address in ADDRESSES.items())
            (host.folder / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
            host.start()
        yield Hosts(folder, made)
    finally:
        for host in made.values():
            host.kill()
        _remove(prefix)


def _connect(prefix: str, made: Iterator[Host] | Sequence[Host] | object) -> None:
    """Lay the cables: a bridge in a namespace of its own, and a pair of interfaces for each host."""
    switch = f"{prefix}sw"
    _ip("netns", "add", switch)
    _ip("-n", switch, "link", "add", "br0", "type", "bridge")
    _ip("-n", switch, "link", "set", "br0", "up")
    for host in made:  # type: ignore[attr-defined]
        _ip("netns", "add", host.namespace)
        _ip("-n", host.namespace, "link", "set", "lo", "up")
        near, far = (f"v{host.name}", "netns", switch), ("eth0", "netns", host.namespace)
        _ip("-n", switch, "link", "add", *near, "type", "veth", "peer", "name", *far)
        _ip("-n", switch, "link", "set", f"v{host.name}", "master", "br0", "up")
        _ip("-n", host.namespace, "addr", "add", f"{host.address}/24", "dev", "eth0")
        _ip("-n", host.namespace, "link", "set", "eth0", "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _remove(prefix: str) -> None:
    for name in _namespaces():
        if name.startswith(prefix):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _namespaces() -> list[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    return [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]


def _sweep() -> None:
    """Remove what a run that was killed has left behind."""
    for name in _namespaces():
        ours = re.match(r"twofold-(\d+)-", name)
        if ours and not Path(f"/proc/{ours[1]}").exists():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
