"""A server around somebody who does what clips say, so that jobs can be long, fail or be lost as a test likes."""

import contextlib
import json

from serve.http.app import make_app
from serve.http.services import Services
from serve.jobs.jobs import Jobs
from serve.settings import ServerSettings
from tests.serve.jobs.reader import Reader
from tests.serving import Running


@contextlib.contextmanager
def serving(folder, *, http=None, performer=None, port=0, **settings):
    """Serve with settings of `[http]` and `[jobs]`."""
    chosen = ServerSettings.model_validate({"http": http or {}, "jobs": {"folder": folder} | settings})
    reader = performer or Reader()
    jobs = Jobs(chosen, reader, poll=0.02)
    with Running(make_app(Services(chosen, reader, jobs)), port=port) as running:
        running.jobs, running.folder = jobs, folder
        yield running


def told(**clip):
    """A clip as the body of a form."""
    return {"file": ("talk.mp4", json.dumps(clip).encode())}


def send(server, *, headers=None, fields=None, **clip):
    """Submit a clip; the answer."""
    return server.http.post("/v1/jobs", files=told(**clip), data=fields or {}, headers=headers or {})
