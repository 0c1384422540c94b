"""Addresses in requests: who may be asked, and that nobody else is, whatever the address looks like."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from serve.http.errors import Problem
from serve.http.spool import Spool
from serve.http.urls import Target, UrlError, fetch, named, post, public, vet

LISTED = (
    "media.example.org",
    "*.example.net",
    "files.example.com:8443",
    "localhost",
    "127.0.0.1:1",
    "[::1]:1",
    "127.1",
)


@pytest.mark.parametrize(
    "url",
    [
        "https://media.example.org/a.mp4",
        "http://MEDIA.example.org./a.mp4?x=1#y",
        "https://a.example.net/",
        "https://a.b.example.net:443/",
        "https://files.example.com:8443/a",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
    ],
)
def test_listed_hosts_may_be_named(url):
    assert named(url, LISTED)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "media.example.org/a.mp4",
        "//media.example.org/a.mp4",
        "file:///etc/passwd",
        "ftp://media.example.org/a",
        "gopher://media.example.org/a",
        "https://",
        "https:///a",
        "https://example.org/a",
        "https://evilmedia.example.org/a",
        "https://media.example.org.evil.test/a",
        "https://example.net/a",
        "https://evilexample.net/a",
        "https://media.example.org:22/a",
        "http://media.example.org:443/a",
        "https://files.example.com/a",
        "https://user@media.example.org/a",
        "https://user:word@media.example.org/a",
        "https://media.example.org@127.0.0.1/a",
        "https://127.0.0.1#@media.example.org/",
        "https://media.example.org\\@127.0.0.1/a",
        "https://media.example.org:99999/a",
        "https://media.example.org:x/a",
        "https://[::1/a",
        "https://[media.example.org]/a",
        "https://media.example.org\r\nHost: evil/a",
        "https://media.example.org\x00.evil.test/a",
        "http://127.0.0.1:2/",
        "http://127.0.0.1/",
        "http://①②⑦.0.0.1/",
    ],
)
def test_others_may_not(url):
    with pytest.raises(UrlError) as told:
        named(url, LISTED)
    assert "\r" not in str(told.value)
    with pytest.raises(UrlError):
        named("https://media.example.org/a.mp4", ())


@pytest.mark.parametrize("url", ["http://localhost/", "http://127.1/", "https://localhost:443/x"])
def test_a_listed_name_may_not_lead_inside(url):
    with pytest.raises(UrlError, match="no public address"):
        asyncio.run(vet(url, LISTED))


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        *[
            (number, False)
            for number in (
                "127.0.0.1", "127.255.255.254", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254",
                "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
                "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
                "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
                "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:7f00:1::1", "fec0::1",
            )
        ],
    ],
)  # fmt: skip
def test_what_is_public(number, expected):
    assert public(ipaddress.ip_address(number)) is expected


def test_an_unknown_host_is_a_sentence():
    with pytest.raises(UrlError, match="there is no host"):
        asyncio.run(vet("https://x..y/", ("x..y",)))


def get(url, allowed, folder, limit=1000):
    """Fetch into a folder; return what it is called, and what came."""

    async def run():
        spool = Spool(folder, limit)
        try:
            name = await fetch(url, allowed, spool)
            await spool.close()
            return name, spool.path.read_bytes()
        finally:
            spool.erase()

    return asyncio.run(run())


@contextmanager
def source(answer, context=None):
    """A server of others on this machine: `answer(request)` writes what it likes. Yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        do_POST = do_GET

        def log_message(self, *_):
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # who is cut off in the middle
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def say(request, status=200, body=b"clip", **headers):
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def test_a_clip_is_fetched(tmp_path):
    seen = []

    def answer(request):
        seen.append(dict(request.headers))
        say(request)

    with source(answer) as port:
        place = f"127.0.0.1:{port}"
        name, data = get(f"http://{place}/a/b/my%20talk%2F..%0A.mp4?key=1", (place,), tmp_path)
    assert (name, data) == ("...mp4", b"clip")
    assert seen[0]["Host"] == place
    assert not {"Cookie", "Authorization", "Referer"} & seen[0].keys()
    assert list(tmp_path.iterdir()) == []


def test_the_connection_goes_where_the_name_led(tmp_path):
    """The name is not asked a second time: this one leads nowhere, and yet it is reached."""
    seen = []

    def answer(request):
        seen.append(request.headers["Host"])
        say(request)

    async def run(port):
        target = Target(httpx.URL(f"http://media.invalid:{port}/a.mp4"), "127.0.0.1")
        async with target.asking("GET") as response:
            return await response.aread()

    with source(answer) as port:
        assert asyncio.run(run(port)) == b"clip"
        assert seen == [f"media.invalid:{port}"]


def endless(request):
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x" * 1000)


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda request: say(request, 302, Location="http://127.0.0.1:1/secret"), "redirects are not followed"),
        (lambda request: say(request, 301, Location="/other"), "redirects are not followed"),
        (lambda request: say(request, 404), "status 404"),
        (lambda request: say(request, 204, b""), "status 204"),
        (lambda request: say(request, 500, b"Traceback"), "status 500"),
        (lambda request: say(request, Content_Encoding="gzip"), "compressed"),
        (lambda request: say(request, Content_Length="1000"), "broke off"),
        (lambda request: request.wfile.write(b"\0\1 this is no HTTP\r\n\r\n"), "does not answer"),
        (lambda request: None, "does not answer"),
    ],
)
def test_what_is_no_clip_is_a_sentence(answer, word, tmp_path):
    with source(answer) as port:
        place = f"127.0.0.1:{port}"
        with pytest.raises(UrlError, match=word):
            get(f"http://{place}/a.mp4", (place,), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_source_without_end_is_cut(tmp_path):
    with source(endless) as port:
        place = f"127.0.0.1:{port}"
        with pytest.raises(Problem, match="the clip has more than"):
            get(f"http://{place}/a.mp4", (place,), tmp_path, limit=100_000)
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_is_a_sentence(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UrlError, match="does not answer"):
            get(f"http://{place}/", (place,), tmp_path)


def test_telling_is_guarded_too():
    seen = []

    def answer(request):
        seen.append(
            (request.path, request.headers["X-Mark"], request.rfile.read(int(request.headers["Content-Length"])))
        )
        say(request, 202)

    with source(answer) as port:
        place = f"127.0.0.1:{port}"
        told = post(f"http://{place}/hook", (place,), b"{}", {"X-Mark": "m"}, seconds=30)
        assert asyncio.run(told) == 202
        with pytest.raises(UrlError):
            asyncio.run(post(f"http://{place}/hook", ("localhost",), b"{}", {}, seconds=30))
    assert seen == [("/hook", "m", b"{}")]


def test_telling_takes_its_time_and_no_more():
    stop = threading.Event()
    with source(lambda _: stop.wait(30)) as port:
        place = f"127.0.0.1:{port}"
        try:
            with pytest.raises(TimeoutError):
                asyncio.run(post(f"http://{place}/", (place,), b"", {}, seconds=0.3))
        finally:
            stop.set()


def test_a_certificate_must_be_for_the_name_and_by_somebody_known(tmp_path):
    """TLS is spoken with the name, though the connection goes to a number; nobody vouches for this server."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "media.invalid")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("media.invalid")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "pem").write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    asked = []
    context.sni_callback = lambda _, given, __: asked.append(given)

    async def run(port):
        async with Target(httpx.URL(f"https://media.invalid:{port}/"), "127.0.0.1").asking("GET"):
            pass

    with source(say, context) as port, pytest.raises(UrlError, match="does not answer"):
        asyncio.run(run(port))
    assert asked == ["media.invalid"]
