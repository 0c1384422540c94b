"""The client and `twofold predict --server`, end to end: a real server, a real bundle of toys, the loopback."""

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jsonschema
import pandas as pd
import pytest

import twofold
from ensemble.predict import Wishes, predict
from ensemble.write import SCHEMA
from serve import remote
from serve.asking import ServerLostError, ServerRefusedError
from serve.client import ENDINGS, Client, ServerError
from serve.graph.conductor import Conductor
from serve.http.keys import make_key
from tests import films
from tests.serve.jobs.served import serving

pytestmark = pytest.mark.slow

LONG = {"stretches": 100_000, "pause": 0.01}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return films.write(films.film(5.6), tmp_path_factory.mktemp("films") / "talk.mp4")


@pytest.fixture(scope="module")
def here(bundle, film, tmp_path_factory):
    """What `twofold predict` makes of the film on this machine."""
    out = tmp_path_factory.mktemp("here")
    return predict([film], out, bundle), out


@pytest.fixture(scope="module")
def key():
    return make_key("me")


@pytest.fixture(scope="module")
def server(bundle, key, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    (folder / "keys.txt").write_text(key[1])
    conductor = Conductor.load(bundle, at_once=2)
    with serving(folder, http={"keys": folder / "keys.txt", "clip_seconds": 20}, performer=conductor) as running:
        yield running
    conductor.close()


@pytest.fixture
def client(server, key):
    with Client(server.url, key[0], patience=30) as made:
        yield made


def test_a_clip_is_answered_as_predict_would(client, film, here):
    found = client.predict(film)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    assert found == json.loads((here[1] / "talk.json").read_text())
    wished = client.predict(film, without=["text.mean"], all_tracks=True, name="other.mp4")
    assert "text.mean" not in wished["segments"][0]["present"]
    assert wished["clip"]["name"] == "other.mp4"


def test_a_stream_brings_stretches_and_then_the_result(client, film, here):
    events = list(client.stream(film))
    assert [events[0]["event"], events[-1]["event"]] == ["begun", "result"]
    assert len(events) > 3
    assert {event["event"] for event in events[1:-1]} == {"stretch"}
    assert events[-1]["document"] == json.loads((here[1] / "talk.json").read_text())


def test_a_job_is_followed_fetched_saved_and_erased(client, film, here, tmp_path, server):
    job = client.submit(film)
    assert job.state in ("queued", "running", "done")
    seen = list(job.events())
    assert seen[-1]["state"] == job.state == "done"
    assert job.progress[0] == pytest.approx(5.6, abs=0.1)
    assert job.wait() is job
    assert job.result() == json.loads((here[1] / "talk.json").read_text())
    files = job.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(f"talk{ending}" for ending in ENDINGS.values())
    assert job.result("picture") == files["picture"].read_bytes()
    again = client.job(job.id)
    assert again.document == job.document
    assert job.id in [one.id for one in client.jobs()]
    job.cancel()
    with pytest.raises(ServerRefusedError, match="erased"):
        again.result()
    assert not (server.folder / "jobs" / job.id).exists()


@pytest.fixture
def command(server, film, tmp_path, monkeypatch, capsys):
    """Run `twofold predict --server`; answers with its exit code, what it said, and its errors."""

    def run(*words, address=None, key="", offline=""):
        monkeypatch.setenv("TWOFOLD_KEY", key)
        monkeypatch.setenv("TWOFOLD_OFFLINE", offline)
        words = ["predict", str(film), *words, "--out", str(tmp_path / "out"), "--server", address or server.url]
        monkeypatch.setattr(sys, "argv", ["twofold", *words])
        with pytest.raises(SystemExit) as ended:
            twofold.main()
        said = capsys.readouterr()
        return ended.value.code, said.out, [one for one in said.err.splitlines() if one.startswith("twofold:")]

    return run


def test_the_command_writes_the_same_files_and_says_the_same(command, server, key, here, tmp_path):
    summary, folder = here
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no clip at all")
    code, out, _ = command(str(bad), "--json", key=key[0], offline="1")
    assert code == 1
    said = json.loads(out)
    mine = summary.document()["clips"][0]
    (theirs,) = said["clips"]
    told = ("name", "path", "duration", "top_compound", "share", "faces", "speech", "problems")
    assert [theirs[name] for name in told] == [mine[name] for name in told]
    assert [one["path"] for one in said["failed"]] == [str(bad)]
    assert "bad.mp4" in said["failed"][0]["reason"]
    for kind in ("json", "csv", "abaw"):
        name = f"talk{ENDINGS[kind]}"
        assert (tmp_path / "out" / name).read_bytes() == (folder / name).read_bytes()
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "out" / "talk.parquet"), pd.read_parquet(folder / "talk.parquet")
    )
    assert not list((server.folder / "jobs").iterdir())


@pytest.mark.parametrize(
    ("address", "given", "code", "said"),
    [
        ("{url}", "wrong", 2, "this key is not known"),
        ("{url}", "", 2, "a key is needed"),
        ("http://127.0.0.1:9", "", 1, "does not answer"),
        ("127.0.0.1:8000", "", 2, "no address of a server"),
        ("http://twofold.example", "", 2, "TWOFOLD_OFFLINE is set"),
    ],
)
def test_a_server_that_cannot_be_asked_is_one_sentence(command, server, address, given, code, said):
    offline = "1" if "example" in address else ""
    ended, _, (line,) = command(address=address.format(url=server.url), key=given, offline=offline)
    assert ended == code
    assert said in line


def test_wishes_that_cannot_be_fulfilled_concern_every_clip(server, key, film, tmp_path):
    with pytest.raises(ServerError, match="nobody") as raised:
        remote.predict(
            [film, film], tmp_path, server.url, key[0], wishes=Wishes(frozenset(["nobody"])), report=lambda _: None
        )
    assert raised.value.kind == "wish"
    assert twofold.exit_code(raised.value) == 2


@pytest.fixture
def clip(tmp_path):
    def made(**told):
        path = tmp_path / "clip.json"
        path.write_text(json.dumps(told))
        return path

    return made


def test_a_job_that_fails_or_lasts_is_told(tmp_path, clip):
    with serving(tmp_path / "serve") as server, Client(server.url) as client:
        with pytest.raises(ServerError, match="the clip says clip") as raised:
            client.submit(clip(ends=["clip"])).wait()
        assert (raised.value.kind, raised.value.status) == ("clip", 422)
        job = client.submit(clip(**LONG))
        with pytest.raises(TimeoutError, match="it goes on"):
            job.wait(0.3)
        job.cancel()
        with pytest.raises(ServerError, match="cancelled"):
            job.wait()


def test_a_job_is_followed_through_a_restart_of_the_server(tmp_path, clip):
    """The port stays, as it does when a server is started again."""
    with serving(tmp_path / "serve") as first:
        client = Client(first.url, patience=60)
        job = client.submit(clip(stretches=40, pause=0.05))
        events = job.events()
        next(events)
    port, again = first.port, []
    following = threading.Thread(target=lambda: again.extend(events))
    following.start()
    time.sleep(0.3)
    with serving(tmp_path / "serve", port=port):
        following.join(60)
    assert again[-1]["state"] == "done"
    client.close()


class Full:
    """A real server that has no room for the first requests."""

    def __init__(self, refusals):
        self.asked, full = [], self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                full.asked.append(time.monotonic())
                busy = len(full.asked) <= refusals
                body = json.dumps({"detail": "no room now", "type": "urn:twofold:problem:overload"}).encode()
                self.send_response(503 if busy else 200)
                self.send_header("Content-Length", str(len(body)))
                if busy:
                    self.send_header("Retry-After", "1")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Tests read `asked` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def test_a_full_server_is_asked_again_when_it_says_and_not_for_ever():
    with Full(1) as full, Client(full.url) as client:
        assert client.models()["detail"] == "no room now"
        assert full.asked[1] - full.asked[0] >= 1
    with Full(1000) as full, Client(full.url, patience=1.5) as client:
        with pytest.raises(ServerError, match="no room now") as raised:
            client.models()
        assert (raised.value.status, raised.value.kind, len(full.asked)) == (503, "overload", 2)


def test_a_clip_that_is_not_there_is_told_before_anything_is_sent(client, tmp_path):
    with pytest.raises(FileNotFoundError):
        client.submit(tmp_path / "gone.mp4")


def test_nobody_there_is_a_sentence_at_once():
    began = time.monotonic()
    with pytest.raises(ServerLostError, match=r"http://127.0.0.1:9 does not answer \(.*\); is the server running"):
        Client("http://127.0.0.1:9").models()
    assert time.monotonic() - began < 30


def test_the_client_needs_neither_torch_nor_ray_nor_the_server():
    program = "import sys, serve.client; print(sorted({'torch', 'ray', 'fastapi', 'av'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
