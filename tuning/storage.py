"""Where a run keeps what several machines need: one setting, `twofold --storage FOLDER` or `TWOFOLD_STORAGE`.

It is a folder that all machines of a cluster see under the same path (NFS, EFS, Filestore …). Encodings, the demo's
corpus, and whatever `--out` names by a relative path lie in it. Without it they lie in this machine's own cache and
working folder, which is right for one machine. Assets stay in each machine's cache.

Whether all of them do is looked at before work begins (`tuning/machines.py`).
"""

from __future__ import annotations

import os
from pathlib import Path

from modalities.assets import cache_folder

VARIABLE = "TWOFOLD_STORAGE"


class StorageError(ValueError):
    """A storage that cannot be used; the message says what can."""


def storage() -> Path | None:
    """Return the folder that all machines share, if one is named; StorageError where a bucket is."""
    chosen = os.environ.get(VARIABLE)
    if chosen and "://" in chosen:
        raise StorageError(
            f"the storage {chosen} is no folder; mount the bucket under the same path on every machine, with a program "
            "that can rename and append (rclone mount --vfs-cache-mode full, gcsfuse), and name that path"
        )
    return Path(chosen).expanduser().absolute() if chosen else None


def kept(name: str) -> Path:
    """Return where something is kept that can be made again: in the storage, or in this machine's cache."""
    return (storage() or cache_folder()) / name


def placed(out: Path) -> Path:
    """Return where a run's results go; a relative path lies in the storage, if there is one."""
    return (out if out.is_absolute() else (storage() or Path()) / out).resolve()
