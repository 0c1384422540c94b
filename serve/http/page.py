"""The page at `/`: its files, and what a browser may do with them. Nothing is loaded from anywhere else."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from serve.http.errors import Problem, documented

FOLDER = Path(__file__).parents[1] / "page"
OPEN_PAGE = "/page/"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def page_routes(folder: Path = FOLDER) -> APIRouter:
    """Make the routes; a name is looked up among the files that are there, never made into a path."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"], responses=documented("missing"))
    def index(request: Request) -> Response:
        return _file(folder, "index.html", request)

    @router.api_route("/page/{name:path}", methods=["GET", "HEAD"], responses=documented("missing"))
    def file(name: str, request: Request) -> Response:
        return _file(folder, name, request)

    return router


def _file(folder: Path, name: str, request: Request) -> Response:
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    path = there.get(name)
    kind = None if path is None else KINDS.get(path.suffix, mimetypes.guess_type(path.name)[0])
    if path is None or kind is None:
        raise Problem("missing", "the page has no such file")
    content = path.read_bytes()
    mark = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == mark:
        return Response(status_code=304, headers={**HEADERS, "ETag": mark})
    return Response(content, media_type=kind, headers={**HEADERS, "ETag": mark})
