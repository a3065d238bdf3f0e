"""The page of a comparison in a real browser: it asks nothing of the network, fits a phone, the dark and paper."""

from __future__ import annotations

import json

import pytest
from outcome_cases import everything, many, on_four

from browser_cases import chromium, luminance, resize
from ravine.comparison import files
from ravine.comparison.comparison import Comparison
from ravine.comparison.files import write_comparison
from ravine.pictures import new_figure

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def no_png():
    """Write no picture as PNG: the page has them as SVG."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "png", lambda figure: b"")
        yield


@pytest.fixture(scope="module")
def address(tmp_path_factory, no_png) -> str:
    return write_comparison(everything(), tmp_path_factory.mktemp("page")).as_uri()


@pytest.fixture(scope="module")
def crowded(tmp_path_factory, no_png) -> str:
    return write_comparison(many(12), tmp_path_factory.mktemp("crowded")).as_uri()


@pytest.fixture(scope="module", params=[3, 12])
def together(request, tmp_path_factory, no_png) -> str:
    """Return a page of four problems, on which the picture of all of them alone is drawn."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("score_by_rate", "best_of_k", "curves"):
            patch.setattr(files, name, lambda *arguments: new_figure()[0])
        return write_comparison(Comparison(on_four(request.param)), tmp_path_factory.mktemp("together")).as_uri()


def look(browser, scheme: str, media: str = "") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


def test_it_asks_nothing_of_the_network_and_has_nothing_to_complain_of(browser, address):
    for kind in ("performance", "browser"):
        browser.get_log(kind)  # what came before is dropped
    browser.get(address)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert address in asked
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert browser.get_log("browser") == []


def test_every_figure_is_drawn(browser, address):
    look(browser, "light")
    resize(browser, 1280)
    browser.get(address)
    figures = browser.execute_script("""
        return [...document.querySelectorAll("figure svg")].map(svg => {
            const box = svg.getBoundingClientRect();
            const drawn = [...svg.querySelectorAll("path, use")].filter(e => !e.closest("defs, clipPath"));
            const targets = [...svg.querySelectorAll("use")].map(e => e.getAttribute("href").slice(1));
            const lost = targets.filter(id => !document.getElementById(id));
            return [Math.min(box.width, box.height), drawn.length, lost.length];
        });
    """)
    assert len(figures) == 2 * 4
    for size, shapes, lost in figures:
        assert size > 100
        assert shapes > 10
        assert lost == 0


@pytest.mark.parametrize("width", [375, 768, 1280])
@pytest.mark.parametrize("page", ["address", "crowded"])
def test_the_page_never_scrolls_sideways_and_all_can_be_reached(browser, request, page, width):
    fits(browser, request.getfixturevalue(page), width)


@pytest.mark.parametrize("width", [375, 1280])
def test_all_problems_together_fit_too_with_a_figure_that_is_drawn(browser, together, width):
    fits(browser, together, width)
    sizes = browser.execute_script("""
        return [...document.querySelectorAll("#figure-profiles svg, #table-profiles table")].map(e => {
            const box = e.getBoundingClientRect();
            return [e.tagName.toLowerCase(), Math.min(box.width, box.height)];
        });
    """)
    assert [name for name, _ in sizes] == ["svg", "table"]
    assert min(size for _, size in sizes) > 80


def fits(browser, address: str, width: int) -> None:
    """Check that nothing of a page lies beyond its right end but in a box that scrolls."""
    look(browser, "light")
    resize(browser, width)
    browser.get(address)
    browser.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
    wide = browser.execute_script("""
        const root = document.documentElement;
        const out = [...document.body.querySelectorAll("*")].filter(
            e => !e.closest(".scroll > *") && e.getBoundingClientRect().right > root.clientWidth + 0.5);
        return [root.scrollWidth - root.clientWidth, out.map(e => e.outerHTML.slice(0, 80))];
    """)
    assert wide == [0, []]


def test_the_verdict_the_leaderboard_and_the_picture_are_on_the_first_screen(browser, tmp_path):
    from outcome_cases import outcome

    page = write_comparison(Comparison(outcome(("adam", "lion", "sgd"))), tmp_path)
    resize(browser, 1280)
    browser.get(page.as_uri())
    bottoms = browser.execute_script("""
        return [".sentence", ".board table", ".board figure svg"].map(
            name => document.querySelector(name).getBoundingClientRect().bottom);
    """)
    assert max(bottoms) <= 800


def test_the_parts_of_a_line_make_one_line(browser, crowded):
    resize(browser, 1280)
    browser.get(crowded)
    gaps = browser.execute_script("""
        const parts = [...document.querySelectorAll(".lane")].map(e => {
            const box = e.getBoundingClientRect();
            const line = getComputedStyle(e, "::before");
            const half = box.height / 2;
            const first = e.classList.contains("first"), last = e.classList.contains("last");
            return {left: box.left, top: box.top + (first ? half : 0), bottom: box.bottom - (last ? half : 0), last,
                    first, color: line.borderLeftStyle};
        });
        const lines = {};
        for (const part of parts) (lines[part.left] ||= []).push(part);
        const gaps = [];
        for (const line of Object.values(lines)) {
            line.sort((a, b) => a.top - b.top);
            line.forEach((part, k) => { if (!part.last) gaps.push(line[k + 1].top - part.bottom); });
        }
        return gaps;
    """)
    assert len(gaps) == 8 * 4  # eight groups of five
    assert max(gaps) <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_by_day_and_in_the_dark(browser, address, scheme):
    look(browser, scheme)
    resize(browser, 1280)
    browser.get(address)
    browser.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
    colors = browser.execute_script("""
        const ground = element => {
            for (let e = element; e; e = e.parentElement) {
                const color = getComputedStyle(e).backgroundColor;
                if (color !== "rgba(0, 0, 0, 0)") return color;
            }
        };
        const texts = [...document.body.querySelectorAll("*")].filter(e => !e.closest("svg") &&
            [...e.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()));
        return {
            page: getComputedStyle(document.body).backgroundColor,
            texts: texts.map(e => [getComputedStyle(e).color, ground(e), e.className]),
            labels: [...document.querySelectorAll("svg text")].map(e => getComputedStyle(e).fill),
        };
    """)
    page_light = luminance(colors["page"])
    assert page_light > 0.9 if scheme == "light" else page_light < 0.02
    for text, ground, place in {tuple(each) for each in colors["texts"]}:
        dark, light = sorted((luminance(text), luminance(ground)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (place, text, ground)  # WCAG AA
    for color in set(colors["labels"]):
        assert luminance(color) < 0.05 if scheme == "light" else luminance(color) > 0.6


def test_it_prints_on_white_with_the_numbers_of_all_pairs(browser, crowded):
    look(browser, "dark", "print")
    resize(browser, 700)
    browser.get(crowded)
    ground, cut, rows = browser.execute_script("""
        const boxes = [...document.querySelectorAll(".scroll")].map(e => getComputedStyle(e).overflowX);
        const rows = [...document.querySelectorAll("#table-pairs-small tbody tr")];
        return [getComputedStyle(document.body).backgroundColor, boxes.filter(o => o !== "visible").length,
                rows.filter(e => e.checkVisibility()).length];
    """)
    look(browser, "light")
    assert luminance(ground) == pytest.approx(1)
    assert cut == 0
    assert rows == 66
