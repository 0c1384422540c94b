"""What comes out of a timeline: a JSON document, a per-frame table, the ABAW submission file, and a picture."""

from ensemble.write.abaw import ras_classes, ras_frames, reference_frames, submission, write_abaw
from ensemble.write.crops import Crop, Moment, crops, moments
from ensemble.write.digest import Digest
from ensemble.write.document import DISCLOSURE, SCHEMA, Origin, document, write_document
from ensemble.write.files import write
from ensemble.write.picture import picture, write_picture
from ensemble.write.table import table, write_csv, write_parquet

__all__ = [
    "DISCLOSURE",
    "SCHEMA",
    "Crop",
    "Digest",
    "Moment",
    "Origin",
    "crops",
    "document",
    "moments",
    "picture",
    "ras_classes",
    "ras_frames",
    "reference_frames",
    "submission",
    "table",
    "write",
    "write_abaw",
    "write_csv",
    "write_document",
    "write_parquet",
    "write_picture",
]
