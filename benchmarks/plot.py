"""The comparison with other libraries as a picture or a table: `python -m benchmarks.plot RESULT.json [FILE.png]`.

RESULT.json is what `python -m benchmarks --json` printed. The picture has a row for each optimizer and two columns, one
core and the whole machine; lines are microseconds per sample against batch size, on logarithmic axes. With --table a
Markdown table is printed: medians on one core / on the whole machine, and how many times faster ravine is than the
fastest other library.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from ravine.pictures import BLUE, GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, new_figure, png

COLUMNS = {"one_core": "one core", "whole_machine": "whole machine"}
COLORS = {
    "ravine": VERMILION,
    "numpy": INK,
    "torch": BLUE,
    "torch_compiled": SKY,
    "jax_scan": GREEN,
    "optax_scan": ORANGE,
    "sklearn": PURPLE,
    "keras": "#7f7f7f",
}
NAMES = {
    "numpy": "NumPy",
    "torch": "PyTorch",
    "torch_compiled": "PyTorch, compiled",
    "jax_scan": "JAX",
    "optax_scan": "JAX, optax",
    "sklearn": "scikit-learn",
    "keras": "Keras",
}
LABELS = {"sgd": "SGD", "momentum": "momentum", "adagrad": "AdaGrad", "adam": "Adam"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("file", type=Path, nargs="?", help="PNG file to write")
    parser.add_argument("--table", action="store_true", help="print a Markdown table")
    arguments = parser.parse_args()
    if arguments.file is None and not arguments.table:
        parser.error("give a file to draw, or --table")
    rows = json.loads(arguments.result.read_text(encoding="utf-8"))["rows"]
    if arguments.file is not None:
        arguments.file.write_bytes(png(draw(rows)))
    if arguments.table:
        print(table(rows))


def draw(rows: Sequence[dict[str, Any]]) -> Figure:
    """Draw a row of panels for each optimizer."""
    optimizers = list(dict.fromkeys(row["optimizer"] for row in rows))
    figure, panels = panel_grid(len(optimizers), len(COLUMNS), height=3.1)
    sizes = sorted({row["batch_size"] for row in rows})
    for line, optimizer in enumerate(optimizers):
        own = sorted((row for row in rows if row["optimizer"] == optimizer), key=lambda row: row["batch_size"])
        peers = dict.fromkeys(peer for row in own for peer in row["peers"])
        both = panels[2 * line : 2 * line + 2]
        times = [peer[column] for row in own for peer in row["peers"].values() for column in COLUMNS]
        for axes, (column, title) in zip(both, COLUMNS.items(), strict=True):
            axes.set(xscale="log", yscale="log", ylim=(min(times) / 1.6, max(times) * 1.6))
            plain_numbers(axes)
            axes.xaxis.set_major_locator(FixedLocator(sizes))
            for peer in sorted(peers, key=lambda peer: peer == "ravine"):  # on top
                here = [row for row in own if peer in row["peers"]]
                axes.plot(
                    [row["batch_size"] for row in here],
                    [row["peers"][peer][column] for row in here],
                    color=COLORS.get(peer, INK),
                    label=NAMES.get(peer, peer),
                    linewidth=3 if peer == "ravine" else 1.4,
                    marker="o",
                    markersize=6 if peer == "ravine" else 3.5,
                )
            axes.set_title(f"{LABELS.get(optimizer, optimizer)}, {title}", loc="left", fontweight="bold")
            label_ends(axes)
        both[0].set_ylabel("microseconds per sample")
    for axes in panels[-2:]:
        axes.set_xlabel("batch size")
    return figure


def panel_grid(rows: int, columns: int, height: float = 3.6) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels in rows and columns, row by row; `height` is of one panel, in inches."""
    figure, panels = new_figure(rows * columns)
    figure.set_size_inches(4.9 * columns, height * rows)
    for axes, cell in zip(panels, figure.add_gridspec(rows, columns), strict=True):
        axes.set_subplotspec(cell)
    return figure, panels


def plain_numbers(axes: Axes) -> None:
    """Write 0.5, 10 and 2000 at the ticks of logarithmic axes rather than powers of ten."""
    for axis, scale in ((axes.xaxis, axes.get_xscale()), (axes.yaxis, axes.get_yscale())):
        if scale == "log":
            low, high = axis.get_view_interval()
            subs = (1,) if high > 300 * low else (1, 2, 5)
            axis.set_major_locator(LogLocator(subs=subs))
            axis.set_minor_locator(NullLocator())
        axis.set_major_formatter("{x:,.10g}")


def label_ends(axes: Axes, size: float = 8.5) -> None:
    """Write the label of each line at its right end; a thin line leads to a label that had to move aside."""
    lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    ends = [(line.get_xdata()[-1], line.get_ydata()[-1]) for line in lines]
    scale = axes.transData + axes.transAxes.inverted()
    places = [tuple(scale.transform(end)) for end in ends]
    panel_points = 72 * axes.get_figure().get_figheight() / axes.get_gridspec().nrows * 0.75
    heights = spread([height for _, height in places], 1.25 * size / panel_points)
    for line, end, height in zip(lines, ends, heights, strict=True):
        thick = line.get_linewidth() > 2
        color = line.get_color()
        axes.annotate(
            line.get_label(), end, (1.07, height), textcoords="axes fraction", va="center", color=color,
            fontsize=size + thick, fontweight="bold" if thick else "normal", annotation_clip=False,
            arrowprops={
                "arrowstyle": "-", "color": color, "linewidth": 0.6, "alpha": 0.7, "relpos": (0, 0.5), "shrinkA": 2,
                "shrinkB": 4,
            },
        )  # fmt: skip


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Return heights that are at least `gap` apart, in the same order, with the least sum of squared moves.

    >>> spread([0.0, 10.0, 10.0], 2)
    [0.0, 9.0, 11.0]
    """
    order = sorted(range(len(heights)), key=heights.__getitem__)
    groups: list[list[float]] = []  # of neighbors that touch, each height less the gaps below it
    for rank, index in enumerate(order):
        groups.append([heights[index] - rank * gap])
        while len(groups) > 1 and fmean(groups[-2]) > fmean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    settled = [fmean(group) for group in groups for _ in group]
    placed = np.empty(len(heights))
    placed[order] = np.array(settled) + gap * np.arange(len(heights))
    return placed.tolist()


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return a Markdown table of medians and ratios."""
    peers = list(dict.fromkeys(peer for row in rows for peer in row["peers"]))
    head = ["optimizer", "batch size", *(NAMES.get(peer, peer) for peer in peers), "ratio to the best peer"]
    lines = [head, ["---", *("---:" for _ in head[1:])], *(_cells(row, peers) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: dict[str, Any], peers: Sequence[str]) -> list[str]:
    found = [row["peers"].get(peer) for peer in peers]
    medians = ["" if one is None else " / ".join(f"{one[column]:.1f}" for column in COLUMNS) for one in found]
    ratios = " / ".join(f"{row[column]['ratio']:.1f}" for column in COLUMNS)
    return [LABELS.get(row["optimizer"], row["optimizer"]), str(row["batch_size"]), *medians, ratios]


if __name__ == "__main__":
    main()
