"""The V-curve: a difference's error against its step, falling with truncation, rising with round-off."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.gradients.errors import measure
from ravine.gradients.networks.derivatives import derivatives
from ravine.gradients.networks.perturb import NetworkPoint
from ravine.networks import gradient

STEPS = tuple(float(h) for h in 10.0 ** np.arange(-1, -16.25, -0.25))
"""Steps from 1e-1 to 1e-16, four a decade."""

DIFFERENCES = ("forward", "backward", "central")

_CURVATURE_WEIGHTS = 40


class VCurve(msgspec.Struct, frozen=True):
    """Each difference's median and mean relative error at each step, and its best step, measured and predicted."""

    steps: list[float]
    median: dict[str, list[float]]
    mean: dict[str, list[float]]
    best_step: dict[str, float]
    best_median: dict[str, float]
    predicted_step: dict[str, float]


def v_curve(point: NetworkPoint, indices: Array, progress: Callable[[int], None] | None = None) -> VCurve:
    """Measure the three differences at every step of `STEPS`, over the weights `indices` (k,)."""
    analytic = gradient(point.network, point.weights, point.x, point.targets)[1][indices]
    median: dict[str, list[float]] = {name: [] for name in DIFFERENCES}
    mean: dict[str, list[float]] = {name: [] for name in DIFFERENCES}
    for h in STEPS:
        for name, found in derivatives(point, indices, DIFFERENCES, h, progress).items():
            errors = measure(analytic, found.values, found.kinks)
            # If every difference straddles a kink, this step has no error to show.
            median[name].append(errors.median_relative_error if errors.compared else float("nan"))
            mean[name].append(errors.mean_relative_error if errors.compared else float("nan"))
    # Where no step has an error, as in a dead network, the index is 0 and the best error nan.
    best = {name: int(np.argmin(np.nan_to_num(errors, nan=np.inf))) for name, errors in median.items()}
    return VCurve(
        steps=list(STEPS),
        median=median,
        mean=mean,
        best_step={name: STEPS[k] for name, k in best.items()},
        best_median={name: median[name][k] for name, k in best.items()},
        predicted_step=predicted_steps(point, indices),
    )


def predicted_steps(point: NetworkPoint, indices: Array) -> dict[str, float]:
    """Return the step at which truncation and round-off balance, by the theory of differences.

    With eps the round-off unit and f the loss, forward and backward have their least error at
    2 sqrt(eps |f| / |f''|), central at (3 eps |f| / |f'''|)^(1/3) (Press et al., Numerical Recipes, section 5.7). The
    curvatures are medians over some of the weights, taken from differences of the analytic gradient. The shifted
    softmax keeps the loss's digits however small it is; the naive one rounds at the size of 1.
    """
    eps = float(np.finfo(point.weights.dtype).eps)
    f = 1.0 if point.network.softmax == "naive" else float(point.losses().mean())
    second, third = _curvatures(point, indices)
    one_sided = 2 * np.sqrt(eps * f / second) if second > 0 else np.sqrt(eps)
    central = np.cbrt(3 * eps * f / third) if third > 0 else np.cbrt(eps)
    return {"forward": float(one_sided), "backward": float(one_sided), "central": float(central)}


def _curvatures(point: NetworkPoint, indices: Array) -> tuple[float, float]:
    """Return the medians of |f''| and |f'''| by single weights whose gradient is not zero."""
    eps = float(np.finfo(point.weights.dtype).eps)
    base = gradient(point.network, point.weights, point.x, point.targets)[1]
    live = indices[base[indices] != 0]
    step = eps**0.25
    second, third = [], []
    for index in live[:: max(1, len(live) // _CURVATURE_WEIGHTS)]:
        ends = []
        for sign in (1, -1):
            weights = point.weights.copy()
            weights[index] += sign * step
            ends.append(gradient(point.network, weights, point.x, point.targets)[1][index])
        second.append(abs(ends[0] - ends[1]) / (2 * step))
        third.append(abs(ends[0] - 2 * base[index] + ends[1]) / step**2)
    return (float(np.median(second)), float(np.median(third))) if second else (0.0, 0.0)
