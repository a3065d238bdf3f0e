"""The gradient check of a network at its initial weights, after some epochs, or at the weights of a stored run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from ravine.api import load_run, run_spec
from ravine.arrays import Array
from ravine.data import Dataset, load, scaled
from ravine.errors import ConfigError
from ravine.gradients.check import GradientReport, check_network
from ravine.gradients.digits import ManyDigits, check_digits, many_digits
from ravine.gradients.methods import METHODS, PAPER_STEP, check_methods, check_step
from ravine.gradients.perturb import Point
from ravine.gradients.vcurve import VCurve, v_curve
from ravine.nn import gradient
from ravine.spec import RunSpec, resolve
from ravine.training import Watcher, start_weights
from ravine.training.run import Run

CURVE_WEIGHTS = 1000
DIGITS_WEIGHTS = 200

Progress = Callable[[str, int], None]
"""Is told what is being done, and how many weights were moved for it since the last call."""


class Check(msgspec.Struct, frozen=True):
    """All that one gradient check found.

    Attributes:
        report: each method against the analytic gradient.
        curve: error against step for the three differences, over a seeded subset of the weights.
        digits: the central difference in many digits, None if it was not asked for.
    """

    report: GradientReport
    curve: VCurve
    digits: ManyDigits | None


def gradcheck(
    spec: RunSpec,
    *,
    run: str | None = None,
    epochs: int = 1,
    samples: Sequence[int] = (0,),
    weights: int | None = None,
    methods: Sequence[str] = METHODS,
    h: float = PAPER_STEP,
    digits: int | None = 60,
    dtype: str = "float64",
    data_dir: Path | str | None = None,
    out: Path | str | None = None,
    watcher: Watcher | None = None,
    progress: Progress | None = None,
) -> Check:
    """Check the gradient of a spec's network on some training samples.

    Args:
        spec: the network, and how it is trained before the check.
        run: a stored run whose network and weights are taken instead.
        epochs: how many epochs of the spec are trained first; 0 checks the initial weights.
        samples: numbers of the training samples; the loss is their mean.
        weights: how many weights to check, a seeded subset, or None for all.
        methods, h: see `ravine.gradients.METHODS`.
        digits: digits of the check with many digits, over a seeded subset, or None.
        dtype: "float64" or "float32", in which gradients and differences are computed.

    Raises:
        ConfigError, UsageError: a sample is outside the data, h is not a step, a method is unknown, a run is not there.
    """
    check_methods(tuple(methods))
    check_step(h)
    if digits is not None:
        check_digits(digits)
    if dtype not in ("float64", "float32"):
        raise ConfigError(f"dtype is {dtype!r}; a gradient is checked in float64 or float32.")
    if weights is not None and weights < 1:
        raise ConfigError(f"weights is {weights}; it must be all or a whole number of 1 or more.")
    if epochs < 0:
        raise ConfigError(f"epochs is {epochs}; it must be a whole number of 0 or more.")
    stored = None if run is None else load_run(run, out)
    spec = resolve(msgspec.structs.replace(spec, epochs=max(1, epochs))) if stored is None else stored.spec
    dataset = load(spec.dataset, None if data_dir is None else Path(data_dir))
    data = dataset.train
    chosen = list(samples)
    if not chosen or min(chosen) < 0 or max(chosen) >= len(data.labels):
        raise ConfigError(f"sample {chosen} is outside the data; numbers go from 0 to {len(data.labels) - 1}.")
    flat = _trained(spec, epochs, dataset, out, watcher) if stored is None else stored.weights
    point = Point(spec.network, flat.astype(dtype), scaled(data.images[chosen], dtype), data.labels[chosen].astype(int))
    indices = _subset(np.arange(len(flat)), weights, spec.seed)
    # A zero gradient says nothing of a method; where the dead pixels are, every method gives zero.
    live = np.flatnonzero(gradient(point.network, point.weights, point.x, point.labels)[1])
    return Check(
        report=check_network(point, indices, tuple(methods), h, progress=_told(progress, "differences")),
        curve=v_curve(point, _subset(live, CURVE_WEIGHTS, spec.seed), _told(progress, "V-curve")),
        digits=None
        if digits is None
        else many_digits(
            point,
            _subset(live, DIGITS_WEIGHTS, spec.seed),
            digits,
            _told(progress, f"{digits} digits"),
        ),
    )


def _trained(spec: RunSpec, epochs: int, dataset: Dataset, out: Path | str | None, watcher: Watcher | None) -> Array:
    """Return the flat weights after `epochs` epochs of the spec."""
    if epochs == 0:
        return start_weights(spec)
    outcome = run_spec(spec, data=dataset, out=out, watcher=watcher)
    if not isinstance(outcome, Run):
        raise KeyboardInterrupt
    return outcome.weights


def _subset(indices: Array, count: int | None, seed: int) -> Array:
    """Return `count` of the indices, drawn by the seed and sorted; all if None or too few."""
    if count is None or count >= len(indices):
        return indices
    return np.sort(np.random.default_rng(seed).choice(indices, count, replace=False))


def _told(progress: Progress | None, what: str) -> Callable[[int], None] | None:
    return None if progress is None else lambda moved: progress(what, moved)
