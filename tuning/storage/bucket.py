"""A bucket (`s3://`, `gs://`) that stands for a folder: every machine mirrors what it writes and reads of it.

All work is done on files of this machine, in a folder that has the bucket's paths. What another machine needs is sent
when it is written, and fetched before it is read; an object appears whole. What the bucket has is what counts: a file
here that was not sent does not exist for anybody, and one that differs is fetched anew. Of a folder, what says that it
is complete goes last, on either way. Credentials are looked for where the clouds' own tools look for them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pyarrow import ArrowException
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem, copy_files

from ensemble.manifest import MANIFEST
from modalities.part import SETTINGS_FILE
from modalities.whole import whole
from tuning.fit.rows import ROWS_FILE
from tuning.storage.error import StorageError

FORMS = "s3://BUCKET/PATH or gs://BUCKET/PATH"
LAST = {SETTINGS_FILE: 1, ROWS_FILE: 1, MANIFEST: 2}
"""What says that others are there: of a part, of rows, and of a bundle, which has parts."""
_URL = re.compile(r"(s3|gs|file)://([^?]*)(\?.*)?")
_KEYS = re.compile(r"(?<=://).*@")
_AT_ONCE = 8
"""Objects on their way at a time: each takes a while to begin."""
_SECOND = 10**9  # ns
_One = TypeVar("_One", Path, FileInfo)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, or a part of one, and the folder of this machine that mirrors it."""

    url: str
    folder: Path
    files: FileSystem
    root: str
    """The bucket and the path in it, as `files` calls it."""

    @classmethod
    def open(cls, url: str, mirrors: Path) -> Bucket:
        """Open a bucket, and mirror it below a folder; StorageError where it is none, or cannot be reached."""
        parts = _URL.fullmatch(url)
        if parts is None:
            raise StorageError(f"the storage {_KEYS.sub('…@', url)} is neither a folder nor a bucket ({FORMS})")
        scheme, place = parts[1], parts[2].rpartition("@")[2].rstrip("/")
        if scheme == "s3" and "@" in parts[2]:  # Ray would tell everybody
            raise StorageError(
                f"the address of the bucket {scheme}://{place} has keys in it; leave them out, and set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY on every machine, or give the machines a role"
            )
        mirror = f"{place.lstrip('/')}{'-' + hashlib.sha256(parts[3].encode()).hexdigest()[:8] if parts[3] else ''}"
        with _said(f"{scheme}://{place}", "opened"):
            files, root = FileSystem.from_uri(url)
            name = root.partition("/")[0]
            if name and files.get_file_info(name).type == FileType.NotFound:
                raise StorageError(f"there is no bucket {name}; create it, or name another storage")
        return cls(f"{scheme}://{place}", (mirrors / scheme / mirror).resolve(), files, root.rstrip("/"))

    def covers(self, path: Path) -> bool:
        """Whether a path of this machine stands for one of the bucket."""
        return path.is_relative_to(self.folder)

    def key(self, path: Path) -> str:
        """Return what `files` calls a path of the mirror."""
        within = path.relative_to(self.folder).as_posix()
        return self.root if within == "." else f"{self.root}/{within}"

    def shown(self, path: Path) -> str:
        """Return the address of a path of the mirror."""
        return f"{self.url}/{path.relative_to(self.folder).as_posix()}"

    def send(self, path: Path) -> None:
        """Send a file, or of a folder all files that the bucket does not have so; none whose name begins with a dot."""
        with _said(self.url, "written"):
            if path.is_file():
                self._put(path)
                return
            there = {info.path: info for info in self._listed(path)}
            mine = [one for one in path.rglob("*") if one.is_file() and not _hidden(one.relative_to(path))]
            changed = [one for one in mine if not _same(one, there.get(self.key(one)))]
            _each(self._put, changed, lambda one: one.name)

    def fetch(self, path: Path) -> None:
        """Fetch a file, or all files of a folder, where the bucket has others; nothing where it has none."""
        with _said(self.url, "read"):
            info = self.files.get_file_info(self.key(path))
            if info.type == FileType.File:
                self._get(info, path)
            elif info.type == FileType.Directory:
                _each(lambda one: self._get(one, self._path(one)), self._listed(path), lambda one: one.base_name)

    def holds(self, path: Path) -> bool:
        """Whether there is such a file or folder."""
        with _said(self.url, "read"):
            return bool(self.files.get_file_info(self.key(path)).type != FileType.NotFound)

    def names(self, folder: Path) -> set[str]:
        """Return the names of the files in a folder; none where there is no folder."""
        with _said(self.url, "read"):
            return {info.base_name for info in self._listed(folder, deep=False)}

    def forget(self, path: Path) -> None:
        """Delete a file, or a folder with all that is in it, if there is one."""
        with _said(self.url, "written"):
            kind = self.files.get_file_info(self.key(path)).type
            if kind == FileType.File:
                self.files.delete_file(self.key(path))
            elif kind == FileType.Directory:
                for one in sorted(self._listed(path), key=lambda one: -LAST.get(one.base_name, 0)):
                    self.files.delete_file(one.path)
                with suppress(OSError):  # without files there is no folder, unless it was made as one
                    self.files.delete_dir(self.key(path))

    def _listed(self, folder: Path, *, deep: bool = True) -> list[FileInfo]:
        """Return the files below a folder, or with `deep=False` those in it."""
        selector = FileSelector(self.key(folder), allow_not_found=True, recursive=deep)
        return [info for info in self.files.get_file_info(selector) if info.type == FileType.File]

    def _path(self, info: FileInfo) -> Path:
        return self.folder / str(info.path).removeprefix(self.root).lstrip("/")

    def _put(self, path: Path) -> None:
        key = self.key(path)
        if isinstance(self.files, LocalFileSystem):  # a folder shows halves, a bucket does not
            with whole(Path(key)) as unfinished:
                shutil.copyfile(path, unfinished)
        else:
            _copy(str(path), LocalFileSystem(), key, self.files)
        _date(path, self.files.get_file_info(key))

    def _get(self, info: FileInfo, path: Path) -> None:
        if path.exists() and _same(path, info):
            return
        with whole(path) as unfinished:
            _copy(info.path, self.files, str(unfinished), LocalFileSystem())
            _date(unfinished, info)


def _each(do: Callable[[_One], None], some: Iterable[_One], name: Callable[[_One], str]) -> None:
    """Do something with each of some files, several at a time; those that stand for the others come last."""
    groups: dict[int, list[_One]] = {}
    for one in some:
        groups.setdefault(LAST.get(name(one), 0), []).append(one)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _, group in sorted(groups.items()):
            list(pool.map(do, group))


def _copy(source: str, of: FileSystem, target: str, to: FileSystem) -> None:
    """Copy in one call that Ctrl-C does not cut short: a stream that is closed early would be taken for whole."""
    copy_files(source, target, source_filesystem=of, destination_filesystem=to, use_threads=False)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _date(path: Path, info: FileInfo) -> None:
    """Give a file the date that it has in the bucket, whose clock is another: equal dates are equal files."""
    os.utime(path, ns=(info.mtime_ns, info.mtime_ns))


def _same(path: Path, info: FileInfo | None) -> bool:
    """Whether a file is what the bucket has; some ways of asking a bucket round dates to seconds."""
    if info is None or path.stat().st_size != info.size:
        return False
    here, there = path.stat().st_mtime_ns, info.mtime_ns
    return here == there or (here // _SECOND == there // _SECOND and 0 in (here % _SECOND, there % _SECOND))


@contextmanager
def _said(url: str, done: str) -> Iterator[None]:
    """Raise in one sentence what a bucket answers with pages."""
    try:
        yield
    except (OSError, ArrowException) as error:
        said = next(iter(_KEYS.sub("…@", str(error).strip()).splitlines()), "") or type(error).__name__
        said = said.partition(" error_info=")[0]  # Google's, for its own people
        raise StorageError(
            f"the bucket {url} cannot be {done} ({said.rstrip('.')}); check its name, this machine's credentials and "
            "disk, and that it can reach the bucket"
        ) from error
