"""What goes otherwise: clips that are broken, work that is cancelled, servers that ask for a key."""

import time

import pytest

from serve.http.keys import make_key
from tests.serve.http.held import Held
from tests.serve.page.browsing import broken, drop, expect, latest

pytestmark = pytest.mark.slow


def test_a_broken_clip_is_told_in_a_sentence(opened, server, tmp_path):
    page = opened(server.url)
    drop(page, broken(tmp_path))
    expect(page.get_by_role("alert")).to_be_visible()
    sentence = latest(server)["problem"]["detail"]
    expect(page.locator("#trouble-words")).to_have_text(sentence, ignore_case=True)
    page.get_by_role("button", name="Choose another clip").click()
    expect(page.get_by_role("button", name="Choose a clip")).to_be_focused()


def test_what_is_worked_on_can_be_cancelled(opened, start, conductor, clip):
    held = Held(conductor)
    with start(held) as server:
        page = opened(server.url)
        drop(page, clip)
        expect(page.locator("#work-words")).to_have_text("Looking at the first seconds")
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("button", name="Choose a clip")).to_be_focused()
        last = time.monotonic() + 60
        while (state := latest(server)["state"]) != "cancelled":
            assert time.monotonic() < last, f"the job is {state}"
            time.sleep(0.05)
        held.let_go.set()


def test_a_key_is_asked_for_and_kept_in_the_tab(opened, start, tmp_path):
    key, line = make_key("clinic")
    keys = tmp_path / "keys.txt"
    keys.write_text(line + "\n")
    with start(keys=keys) as server:
        page = opened(server.url)
        expect(page.locator("#about")).to_contain_text("key")
        page.get_by_label("Key for this server").fill(key)
        page.keyboard.press("Enter")
        expect(page.locator("#about")).to_contain_text("face.static")
        drop(page, broken(tmp_path))
        expect(page.locator("#trouble-words")).to_contain_text("not a media file")
        page.reload()
        expect(page.locator("#about")).to_contain_text("face.static")
