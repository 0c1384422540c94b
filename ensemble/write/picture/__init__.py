"""The timeline as a picture."""

from ensemble.write.picture.page import picture, write_picture

__all__ = ["picture", "write_picture"]
