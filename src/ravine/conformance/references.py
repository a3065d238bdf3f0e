"""Checks of an optimizer against its reference implementations in PyTorch and optax, where it names them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.conformance.finding import Finding, failed, left_out, moved, passed, settings
from ravine.formulas.kinds import shown
from ravine.formulas.layers import flattened, shaped
from ravine.formulas.optimizer import Optimizer

STEPS, COUNT = 200, 60
MATRICES = ((6, 8), (8,), (1, 4))
"""The shapes in which a matrix optimizer gets its weights, COUNT in all."""
TOLERANCE, ROUND_OFF = 1e-9, 1e-13


def same_as(optimizer: Optimizer, library: str) -> Finding:
    """Compare 200 steps in float64 with those of the reference implementation, under the defaults and under others.

    The check compares how far each weight has moved, and not the weight, beside which a small step would vanish.
    """
    check = f"same as in {library}"
    expression = optimizer.references.get(library)
    if expression is None:
        return left_out(check, "names no reference implementation")
    if optimizer.asks_for_loss:
        return left_out(check, "it asks for the loss, and this check has gradients alone")
    try:
        module = importlib.import_module(library)
    except ImportError:
        return left_out(check, f"{library} is not installed")
    walk = {"torch": _torch, "optax": _optax}[library]
    start, gradients = np.random.default_rng(12).normal(size=COUNT), _gradients()
    like = [np.empty(shape) for shape in (MATRICES if optimizer.formula is None else ((COUNT,),))]
    worst = 0.0
    for hyper in (settings(optimizer), moved(optimizer)):
        # To evaluate the expression is as safe as to run the rule: both are Python of the same author.
        try:
            theirs = walk(module, expression, optimizer.typed(hyper), gradients, start, like) - start
        except (Exception, SystemExit) as error:
            return failed(check, f"{expression} fails: {type(error).__name__}: {error}", "Correct the expression.")
        ours = _ours(optimizer, hyper, gradients, start, like) - start
        apart, gone = np.abs(ours - theirs), np.abs(theirs).max(axis=0)
        same = (apart <= TOLERANCE * gone + ROUND_OFF).all(axis=1)
        if not same.all():
            chosen = ", ".join(f"{name}={shown(value)}" for name, value in optimizer.typed(hyper).items())
            return failed(
                check,
                f"the weights differ from step {int(np.argmin(same)) + 1} on, and by {apart[-1].max():.0e} at the end, "
                f"with {chosen}",
                f"Compare the equations with those of {expression.partition('(')[0]}, or name no reference.",
            )
        worst = max(worst, float((apart.max(axis=0) / np.maximum(gone, 1e-300))[gone > ROUND_OFF].max(initial=0)))
    return passed(check, f"{expression.partition('(')[0]}: {STEPS} steps, largest difference {worst:.0e}")


def _gradients() -> Array:
    """Return gradients from 1e-4 to 1e3, (steps, n), many of them 0, those of the first weight always."""
    rng = np.random.default_rng(11)
    sizes = 10.0 ** rng.integers(-4, 4, COUNT)
    present = rng.random((STEPS, COUNT)) < rng.choice([0.05, 0.6, 1.0], COUNT)
    present[:, 0] = False
    return np.asarray(rng.normal(size=(STEPS, COUNT)) * sizes * present)


def _ours(optimizer: Optimizer, hyper: Mapping[str, float], gradients: Array, w: Array, like: list[Array]) -> Array:
    each, path = optimizer.everywhere(hyper, like), []
    state = optimizer.start(shaped(w, like), each)
    for t, g in enumerate(gradients, start=1):
        steps, state = optimizer.step(shaped(g, like), shaped(w, like), state, t, each)
        w = w - flattened(steps)
        path.append(w)
    return np.array(path)


def _torch(
    torch: Any, expression: str, hyper: Mapping[str, float], gradients: Array, w: Array, like: list[Array]
) -> Array:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # in which NAdam keeps the product of its momenta
    try:
        # PyTorch's matrices are (o, i).
        weights = [torch.nn.Parameter(torch.tensor(part.T)) for part in shaped(w, like)]
        optimizer = eval(expression, {"torch": torch, "weights": weights, **hyper})
        path = []
        for g in gradients:
            for weight, part in zip(weights, shaped(g, like), strict=True):
                weight.grad = torch.tensor(part.T)
            optimizer.step()
            # A copy, since PyTorch changes its weights in place.
            path.append(flattened([weight.detach().numpy().T.copy() for weight in weights]))
        return np.array(path)
    finally:
        torch.set_default_dtype(before)


def _optax(
    optax: Any, expression: str, hyper: Mapping[str, float], gradients: Array, w: Array, like: list[Array]
) -> Array:
    jax = importlib.import_module("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        optimizer = eval(expression, {"optax": optax, "jnp": jax.numpy, **hyper})

        def take(weights: Any, state: Any, g: Any) -> Any:
            updates, state = optimizer.update(g, state, weights)
            return optax.apply_updates(weights, updates), state

        take = jax.jit(take)
        weights, path = [jax.numpy.asarray(part) for part in shaped(w, like)], []
        state = optimizer.init(weights)
        for g in gradients:
            weights, state = take(weights, state, [jax.numpy.asarray(part) for part in shaped(g, like)])
            path.append(flattened([np.asarray(weight) for weight in weights]))
        return np.array(path)
    finally:
        jax.config.update("jax_enable_x64", before)
