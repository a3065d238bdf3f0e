"""The id of a run: the hash of all that decides its result."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from ravine.data import DATASETS
from ravine.formulas.activation import Activation
from ravine.formulas.identity import function_text, value_text
from ravine.formulas.loss import Loss
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.schedule import Schedule
from ravine.formulas.shelves import ACTIVATIONS, LOSSES, SCHEDULES
from ravine.spec.run_spec import RunSpec


def text_of(schedule: Schedule) -> str | None:
    """Return the text of a schedule that is not ravine's own, and whether it climbs to the rate by itself."""
    if schedule in SCHEDULES.values():
        return None
    return function_text(schedule.function) + ("\nwarms_up" if schedule.warms_up else "")


def texts_of(activations: Iterable[Activation]) -> list[str]:
    """Return the texts of the activations that are not ravine's own."""
    own = ACTIVATIONS.values()
    return [f"{f.name}:\n{f.formula.text}\nkinks {list(f.kinks)}" for f in activations if f not in own]


def activation_text(activations: Iterable[Activation]) -> str | None:
    """Return the texts of the activations that are not ravine's own, as they are stored; None if all are."""
    return "\n\n".join(texts_of(activations)) or None


def loss_text(loss: Loss) -> str | None:
    """Return the text of a loss that is not ravine's own, and which targets it takes."""
    if loss in LOSSES.values() or loss.formula is None:
        return None
    predicted = ""
    if loss.prediction is not None:
        predicted = f"\n{value_text(loss.prediction, f'the prediction of loss {loss.name}', loss.function)}"
    return f"{loss.formula.text}\ntargets {loss.targets}\nkinks {list(loss.kinks)}{predicted}"


def identity(
    spec: RunSpec, optimizer: Optimizer, schedule: Schedule, activations: Iterable[Activation], loss: Loss
) -> str:
    """Return sixteen hexadecimal digits: a hash of all that decides the result of a resolved run.

    The hash has the settings that differ from the defaults, the text of the optimizer, the texts of a schedule, of
    activations and of a loss that are not ravine's own, and the checksums of the data, or their digest if they were
    given. Since settings at their defaults are left out, a new setting leaves the ids of old runs as they are, and a
    default must never change. The folder of a user's file does not count.
    """
    defaults = msgspec.to_builtins(RunSpec())
    settings = {name: value for name, value in msgspec.to_builtins(spec).items() if value != defaults[name]}
    # A whole number is written as 2, a flag as true, and any other number as 2.0: the kind of a hyper-parameter decides
    # the type in which a function gets it.
    settings |= {
        "optimizer": spec.optimizer_name,
        "stages": spec.stage_names,
        "hyperparameters": spec.hyperparameters,
        "schedule": spec.schedule_name,
        "schedule_settings": spec.schedule_settings,
        **({"activation": spec.activation_name} if spec.activation != RunSpec().activation else {}),
        **({"loss": spec.loss_name} if spec.loss != RunSpec().loss else {}),
    }
    decisive = {
        "settings": settings,
        "schedule": text_of(schedule),
        "optimizer": optimizer.texts(),
        **({"loss": own} if (own := loss_text(loss)) else {}),
        **({"activations": texts} if (texts := texts_of(activations)) else {}),
        "data": sorted(DATASETS[spec.dataset].sha256.values()) if spec.data is None else [spec.data],
    }
    return hashlib.sha256(msgspec.json.encode(decisive, order="sorted")).hexdigest()[:16]
