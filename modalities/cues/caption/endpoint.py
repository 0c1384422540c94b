"""Captions by any OpenAI-compatible endpoint: vLLM, llama.cpp, Ollama, SGLang, or a service on the net.

    [cues.caption]
    kind = "endpoint"
    url = "http://localhost:8000/v1"
    model = "Qwen/Qwen2.5-VL-3B-Instruct"

A segment's frames go out as JPEG images, in order, and the prompt after them. The key, where one is needed, is read
from an environment variable: settings, and so bundles, hold that variable's name alone. To another machine frames are
sent only where TWOFOLD_SEND_FRAMES_TO lists its address.
"""

from __future__ import annotations

import base64
import io
import os
import re
import time
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, cast
from urllib.parse import urlsplit

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import ConfigDict, Field, field_validator

from modalities.assets import AssetError, offline
from modalities.config import Integers
from modalities.cues.caption.cue import CaptionCue
from modalities.cues.caption.prompts import own_prompt, read_prompt
from modalities.cues.caption.show import Show, choose
from modalities.pretrained import Unloaded
from modalities.types import Frames, Percept, Segment

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 120.0
"""Seconds before an answer is asked for again; doubled each time. Whoever asks for more patience is not waited for."""
_BUSY = (408, 429)
_LONGEST_REASON = 200
CONSENT = "TWOFOLD_SEND_FRAMES_TO"
"""The environment variable that lists, apart by spaces, the addresses to which frames may be sent."""
_USUAL_KEY = "OPENAI_API_KEY"
_HERE = ("localhost", "127.0.0.1", "::1")
_DIRECT = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
"""No proxy stands between this machine and itself."""


class EndpointError(AssetError):
    """An endpoint may not be asked, or gave no caption."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there was no answer, what to do about it, and whether and in how many seconds to ask again."""

    why: str
    remedy: str
    passing: bool
    pause: float | None = None  # None: the endpoint did not say


class EndpointCaption(Unloaded, CaptionCue):
    """Captions by a vision-language model behind a URL, the most probable token each time (RAS §3.2)."""

    name: ClassVar[str] = "endpoint"
    wants: ClassVar[Mapping[str, type[Percept]]] = {"frames": Frames}

    class Config(CaptionCue.Config):
        """Whom to ask, what, and how patiently.

        `key_variable`: which environment variable holds the key; where it is not set, none is sent. `prompt`: 1
        (describe), 2 (name a label) or a text file; `frames` are spread evenly over a segment, and made smaller where
        they have more `pixels`; a caption has at most so many `tokens`. `timeout` is in seconds; a busy or silent
        endpoint is asked again up to `retries` times; so many requests are under way `together`.
        """

        model_config = ConfigDict(hide_input_in_errors=True)  # what was mistaken for a setting may be the key

        url: str
        model: str
        key_variable: str = _USUAL_KEY
        prompt: str = "1"
        frames: Annotated[int, Integers(1, 20)] = Field(8, ge=1, le=20)
        pixels: int = Field(360 * 420, ge=1)
        tokens: int = Field(100, ge=1)
        timeout: float = Field(120.0, gt=0)
        retries: int = Field(3, ge=0)
        together: int = Field(4, ge=1)

        @field_validator("url")
        @classmethod
        def _plain(cls, url: str) -> str:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("url must be an endpoint's address, such as http://localhost:8000/v1")
            if "@" in parts.netloc or parts.query or parts.fragment:
                raise ValueError(
                    "url must have no name, password or ?query in it, for settings are written into bundles; put the "
                    "key into the environment variable that key_variable names"
                )
            return url.rstrip("/")

        @field_validator("prompt")
        @classmethod
        def _prompt(cls, name: str) -> str:
            read_prompt(name)
            return name

        @field_validator("key_variable")
        @classmethod
        def _variable(cls, name: str) -> str:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise ValueError("key_variable must be the name of an environment variable, never the key itself")
            return name

    config: Config

    @property
    def needs(self) -> Mapping[str, str]:
        """Frames alone."""
        return {"frames": "frames"}

    @property
    def reads(self) -> tuple[Path, ...]:
        """The prompt, where it is the user's own."""
        return (*super().reads, *own_prompt(self.config.prompt))

    def describe(self, percepts: Mapping[str, Percept], segments: Sequence[Segment]) -> list[str]:
        """One paragraph for each segment, empty for one without frames; raises `EndpointError` where it gets none."""
        frames = cast(Frames, percepts["frames"])
        shows = [choose(frames, segment, self.config.frames) for segment in segments]
        if not any(shows):
            return [""] * len(segments)
        self._check_consent()
        ask = partial(self._ask, self._client, read_prompt(self.config.prompt))
        with ThreadPoolExecutor(self.config.together) as pool:
            return list(pool.map(ask, shows))

    def _check_consent(self) -> None:
        """Pictures of people leave this machine only where its user said so: a bundle may come from anybody."""
        url, allowed = self.config.url, os.environ.get(CONSENT, "").split()
        if offline():
            raise EndpointError(
                f"TWOFOLD_OFFLINE is set, so {url} was not asked for captions; unset it, or take other captions"
            )
        # A key of another name, or a file of this machine, is nothing that a stranger's bundle may send to a neighbour.
        more = self.config.key_variable != _USUAL_KEY or bool(own_prompt(self.config.prompt))
        here = urlsplit(url).hostname in _HERE and not more
        if not here and url not in (one.rstrip("/") for one in allowed):
            what = "frames of the clip" + (f", {self.config.key_variable} and the prompt" if more else "")
            raise EndpointError(
                f"{what} would be sent to {url}, which nobody allowed; set {CONSENT}={url} to allow it, "
                "or take another cue of captions"
            )

    def close(self) -> None:
        """Close the connections; the cue opens new ones where it is asked again."""
        if client := self.__dict__.pop("_client", None):
            client.close()

    def _ask(self, client: httpx.Client, prompt: str, show: Show | None) -> str:
        """Ask for one caption, again where the endpoint is busy or silent."""
        if show is None:
            return ""
        body, asked = self._request(prompt, show), 0
        while True:
            answer = self._post(client, body)
            if isinstance(answer, str):
                return answer
            pause = _FIRST_PAUSE * 2**asked if answer.pause is None else answer.pause
            asked += 1
            if not answer.passing or asked > self.config.retries or pause > _LONGEST_PAUSE:
                raise EndpointError(
                    f"{self.config.url} was asked {'once' if asked == 1 else f'{asked} times'} for a caption by "
                    f"{self.config.model}, but gave none: {answer.why}; {answer.remedy}"
                )
            time.sleep(pause)

    def _request(self, prompt: str, show: Show) -> dict[str, Any]:
        shown = [{"type": "image_url", "image_url": {"url": _jpeg(image, self.config.pixels)}} for image in show.images]
        return {
            "model": self.config.model,
            "messages": [{"role": "user", "content": [*shown, {"type": "text", "text": prompt}]}],
            "max_tokens": self.config.tokens,
            "temperature": 0,
        }

    def _post(self, client: httpx.Client, body: Mapping[str, Any]) -> str | Refusal:
        try:
            answer = client.post(f"{self.config.url}/chat/completions", json=body)
        except httpx.RequestError as error:  # its own words may quote what was sent
            remedy = "start the endpoint, or check url and timeout"
            return Refusal(f"no connection ({type(error).__name__})", remedy, passing=True)
        if not answer.is_success:
            return self._refusal(answer)
        try:
            text = answer.json()["choices"][0]["message"]["content"] or ""
            return " ".join(text.split())
        except (ValueError, LookupError, TypeError, AttributeError):
            remedy = "check that url is an OpenAI-compatible one; most end in /v1"
            return Refusal("its answer is no chat completion", remedy, passing=False)

    def _refusal(self, answer: httpx.Response) -> Refusal:
        status, why = answer.status_code, f"status {answer.status_code}"
        if status in (401, 403):  # what it says of the key may quote it
            remedy = f"check the key in the environment variable {self.config.key_variable}"
            return Refusal(why, remedy, passing=False)
        if status in _BUSY or answer.is_server_error:
            remedy = "wait, ask for less at once (together), or look into its log"
            return Refusal(why, remedy, passing=True, pause=_retry_after(answer.headers.get("Retry-After", "")))
        if reason := _reason(answer, self._key):
            why += f" ({reason})"
        return Refusal(why, "check url and model, and that it takes so many frames, pixels and tokens", passing=False)

    @property
    def _key(self) -> str:
        key = os.environ.get(self.config.key_variable, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise EndpointError(
                f"the key in the environment variable {self.config.key_variable} holds characters that no header may "
                "have; set it anew"
            )
        return key

    @cached_property
    def _client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Limits(max_connections=self.config.together)
        client = httpx.Client(headers=headers, timeout=self.config.timeout, limits=limits, mounts=_DIRECT)
        weakref.finalize(self, client.close)  # where nobody closes the cue, its connections go with it
        return client


def _jpeg(image: NDArray[np.uint8], pixels: int) -> str:
    """Return an image as a data URL of a JPEG with at most so many pixels."""
    picture, file = Image.fromarray(image), io.BytesIO()
    if (scale := (pixels / (picture.width * picture.height)) ** 0.5) < 1:
        size = max(1, int(picture.width * scale)), max(1, int(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    picture.save(file, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def _retry_after(text: str) -> float | None:
    """Read the header that says when to come back: seconds, or a date (RFC 9110 §10.2.3)."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _reason(answer: httpx.Response, key: str) -> str:
    """Return what an endpoint says of its refusal, short and without the key."""
    try:
        said = str(answer.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return ""
    said = " ".join((said.replace(key, "…") if key else said).split())
    return said if len(said) <= _LONGEST_REASON else f"{said[:_LONGEST_REASON]}…"
