"""What was found in a clip: the timeline moves the player, faces are drawn, and all of it can be kept or erased."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.serve.page.browsing import drop, expect, fetch, move, newest, playhead, seen, until

pytestmark = pytest.mark.slow

OKABE_ITO = {"230,159,0", "86,180,233", "0,158,115", "240,228,66", "0,114,178", "213,94,0", "204,121,167"}
"""As red, green and blue."""


@pytest.fixture(scope="module")
def result(watched, server, clip):
    """A page on which a clip was dropped, with its job and the document that the server has."""
    page = watched.open(server.url)
    drop(page, clip)
    seen(page)
    yield page, *newest(server)
    page.context.close()


def test_a_clip_was_dropped_and_its_timeline_moves_the_player(result):
    page, _, document = result
    end, slider = document["clip"]["end"], page.get_by_role("slider", name="Playhead")
    box = slider.bounding_box()
    for share in (0.15, 0.5, 0.9):
        slider.click(position={"x": box["width"] * share, "y": box["height"] * 0.6})
        here = playhead(page)
        assert here == pytest.approx(end * share, abs=0.15)
        tops = {one["top_compound"] for one in document["segments"] if one["start"] <= here < one["end"]}
        told = slider.get_attribute("aria-valuetext")
        assert any(f", {top} " in told for top in tops)
        expect(page.locator("#moment .label")).to_contain_text(told.split(", ")[1].rsplit(" ", 2)[0])
    page.locator(".lane .strip").nth(1).click(position={"x": box["width"] * 0.25, "y": 5})
    assert playhead(page) == pytest.approx(end * 0.25, abs=0.15)


def test_every_frame_is_told_as_the_table_of_the_server_tells_it(result, server):
    page, job, document = result
    table = pd.read_csv(io.StringIO(fetch(server, job, "csv").text))
    told = page.evaluate(
        """async ([document, times]) => {
            const {Record, MAIN} = await import(new URL("page/record.js", location));
            const record = new Record(document), rows = record.rows(MAIN);
            return times.map((time) => {
                const row = record.at(rows, time);
                return {name: row.name, shares: row.scores.compound, track: row.track, row: row.scores.expression};
            });
        }""",
        [document, table["time"].tolist()],
    )
    assert len(told) == len(table) > 100
    assert [row["name"] for row in told] == table["top_compound"].tolist()
    shares = table[[f"compound.{name}" for name in document["labels"]["compound"]]].to_numpy()
    np.testing.assert_allclose([row["shares"] for row in told], shares, atol=2e-5)
    basic = table[[f"expression.{name}" for name in document["labels"]["expression"]]].to_numpy()
    np.testing.assert_allclose(np.array([row["row"] for row in told], float), basic, atol=2e-5)
    assert {row["track"] for row in told} >= {0, 1}


def test_keys_move_the_player_too(result):
    page, *_ = result
    slider = page.get_by_role("slider", name="Playhead")
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert playhead(page) == pytest.approx(1.0, abs=0.05)
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert playhead(page) == pytest.approx(1.8, abs=0.05)
    assert slider.get_attribute("aria-valuenow") == "1.8"
    page.keyboard.press("Space")
    until(page, "document.getElementById('player').currentTime > 2")
    page.keyboard.press("Space")
    assert page.evaluate("document.getElementById('player').paused")
    page.keyboard.press("End")
    assert playhead(page) > 4.5
    page.keyboard.press("Home")
    assert playhead(page) == 0
    page.keyboard.press("+")
    page.keyboard.press("+")
    expect(page.locator(".tools")).to_contain_text("0:00.0 to 0:02.0")
    page.get_by_role("button", name="Whole clip").click()


def test_faces_are_drawn_where_they_were_seen_and_absence_is_said(result):
    page, _, document = result
    first, looked = document["tracks"][0], document["looked"]["times"]
    at = next(box for box in first["boxes"] if box["time"] > 0.5)
    move(page, at["time"])
    face = page.locator(".face").first
    expect(face).to_contain_text("Face 1: ")
    drawn, frame = face.bounding_box(), page.locator("#frame").bounding_box()
    left, top, right, bottom = at["box"]
    assert drawn["x"] - frame["x"] == pytest.approx(left * frame["width"], abs=3)
    assert drawn["y"] - frame["y"] == pytest.approx(top * frame["height"], abs=3)
    assert drawn["width"] == pytest.approx((right - left) * frame["width"], abs=5)
    assert drawn["height"] == pytest.approx((bottom - top) * frame["height"], abs=5)

    times = [box["time"] for box in first["boxes"]]
    gone = next(time for time in looked if times[0] < time < times[-1] and min(abs(time - one) for one in times) > 0.3)
    page.get_by_label("Whom it is about").select_option(label="Face 1")
    move(page, gone)
    expect(page.locator("#moment .whom")).to_have_text("This face is out of view")
    expect(page.locator("#moment .label")).to_have_text("No label")
    expect(page.locator("#moment .members li").first).to_contain_text("absent")
    expect(page.locator(".face:visible", has_text="Face 1")).to_have_count(0)
    assert "out of view" in page.get_by_role("slider").get_attribute("aria-valuetext")
    page.get_by_label("Whom it is about").select_option(label="The main face")


def test_the_timeline_has_the_colours_of_its_labels_and_a_table_says_the_same(result):
    page, _, document = result
    painted = page.evaluate(
        """() => [...document.querySelectorAll(".lane[open] canvas")].map((canvas) => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), found = new Set();
            for (let at = 0; at < data.length; at += 4) if (data[at + 3]) found.add([...data.slice(at, at + 3)].join());
            return [...found];
        })"""
    )
    assert {*painted[0]} >= OKABE_ITO
    assert all(len(colours) > 1 for colours in painted)
    page.get_by_text("As a table").click()
    rows = page.locator("#table-room tbody tr")
    expect(rows).not_to_have_count(0)
    heard = " ".join(rows.locator("td:nth-child(9)").all_inner_texts()).split()
    assert {word["text"] for word in document["words"]} == {*heard} - {"–"}
    page.locator("#table-room tbody button").nth(10).click()
    assert playhead(page) == pytest.approx(2.0, abs=0.25)
    page.get_by_text("As a table").click()


def test_a_telephone_and_no_mouse_are_enough(result):
    page, *_ = result
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    expect(page.locator(".values").first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    unnamed = """[...document.querySelectorAll("button, select, input, summary, [role=slider]")].filter((one) =>
        one.checkVisibility() && !(one.innerText || one.getAttribute("aria-label") || one.labels?.length)).length"""
    assert page.evaluate(unnamed) == 0
    page.evaluate("document.getElementById('main').focus()")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.role"))
    assert {"player", "whom", "another", "draw-faces", "slider", "erase"} <= reached


def test_the_result_can_be_kept_and_erased(result, server):
    page, job, document = result
    expect(page.locator("#disclosure")).to_have_text(document["disclosure"])
    expect(page.locator("footer")).to_contain_text("AI Act")
    endings = {"JSON": ".json", "CSV": ".csv", "Parquet": ".parquet", "ABAW": ".abaw.txt", "Picture": ".png"}
    for words, ending in endings.items():
        with page.expect_download() as waiting:
            page.get_by_role("button", name=words, exact=True).click()
        assert waiting.value.suggested_filename == "a film" + ending
        kept, form = Path(waiting.value.path()).read_bytes(), words.lower()
        assert kept == fetch(server, job, form).content
    page.get_by_role("button", name="Erase from the server").click()
    expect(page.locator("#kept")).to_contain_text("Erased")
    assert fetch(server, job, "json").status_code in (404, 410)
    expect(page.get_by_role("button", name="CSV")).to_be_disabled()
