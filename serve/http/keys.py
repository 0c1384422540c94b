"""Keys: who may ask. A file of lines `name sha256-of-the-key what-it-is-for`; the key is shown once, and kept nowhere.

    key, line = make_key("clinic", "the trial of May")

A key has 256 random bits, so its plain hash cannot be searched; all lines are compared, each in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from serve.http.errors import Problem

ANYONE = "anyone"
"""Who asks where no keys are demanded."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LINE = re.compile(rf"(?P<name>{_NAME.pattern})\s+(?P<hash>[0-9a-f]{{64}})(\s.*)?")
_log = logging.getLogger(__name__)


class KeysError(ValueError):
    """A file of keys, or a name, that cannot be used; the message says why."""


def make_key(name: str, purpose: str = "") -> tuple[str, str]:
    """Make a key for somebody, and the line of the file that lets it in."""
    if not _NAME.fullmatch(name) or name == ANYONE:
        raise KeysError(
            f"{name!r} cannot name a key; use up to 64 letters, digits, dots, dashes and underscores, not {ANYONE!r}"
        )
    key = f"twofold_{secrets.token_urlsafe(32)}"
    return key, " ".join([name, _hash(key).decode(), *purpose.split()])


class Keys:
    """The keys of a file; read again when it changes, so that a key can be withdrawn while the server runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._names = _read(path)

    def whose(self, key: str) -> str | None:
        """Return the name of a key, or nothing."""
        self._refresh()
        given, found = _hash(key), None
        for name, known in self._names.items():
            if hmac.compare_digest(given, known):
                found = name
        return found

    def _refresh(self) -> None:
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp, self._names = stamp, _read(self._path)
                _log.info("read %d keys again", len(self._names))
        except KeysError as error:
            _log.error("the keys that were read before stay in force: %s", error)


def key_of(headers: Mapping[str, str]) -> str | None:
    """Return the key that a request brings: `Authorization: Bearer …`, or `X-API-Key: …`."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    return headers.get("x-api-key") or None


def authorise(keys: Keys | None, key: str | None) -> str:
    """Return who asks; a Problem where a key is demanded and this is none."""
    if keys is None:
        return ANYONE
    if key is None:
        raise Problem("key", "a key is needed; send it as Authorization: Bearer or as X-API-Key", headers=_CHALLENGE)
    if (name := keys.whose(key)) is None:
        raise Problem("key", "this key is not known; ask whoever runs the server for one", headers=_CHALLENGE)
    return name


_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="twofold"'}


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest().encode()


def _stamp(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise KeysError(
            f"the keys in {path} cannot be read ({error.strerror}); `twofold key NAME` makes one"
        ) from error
    return stat.st_mtime_ns, stat.st_size


def _read(path: Path) -> dict[str, bytes]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"the keys in {path} cannot be read ({error}); `twofold key NAME` makes one") from error
    found: dict[str, bytes] = {}
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or match["name"] == ANYONE:
            raise KeysError(
                f"line {number} of {path} is no key; each is `name sha256`, as `twofold key NAME` prints it"
            )
        if match["name"] in found:
            raise KeysError(f"line {number} of {path} names {match['name']} a second time; take another name")
        found[match["name"]] = match["hash"].encode()
    return found
