"""L-BFGS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.formulas.formula import State
from ravine.formulas.layers import flattened, shaped
from ravine.formulas.line_search import Point, strong_wolfe
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.optimizer import LossOfWeights
from ravine.search import choice


def newton_direction(g: Array, s: Array, y: Array) -> Array:
    """Return -H g, (n,), with H the inverse Hessian estimated from the last steps.

    s are these steps and y the changes of the gradient along them, (k, n). Nocedal and Wright, algorithm 7.4, which
    starts at H = <s, y> / <y, y> of the last step.
    """
    q = g
    rho = [1 / float(si @ yi) for si, yi in zip(s, y, strict=True)]
    alpha = [0.0] * len(s)
    for i in reversed(range(len(s))):
        alpha[i] = rho[i] * float(s[i] @ q)
        q = q - alpha[i] * y[i]
    r = q / (rho[-1] * float(y[-1] @ y[-1])) if rho else q
    for i in range(len(s)):
        r = r + (alpha[i] - rho[i] * float(y[i] @ r)) * s[i]
    return -r


@matrix_rule(
    bounds={"memory": "[1, inf)"},
    full_batch=True,
    searches=True,
    # lr is only the first length that the line search tries. The source's range of memory is 3 to 20.
    search={"lr": None, "memory": choice(3, 5, 10, 20)},
)
def lbfgs(
    gradients: Sequence[Array],
    weights: Sequence[Array],
    state: State,
    t: int,
    loss: LossOfWeights,
    *,
    lr: Any = 1,
    memory: int = 10,
) -> Any:
    """L-BFGS: Newton's method with a Hessian that is learned from the last steps, and a line search.

        d   = -H_t g
        s_t = a d
        y_t = f'(w + a d) - g
        w   = w + a d

    where H_t is estimated from the last memory pairs of s and y, and a line search finds an a with

        f(w + a d) <= f(w) + 10^-4 a <g, d>
        |<f'(w + a d), d>| <= 0.9 |<g, d>|

    The search tries a = lr first; before there is a pair, the a with which the step has the length lr, or lr itself if
    g is shorter than 1. Both gradients of y are of one batch.

    It is meant for batches of all samples (batch_size 60000 for MNIST): what it learns from one small batch does not
    hold for the next. A step computes the gradient of its batch twice, or more often where the search needs it. If the
    search finds nothing lower, the weights stay and the pairs are forgotten.

    Source: Nocedal and Wright, Numerical Optimization, 2006: algorithms 7.4 and 7.5 with eq. 7.20, line search by
    algorithms 3.5 and 3.6.
    Defaults: a = 1, Newton's step, is tried first; memory 10 is within the source's 3 to 20.
    Elsewhere: PyTorch (LBFGS with line_search_fn = "strong_wolfe") has these conditions, and takes other steps to meet
    them. optax (lbfgs) has a line search of its own.
    """
    g, w = flattened(gradients), flattened(weights)
    s, y = (state.get(name, np.zeros((0, len(g)), g.dtype)) for name in "sy")
    d = newton_direction(g, s, y)
    if not g @ d < 0:
        s, y, d = s[:0], y[:0], -g
    value, slope = loss(weights)[0], float(g @ d)
    if lr == 0 or not slope < 0:
        return shaped(np.zeros_like(w), weights), {"s": s, "y": y}

    def at(alpha: float) -> Point:
        value, parts = loss(shaped(w + alpha * d, weights))
        gradient = flattened(parts)
        return Point(alpha, value, float(gradient @ d), gradient)

    first = lr if len(s) else lr / max(1.0, float(np.linalg.norm(g)))
    found = strong_wolfe(at, Point(0.0, value, slope, g), first)
    change, turn = found.alpha * d, found.gradient - g
    # A pair without positive curvature, which only a search that failed leaves, would spoil H.
    if found.alpha == 0:
        s, y = s[:0], y[:0]
    elif float(change @ turn) > np.finfo(g.dtype).eps * float(turn @ turn):
        s, y = (np.vstack([old, new])[-int(memory) :] for old, new in ((s, change), (y, turn)))
    return shaped(-change, weights), {"s": s, "y": y}
