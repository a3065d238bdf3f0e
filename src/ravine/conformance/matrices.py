"""Checks of a matrix optimizer: of its function, and of runs with it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from ravine.arrays import Array
from ravine.conformance.finding import GUARD, Finding, failed, left_out, passed, settings
from ravine.conformance.trained import engine_of, some_data
from ravine.engines import Engine
from ravine.errors import ConfigError
from ravine.formulas.chance import INSTEAD
from ravine.formulas.intervals import contains
from ravine.formulas.layers import flattened, in_layers
from ravine.formulas.noise import Noise
from ravine.formulas.optimizer import Hyper, LossOfWeights, Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.networks import Network
from ravine.words import several

SHAPES = ((6, 9), (9,), (9, 4), (4,), (4, 1))
"""A wide matrix, a tall one and one of a single column, and two biases."""

STEPS = 500
_RUN = 25
_MINIMUM = 1e-12
_TIMED = 20

Arrays = list[Array]
State = Mapping[str, Array]


def text(optimizer: Optimizer) -> Finding:
    """Check that there is a text, which decides the id of a run."""
    lines = optimizer.text.count("\n") + 1
    return passed("text", f"{lines} lines{', with a line search' if optimizer.searches else ''}")


def shapes(optimizer: Optimizer) -> Finding:
    """Check that steps have the shapes of the weights, and the state the same names, in every precision.

    Long doubles concern the reference engine alone, and libraries of linear algebra have none.
    """
    check, told = "shapes and dtypes", "float32, float64 and longdouble"
    for dtype in (np.float32, np.float64, np.longdouble):
        try:
            given = _walk(optimizer, dtype)
        except ConfigError as error:
            if dtype is not np.longdouble or not isinstance(error.__cause__, TypeError):
                raise
            told = "float32 and float64; in longdouble, for which NumPy lacks a function that it calls, it does not run"
            break
        for *_, state, t in given[2:]:
            if state.keys() != given[1][2].keys():
                return failed(
                    check, f"the names in the state change at step {t - 1}", "Return the same names each time."
                )
    return passed(check, f"as the weights, in {told}; {several(len(given[1][2]), 'array')} of state")


def inputs(optimizer: Optimizer) -> Finding:
    """Check that the function gives the same step for the same input, and changes no value that it uses."""
    text = optimizer.text
    for gradients, weights, state, t in _walk(optimizer, np.float64):
        once, again = (_step(optimizer, gradients, weights, state, t, settings(optimizer))[0] for _ in range(2))
        if flattened(once).tobytes() != flattened(again).tobytes():
            return failed("inputs", f"step {t} differs when it is called again", "Keep all that it needs in state.")
    if optimizer.text != text:
        return failed("inputs", "it changes a value of its module", "Keep all that changes in state.")
    return passed("inputs", "the same step for the same input")


def layers(optimizer: Optimizer) -> Finding:
    """Check that an optimizer with `by_layer` takes the same steps if it gets one layer at a time."""
    if not optimizer.by_layer:
        return left_out("layers", "declared to take one step for all layers together, so per_layer is not allowed")
    weights, hyper = _start(np.float64), settings(optimizer)
    each: list[Hyper] = [dict(hyper) for _ in in_layers(weights)]  # as many, so that each is taken by itself
    together, apart = _started(optimizer, weights, hyper), optimizer.start(weights, each)
    for gradients, weights, _, t in _walk(optimizer, np.float64):
        one, together = _step(optimizer, gradients, weights, together, t, hyper)
        other, apart = optimizer.step(gradients, weights, apart, t, each)
        if flattened(one).tobytes() != flattened(other).tobytes():
            return failed("layers", f"step {t} of a layer depends on the other layers", "Leave out by_layer=True.")
    return passed("layers", "each by itself takes the same steps, so per_layer settings are allowed")


def finite(optimizer: Optimizer) -> Finding:
    """Check that zero, tiny and huge gradients leave the weights finite."""
    for dtype, sizes in ((np.float32, (0.0, 1e-30, 1e12)), (np.float64, (0.0, 1e-200, 1e60))):
        for size in sizes:
            slope = [np.linspace(-size, size, int(np.prod(s))).reshape(s).astype(dtype) for s in SHAPES]
            weights, hyper = _start(dtype), settings(optimizer)
            state = _started(optimizer, weights, hyper)
            for t in range(1, 21):
                steps, state = _step(optimizer, slope, weights, state, t, hyper, _Plane(slope))
                weights = _subtracted(weights, steps)
                if not np.isfinite(flattened(weights)).all():
                    return failed(
                        "finite",
                        f"gradients up to {size:g} in {np.dtype(dtype)} give weights that are not finite at step {t}",
                        GUARD,
                    )
    return passed("finite", "after 20 steps with zero, tiny and huge gradients")


def descent(optimizer: Optimizer) -> Finding:
    """Check that it descends on a convex quadratic at some learning rate."""
    check, given = "descent", settings(optimizer)
    still = _descend(optimizer, {**given, "lr": 0.0}, 5)
    if not np.isfinite(still):
        return failed(check, "at lr = 0 the weights are not finite", GUARD)
    if still != _descend(optimizer, given, 0):
        return failed(check, "it moves at lr = 0", "Multiply the step by lr.")
    rates = sorted({given["lr"], *(10.0**k for k in np.arange(-4.0, 1.01, 0.5))})
    final = {r: _descend(optimizer, {**given, "lr": r}, STEPS) for r in rates if contains(optimizer.bounds["lr"], r)}
    best = min(final, key=lambda rate: final[rate])
    share = final[best] / _descend(optimizer, given, 0)
    if not share < 0.01:
        return failed(
            check,
            f"{STEPS} steps on a convex quadratic leave {share:.0%} of the loss at the best of {len(final)} rates",
            "ravine subtracts the step: it must not be 0, and must point along the gradient and not against it.",
        )
    return passed(check, f"at most {STEPS} steps on a quadratic leave {share:.0e} of the loss at lr {best:g}")


def repeated(optimizer: Optimizer) -> Finding:
    """Check that a run has the same bits each time."""
    one, other = (_run(optimizer, [_RUN]).state() for _ in range(2))
    if not _same(one, other):
        return failed("repeatable", "two runs differ", INSTEAD)
    return passed("repeatable", "two runs have the same bits")


def resumed(optimizer: Optimizer) -> Finding:
    """Check that a run goes on from its state as if it had not stopped."""
    for stop in (1, _RUN // 2):
        first, second = _run(optimizer, [stop]), _run(optimizer, [])
        second.restore(first.state())
        _train(second, optimizer, stop, _RUN)
        if not _same(_run(optimizer, [stop, _RUN]).state(), second.state()):
            return failed("resume", f"it goes on differently after step {stop}", "Keep all that it needs in state.")
    return passed("resume", f"the same bits after a stop at steps 1 and {_RUN // 2}")


def speed(optimizer: Optimizer) -> Finding:
    """Time steps on a 784-300-100-100-10 network after some that are not timed, beside sgd on the same engine."""
    network = Network((784, 300, 100, 100, 10))
    data, order = some_data(1000, 784), np.arange(1000)
    cost = {}
    for each in (optimizer, OPTIMIZERS["sgd"]):
        engine = engine_of("reference", each, "float32", 100, network)
        # One thread, as a run has; and a mean, since some rules do most of their work at every tenth step.
        with ThreadpoolController().limit(limits=1):
            for _ in range(2):
                begin = time.perf_counter()
                for _ in range(_TIMED):
                    engine.train(data, order, 0, 100, settings(each))
        cost[each.name] = 1e3 * (time.perf_counter() - begin) / _TIMED
    ours, sgd = cost.values()
    return passed(
        "speed",
        f"{ours:.1f} ms a step at batch size 100, mean of {_TIMED}; {ours / sgd:.1f} times sgd's on this engine",
    )


class _Plane:
    """A loss with the same gradient everywhere."""

    def __init__(self, slope: Arrays) -> None:
        self.slope = slope

    def __call__(self, weights: Sequence[Array]) -> tuple[float, Arrays]:
        with np.errstate(all="ignore"):
            return float(sum((g * w).sum() for g, w in zip(self.slope, weights, strict=True))), self.slope


def _quadratic(weights: Sequence[Array]) -> tuple[float, Arrays]:
    """Return the loss sum(h w^2) / 2, h from 0.1 to 1 within each array, and its gradients."""
    h = [np.geomspace(0.1, 1, w.size).reshape(w.shape).astype(w.dtype) for w in weights]
    with np.errstate(all="ignore"):
        loss = float(sum((hk * w * w).sum() for hk, w in zip(h, weights, strict=True)) / 2)
        return loss, [hk * w for hk, w in zip(h, weights, strict=True)]


def _start(dtype: Any) -> Arrays:
    rng = np.random.default_rng(7)
    return [rng.normal(size=shape).astype(dtype) for shape in SHAPES]


def _started(optimizer: Optimizer, weights: Arrays, hyper: Hyper) -> dict[str, Array]:
    return optimizer.start(weights, optimizer.everywhere(hyper, weights))


def _step(
    optimizer: Optimizer,
    gradients: Arrays,
    weights: Arrays,
    state: State,
    t: int,
    hyper: Hyper,
    loss: LossOfWeights | None = None,
    noise: Noise | None = None,
) -> tuple[Arrays, dict[str, Array]]:
    """Take a step with the same hyper-parameters in all layers, and the loss of the quadratic if none is given."""
    each = optimizer.everywhere(hyper, weights)
    return optimizer.step(gradients, weights, state, t, each, loss or _quadratic, noise)


def _silence(draw: int = 0) -> Arrays:
    return [np.zeros(shape) for shape in SHAPES]


def _subtracted(weights: Arrays, steps: Arrays) -> Arrays:
    with np.errstate(all="ignore"):
        return [w - step for w, step in zip(weights, steps, strict=True)]


def _walk(optimizer: Optimizer, dtype: Any) -> list[tuple[Arrays, Arrays, dict[str, Array], int]]:
    """Return what the optimizer is given at each of some steps down the quadratic."""
    weights: Arrays = _start(dtype)
    state = _started(optimizer, weights, settings(optimizer))
    given = []
    for t in range(1, _RUN):
        gradients = _quadratic(weights)[1]
        given.append((gradients, weights, state, t))
        steps, state = _step(optimizer, gradients, weights, state, t, settings(optimizer))
        weights = [w.astype(dtype) for w in _subtracted(weights, steps)]
    return given


def _descend(optimizer: Optimizer, hyper: Mapping[str, float], steps: int) -> float:
    """Return the loss of the quadratic after some steps without noise; infinity if it is not finite.

    Steps end early where the loss is nearly 0.
    """
    weights = _start(np.float64)
    state = _started(optimizer, weights, hyper)
    for t in range(1, steps + 1):
        loss, gradients = _quadratic(weights)
        if loss < _MINIMUM:
            break
        change, state = _step(optimizer, gradients, weights, state, t, hyper, noise=_silence)
        weights = _subtracted(weights, change)
    loss = _quadratic(weights)[0]
    return loss if np.isfinite(loss) else np.inf


def _run(optimizer: Optimizer, stops: Sequence[int]) -> Engine:
    engine = engine_of("reference", optimizer, "float64", 7)
    for first, stop in zip([0, *stops], stops, strict=False):
        _train(engine, optimizer, first, stop)
    return engine


def _train(engine: Engine, optimizer: Optimizer, first: int, stop: int) -> None:
    order = np.random.default_rng(2).integers(0, 300, 7 * _RUN)[: 7 * stop]
    engine.train(some_data(300, 60), order, 7 * first, 7 * stop, settings(optimizer))


def _same(one: Mapping[str, Array], other: Mapping[str, Array]) -> bool:
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)
