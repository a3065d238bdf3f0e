"""Is the analytic gradient of a network right, how right, and what can each numerical method see of it?"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.gradients.answers import WRONG, Evidence, GradientVerdict, answer_all, cannot_tell
from ravine.gradients.errors import Errors, histogram, measure, relative_errors
from ravine.gradients.methods import METHODS
from ravine.gradients.networks.derivatives import DEFAULT_STEP, Derivative, derivatives
from ravine.gradients.networks.evidence import network_evidence
from ravine.gradients.networks.perturb import NetworkPoint
from ravine.networks import gradient

WORST = 5
"""The number of the worst weights that a check names."""


class Weight(msgspec.Struct, frozen=True):
    """One weight's two derivatives, and by how much they may differ without an error.

    Layer, row (input unit) and column (output unit) are counted from 0.
    """

    layer: int
    row: int
    column: int
    analytic: float
    numerical: float
    bound: float
    relative_error: float


class Layer(msgspec.Struct, frozen=True):
    """Errors within one layer, counted from 0."""

    layer: int
    errors: Errors


class MethodAgreement(msgspec.Struct, frozen=True):
    """How far one method agrees with the gradient.

    `verdict` is the answer of this method alone. `worst` names the wrong weights whose difference is the largest
    multiple of its bound; if none is wrong, it names the weights with the largest relative error.
    """

    h: float
    errors: Errors
    verdict: GradientVerdict
    worst: list[Weight]
    layers: list[Layer]
    histogram: list[int]
    seconds: float


class Agreement(msgspec.Struct, frozen=True):
    """How far numerical gradients agree with the analytic one.

    `weights` of the network's `parameters` were compared, at a point of given `loss`. `verdict` is the answer of all
    methods together: each weight must be seen, and found right, by at least one.
    """

    parameters: int
    weights: int
    samples: int
    loss: float
    dtype: str
    methods: dict[str, MethodAgreement]
    verdict: GradientVerdict

    @property
    def passed(self) -> bool:
        """Whether the answer is "passes"."""
        return self.verdict.answer == "passes"


def compare_gradients(
    point: NetworkPoint,
    indices: Array | None = None,
    methods: tuple[str, ...] = METHODS,
    h: float = DEFAULT_STEP,
    analytic: Array | None = None,
    progress: Callable[[int], None] | None = None,
) -> Agreement:
    """Compare the analytic gradient of the mean loss with numerical ones, weight by weight.

    Args:
        point: the network, its weights and the batch.
        indices: which weights of the flat vector, (k,); all if None.
        methods: names from `METHODS`.
        h: the step of the three differences; see `DEFAULT_STEP`.
        analytic: the gradient to check, (n,); by default that of backpropagation.
        progress: told how many weights were moved since the last call.
    """
    if indices is None:
        indices = np.arange(len(point.weights))
    if analytic is None:
        _, analytic = gradient(point.network, point.weights, point.x, point.targets)
    loss = float(point.losses().mean())
    differences = [name for name in methods if name != "complex"]
    # Both one-sided differences are needed to know how far any difference is off.
    needed = dict.fromkeys([*methods, *(("forward", "backward") if differences else ())])
    found = derivatives(point, indices, tuple(needed), h, progress)
    a = analytic[indices].astype(float)
    evidence = {name: each for name, each in network_evidence(point, indices, a, found).items() if name in methods}
    # A loss that is not finite has no gradient, so that none is wrong.
    judgment = answer_all(a if np.isfinite(loss) else np.zeros_like(a), evidence, rtol(point))
    answers = {
        name: _method(point, indices, a, found[name], evidence[name], judgment.components[name], judgment.methods[name])
        for name in evidence
    }
    return Agreement(
        parameters=len(point.weights),
        weights=len(indices),
        samples=len(point.targets),
        loss=loss,
        dtype=str(point.weights.dtype),
        methods=answers,
        verdict=_whole(judgment.whole, point, indices, analytic, loss),
    )


def rtol(point: NetworkPoint) -> float:
    """Return the relative error that a right gradient may have beside what its round-off explains."""
    return min(1e4 * float(np.finfo(point.weights.dtype).eps), 1e-5)


def _whole(
    verdict: GradientVerdict, point: NetworkPoint, indices: Array, analytic: Array, loss: float
) -> GradientVerdict:
    """Return the verdict; "cannot tell" if the loss is not finite or all derivatives of a layer are zero."""
    if not np.isfinite(loss):
        mend = "Take other weights, another --sample, or --softmax shifted."
        return cannot_tell(verdict, f"the loss is {loss}", mend)
    if verdict.answer == "fails":
        return verdict
    for layer in np.unique(_layers(point, indices)):
        if not point.network.layout.views(analytic)[layer].any():
            return cannot_tell(
                verdict,
                f"every derivative of layer {layer} is zero, and a check of it notices no error",
                "Take weights at which the network is alive (--epochs 0, a smaller --lr), or another --sample.",
            )
    return verdict


def _layers(point: NetworkPoint, indices: Array) -> Array:
    ends = np.cumsum([rows * columns for rows, columns in point.network.layout.shapes])
    found: Array = np.searchsorted(ends, indices, side="right")
    return found


def _method(
    point: NetworkPoint,
    indices: Array,
    analytic: Array,
    found: Derivative,
    evidence: Evidence,
    judged: Array,
    verdict: GradientVerdict,
) -> MethodAgreement:
    numerical, kinks = found.values, found.kinks
    layout = point.network.layout
    relative = np.where(kinks, 0.0, np.nan_to_num(relative_errors(analytic, numerical)))
    wrong = judged == WRONG
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        excess = np.where(wrong, np.nan_to_num(np.abs(analytic - numerical) / evidence.bounds, nan=np.inf), -1.0)
    worst = np.argsort(-(excess if wrong.any() else relative), kind="stable")[: min(WORST, wrong.sum() or WORST)]
    layer_of = _layers(point, indices)
    return MethodAgreement(
        h=found.h,
        errors=measure(analytic, numerical, kinks),
        verdict=verdict,
        worst=[
            Weight(
                *layout.name(int(indices[k])),
                analytic=float(analytic[k]),
                numerical=float(numerical[k]),
                bound=float(evidence.bounds[k]),
                relative_error=float(relative[k]),
            )
            for k in worst
        ],
        layers=[
            Layer(layer, measure(analytic[part], numerical[part], kinks[part]))
            for layer in range(len(layout.shapes))
            if (part := layer_of == layer).any()
        ],
        histogram=histogram(analytic, numerical, kinks),
        seconds=found.seconds,
    )
