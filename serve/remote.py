"""`twofold predict --server`: clips go to a server as jobs, one after the other, and their files come back.

The files are those that `predict` writes here, and so is what is told about them; the server keeps nothing.
"""

from __future__ import annotations

import csv
import ipaddress
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ensemble.predict import InputError, Summary, Wishes
from ensemble.predict.clips import Refusal, Source, gather
from ensemble.predict.summary import Done, Report, one_by_one
from ensemble.write import Digest
from modalities.assets import offline
from serve.asking import ServerRefusedError
from serve.client import Client, Job, ServerError

OWN_FAULT = ("clip", "large", "slow", "timeout", "bug", "lost", "conflict")
"""Problems that concern one clip; any other concerns all."""


def predict(
    clips: Sequence[Path], out: Path, address: str, key: str | None, *, wishes: Wishes, report: Report
) -> Summary:
    """Have a server recognise files and all clips in folders, and write the files of each to `out`.

    Raises ServerError where the server cannot be asked, InputError where there is nothing to do; a clip's own trouble
    stands in the summary.
    """
    if offline() and not _here(address):
        raise ServerRefusedError(f"TWOFOLD_OFFLINE is set, so {address} is not asked; unset it, or leave --server away")
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file, but results need a folder; give another with --out")
    report("looking for clips")
    gathered = gather(clips, out)
    with Client(address, key) as client:
        client.models()  # a wrong address or key is told before a clip is sent
        return one_by_one(gathered, lambda source, told: _attempt(client, source, out, wishes, told), report)


def _attempt(client: Client, source: Source, out: Path, wishes: Wishes, report: Report) -> Done | Refusal:
    began, job = time.monotonic(), None
    if source.path is None:
        return source.refused("it is no file, so it cannot be sent")
    try:
        report("sending")
        job = client.submit(
            source.path,
            without=sorted(wishes.without),
            all_tracks=wishes.all_tracks,
            prompts=wishes.prompts,
            name=source.name,
        )
        for document in job.events():
            report(f"{document['progress']['seconds']:.0f} s done")
        job.wait()
        place = out / source.place
        files = job.save(place.parent, place.name)
        return _done(source, job, files, time.monotonic() - began)
    except ServerError as error:
        if error.kind not in OWN_FAULT:
            raise
        return source.refused(str(error))
    except OSError as error:
        return source.refused(str(error))
    finally:
        if job is not None:
            with suppress(ServerError):  # then it goes by itself when its time is over
                job.cancel()


def _done(source: Source, job: Job, files: dict[str, Path], lasted: float) -> Done:
    found = job.result()
    digest = _digest(found, files["csv"])
    problems = (
        *found["problems"],
        *(f"{member} was left out: {why}" for member, why in job.document["degraded"].items()),
    )
    return Done(source.path, source.name, digest, lasted / max(digest.duration, 1e-3), files, problems)


def _digest(found: dict[str, Any], table: Path) -> Digest:
    """Sum up what came back, as `Digest.of` does with a timeline: of rows of equal time the first is the primary's."""
    with table.open(newline="", encoding="utf-8") as stream:
        top = {row["time"]: row["top_compound"] for row in reversed(list(csv.DictReader(stream)))}
    names = found["labels"]["compound"]
    counts = Counter(label for label in top.values() if label)
    first = max(counts, key=lambda label: (counts[label], -names.index(label)), default=None)
    spans = found["speech"]
    return Digest(
        found["clip"]["end"] - found["clip"]["start"],
        first,
        None if first is None else counts[first] / counts.total(),
        len(found["tracks"]),
        None if spans is None else sum(end - start for start, end in spans),
    )


def _here(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
