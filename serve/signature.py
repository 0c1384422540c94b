"""Signed callbacks: the receiver sees that a message comes from this server, unchanged and fresh.

Twofold-Signature: t=1760000000,v1=5f2b…        # HMAC-SHA256 of "1760000000." and the body, with the shared secret
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time

HEADER = "Twofold-Signature"
SECRET = "TWOFOLD_WEBHOOK_SECRET"  # noqa: S105  the name of the environment variable that holds it
TOLERANCE = 300.0
"""Seconds for which a message is fresh."""
_SHAPE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def sign(secret: str, body: bytes, *, now: float | None = None) -> str:
    """Return the header for a body."""
    moment = str(int(time.time() if now is None else now))
    return f"t={moment},v1={_mac(secret, moment, body)}"


def verify(
    secret: str, header: str | None, body: bytes, *, tolerance: float = TOLERANCE, now: float | None = None
) -> bool:
    """Tell whether a body was signed with this secret, not longer ago than `tolerance` seconds."""
    match = _SHAPE.fullmatch(header or "")
    if match is None or not secret:
        return False
    moment, given = match.groups()
    fresh = abs((time.time() if now is None else now) - int(moment)) <= tolerance
    return hmac.compare_digest(_mac(secret, moment, body), given) and fresh


def _mac(secret: str, moment: str, body: bytes) -> str:
    return hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
