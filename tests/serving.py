"""A server in this process: the real app, around a real bundle of toys, on a free port of the loopback.

with Running(make_app(Services(settings, conductor))) as server:
    server.http.get("/healthz")
"""

import socket
import threading
import time

import httpx
import uvicorn


class Running:
    """An app answered by uvicorn in a thread; its lifespan begins and ends with the block."""

    def __init__(self, app, *, port=0, **settings):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        # without TLS, or every client would read all certificates first
        self.http = httpx.Client(base_url=self.url, timeout=60, verify=False)  # noqa: S501
        config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=2, **settings)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self):
        self._thread.start()
        until = time.monotonic() + 60
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("the server did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.http.close()
        self._server.should_exit = True
        self._thread.join(60)
        self._socket.close()
