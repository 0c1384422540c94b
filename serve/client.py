"""A client of a Twofold server: a clip in, its timeline out, at once, as a stream, or as a job.

    client = Client("http://127.0.0.1:8000", key=os.environ.get("TWOFOLD_KEY"))
    timeline = client.predict("talk.mp4")
    client.submit("lecture.mp4").wait().save("results")

Needs httpx alone. Where the server has no room, a request is sent again when it says so, within bounds; every other
problem is a ServerError with the server's own sentence. `verify` is for those who are called back.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from modalities.whole import whole
from serve.asking import Asking, Question, ServerError, ServerLostError, told_by
from serve.signature import verify

__all__ = ["ENDINGS", "Client", "Format", "Job", "ServerError", "verify"]

Format = Literal["json", "csv", "parquet", "abaw", "picture"]
ENDINGS: dict[Format, str] = {
    "json": ".json",
    "csv": ".csv",
    "parquet": ".parquet",
    "abaw": ".abaw.txt",
    "picture": ".png",
}
"""Format → how its file ends."""
PATIENCE = 120.0
"""Seconds for which a server that has no room, or starts again, is asked again."""
LOOK, PAUSE, LONGEST = 0.1, 0.5, 5.0
"""Seconds between two looks at a job at first, until a connection is taken up again, and at most."""


class Client:
    """A server."""

    def __init__(self, address: str, key: str | None = None, *, patience: float = PATIENCE) -> None:
        self._asking = Asking(address, key, patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._asking.close()

    def models(self) -> dict[str, Any]:
        """Return what recognises there."""
        return dict(self._asking.ask(Question("GET", "/v1/models")).json())

    def predict(
        self,
        path: Path | str,
        *,
        without: Sequence[str] = (),
        all_tracks: bool = False,
        prompts: Sequence[str] = (),
        name: str | None = None,
    ) -> dict[str, Any]:
        """Recognise a short clip; return its timeline as `twofold predict` writes it."""
        fields = _fields(without, prompts, all_tracks=all_tracks)
        question = Question("POST", "/v1/predict", clip=Path(path), name=name, fields=fields)
        return dict(self._asking.ask(question).json())

    def stream(
        self,
        path: Path | str,
        *,
        without: Sequence[str] = (),
        all_tracks: bool = False,
        prompts: Sequence[str] = (),
        name: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Recognise a short clip; yield what is found as soon as it is: begun, stretches, at last the result."""
        fields = _fields(without, prompts, all_tracks=all_tracks)
        wanted = {"Accept": "application/x-ndjson"}
        question = Question("POST", "/v1/predict", False, Path(path), name, fields, wanted)  # noqa: FBT003  not twice
        with self._asking.answer(question) as answer:
            for line in answer.iter_lines():
                event = json.loads(line)
                if event["event"] == "refused":
                    raise told_by(
                        {"detail": event["reason"], "type": event["why"]}, 422 if event["why"] == "clip" else 503
                    )
                yield event
                if event["event"] == "result":
                    return
        raise ServerLostError("the server broke off in the middle of the clip; send it again")

    def submit(  # noqa: PLR0913  each is a wish of its own
        self,
        path: Path | str,
        *,
        without: Sequence[str] = (),
        all_tracks: bool = False,
        prompts: Sequence[str] = (),
        name: str | None = None,
        callback_url: str | None = None,
        erase: bool = False,
    ) -> Job:
        """Send a clip as a job; a request that has to be sent again makes no second one."""
        fields = _fields(without, prompts, all_tracks=all_tracks)
        fields |= {"erase": "true"} if erase else {}
        fields |= {"callback_url": callback_url} if callback_url else {}
        once = {"Idempotency-Key": str(uuid.uuid4())}
        question = Question("POST", "/v1/jobs", clip=Path(path), name=name, fields=fields, headers=once)
        return Job(self._asking, self._asking.ask(question).json())

    def job(self, name: str) -> Job:
        """Return a job that was submitted before, by its id."""
        return Job(self._asking, self._asking.ask(Question("GET", f"/v1/jobs/{name}")).json())

    def jobs(self) -> Iterator[Job]:
        """Yield all jobs of this key, newest first."""
        following: str | None = "/v1/jobs"
        while following:
            page = self._asking.ask(Question("GET", following)).json()
            yield from (Job(self._asking, document) for document in page["jobs"])
            following = page["next"]


class Job:
    """Work that the server goes on with while nobody waits; `document` is how it stood when last heard of."""

    def __init__(self, asking: Asking, document: dict[str, Any]) -> None:
        self._asking, self.document = asking, document

    @property
    def id(self) -> str:
        """Its name, for `Client.job`."""
        return str(self.document["id"])

    @property
    def state(self) -> str:
        """One of queued, running, done, failed and cancelled."""
        return str(self.document["state"])

    @property
    def progress(self) -> tuple[float, float | None]:
        """Seconds of the clip that are done, and that it lasts, where that is known."""
        told = self.document["progress"]
        return told["seconds"], told["duration"]

    @property
    def over(self) -> bool:
        """Whether nothing follows."""
        return self.state in ("done", "failed", "cancelled")

    def refresh(self) -> Self:
        """Ask how it stands."""
        self.document = self._asking.ask(Question("GET", self._at())).json()
        return self

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield its document whenever that changes, up to the end; a connection that breaks is taken up again."""
        seen, pause = _Seen(), PAUSE
        while True:
            try:
                for document in self._sent(seen):
                    self.document, pause = document, PAUSE
                    yield document
                    if self.over:
                        return
            except ServerLostError:
                pass  # whoever is asked next is waited for
            if self.refresh().over:
                yield self.document
                return
            time.sleep(pause)
            pause = min(LONGEST, 2 * pause)

    def wait(self, timeout: float | None = None) -> Self:
        """Wait until it is done; a ServerError where it failed, TimeoutError after so many seconds."""
        end = None if timeout is None else time.monotonic() + timeout
        pause = LOOK
        while not self.refresh().over:
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"job {self.id} is {self.state} after {timeout:g} s; it goes on, so wait again")
            time.sleep(pause)
            pause = min(LONGEST, 1.5 * pause)
        if self.state == "done":
            return self
        problem = self.document["problem"] or {"detail": "the job was cancelled", "status": 410}
        raise told_by(problem, problem["status"])

    def result(self, form: Format = "json") -> Any:
        """Return what was found: a dictionary for `json`, else the bytes of the file."""
        answer = self._asking.ask(Question("GET", f"{self._at()}/result?format={form}"))
        return answer.json() if form == "json" else answer.content

    def save(self, folder: Path | str, stem: str | None = None) -> dict[str, Path]:
        """Write the result's files as `twofold predict` does; answers with format → file."""
        place = Path(folder) / (Path(self.document["name"]).stem if stem is None else stem)
        files = {form: place.with_name(place.name + ending) for form, ending in ENDINGS.items()}
        for form, path in files.items():
            with (
                self._asking.answer(Question("GET", f"{self._at()}/result?format={form}")) as answer,
                whole(path) as unfinished,
                unfinished.open("wb") as stream,
            ):
                stream.writelines(answer.iter_bytes())
        return {str(form): path for form, path in files.items()}

    def cancel(self) -> None:
        """End it if it has not ended, and erase the clip and the result."""
        self._asking.ask(Question("DELETE", self._at()))

    def _at(self) -> str:
        return f"/v1/jobs/{self.id}"

    def _sent(self, seen: _Seen) -> Iterator[dict[str, Any]]:
        """Read server-sent events after the one that was seen last."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": seen.last} if seen.last else {})
        with self._asking.answer(Question("GET", f"{self._at()}/events", headers=headers)) as answer:
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    seen.last = value
                elif name == "data":
                    yield json.loads(value)


@dataclass(slots=True)
class _Seen:
    """The event that was seen last."""

    last: str = ""


def _fields(without: Sequence[str], prompts: Sequence[str], *, all_tracks: bool) -> dict[str, Any]:
    tracks = {"tracks": "all"} if all_tracks else {}
    return {"without": list(without), "prompt": list(prompts), **tracks}
