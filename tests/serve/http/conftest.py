"""One film as a file, and one server around the toys, for all tests of the HTTP side."""

import pytest

from serve.http.app import make_app
from serve.http.services import Services
from serve.settings import ServerSettings
from tests import films
from tests.serving import Running


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    return films.write(films.film(5.6), tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="session")
def start(conductor, tmp_path_factory):
    """Make a server with settings of `[http]`, around the conductor or whoever is given."""

    def started(performer=None, jobs=None, **http):
        folder = tmp_path_factory.mktemp("serve")
        settings = ServerSettings.model_validate({"http": http, "jobs": {"folder": folder}})
        services = Services(settings, performer or conductor, jobs)
        running = Running(make_app(services))
        running.services, running.uploads = services, folder / "uploads"
        return running

    return started


@pytest.fixture(scope="session")
def server(start):
    """A server with small limits, that nobody needs a key for."""
    limits = {"upload": 2_000_000, "upload_seconds": 3.0, "clip_seconds": 8.0, "waiting": 4}
    with start(**limits) as running:
        yield running
