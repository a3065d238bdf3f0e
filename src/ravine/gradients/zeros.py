"""Does a function really not depend on a component, or does round-off hide that it does?

A difference that is zero proves nothing where f is large: 1e20 + x is 1e20. A derivative of zero is seen in one of
three ways.

- **Nothing happens.** f stays the same, bit for bit, for steps up to the largest numbers there are, to both sides, and
  along the imaginary axis, where a bounded analytic function cannot stay bounded (Liouville). A function that takes no
  complex numbers must also stay the same when the component is NaN.
- **Nothing happens here.** f stays the same up to a kink to either side, as of a ReLU: just beyond, it changes by much
  more than its round-off, in proportion to the distance. A smooth function would creep out of its round-off, and one
  that is rounded jumps.
- **It stands still.** The derivative is zero within a bound that is small beside what it becomes nearby: a minimum, or
  an even function at 0.

The complex step must not contradict: where f is analytic it shows what round-off hides.
"""

from __future__ import annotations

import math

import numpy as np

from ravine.gradients.function import Function
from ravine.gradients.line import Estimate

_IMAGINARY = (1e-20, 1.0, 30.0, 700.0)
"""Steps along the imaginary axis, in units of the component's scale: exp and its kin are large at the last two."""

_STILL = 1e-4
"""The share of the nearby derivative below which a derivative is zero."""

_ABRUPT = 100
"""How many times its round-off a function must change just behind a kink."""


def zero_bound(f: Function, index: tuple[int, ...], scale: float, found: Estimate) -> float | None:
    """Return how far the derivative by one component may be from zero, None if it is not seen to be zero.

    Args:
        f, index: the function at its point, and the component.
        scale: the size of the component, or what stands for it if it is zero.
        found: its central difference.
    """
    shown = f.turned(index, 1e-20 * scale)
    if isinstance(shown, complex) and shown.imag != 0 and not _is_cancelled(shown.imag / (1e-20 * scale), scale, found):
        return None
    if _stands_still(f, index, found):
        return found.bound
    sides = [_side(f, index, sign * scale) for sign in (1, -1)]
    if "creeps" in sides:
        return None
    if "kink" in sides:
        return 0.0
    return 0.0 if _is_ignored(f, index, scale, isinstance(shown, complex)) else None


def _is_cancelled(shown: float, scale: float, found: Estimate) -> bool:
    """Tell whether the complex step, too, is zero beside what the derivative becomes nearby."""
    return math.isfinite(found.bend) and abs(shown) <= 1e-12 * scale * found.bend / found.h


def _stands_still(f: Function, index: tuple[int, ...], found: Estimate) -> bool:
    if not (abs(found.value) <= found.bound and math.isfinite(found.bend)):
        return False
    size = abs(float(f.x[index]))
    nearby = found.bend * (size / found.h if size else 1.0)
    return found.bound <= _STILL * nearby


def _side(f: Function, index: tuple[int, ...], scale: float) -> str:
    """Tell what f does to one side: it "stays" the same for ever, or up to a "kink", or "creeps" away or jumps."""
    largest = min(float(np.finfo(f.x.dtype).max), 1e300)
    steps = [scale * 4.0**k for k in range(-24, 30, 2)]
    steps += [math.copysign(size, scale) for size in (1e25, 1e38, 1e100, 1e150, 1e300) if size <= largest]
    near = 0.0
    for step in (step for step in steps if abs(f.moved(index, step)[0] - step) <= abs(step) / 4):
        if _changes(f, index, step):
            return "kink" if near and _is_kink(f, index, near, step) else "creeps"
        near = step
    return "stays"


def _changes(f: Function, index: tuple[int, ...], step: float) -> bool:
    taken, value = f.moved(index, step)
    return taken != 0 and value != f.value


def _is_kink(f: Function, index: tuple[int, ...], near: float, far: float) -> bool:
    """Tell whether f, the same at the step `near` and not at `far`, leaves its value between them in a kink.

    Behind a kink f moves away in proportion to the distance, or faster. What creeps out of its round-off, or jumps, has
    hardly moved on when it is eight times as far behind the place.
    """
    while abs(far - near) > 1e-5 * abs(near):
        middle = near + (far - near) / 2
        near, far = (near, middle) if _changes(f, index, middle) else (middle, far)
    first, last = (abs(f.moved(index, near * (1 + share))[1] - f.value) for share in (1e-3, 8e-3))
    if math.isnan(first):
        return True  # f ends here: it has stayed the same for as long as it is a number.
    return first > _ABRUPT * max(f.eps * abs(f.value), f.noise) and last > 4 * first


def _is_ignored(f: Function, index: tuple[int, ...], scale: float, takes_complex: bool) -> bool:
    if takes_complex:
        # In complex arithmetic f(x) may have other last bits.
        base, *turned = (f.turned(index, share * scale) for share in (0.0, *_IMAGINARY))
        return all(value == base for value in turned)
    there = f.x.copy()
    there[index] = np.nan
    return f.real(there) == f.value
