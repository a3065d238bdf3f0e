"""What each method sees of a network's gradient, at a step that is given: by how much each derivative may be off.

With the loss f and the distance h that a weight really moves, a difference is off by at most

    |F - B| + N / h

where F and B are the one-sided differences, between which the derivative of a function lies that bends one way, and N
is the round-off of the loss. N is measured, layer by layer: some weights are moved by several steps near h, and N is
twice the largest distance of the loss from a parabola through them. The complex step subtracts nothing; it is off by
the round-off of the gradient itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ravine.arrays import Array
from ravine.gradients.answers import Blindness, Evidence
from ravine.gradients.methods import Derivative, complex_step, derivatives
from ravine.gradients.perturb import Point, moved, taken
from ravine.nn import ACTIVATIONS, forward
from ravine.nn.softmax import output_delta

_PROBED = 64
"""How many weights of a layer are moved several times."""

_PROBES = 1 + np.arange(8) / 8
"""The steps by which they are moved, in units of h."""

_SAFETY = 2
"""How many times its leading term the round-off of a gradient may be; more than 2 times it was never seen to be."""


def network_evidence(point: Point, indices: Array, analytic: Array, found: Mapping[str, Derivative]) -> dict[str, Evidence]:
    """Return what each method sees of the weights `indices` (k,), whose gradient is said to be `analytic` (k,).

    Args:
        found: what the methods found, among them "forward" and "backward" if there is any difference.
    """
    round_off = gradient_round_off(point)[indices]
    zero = _zero(point, indices, analytic, found)
    return {name: _evidence(point, indices, each, found, round_off, zero) for name, each in found.items()}


def gradient_round_off(point: Point) -> Array:
    """Return how far round-off may take each number of the analytic gradient, shape (n,).

    A running error analysis of backpropagation: with eps the round-off unit, delta^L is off by eps |delta^L|, or by
    eps / m where a naive softmax subtracts from 1, and with E^l for the error of delta^l

        E^(l-1) = f' sum_o |W_io| (E^l_bo + eps |delta^l_bo|)  +  eps sum_o |W_io| |delta^l_bo|  for a rounded slope f'

    The slopes 1 - a^2 and a (1 - a) are rounded at the size of 1; that of a ReLU is exact.
    """
    network = point.network
    eps = float(np.finfo(point.weights.dtype).eps)
    activation = ACTIVATIONS[network.activation]
    trace = forward(network, point.weights, point.x)
    matrices = [np.abs(matrix[:rows]) for matrix, rows in zip(network.layout.views(point.weights), network.layers, strict=False)]
    flat = np.empty(len(point.weights))
    parts = network.layout.views(flat)
    m = len(point.labels)
    with np.errstate(all="ignore"):
        delta = np.abs(output_delta(trace.logits, point.labels, network.softmax).astype(float)) / m
        size = 1 + np.abs(trace.logits).max(axis=1, keepdims=True)
        error = eps * size * (np.full_like(delta, 1 / m) if network.softmax == "naive" else delta)
        for layer in reversed(range(len(matrices))):
            a = np.abs(trace.activations[layer].astype(float))
            own = error + eps * delta
            parts[layer][: a.shape[1]] = a.T @ own
            if network.bias:
                parts[layer][-1] = own.sum(axis=0)
            if layer > 0:
                slope = np.abs(activation.slope(trace.activations[layer]).astype(float))
                back = delta @ matrices[layer].T
                error = (own @ matrices[layer].T) * slope + (0 if activation.has_kink else eps * back)
                delta = back * slope
    return _SAFETY * flat


def _evidence(
    point: Point, indices: Array, derivative: Derivative, found: Mapping[str, Derivative], round_off: Array, zero: Array
) -> Evidence:
    values = derivative.values.astype(float)
    with np.errstate(all="ignore"):
        if derivative.method == "complex":
            numbers = np.finfo(point.weights.dtype)
            bounds = 64 * float(numbers.eps) * np.abs(values) + 4 * float(numbers.smallest_subnormal) / derivative.h
            blindness = np.full(len(values), Blindness.ROUND_OFF)
        else:
            bounds, blindness = _differences(point, indices, derivative, found)
        known = np.isfinite(values)
        bounds = np.where(known & ~np.isnan(bounds), np.where(zero, 0.0, bounds), np.inf)
        blindness = np.where(known, np.where(round_off > bounds, Blindness.GRADIENT_NOISE, blindness), Blindness.NOT_FINITE)
        bounds = bounds + np.where(np.isnan(round_off), np.inf, round_off)
    return Evidence(values, bounds, zero, blindness)


def _differences(
    point: Point, indices: Array, derivative: Derivative, found: Mapping[str, Derivative]
) -> tuple[Array, Array]:
    h = derivative.h
    ahead, behind = taken(point, indices, h), -taken(point, indices, -h)
    shortest = np.minimum(ahead, behind).astype(float)
    noise = _loss_noise(point, indices, h) / np.where(shortest > 0, shortest, np.nan)
    bend = np.abs(found["forward"].values - found["backward"].values).astype(float)
    # A step that rounding makes a quarter longer or shorter is at the end of what x can take.
    lost = ~((ahead >= 0.75 * h) & (ahead <= 1.25 * h) & (behind >= 0.75 * h) & (behind <= 1.25 * h))
    bounds = np.where(lost | derivative.kinks, np.inf, bend + noise)
    blindness = np.where(bend > 4 * noise, Blindness.TRUNCATION, Blindness.ROUND_OFF)
    blindness = np.where(derivative.kinks, Blindness.KINK, blindness)
    return bounds, np.where(lost, Blindness.LOST, blindness)


def _loss_noise(point: Point, indices: Array, h: float) -> Array:
    """Return the round-off of the loss when a weight is moved, the same for all of a layer, (k,)."""
    losses = point.losses().astype(float)
    size = max(1.0, losses.mean()) if point.network.softmax == "naive" else losses.mean()
    noise = np.full(len(indices), float(np.finfo(point.weights.dtype).eps) * size)
    ends = np.cumsum([rows * columns for rows, columns in point.network.layout.shapes])
    layer_of = np.searchsorted(ends, indices, side="right")
    for layer in np.unique(layer_of):
        members = np.flatnonzero(layer_of == layer)
        noise[members] = np.maximum(noise[members], _scatter(point, indices[members], h))
    return noise


def _scatter(point: Point, indices: Array, h: float) -> float:
    """Return twice the largest distance of the loss from a parabola in the step, over some of the weights."""
    moves = moved(point, indices, h)
    answering = indices[moves.change != 0]
    probed = answering[:: max(1, len(answering) // _PROBED)]
    if len(probed) == 0:
        return 0.0
    changes = np.stack([moved(point, probed, h * share).change for share in _PROBES]).astype(float)
    places = np.stack([taken(point, probed, h * share) for share in _PROBES]).astype(float) / h
    largest = 0.0
    for t, change in zip(places.T, changes.T, strict=True):
        if np.isfinite(change).all():
            powers = np.stack([t, t * t], axis=1)
            fitted = powers @ np.linalg.lstsq(powers, change, rcond=None)[0]
            largest = max(largest, float(np.abs(change - fitted).max()))
    return 2 * largest


def _zero(point: Point, indices: Array, analytic: Array, found: Mapping[str, Derivative]) -> Array:
    """Tell which losses do not depend on their weight: no method finds that they do, and the complex step is one."""
    zero: Array = (analytic == 0) & np.all([each.values == 0 for each in found.values()], axis=0)
    if "complex" not in found and zero.any():
        there = np.flatnonzero(zero)
        zero[there] = derivatives(point, indices[there], ("complex",))["complex"].values == 0
    return zero
