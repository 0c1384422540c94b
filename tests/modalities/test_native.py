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


def test_only_one_process_at_a_time_is_let_in(tmp_path):
    """Two processes add to a file slowly; neither ever sees the other's half."""
    program = (
        "import sys, time\n"
        "from modalities.native import one_at_a_time\n"
        "for _ in range(5):\n"
        "    with one_at_a_time('test'):\n"
        "        before = open(sys.argv[1]).read()\n"
        "        assert len(before) % 2 == 0\n"
        "        open(sys.argv[1], 'a').write('(')\n"
        "        time.sleep(0.02)\n"
        "        open(sys.argv[1], 'a').write(')')\n"
    )
    log = tmp_path / "log"
    log.write_text("")
    both = [subprocess.Popen([sys.executable, "-c", program, str(log)]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert log.read_text() == "()" * 10
