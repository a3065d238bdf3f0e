"""Which other optimizers an optimizer contains: at some of its hyper-parameters it is one of them.

A fair comparison can rely on it: an optimizer that contains another one cannot be worse than this one at its best, if
both are searched well.
"""

from __future__ import annotations

from collections.abc import Mapping

from ravine.errors import ConfigError
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.words import listed


def contained(optimizer: Optimizer, name: str) -> Optimizer:
    """Return an optimizer that another one contains: one of the same module, or what `OPTIMIZERS.find` finds.

    >>> from ravine.optimizers.momentum import momentum
    >>> contained(momentum, "sgd").name
    'sgd'

    Raises:
        ConfigError: there is none of this name, or it has hyper-parameters of which `contains` does not tell the value.
    """
    beside = getattr(optimizer.function, "__globals__", {}).values()
    found = next((each for each in beside if isinstance(each, Optimizer) and each.name == name), None)
    try:
        inner = found or OPTIMIZERS.find(name)
    except ConfigError as error:
        raise ConfigError(f"{optimizer.title} is said to contain {name}: {error}") from None
    fixed = optimizer.contains[name]
    strange = [key for key in inner.defaults if key not in optimizer.defaults]
    if strange:
        raise ConfigError(
            f"{optimizer.title} is said to contain {name}, but has no {listed(strange)}, which {name} takes: leave "
            f"{name} out of contains."
        )
    both = [key for key in fixed if key in inner.defaults]
    if both:
        raise ConfigError(
            f"{optimizer.title} is said to be {name} at one value of {listed(both)}, which {name} takes itself: it is "
            f"then one setting of {name}, so leave {name} out of contains."
        )
    return inner


def setting_of(optimizer: Optimizer, name: str, hyper: Mapping[str, float]) -> dict[str, float]:
    """Return the hyper-parameters at which an optimizer is the one that it contains at `hyper`.

    >>> from ravine.optimizers.momentum import momentum
    >>> setting_of(momentum, "sgd", {"lr": 0.3})
    {'lr': 0.3, 'alpha': 0.0}

    Raises:
        ConfigError: as `contained`, or a hyper-parameter may not have its value.
    """
    contained(optimizer, name)
    return optimizer.hyperparameters({**hyper, **optimizer.contains[name]})
