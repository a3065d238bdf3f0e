"""Thousands of gradient checks whose right answer is known: `python -m benchmarks.gradient_checks [--count] [--seed]`.

Each check draws a function (a sum of one to three terms that couple some of the components: a polynomial, exp, sin, log
of a sum of exp, a quotient, a norm, a small tanh network, |x|, ReLU), a point and scales from 1e-12 to 1e12 of f, of x
and of the terms, a dtype, a method, and an error to plant or none. The terms are written once, over mpmath and NumPy;
their gradients are written by hand and computed in the dtype of x. The oracle is the derivative of the value in 50
digits: a gradient counts as right if all its components are within 1e-4 of it, and as wrong if the error of one is at
least 1e-3 of that component. A draw that is neither is drawn again.

Whether a method could tell at all is computed from the oracle's numbers, not from the check's answer. With the
round-off unit eps of the dtype, F the sum of the sizes of f's terms, and f', f'', f''' the derivatives by a component,
the least error that a difference has from round-off and truncation is

    central              min over h of  eps F / h + h^2 |f'''| / 6
    forward, backward    min over h of  2 eps F / h + h |f''| / 2

over steps h up to 1 or the largest |x|. A method can tell if ten times that is at most 1e-3 |f'| for each component
that is not zero. The complex step can tell if f is analytic and a central difference can tell for some component, which
confirms the complex step. Several methods can tell if one of them can.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

import ravine
from ravine.gradients import METHODS

WRONG, RIGHT = 1e-3, 1e-4
SCALES = ("1", "f", "x", "mixed x", "terms", "all")
DIGITS = 50


class Doubles:
    """The functions that terms use, over NumPy's numbers."""

    exp, sin, cos, tanh, log, sqrt = np.exp, np.sin, np.cos, np.tanh, np.log, np.sqrt
    size = staticmethod(np.abs)

    @staticmethod
    def gate(u):
        return 1.0 if u.real > 0 else 0.0


class Digits:
    """The same functions over mpmath's numbers."""

    exp, sin, cos, tanh, log, sqrt = mpmath.exp, mpmath.sin, mpmath.cos, mpmath.tanh, mpmath.log, mpmath.sqrt
    size = staticmethod(abs)

    @staticmethod
    def gate(u):
        return 1 if u > 0 else 0


# Each term is a value and a gradient over numbers u of size 1, with weights w of size 1; m has the functions.
def polynomial(u, w, m):
    return sum(a * b**3 for a, b in zip(w, u, strict=True)) + w[0] * u[0] * u[-1]


def polynomial_gradient(u, w, m):
    g = [3 * a * b**2 for a, b in zip(w, u, strict=True)]
    g[0] = g[0] + w[0] * u[-1]
    g[-1] = g[-1] + w[0] * u[0]
    return g


def _sum(u, w):
    return sum(a * b for a, b in zip(w, u, strict=True))


def exponential(u, w, m):
    return m.exp(_sum(u, w))


def exponential_gradient(u, w, m):
    return [a * m.exp(_sum(u, w)) for a in w]


def sine(u, w, m):
    return m.sin(_sum(u, w))


def sine_gradient(u, w, m):
    return [a * m.cos(_sum(u, w)) for a in w]


def logsumexp(u, w, m):
    return m.log(sum(m.exp(a * b) for a, b in zip(w, u, strict=True)))


def logsumexp_gradient(u, w, m):
    e = [m.exp(a * b) for a, b in zip(w, u, strict=True)]
    return [a * b / sum(e) for a, b in zip(w, e, strict=True)]


def quotient(u, w, m):
    return _sum(u, w) / (1 + sum(b * b for b in u))


def quotient_gradient(u, w, m):
    below = 1 + sum(b * b for b in u)
    return [a / below - 2 * b * _sum(u, w) / below**2 for a, b in zip(w, u, strict=True)]


def norm(u, w, m):
    return m.sqrt(sum((a * b) ** 2 for a, b in zip(w, u, strict=True)))


def norm_gradient(u, w, m):
    return [a * a * b / norm(u, w, m) for a, b in zip(w, u, strict=True)]


def network(u, w, m):
    rows = [w[k:] + w[:k] for k in range(3)]
    return sum(row[0] * m.tanh(_sum(u, row)) for row in rows)


def network_gradient(u, w, m):
    rows = [w[k:] + w[:k] for k in range(3)]
    slopes = [row[0] * (1 - m.tanh(_sum(u, row)) ** 2) for row in rows]
    return [sum(slope * row[i] for slope, row in zip(slopes, rows, strict=True)) for i in range(len(u))]


def sizes(u, w, m):
    return sum(a * m.size(b) for a, b in zip(w, u, strict=True))


def sizes_gradient(u, w, m):
    return [a * (2 * m.gate(b) - 1) for a, b in zip(w, u, strict=True)]


def relu(u, w, m):
    return sum(a * b * m.gate(b) for a, b in zip(w, u, strict=True)) + u[0] * u[0]


def relu_gradient(u, w, m):
    g = [a * m.gate(b) for a, b in zip(w, u, strict=True)]
    g[0] = g[0] + 2 * u[0]
    return g


TERMS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "polynomial": (polynomial, polynomial_gradient),
    "exp": (exponential, exponential_gradient),
    "sin": (sine, sine_gradient),
    "logsumexp": (logsumexp, logsumexp_gradient),
    "quotient": (quotient, quotient_gradient),
    "norm": (norm, norm_gradient),
    "tanh network": (network, network_gradient),
    "abs": (sizes, sizes_gradient),
    "relu": (relu, relu_gradient),
}


@dataclass(frozen=True)
class Term:
    name: str
    size: float
    places: list[int]
    weights: list[float]


@dataclass(frozen=True)
class Drawn:
    """A function at a point x; each component of x is divided by its number in `scale` before it goes into a term."""

    terms: list[Term]
    x: np.ndarray
    scale: list[float]

    def value(self, x, m=Doubles):
        return sum(self.parts(x, m))

    def parts(self, x, m):
        u = [x[i] / s for i, s in enumerate(self.scale)]
        return [t.size * TERMS[t.name][0]([u[i] for i in t.places], t.weights, m) for t in self.terms]

    def gradient(self, x):
        u = [x[i] / s for i, s in enumerate(self.scale)]
        g = np.zeros_like(x)
        for t in self.terms:
            for i, part in zip(t.places, TERMS[t.name][1]([u[i] for i in t.places], t.weights, Doubles), strict=True):
                g[i] += t.size * part / self.scale[i]
        return g

    @property
    def is_analytic(self) -> bool:
        return not any(term.name == "abs" for term in self.terms)


@dataclass(frozen=True)
class Oracle:
    """The sum of the sizes of f's terms, and its first three derivatives by each component, to double precision."""

    terms: float
    first: np.ndarray
    second: np.ndarray
    third: np.ndarray


def oracle_of(drawn: Drawn) -> Oracle:
    with mpmath.workdps(DIGITS):
        x = [mpmath.mpf(float(value)) for value in drawn.x]

        def along(i):
            def moved(t):
                return drawn.value([*x[:i], x[i] + t * drawn.scale[i], *x[i + 1 :]], Digits)

            return moved

        found = [
            [float(mpmath.diff(along(i), 0, n) / mpmath.mpf(drawn.scale[i]) ** n) for i in range(len(x))]
            for n in (1, 2, 3)
        ]
        return Oracle(float(sum(abs(part) for part in drawn.parts(x, Digits))), *map(np.array, found))


def can_tell(drawn: Drawn, oracle: Oracle, method: str) -> bool:
    """Tell whether the least error of the method is at most a tenth of an error of 1e-3; see the top of this file."""
    shown = least_error(drawn, oracle, "central" if method == "complex" else method) * 10 <= WRONG * abs(oracle.first)
    return drawn.is_analytic and bool(shown.any()) if method == "complex" else bool(shown[oracle.first != 0].all())


def least_error(drawn: Drawn, oracle: Oracle, method: str) -> np.ndarray:
    eps = max(float(np.finfo(drawn.x.dtype).eps), float(np.finfo(float).eps))
    # Steps from 1e-20 to 1e20 of the scale, densely; not beyond what a check may try.
    longest = max(1.0, float(abs(drawn.x).max()))
    h = np.array(drawn.scale)[:, None] * 10.0 ** np.linspace(-20, 20, 801)
    h = np.minimum(h, longest)
    if method == "central":
        errors = eps * oracle.terms / h + h**2 * abs(oracle.third)[:, None] / 6
    else:
        errors = 2 * eps * oracle.terms / h + h * abs(oracle.second)[:, None] / 2
    return errors.min(axis=1)


def draw(rng: np.random.Generator, dtype: str, scales: str) -> Drawn:
    n = int(rng.integers(1, 7))
    wide = 12 if dtype == "float64" else 6

    def scale(on: bool) -> float:
        return float(10 ** rng.uniform(-wide, wide)) if on else 1.0

    whole, size_of_x = scale(scales in ("f", "all")), scale(scales in ("x", "all"))
    sizes = [scale(True) if scales == "mixed x" else size_of_x for _ in range(n)]
    terms = []
    for _ in range(int(rng.integers(1, 4))):
        places = sorted(rng.choice(n, int(rng.integers(1, n + 1)), replace=False).tolist())
        weights = (rng.uniform(0.3, 1.5, len(places)) * rng.choice([-1, 1], len(places))).tolist()
        terms.append(Term(str(rng.choice(list(TERMS))), whole * scale(scales in ("terms", "all")), places, weights))
    u = rng.uniform(0.2, 2, n) * rng.choice([-1, 1], n)
    u[rng.random(n) < 0.05] = 0.0
    if any(term.name in ("abs", "relu", "norm") for term in terms):
        u[u == 0] = 0.7  # Kinks have no derivative; they are in the tests.
    return Drawn(terms, (u * sizes).astype(dtype), sizes)


def _one(change: Callable[[np.random.Generator, float], float]) -> Callable[..., Any]:
    def plant(rng, g):
        k = rng.choice(np.flatnonzero(g))
        g[k] = change(rng, g[k])
        return g

    return plant


def _smallest(change: Callable[[np.random.Generator, float], float]) -> Callable[..., Any]:
    def plant(rng, g):
        live = np.flatnonzero(g)
        k = live[abs(g[live]).argmin()]
        g[k] = change(rng, g[k])
        return g

    return plant


def swapped(rng, g):
    i, j = rng.choice(len(g), 2, replace=False)
    g[[i, j]] = g[[j, i]]
    return g


def spurious(rng, g):
    k = rng.choice(np.flatnonzero(g == 0))
    g[k] = abs(g).max() * 10 ** rng.uniform(-3, 0)
    return g


PLANTS: dict[str, Callable[..., Any]] = {
    "1.001 times": _one(lambda rng, v: v * 1.0011),
    "some times": _one(lambda rng, v: v * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-2.9, 0))),
    "sign": _one(lambda rng, v: -v),
    "zero": _one(lambda rng, v: 0.0),
    "not zero": spurious,
    "swapped": swapped,
    "shifted": lambda rng, g: np.roll(g, 1),
    "all signs": lambda rng, g: -g,
    "all zero": lambda rng, g: 0 * g,
    "all twice": lambda rng, g: 2 * g,
    "smallest 1.001": _smallest(lambda rng, v: v * 1.0011),
    "smallest sign": _smallest(lambda rng, v: -v),
    "smallest zero": _smallest(lambda rng, v: 0.0),
    "smallest half": _smallest(lambda rng, v: v / 2),
}


@dataclass(frozen=True)
class Outcome:
    planted: str
    method: str
    dtype: str
    scales: str
    tellable: bool
    answer: str


def one_check(seed: int, number: int) -> Outcome:
    """Draw, plant, and check; drawn again until the gradient is right or wrong beyond doubt."""
    rng = np.random.default_rng([seed, number])
    while True:
        dtype = "float32" if rng.random() < 0.2 else "float64"
        scales, method = str(rng.choice(SCALES)), str(rng.choice([*METHODS, "central+complex"]))
        planted = "none" if rng.random() < 0.5 else str(rng.choice(list(PLANTS)))
        drawn = draw(rng, dtype, scales)
        with np.errstate(all="ignore"):
            base = drawn.gradient(drawn.x)
        if not base.any():
            continue
        oracle = oracle_of(drawn)
        try:
            wrong = PLANTS[planted](np.random.default_rng([seed, number]), base.copy()) if planted != "none" else base
        except ValueError:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.where(wrong == oracle.first, 0, abs(wrong - oracle.first) / abs(oracle.first)).max()
        if (planted == "none" and error <= RIGHT) or (planted != "none" and error >= WRONG):
            break

    def gradient(x):
        g = drawn.gradient(x)
        return g if planted == "none" else PLANTS[planted](np.random.default_rng([seed, number]), g)

    methods = tuple(method.split("+"))
    check = ravine.check_gradient(drawn.value, gradient, drawn.x, method=methods)
    tellable = any(can_tell(drawn, oracle, each) for each in methods)
    return Outcome(planted, method, dtype, scales, tellable, check.answer)


def tables(outcomes: Sequence[Outcome]) -> str:
    """Lay the answers out by planted error, method, dtype and scale."""
    lines = []
    for title, rows in (
        ("planted error", lambda o: o.planted),
        ("right, method", lambda o: f"{o.method}, {o.dtype}" if o.planted == "none" else None),
        ("right, scales of", lambda o: f"{o.scales}, {o.dtype}" if o.planted == "none" else None),
        ("wrong, method", lambda o: f"{o.method}, {o.dtype}" if o.planted != "none" else None),
        ("wrong, scales of", lambda o: f"{o.scales}, {o.dtype}" if o.planted != "none" else None),
    ):
        lines.append(f"{title:26}{'checks':>8}{'passes':>8}{'fails':>8}{'cannot tell':>13}  {'where it can':>14}")
        for row in dict.fromkeys(sorted(filter(None, map(rows, outcomes)))):
            chosen = [o for o in outcomes if rows(o) == row]
            counts = Counter(o.answer for o in chosen)
            able = [o for o in chosen if o.tellable]
            open_ = sum(o.answer == "cannot tell" for o in able)
            lines.append(
                f"{row:26}{len(chosen):8}{counts['passes']:8}{counts['fails']:8}{counts['cannot tell']:13}"
                f"  {f'{open_} of {len(able)}':>14}"
            )
        lines.append("")
    return "\n".join([*lines, summary(outcomes)])


def summary(outcomes: Sequence[Outcome]) -> str:
    right = [o for o in outcomes if o.planted == "none"]
    wrong = [o for o in outcomes if o.planted != "none"]
    able = [o for o in outcomes if o.tellable and o.dtype == "float64"]
    return (
        f"wrong gradients that pass:           {sum(o.answer == 'passes' for o in wrong)} of {len(wrong)}\n"
        f"right gradients that fail:           {sum(o.answer == 'fails' for o in right)} of {len(right)}\n"
        f"cannot tell where float64 can tell:  {sum(o.answer == 'cannot tell' for o in able)} of {len(able)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    outcomes = [one_check(arguments.seed, number) for number in range(arguments.count)]
    print(tables(outcomes))


if __name__ == "__main__":
    main()
