"""A server in this process: the real app, around a real bundle of toys, on a free port of the loopback.

with Running(make_app(Services(settings, conductor))) as server:
    server.http.get("/healthz")
"""

import socket
import threading
import time

import av
import httpx
import numpy as np
import uvicorn

from modalities.types import SAMPLE_RATE


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


def encode(film, path, *, scale=8, codec="mpeg4"):
    """Write a film (`tests/films.py`) as a file."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=25)
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        height, width, _ = film.images[0].shape
        video.width, video.height, video.pix_fmt = width * scale, height * scale, "yuv420p"
        for image in film.images:
            large = np.kron(image, np.ones((scale, scale, 1), np.uint8))
            container.mux(video.encode(av.VideoFrame.from_ndarray(large, format="rgb24")))
        sound = av.AudioFrame.from_ndarray(film.samples[None], format="fltp", layout="mono")
        sound.sample_rate = SAMPLE_RATE
        container.mux(audio.encode(sound))
        container.mux(video.encode())
        container.mux(audio.encode())
    return path
