"""An OpenAI-compatible endpoint on this machine: what it answers is a hash of what it was shown, and always the same.

with ChatServer() as server:
    EndpointCaption(EndpointCaption.Config(url=server.url, model="hashes"))
"""

import atexit
import hashlib
import json
import threading
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Request:
    """What was asked."""

    number: int
    path: str
    headers: dict
    body: dict

    @property
    def content(self):
        """The parts of the one message."""
        return self.body["messages"][0]["content"]


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    body: object
    status: int = 200
    headers: dict = field(default_factory=dict)


def completion(text):
    """A reply with one choice."""
    return Reply({"object": "chat.completion", "choices": [{"index": 0, "message": {"content": text}}]})


def hashed(request):
    """Tell how many images there are, and a hash of the whole message."""
    images = sum(part["type"] == "image_url" for part in request.content)
    digest = hashlib.sha256(json.dumps(request.content).encode()).hexdigest()
    return completion(f" {images} images\n\n{digest[:12]} ")


class ChatServer:
    """Answers every request by `reply` (request → Reply), each in a thread of its own, and remembers what was asked."""

    def __init__(self, reply=hashed):
        self.requests, asked, lock = [], self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    request = Request(len(asked.requests), self.path, dict(self.headers), body)
                    asked.requests.append(request)
                answer = reply(request)
                data = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in {**answer.headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                """Tests read `requests` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@cache
def shared():
    """A server that runs as long as the tests do."""
    server = ChatServer()
    atexit.register(server.close)
    return server
