"""The space in which an optimizer's hyper-parameters are searched: what it declares, completed by kind.

Optimizers are compared fairly if the prior of each has the same width for the same kind of hyper-parameter: one whose
range is twice as narrow finds its best setting in half as many trials. So a learning rate has five decades around its
default, a momentum and a weight decay the same range everywhere, and all others stay at their defaults.
"""

from __future__ import annotations

import math

from ravine.errors import ConfigError
from ravine.formulas.intervals import ends
from ravine.formulas.optimizer import Optimizer
from ravine.search import Axis, End, log, one_minus_log

_DECADES = 5
"""The width of a learning rate's axis."""

_MOMENTA = ("alpha", "beta", "beta1", "momentum", "mu")
"""The names of momenta, if their bounds are [0, 1)."""


def space_of(optimizer: Optimizer) -> dict[str, Axis]:
    """Return the axis of each hyper-parameter that is searched, in declared order; all others keep their defaults.

    What the optimizer declares in `search` goes before the rule for the kind of the hyper-parameter:

    - lr: log-uniform over five decades, with its default in the middle;
    - a momentum, which is one named alpha, beta, beta1, momentum or mu with the bounds [0, 1): 1 - x is log-uniform
      from 0.001 to 0.5;
    - weight_decay: log-uniform from 0.00001 to 0.1.

    An axis by kind ends where the bounds of the hyper-parameter do.

    Raises:
        ConfigError: there is neither an axis of lr nor a default above 0, around which to search.

    >>> from ravine.optimizers.adamw import adamw
    >>> for name, axis in space_of(adamw).items():
    ...     print(f"{name}: {axis}")
    lr: log 3.16228e-06 to 0.316228
    beta1: log in 1 - x, 0.5 to 0.999
    weight_decay: log 1e-05 to 0.1
    """
    axes = {
        name: optimizer.search[name] if name in optimizer.search else _by_kind(optimizer, name)
        for name in optimizer.defaults
    }
    return {name: axis for name, axis in axes.items() if axis is not None}


def bound_of(optimizer: Optimizer, name: str, end: End) -> float:
    """Return the lowest or the highest number that a hyper-parameter may have; `Axis.extended` stops there.

    >>> from ravine.optimizers.momentum import momentum
    >>> bound_of(momentum, "alpha", "low"), bound_of(momentum, "alpha", "high") < 1
    (0.0, True)
    """
    return _closed(optimizer.bounds.get(name, "(-inf, inf)"))[end == "high"]


def _by_kind(optimizer: Optimizer, name: str) -> Axis | None:
    """Return the axis that a hyper-parameter has if none is declared; None if it stays at its default."""
    interval = optimizer.bounds.get(name, "(-inf, inf)")
    least, most = _closed(interval)
    if name == "lr":
        rate = optimizer.defaults[name]
        if rate is None or not rate > 0:
            told = "no default" if rate is None else f"the default {rate:g}"
            raise ConfigError(
                f"lr of {optimizer.title} has {told}, around which there is nothing to search: declare its axis, as in "
                'search={"lr": ravine.search.log(0.001, 1)}.'
            )
        factor = 10 ** (_DECADES / 2)
        return log(max(rate / factor, least), min(rate * factor, most))
    if optimizer.kinds[name] != "number":
        return None
    if name in _MOMENTA and ends(interval) == (0, 1) and (interval[0], interval[-1]) == ("[", ")"):
        return one_minus_log(0.001, 0.5)
    if name == "weight_decay":
        low, high = max(1e-5, least), min(1e-1, most)
        return log(low, high) if low < high else None
    return None


def _closed(interval: str) -> tuple[float, float]:
    """Return the smallest and the largest float that an interval holds."""
    low, high = ends(interval)
    return (
        low if interval[0] == "[" else math.nextafter(low, math.inf),
        high if interval[-1] == "]" else math.nextafter(high, -math.inf),
    )
