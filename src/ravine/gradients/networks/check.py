"""The check of a network's gradient: every method, the V-curve, and many digits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.data import Split
from ravine.errors import ConfigError
from ravine.gradients.answers import Answer
from ravine.gradients.methods import METHODS
from ravine.gradients.networks.agreement import Agreement, compare_gradients
from ravine.gradients.networks.derivatives import DEFAULT_STEP
from ravine.gradients.networks.digits import ManyDigits, many_digits
from ravine.gradients.networks.perturb import NetworkPoint
from ravine.gradients.networks.vcurve import VCurve, v_curve
from ravine.gradients.views import VERDICT_HEAD, verdict_row
from ravine.html import heading, picture, table
from ravine.networks import Network, are_classes, gradient

CURVE_WEIGHTS = 1000
DIGITS_WEIGHTS = 200

Progress = Callable[[str, int], None]
"""A function that gets the name of the present part, and the number of weights moved since its last call."""


class NetworkCheck(msgspec.Struct, frozen=True):
    """The result of the check of a network's gradient.

    Attributes:
        agreement: each method against the analytic gradient.
        curve: error against step for the three differences, over a seeded subset of the weights.
        digits: the central difference in many digits, None if it was not asked for.
    """

    agreement: Agreement
    curve: VCurve
    digits: ManyDigits | None

    @property
    def answer(self) -> Answer:
        """The answer of all methods together: "passes", "fails" or "cannot tell"."""
        return self.agreement.verdict.answer

    @property
    def passed(self) -> bool:
        """Whether the answer is "passes"."""
        return self.agreement.passed

    def __str__(self) -> str:
        verdict = self.agreement.verdict
        checked = f"{self.agreement.weights:,} of {self.agreement.parameters:,} weights"
        why = f": {verdict.cause}. {verdict.mend}" if verdict.cause else ""
        return f"{verdict.answer}, {checked}{why}"

    def __repr__(self) -> str:
        return f"NetworkCheck({self})"

    def _repr_html_(self) -> str:
        from ravine.gradients.networks.figures import v_curves
        from ravine.pictures import png

        methods = self.agreement.methods
        rows = [verdict_row(name, method.verdict, method.errors) for name, method in methods.items()]
        words = "Error of each difference against the length of its step"
        curve = picture(png(v_curves(self.curve)), words)
        return heading("Gradient check of a network", str(self)) + table(VERDICT_HEAD, rows) + curve


def check_network(
    network: Network,
    flat: Array,
    data: Split,
    *,
    samples: Sequence[int] = (0,),
    weights: int | None = None,
    methods: Sequence[str] = METHODS,
    h: float = DEFAULT_STEP,
    digits: int | None = 60,
    dtype: str = "float64",
    seed: int = 0,
    progress: Progress | None = None,
) -> NetworkCheck:
    """Check the gradient of the mean loss over some samples of the data at the flat weights, shape (n,).

    Args:
        network, flat, data: the network, its weights, and the data that have the samples.
        samples: the numbers of the samples.
        weights: how many weights to check, drawn by the seed, or None for all. Weights of an input that is 0 in all
            samples cannot change the loss: they are not drawn, and None checks them too.
        methods, h: see `ravine.gradients.METHODS`.
        digits: digits of the check with many digits, over weights drawn by the seed, or None.
        dtype: the dtype in which gradients and differences are computed.
        seed: the seed that draws the subsets.
        progress: see `Progress`.

    Raises:
        ConfigError: a sample is outside the data.
    """
    require_samples(samples, data)
    chosen = list(samples)
    targets = data.targets[chosen]
    targets = targets.astype(int) if are_classes(targets) else targets
    point = NetworkPoint(network, flat.astype(dtype), data.inputs(chosen, dtype), targets)
    indices = np.arange(len(flat)) if weights is None else _subset(_connected(point), weights, seed)
    # A zero gradient says nothing of a method; where the dead pixels are, every method gives zero.
    live = np.flatnonzero(gradient(network, point.weights, point.x, point.targets)[1])
    return NetworkCheck(
        agreement=compare_gradients(point, indices, tuple(methods), h, progress=_told(progress, "differences")),
        curve=v_curve(point, _subset(live, CURVE_WEIGHTS, seed), _told(progress, "V-curve")),
        digits=None
        if digits is None
        else many_digits(point, _subset(live, DIGITS_WEIGHTS, seed), digits, _told(progress, f"{digits} digits")),
    )


def require_samples(samples: Sequence[int], data: Split) -> None:
    """Refuse samples that the data do not have."""
    if not samples:
        raise ConfigError("no sample is given; name at least one, as 0.")
    for sample in samples:
        if not 0 <= sample < len(data.targets):
            raise ConfigError(f"sample {sample} is outside the data; numbers go from 0 to {len(data.targets) - 1}.")


def _connected(point: NetworkPoint) -> Array:
    """Return the weights whose input is not 0 in all samples, sorted."""
    rows, columns = point.network.layout.shapes[0]
    first = np.flatnonzero(np.repeat(point.connected_rows(), columns))
    return np.concatenate([first, np.arange(rows * columns, point.network.layout.size)])


def _subset(indices: Array, count: int | None, seed: int) -> Array:
    """Return `count` of the indices, drawn by the seed and sorted; all if None or too few."""
    if count is None or count >= len(indices):
        return indices
    return np.sort(np.random.default_rng(seed).choice(indices, count, replace=False))


def _told(progress: Progress | None, what: str) -> Callable[[int], None] | None:
    return None if progress is None else lambda moved: progress(what, moved)
