"""A form of several parts, read as it comes in: small fields into memory, the clip handed on piece by piece."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from serve.http.errors import Problem

FIELDS, FIELD_BYTES = 128, 8192
"""Parts of a form, and bytes of each but the clip."""
OVERHEAD = FIELDS * (FIELD_BYTES + 8 * 4224)
"""Bytes that a form may have beside its clip."""
NAME = 200
"""Characters of a clip's name."""


class Form:
    """A form that is pushed in; `feed` hands out what belongs to the clip."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:
            raise Problem("unreadable", "the form names no boundary of 1 to 70 characters; let a program make the form")
        self.fields: dict[str, list[bytes]] = {}
        self.name: str | None = None
        """What the clip is called; none while there is none."""
        self._parts = 0
        self._header: list[bytes] = [b"", b""]
        self._disposition = b""
        self._field: bytearray | None = None
        self._called = ""
        self._pieces: list[bytes] = []
        self._whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._head(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._head(1, data[start:end]),
                "on_header_end": self._header_ended,
                "on_headers_finished": self._open,
                "on_part_data": lambda data, start, end: self._data(data[start:end]),
                "on_part_end": self._close,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came in; return the pieces of it that are the clip's."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise Problem("unreadable", "the form is broken: its parts are not divided by its boundary") from None
        pieces, self._pieces = self._pieces, []
        return pieces

    def finish(self) -> None:
        """Say that no more comes; a Problem where something is missing."""
        if not self._whole:
            raise Problem("unreadable", "the form ends in the middle: its last boundary is missing; send it again")
        if self.name is None:
            raise Problem("invalid", "the form has no clip; send it in the field file")

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > FIELDS:
            raise Problem("invalid", f"the form has more than {FIELDS} parts; leave some out")
        self._disposition = b""

    def _head(self, which: int, data: bytes) -> None:
        self._header[which] += data

    def _header_ended(self) -> None:
        if self._header[0].lower() == b"content-disposition":
            self._disposition = self._header[1]
        if self._header[0].lower() == b"content-transfer-encoding" and self._header[1].strip().lower() not in _AS_IS:
            raise Problem("media", "a part of the form is encoded; send its bytes as they are")
        self._header = [b"", b""]

    def _open(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or not options.get(b"name"):
            raise Problem("unreadable", "a part of the form has no name; let a program make the form")
        self._called = options[b"name"].decode("utf-8", "replace")
        if self._called != "file":
            self._field = bytearray()
            return
        if self.name is not None:
            raise Problem("invalid", "the form has more than one clip; send one in each request")
        self._field = None
        self.name = clip_name(_filename(options))

    def _data(self, data: bytes) -> None:
        if self._field is None:
            self._pieces.append(data)
            return
        self._field += data
        if len(self._field) > FIELD_BYTES:
            raise Problem("invalid", f"a field of the form has more than {FIELD_BYTES} bytes; shorten it")

    def _close(self) -> None:
        if self._field is not None:
            self.fields.setdefault(self._called, []).append(bytes(self._field))
            self._field = None

    def _end(self) -> None:
        self._whole = True


_AS_IS = (b"binary", b"8bit", b"7bit")


def _filename(options: Mapping[bytes, bytes]) -> str:
    name = options.get(b"filename", b"")
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")


def clip_name(given: str) -> str:
    """Make a name for an answer out of what somebody calls a clip: no folders, nothing that does not print."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(sign for sign in last if unicodedata.category(sign)[0] != "C").strip()[:NAME]
    return "clip" if name in ("", ".", "..") else name
