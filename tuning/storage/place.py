"""Where a run keeps what several machines need: one setting, `twofold --storage` or `TWOFOLD_STORAGE`.

    --storage /mnt/twofold            a folder that all machines see under the same path (NFS, EFS, Filestore …)
    --storage s3://bucket/twofold     a bucket, which each machine mirrors in its cache (`bucket.py`)

Encodings, the demo's corpus, and whatever `--out` names by a relative path lie in it. Without it they lie in this
machine's own cache and working folder, which is right for one machine. Assets stay in each machine's cache.

Code works on paths, and says what others need: `send` after it was written, `fetch` before it is read. Of a folder
that all see, both are nothing. Whether all do is looked at before work begins (`tuning/machines.py`).
"""

from __future__ import annotations

import os
import re
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modalities.assets import cache_folder
from tuning.storage.error import StorageError

if TYPE_CHECKING:
    from tuning.storage.bucket import Bucket

VARIABLE = "TWOFOLD_STORAGE"
_ADDRESS = re.compile(r"(s3|gs|file):/")
"""Also of what a path made of it, which has one slash less."""


def storage() -> Path | None:
    """Return the folder that all machines share, if one is named, or that mirrors the bucket that they do."""
    if bucket := _bucket():
        return bucket.folder
    chosen = os.environ.get(VARIABLE, "")
    if _ADDRESS.match(chosen):
        raise StorageError(f"{VARIABLE} or --storage is {chosen}; a bucket's address has two slashes: s3://bucket/path")
    return Path(chosen).expanduser().absolute() if chosen else None


def kept(name: str) -> Path:
    """Return where something is kept that can be made again: in the storage, or in this machine's cache."""
    return (storage() or cache_folder()) / name


def placed(out: Path) -> Path:
    """Return where a run's results go; a relative path lies in the storage, if there is one."""
    if _ADDRESS.match(str(out)):
        raise StorageError(f"{out} is an address, not a folder; name the bucket with --storage, and a path in it here")
    return (out if out.is_absolute() else (storage() or Path()) / out).resolve()


def found(results: Path) -> Path:
    """Return where a run's results are: in the storage, if there is one and it has them, or as they are called here."""
    there = placed(results)
    return fetch(there if storage() and holds(there) else results)


def shown(path: Path) -> str:
    """Return a path for people: with its address, where it lies in a bucket."""
    bucket = _covering(path)
    return f"{path} ({bucket.shown(path)})" if bucket else str(path)


# ------------------------------------------------------------------------------------------------- what others need


def send(path: Path) -> None:
    """Let all machines have a file, or all files of a folder, that was written here."""
    if bucket := _covering(path):
        bucket.send(path)


def fetch(path: Path) -> Path:
    """See that a file, or all files of a folder, is here as it was sent last."""
    if bucket := _covering(path):
        bucket.fetch(path)
    return path


def holds(path: Path) -> bool:
    """Whether there is such a file or folder for all machines."""
    bucket = _covering(path)
    return bucket.holds(path) if bucket else path.exists()


def names(folder: Path) -> set[str]:
    """Return the names of what is in a folder for all machines; of a bucket's, the files."""
    if bucket := _covering(folder):
        return bucket.names(folder)
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def forget(path: Path) -> None:
    """Delete a file, or a folder with all that is in it, here and for all others."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    if bucket := _covering(path):
        bucket.forget(path)


def for_ray(folder: Path) -> dict[str, Any]:
    """Return the words by which Ray Train and Tune are told to keep a run in a folder."""
    if bucket := _covering(folder):
        return {"storage_path": bucket.key(folder), "storage_filesystem": bucket.files}
    return {"storage_path": str(folder.resolve())}


def _covering(path: Path) -> Bucket | None:
    """Return the bucket that a path lies in, if the storage is one."""
    bucket = _bucket()
    return bucket if bucket and bucket.covers(path) else None


def _bucket() -> Bucket | None:
    chosen = os.environ.get(VARIABLE, "")
    return _opened(chosen, cache_folder()) if "://" in chosen else None


@cache
def _opened(url: str, mirrors: Path) -> Bucket:
    from tuning.storage.bucket import Bucket  # pyarrow takes a while, and most have none

    return Bucket.open(url, mirrors / "buckets")
