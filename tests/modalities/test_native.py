"""Silence while networks open: complete inside, over outside, whatever the order of threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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


@pytest.mark.slow
def test_the_last_one_out_opens_stderr_again() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TWOFOLD_VERBOSE"}
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=True)
    assert run.stderr == "open again\n"


@pytest.mark.slow
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


@pytest.mark.slow
def test_librosa_fills_its_cache_while_no_other_process_may(tmp_path):
    """Two that compile at once give one name to two functions, and whoever loads it afterwards crashes."""
    program = (
        "import contextlib, os, pathlib, sys\n"
        "import numpy as np\n"
        "import modalities.native as native\n"
        "cache = pathlib.Path(os.environ['NUMBA_CACHE_DIR'])\n"
        "count = lambda: sum(1 for _ in cache.rglob('*.nb*'))\n"
        "real, counts = native.one_at_a_time, []\n"
        "@contextlib.contextmanager\n"
        "def watched(name):\n"
        "    counts.append(count())\n"
        "    with real(name):\n"
        "        yield\n"
        "    counts.append(count())\n"
        "native.one_at_a_time = watched\n"
        "from modalities.encoders.prosody import measure\n"
        "measure(np.random.default_rng(0).normal(0, 0.1, 16_000)).summary\n"
        "print(*counts, count())\n"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    before, after, at_end = map(int, run.stdout.split())
    assert before == 0 < after == at_end
