"""The real app around a toy bundle, a film that Chromium can play, and a browser that must keep quiet and to itself."""

import pytest

from serve.http.app import make_app
from serve.http.services import Services
from serve.jobs.jobs import Jobs
from serve.settings import ServerSettings
from tests import films
from tests.serving import Running

SECONDS = 6.0


@pytest.fixture(scope="package")
def clip(tmp_path_factory):
    return films.write(films.film(SECONDS), tmp_path_factory.mktemp("film") / "a film.mp4", scale=12, codec="libx264")


@pytest.fixture(scope="package")
def start(conductor, tmp_path_factory):
    def started(performer=conductor, **http):
        settings = ServerSettings.model_validate({"http": http, "jobs": {"folder": tmp_path_factory.mktemp("serve")}})
        return Running(make_app(Services(settings, performer, Jobs(settings, performer, poll=0.1))))

    return started


@pytest.fixture(scope="package")
def server(start):
    with start() as running:
        yield running


@pytest.fixture(scope="module")
def watched():
    """Of one module: as long as Playwright runs, nobody else can run an event loop in this thread."""
    from tests.serve.page.browsing import CHROMIUM, QUIET, Watched, playwright

    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield Watched(browser)
        browser.close()


@pytest.fixture(autouse=True)
def quiet(watched, request):
    """After every test: nothing failed in the console, and no request left the host."""
    yield
    told = watched.complaints + ([] if request.path.stem == "test_trouble" else watched.refusals)
    watched.complaints, watched.refusals = [], []
    assert told == []
    assert watched.hosts <= {"127.0.0.1", None, ""}, "something asked another host"


@pytest.fixture
def opened(watched):
    """Open pages that are closed at the end."""
    pages = []

    def open_at(*place, **wishes):
        pages.append(watched.open(*place, **wishes))
        return pages[-1]

    yield open_at
    for page in pages:
        page.context.close()
