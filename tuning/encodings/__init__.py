"""What perception leaves behind of clips, kept on disk piece by piece, and used again by every recipe."""

from tuning.encodings.cache import EncodingCache
from tuning.encodings.impressions import impress, join, load_impression, save_impression
from tuning.encodings.key import fingerprint, hash_into

__all__ = [
    "EncodingCache",
    "fingerprint",
    "hash_into",
    "impress",
    "join",
    "load_impression",
    "save_impression",
]
