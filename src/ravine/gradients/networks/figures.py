"""The pictures of a gradient check: mean errors, their distribution, and the V-curve."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ravine.gradients.errors import HISTOGRAM_EDGES
from ravine.gradients.networks.agreement import Agreement
from ravine.gradients.networks.derivatives import DEFAULT_STEP
from ravine.gradients.networks.vcurve import VCurve
from ravine.pictures import BLUE, GREEN, INK, ORANGE, PURPLE, Figure, new_figure, own_style, png, svg

_COLORS = {"forward": ORANGE, "backward": BLUE, "central": GREEN, "complex": PURPLE}
_LINES = {"forward": "-", "backward": "--", "central": "-", "complex": ":"}
_MARKERS = {"forward": "o", "backward": "s", "central": "^", "complex": "D"}


@own_style()
def mean_errors(agreement: Agreement) -> Figure:
    """Draw the mean relative error of each method as a bar."""
    figure, (axes,) = new_figure()
    names = list(agreement.methods)
    values = [agreement.methods[name].errors.mean_relative_error for name in names]
    bars = axes.bar(names, values, color=[_COLORS[name] for name in names], width=0.6)
    axes.bar_label(bars, labels=[f"{value:.1e}" for value in values], padding=3)
    if any(value > 0 for value in values):
        axes.set_yscale("log")
    axes.set(ylabel="mean relative error", title=f"Mean relative error, {_steps(agreement)}")
    axes.margins(y=0.15)
    return figure


@own_style()
def error_distributions(agreement: Agreement) -> Figure:
    """Draw how the relative errors of each method are distributed."""
    figure, (axes,) = new_figure()
    for name, method in agreement.methods.items():
        share = np.array(method.histogram) / max(1, sum(method.histogram))
        axes.stairs(share, HISTOGRAM_EDGES, color=_COLORS[name], linestyle=_LINES[name], linewidth=2, label=name)
        axes.stairs(share, HISTOGRAM_EDGES, color=_COLORS[name], fill=True, alpha=0.12)
    axes.set(
        xlabel="log10 of the relative error (exact: leftmost)",
        ylabel="share of weights",
        title=f"Relative error of single weights, {_steps(agreement)}",
    )
    axes.legend(frameon=False, fontsize="small")
    return figure


@own_style()
def v_curves(curve: VCurve) -> Figure:
    """Draw the median relative error of each difference against its step."""
    figure, (axes,) = new_figure()
    for name, errors in curve.median.items():
        (line,) = axes.plot(curve.steps, errors, label=name, color=_COLORS[name], linestyle=_LINES[name])
        line.set_marker(_MARKERS[name])
        line.set_markersize(4)
    for name in ("forward", "central"):
        label = f"predicted best, {'one-sided' if name == 'forward' else name}"
        axes.axvline(curve.predicted_step[name], color=_COLORS[name], linestyle=":", linewidth=1.5, label=label)
    axes.axvline(DEFAULT_STEP, color=INK, linewidth=1, label=f"default h = {DEFAULT_STEP:g}")
    if any(error > 0 for errors in curve.median.values() for error in errors):
        axes.set_yscale("log")
    axes.set(
        xscale="log",
        xlabel="step h",
        ylabel="median relative error",
        title="Round-off to the left, truncation to the right",
    )
    axes.legend(frameon=False, fontsize="small")
    return figure


def save_figures(folder: Path, agreement: Agreement, curve: VCurve) -> list[Path]:
    """Write the three figures as PNG and SVG into `folder` and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {
        "mean-relative-error": mean_errors(agreement),
        "relative-error-distribution": error_distributions(agreement),
        "v-curve": v_curves(curve),
    }
    files = {}
    for name, figure in figures.items():
        files[folder / f"{name}.png"] = png(figure)
        files[folder / f"{name}.svg"] = svg(figure, name)
    for file, content in files.items():
        file.write_bytes(content)
    return list(files)


def _steps(agreement: Agreement) -> str:
    steps = {method.h for name, method in agreement.methods.items() if name != "complex"}
    return f"h = {steps.pop():g}" if steps else "complex step"
