"""The address of a cluster that runs already: its forms, and whether anybody answers there; Ray is not imported.

    twofold --address auto train …              # a node of the cluster: the one that runs here
    twofold --address 10.0.0.1:6379 train …     # a node of the cluster, named by the head's address
    twofold --address ray://10.0.0.1:10001 …    # any machine that reaches the head: to encode, to evaluate

`RAY_ADDRESS` says the same; `local` starts Ray on this machine whatever it says.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

import grpc

ADDRESS = "RAY_ADDRESS"
FORMS = "give auto, HOST:PORT (the head's, usually 6379) or ray://HOST:PORT (usually 10001)"
CLIENT = "ray://"
CURRENT = Path("/tmp/ray/ray_current_cluster")  # noqa: S108  where `ray start` writes it
_CONNECT, _SPEAK = 5.0, 20.0
"""Seconds until nobody answers, and until who does has said something."""


class ClusterError(ValueError):
    """A cluster that cannot be joined, or cannot do what is asked of it; the message says what to do."""


class LostClusterError(ClusterError):
    """A cluster that has stopped answering in the middle of work."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cluster answers."""

    address: str
    host: str
    port: int

    @property
    def answers(self) -> bool:
        """Whether anybody listens there."""
        try:
            with socket.create_connection((self.host, self.port), _CONNECT):
                return True
        except OSError:
            return False

    @property
    def lost(self) -> str:
        """Say that it is gone."""
        return (
            f"the cluster at {self.address} has stopped answering; what was finished is kept. Start it again (ray up), "
            "and the same command goes on from there (a search with --resume)"
        )


def wanted() -> str | None:
    """Return the address of the cluster that is asked for; None where Ray is to be started on this machine."""
    address = os.environ.get(ADDRESS, "")
    return None if address in ("", "local") else address


def refuse_client(what: str) -> None:
    """Raise ClusterError where work that needs its driver beside it would be driven through Ray's client."""
    if (wanted() or "").startswith(CLIENT):
        raise ClusterError(
            f"{what} is driven from a machine of the cluster, not through {CLIENT}; start it there with "
            "ray exec cluster.yaml 'twofold --address auto …', or send it with ray job submit"
        )


def find(address: str) -> Place:
    """Return where a cluster answers; ClusterError where the address is none, or nobody does."""
    if address == "auto":
        if not CURRENT.exists():
            raise ClusterError(f"the address is auto, but no cluster runs on this machine; {FORMS}")
        place = _parsed(CURRENT.read_text(encoding="utf-8").strip(), shown="auto")
    else:
        place = _parsed(address, shown=address)
    if not place.answers:
        where = f" ({place.host}:{place.port})" if address == "auto" else ""
        raise ClusterError(f"no cluster answers at {address}{where}; is it up, and can this machine reach it? {FORMS}")
    if not _speaks(place):  # Ray would wait for it for ever
        raise ClusterError(f"what answers at {address} is no Ray cluster; {FORMS}")
    return place


def _speaks(place: Place) -> bool:
    """Whether who listens there speaks as Ray does (gRPC)."""
    with grpc.insecure_channel(f"{place.host}:{place.port}") as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_SPEAK)
        except grpc.FutureTimeoutError:
            return False
    return True


def _parsed(address: str, shown: str) -> Place:
    parts = re.fullmatch(r"(?:ray://)?(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})", address)
    if parts is None or not 0 < int(parts[2]) < 1 << 16:
        raise ClusterError(f"{shown!r} is no address of a cluster; {FORMS}")
    return Place(shown, parts[1].strip("[]"), int(parts[2]))
