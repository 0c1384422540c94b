"""The description of the interface is true: schemathesis asks whatever it allows, and much that it does not."""

import json
import os
import re
import subprocess
import sys

import jsonschema
import pytest

from serve.jobs.jobs import Jobs
from serve.settings import ServerSettings

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = 12
"""Of each operation and phase."""


@pytest.fixture(scope="module")
def whole(start, conductor, tmp_path_factory):
    """A server with jobs."""
    settings = ServerSettings.model_validate({"jobs": {"folder": tmp_path_factory.mktemp("jobs")}})
    with start(jobs=Jobs(settings, conductor, poll=0.05), clip_seconds=8.0, upload_seconds=10.0) as running:
        yield running


def test_the_description_is_whole(whole):
    told = whole.http.get("/openapi.json").json()
    assert {"/v1/predict", "/v1/jobs", "/v1/jobs/{job}/result", "/v1/models", "/healthz"} <= told["paths"].keys()
    assert set(told["components"]["securitySchemes"]) == {"bearer", "key"}
    assert "HTTPValidationError" not in str(told)
    for path, operations in told["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation.get("summary"), where
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (where, status)
                    assert answer["content"]["application/problem+json"]["examples"], (where, status)
    jsonschema.Draft202012Validator.check_schema(told["components"]["schemas"]["Answer"])


def fits(told, name, value):
    """Check a value against a schema of the description."""
    jsonschema.validate(value, {"$ref": f"#/components/schemas/{name}", "components": told["components"]})


def test_answers_are_as_described(whole, film):
    told = whole.http.get("/openapi.json").json()
    clip = {"file": film.read_bytes()}
    fits(told, "Answer", whole.http.post("/v1/predict", files=clip).json())
    events = whole.http.post("/v1/predict", files=clip, headers={"Accept": "application/x-ndjson"}).text.splitlines()
    for line in events:
        fits(told, "Event", json.loads(line))
    with pytest.raises(jsonschema.ValidationError):
        fits(told, "Event", {"event": "stretch", "start": "now", "end": 1})
    assert "twofold_jobs{" not in whole.http.get("/metrics").text
    job = whole.http.post("/v1/jobs", files=clip)
    assert job.status_code == 202
    assert re.search(r'twofold_jobs\{state="(queued|running|done)"\} 1\.0', whole.http.get("/metrics").text)
    problem = whole.http.post("/v1/predict").json()
    fits(told, "Problem", problem)
    with pytest.raises(jsonschema.ValidationError):
        fits(told, "Answer", problem)


@pytest.mark.slow
def test_schemathesis_finds_nothing(whole, tmp_path):
    """In a process of its own, which may be stopped, and whose hypothesis is not ours."""
    run = subprocess.run(
        [
            *[sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run", f"{whole.url}/openapi.json"],
            *["--phases", "examples,coverage,fuzzing", "--checks", CHECKS, "--max-examples", str(EXAMPLES)],
            *["--seed", "7", "--no-shrink", "--continue-on-failure", "--request-timeout", "60", "--max-failures", "30"],
            *["--no-color", "--warnings", "off", "--suppress-health-check", "all"],
        ],
        cwd=tmp_path,
        env={**os.environ, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert whole.http.get("/readyz").status_code == 200
