"""One bundle of toys, one film as a file, and one server around them, for all tests of the HTTP side."""

import pytest

from ensemble import bundle as bundles
from serve.graph.conductor import Conductor
from serve.http.app import make_app
from serve.http.services import Services
from serve.settings import ServerSettings
from tests import films, toys
from tests.serving import Running, encode


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "toys"
    folder.mkdir()
    bundles.save(toys.plan(), folder)
    return folder


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    return encode(films.film(5.6), tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="session")
def conductor(bundle):
    made = Conductor.load(bundle)
    yield made
    made.close()


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
