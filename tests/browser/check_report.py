"""The report as people use it: with a mouse, with a keyboard, in the dark, on a phone, with a screen reader."""

from __future__ import annotations

import os
import re
from itertools import product
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import HOSTILE_METRIC, NASTY, Open
from playwright.sync_api import Page, expect

CHARTS = ("timeline-chart", "metric-chart", "curve-chart", "added-chart", "stored-chart")


def tags(page: Page) -> list[str]:
    """The versions in the table, from above."""
    return page.locator("#table tbody th .pick").all_inner_texts()


def side(page: Page) -> list[str]:
    """The names of the rows of the comparison."""
    return page.locator("#comparison tbody th[scope=row]").all_inner_texts()


def picture(page: Page, name: str) -> None:
    """For those who want to see it."""
    if "BROWSER_SHOTS" in os.environ:
        page.screenshot(path=Path(os.environ["BROWSER_SHOTS"]) / f"{name}.png", full_page=True)


def draw_all(page: Page) -> None:
    """Charts are drawn as they come into sight."""
    for chart in CHARTS:
        page.locator(f"#{chart}").scroll_into_view_if_needed()
        expect(page.locator(f"#{chart} canvas")).to_be_visible()
    page.evaluate("Promise.all(drawing.values())")


def ink(page: Page, chart: str) -> int:
    """How many points of a chart are painted."""
    return page.evaluate(
        """id => { const canvas = document.querySelector(`#${id} canvas`);
        const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return all.filter((value, at) => at % 4 === 3 && value > 0).length; }""",
        chart,
    )


def label(page: Page, chart: str, begin: str) -> None:
    """What a screen reader says of a chart begins so."""
    expect(page.locator(f"#{chart}")).to_have_attribute("aria-label", re.compile(f"^{re.escape(begin)}"))


DAY = 86_400
SPANS = (
    0,
    1,
    5,
    9,
    60,
    390,
    410,
    3 * 3600,
    DAY,
    4.5 * DAY,
    6.5 * DAY,
    240 * DAY,
    260 * DAY,
    340 * DAY,
    480 * DAY,
    2000 * DAY,
)
LABELS = """async span => {
    const all = [...versions, ...report.events];
    all.forEach((one, at) => {
        const seconds = Math.round((span * at) / (all.length - 1));
        one.time = new Date(Date.UTC(2025, 10, 28, 15, 36, 50) + 1000 * seconds).toISOString();
    });
    const host = document.body.appendChild(document.createElement("div"));
    const options = { ast: true, actions: false, defaultStyle: false, tooltip: false };
    const drawn = await vegaEmbed(host, { width: innerWidth - 100, ...timeline() }, options);
    const labels = [];
    const look = (mark) => {
        for (const item of mark.items) {
            const isTime = mark.role === "axis-label" && typeof item.datum.value !== "string";
            if (isTime && item.opacity > 0) labels.push(item.text);
            for (const inner of item.items || []) look(inner);
        }
    };
    look(drawn.view.scenegraph().root);
    drawn.finalize();
    host.remove();
    return labels; }"""
"""The time line over so many seconds: what is written below it."""


@pytest.mark.parametrize("width", [390, 1280])
def test_no_two_labels_of_the_time_axis_are_the_same(small: Path, open_page: Open, width: int) -> None:
    page = open_page(small, width=width)
    for span in SPANS:
        labels = page.evaluate(LABELS, span)
        assert labels, span
        assert len(labels) == len(set(labels)), (span, labels)


def test_the_head_says_what_there_is(small: Path, open_page: Open) -> None:
    page = open_page(small)
    expect(page.get_by_role("heading", level=1)).to_have_text("resnet")
    expect(page.locator("#summary")).to_contain_text("24 versions")
    facts = page.locator("#facts").inner_text()
    for text in ("Newest version", "v0.24", "Best acc", "v0.23", "In production", "v0.20"):
        assert text in facts


def test_sorting_by_mouse_and_by_keyboard(small: Path, open_page: Open) -> None:
    page = open_page(small)
    assert tags(page)[:2] == ["v0.24", "v0.23"]
    page.get_by_role("button", name="loss").click()
    expect(page.get_by_role("columnheader", name="loss")).to_have_attribute("aria-sort", "descending")
    assert tags(page)[0] == "v0.1"
    page.keyboard.press("Enter")  # the focus has stayed on the heading
    expect(page.get_by_role("columnheader", name="loss")).to_have_attribute("aria-sort", "ascending")
    assert tags(page)[0] == "v0.23"
    page.get_by_role("button", name="Version").focus()
    page.keyboard.press("Space")
    assert tags(page)[:10] == [f"v0.{number}" for number in range(1, 11)]


def test_searching_and_filtering(small: Path, open_page: Open) -> None:
    page = open_page(small)
    search = page.get_by_role("searchbox", name="Search")
    search.fill("grace longer")
    expect(page.locator("#count")).to_have_text("2 of 24 versions")
    assert tags(page) == ["v0.16", "v0.4"]
    search.fill("acc>0.86 loss<0.26")
    assert tags(page) == ["v0.24", "v0.23"]
    search.fill("nothing like it")
    assert tags(page) == []
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#count")).to_have_text("24 versions")
    page.get_by_role("combobox", name="Stage").select_option("production")
    assert tags(page) == ["v0.20"]
    page.get_by_role("combobox", name="Changed").select_option("data")
    expect(page.locator("#count")).to_have_text("0 of 24 versions")


def test_comparing_two_and_three(small: Path, open_page: Open) -> None:
    page = open_page(small)
    expect(page.locator("#chosen")).to_contain_text("No version is chosen")
    page.get_by_label("Choose v0.23").check()
    page.get_by_label("Choose v0.11").check()
    expect(page.locator("#chosen")).to_have_text("v0.23 against v0.11")
    names = side(page)
    assert {"acc", "loss", "params.yaml: train.lr", "metrics.log", "model.safetensors"} <= set(names)
    assert "model.safetensors: embed.weight" in names
    assert "params.yaml: train.epochs" not in names
    row = page.locator("#comparison tr", has=page.get_by_role("rowheader", name="loss", exact=True))
    expect(row).to_contain_text("better")
    page.get_by_label("Only what differs").uncheck()
    assert "params.yaml: train.epochs" in side(page)
    page.get_by_label("Choose v0.20").check()
    expect(page.locator("#chosen")).to_have_text("v0.20, v0.23 against v0.11")
    page.get_by_role("button", name="Remove v0.11").click()
    expect(page.locator("#chosen")).to_have_text("v0.23 against v0.20")
    expect(page.get_by_label("Choose v0.11")).not_to_be_checked()
    page.get_by_role("button", name="Newest two").click()
    expect(page.locator("#chosen")).to_have_text("v0.24 against v0.23")
    page.get_by_role("button", name="Choose none").click()
    assert side(page) == []


def test_everything_by_keyboard(small: Path, open_page: Open) -> None:
    page = open_page(small)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the table")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox", name="Search")).to_be_focused()
    page.keyboard.type("v0.2")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.tag") == "v0.24":
            break
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#chosen")).to_have_text("v0.24 against v0.23")
    stops = page.evaluate(
        "document.querySelectorAll('a[href],button:not([hidden]),input,select,summary,.scroll').length"
    )
    for _ in range(stops + 5):  # the focus leaves the page at its end: nothing holds it
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
    else:
        pytest.fail("the focus never left the page")


def test_charts_are_painted_and_follow(small: Path, open_page: Open) -> None:
    page = open_page(small)
    draw_all(page)
    assert all(ink(page, chart) > 500 for chart in CHARTS)
    said = "acc over 24 versions: from 0.5533 in v0.1 to 0.8705 in v0.24, best 0.8784 in v0.23"
    label(page, "metric-chart", said)
    page.get_by_role("combobox", name="Metric").first.select_option("loss")
    label(page, "metric-chart", "loss over 24 versions")
    label(page, "curve-chart", "acc over step, of v0.21, v0.22, v0.23, v0.24")
    page.get_by_label("Choose v0.3").check()
    label(page, "curve-chart", "acc over step, of v0.3")


def test_a_click_on_a_mark_chooses_its_version(small: Path, open_page: Open) -> None:
    page = open_page(small)
    draw_all(page)
    chart = page.locator("#added-chart canvas")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.7)
    expect(page.locator("#tooltip")).to_contain_text("added")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.7)
    expect(page.locator("#chosen")).to_contain_text("alone")


def test_hostile_text_stays_text(small: Path, open_page: Open) -> None:
    page = open_page(small)
    draw_all(page)
    page.get_by_label("Choose v0.24").check()
    page.get_by_label("Choose v0.23").check()
    page.get_by_role("combobox", name="Metric").first.select_option(HOSTILE_METRIC)
    label(page, "metric-chart", HOSTILE_METRIC)
    page.evaluate("Promise.all(drawing.values())")
    chart = page.locator("#metric-chart canvas")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    for right, down in product(range(0, 40, 6), range(20, 230, 6)):  # the one point is in the middle, beside the axis
        page.mouse.move(box["x"] + box["width"] / 2 + right, box["y"] + down)
        if page.locator("#tooltip").is_visible():
            break
    expect(page.locator("#tooltip")).to_contain_text("onerror=hacked")
    page.get_by_label("Only what differs").uncheck()
    text = page.locator("#comparison").inner_text()
    assert " ".join(NASTY.split()) in " ".join(text.split())
    assert "Eve &lt;b&gt; 'quoted' &amp;" in text
    assert "params.yaml: <u>key</u>" in text
    assert page.evaluate("document.querySelectorAll('main b, main i, main u, main img, main script').length") == 0
    page.get_by_role("searchbox", name="Search").fill("onerror=hacked")
    assert tags(page) == ["v0.24"]


def test_stages_and_models(small: Path, open_page: Open) -> None:
    page = open_page(small)
    rows = page.locator("#stages-body tbody tr").all_inner_texts()
    went = [tuple(row.split("\t")[1:3]) for row in rows]
    assert went == [("staging", "v0.23 in"), ("production", "v0.20 in"), ("production", "v0.9 in")]
    page.get_by_role("combobox", name="Version").select_option("v0.23")
    expect(page.locator("#models-body")).to_contain_text("safetensors")
    page.get_by_role("searchbox", name="Tensors").fill("mlp")
    names = page.locator("#models-body tbody tr td:first-child").all_inner_texts()
    assert names == ["layers.0.mlp.weight", "layers.1.mlp.weight"]


def test_a_page_of_no_version(empty: Path, open_page: Open) -> None:
    page = open_page(empty)
    expect(page.locator("#summary")).to_contain_text("none of 24 versions")
    expect(page.locator("#count")).to_have_text("0 versions")
    expect(page.get_by_role("button", name="Newest two")).to_be_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nobody_is_shut_out(small: Path, open_page: Open, width: int, scheme: str) -> None:
    page = open_page(small, width=width, scheme=scheme)
    draw_all(page)
    page.get_by_role("button", name="Newest two").click()
    found = Axe().run(page).response["violations"]
    grave = [
        (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert grave == []
    assert page.evaluate("document.documentElement.scrollWidth") == width, "the page scrolls sideways"
    picture(page, f"small-{width}-{scheme}")


def test_dark_and_light_change_while_it_is_open(small: Path, open_page: Open) -> None:
    page = open_page(small)
    draw_all(page)
    look = """() => [getComputedStyle(document.body).backgroundColor,
        document.querySelector("#metric-chart canvas").toDataURL()]"""
    before = page.evaluate(look)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => ({look})()[1] !== before", arg=before[1])
    assert page.evaluate(look)[0] != before[0]


def test_a_thousand_versions(large: Path, open_page: Open) -> None:
    assert large.stat().st_size < 3_000_000
    page = open_page(large)
    ready = page.evaluate("document.documentElement.dataset.ready")
    began = page.evaluate("performance.now()")
    page.get_by_role("searchbox", name="Search").fill("acc>0.97 alan")
    searched = page.evaluate("performance.now()") - began
    size = large.stat().st_size / 1e6
    print(f"\n1,000 versions: {size:.2f} MB, interactive after {ready} ms, a search takes {searched:.0f} ms")
    assert 0 < len(tags(page)) < 100
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#count")).to_have_text("1,000 versions")
    assert len(tags(page)) == 100
    picture(page, "large")
    page.get_by_role("button", name="Show all 1,000").click()
    assert len(tags(page)) == 1000
    draw_all(page)
