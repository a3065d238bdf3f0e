"""How the cost of a sample grows with the problem: `python -m benchmarks.growth [--json] [--plot FILE.png]`.

Microseconds per sample of the fused engine, float32, on one pinned core, against one dimension at a time; the others
are those of the paper: 784-300-100-100-10, batches of 10, 60,000 images.

    width       of all three hidden layers alike
    depth       hidden layers, of 100 units each
    batch size  samples in a batch
    data        images in an epoch: the first so many of the training images, whole epochs

Each point is the median of short runs after some that are not timed. For widths the exponent of growth is printed, the
slope of log time against log number of weights: 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from benchmarks.plot import LABELS, label_ends, panel_grid, plain_numbers
from ravine.data import Split, load
from ravine.engines import make_engine
from ravine.formulas import shelves
from ravine.networks import Network
from ravine.pictures import BLUE, VERMILION, png
from ravine.spec import RunSpec
from ravine.training import epoch_order, start_weights

PAPER = {"hidden": (300, 100, 100), "batch_size": 10, "images": 60_000, "whole_epochs": False}
POINTS = {
    "width": {n: {"hidden": (n, n, n)} for n in (100, 200, 300, 500, 1000, 2000, 3000)},
    "depth": {n: {"hidden": (100,) * n} for n in (1, 2, 3, 4, 6, 8, 10)},
    "batch size": {n: {"batch_size": n} for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)},
    "data": {n: {"images": n, "whole_epochs": True} for n in (1_000, 2_000, 5_000, 10_000, 20_000, 60_000)},
}
TICKS = {"depth": tuple(POINTS["depth"]), "data": (1_000, 5_000, 20_000, 60_000)}
COLORS = {"sgd": VERMILION, "adam": BLUE}
TITLES = {
    "width": ("Width", "units in each of three hidden layers (n weights in all)"),
    "depth": ("Depth", "hidden layers of 100 units"),
    "batch size": ("Batch size", "samples in a batch"),
    "data": ("Data", "images in an epoch"),
}
SECONDS = 0.25
"""The intended length of a run; where whole epochs are timed, it is rounded to them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--optimizers", nargs="+", default=list(COLORS))
    parser.add_argument("--dimensions", nargs="+", choices=list(POINTS), default=list(POINTS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    data = load().train
    rows = []
    for dimension in arguments.dimensions:
        for optimizer in arguments.optimizers:
            for value, changes in POINTS[dimension].items():
                found = measure(data, optimizer, **{**PAPER, **changes}, repeats=arguments.repeats)
                rows.append({"dimension": dimension, "optimizer": optimizer, "value": value, **found})
                if not arguments.json:
                    print(f"{dimension:10} {value:6} {optimizer:9} {found['microseconds']:9.2f}", flush=True)
    slopes = {optimizer: slope(series(rows, "width", optimizer)) for optimizer in arguments.optimizers}
    if arguments.json:
        print(json.dumps({"unit": "microseconds per sample", "rows": rows, "slopes": slopes}, indent=2))
    else:
        for optimizer, found in slopes.items():
            if found is not None:
                print(f"{optimizer}: time grows as (number of weights) ** {found:.2f}")
    if arguments.plot is not None:
        arguments.plot.write_bytes(png(draw(rows, slopes)))


def measure(
    data: Split,
    optimizer: str,
    *,
    hidden: tuple[int, ...],
    batch_size: int,
    images: int,
    whole_epochs: bool,
    repeats: int,
) -> dict[str, Any]:
    """Return the median microseconds per sample of one point, and how many weights and samples it took."""
    network = Network((784, *hidden, 10))
    weights = start_weights(RunSpec(layers=network.layers))
    rule = shelves.OPTIMIZERS.find(optimizer)
    engine = make_engine("fused", network, rule, weights, "float32", batch_size)
    engine.compile()
    part = Split(data.features[:images], data.targets[:images])
    engine.prepare(part)
    # At a small rate wide and deep networks do not diverge.
    hyper = rule.hyperparameters({"lr": 1e-5})

    def train(samples: int) -> float:
        """Return the seconds of so many samples."""
        epochs = [epoch_order(0, epoch, images) for epoch in range(-(-samples // images))]
        order = np.concatenate(epochs)[:samples].astype(np.int64)
        began = time.perf_counter()
        taken = engine.train(part, order, 0, samples, hyper)
        engine.settle(hyper)
        spent = time.perf_counter() - began
        assert taken.steps == -(-samples // batch_size), "the loss is not finite"
        return spent

    first = max(4 * batch_size, 100)
    train(first)
    samples = _whole(SECONDS * first / train(first), images if whole_epochs else batch_size, first)
    train(min(samples, 1_000 // batch_size * batch_size) or first)
    seconds = statistics.median(train(samples) for _ in range(repeats))
    return {"weights": network.layout.size, "samples": samples, "microseconds": 1e6 * seconds / samples}


def _whole(samples: float, part: int, least: int) -> int:
    """Return `samples`, rounded to a multiple of `part`, and no fewer than `least`."""
    return max(round(samples / part), -(-least // part)) * part


def series(rows: Sequence[dict[str, Any]], dimension: str, optimizer: str) -> list[dict[str, Any]]:
    """Return the points of one line."""
    return [row for row in rows if (row["dimension"], row["optimizer"]) == (dimension, optimizer)]


def slope(rows: Sequence[dict[str, Any]]) -> float | None:
    """Return the slope of log time against log number of weights, by least squares."""
    if len(rows) < 2:
        return None
    weights, times = ([np.log(row[name]) for row in rows] for name in ("weights", "microseconds"))
    return float(np.polyfit(weights, times, 1)[0])


def draw(rows: Sequence[dict[str, Any]], slopes: dict[str, float | None]) -> Figure:
    """Draw a panel for each dimension."""
    dimensions = list(dict.fromkeys(row["dimension"] for row in rows))
    figure, panels = panel_grid(-(-len(dimensions) // 2), min(2, len(dimensions)))
    for axes, dimension in zip(panels, dimensions, strict=False):
        for optimizer in dict.fromkeys(row["optimizer"] for row in rows):
            line = series(rows, dimension, optimizer)
            name = LABELS.get(optimizer, optimizer)
            found = slopes[optimizer] if dimension == "width" else None
            axes.plot(
                [row["value"] for row in line],
                [row["microseconds"] for row in line],
                color=COLORS.get(optimizer),
                label=name if found is None else f"{name} $\\sim n^{{{found:.2f}}}$",
                linewidth=2,
                marker="o",
                markersize=4.5,
            )
        if dimension == "width" and len(line) > 1:
            linear = [line[0]["microseconds"] * row["weights"] / line[0]["weights"] for row in line]
            values = [row["value"] for row in line]
            axes.plot(values, linear, color="gray", linestyle=":", linewidth=1.2, label="linear, $\\sim n$")
        title, meaning = TITLES[dimension]
        axes.set_title(title, loc="left", fontweight="bold")
        axes.set(xlabel=meaning, ylabel="microseconds per sample")
        if dimension in ("width", "batch size"):
            axes.set(xscale="log", yscale="log")
        elif dimension == "data":
            axes.set(xscale="log")
        if axes.get_yscale() == "linear":
            axes.set_ylim(0, 1.15 * max(row["microseconds"] for row in rows if row["dimension"] == dimension))
        plain_numbers(axes)
        if dimension in TICKS:
            axes.xaxis.set_major_locator(FixedLocator(TICKS[dimension]))
        label_ends(axes)
    for axes in panels[len(dimensions) :]:
        axes.remove()
    return figure


if __name__ == "__main__":
    main()
