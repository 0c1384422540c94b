"""What a request asks for, from fields of a form or from JSON: the same names, the same checks."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from modalities.config import Config
from serve.http.errors import Problem


def _plain(text: str) -> str:
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
        raise ValueError("it has control characters; give plain text")
    return text


Plain = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(_plain)]


class Asked(Config):
    """Wishes beside the clip. A route may ask for more in a class of its own."""

    without: tuple[Plain, ...] = Field(
        (), max_length=64, description="Members to leave out.", examples=[["face.static"]]
    )
    tracks: Literal["primary", "all"] = Field("primary", description="Whose rows: the face nearest, or every face.")
    prompt: tuple[Plain, ...] = Field(
        (), max_length=32, description="Texts to compare what is seen with.", examples=[["a person crying"]]
    )
    erase: bool = Field(
        default=False, description="Erase the clip and the result as soon as they are not needed any more."
    )
    url: Plain | None = Field(
        None,
        description="In JSON: where the clip is fetched from; its host must be one that this server names.",
        examples=["https://media.example.org/talk.mp4"],
    )

    @property
    def all_tracks(self) -> bool:
        """Whether every face is asked about."""
        return self.tracks == "all"

    @classmethod
    def of_form(cls, fields: Mapping[str, Sequence[bytes]]) -> Self:
        """Check the fields of a form; a Problem says what does not fit."""
        given: dict[str, Any] = {}
        for name, values in fields.items():
            several = name in cls.model_fields and cls.model_fields[name].default == ()
            texts = [_text(name, value) for value in values]
            if len(texts) > 1 and not several:
                raise Problem(
                    "invalid", f"the field {_short(name)} was given {len(texts)} times, but may be given once"
                )
            given[name] = tuple(texts) if several else texts[0]
        if "url" in given:
            raise Problem("invalid", "a form brings its clip in the field file; send an address as JSON")
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise Problem.unfit(error, "the form does not fit") from None

    @classmethod
    def of_json(cls, body: bytes) -> Self:
        """Check a JSON object; a Problem says what does not fit."""
        try:
            json.loads(body, object_pairs_hook=_once, parse_constant=_no_constant)
        except Problem:
            raise
        except (ValueError, RecursionError):
            raise Problem("unreadable", 'the body is no JSON; send an object such as {"url": "https://…"}') from None
        try:
            asked = cls.model_validate_json(body, strict=True)
        except ValidationError as error:
            raise Problem.unfit(error, "the JSON does not fit") from None
        if asked.url is None:
            raise Problem("invalid", "JSON must say where the clip is, as url; send a file as multipart/form-data")
        return asked


def taken_as(wanted: type[Asked]) -> dict[str, Any]:
    """Describe, for OpenAPI, a body that is a form with a clip, or JSON with its address."""
    fields = wanted.model_json_schema()
    properties = fields["properties"]
    clip = {"type": "string", "format": "binary", "description": "The clip: a video, a sound or a picture."}
    beside = {name: schema for name, schema in properties.items() if name != "url"}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": clip, **beside},
        "additionalProperties": False,
    }
    address = {"type": "string", "minLength": 1, "maxLength": 2000, "description": properties["url"]["description"]}
    table = {
        "type": "object",
        "required": ["url"],
        "properties": {"url": address, **beside},
        "additionalProperties": False,
    }
    example = {"url": "https://media.example.org/talk.mp4", "tracks": "all"}
    shown = {"file": "the bytes of talk.mp4", "tracks": "all"}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": form, "example": shown},
            "application/json": {"schema": table, "example": example},
        },
    }


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem("invalid", f"the field {_short(name)} is not UTF-8; send text as UTF-8") from None


def _short(name: str) -> str:
    return repr(name if len(name) <= 40 else f"{name[:40]}…")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise Problem("invalid", f"the name {_short(twice)} stands twice in the JSON; give it once")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(name)
