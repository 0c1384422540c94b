"""What hands do on the page, and what eyes see. Without Chromium or Playwright the tests are skipped, and say so."""

import base64
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make setup` brings it")
CHROMIUM = Path("/usr/bin/chromium")
if not CHROMIUM.exists():
    pytest.skip(f"there is no browser at {CHROMIUM}: `apt-get install chromium`", allow_module_level=True)
PATIENCE = 60_000
"""Milliseconds, on a busy machine."""
expect = playwright.expect
expect.set_options(timeout=PATIENCE)
QUIET = (
    "--no-first-run",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)
REFUSED = "Failed to load resource"
"""What Chromium writes itself about every answer from 400 on; the page shows those as sentences."""


class Watched:
    """A browser, and what its pages complain of or ask for."""

    def __init__(self, browser):
        self._browser = browser
        self.complaints, self.refusals, self.hosts = [], [], set()

    def open(self, url, **wishes):
        page = self._browser.new_context(**wishes).new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        page.goto(url)
        return page

    def _note(self, said):
        if said.type in ("error", "warning"):
            (self.refusals if said.text.startswith(REFUSED) else self.complaints).append(said.text)


def drop(page, path, name=None):
    """Drop a file on the page, as a hand does."""
    given = {"name": name or path.name, "content": base64.b64encode(path.read_bytes()).decode()}
    page.evaluate(
        """({name, content}) => {
            const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0)), data = new DataTransfer();
            data.items.add(new File([bytes], name, {type: "video/mp4"}));
            for (const type of ["dragover", "drop"])
                document.getElementById("drop").dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true}));
        }""",
        given,
    )


def broken(folder):
    path = folder / "broken.mp4"
    path.write_bytes(b"this is no film" * 99)
    return path


def until(page, expression):
    """Wait until something holds; the page's policy forbids Playwright's own way, which evaluates strings in it."""
    last = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < last, f"it never came to {expression}"
        page.wait_for_timeout(30)


def seen(page):
    """Wait for the result, until the player can be moved."""
    expect(page.locator("#result")).to_be_visible()
    until(page, "document.getElementById('player').readyState > 1")


def latest(server):
    return httpx.get(f"{server.url}/v1/jobs?limit=1", timeout=60).json()["jobs"][0]


def fetch(server, job, form):
    return httpx.get(f"{server.url}/v1/jobs/{job['id']}/result?format={form}", timeout=60)


def newest(server):
    """The latest job, and the document that is its result."""
    job = latest(server)
    return job, fetch(server, job, "json").json()


def playhead(page):
    """Where the player stands, once it has come there."""
    until(page, "!document.getElementById('player').seeking")
    return page.evaluate("document.getElementById('player').currentTime")


def move(page, seconds):
    page.evaluate("(time) => { document.getElementById('player').currentTime = time; }", seconds)
    playhead(page)
