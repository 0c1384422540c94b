"""All the files of one clip."""

from __future__ import annotations

from pathlib import Path

from ensemble.timeline import Timeline
from ensemble.write.abaw import write_abaw
from ensemble.write.crops import crops, moments
from ensemble.write.document import Origin, document, write_document
from ensemble.write.picture import picture, write_picture
from ensemble.write.table import table, write_csv, write_parquet
from modalities.types import Clip


def write(timeline: Timeline, clip: Clip, place: Path, origin: Origin) -> dict[str, Path]:
    """Write `place`.json, .csv, .parquet, .abaw.txt and .png; answers with kind → file. OSError where it cannot."""
    kinds = {"json": ".json", "csv": ".csv", "parquet": ".parquet", "abaw": ".abaw.txt", "picture": ".png"}
    files = {kind: place.with_name(place.name + ending) for kind, ending in kinds.items()}
    frame = table(timeline)
    write_document(document(timeline, origin), files["json"])
    write_csv(frame, files["csv"])
    write_parquet(frame, files["parquet"])
    write_abaw({place.name: timeline}, files["abaw"])
    write_picture(picture(timeline, crops(clip, moments(timeline))), files["picture"])
    return files
