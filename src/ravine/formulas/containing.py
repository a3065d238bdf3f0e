"""Which other optimizers an optimizer contains: at some of its hyper-parameters it is one of them.

A comparison can rely on it: at its best, an optimizer that contains another one cannot be the worse of the two. If it
is found to be worse, the search was too short or left out the setting at which they are the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from ravine.errors import ConfigError, unknown
from ravine.formulas.faulty import raise_fault
from ravine.formulas.files import names_file
from ravine.formulas.kinds import shown
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
    try:
        inner = _found(optimizer, name)
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


def _found(optimizer: Optimizer, name: str) -> Optimizer:
    """Return the optimizer of a name, those of the module of another optimizer before all others."""
    module = getattr(optimizer.function, "__globals__", {})
    raise_fault(module.get(name))
    beside = {each.name: each for each in module.values() if isinstance(each, Optimizer)}
    if name in beside:
        return beside[name]
    known = {*beside, *OPTIMIZERS, *OPTIMIZERS.installed()}
    if names_file(name) or name in known:
        return OPTIMIZERS.find(name)
    raise ConfigError(unknown("optimizer", name, known))


def containing(optimizer: Optimizer) -> str:
    """Return a sentence that tells which optimizers an optimizer contains; "" if none is declared.

    >>> from ravine.optimizers.radam import radam
    >>> containing(radam)
    'At beta1 0 and beta2 0 it is sgd.'
    """
    parts = []
    for name, fixed in optimizer.contains.items():
        values = [f"{key} {shown(value)}" for key, value in optimizer.typed(fixed).items()]
        parts.append(f"at {listed(values or ['any setting'])} it is {name}")
    told = "; ".join(parts)
    return f"{told[0].upper()}{told[1:]}." if parts else ""


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
