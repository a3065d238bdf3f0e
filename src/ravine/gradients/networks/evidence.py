"""The evidence of each method for a network's gradient, at a given step: how far each derivative may be off.

With the loss f and the distance h that a weight really moves, a difference D(h) is off by at most

    max(|F - B|, 2 |D(h) - D(h/2)|) + N / h

where F and B are the one-sided differences, and N is the round-off of the loss. If a function bends in one direction
only, its derivative lies between F and B. N is measured, layer by layer: some weights are moved by several steps near
h, and N is twice the largest distance of the loss from a parabola through these points; it is at least what one more
rounding of all sums does. D(h/2) is left out at short
steps, over which a network does not bend twice. The complex step subtracts nothing; it is off by its own round-off. The
round-off of the analytic gradient is added to every bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ravine.arrays import Array
from ravine.formulas.activation import Activation
from ravine.gradients.answers import Blindness, Evidence
from ravine.gradients.networks.derivatives import Derivative, complex_step, derivatives
from ravine.gradients.networks.perturb import NetworkPoint, moved, pre_activations, taken
from ravine.networks import forward, output_deltas, target_rows

_PROBED = 64
"""The number of weights of a layer that are moved several times."""

_PROBES = 1 + np.arange(8) / 8
"""The steps by which they are moved, in units of h."""

_ROUND_OFF = 1e4
"""A distance above this many times the least round-off is not round-off: the loss bends."""

_SHORT = 1e-6
"""Up to this step D(h/2) is left out."""


def network_evidence(
    point: NetworkPoint, indices: Array, analytic: Array, found: Mapping[str, Derivative]
) -> dict[str, Evidence]:
    """Return what each method sees of the weights `indices` (k,), whose gradient is said to be `analytic` (k,).

    Args:
        found: what the methods found, among them "forward" and "backward" if there is any difference.
    """
    round_off = gradient_round_off(point)[indices]
    zero = _zero(point, indices, analytic, found)
    bounds = _difference_bounds(point, indices, {name: each for name, each in found.items() if name != "complex"})
    bounds["complex"] = _complex_bounds(point, found["complex"]) if "complex" in found else (np.empty(0), np.empty(0))
    return {name: _evidence(each, *bounds[name], round_off, zero[name]) for name, each in found.items()}


def gradient_round_off(point: NetworkPoint) -> Array:
    """Return how far round-off may take each number of the analytic gradient, shape (n,).

    A running error analysis, with eps the round-off unit, A^l, Z^l and D^l for the errors of a^l, z^l and delta^l, and
    absolute values understood:

        Z^(l+1)_bo = sum_i W_io (A^l_bi + eps a^l_bi),   A^l = f'(z^l) Z^l + eps a^l
        D^L        = delta^L (max_o Z^L_bo + eps), and eps / m where a naive softmax subtracts from 1; with label
                     smoothing s this is that of the one-hot target, and s eps |[o = y] - 1 / n_L| / m comes to it; of a
                     loss of single outputs |l''| (Z^L + eps (1 + |z^L|)) + eps (1 + |y|), over n_L m, unless l'' = 0
        D^l_bi     = f' sum_o W_io (D^(l+1)_bo + eps delta^(l+1)_bo) + F sum_o W_io delta^(l+1)_bo
        dL/dW_io   is off by sum_b a_bi (D_bo + eps delta_bo) + A_bi delta_bo

    where F = |f''| Z + eps is the error of a slope that is computed at the size of 1. That of a ReLU is exact, F = 0.
    """
    network, m = point.network, len(point.targets)
    eps = float(np.finfo(point.weights.dtype).eps)
    trace = forward(network, point.weights, point.x)
    sums = pre_activations(point, trace)
    a = [_with_bias(np.abs(each).astype(float), network.bias) for each in trace.activations]
    slopes = [np.abs(each).astype(float) for each in trace.slopes]
    matrices = [np.abs(each).astype(float) for each in network.layout.views(point.weights)]
    z_error = [np.zeros_like(point.x, float)]
    a_error = [np.zeros_like(a[0])]
    with np.errstate(all="ignore"):
        for layer, matrix in enumerate(matrices):
            z_error.append((a_error[layer] + eps * a[layer]) @ matrix)
            if layer + 1 < len(matrices):
                inputs = network.layers[layer + 1]
                off = slopes[layer] * z_error[-1] + eps * a[layer + 1][:, :inputs]
                a_error.append(_with_bias(off, network.bias, 0.0))
        delta = np.abs(output_deltas(network, trace.logits, point.targets)).astype(float) / m
        off = _output_error(point, trace.logits, z_error[-1], delta)
        parts = []
        for layer in reversed(range(len(matrices))):
            own = off + eps * delta
            parts.append(a[layer].T @ own + a_error[layer].T @ delta)
            if layer > 0:
                matrix = matrices[layer][: network.layers[layer]].T
                f, slope = network.activations[layer - 1], slopes[layer - 1]
                exact = 0.0 if f.gates else eps * (slope if f.has_kink else 1.0)
                slope_error = _bend(f, sums[layer - 1]) * z_error[layer] + exact
                off = slope * (own @ matrix) + slope_error * (delta @ matrix)
                delta = slope * (delta @ matrix)
    return np.concatenate([part.ravel() for part in reversed(parts)])


def _output_error(point: NetworkPoint, z: Array, z_error: Array, delta: Array) -> Array:
    """Return how far round-off may take the deltas of the outputs, (b, o), which are divided by the batch size."""
    network, m = point.network, len(point.targets)
    eps = float(np.finfo(point.weights.dtype).eps)
    formula = network.objective.formula
    if formula is None:
        naive = eps / m if network.softmax == "naive" else 0.0
        smoothing = 0.0
        if network.label_smoothing:
            y = target_rows(point.targets, z.shape[-1], z_error.dtype)
            delta = np.abs(output_deltas(replace(network, label_smoothing=0.0), z, point.targets)).astype(float) / m
            smoothing = network.label_smoothing * eps / m * np.abs(y - 1 / z.shape[-1])
        off: Array = delta * (z_error.max(axis=1, keepdims=True) + eps) + naive + smoothing
        return off
    y, h = target_rows(point.targets, z.shape[-1], z.dtype), complex_step(z.dtype)
    bend = np.abs(formula(z + z.dtype.type(h) * 1j, y)[1].imag / h).astype(float)
    rounded = np.where(bend > 0, eps * (1 + np.abs(y)), 0.0)
    off = (bend * (z_error + eps * (1 + np.abs(z))) + rounded) / (z.shape[-1] * m) + eps * delta
    return off


def _bend(f: Activation, z: Array) -> Array:
    """Return |f''(z)|, by the complex step."""
    h = complex_step(z.dtype)
    return np.abs(f.value_and_slope(z + z.dtype.type(h) * 1j)[1].imag / h).astype(float)


def _with_bias(a: Array, bias: bool, value: float = 1.0) -> Array:
    return np.concatenate([a, np.full_like(a[:, :1], value)], axis=1) if bias else a


def _evidence(derivative: Derivative, bounds: Array, blindness: Array, round_off: Array, zero: Array) -> Evidence:
    values = derivative.values.astype(float)
    own = np.where(np.isfinite(values) & ~np.isnan(bounds), np.where(zero, 0.0, bounds), np.inf)
    blindness = np.where(round_off > own, Blindness.GRADIENT_NOISE, blindness)
    blindness = np.where(np.isfinite(values), blindness, Blindness.NOT_FINITE)
    return Evidence(values, own + np.where(np.isnan(round_off), np.inf, round_off), zero, blindness)


def _complex_bounds(point: NetworkPoint, derivative: Derivative) -> tuple[Array, Array]:
    numbers = np.finfo(point.weights.dtype)
    size = np.abs(derivative.values).astype(float)
    bounds = 64 * float(numbers.eps) * size + 4 * float(numbers.smallest_subnormal) / derivative.h
    return bounds, np.full(len(size), Blindness.ROUND_OFF)


def _difference_bounds(
    point: NetworkPoint, indices: Array, found: Mapping[str, Derivative]
) -> dict[str, tuple[Array, Array]]:
    """Return for each difference the bounds, (k,), and why they are large."""
    if not found:
        return {}
    h = found["forward"].h
    ahead, behind = taken(point, indices, h), -taken(point, indices, -h)
    # A step that rounding makes a quarter longer or shorter is at the end of what a weight can take.
    lost = ~((ahead >= 0.75 * h) & (ahead <= 1.25 * h) & (behind >= 0.75 * h) & (behind <= 1.25 * h))
    with np.errstate(all="ignore"):
        least = _least_noise(point)
        amount = np.maximum(
            np.maximum(least, _loss_noise(point, indices, h)), _rounded_sums(point)[_layers(point, indices)]
        )
        noise = amount / np.minimum(ahead, behind)
        sides = np.abs(found["forward"].values - found["backward"].values).astype(float)
        half = derivatives(point, indices, tuple(found), h / 2) if h > _SHORT else found
        bounds = {}
        for name, each in found.items():
            bend = np.fmax(sides, 2 * np.abs(each.values - half[name].values))
            bends = (bend > 4 * noise) | (amount > _ROUND_OFF * least)
            blindness = np.where(bends, Blindness.TRUNCATION, Blindness.ROUND_OFF)
            blindness = np.where(lost, Blindness.LOST, np.where(each.kinks, Blindness.KINK, blindness))
            bounds[name] = np.where(lost | each.kinks, np.inf, bend + noise), blindness
    return bounds


def _least_noise(point: NetworkPoint) -> float:
    """Return the round-off of the loss's last operations.

    A naive softmax rounds at the size of 1, and a loss of single outputs at that of an output and its target.
    """
    loss = float(point.losses().mean())
    if point.network.objective.formula is not None:
        z = forward(point.network, point.weights, point.x).logits
        y = target_rows(point.targets, z.shape[-1], z.dtype)
        slopes = np.abs(output_deltas(point.network, z, point.targets))
        terms = ((1 + np.abs(z) + np.abs(y)) * slopes).sum(axis=1)
        return float(np.finfo(point.weights.dtype).eps) * (loss + float(terms.mean()))
    return float(np.finfo(point.weights.dtype).eps) * (max(1.0, loss) if point.network.softmax == "naive" else loss)


def _layers(point: NetworkPoint, indices: Array) -> Array:
    """Return the layer of each weight, counted from 0."""
    ends = np.cumsum([rows * columns for rows, columns in point.network.layout.shapes])
    return np.searchsorted(ends, indices, side="right")


def _rounded_sums(point: NetworkPoint) -> Array:
    """Return by how much the loss changes if all sums from a layer on are rounded once more, shape (layers,).

    A short step may be lost in the sum of a unit, or come out twice as long. All weights that are probed may then
    answer alike, so that their scatter does not show it.
    """
    network, m = point.network, len(point.targets)
    trace = forward(network, point.weights, point.x)
    sums, matrices = pre_activations(point, trace), network.layout.views(point.weights)
    delta = output_deltas(network, trace.logits, point.targets)
    squares = np.zeros(len(matrices))
    for layer in reversed(range(len(matrices))):
        squares[layer] = float(np.square(np.abs(delta * sums[layer]).astype(float)).sum()) / m**2
        if layer > 0:
            delta = (delta @ matrices[layer][: network.layers[layer]].T) * trace.slopes[layer - 1]
    eps = float(np.finfo(point.weights.dtype).eps)
    rounded: Array = 2 * eps * np.sqrt(np.cumsum(squares[::-1])[::-1])
    return rounded


def _loss_noise(point: NetworkPoint, indices: Array, h: float) -> Array:
    """Return how rough the loss is when a weight is moved, the same for all of a layer, (k,)."""
    noise = np.zeros(len(indices))
    layer_of = _layers(point, indices)
    for layer in np.unique(layer_of):
        members = np.flatnonzero(layer_of == layer)
        noise[members] = _scatter(point, indices[members], h)
    return noise


def _scatter(point: NetworkPoint, indices: Array, h: float) -> float:
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


def _zero(point: NetworkPoint, indices: Array, analytic: Array, found: Mapping[str, Derivative]) -> dict[str, Array]:
    """Tell for each method on which weights it sees that the loss does not depend, (k,) booleans.

    The loss must stay the same, bit for bit: along the imaginary axis, where nothing is hidden by round-off, and for a
    difference also to both sides.
    """
    still = analytic == 0
    if "complex" in found:
        still &= found["complex"].values == 0
    else:
        there = np.flatnonzero(still & (found["forward"].values == 0) & (found["backward"].values == 0))
        still = np.zeros(len(indices), bool)
        still[there] = derivatives(point, indices[there], ("complex",))["complex"].values == 0
    sides = [found[name].values == 0 for name in ("forward", "backward") if name in found]
    return {name: still if name == "complex" else still & np.all(sides, axis=0) for name in found}
