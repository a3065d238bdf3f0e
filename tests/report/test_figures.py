"""Figures of results that are made up: what is drawn, read back from the picture."""

from __future__ import annotations

import dataclasses
import math
from xml.etree import ElementTree

import numpy as np
import pytest
from stored_cases import DEAD, NAN, check_of, epochs, result

from ravine.pictures import png, svg
from ravine.report.figures import draw
from ravine.studies import Figure, Group, Study, plan

ROWS = [
    {"lr": 0.1, "batch_size": 10, "published": {"train_loss": 0.05, "test_accuracy": 0.955}},
    {"lr": 0.01, "batch_size": 10},
    {"lr": 0.1, "batch_size": 100, "published": {"train_loss": math.nan, "test_accuracy": 0.098}},
]
LABELED = [
    {"label": "long", "lr": 0.5, "epochs": 6, "published": {"test_accuracy": 0.96}},
    {"label": "short", "lr": 0.5, "published": {"test_accuracy": 0.97}},
]
STUDY = Study(
    name="s",
    seeds=[0, 1, 2],
    settings={"epochs": 4},
    groups=[Group(name="g", rows=ROWS), Group(name="named", rows=LABELED)],
)
PLANNED = plan(STUDY)


def row(group: str, number: int):
    return [run for run in PLANNED if (run.group, run.row) == (group, number - 1)]


CURVES = {
    0: ([0.90, 0.93, 0.94, 0.95], [0.5, 0.2, 0.1, 0.06]),
    1: ([0.91, 0.92, 0.95, 0.96], [0.6, 0.3, 0.2, 0.04]),
    2: ([0.92, 0.94, 0.93, 0.97], [0.4, 0.1, 0.3, 0.05]),
}
MEANS = [0.91, 0.93, 0.94, 0.96]


def results_of(*rows, curves=CURVES):
    """Return results of rows whose seeds have these accuracies and losses."""
    return {run.id: result(run, history=epochs(*curves[run.spec.seed])) for runs in rows for run in runs}


def drawn(figure: Figure, results, checks=None):
    drawing = draw(figure, PLANNED, results, checks or {})
    assert drawing is not None
    return drawing


def curves_of(axes):
    """Return the lines with a label."""
    return [line for line in axes.lines if not line.get_label().startswith("_")]


def stars_of(axes):
    return [(*line.get_xdata(), *line.get_ydata(), line.get_color()) for line in axes.lines if line.get_marker() == "*"]


def test_means_ranges_and_published_values():
    figure = Figure(name="f", rows=["g:1", "g:2"], title="What it shows")
    drawing = drawn(figure, results_of(row("g", 1), row("g", 2)))
    assert (drawing.name, drawing.title) == ("f", "What it shows")
    assert (
        drawing.caption
        == "Mean of 3 seeds, and the range from the lowest to the highest. A star is the published value."
    )
    left, right = drawing.figure.axes
    assert [axes.get_ylabel() for axes in (left, right)] == ["training loss", "test accuracy"]
    assert {axes.get_xlabel() for axes in (left, right)} == {"epoch"}
    assert (left.get_yscale(), right.get_yscale()) == ("log", "linear")
    for axes, column, expected in ((left, 1, [0.5, 0.2, 0.2, 0.05]), (right, 0, MEANS)):
        lines = curves_of(axes)
        assert [line.get_label() for line in lines][:2] == ["lr 0.1", "lr 0.01"]
        for line in lines[:2]:
            assert list(line.get_xdata()) == [1, 2, 3, 4]
            np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)
        band = axes.collections[0].get_paths()[0].vertices
        for epoch in range(1, 5):
            values = [curve[column][epoch - 1] for curve in CURVES.values()]
            heights = band[band[:, 0] == epoch][:, 1]
            assert (heights.min(), heights.max()) == (min(values), max(values))
        assert len(axes.collections) == 2
    assert (left.get_legend() is not None, right.get_legend()) == (True, None)
    colors = [line.get_color() for line in curves_of(left)[:2]]
    assert len(set(colors)) == 2
    assert stars_of(left) == [(4, 0.05, colors[0])]
    assert stars_of(right) == [(4, 0.955, colors[0])]


def test_rows_of_different_numbers_of_seeds():
    figure = Figure(name="f", rows=["g:1", "g:2"])
    assert drawn(figure, results_of(row("g", 1), row("g", 2)[:1])).caption.startswith("Mean of 1 to 3 seeds, and")


def test_curves_over_the_steps():
    figure = Figure(name="f", rows=["g:1"], measures=("test_accuracy",), over="steps")
    (axes,) = drawn(figure, results_of(row("g", 1))).figure.axes
    assert axes.get_xlabel() == "step"
    assert axes.get_xlim()[0] <= 0 < 24_000 < axes.get_xlim()[1] < 26_000
    # Epochs are made up with 6,000 steps each.
    assert list(axes.lines[0].get_xdata()) == [6000, 12000, 18000, 24000]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), MEANS, rtol=1e-12)
    assert [star[:2] for star in stars_of(axes)] == [(24_000, 0.955)]


def test_one_seed_has_no_range():
    (run, *_) = row("g", 1)
    drawing = drawn(Figure(name="f", rows=["g:1"], measures=("test_loss",)), results_of([run]))
    assert drawing.caption == "One seed."
    (axes,) = drawing.figure.axes
    assert axes.get_ylabel() == "test loss"
    assert len(axes.collections) == 0
    # The test losses are made up a tenth above the training losses.
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.6, 0.3, 0.2, 0.16])
    assert axes.get_legend() is None


def test_what_was_not_run_is_not_drawn():
    figure = Figure(name="f", rows=["g"], measures=("test_accuracy",))
    assert draw(figure, PLANNED, {}, {}) is None
    (axes,) = drawn(figure, results_of(row("g", 2)[1:], row("named", 1))).figure.axes
    (line,) = curves_of(axes) or axes.lines
    np.testing.assert_allclose(line.get_ydata(), np.mean([CURVES[1][0], CURVES[2][0]], axis=0))


@pytest.mark.parametrize("dead", [1, 2, 3])
@pytest.mark.parametrize("rows", [["g:2"], ["g:1", "g:2"]])
def test_rows_that_diverged_say_so(dead, rows):
    results = results_of(row("g", 1), row("g", 2))
    for run in row("g", 2)[:dead]:
        results[run.id] = result(run, history=epochs([0.098], [2.3]), cause=DEAD)
    (axes,) = drawn(Figure(name="f", rows=rows, measures=("test_accuracy",)), results).figure.axes
    words = "(diverged)" if dead == 3 else f"({dead} of 3 diverged)"
    *_, text = [text.get_text() for text in axes.get_legend().get_texts()]
    assert text == (words if len(rows) == 1 else f"lr 0.01 {words}")
    # After the first epoch the mean is that of the seeds that live.
    line = curves_of(axes)[-1]
    living = [CURVES[run.spec.seed][0] for run in row("g", 2)[dead:]]
    assert line.get_ydata()[0] == pytest.approx(np.mean([*[0.098] * dead, *[curve[0] for curve in living]]))
    np.testing.assert_allclose(line.get_ydata()[1:], np.mean(living, axis=0)[1:] if living else [])


@pytest.mark.parametrize(
    "measures", [("train_loss",), ("test_accuracy",), ("train_loss", "test_loss", "test_accuracy")]
)
def test_runs_that_died_in_the_first_epoch(measures):
    results = {run.id: result(run, history=[], cause=NAN, test_loss=None) for run in row("g", 3)}
    drawing = drawn(Figure(name="f", rows=["g:3"], measures=measures), results)
    assert len(drawing.figure.axes) == len(measures)
    for axes in drawing.figure.axes:
        assert stars_of(axes) == []
        assert axes.get_xlim() == (0.5, 4.5)
    assert png(drawing.figure)


def test_a_loss_that_is_not_finite_leaves_a_gap():
    run = row("g", 1)[0]
    history = epochs(*CURVES[0])
    history[1] = dataclasses.replace(history[1], test_loss=None)
    (axes,) = drawn(
        Figure(name="f", rows=["g:1"], measures=("test_loss",)), {run.id: result(run, history=history)}
    ).figure.axes
    assert np.isnan(axes.lines[0].get_ydata()).tolist() == [False, True, False, False]


def test_rows_of_different_length_have_their_stars_at_their_ends():
    long, short = row("named", 1), row("named", 2)
    results = results_of(short)
    results |= {run.id: result(run, history=epochs([0.9] * 6)) for run in long}
    (axes,) = drawn(Figure(name="f", rows=["named"], measures=("test_accuracy",)), results).figure.axes
    assert [(x, y) for x, y, _ in stars_of(axes)] == [(6, 0.96), (4, 0.97)]
    assert axes.get_xlim() == (0.5, 6.5)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["long", "short"]


def test_a_row_alone_needs_no_name():
    (axes,) = drawn(
        Figure(name="f", rows=["named:short"], measures=("test_loss",)), results_of(row("named", 2))
    ).figure.axes
    assert axes.get_legend() is None
    assert not axes.figure.legends


TWELVE = [{"optimizer": name, "lr": lr} for name in ("sgd", "momentum", "nesterov", "adam") for lr in (0.1, 0.2, 0.3)]


@pytest.mark.parametrize("panels", [None, "optimizer"])
def test_a_figure_of_twelve_rows(panels):
    planned = plan(Study(name="s", settings={"epochs": 4}, groups=[Group(name="g", rows=TWELVE)]))
    lower = {run.id: result(run, history=epochs([0.9] * 4, [0.1 * (run.row + 1)] * 4)) for run in planned}
    figure = Figure(name="f", rows=["g"], measures=("train_loss",), panels=panels)
    picture = draw(figure, planned, lower, {}).figure
    picture.draw_without_rendering()
    legends = [*picture.legends, *(axes.get_legend() for axes in picture.axes if axes.get_legend())]
    texts = [text.get_text() for legend in legends for text in legend.get_texts()]
    if panels is None:
        assert texts == [f"{each['optimizer']}, lr {each['lr']}" for each in TWELVE]
    else:
        assert texts == ["lr 0.1", "lr 0.2", "lr 0.3"] * 4
    lines = [line for axes in picture.axes for line in curves_of(axes)]
    looks = {(line.get_marker(), line.get_color()) for line in lines}
    assert len(looks) == (12 if panels is None else 3)
    for legend in legends:
        box = legend.get_window_extent()
        for line in lines:
            assert not line.get_transform().transform_path(line.get_path()).intersects_bbox(box, filled=False)


def test_rows_are_named_by_what_differs():
    (axes,) = drawn(
        Figure(name="f", rows=["g", "named:short"], measures=("test_loss",)),
        results_of(row("g", 1), row("g", 2), row("g", 3), row("named", 2)),
    ).figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "lr 0.1, batch_size 10",
        "lr 0.01, batch_size 10",
        "lr 0.1, batch_size 100",
        "lr 0.5, batch_size 10",
    ]


BOTH = ["lr 0.1, batch_size 10", "lr 0.01, batch_size 10", "lr 0.1, batch_size 100"]


@pytest.mark.parametrize(("setting", "titles", "labels"), [
    ("batch_size", ["batch_size 10", "batch_size 100"], [["lr 0.1", "lr 0.01"], ["lr 0.1"]]),
    ("lr", ["lr 0.1", "lr 0.01"], [["batch_size 10", "batch_size 100"], ["batch_size 10"]]),
    ("final_lr", ["final_lr none"], [BOTH]),
])  # fmt: skip
def test_a_panel_for_each_value_of_a_setting(setting, titles, labels):
    figure = Figure(name="f", rows=["g"], measures=("test_accuracy",), panels=setting)
    panels = drawn(figure, results_of(*(row("g", number) for number in (1, 2, 3)))).figure.axes
    assert [axes.get_title() for axes in panels] == titles
    assert [len(axes.collections) for axes in panels] == [len(each) for each in labels]
    assert [axes.get_ylabel() for axes in panels] == ["test accuracy", ""][: len(panels)]
    assert len({axes.get_ylim() for axes in panels}) == 1
    looks = {}
    for axes, wanted in zip(panels, labels, strict=True):
        assert [text.get_text() for text in axes.get_legend().get_texts()] == wanted
        for line in curves_of(axes):
            looks.setdefault(line.get_label(), set()).add((line.get_color(), line.get_marker(), line.get_linestyle()))
    # A row of one label looks the same in all panels, and those of others look different.
    assert all(len(each) == 1 for each in looks.values())
    assert len(set.union(*looks.values())) == len(looks)


@pytest.mark.parametrize(
    ("values", "scale", "limits"),
    [
        ([0.91, 0.95], "linear", None),
        ([0.9, 0.98], "linear", None),
        ([0.098, 0.98], "function", (0.048, 0.99)),
        ([0.02, 0.5], "linear", None),
        ([0.6, 0.85], "linear", None),
        ([0.6, 0.94], "function", (0.55, 0.95)),
        ([0.1, 0.9999], "function", (0.05, 1.0)),
        ([0.1, 1.0], "function", (0.05, 1.0)),
    ],
)
def test_accuracies_far_apart_get_a_wide_axis(values, scale, limits):
    run = row("g", 2)[0]
    results = {run.id: result(run, history=epochs([*values, *values]))}
    (axes,) = drawn(Figure(name="f", rows=["g:2"], measures=("test_accuracy",)), results).figure.axes
    assert axes.get_yscale() == scale
    low, high = axes.get_ylim()
    assert low <= min(values)
    assert high >= max(values)
    if limits is not None:
        assert (low, high) == pytest.approx(limits)
        places = axes.transData.transform([(1, y) for y in (0.1, 0.5, 0.9, 0.95, 0.98, 0.99)])[:, 1]
        assert (np.diff(places) > 0).all()
        # From 90 to 99 % there is more room than from 10 to 50 %.
        assert places[5] - places[2] > places[1] - places[0]
    axes.figure.canvas.draw()
    assert "%" in axes.get_yticklabels()[0].get_text()


CHECKED = row("g", 2)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("gradient-errors", "Against the analytic gradient; 276,200 weights, 1 sample, double precision."),
        ("gradient-distribution", "Each against the analytic gradient, weight by weight; 276,200 weights"),
        ("v-curve", "Round-off rules small steps, truncation large ones."),
    ],
)
def test_gradient_checks(kind, words):
    figure = Figure(name="f", rows=["g:2"], title="Errors", kind=kind)
    results = results_of(CHECKED)
    assert draw(figure, PLANNED, results, {}) is None
    assert draw(figure, PLANNED, results, {row("g", 1)[0].id: check_of()}) is None
    first, second = check_of(central=2e-6), check_of(central=5e-5)
    drawing = drawn(figure, results, {CHECKED[1].id: second, CHECKED[0].id: first})
    assert words in drawing.caption
    assert drawing.title == "Errors"
    (axes,) = drawing.figure.axes
    if kind == "gradient-errors":
        assert [bar.get_height() for bar in axes.patches] == [3e-6, 4e-6, 2e-6, 1e-16]
    if kind == "v-curve":
        for line in axes.lines[:3]:
            assert list(line.get_xdata()) == [1e-8, 1e-5, 1e-2]
            assert list(line.get_ydata()) == [1e-6, 1e-9, 1e-4]


def test_pictures_as_files():
    figure = Figure(name="f", rows=["g"])
    results = results_of(*(row("g", number) for number in (1, 2, 3)))

    def new():
        return drawn(figure, results).figure

    one = new()
    first = svg(one, "f")
    assert png(one).startswith(b"\x89PNG\r\n\x1a\n")
    assert svg(new(), "f") == first
    assert png(new()) == png(new())
    root = ElementTree.fromstring(first)
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    assert {"training loss", "test accuracy", "epoch", "lr 0.01, batch_size 10"} <= texts
    assert b"<dc:date>" not in first
