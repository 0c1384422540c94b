"""All the files of one clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ensemble.timeline import Timeline
from ensemble.write.abaw import Kind, write_abaw
from ensemble.write.crops import crops, moments
from ensemble.write.document import Origin, document, write_document
from ensemble.write.picture import picture, write_picture
from ensemble.write.table import table, write_csv, write_parquet
from modalities.types import Clip


def write(
    timeline: Timeline, clip: Clip | None, place: Path, origin: Origin, abaw: Sequence[Kind] = ()
) -> dict[str, Path]:
    """Write `place`.json, .csv, .parquet, .abaw.txt and .png; answers with kind → file. OSError where it cannot.

    Without the clip's file there are no faces on the picture. `abaw` names further files of the challenges.
    """
    kinds = {"json": ".json", "csv": ".csv", "parquet": ".parquet", "abaw": ".abaw.txt", "picture": ".png"}
    kinds |= {f"abaw_{kind}": f".abaw.{kind}.txt" for kind in abaw}
    files = {kind: place.with_name(place.name + ending) for kind, ending in kinds.items()}
    frame = table(timeline)
    write_document(document(timeline, origin), files["json"])
    write_csv(frame, files["csv"])
    write_parquet(frame, files["parquet"])
    write_abaw({place.name: timeline}, files["abaw"])
    for kind in abaw:
        write_abaw({place.name: timeline}, files[f"abaw_{kind}"], kind=kind)
    faces = [] if clip is None else crops(clip, moments(timeline))
    write_picture(picture(timeline, faces), files["picture"])
    return files
