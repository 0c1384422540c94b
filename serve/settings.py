"""Settings of a server: one strict TOML file, every key with a default.

twofold serve BUNDLE --settings server.toml

[graph]
placement = "spread"                                    # every cue and every modality a deployment of its own
[graph.parts."face"]
gpus = 0.5
replicas = 2
[http]
port = 8000
keys = "keys.txt"                                       # made by `twofold key`
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, ValidationError

from modalities.config import Config

Positive = Annotated[FiniteFloat, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class SettingsError(ValueError):
    """A settings file that cannot be used; the message says why."""


class PartSettings(Config):
    """Of one deployment: what a replica claims, and how many there are; what is not given follows the machine."""

    cpus: Annotated[FiniteFloat, Field(ge=0)] | None = None
    gpus: Annotated[FiniteFloat, Field(ge=0)] | None = None
    """May be a fraction: several replicas then share a GPU."""
    replicas: Count | None = None
    most: Count | None = None
    """With it, replicas grow from `replicas` up to so many by load."""
    resources: dict[str, Positive] = {}
    """Custom resources of the nodes that may host it."""
    timeout: Positive | None = None
    """Seconds for one call; then the part counts as lost for that clip."""
    batch: Count | None = None
    """Rows (faces, texts; steps of heads) of several requests that go through a modality's networks together; 1: each
    request by itself. By default many where it is a network of torch, else 1: plain features gain nothing."""


class GraphSettings(Config):
    """Where the parts of a plan live."""

    placement: Literal["auto", "compact", "spread"] = "auto"
    """`compact`: all parts in one process, as many processes as there are cores; `spread`: each cue and each modality a
    deployment of its own; `auto`: spread where there is a GPU or more than eight cores, else compact."""
    parts: dict[str, PartSettings] = {}
    """By instance name of a cue or a modality; `conductor` takes clips through them, `gate` answers HTTP."""
    timeout: Positive = 30.0
    """Seconds for one call of a part that names no other."""
    threads: Count = 1
    """Of torch, in each process."""
    store: Annotated[int, Field(ge=80_000_000)] = 1_000_000_000
    """Bytes of Ray's object store on this machine, in which frames lie on their way; what is more goes to disk. At most
    three tenths of the memory that is free for it."""


class HttpSettings(Config):
    """What is asked, by whom, and how much of it."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    keys: Path | None = None
    """File of hashed keys; without one everybody may ask, so the default host is this machine."""
    origins: tuple[str, ...] = ()
    """Web pages of other hosts that may ask (CORS)."""
    urls: tuple[str, ...] = ()
    """Hosts from which clips may be fetched, as `media.example.org` or `*.example.org`; none by default."""
    callbacks: tuple[str, ...] = ()
    """Hosts that may be called back; none by default."""
    upload: Count = 200_000_000
    """Bytes of a clip."""
    upload_seconds: Positive = 300.0
    """For sending it."""
    clip_seconds: Positive = 120.0
    """Longest clip that is answered at once; longer ones are jobs."""
    job_seconds: Positive = 6 * 3600.0
    """Longest clip of a job."""
    answer_seconds: Positive = 300.0
    """For answering at once, waiting included."""
    waiting: Annotated[int, Field(ge=0)] = 32
    """Requests that may wait for a free process; those beyond are told at once to come again."""
    rate: Positive | None = None
    """Requests per minute and key (or address, without keys); a burst of as many is allowed."""
    requests: Count = 1000
    """Per process that answers HTTP, at once, of all kinds."""


class JobSettings(Config):
    """Work that goes on without anybody waiting."""

    folder: Path = Path("runs/serve")
    """Jobs (SQLite), uploads and results; on a cluster, one that all nodes see."""
    waiting: Count = 1000
    """Jobs that may wait."""
    at_once: Count | None = None
    """Jobs worked on at the same time; half of the processes that recognise, at least one, if not given."""
    keep: Positive = 24 * 3600.0
    """Seconds until a result is erased."""
    lease: Positive = 15.0
    """Seconds without a sign of life after which a job is begun again by another."""
    attempts: Count = 3
    """How often a job is begun at most."""


class LiveSettings(Config):
    """Cameras and microphones."""

    sessions: Annotated[int, Field(ge=0)] = 1
    """At the same time."""
    stretch: Annotated[FiniteFloat, Field(ge=0.2, le=10)] = 1.0
    """Seconds that are recognised at once: the latency is at least this."""
    seconds: Positive = 3600.0
    """Longest session."""


class ServerSettings(Config):
    """Everything."""

    graph: GraphSettings = GraphSettings()
    http: HttpSettings = HttpSettings()
    jobs: JobSettings = JobSettings()
    live: LiveSettings = LiveSettings()

    def absolute(self) -> ServerSettings:
        """Return the same with absolute paths: replicas may begin in another folder."""
        keys = self.http.keys.resolve() if self.http.keys else None
        http = self.http.model_copy(update={"keys": keys})
        jobs = self.jobs.model_copy(update={"folder": self.jobs.folder.resolve()})
        return self.model_copy(update={"http": http, "jobs": jobs})


def read_settings(path: Path | None) -> ServerSettings:
    """Read a settings file, or take the defaults; a SettingsError names the key that is wrong."""
    if path is None:
        return ServerSettings()
    try:
        return ServerSettings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise SettingsError(f"there is no settings file {path}; leave --settings away, or name one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML ({error}); mend it") from error
    except ValidationError as error:
        wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise SettingsError(f"{path} does not fit: {'; '.join(wrong)}") from error
