"""What the README shows of the server works as printed: its curl lines, its lines of Python, and `predict --server`.

Only the port is another, so that nobody's server is met.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from serve.graph.conductor import Conductor
from serve.http.app import make_app
from serve.http.services import Services
from serve.jobs.jobs import Jobs
from serve.settings import ServerSettings
from tests import films
from tests.faults.servers import make_bundle
from tests.serving import Running

ROOT = Path(__file__).parents[2]
SECTION = re.search(r"\n## Serving\n(.*?)\n## ", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
TEXT = SECTION[1] if SECTION else ""
CURLS = re.findall(r"^    (curl .*)$", TEXT, re.MULTILINE)
PYTHON = "\n".join(re.findall(r"^    ((?:from serve|with Client|    ).*)$", TEXT, re.MULTILINE))
PRINTED = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("readme")
    for name, seconds in (("talk.mp4", 2.3), ("lecture.mp4", 3.1)):
        films.write(films.film(seconds), made / name)
    return made


@pytest.fixture(scope="module")
def server(folder):
    conductor = Conductor.load(make_bundle(folder / "bundle", folder))
    settings = ServerSettings.model_validate({"jobs": {"folder": folder / "jobs"}})
    with Running(make_app(Services(settings, conductor, Jobs(settings, conductor)))) as running:
        yield running
    conductor.close()


def test_the_section_shows_something() -> None:
    assert len(CURLS) >= 5
    assert "client.predict" in PYTHON


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("line", CURLS)
def test_a_line_of_curl(line: str, folder: Path, server: Running) -> None:
    words = shlex.split(line.replace(PRINTED, server.url))
    done = subprocess.run(
        [*words, "-sS", "--fail"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(text) for text in done.stdout.splitlines()]
    assert answers
    if "ndjson" in line:
        assert [one["event"] for one in answers] == ["begun", "stretch", "result"]
        assert all("text.mean" not in s["present"] for s in answers[-1]["document"]["segments"])
    elif "predict" in line:
        assert answers[0]["format"] == "twofold.timeline"
    elif "jobs" in line and "-F" in line:
        assert answers[0]["state"] in ("queued", "running", "done")


def test_the_lines_of_python(folder: Path, server: Running) -> None:
    run = [sys.executable, "-c", PYTHON.replace(PRINTED, server.url) + "\nprint(timeline['clip']['name'])"]
    done = subprocess.run(
        run, cwd=folder, capture_output=True, text=True, timeout=200, check=False, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "talk.mp4"
    assert {path.name for path in (folder / "results").iterdir()} >= {"lecture.json", "lecture.csv", "lecture.png"}
