"""The loss of one sample, and the deltas of the outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types

from ravine.engines.fused.frame import Count, Flag, Frame, Offset, Real, Reals
from ravine.engines.fused.kernel.compiled import plain, u
from ravine.engines.fused.pointers import REALS, like, number_of, pointed


def _real(real: Any) -> Any:
    return real


@pointed(_real, REALS, types.uint64, REALS, types.uint64, REALS, types.uint64, _real)
def loss_of_outputs(address: Offset, z: Reals, n: Offset, y: Reals, y0: Offset, d: Reals, d0: Offset, m: Real) -> Real:
    """Write the derivatives by the n outputs z, over n m, to d[d0:], and return the loss for the targets y[y0:].

    `address` is that of a compiled loss, which `ravine.engines.fused.pointwise` writes.
    """


@plain
def sample_loss(frame: Frame, sample: Count, d0: Offset, m: Real) -> Real:
    """Return the loss of the sample whose outputs are in `Work.sums`, and write its deltas to `Work.deltas`."""
    n, z, d, y = frame.plan.sizes[frame.plan.layers], frame.work.sums, frame.work.deltas, frame.work.target
    label, address, smoothing = u(frame.data.labels[sample]), frame.options.loss, frame.options.smoothing
    if address == u(0):
        loss = cross_entropy(z, n, label, frame.options.naive, d, d0, m)
        return loss if smoothing == u(0) else loss + smoothed(z, n, label, like(z, number_of(smoothing)), d, d0, m)
    if not frame.data.labelled:
        return loss_of_outputs(address, z, n, frame.data.targets, u(sample) * n, d, d0, m)
    for j in range(n):
        y[j] = like(y, 0)
    if n > u(1):
        y[label] = like(y, 1)
    else:
        y[0] = like(y, label)
    return loss_of_outputs(address, z, n, y, u(0), d, d0, m)


@plain
def weighted_loss(frame: Frame, sample: Count, loss: Real, d0: Offset) -> Real:
    """Multiply the loss of a sample and its deltas by its weight; a weight of 0 makes 0 even of NaN."""
    d, weight, n = frame.work.deltas, frame.data.weights[u(sample)], frame.plan.sizes[frame.plan.layers]
    zero = like(d, 0)
    for j in range(n):
        d[d0 + j] = weight * d[d0 + j] if weight != zero else zero
    return weight * loss if weight != zero else zero


@plain
def is_hit(frame: Frame, sample: Count) -> Flag:
    """Tell whether the class of a sample is that of its largest output."""
    n, z, label = frame.plan.sizes[frame.plan.layers], frame.work.sums, u(frame.data.labels[sample])
    best = u(0)
    for j in range(n):
        if z[j] > z[best]:
            best = j
    return best == label


@plain
def cross_entropy(z: Reals, n: Offset, label: Offset, naive: Flag, d: Reals, d0: Offset, m: Real) -> Real:
    """Write delta = (softmax(z) - one-hot) / m to d[d0:] and return the sample's loss.

    As in `ravine.losses.cross_entropy`, no probability near 1 is subtracted from 1: one sum leaves out the largest
    logit, for the loss, and another one leaves out the label, for the label's delta.
    """
    zero = like(z, 0)
    top = u(0)
    for j in range(n):
        if z[j] > z[top] or z[j] != z[j]:
            top = j
    shift = zero if naive else z[top]
    rest = others = zero
    for j in range(n):
        e = np.exp(z[j] - shift)
        d[d0 + j] = e
        rest += e if j != top else zero
        others += e if j != label else zero
    whole = d[d0 + top] + rest
    loss = -np.log(d[d0 + label] / whole) if naive else np.log1p(rest) - (z[label] - shift)
    for j in range(n):
        d[d0 + j] = d[d0 + j] / whole / m
    d[d0 + label] = -(others / whole) / m
    return loss


@plain
def smoothed(z: Reals, n: Offset, label: Offset, s: Real, d: Reals, d0: Offset, m: Real) -> Real:
    """Change the deltas d[d0:] of `cross_entropy` to those of a target with smoothing s, and return what its loss adds.

    The loss is linear in the target. That of (1 - s) one-hot + s / n is larger by s (z_y - mean z), for the label y.
    """
    share, more = s / like(z, n), like(z, 0)
    for j in range(n):
        more += share * (z[label] - z[j])
        d[d0 + j] -= share / m
    d[d0 + label] += s / m
    return more
