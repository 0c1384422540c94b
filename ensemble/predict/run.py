"""Recognise clips one after the other and write their files; a clip that fails never stops the rest."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ensemble.bundle import MANIFEST, BundleError, load
from ensemble.predict.clips import InputError, Refusal, Source, gather
from ensemble.predict.summary import Done, Summary
from ensemble.recognizer import Recognizer, Wishes
from ensemble.timeline import Timeline
from ensemble.write import Digest, Origin, write
from modalities.media import MediaError, read
from modalities.types import Clip, seconds

DEFAULT_BUNDLE = Path("runs/demo/bundle")
Report = Callable[[str], None]
"""Takes what is being done, for people."""

_log = logging.getLogger(__name__)


def predict(
    clips: Sequence[Path],
    out: Path,
    bundle: Path | None = None,
    *,
    wishes: Wishes | None = None,
    report: Report = _log.info,
) -> Summary:
    """Recognise files, and all clips in folders, and write the files of each to `out`.

    Raises InputError where there is nothing to do, and BundleError without a bundle. A clip's own trouble stands in
    the summary instead.
    """
    wishes = wishes or Wishes()
    folder = find_bundle(bundle)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file, but results need a folder; give another with --out")
    report("looking for clips")
    gathered = gather(clips, out)
    report(f"loading {folder}")
    origin = Origin.of(folder)
    done: list[Done] = []
    failed = list(gathered.missing)
    with load(folder) as recognizer:
        _check(wishes, recognizer)
        for number, source in enumerate(gathered.sources, start=1):
            heading = f"{number} of {len(gathered.sources)}: {source.name}"
            try:
                done.append(_one(source, _Road(recognizer, wishes, origin, out, heading, report)))
            except Exception as error:
                failed.append(Refusal(source.path, str(error)))
    return Summary(tuple(done), tuple(failed), gathered.skipped)
