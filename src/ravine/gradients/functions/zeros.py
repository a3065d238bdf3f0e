"""Does a function really not depend on a component, or does round-off hide that it does?

A difference that is zero proves nothing where f is large: 1e20 + x is 1e20. A derivative of zero is seen in one of
these ways.

- **f is stationary.** The derivative is zero within a bound that is small beside what the derivative becomes nearby: f
  has a minimum there, or is an even function at 0.
- **f stays the same along the imaginary axis**, bit for bit, for steps of all sizes. Round-off hides nothing there: if
  f is analytic, a short step shows even the smallest derivative, and a long step makes even a bounded function large
  (Liouville). This shows that ReLU has switched a unit off too, since the real part decides whether the unit is open.
  But a function that reads only the real part also stays the same there, and is not analytic. So if f changes farther
  off along the real axis, the complex step must show a derivative at that place; and if f never changes, it must ignore
  the component, or read its imaginary part.
- **f stays the same along the whole real axis**, for steps to both sides up to the largest numbers there are, and if
  the component is NaN. This is for functions that accept no complex numbers.
- **f stays the same up to a kink** to either side, and along the imaginary axis. This is for functions with other parts
  that are not analytic. Just beyond the kink, f must change by much more than its round-off, in proportion to the
  distance: a smooth function would rise slowly out of its round-off, and one that is rounded would jump. If f accepts
  no complex numbers, a kink proves nothing: f may have a small slope before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ravine.gradients.functions.function import Function
from ravine.gradients.functions.line import Estimate

_IMAGINARY = (1e-20, 1.0, 30.0, 700.0, 1e100)
"""Steps along the imaginary axis, in units of the component's scale: exp is large at 700, and powers at the last."""

_STILL = 1e-4
"""The share of the nearby derivative below which a derivative is zero."""

_ABRUPT = 100
"""How many times its round-off a function must change just behind a kink."""


def zero_bound(
    f: Function, index: tuple[int, ...], scale: float, found: Estimate, is_analytic: Callable[[], bool]
) -> float | None:
    """Return how far the derivative by one component may be from zero, None if it is not seen to be zero.

    Args:
        f, index: the function at its point, and the component.
        scale: the size of the component, or what stands for it if it is zero.
        found: its central difference, at the step that shows best whether the derivative is zero.
        is_analytic: tells whether the complex step is confirmed in other components.
    """
    shown = f.turned(index, 1e-20 * scale)
    if isinstance(shown, complex) and shown.imag != 0 and not _is_cancelled(f, index, scale, shown.imag, found):
        return None
    if _stands_still(f, index, found):
        return found.bound
    takes_complex = isinstance(shown, complex)
    if takes_complex and (not _is_still_imaginary(f, index, scale) or _is_read_as_real(f, index, scale)):
        return None
    if takes_complex and is_analytic():
        return 0.0
    sides = {_side(f, index, sign * scale) for sign in (1, -1)}
    if sides == {"stays"}:
        return 0.0 if _is_ignored(f, index) else None
    return 0.0 if takes_complex and "creeps" not in sides else None


def _is_cancelled(f: Function, index: tuple[int, ...], scale: float, shown: float, found: Estimate) -> bool:
    """Tell whether the complex step, too, is zero beside what the derivative becomes if the last digits of x change.

    A component that is zero is not rounded; only the square of the complex step is left there.
    """
    reach = max(64 * f.eps * abs(float(f.x[index])), 1e-30 * scale)
    return math.isfinite(found.bend) and abs(shown) / (1e-20 * scale) <= reach * found.bend / found.h


def _stands_still(f: Function, index: tuple[int, ...], found: Estimate) -> bool:
    return abs(found.value) <= found.bound <= _STILL * found.nearby(abs(float(f.x[index])))


def _side(f: Function, index: tuple[int, ...], scale: float) -> str:
    """Tell what f does to one side: "stays" the same everywhere, or up to a "kink"; or "creeps" away, or jumps."""
    near, far = _first_change(f, index, scale)
    if not far:
        return "stays"
    return "kink" if near and _is_kink(f, index, near, far) else "creeps"


def _first_change(f: Function, index: tuple[int, ...], scale: float) -> tuple[float, float]:
    """Return the last step to one side at which f is the same, and the first at which it is not; 0 if there is none."""
    largest = min(float(np.finfo(f.x.dtype).max), 1e300)
    steps = [scale * 4.0**k for k in range(-24, 32, 4)]
    steps += [math.copysign(size, scale) for size in (1e25, 1e38, 1e100, 1e150, 1e300) if size <= largest]
    near = 0.0
    for step in steps:
        taken, value = f.moved(index, step)
        if not abs(taken - step) <= abs(step) / 4:
            continue
        if value != f.value:
            return near, step
        near = step
    return near, 0.0


def _changes(f: Function, index: tuple[int, ...], step: float) -> bool:
    taken, value = f.moved(index, step)
    return taken != 0 and value != f.value


def _is_kink(f: Function, index: tuple[int, ...], near: float, far: float) -> bool:
    """Tell whether f, the same at the step `near` and not at `far`, leaves its value between them in a kink.

    Beyond a kink f moves away in proportion to the distance, or faster. A function that creeps out of its round-off, or
    jumps, has hardly moved on at eight times the distance.
    """
    while abs(far - near) > 1e-5 * abs(near):
        middle = near + (far - near) / 2
        near, far = (near, middle) if _changes(f, index, middle) else (middle, far)
    first, last = (abs(f.moved(index, near * (1 + share))[1] - f.value) for share in (1e-3, 8e-3))
    if math.isnan(first):
        return True  # f ends here: it has stayed the same for as long as it is a number.
    return first > _ABRUPT * max(f.eps * abs(f.value), f.noise) and last > 4 * first


def _is_still_imaginary(f: Function, index: tuple[int, ...], scale: float) -> bool:
    # In complex arithmetic f(x) may have other last bits.
    base, *turned = (f.turned(index, share * scale) for share in (0.0, *_IMAGINARY))
    return all(value == base for value in turned)


def _is_read_as_real(f: Function, index: tuple[int, ...], scale: float) -> bool:
    """Tell whether f depends, or may depend, on the real part of a component alone, and so is not analytic.

    Where f begins to change along the real axis, the complex step must show it: behind the gate of a ReLU it does.
    Where f does not change, it must ignore the component, or else an imaginary NaN must reach its value.
    """
    for sign in (1, -1):
        _, step = _first_change(f, index, sign * scale)
        there = f.x.copy()
        there[index] += step
        shown = f.turned(index, 1e-20 * scale, there)
        if step and isinstance(shown, complex) and shown.imag == 0:
            return True
    return f.turned(index, math.nan) == f.turned(index, 0.0) and not _is_ignored(f, index)


def _is_ignored(f: Function, index: tuple[int, ...]) -> bool:
    there = f.x.copy()
    there[index] = np.nan
    return f.real(there) == f.value
