"""The derivative of a function along one component, from differences, with a bound on its error.

Steps are h = s 4^k for whole k. The one-sided differences are F(h) = (f(x+h) - f(x)) / h and
B(h) = (f(x) - f(x-h)) / h, the central one is C(h) = (f(x+h) - f(x-h)) / 2h. With P for the one that is asked for, and
p = 1 for F and B and p = 2 for C, the derivative is

    D(h) = P(h)                              where the step is given
    D(h) = (4^p P(h) - P(4h)) / (4^p - 1)    where it is searched for: Richardson's extrapolation

whose truncation error is of order q = p or q = 2p. The error of D(h) is bounded by the sum of

    uneven      eps (|x| + h) |F(h) - D(h)| / h, as x + h and x - h are rounded
    round-off   N / h, where N is the largest of
                - eps |f|
                - the change of f when the last digits of x change
                - the least change of f over any step, if f stays the same over some step
                - 3 h' |D(4h') - D(h')| over shorter steps h', as far as that is below 8 N
    bending     the largest of
                - |D(4h) - D(h)| 2^-q
                - |D(16h) - D(4h)| 2^-2q
                - |D(h) - D(h')| for shorter steps h', less 3 N / h' where it is below 8 N / h'
    a kink      K(h), the difference of F and B, both extrapolated; it is left out unless
                - K(h) is above 2 N / h, and K(h / 4) may be above 0.35 K(h). K(h / 4) counts with 4 N / h added, which
                  round-off may hide. A smooth function would have K(h) / 16.
                - or 4 h reaches beyond zero, where abs, norm and ReLU have their kinks
                - or x is zero; then the least of K(h), and of K(h') + 8 N / h' for shorter steps h', is taken

The search goes to longer steps while round-off is the largest part of the bound, and to shorter ones while bending is;
it keeps the least bound. It takes no step that is above 1 and above the largest |x|: so far off, f may have nothing to
do with f at x. A step over which f changes by less than 32 N says nothing.

Compare Press et al., Numerical Recipes, section 5.7 (steps), Ridders 1982 (errors from several steps), and More and
Wild 2012 (the noise of f).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ravine.gradients.answers import Blindness

_RATIO = 4.0
_FIRST, _SHORTEST, _SHORTEST_AT_ZERO = -5, -30, -60
"""Exponents k of the first step that is tried, and of the shortest; a zero has no size to measure steps by."""

_GOAL = 1e-6
"""A bound of this share of the derivative is good enough."""

_LEAP = 4


@dataclass(frozen=True)
class Estimate:
    """A derivative, its bound, the step, the largest part of the bound, and by how much F and B differ from it."""

    value: float
    bound: float
    h: float
    blindness: Blindness
    bend: float = math.nan

    def nearby(self, size: float) -> float:
        """Return about how much the derivative changes over a distance of `size`, or over one step if that is zero."""
        return self.bend * (size / self.h if size and self.h else 1.0)


@dataclass(frozen=True)
class _Step:
    """The differences of one step, nan where f is not finite, and the largest |f| in them."""

    h: float
    forward: float
    backward: float
    central: float
    size: float
    lost: bool


@dataclass
class Line:
    """A function along one component.

    Attributes:
        move: returns, for a step h, the distance that x really moves, and f there (nan if it is not a finite number).
        base: f at x.
        length: the unit s of the steps.
        size: the size of the component.
        longest: no step is searched for beyond this.
        noise: by how much f changes when the last digits of x change.
        eps: the round-off unit of f's values.
    """

    move: Callable[[float], tuple[float, float]]
    base: float
    length: float
    size: float
    longest: float
    noise: float
    eps: float
    _steps: dict[int, _Step] = field(default_factory=dict)
    _tried: dict[str, list[Estimate]] = field(default_factory=dict)
    _found: dict[str, Estimate] = field(default_factory=dict)
    _extrapolates: bool = False
    _has_stayed: bool = False
    _least_change: float = math.inf

    def search(self, method: str) -> Estimate:
        """Return the extrapolated estimate with the least bound over all steps."""
        if method not in self._found:
            self._found[method] = self._search(method)
        return self._found[method]

    def flattest(self) -> Estimate:
        """Return the central estimate whose bound is least beside what the derivative becomes nearby."""

        def share(each: Estimate) -> float:
            return each.bound / each.nearby(self.size) if each.nearby(self.size) > 0 else math.inf

        self.search("central")
        return min(self._tried["central"], key=share)

    def _search(self, method: str) -> Estimate:
        self._extrapolates = True
        last = math.floor(math.log(self.longest, _RATIO) - math.log(self.length, _RATIO))
        start = min(_FIRST, last)
        best = self.at(method, start)
        self._tried[method] = [best]
        if _good(best):
            return best
        shortest = _SHORTEST if self.size else _SHORTEST_AT_ZERO
        tried = {start}
        if self.is_flat():
            # Nothing changes: leap to a step at which something does.
            start = next((k for k in [*range(start + _LEAP, last, _LEAP), last] if self._changes(k)), start)
            tried.add(start)
        for direction in (-1, 1):
            k, found = start, self.at(method, start)
            while shortest < k + direction <= last and not _good(best) and self._is_worth(found, k, direction, best):
                k += direction
                tried.add(k)
                found = self.at(method, k)
                best = min(best, found, key=_bound)
        # What the shortest steps showed counts for the longer ones, too.
        every = self._tried[method] = [self.at(method, k) for k in tried]
        best = min(every, key=_bound)
        kinked = any(each.blindness == Blindness.KINK for each in every)
        return replace(best, blindness=Blindness.KINK) if kinked and not _good(best) else best

    def at(self, method: str, k: int = 0) -> Estimate:
        """Return the difference at the step s 4^k with its bound."""
        here, value = self._step(k), self._difference(method, k)
        if here.lost or not math.isfinite(value):
            return Estimate(value, math.inf, here.h, Blindness.LOST if here.lost else Blindness.NOT_FINITE)
        floor = self._floor(k)
        scatter, structure = self._shorter(method, k)
        bend = max(abs(here.forward - value), abs(here.backward - value))
        uneven = self.eps * (self.size + here.h) * bend / here.h if math.isfinite(bend) else 0.0
        noise, bending = max(floor, 3 * scatter) / here.h + uneven, max(structure, self._longer(method, k))
        if not self._is_heard(k):
            return Estimate(value, math.inf, here.h, Blindness.ROUND_OFF)
        gap, closer = self._gap(k), self._gap(k - 1)
        stays = gap > 8 * noise and closer > 0.35 * gap
        may_stay = gap > 2 * noise and closer + _RATIO * noise > 0.35 * gap
        kink = gap if stays or may_stay else self._kink_at_zero(k)
        parts = (
            (noise, Blindness.ROUND_OFF),
            (bending, Blindness.TRUNCATION),
            (kink, Blindness.KINK if stays else Blindness.TRUNCATION if self.size else Blindness.ROUND_OFF),
        )
        bound = noise + bending + kink
        return Estimate(
            value=value,
            bound=bound if math.isfinite(bound) else math.inf,
            h=here.h,
            blindness=max(parts)[1],
            bend=bend,
        )

    def starts_flat(self) -> bool:
        """Tell whether f stays the same, bit for bit, over the first step that is tried."""
        return not self._changes(_FIRST)

    def is_flat(self) -> bool:
        """Tell whether f was the same, bit for bit, wherever it was looked at."""
        return not any(map(self._changes, self._steps))

    def _changes(self, k: int) -> bool:
        step = self._step(k)
        return not step.lost and not (step.forward == 0 == step.backward)

    def _is_heard(self, k: int) -> bool:
        """Tell whether f changes over the step s 4^k by much more than its round-off."""
        step = self._step(k)
        change = max(abs(step.forward), abs(step.backward)) * step.h
        return not change <= 32 * self._floor(k)

    def _difference(self, method: str, k: int) -> float:
        here = float(getattr(self._step(k), method))
        if not self._extrapolates:
            return here
        power = _RATIO ** (2 if method == "central" else 1)
        return (power * here - float(getattr(self._step(k + 1), method))) / (power - 1)

    def _order(self, method: str) -> int:
        return (2 if method == "central" else 1) * (2 if self._extrapolates else 1)

    def _step(self, k: int) -> _Step:
        if k not in self._steps:
            h = math.ldexp(self.length, 2 * k)
            (right, up), (left, down) = self.move(h), self.move(-h)
            step = _Step(
                h=h,
                forward=_quotient(up - self.base, right),
                backward=_quotient(down - self.base, left),
                central=_quotient(up - down, right - left),
                size=max(abs(value) for value in (up, down, self.base) if math.isfinite(value)),
                lost=h == 0 or not all(0.75 * h <= moved <= 1.25 * h for moved in (right, -left)),
            )
            self._steps[k] = step
            changes = [] if step.lost else [abs(up - self.base), abs(down - self.base)]
            self._has_stayed |= 0.0 in changes
            self._least_change = min([self._least_change, *(change for change in changes if change > 0)])
        return self._steps[k]

    def _floor(self, k: int) -> float:
        """Return the least round-off of f over the step s 4^k.

        Where f stays the same over some step, to the last bit, the least change over another is a unit of its rounding.
        """
        unit = self._least_change if self._has_stayed and math.isfinite(self._least_change) else 0.0
        return max(self.eps * self._step(k).size, self.noise, unit, _SMALLEST)

    def _shorter(self, method: str, k: int) -> tuple[float, float]:
        """Return two changes over the steps shorter than s 4^k, each the largest.

        The first is a change of f's values that may be noise, the second a change of the derivative that is not.
        """
        for j in range(k - 3, k):
            self._step(j)
        scatter = structure = 0.0
        here = self._difference(method, k)
        below = [j for j, step in self._steps.items() if j < k and j + 1 in self._steps and not step.lost]
        for j in below:
            value, h, floor = self._difference(method, j), self._step(j).h, self._floor(j)
            apart = abs(value - here)
            structure = max(structure, apart if apart * h > 8 * floor else apart - 3 * floor / h)
            change = abs(self._difference(method, j + 1) - value) * h
            scatter = max(scatter, change) if change <= 8 * floor else scatter
        return scatter, structure

    def _longer(self, method: str, k: int) -> float:
        """Return the truncation error as longer steps show it."""
        here, longer, longest = (self._difference(method, j) for j in (k, k + 1, k + 2))
        if not math.isfinite(longer):
            # Over the longer step f is not finite, so the shorter one is taken.
            shorter = self._difference(method, k - 1)
            return abs(here - shorter) if math.isfinite(shorter) else math.inf
        share = 2.0 ** -self._order(method)
        return max(share * abs(longer - here), share**2 * abs(longest - longer) if math.isfinite(longest) else 0.0)

    def _gap(self, k: int) -> float:
        """Return how far the derivatives to either side are apart, as far as f is finite there."""
        near, far = self._step(k), self._step(k + 1)
        gap = abs(_RATIO * (near.forward - near.backward) - (far.forward - far.backward)) / (_RATIO - 1)
        return gap if math.isfinite(gap) and not near.lost else 0.0

    def _kink_at_zero(self, k: int) -> float:
        """Return how large a kink at zero can be, 0 if the step does not reach there.

        At x = 0 a kink has the same size at every step, so the step that shows the smallest kink bounds it.
        """
        if self.size:
            return self._gap(k) if _RATIO * self._step(k).h > self.size else 0.0
        known = [j for j in self._steps if j < k and j + 1 in self._steps and math.isfinite(self._step(j).central)]
        return min([self._gap(k), *(self._gap(j) + 8 * self._floor(j) / self._step(j).h for j in known)])

    def _is_worth(self, found: Estimate, k: int, direction: int, best: Estimate) -> bool:
        """Tell whether the next step in this direction may have a smaller bound."""
        if not math.isfinite(found.bound) and found.blindness == Blindness.ROUND_OFF:
            return direction > 0
        if direction > 0:
            return found.blindness in (Blindness.ROUND_OFF, Blindness.LOST) and not found.bound > 16 * best.bound
        # The noise may be overestimated; eps |f| is not.
        return found.blindness != Blindness.LOST and _RATIO * self.eps * self._step(k).size / found.h < best.bound


_SMALLEST = 5e-324


def _good(estimate: Estimate) -> bool:
    return estimate.bound <= _GOAL * abs(estimate.value)


def _bound(estimate: Estimate) -> float:
    return estimate.bound


def _quotient(change: float, distance: float) -> float:
    quotient = change / distance if distance else math.nan
    return quotient if math.isfinite(quotient) else math.nan
