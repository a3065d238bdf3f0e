"""Why a run failed, found from the weights at which it stopped."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.data import Split, rows_at_once
from ravine.engines import Evaluation
from ravine.formulas.not_finite import fault_of_numbers
from ravine.formulas.optimizer import Optimizer
from ravine.networks import Network, forward
from ravine.storage.record import DeadNetwork, NonFinite

_EQUAL = 1e-12


def non_finite(network: Network, weights: Array, split: Split, batch: Array, epoch: int, step: int) -> NonFinite:
    """Find the first layer with a number that is not finite, in the forward pass of the batch that failed."""
    finite, top = _finite_outputs(network, weights, split, batch)
    at = f"at step {step} (epoch {epoch})"
    for layer, (matrix, fits) in enumerate(zip(network.layout.views(weights), finite, strict=True), start=1):
        size = _size(network, layer)
        if not np.isfinite(matrix).all():
            message = f"The loss is not finite {at}: weights of {size} {_what_happened(matrix)}."
            return NonFinite(epoch=epoch, step=step, layer=layer, where="weights", message=message)
        if not fits:
            message = f"The loss is not finite {at}: {size} overflowed, from weights that are still finite."
            return NonFinite(epoch=epoch, step=step, layer=layer, where="outputs", message=message)
    if network.objective.formula is None:
        message = f"The loss is not finite {at}: the {network.softmax} softmax overflowed on logits up to {top:.4g}."
        return NonFinite(epoch=epoch, step=step, layer=len(finite) + 1, where="softmax", message=message)
    message = f"The loss is not finite {at}: the loss {network.objective.name} overflowed on outputs up to {top:.4g}."
    return NonFinite(epoch=epoch, step=step, layer=len(finite) + 1, where="loss", message=message)


def _finite_outputs(network: Network, weights: Array, split: Split, batch: Array) -> tuple[list[bool], float]:
    """Tell for each layer whether all its outputs on a batch are finite, and return the largest logit, in size."""
    finite, top = [True] * (len(network.layers) - 1), 0.0
    chunk = rows_at_once(network.layers[0], len(batch))
    for low in range(0, len(batch), chunk):
        trace = forward(network, weights, split.inputs(batch[low : low + chunk], weights.dtype))
        outputs = [*trace.activations[1:], trace.logits]
        finite = [before and bool(np.isfinite(z).all()) for before, z in zip(finite, outputs, strict=True)]
        top = max(top, float(np.abs(trace.logits).max()))
    return finite, top


def non_finite_weights(network: Network, weights: Array, epoch: int, step: int) -> NonFinite | None:
    """Find the first layer whose weights are not finite after the last step of an epoch; None if all are."""
    for layer, matrix in enumerate(network.layout.views(weights), start=1):
        if not np.isfinite(matrix).all():
            message = f"Weights of {_size(network, layer)} {_what_happened(matrix)} at step {step} (epoch {epoch})."
            return NonFinite(epoch=epoch, step=step, layer=layer, where="weights", message=message)
    return None


def with_number(cause: NonFinite, optimizer: Optimizer, t: int, hyper: Mapping[str, float]) -> NonFinite:
    """Return the cause; its message names a number in the rule that makes step t not finite, if there is one.

    Such a number does not depend on the gradient, as 1 / (t - 1) at t = 1. The message also says what to write instead.
    """
    formula = optimizer.formula
    found = fault_of_numbers(formula, t, hyper) if formula is not None and t > 0 else None
    if found is None or cause.where == "softmax":
        return cause
    return msgspec.structs.replace(cause, message=" ".join([cause.message, *found]))


def _size(network: Network, layer: int) -> str:
    return f"layer {layer} ({network.layers[layer - 1]} to {network.layers[layer]})"


def _what_happened(matrix: Array) -> str:
    return "overflowed" if np.isinf(matrix).any() else "became nan"


def dead_layer(network: Network, evaluation: Evaluation) -> int | None:
    """Return the first hidden layer, counted from 1, with no live unit; None if there is none.

    Only an activation that gates, as ReLU does, can switch a unit off for good.
    """
    layers = enumerate(zip(network.activations, evaluation.live_units, strict=True), start=1)
    return next((layer for layer, (f, live) in layers if f.gates and live == 0), None)


def dead_network(
    network: Network, weights: Array, split: Split, layer: int, evaluation: Evaluation, epoch: int, what: str = "image"
) -> DeadNetwork:
    """Describe a network that died in `layer`: its logits are the same for every sample, so one tells.

    `what` is the word for a sample.
    """
    logits = forward(network, weights, split.inputs(slice(1), weights.dtype)).logits[0]
    equal = bool(np.ptp(logits) <= _EQUAL * max(1.0, float(np.abs(logits).max())))
    if network.objective.formula is not None:
        rest = f"The outputs are the same for every {what}"
    elif equal:
        rest = f"All logits are equal, and the loss of each {what} is ln {len(logits)} = {math.log(len(logits)):.4f}"
    else:
        rest = "Only biases still act"
    message = (
        f"Hidden layer {layer} of {len(network.layers) - 2} has no live unit on any {what} since epoch {epoch}: no "
        f"gradient passes it. {rest}."
    )
    return DeadNetwork(
        epoch=epoch,
        layer=layer,
        loss=evaluation.loss if math.isfinite(evaluation.loss) else None,
        logits_equal=equal,
        message=message,
    )
