"""Silence while networks open: complete inside, over outside, whatever the order of threads."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import os, threading
from modalities.native import hushed
inside, leave = threading.Event(), threading.Event()
def other():
    with hushed():
        inside.set()
        leave.wait(5)
thread = threading.Thread(target=other)
with hushed():
    thread.start()
    inside.wait(5)
os.write(2, b"still hushed\\n")
leave.set()
thread.join()
os.write(2, b"open again\\n")
"""


def test_the_last_one_out_opens_stderr_again() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TWOFOLD_VERBOSE"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=True)
    assert run.stderr == "open again\n"
