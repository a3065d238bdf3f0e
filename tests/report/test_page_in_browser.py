"""The page in a real browser: it asks nothing of the network, draws all, and fits a phone, the dark and paper."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from paper_report import wide_page
from report_cases import report_with_summary
from selenium.webdriver.common.keys import Keys

from browser_cases import chromium, luminance, resize
from ravine.report.page import page

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(page(*report_with_summary()), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def shown(browser, address):
    """Return the browser with the page as a desktop shows it by day."""
    look(browser, "light")
    resize(browser, 1400)
    browser.get(address)
    return browser


def look(browser, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def test_it_asks_nothing_of_the_network_and_has_nothing_to_complain_of(browser, address):
    for kind in ("performance", "browser"):
        browser.get_log(kind)  # what came before is dropped
    browser.get(address)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert address in asked
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert browser.get_log("browser") == []


FOLDS = "return [...document.querySelectorAll('.claims details')].map(fold => fold.open)"


@pytest.mark.parametrize(
    ("anchor", "opened"),
    [("claim-slow", 2), ("claim-images", 3), ("claim-spread", 4), ("verdict-reproduced", 0), ("verdict-undecided", 4)],
)
def test_a_link_into_a_fold_opens_it(shown, address, anchor, opened):
    assert shown.execute_script(FOLDS) == [False] * 5
    shown.get(f"{address}#{anchor}")
    assert shown.execute_script(FOLDS) == [number == opened for number in range(5)]
    top = shown.execute_script(f"return document.getElementById({anchor!r}).getBoundingClientRect().top")
    assert 0 <= top < 800


def test_a_fold_is_opened_by_a_click_on_its_count_and_by_the_keyboard(shown):
    shown.find_element("css selector", ".tally .bad a").click()
    assert shown.execute_script(FOLDS) == [False, False, True, False, False]
    last = shown.find_elements("css selector", ".claims summary")[4]
    shown.execute_script("arguments[0].focus()", last)
    assert shown.execute_script("return getComputedStyle(document.activeElement).display") != "none"
    last.send_keys(Keys.ENTER)
    assert shown.execute_script(FOLDS) == [False, False, True, False, True]


def test_folded_claims_are_printed(shown):
    heights = """
        return [...document.querySelectorAll(".claim")].map(claim => claim.getBoundingClientRect().height);
    """
    hidden = "return [...document.querySelectorAll('.claim')].map(claim => claim.checkVisibility())"
    assert shown.execute_script(hidden) == [False] * 6
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert shown.execute_script(hidden) == [True] * 6
    assert min(shown.execute_script(heights)) > 30
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_every_figure_is_drawn(shown):
    figures = shown.execute_script("""
        return [...document.querySelectorAll("figure svg")].map(svg => {
            const drawn = [...svg.querySelectorAll("path, use, image")].filter(e => !e.closest("defs, clipPath"));
            const visible = drawn.map(e => e.getBoundingClientRect()).filter(box => box.width + box.height > 0);
            const targets = [...svg.querySelectorAll("use")].map(e => e.getAttribute("href").slice(1));
            const box = svg.getBoundingClientRect();
            return {
                width: box.width,
                height: box.height,
                shapes: visible.length,
                lost: targets.filter(id => !document.getElementById(id)).length,
                label: svg.getAttribute("aria-label"),
            };
        });
    """)
    assert len(figures) == 3
    for figure in figures:
        assert min(figure["width"], figure["height"]) > 100
        assert figure["shapes"] > 10
        assert figure["lost"] == 0
        assert figure["label"]


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> str:
    """Return the address of a page with the tables of the reference study over five seeds."""
    path = tmp_path_factory.mktemp("wide") / "index.html"
    path.write_text(wide_page(), encoding="utf-8")
    return path.as_uri()


BOXES = """
    return [...document.querySelectorAll(".table")].map(table => {
        const box = table.querySelector(".scroll");
        return [table.id, box.scrollWidth - box.clientWidth];
    });
"""


def test_no_table_of_the_reference_study_scrolls_at_1280(browser, wide):
    look(browser, "light")
    resize(browser, 1280)
    browser.get(wide)
    found = dict(browser.execute_script(BOXES))
    assert len(found) == 7
    assert set(found.values()) == {0}
    # Numbers with an interval behind them are in it, as the widest that the study has.
    assert browser.execute_script("return document.querySelectorAll('td .interval').length") > 100
    resize(browser, 700)
    assert dict(browser.execute_script(BOXES))["table-further"] > 0  # the test would have seen it


@pytest.mark.parametrize("width", [375, 768, 1280])
def test_the_page_of_the_reference_study_never_scrolls_sideways(browser, wide, width):
    resize(browser, width)
    browser.get(wide)
    assert browser.execute_script("""
        const root = document.documentElement;
        window.scrollTo(1000, 0);
        return [root.scrollWidth - root.clientWidth, window.scrollX];
    """) == [0, 0]
    narrow = browser.execute_script("""
        return [...document.querySelectorAll(".table td")].map(e => e.getBoundingClientRect())
            .filter(box => box.height > 120).length;
    """)
    assert narrow == 0  # no column is squeezed until its words stand one below the other


@pytest.mark.parametrize("width", [360, 768, 1400])
def test_the_page_is_never_wider_than_the_screen(shown, width):
    resize(shown, width)
    shown.execute_script("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert shown.execute_script("return window.innerWidth") == width
    wide = shown.execute_script("""
        const root = document.documentElement;
        const out = [...document.body.querySelectorAll("*")].filter(
            e => !e.closest(".scroll > *") && e.getBoundingClientRect().right > root.clientWidth + 0.5);
        return [root.scrollWidth - root.clientWidth, out.map(e => e.outerHTML.slice(0, 80))];
    """)
    assert wide == [0, []]


def test_wide_tables_scroll_in_their_box_on_a_phone(shown):
    resize(shown, 360)
    assert (
        shown.execute_script("""
        const box = document.querySelector(".table .scroll");
        box.scrollLeft = 50;
        return box.scrollLeft;
    """)
        == 50
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_by_day_and_in_the_dark(shown, scheme):
    look(shown, scheme)
    shown.execute_script("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    colors = shown.execute_script("""
        const ground = element => {
            for (let e = element; e; e = e.parentElement) {
                const color = getComputedStyle(e).backgroundColor;
                if (color !== "rgba(0, 0, 0, 0)") return color;
            }
        };
        const texts = [...document.body.querySelectorAll("*")].filter(e => !e.closest("svg") &&
            [...e.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()));
        const labels = [...document.querySelectorAll("svg text, svg tspan")];
        const spines = [...document.querySelectorAll("svg [style*='stroke: currentColor']")];
        return {
            page: getComputedStyle(document.body).backgroundColor,
            texts: texts.map(e => [getComputedStyle(e).color, ground(e), e.className]),
            labels: labels.map(e => getComputedStyle(e).fill),
            spines: spines.map(e => getComputedStyle(e).stroke),
        };
    """)
    page_light = luminance(colors["page"])
    assert page_light > 0.9 if scheme == "light" else page_light < 0.02
    for text, ground, place in {tuple(each) for each in colors["texts"]}:
        dark, light = sorted((luminance(text), luminance(ground)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (place, text, ground)  # WCAG AA
    assert colors["labels"]
    assert colors["spines"]
    for color in {*colors["labels"], *colors["spines"]}:
        assert luminance(color) < 0.05 if scheme == "light" else luminance(color) > 0.6


def test_it_prints_on_white_even_in_the_dark(shown, tmp_path: Path):
    look(shown, "dark")
    printed = base64.b64decode(shown.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])
    assert printed.startswith(b"%PDF")
    assert len(printed) > 10_000
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
    resize(shown, 700)
    ground, text, cut = shown.execute_script("""
        const style = getComputedStyle(document.body);
        const boxes = [...document.querySelectorAll(".scroll")].map(e => getComputedStyle(e).overflowX);
        return [style.backgroundColor, style.color, boxes.filter(overflow => overflow !== "visible").length];
    """)
    shown.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert luminance(ground) == pytest.approx(1)
    assert luminance(text) < 0.05
    assert cut == 0
