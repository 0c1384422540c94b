"""Recognise clips one after the other and write their files; a clip that fails never stops the rest."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ensemble.bundle import load
from ensemble.manifest import find_bundle
from ensemble.predict.clips import Gathered, InputError, Refusal, Source, gather
from ensemble.predict.summary import Done, Report, Summary, one_by_one
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Timeline
from ensemble.write import Digest, Origin, write
from ensemble.write.abaw import Kind, check
from modalities.assets import AssetError
from modalities.cues.caption.endpoint import EndpointError
from modalities.cues.caption.table import CaptionTableError
from modalities.media import MediaError
from modalities.types import seconds

_log = logging.getLogger(__name__)


def predict(
    clips: Sequence[Path] | Gathered,
    out: Path,
    bundle: Path | None = None,
    *,
    wishes: Wishes | None = None,
    abaw: Sequence[Kind] = (),
    report: Report = _log.info,
) -> Summary:
    """Recognise files, all clips in folders, or what `gather_named` gathered; write the files of each to `out`.

    Raises InputError where there is nothing to do, BundleError without a bundle, and AssetError where a model is
    missing, even if a clip is the first to ask for it. A clip's own trouble stands in the summary instead. `abaw` names
    files of the ABAW challenges to be written beside that of CE.
    """
    wishes = wishes or Wishes()
    folder = find_bundle(bundle)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file, but results need a folder; give another with --out")
    report("looking for clips")
    gathered = clips if isinstance(clips, Gathered) else gather(clips, out)
    report(f"loading {folder}")
    with load(folder) as recognizer:
        origin = Origin.of(folder)
        _check(wishes, abaw, recognizer)
        _check_out(out)
        work = Work(recognizer, wishes, origin, out, tuple(abaw))
        return one_by_one(gathered, lambda source, told: _attempt(work, source, told), report)


@dataclass(frozen=True, slots=True)
class Work:
    """What every clip is done with."""

    recognizer: Recognizer
    wishes: Wishes
    origin: Origin
    out: Path
    abaw: tuple[Kind, ...] = ()

    def do(self, source: Source, report: Report) -> Done:
        """Recognise a clip and write its files."""
        began = time.monotonic()
        pieces: list[Timeline] = []
        report("opening")
        for piece in self.recognizer.stream(source.footages, self.wishes):
            pieces.append(piece)
            report(f"{seconds(piece.end):.0f} s done")
        timeline = replace(Timeline.join(pieces), clip=source.name)
        report("writing")
        files = write(timeline, source.file, self.out / source.place, self.origin, self.abaw)
        digest = Digest.of(timeline)
        factor = (time.monotonic() - began) / max(digest.duration, 1e-3)
        return Done(source.path, source.name, digest, factor, files, timeline.problems)


def _attempt(work: Work, source: Source, report: Report) -> Done | Refusal:
    try:
        return work.do(source, report)
    except (MediaError, OSError, CaptionTableError, EndpointError) as error:
        return source.refused(str(error))
    except AssetError:  # what is missing is missing for every clip
        raise
    except Exception as error:  # noqa: BLE001  whatever one clip does, it must not cost the others their results
        _log.exception("%s could not be recognised", source.name)
        return source.refused(f"the program failed with {type(error).__name__}: {error}; please report this")


def _check_out(out: Path) -> None:
    """Refuse a folder that cannot be written to, before any work."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"results cannot be written to {out} ({reason}); give another folder with --out") from error


def _check(wishes: Wishes, abaw: Sequence[Kind], recognizer: Recognizer) -> None:
    """Refuse wishes that no clip can fulfil, before the first one."""
    try:
        recognizer.check(wishes)
        check(abaw, recognizer.plan.tasks)
    except ValueError as error:
        raise InputError(str(error)) from error
