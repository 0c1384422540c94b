"""Which clips: files, whatever can be opened in folders, or named footages; and a place for each that no other has."""

from __future__ import annotations

import mimetypes
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ensemble.write.abaw import KINDS
from modalities.media import MediaError, read
from modalities.types import Clip, Footage


class InputError(ValueError):
    """A request that cannot even begin; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file (or a clip that is none) that was left out, with one sentence why."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """A clip to do: its name (of a file: the shortest end of its path that is its alone), and where its files go."""

    name: str
    place: str
    footages: Iterable[Footage]  # nothing is read before it is asked for
    path: Path | None

    @property
    def file(self) -> Clip | None:
        """The clip's file, if it has one."""
        return None if self.path is None else Clip.of(self.path, self.name)

    def refused(self, reason: str) -> Refusal:
        """Say why it was not done."""
        return Refusal(self.path or Path(self.name), reason)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What there is to do, what is not there, and what was passed over in folders."""

    sources: tuple[Source, ...]
    missing: tuple[Refusal, ...] = ()
    skipped: tuple[Refusal, ...] = ()


def gather(given: Sequence[Path], out: Path) -> Gathered:
    """Find the clips; folders are searched to the bottom, without hidden files and without `out`.

    In a folder, a file that is called like media is a clip, broken or not; any other is one if it can be opened.
    """
    paths: dict[Path, Path] = {}
    missing: list[Refusal] = []
    skipped: list[Refusal] = []
    for path in given:
        if path.is_dir():
            for file in _files(path, out):
                reason = None if _called_media(file) else _why_not(file)
                if reason is None:
                    paths.setdefault(file.resolve(), file)
                else:
                    skipped.append(Refusal(file, reason))
        elif path.exists():
            paths.setdefault(path.resolve(), path)
        else:
            missing.append(Refusal(path, f"there is no {path}; check the path"))
    if not paths:
        reasons = [refusal.reason for refusal in missing] or ["no file there can be opened as a clip"]
        raise InputError(f"nothing to do: {'; '.join(reasons)}")
    named = zip(paths.values(), _names(list(paths)), strict=True)
    sources = (Source(name, place, _footages(path, name), path) for path, (name, place) in named)
    return Gathered(tuple(sources), tuple(missing), tuple(skipped))


def gather_named(clips: Iterable[tuple[str, Iterable[Footage], Path | None]]) -> Gathered:
    """Gather clips by name, each with its footages (of a corpus, say) and its file if there is one."""
    found = list(clips)
    if not found:
        raise InputError("nothing to do: there is no clip among those that were given")
    places = _apart([_inside(name) for name, _, _ in found])
    named = zip(found, places, strict=True)
    return Gathered(tuple(Source(name, place, footages, path) for (name, footages, path), place in named))


def _footages(path: Path, name: str) -> Iterator[Footage]:
    yield from read(Clip.of(path, name))


def _inside(name: str) -> str:
    """Turn a name into a place that cannot lie outside of the folder of results."""
    return "/".join(part for part in PurePosixPath(name).parts if part not in ("/", "//", "..")) or "clip"


def _files(folder: Path, out: Path) -> Iterator[Path]:
    results, searched = out.resolve(), folder.resolve()
    apart = searched in results.parents  # otherwise results lie among the clips, and are known by their names
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        result = results in path.resolve().parents if apart else _is_result(path)
        if path.is_file() and not hidden and not result:
            yield path


def _is_result(path: Path) -> bool:
    """Whether a file is one of those that `predict` wrote beside each other."""
    endings = (".json", ".csv", ".parquet", ".abaw.txt", ".png", *(f".abaw.{kind}.txt" for kind in KINDS))
    stem = next((path.name.removesuffix(end) for end in endings if path.name.endswith(end)), None)
    return stem is not None and all(path.with_name(stem + end).exists() for end in endings[:4])


def _called_media(path: Path) -> bool:
    kind = mimetypes.guess_type(path.name)[0] or ""
    # A drawing in XML is called an image, but nobody films with it.
    return kind.split("/")[0] in ("video", "audio", "image") and not kind.endswith("+xml")


def _why_not(path: Path) -> str | None:
    """Try to open a file; answers with the reason why it is no clip."""
    try:
        return None if next(read(Clip.of(path)), None) is not None else f"{path.name} is empty"
    except (MediaError, OSError) as error:
        return str(error)


def _names(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """Give each path its name and its place: the name without extension, where that is nobody else's."""
    lengths = [1] * len(paths)
    while shared := _repeated(names := [_end(path, length) for path, length in zip(paths, lengths, strict=True)]):
        lengths = [length + (name in shared) for name, length in zip(names, lengths, strict=True)]
    stems = [name.removesuffix(path.suffix) for name, path in zip(names, paths, strict=True)]
    # As file systems compare names that do not tell A from a.
    whole = [name for name, stem in zip(names, stems, strict=True) if name != stem]
    taken = _repeated(name.casefold() for name in [*stems, *whole])
    places = _apart([name if stem.casefold() in taken else stem for name, stem in zip(names, stems, strict=True)])
    return list(zip(names, places, strict=True))


def _apart(wanted: Sequence[str]) -> list[str]:
    """Number the places that another has already."""
    places: list[str] = []
    taken: Counter[str] = Counter()
    for place in wanted:
        twins = taken[place.casefold()]
        places.append(f"{place}-{twins + 1}" if twins else place)
        taken[places[-1].casefold()] += 1
    return places


def _end(path: Path, length: int) -> str:
    return "/".join(path.parts[-length:]).removeprefix("//")


def _repeated(names: Iterable[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}
