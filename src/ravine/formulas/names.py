"""The names of hyper-parameters: which may be given with an optimizer, and what else has a name that may not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ravine.errors import unknown
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.schedule import Schedule
from ravine.formulas.shelves import OPTIMIZERS, SCHEDULES, STAGES
from ravine.formulas.stage import Stage
from ravine.words import listed

_MOST = 3
"""How many optimizers are named."""


def stage_of(hyperparameter: str) -> Stage | None:
    """Return the stage of ravine's own that has a hyper-parameter, None if there is none.

    >>> stage_of("weight_decay").name
    'weight_decay'
    """
    return next((stage for stage in STAGES.values() if hyperparameter in stage.defaults), None)


def allowed_names(optimizer: Optimizer, stages: Sequence[Stage] = ()) -> set[str]:
    """Return the hyper-parameters that may be given with an optimizer: its own and those of stages."""
    return {*optimizer.defaults, *(name for stage in (*STAGES.values(), *stages) for name in stage.defaults)}


def no_hyperparameter(
    kind: str, name: str, optimizer: Optimizer, stages: Sequence[Stage] = (), others: Iterable[str] = ()
) -> str:
    """Word the message for a hyper-parameter that neither an optimizer nor a stage has.

    Other optimizers that have it are named, those with the fewest hyper-parameters first. If there are none, the
    nearest name is suggested, of the optimizer, of stages and of `others`.

    >>> from ravine.optimizers.sgd import sgd
    >>> no_hyperparameter("hyper-parameter of sgd", "temperature", sgd).partition(". ")[0]
    'sgd has no temperature; sgld has it: choose that optimizer, or leave temperature out'
    """
    known = allowed_names(optimizer, stages)
    of_stages = ", ".join(sorted(known.difference(optimizer.defaults)))
    takes = f"{optimizer.name} takes {', '.join(optimizer.defaults)}; stages take {of_stages}."
    owners = sorted((each for each in OPTIMIZERS.values() if name in each.defaults), key=lambda o: len(o.defaults))
    if not owners:
        return unknown(kind, name, known.union(others), takes)
    names = [owner.name for owner in owners[:_MOST]] + ["others"] * (len(owners) > _MOST)
    have, choose = ("has", "that optimizer") if len(names) == 1 else ("have", "one of these")
    return f"{optimizer.name} has no {name}; {listed(names)} {have} it: choose {choose}, or leave {name} out. {takes}"


def of_other_schedules(name: str, schedule: Schedule) -> str | None:
    """Word the message for a setting that other schedules of ravine have; None if there are none.

    >>> from ravine.schedules.constant import constant
    >>> of_other_schedules("decay_every", constant)
    'decay_every is a setting of the step schedule, and the constant schedule takes no settings: give --schedule step, \
in Python schedule="step".'
    """
    others = [other.name for other in SCHEDULES.values() if name in other.defaults]
    if not others:
        return None
    schedules = f"the {listed(others)} schedule{'s' if len(others) > 1 else ''}"
    choose = f'give --schedule {" or ".join(others)}, in Python schedule="{others[0]}"'
    return f"{name} is a setting of {schedules}, and {schedule.takes}: {choose}."
