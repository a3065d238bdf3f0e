"""The central difference and the analytic gradient in as many digits as one likes, with mpmath.

In double precision a central difference cannot come closer than about (eps L)^(2/3): round-off in the loss, divided by
h, meets the truncation error, which grows as h^2. More digits move that floor. As in mpmath's own `diff`, the digits
asked for are those of the result: the loss is computed with more than twice as many, and h = 10^-(digits/2 + 5).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import mpmath
import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.gradients.networks.perturb import NetworkPoint
from ravine.networks import target_rows

Number = Any
Vector = list[Any]

LEAST_DIGITS, MOST_DIGITS = 15, 1000

_MARGIN = 100
"""A difference of losses below this many of their round-offs is none."""


class ManyDigits(msgspec.Struct, frozen=True):
    """Relative errors of the central difference against the analytic gradient, both in `digits` digits."""

    digits: int
    h: float
    weights: int
    both_zero: int
    kinks: int
    mean_relative_error: float
    median_relative_error: float
    max_relative_error: float
    seconds: float


def require_digits(digits: int) -> None:
    """Refuse so few digits that double precision has them, and so many that the check would never end."""
    if not LEAST_DIGITS <= digits <= MOST_DIGITS:
        # Only Python gets here with 0: the command takes it for None.
        none = "" if digits else ", or None, which leaves this check out"
        raise ConfigError(f"digits is {digits}; it must be a whole number from {LEAST_DIGITS} to {MOST_DIGITS}{none}.")


def many_digits(
    point: NetworkPoint, indices: Array, digits: int, progress: Callable[[int], None] | None = None
) -> ManyDigits:
    """Compare both gradients for the weights `indices` (k,), over all samples of the batch."""
    require_digits(digits)
    began = time.perf_counter()
    with mpmath.workdps(2 * digits + 20):
        h = mpmath.mpf(10) ** -(digits // 2 + 5)
        first, *others = point.network.layout.views(point.weights)
        # Nothing reads the other rows, and wide sparse data have very many of them.
        matrices = [_numbers(first, point.connected_rows()), *(_numbers(m, np.ones(len(m), bool)) for m in others)]
        samples = [_Sample(point, matrices, b) for b in range(len(point.targets))]
        # Derivatives of samples may cancel, and leave nothing but the round-off of the losses.
        noise = _MARGIN * mpmath.eps * (1 + max(abs(s.loss) for s in samples)) / h
        errors, both_zero, kinks = [], 0, 0
        for index in indices:
            name = point.network.layout.name(int(index))
            analytic = mpmath.fsum(s.derivative(*name) for s in samples) / len(samples)
            up = [s.moved(*name, h) for s in samples]
            down = [s.moved(*name, -h) for s in samples]
            numerical = mpmath.fsum(a[0] - b[0] for a, b in zip(up, down, strict=True)) / (2 * h * len(samples))
            size = max(abs(analytic), abs(numerical))
            if any(crossed for _, crossed in (*up, *down)):
                kinks += 1
            elif size <= noise:
                both_zero += 1
            else:
                errors.append(float(abs(analytic - numerical) / size))
            if progress is not None:
                progress(1)
        found = np.array(errors or [0.0])
        return ManyDigits(
            digits=digits,
            h=float(h),
            weights=len(indices),
            both_zero=both_zero,
            kinks=kinks,
            mean_relative_error=float(found.mean()),
            median_relative_error=float(np.median(found)),
            max_relative_error=float(found.max()),
            seconds=time.perf_counter() - began,
        )


def _numbers(matrix: Array, used: Array) -> list[Vector]:
    """Return the rows of a matrix that are `used`, (rows,) booleans, in mpmath numbers, and the others empty."""
    return [[mpmath.mpf(float(w)) for w in row] if read else [] for row, read in zip(matrix, used, strict=True)]


class _Sample:
    """One sample's forward and backward pass in mpmath numbers."""

    def __init__(self, point: NetworkPoint, matrices: list[list[Vector]], sample: int) -> None:
        self.network, self.matrices = point.network, matrices
        self.target = point.targets[sample]
        # Pixels are the doubles that the network sees, taken as exact.
        a = [mpmath.mpf(float(value)) for value in point.x[sample]]
        self.inputs, self.outputs, self.slopes = [], [], []
        for layer, matrix in enumerate(matrices):
            self.inputs.append([*a, mpmath.mpf(1)] if self.network.bias else a)
            z = _product(self.inputs[-1], matrix, self.network.layers[layer + 1])
            self.outputs.append(z)
            if layer < len(matrices) - 1:
                formula = self.network.activations[layer].formula
                pairs = list(map(formula.in_digits, z))
                a = [value for value, _ in pairs]
                self.slopes.append([slope for _, slope in pairs])
        self.loss = self._loss(self.outputs[-1])
        self.deltas = self._backward()

    def derivative(self, layer: int, i: int, o: int) -> Number:
        """Return dL/dW from backpropagation."""
        return self.inputs[layer][i] * self.deltas[layer][o]

    def moved(self, layer: int, i: int, o: int, step: Number) -> tuple[Number, bool]:
        """Return the loss after one weight moved, and whether a unit changed sides of its kink."""
        by = step * self.inputs[layer][i]
        if by == 0:
            return self.loss, False
        z = list(self.outputs[layer])
        z[o] += by
        crossed = False
        for deeper in range(layer, len(self.matrices) - 1):
            before = self.outputs[deeper]
            f = self.network.activations[deeper]
            crossed |= any((p > kink) != (q > kink) for p, q in zip(z, before, strict=True) for kink in f.kinks)
            shifts = [
                (k, f.formula.in_digits(p)[0] - self.inputs[deeper + 1][k])
                for k, (p, q) in enumerate(zip(z, before, strict=True))
                if p != q
            ]
            matrix = self.matrices[deeper + 1]
            z = [
                q + mpmath.fsum(shift * matrix[k][column] for k, shift in shifts)
                for column, q in enumerate(self.outputs[deeper + 1])
            ]
        for kink in self.network.objective.kinks:
            pairs = zip(z, self.outputs[-1], self._rows(), strict=True)
            crossed |= any((p - y > kink) != (q - y > kink) for p, q, y in pairs)
        return self._loss(z), crossed

    def _backward(self) -> list[Vector]:
        delta = self._output_delta(self.outputs[-1])
        deltas = [delta]
        for layer in reversed(range(1, len(self.matrices))):
            matrix = self.matrices[layer]
            delta = [slope * mpmath.fdot(matrix[i], delta) for i, slope in enumerate(self.slopes[layer - 1])]
            deltas.insert(0, delta)
        return deltas

    def _softmax(self, z: Vector) -> Vector:
        e = [mpmath.exp(value) for value in z]
        total = mpmath.fsum(e)
        return [value / total for value in e]

    def _loss(self, z: Vector) -> Number:
        formula = self.network.objective.formula
        if formula is None:
            return -mpmath.fsum(t * mpmath.log(p) for p, t in zip(self._softmax(z), self._shares(), strict=True) if t)
        return mpmath.fsum(formula.in_digits(one, y)[0] for one, y in zip(z, self._rows(), strict=True)) / len(z)

    def _output_delta(self, z: Vector) -> Vector:
        formula = self.network.objective.formula
        if formula is None:
            return [p - t for p, t in zip(self._softmax(z), self._shares(), strict=True)]
        return [formula.in_digits(one, y)[1] / len(z) for one, y in zip(z, self._rows(), strict=True)]

    def _shares(self) -> Vector:
        """Return the target of each class."""
        s, classes = mpmath.mpf(float(self.network.label_smoothing)), self.network.layers[-1]
        return [(1 - s) * (k == int(self.target)) + s / classes for k in range(classes)]

    def _rows(self) -> Vector:
        rows = target_rows(np.asarray(self.target)[None], self.network.layers[-1], np.dtype(float))
        return [mpmath.mpf(float(y)) for y in rows[0]]


def _product(a: Vector, matrix: list[Vector], columns: int) -> Vector:
    live = [(value, row) for value, row in zip(a, matrix, strict=True) if value != 0]
    return [mpmath.fdot((value, row[column]) for value, row in live) for column in range(columns)]
