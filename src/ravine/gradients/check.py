"""Is the analytic gradient of a network right, how right, and what can each numerical method see of it?"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.gradients.errors import Errors, histogram, measure, relative_errors
from ravine.gradients.methods import METHODS, PAPER_STEP, Derivative, derivatives
from ravine.gradients.perturb import Point
from ravine.nn import gradient

WORST = 5
"""How many of the worst weights are named."""


class Weight(msgspec.Struct, frozen=True):
    """One weight's two derivatives; layer, row (input unit) and column (output unit) are counted from 0."""

    layer: int
    row: int
    column: int
    analytic: float
    numerical: float
    relative_error: float


class Layer(msgspec.Struct, frozen=True):
    """Errors within one layer, counted from 0."""

    layer: int
    errors: Errors


class MethodReport(msgspec.Struct, frozen=True):
    """What one method says of the gradient.

    `failed` counts the weights whose two derivatives differ by more than the method itself can be wrong; `worst` names
    those that fail most, or if none fails those with the largest relative error.
    """

    h: float
    errors: Errors
    failed: int
    worst: list[Weight]
    layers: list[Layer]
    histogram: list[int]
    seconds: float


class GradientReport(msgspec.Struct, frozen=True):
    """The check of one gradient: `weights` of the network's `parameters` were compared, at a point of given `loss`."""

    parameters: int
    weights: int
    samples: int
    loss: float
    dtype: str
    methods: dict[str, MethodReport]
    passed: bool


def check_network(
    point: Point,
    indices: Array | None = None,
    methods: tuple[str, ...] = METHODS,
    h: float = PAPER_STEP,
    analytic: Array | None = None,
    progress: Callable[[int], None] | None = None,
) -> GradientReport:
    """Compare the analytic gradient of the mean loss with numerical ones, weight by weight.

    Args:
        point: the network, its weights and the batch.
        indices: which weights of the flat vector, (k,); all if None.
        methods: names from `METHODS`.
        h: the step of the three differences; the default is the paper's.
        analytic: the gradient to check, (n,); by default that of backpropagation.
        progress: told how many weights were moved since the last call.
    """
    if indices is None:
        indices = np.arange(len(point.weights))
    if analytic is None:
        _, analytic = gradient(point.network, point.weights, point.x, point.labels)
    loss = float(point.losses().mean())
    found = derivatives(point, indices, methods, h, progress)
    # Round-off of the gradient: relative to its largest number, and to 1 where the softmax rounds at the size of 1.
    scale = float(np.fmax.reduce(np.abs(analytic), initial=float(point.network.softmax == "naive")))
    reports = {name: _report(point, indices, analytic[indices], each, loss, scale) for name, each in found.items()}
    return GradientReport(
        parameters=len(point.weights),
        weights=len(indices),
        samples=len(point.labels),
        loss=loss,
        dtype=str(point.weights.dtype),
        methods=reports,
        passed=all(report.failed == 0 for report in reports.values()),
    )


def tolerance(method: str, analytic: Array, numerical: Array, h: float, loss: float, scale: float) -> Array:
    """Return how far each pair of derivatives may be apart before the gradient is called wrong, shape (k,).

    A difference divides the round-off of the loss, some eps, by h; and its truncation error is bounded by a share of
    the derivative, generously. The complex step has neither, only the round-off of the gradient itself, whose numbers
    are sums over terms of the size `scale`.
    """
    eps = float(np.finfo(analytic.dtype).eps)
    size = np.maximum(np.abs(analytic), np.abs(numerical)).astype(float)
    if method == "complex":
        return min(1e4 * eps, 2e-4) * size + 100 * eps * scale
    spread = h if method != "central" else h * h
    return (1e-4 + 10 * spread) * size + 100 * eps * max(1.0, abs(loss)) / h + spread


def _report(
    point: Point, indices: Array, analytic: Array, found: Derivative, loss: float, scale: float
) -> MethodReport:
    numerical, kinks = found.values, found.kinks
    with np.errstate(over="ignore", invalid="ignore"):
        gap = np.abs(analytic - numerical)
        allowed = tolerance(found.method, analytic, numerical, found.h, loss, scale)
        excess = np.divide(gap, allowed, out=np.zeros(len(gap)), where=(gap != 0) & ~kinks)
    excess = np.where(np.isfinite(excess), excess, np.inf)
    failed = excess > 1
    layout = point.network.layout
    relative = np.where(kinks, 0.0, np.nan_to_num(relative_errors(analytic, numerical)))
    worst = np.argsort(-(excess if failed.any() else relative), kind="stable")[: min(WORST, failed.sum() or WORST)]
    ends = np.cumsum([rows * columns for rows, columns in layout.shapes])
    layer_of = np.searchsorted(ends, indices, side="right")
    return MethodReport(
        h=found.h,
        errors=measure(analytic, numerical, kinks),
        failed=int(failed.sum()),
        worst=[
            Weight(*layout.name(int(indices[k])), float(analytic[k]), float(numerical[k]), float(relative[k]))
            for k in worst
        ],
        layers=[
            Layer(layer, measure(analytic[part], numerical[part], kinks[part]))
            for layer in range(len(layout.shapes))
            if (part := layer_of == layer).any()
        ],
        histogram=histogram(analytic, numerical, kinks),
        seconds=found.seconds,
    )
