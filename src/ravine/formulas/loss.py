"""Losses: how far the outputs of a network are from the targets.

A loss of single outputs is a formula of an output z and its target y, with its derivative with respect to z, written
once. The loss of a sample is the mean over its outputs, and that of a batch the mean over its samples. Cross-entropy is
the one loss of a whole vector of outputs; it has code of its own (`ravine.losses.cross_entropy`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, told
from ravine.formulas.faulty import declaring
from ravine.formulas.intervals import ends, inside, is_interval
from ravine.formulas.layers import read_only
from ravine.formulas.pointwise import Pointwise, check_derivative, is_own, pointwise
from ravine.inputs import convert, plain

FLAGS = "{0, 1}"
"""The targets of a loss that takes nothing but 0 and 1."""

_OUTPUTS = np.concatenate([side * np.geomspace(1e-6, 20, 40) for side in (-1, 1)])
"""The outputs at which the derivative of a loss is checked."""


@dataclass(frozen=True, eq=False, repr=False)
class Loss:
    """A loss.

    Attributes:
        name: what the command line calls it.
        formula: the loss of one output z with target y, and its derivative with respect to z; None for cross-entropy.
        function: what was declared.
        targets: the targets that it takes: an interval such as "[0, inf)", or "{0, 1}".
        kinks: where the derivative jumps, as values of z - y, ascending.
        prediction: from outputs to predicted targets; None if the outputs are the predictions.
    """

    name: str
    formula: Pointwise | None
    function: Callable[..., Any]
    targets: str
    kinks: tuple[float, ...] = ()
    prediction: Callable[[Any], Any] | None = None

    def __repr__(self) -> str:
        return f"Loss({self.name})"

    @property
    def decides(self) -> bool:
        """Whether targets are flags or shares, so that its score is how often the prediction is on the right side."""
        return self.targets in (FLAGS, "[0, 1]")

    def allows(self, y: Array) -> Array:
        """Tell for each target whether the loss takes it."""
        if self.targets == FLAGS:
            return np.asarray((y == 0) | (y == 1))
        low, high = ends(self.targets)
        above = y >= low if self.targets[0] == "[" else y > low
        below = y <= high if self.targets[-1] == "]" else y < high
        return np.asarray(above & below & np.isfinite(y))

    def predicted(self, z: Array) -> Array:
        """Return the predicted targets of outputs, in their shape and dtype.

        Raises:
            ConfigError: the user's prediction fails, or does not return a number for each output.
        """
        if self.prediction is None:
            return z
        try:
            with np.errstate(all="ignore"):
                found = np.asarray(self.prediction(*read_only([z]))).astype(z.dtype, casting="same_kind")
        except Exception as error:
            raise ConfigError(f"the prediction of loss {self.name} fails with {told(error)}") from error
        if found.shape != z.shape:
            raise ConfigError(
                f"the prediction of loss {self.name} returns shape {found.shape} for outputs of shape {z.shape}: "
                "return a number for each output."
            )
        return found

    def of_outputs(self, z: Array, y: Array) -> tuple[Array, Array]:
        """Return each sample's loss, (b,), and its derivatives with respect to the outputs, (b, o).

        z are the outputs, (b, o), of any float or complex dtype, and y the targets, (b, o).
        """
        assert self.formula is not None
        value, derivative = self.formula(z, y)
        with np.errstate(all="ignore"):
            loss: Array = value.sum(axis=-1) / z.real.dtype.type(z.shape[-1])
            return loss, derivative / z.real.dtype.type(z.shape[-1])

    def side(self, z: Array, y: Array) -> Array:
        """Return how many kinks lie below z - y, in the shape of z; of complex numbers the real part counts."""
        return np.searchsorted(self.kinks, np.real(z) - y, side="left")


@overload
def loss(function: Callable[..., Any], /) -> Loss: ...


@overload
def loss(
    *,
    name: str | None = None,
    targets: str = "(-inf, inf)",
    kinks: Sequence[float] = (),
    prediction: Callable[[Any], Any] | None = None,
) -> Callable[[Callable[..., Any]], Loss]: ...


def loss(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    targets: str = "(-inf, inf)",
    kinks: Sequence[float] = (),
    prediction: Callable[[Any], Any] | None = None,
) -> Loss | Callable[[Callable[..., Any]], Loss]:
    """Make a `Loss` of a function, as a decorator with or without arguments.

    The function takes `z`, an output of the network, and `y`, its target, and returns the loss and its derivative with
    respect to z. It is written as a rule is: names, arithmetic, `np.where`, functions of NumPy and `math.erf`. Both
    engines compute this text. If the data have classes, there is an output for each, whose target is 1 for the class of
    the sample and 0 for the others; the prediction is the class of the largest output.

    Args:
        name: what the command line calls it; the function's name if None.
        targets: the targets that it takes, as an interval, or "{0, 1}".
        kinks: where the derivative jumps, as values of z - y: there a finite difference has no derivative to find.
        prediction: a function from outputs to predicted targets, such as np.exp; None if they are the outputs.

    Raises:
        ConfigError: the function is not written so, or its derivative is wrong; the message names a point.

    >>> @loss
    ... def quartic(z, y):
    ...     d = z - y
    ...     return d**4, 4 * d**3
    >>> value, derivative = quartic.of_outputs(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]]))
    >>> value.tolist(), derivative.tolist()
    ([8.0], [[16.0, 0.0]])
    """

    @declaring("loss")
    def declare(function: Callable[..., Any]) -> Loss:
        label, formula = pointwise("loss", function, ("z", "y"), name)
        if targets != FLAGS and not is_interval(targets):
            raise ConfigError(f'the targets of loss {label} are {targets!r}; write them as "[0, inf)" or as "{FLAGS}".')
        places = tuple(sorted(convert(plain(kinks), list[float], f"kinks of loss {label}")))
        if not np.isfinite(places).all():
            raise ConfigError(f"kinks of loss {label} are {list(kinks)}; give finite numbers.")
        if prediction is not None and not callable(prediction):
            raise ConfigError(
                f"the prediction of loss {label} is {prediction!r}; give a function of outputs, such as np.exp."
            )
        made = Loss(label, formula, function, targets, places, prediction)
        some = np.array([-2.0, 0.0, 0.3, 1.0, 7.0])
        allowed = some[made.allows(some)]
        z, y = (grid.ravel() for grid in np.meshgrid(_OUTPUTS, allowed if allowed.size else [inside(targets)]))
        if not is_own(function):
            check_derivative(formula, {"z": z, "y": y}, places)
        made.predicted(np.zeros((3, 2)))
        return made

    return declare if function is None else declare(function)
