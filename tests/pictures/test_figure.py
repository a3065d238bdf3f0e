"""The figure: its title is whole, and it looks the same, and shows itself, whatever the user has set."""

from __future__ import annotations

import functools
import io
import pickle

import matplotlib as mpl
import pytest
from PIL import Image

from ravine.pictures import KINDS, Figure, new_figure, own_style, set_title

USERS = {
    "text.usetex": True,
    "figure.facecolor": "black",
    "axes.facecolor": "black",
    "savefig.facecolor": "black",
    "axes.edgecolor": "white",
    "text.color": "white",
    "xtick.color": "white",
    "font.size": 30,
    "figure.dpi": 31,
    "savefig.dpi": 31,
    "savefig.bbox": "tight",
    "lines.linewidth": 7,
    "font.family": ["a font that nobody has"],
    "axes.unicode_minus": False,
}
"""Settings of a user's, each of which would change a picture, or fail."""


@own_style()
def a_figure() -> Figure:
    figure, (left, right) = new_figure(2)
    left.plot([1, 2, 3], [-3, 0.5, 7], label="a curve")
    right.plot([1, 2, 3], [1e-3, 2, 5])
    right.set_yscale("log")
    left.legend()
    set_title(figure, "a title")
    return figure


def saved(figure, kind: str = "png") -> bytes:
    content = io.BytesIO()
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    figure.savefig(content, format=kind, metadata=metadata)
    return content.getvalue()


def as_inline_backend(figure) -> bytes:
    """Return what the inline backend of notebooks makes of a figure: it asks the canvas."""
    content = io.BytesIO()
    colors = {"facecolor": figure.get_facecolor(), "edgecolor": figure.get_edgecolor()}
    figure.canvas.print_figure(content, format="png", dpi=figure.dpi, bbox_inches="tight", **colors)
    return content.getvalue()


def as_notebook(figure) -> bytes:
    return figure._repr_png_()


@functools.cache
def without_settings(shown) -> bytes:
    return shown(a_figure())


@pytest.mark.parametrize("made", ["under them", "before"])
@pytest.mark.parametrize("shown", [saved, as_notebook, as_inline_backend], ids=["savefig", "notebook", "inline"])
def test_the_user_s_settings_do_not_change_a_picture(made, shown):
    plain = without_settings(shown)
    before = None if made == "under them" else a_figure()
    with mpl.rc_context(USERS):
        figure = before or a_figure()
        assert shown(figure) == plain
        for name, value in USERS.items():
            assert mpl.rcParams[name] == value
    assert shown(figure) == plain  # and not later either


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_other_kinds_of_files_neither(kind):
    with mpl.rc_context({"svg.hashsalt": "fixed"}):
        plain = saved(a_figure(), kind)
    with mpl.rc_context({**USERS, "svg.hashsalt": "fixed"}):
        assert saved(a_figure(), kind) == plain


@pytest.mark.parametrize(("ending", "begin"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_files_begin_as_their_kind_does_and_are_repeatable(ending, begin):
    content = KINDS[ending](a_figure(), "name")
    assert content.startswith(begin)
    assert KINDS[ending](a_figure(), "name") == content


def test_it_shows_itself_as_a_picture():
    content = a_figure()._repr_png_()
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert image.size == (900, 360)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_copy_by_pickle_is_the_same_picture():
    figure = a_figure()
    assert pickle.loads(pickle.dumps(figure))._repr_png_() == figure._repr_png_()


TITLES = [
    "short",
    "adam lr 0.1 to 0.001, " + ", ".join(f"hyperparameter_{number} 0.{number}" for number in range(30)),
    "one_name_" * 60,
    "W" * 300,
    "two lines,\nof which one is long: " + "and so on " * 40,
    "a price of $5 and one of $6, $\\bad$",
]


@pytest.mark.parametrize("title", TITLES, ids=range(len(TITLES)))
@pytest.mark.parametrize("columns", [1, 3])
def test_a_title_of_any_length_is_whole(title, columns):
    figure, panels = new_figure(columns)
    figure.draw_without_rendering()
    height = panels[0].bbox.height
    set_title(figure, title)
    figure.draw_without_rendering()
    box = figure._suptitle.get_window_extent()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    assert box.y1 <= figure.bbox.y1
    assert not any(box.overlaps(axes.bbox) for axes in panels)
    assert "".join(figure._suptitle.get_text().split()) == "".join(title.split())
    assert panels[0].bbox.height > 0.85 * height


def test_all_files_of_a_figure_have_one_layout():
    figure = a_figure()
    first = KINDS[".png"](figure, "name")
    places = [axes.get_position().bounds for axes in figure.axes]
    KINDS[".svg"](figure, "name")
    assert [axes.get_position().bounds for axes in figure.axes] == places
    assert KINDS[".png"](figure, "name") == first
