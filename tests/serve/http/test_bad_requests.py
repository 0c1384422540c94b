"""Requests that nobody should send: each gets a sentence and the right status, or its connection is closed; nothing of
the server shows, nothing stays behind, and the next request is served."""

import json
import re
import time
from contextlib import ExitStack
from socket import create_connection

import pytest

from serve.http.forms import FIELDS
from serve.http.keys import make_key
from tests.serve.http.raw import ask, head, post

FORM = "Content-Type: multipart/form-data; boundary=B"
UPLOAD = 200_000
INSIDE = re.compile(rb"Traceback|site-packages|\.py\b|/tmp|/root|/usr|/etc|/home|File \"")
"""What would tell something of the server."""


def form_of(data):
    """A request with the bytes of a form."""
    return post(FORM.partition(": ")[2], data)


def part(disposition, data, *headers):
    """A part of a form."""
    lines = [f"Content-Disposition: {disposition}"] if disposition else []
    return "\r\n".join(["--B", *lines, *headers, "", ""]).encode("latin-1") + data + b"\r\n"


def field(name, data):
    return part(f'form-data; name="{name}"', data)


def form(*parts, end=b"--B--\r\n"):
    """A request with a form."""
    return form_of(b"".join(parts) + end)


def table(data):
    """A request with JSON."""
    return post("application/json", data if isinstance(data, bytes) else json.dumps(data).encode())


def chunked(*blocks, kind=FORM):
    """A request whose end is not known before."""
    start = head("POST", "/v1/predict", kind, "Transfer-Encoding: chunked")
    return [start, *(b"%x\r\n%b\r\n" % (len(block), block) for block in blocks)]


CLIP = part('form-data; name="file"; filename="a.mp4"', b"no clip at all")
LARGE = part('form-data; name="file"', b"x" * (UPLOAD + 1))
PLAYLISTS = {
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
}

# name → what is sent (bytes, or several pieces), and the statuses that are right
BODIES = {
    "no content": (head("POST", "/v1/predict"), {415}),
    "no content but its length": (head("POST", "/v1/predict", length=0), {415}),
    "plain text": (post("text/plain", b"hello"), {415}),
    "a form of pairs": (post("application/x-www-form-urlencoded", b"file=x"), {415}),
    "a clip as such": (post("video/mp4", b"\0\0\0\x18ftypmp42"), {415}),
    "a kind that is none": (post(";;;=", b"x"), {415}),
    "two kinds": (post("application/json, multipart/form-data", b"{}"), {415}),
    "compressed": (
        head("POST", "/v1/predict", FORM, "Content-Encoding: gzip", length=2) + b"xx",
        {415},
    ),
    "no boundary": (post("multipart/form-data", CLIP), {400}),
    "an empty boundary": (post("multipart/form-data; boundary=", CLIP), {400}),
    "a long boundary": (post("multipart/form-data; boundary=" + "b" * 300, CLIP), {400}),
    "another boundary": (post("multipart/form-data; boundary=C", CLIP + b"--B--\r\n"), {400}),
    "an empty form": (form_of(b""), {400}),
    "a form of nothing": (form(), {422}),
    "noise for a form": (form_of(bytes(range(256)) * 8), {400}),
    "no last boundary": (form(CLIP, end=b""), {400}),
    "an end in a header": (form_of(b"--B\r\nContent-Dispos"), {400}),
    "an end in the last boundary": (form(CLIP, end=b"--B-"), {400}),
    "no clip": (form(field("tracks", b"all")), {422}),
    "two clips": (form(CLIP, CLIP), {422}),
    "an unknown field": (form(CLIP, field("speed", b"11")), {422}),
    "a field with a strange name": (form(CLIP, field("__class__", b"x")), {422}),
    "a choice that is none": (form(CLIP, field("tracks", b"everyone")), {422}),
    "a choice twice": (form(CLIP, field("tracks", b"all"), field("tracks", b"all")), {422}),
    "no truth value": (form(CLIP, field("erase", b"perhaps")), {422}),
    "an empty name": (form(CLIP, field("without", b"")), {422}),
    "an unknown member": (form(CLIP, field("without", b"' OR 1=1 --")), {422}),
    "a null byte": (form(CLIP, field("prompt", b"a\0b")), {422}),
    "control characters": (form(CLIP, field("prompt", b"\x1b[31mred")), {422}),
    "no UTF-8": (form(CLIP, field("prompt", b"\xff\xfe")), {422}),
    "half a surrogate": (form(CLIP, field("prompt", b"\xed\xa0\x80")), {422}),
    "a long field": (form(CLIP, field("prompt", b"x" * 10_000)), {422}),
    "a long prompt": (form(CLIP, field("prompt", b"x" * 2001)), {422}),
    "many prompts": (form(CLIP, *[field("prompt", b"x")] * 33), {422}),
    "many parts": (form(CLIP, *[field("without", b"x")] * FIELDS), {422}),
    "a url in a form": (form(CLIP, field("url", b"http://localhost/")), {422}),
    "a part without a name": (form(part("form-data", b"x")), {400}),
    "a part with an empty name": (form(part('form-data; name=""', b"x")), {400}),
    "a part without headers": (form(part(None, b"x")), {400}),
    "a part of another kind": (form(part('attachment; name="file"', b"x")), {400}),
    "an encoded part": (form(part('form-data; name="file"', b"eA==", "Content-Transfer-Encoding: base64")), {415}),
    "many headers in a part": (form(part('form-data; name="file"', b"x", *["X-A: b"] * 50)), {400}),
    "a long header in a part": (form(part('form-data; name="file"', b"x", "X-A: " + "b" * 9000)), {400}),
    "a header in a part that is none": (form(part('form-data; name="file"', b"x", "no header")), {400}),
    "parts within parts": (
        form(part('form-data; name="file"', b"--C\r\n\r\n", "Content-Type: multipart/mixed")),
        {422},
    ),
    "an empty clip": (form(part('form-data; name="file"; filename="a.mp4"', b"")), {422}),
    "no clip in the clip": (form(CLIP), {422}),
    "noise in the clip": (form(part('form-data; name="file"', bytes(range(256)) * 99)), {422}),
    "half a clip": (form(part('form-data; name="file"', b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\1\0moov")), {422}),
    **{
        f"a playlist, {kind}": (form(part(f'form-data; name="file"; filename="a.{kind}"', text)), {422})
        for kind, text in PLAYLISTS.items()
    },
    "a name that is a path": (form(part('form-data; name="file"; filename="../../../etc/passwd"', b"x")), {422}),
    "a name with a null byte": (form(part('form-data; name="file"; filename="a\0.mp4"', b"x")), {400, 422}),
    "too many bytes, said before": (head("POST", "/v1/predict", FORM, length=10**12), {413}),
    "too many bytes": (form(LARGE), {413}),
    "too many bytes, not said": (chunked(LARGE, b"--B--\r\n", b""), {413}),
    "no end of bytes": (chunked(LARGE, *[b"y" * 100_000] * 30), {413}),
    "no end before the first part": (chunked(*[b"\r\n" * 50_000] * 60), {400, 413}),
    "no end after the last part": (chunked(CLIP + b"--B--\r\n", *[b"z" * 100_000] * 60), {413}),
    "no JSON": (table(b"{url: x}"), {400}),
    "JSON that ends": (table(b'{"url": "http'), {400}),
    "JSON with something behind": (table(b'{"url": "http://x/"} x'), {400}),
    "JSON, a list": (table([]), {422}),
    "JSON, a number": (table(b"7"), {422}),
    "JSON, deep": (table(b"[" * 30_000 + b"]" * 30_000), {400, 422}),
    "JSON, no UTF-8": (table(b'{"url": "\xff"}'), {400}),
    "JSON, half a surrogate": (table(b'{"url": "\\ud800"}'), {400, 422}),
    "JSON, not a number": (table(b'{"url": NaN}'), {400}),
    "JSON, a large number": (table(b'{"url": ' + b"9" * 10_000 + b"}"), {400, 422}),
    "JSON, a name twice": (table(b'{"url": "http://a/", "url": "http://b/"}'), {422}),
    "JSON, no url": (table({}), {422}),
    "JSON, null": (table({"url": None}), {422}),
    "JSON, wrong types": (table({"url": ["x"], "without": "x", "tracks": 1, "prompt": {}, "erase": "yes"}), {422}),
    "JSON, an unknown name": (table({"url": "http://localhost/", "file": "/etc/passwd"}), {422}),
    "JSON, long": (table({"url": "http://localhost/" + "x" * 100_000}), {413}),
}
URLS = [
    "", "x", "/etc/passwd", "file:///etc/passwd", "gopher://localhost:80/_GET", "dict://localhost/", "data:,x",
    "http://localhost/", "http://localhost:22/", "http://127.0.0.1/", "http://127.1/", "http://2130706433/",
    "http://0x7f.1/", "http://017700000001/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://0/", "http://0.0.0.0/", "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/",
    "http://metadata.google.internal/", "http://media.example.org@localhost/", "https://user:word@localhost/",
    "http://localhost#@media.example.org/", "http://localhost\\@media.example.org/", "http://localhost%00.example.org/",
    "http://localhost/\r\nHost: x", "http://ⓛocalhost/", "http://localhost。/", "jar:http://localhost!/", "http://[::1%lo]/",
]  # fmt: skip
"""All of them with these names on the list, so that what they lead to is what is refused."""
LISTED = ["localhost", "127.1", "2130706433", "0x7f.1", "017700000001", "0", "media.example.org"]
HEADS = {
    "another method": (head("PUT", "/v1/predict", length=0), {405}),
    "a method that looks": (head("HEAD", "/v1/predict"), {405}),
    "asking what may be asked": (head("OPTIONS", "/v1/predict"), {405}),
    "asking everything what may be asked": (head("OPTIONS", "*"), {400, 404, 405}),
    "a mirror": (head("TRACE", "/healthz"), {405}),
    "a tunnel": (head("CONNECT", "localhost:22"), {400, 404, 405}),
    "a method of nobody": (head("BREW", "/v1/predict"), {400, 405}),
    "a method that is none": (b"G\xc3\x84T / HTTP/1.1\r\nHost: x\r\n\r\n", {0, 400}),
    "no such place": (head("GET", "/v2/predict"), {404}),
    "a slash too many": (head("POST", "/v1/predict/", length=0), {404}),
    "out of the page": (head("GET", "/page/../app.py"), {404}),
    "far out of the page": (head("GET", "/page/../../../../../../etc/passwd"), {404}),
    "out of the page, escaped": (head("GET", "/page/%2e%2e/%2e%2e/settings.py"), {404}),
    "out of the page, escaped twice": (head("GET", "/page/%252e%252e%252fsettings.py"), {404}),
    "out of the page, backwards": (head("GET", "/page/..%5c..%5csettings.py"), {404}),
    "the root by the page": (head("GET", "/page//etc/passwd"), {404}),
    "a null byte in the page": (head("GET", "/page/index.html%00.js"), {404}),
    "no UTF-8 in the page": (head("GET", "/page/%ff%fe"), {404}),
    "a folder of the page": (head("GET", "/page/"), {404}),
    "writing to the page": (head("PUT", "/page/index.html", length=1) + b"x", {405}),
    "a long path": (head("GET", "/" + "x" * 60_000), {400, 404, 414, 431}),
    "a path of bytes": (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", {0, 400, 404}),
    "somebody else's address": (head("GET", "http://example.org/v1/predict"), {400, 404, 405}),
    "no protocol": (b"GET /nothing\r\n\r\n", {0, 400, 404}),
    "a protocol to come": (b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n", {0, 400, 505}),
    "no HTTP at all": (bytes(range(256)), {0, 400}),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200, {0, 400}),
    "nobody's host": (b"GET /nothing HTTP/1.1\r\n\r\n", {0, 400, 404}),
    "a flood of headers": (head("GET", "/v1/models", *[f"X-{n}: {n}" for n in range(20_000)]), {0, 400, 431}),
    "a long header": (head("GET", "/v1/models", "X-A: " + "b" * 200_000), {0, 400, 431}),
    "a null byte in a header": (head("GET", "/v1/models", "X-A: a\0b"), {0, 400}),
    "a header that is none": (head("GET", "/v1/models", "no header"), {0, 400}),
    "a header with a space": (head("GET", "/v1/models", "X-A : b"), {0, 400}),
    "two lengths": (head("POST", "/v1/predict", FORM, "Content-Length: 5", length=6) + b"xxxxxx", {0, 400}),
    "no length": (head("POST", "/v1/predict", FORM, "Content-Length: -1"), {0, 400}),
    "a length in words": (head("POST", "/v1/predict", FORM, "Content-Length: ten"), {0, 400}),
    "a length without end": (head("POST", "/v1/predict", FORM, length="9" * 400), {0, 400, 413}),
    "a coding of nobody": (head("POST", "/v1/predict", FORM, "Transfer-Encoding: brotli"), {0, 400, 501}),
    "a block without length": ([*chunked(), b"xyz\r\nabc\r\n"], {0, 400}),
    "a block that lies": ([*chunked(), b"2\r\nabcdef\r\n"], {0, 400}),
    "an answer of nobody": (head("POST", "/v1/predict", FORM, "Accept: image/png", length=1) + b"x", {406}),
    "no answer at all": (head("POST", "/v1/predict", FORM, "Accept: */*;q=0", length=1) + b"x", {406}),
    "an answer that is none": (head("POST", "/v1/predict", FORM, "Accept: ;q=x,/", length=1) + b"x", {406}),
    "the page of another site": (head("POST", "/v1/predict", FORM, "Origin: https://evil.test", length=0), {403}),
    "the page of nowhere": (head("POST", "/v1/predict", FORM, "Origin: null", length=0), {403}),
    "a socket where none is": (
        head("GET", "/v1/x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: eHh4eHh4eHh4eHh4eHh4eA=="),
        {400, 403, 404},
    ),
    "an upgrade of nobody": (head("GET", "/nothing", "Connection: Upgrade", "Upgrade: h2c"), {404}),
}  # fmt: skip


@pytest.fixture(scope="module")
def small(start):
    """A server with small limits."""
    with start(upload=UPLOAD, upload_seconds=2.0, urls=LISTED) as running:
        yield running


def check(server, answer, statuses):
    """The answer is a right one, says nothing of the server, and leaves nothing behind; the server is still there."""
    assert answer.status in statuses, answer
    assert not INSIDE.search(answer.body), answer.body
    if answer.headers.get("content-type") == "application/problem+json" and answer.body:
        problem = json.loads(answer.body)
        assert problem["status"] == answer.status
        assert len(problem["detail"]) > 20
        assert answer.headers["x-content-type-options"] == "nosniff"
    else:  # what the HTTP server itself refuses, before anybody else sees it
        assert answer.status in (0, 400, 403) or not answer.body, answer
    assert server.http.get("/readyz").json() == {"ready": True}
    until = time.monotonic() + 30
    while list(server.uploads.iterdir()):
        assert time.monotonic() < until, "a clip was left behind"
        time.sleep(0.01)


@pytest.mark.parametrize("name", [*BODIES, *HEADS])
def test_it_is_refused(name, small):
    sent, statuses = (BODIES | HEADS)[name]
    check(small, ask(small, *([sent] if isinstance(sent, bytes) else sent)), statuses)


@pytest.mark.parametrize("url", URLS)
def test_it_is_not_fetched(url, small):
    """What is refused names the address at most as it was given, and asks nobody."""
    answer = ask(small, table({"url": url}))
    check(small, answer, {422})
    assert answer.kind in ("url", "invalid")


def test_who_stops_in_the_middle_is_forgotten(small):
    start = head("POST", "/v1/predict", FORM, length=99_999)
    check(small, ask(small, start, CLIP, finish=True), {0, 400, 408})


@pytest.mark.parametrize("begun", [b"GET /" + b"x" * 300_000, b"GET / HTTP/1.1\r\nX-A: " + b"x" * 300_000])
def test_who_stops_in_the_head_is_forgotten(begun, small):
    check(small, ask(small, begun, finish=True), {0, 400, 414, 431})


def test_who_sends_slowly_is_told_so(small):
    before = time.monotonic()
    answer = ask(small, head("POST", "/v1/predict", FORM, length=99_999), CLIP)
    assert answer.kind == "slow"
    assert time.monotonic() - before < 25
    check(small, answer, {408})


def test_many_who_never_finish_keep_nobody_else_out(small):
    """A slow loris: lines of a head that never ends, on many connections."""
    with ExitStack() as stack:
        for number in range(100):
            line = stack.enter_context(create_connection(("127.0.0.1", small.port), 30))
            line.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nX-%d: a\r\n" % number)
        check(small, ask(small, form(CLIP)), {422})


WRONG = {
    "no key": [],
    "an empty key": ["X-API-Key: "],
    "a wrong key": ["X-API-Key: twofold_0000"],
    "a wrong bearer": ["Authorization: Bearer twofold_0000"],
    "a bearer of nothing": ["Authorization: Bearer"],
    "another scheme": ["Authorization: Basic dHdvZm9sZDp0d29mb2xk"],
    "a key of bytes": ["X-API-Key: \xff\xfe\xe4"],
    "a long key": ["X-API-Key: " + "k" * 30_000],
    "the hash for the key": ["X-API-Key: {hash}"],
    "the name for the key": ["X-API-Key: clinic"],
    "the right key behind a wrong one": ["Authorization: Bearer wrong", "X-API-Key: {key}"],
}


@pytest.fixture(scope="module")
def locked(start, tmp_path_factory):
    """A server that wants keys."""
    file = tmp_path_factory.mktemp("keys") / "keys.txt"
    key, line = make_key("clinic")
    file.write_text(line)
    with start(keys=str(file)) as running:
        running.key, running.hash = key, line.split()[1]
        yield running


@pytest.mark.parametrize("name", WRONG)
def test_the_wrong_key_opens_nothing(name, locked):
    headers = [header.replace("{hash}", locked.hash).replace("{key}", locked.key) for header in WRONG[name]]
    for method, path in (("POST", "/v1/predict"), ("GET", "/v1/models"), ("GET", "/metrics"), ("GET", "/v1/x")):
        answer = ask(locked, head(method, path, *headers, length=0))
        check(locked, answer, {401})
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert ask(locked, head("GET", f"/v1/models?key={locked.key}&api_key={locked.key}")).status == 401


def test_there_are_enough_of_them():
    assert len(BODIES) + len(HEADS) + len(URLS) + len(WRONG) > 150
