"""The result of a job as an answer: one of its files, sent piece by piece and, with `erase`, erased then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import IO, Literal
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import StreamingResponse

from serve.http.errors import Problem
from serve.jobs.job import Job
from serve.jobs.jobs import Jobs

Format = Literal["json", "csv", "parquet", "abaw", "picture"]
TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "abaw": "text/plain",
    "picture": "image/png",
}
"""Format → media type."""
BLOCK = 1 << 18


async def result_of(jobs: Jobs, job: Job, form: Format, request: Request) -> StreamingResponse:
    """Answer with a file of a job's result; a Problem where there is none (yet, or any more)."""
    if job.erased is not None:
        raise Problem("gone", "the result was erased; send the clip again")
    if job.state == "failed":
        raise Problem("conflict", f"the job failed, so it has no result: {job.reason}")
    if job.state != "done":
        raise Problem("conflict", f"the job is {job.state}; come again, or follow its events", again=2)
    path = jobs.places.results(job).get(form)
    if path is None:
        raise Problem("conflict", f"this result has no {form}; there are {', '.join(sorted(job.files))}")
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except FileNotFoundError:
        raise Problem("gone", "the result was erased; send the clip again") from None
    length = (await asyncio.to_thread(path.stat)).st_size
    headers = {
        "Content-Length": str(length),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(path.name, safe='')}",
    }
    return StreamingResponse(_sent(file, jobs, job, request), media_type=TYPES[form], headers=headers)


async def _sent(file: IO[bytes], jobs: Jobs, job: Job, request: Request) -> AsyncIterator[bytes]:
    with file:
        while data := await asyncio.to_thread(file.read, BLOCK):
            yield data
    # Whoever went away in the middle may come again.
    if job.erase and not await request.is_disconnected():
        await jobs.erase(job.id)
