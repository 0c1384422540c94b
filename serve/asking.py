"""How a client asks a server: keys, files, patience where there is no room, and problems as one sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

BUSY = (429, 503)
PAUSE, LONGEST = 0.5, 30.0
"""Seconds until a request is sent again, doubled each time, and at most, where the server does not say."""
TIMEOUT = httpx.Timeout(30.0, read=600.0, write=600.0)


class ServerError(RuntimeError):
    """What the server, or the way to it, says is wrong: one sentence, with the status and the kind of the problem."""

    def __init__(self, sentence: str, *, status: int | None = None, kind: str = "") -> None:
        super().__init__(sentence)
        self.status, self.kind = status, kind


class ServerRefusedError(ServerError):
    """The request is at fault, not the server."""


class ServerLostError(ServerError):
    """The server does not answer, or broke off."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request, which can be sent again. `safe`: twice is as good as once."""

    method: str
    path: str
    safe: bool = True
    clip: Path | None = None
    name: str | None = None
    """What the clip is called."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Asking:
    """A connection to a server."""

    def __init__(self, address: str, key: str | None, patience: float) -> None:
        if not address.startswith(("http://", "https://")):
            raise ServerRefusedError(f"{address!r} is no address of a server; give one such as http://127.0.0.1:8000")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._http = httpx.Client(base_url=address, headers=headers, timeout=TIMEOUT)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise ServerRefusedError(f"{address!r} or the key cannot be used ({error}); give others") from None
        self._address, self._patience, self._met = address, patience, False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, question: Question) -> httpx.Response:
        """Ask and read the answer; a ServerError says what is wrong."""
        with ExitStack() as stack:
            return self._ask(question, stack, read=True)

    @contextmanager
    def answer(self, question: Question) -> Iterator[httpx.Response]:
        """Ask; the answer is read by whoever wants it. A ServerLostError where it breaks off."""
        with ExitStack() as stack:
            answer = self._ask(question, stack, read=False)
            try:
                yield answer
            except httpx.TransportError as error:
                raise ServerLostError(f"the server broke off in the middle ({_said(error)}); ask again") from None

    def _ask(self, question: Question, stack: ExitStack, *, read: bool) -> httpx.Response:
        """Ask, and where there is no room or the server is gone for a while, again for as long as patience lasts."""
        end, pause = time.monotonic() + self._patience, PAUSE
        while True:
            try:
                answer, wait = self._send(question, stack), pause
                self._met = True
                if read or answer.status_code >= 400:
                    answer.read()
                if answer.status_code < 400:
                    return answer
                problem, wait = _problem(answer), _wait(answer, pause)
                if answer.status_code not in BUSY and not (question.safe and _is_no_word_of_ours(answer)):
                    raise problem
            except httpx.TransportError as error:
                problem, wait = _lost(self._address, error), pause
                # Whoever never answered is more likely a wrong address than a server that starts again.
                if not (self._met and question.safe):
                    raise problem from None
            stack.close()
            if time.monotonic() + wait > end:
                raise problem
            time.sleep(wait)
            pause = min(LONGEST, 2 * pause)

    def _send(self, question: Question, stack: ExitStack) -> httpx.Response:
        given: dict[str, Any] = {"headers": dict(question.headers)}
        if question.clip is not None:
            file = stack.enter_context(question.clip.open("rb"))
            given |= {"files": {"file": (question.name or question.clip.name, file)}, "data": dict(question.fields)}
        return stack.enter_context(self._http.stream(question.method, question.path, **given))


def _is_no_word_of_ours(answer: httpx.Response) -> bool:
    """Whether whoever stands before the server says that it failed: a process that answered HTTP has just died."""
    return answer.status_code >= 500 and not answer.headers.get("content-type", "").startswith("application/problem")


def _lost(address: str, error: Exception) -> ServerLostError:
    return ServerLostError(f"{address} does not answer ({_said(error)}); is the server running?")


def _problem(answer: httpx.Response) -> ServerError:
    """Read a problem (RFC 9457), or say what came instead."""
    status = answer.status_code
    try:
        return told_by(answer.json(), status)
    except (ValueError, KeyError, TypeError, AttributeError):
        sentence = f"the server answers {status} without a reason; is {answer.url.host} a Twofold server?"
        return told_by({"detail": sentence}, status)


def told_by(problem: Mapping[str, Any], status: int) -> ServerError:
    """Make an error of a problem."""
    wrong = ServerRefusedError if 400 <= status < 500 and status not in (408, 429) else ServerError
    return wrong(str(problem["detail"]), status=status, kind=str(problem.get("type", "")).rpartition(":")[2])


def _wait(answer: httpx.Response, pause: float) -> float:
    said = answer.headers.get("retry-after", "")
    return float(said) if said.isascii() and said.isdigit() else pause


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
