"""Clients that ask a server again and again, for so many seconds; prints how often it answered what.

python -m tests.cluster.asking URL CLIP SECONDS CLIENTS
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx


def ask(url: str, clip: Path, seconds: float) -> Counter[str]:
    """Ask one request after the other; what is no answer counts by its error."""
    told: Counter[str] = Counter()
    end = time.monotonic() + seconds
    with httpx.Client(timeout=120) as client:
        while time.monotonic() < end:
            try:
                answer = client.post(f"{url}/v1/predict", files={"file": (clip.name, clip.read_bytes())})
                told[str(answer.status_code)] += 1
            except httpx.HTTPError as error:
                told[type(error).__name__] += 1
    return told


def main() -> None:
    """Ask with several clients at once."""
    url, clip, seconds, clients = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    with ThreadPoolExecutor(clients) as pool:
        told = sum(pool.map(lambda _: ask(url, clip, seconds), range(clients)), Counter())
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
