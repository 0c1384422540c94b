"""A server of jobs in a process of its own, which a test kills: python -m tests.serve.jobs.working FOLDER LOG ADDRESS.

The address of the server is written to the file ADDRESS when it listens.
"""

import sys
import threading
from pathlib import Path

from modalities.whole import whole
from tests.serve.jobs.reader import Reader
from tests.serve.jobs.served import serving

if __name__ == "__main__":
    folder, log, address = map(Path, sys.argv[1:])
    with serving(folder, performer=Reader(log), lease=2, at_once=2, attempts=5) as running:
        with whole(address) as unfinished:
            unfinished.write_text(running.url)
        threading.Event().wait(600)
