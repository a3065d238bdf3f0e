"""Checks of an optimizer in the engines: both engines agree, and runs repeat and resume bit for bit."""

from __future__ import annotations

import functools
import statistics
import time
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.conformance.declared import LATE, formula_of
from ravine.conformance.finding import Finding, failed, passed, settings
from ravine.data import Split
from ravine.engines import Engine, make_engine
from ravine.formulas.not_finite import fault_of_numbers
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.networks import Network, initial_weights

BATCHES = (1, 7, 100)
_STEPS = 20
_ROUND_OFF = 1e-3
_NETWORK = Network((60, 23, 9, 10), bias=True)
_SPEED = Network((784, 300, 100, 100, 10))


def same_in_double(optimizer: Optimizer) -> Finding:
    """Check that both engines agree in float64, apart from round-off."""
    check = "engines agree, float64"
    worst, noisy = 0.0, set[str]()
    for m in BATCHES:
        fused, reference = (_run(engine, optimizer, "float64", m) for engine in ("fused", "reference"))
        ours, theirs = fused.state(), reference.state()
        for name in sorted(set(theirs) - {"steps"} - noisy):
            error = _difference(ours[name], theirs[name])
            if not error <= 1e-10 and name != "weights" and _is_round_off(optimizer, m, name):
                noisy.add(name)
                continue
            worst = max(worst, error)
            if not error <= 1e-10:
                return failed(check, f"{name} differs by {error:.0e} of itself at batch size {m}", _report(optimizer))
    told = f"; {', '.join(sorted(noisy))}: round-off, not compared" if noisy else ""
    return passed(check, f"batch sizes {', '.join(map(str, BATCHES))}; largest difference {worst:.0e}{told}")


def _is_round_off(optimizer: Optimizer, m: int, name: str) -> bool:
    """Tell whether a part of the state holds nothing but rounding errors, which two engines need not share.

    It does if a change of the weights in their last digit changes it by more than a thousandth of itself.
    """
    one, other = (_run("reference", optimizer, "float64", m, nudge).state()[name] for nudge in (0.0, 1.0))
    return _difference(one, other) > _ROUND_OFF


def same_numbers(optimizer: Optimizer) -> Finding:
    """Check that both engines compute the same numbers from the step number, early in a run and late."""
    check = "numbers of the step"
    engines = {name: engine_of(name, optimizer, "float64", 7) for name in ("reference", "fused")}
    start = {name: engine.state() for name, engine in engines.items()}
    for t in (1, 2, 3, 4, 5, *LATE):
        after = {}
        for name, engine in engines.items():
            behind = {"last": np.full_like(start[name]["last"], t - 1)} if "last" in start[name] else {}
            engine.restore({**start[name], **behind, "steps": np.array([t - 1])})
            _train(engine, optimizer, 0, 7)
            engine.settle(settings(optimizer))
            after[name] = engine.state()["weights"]
        one, other = after["fused"], after["reference"]
        if not np.allclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True):
            k = int(np.argmax(~np.isclose(one, other, rtol=1e-9, atol=1e-12, equal_nan=True)))
            fault, mend = fault_of_numbers(formula_of(optimizer), t, settings(optimizer)) or ("", _report(optimizer))
            told = f"a weight becomes {one[k]:g} in the fused engine and {other[k]:g} in the reference at step {t}"
            return failed(check, f"{told}. {fault}".strip(), mend)
    return passed(check, f"steps 1 to 5, {', '.join(f'{t:,}' for t in LATE)}: the same in both engines")


def same_in_single(optimizer: Optimizer) -> Finding:
    """Check that the fused engine's round-off in float32 is at most four times NumPy's, or 1e-6.

    Round-off is the difference from the run in float64.
    """
    check = "engines agree, float32"
    told = []
    for m in BATCHES:
        exact = _run("reference", optimizer, "float64", m).weights
        ours, yardstick = (
            _difference(_run(engine, optimizer, "float32", m).weights, exact) for engine in ("fused", "reference")
        )
        told.append(f"{ours:.0e}")
        if not ours <= 4 * yardstick + 1e-6:
            return failed(
                check, f"round-off at batch size {m} is {ours:.0e} where NumPy's is {yardstick:.0e}", _report(optimizer)
            )
    return passed(check, f"round-off at batch sizes {', '.join(map(str, BATCHES))}: {', '.join(told)}")


def _report(optimizer: Optimizer) -> str:
    if formula_of(optimizer).lazy is not None:
        return "Look at the lazy update first: it is what the fused engine applies to rows that were not touched."
    return "The rule may depend on more than its arguments; if not, this is a fault of ravine: please report it."


def repeated(optimizer: Optimizer) -> Finding:
    """Check that a run has the same bits each time."""
    for engine in ("fused", "reference"):
        one, other = (_run(engine, optimizer, "float64", 7).state() for _ in range(2))
        if any(one[name].tobytes() != other[name].tobytes() for name in one):
            return failed(
                "repeatable", f"two runs of the {engine} engine differ", "Use no numbers that change from run to run."
            )
    return passed("repeatable", "two runs have the same bits, in both engines")


def resumed(optimizer: Optimizer) -> Finding:
    """Check that a run goes on from its state as if it had not stopped."""
    half = 7 * (_STEPS // 2)
    for name in ("fused", "reference"):
        whole, first, second = (engine_of(name, optimizer, "float64", 7) for _ in range(3))
        _train(whole, optimizer, 0, half)
        _train(whole, optimizer, half, 7 * _STEPS)
        _train(first, optimizer, 0, half)
        second.restore(first.state())
        _train(second, optimizer, half, 7 * _STEPS)
        one, other = whole.state(), second.state()
        if any(one[key].tobytes() != other[key].tobytes() for key in one):
            return failed("resume", f"the {name} engine goes on differently", "Keep all that the rule needs in slots.")
    return passed("resume", "the same bits after a stop, in both engines")


def speed(optimizer: Optimizer) -> Finding:
    """Time the fused engine beside sgd and the built-in optimizer that is most like this one."""
    others = [other for other in (OPTIMIZERS["sgd"], _nearest(optimizer)) if other is not optimizer]
    optimizers = list(dict.fromkeys([optimizer, *others]))
    times: dict[Optimizer, list[float]] = {each: [] for each in optimizers}
    order = np.random.default_rng(3).integers(0, 1000, 2000)
    data = some_data(1000, 784)
    engines = {each: engine_of("fused", each, "float32", 10, _SPEED) for each in optimizers}
    states = {each: engine.state() for each, engine in engines.items()}
    for turn in range(6):
        for each, engine in engines.items():
            # Weights start anew: those of a run that went wrong would be cheaper to train.
            engine.restore(states[each])
            begin = time.perf_counter()
            engine.train(data, order, 0, len(order), settings(each))
            if turn:
                times[each].append(1e6 * (time.perf_counter() - begin) / len(order))
    cost = {each.name: statistics.median(times[each]) for each in optimizers}
    told = [f"{cost[optimizer.name] / cost[name]:.2f} times {name} ({cost[name]:.1f})" for name in list(cost)[1:]]
    return passed("speed", "; ".join([f"{cost[optimizer.name]:.1f} us a sample at batch size 10", *told]))


def _nearest(optimizer: Optimizer) -> Optimizer:
    """Return ravine's own optimizer with the nearest number of slots that treats zero gradients in the same way."""
    ours = formula_of(optimizer)

    def distance(other: Optimizer) -> tuple[bool, int]:
        theirs = formula_of(other)
        same = theirs.inert == ours.inert and bool(theirs.lazy) == bool(ours.lazy)
        return not same, abs(len(theirs.slots) - len(ours.slots))

    compiled = [other for other in OPTIMIZERS.values() if other.formula and other.formula.compiles]
    others = [other for other in compiled if other is not optimizer]
    return min(others, key=distance)


def _run(name: str, optimizer: Optimizer, dtype: str, m: int, nudge: float = 0.0) -> Engine:
    """Return an engine after some steps, from weights that are moved by `nudge` units in their last digit."""
    engine = engine_of(name, optimizer, dtype, m)
    weights = engine.weights
    engine.restore({**engine.state(), "weights": weights + nudge * np.spacing(weights)})
    _train(engine, optimizer, 0, m * _STEPS)
    engine.settle(settings(optimizer))
    return engine


def _train(engine: Engine, optimizer: Optimizer, first: int, stop: int) -> None:
    order = np.random.default_rng(2).integers(0, 300, 100 * _STEPS)[:stop]
    engine.train(some_data(300, 60), order, first, stop, settings(optimizer))


def engine_of(name: str, optimizer: Optimizer, dtype: str, m: int, network: Network = _NETWORK) -> Engine:
    """Return an engine at weights of which none is 0."""
    rng = np.random.default_rng(1)
    weights = initial_weights(network, "glorot-uniform", rng)
    return make_engine(
        name, network, optimizer, np.where(weights == 0, rng.normal(0, 0.05, weights.shape), weights), dtype, m
    )


@functools.cache
def some_data(count: int, width: int) -> Split:
    """Return images with about 80 % zeros, and labels."""
    rng = np.random.default_rng(0)
    images = rng.integers(1, 256, (count, width)) * (rng.random((count, width)) < rng.beta(0.4, 1.6, width))
    return Split(images.astype(np.uint8), rng.integers(0, 10, count).astype(np.uint8))


def _difference(one: Array, other: Array) -> float:
    """Return |one - other| / |other| in the Euclidean norm, in double precision."""
    a, b = (np.asarray(x, np.float64) for x in (one, other))
    scale: Any = np.linalg.norm(b)
    return float(np.linalg.norm(a - b) / (scale or 1))
