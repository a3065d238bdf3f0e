"""The names of settings: no hyper-parameter may have one of them."""

from __future__ import annotations

from collections.abc import Sequence

from ravine.errors import ConfigError
from ravine.formulas.names import allowed_names, no_hyperparameter, of_other_schedules
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.schedule import Schedule
from ravine.formulas.stage import Stage
from ravine.settings import BY_NAME

NAMES = frozenset(BY_NAME) - {"hyperparameters"}
"""The settings of a run; hyper-parameters, and the settings of a schedule, must have other names."""

EXTENDING = frozenset({"extends", "run"})
"""The field of a spec that names the run that it extends, and the first argument of `ravine.extend`."""

OTHERS = frozenset({"data", "initial_weights", "order", "data_dir", "out", "fresh", "quiet", "watcher"})
"""The other keywords of `ravine.train`, each of which would get the value of a hyper-parameter of its name."""


_OF_SAMPLES = frozenset({"sample_weights", "sample_weight", "class_weight"})
"""Names under which other libraries, and `ravine.dataset`, take weights of samples."""


def _what(name: str) -> str:
    if name in EXTENDING:
        return "a part of extended runs"
    return "a setting of a run" if name in NAMES else "a keyword of ravine.train"


def no_setting(name: str, optimizer: Optimizer, stages: Sequence[Stage], schedule: Schedule) -> str:
    """Word the message for a setting that a run does not have: it says what has one of this very name."""
    if name in _OF_SAMPLES:
        return f"{name} is no setting of a run: weights are given with data, as ravine.dataset(X, y, sample_weights=w)."
    if name in schedule.defaults:
        return f"{name} is a setting of {schedule.title}: give it in schedule_settings."
    kind = f"setting of a run with {optimizer.name}"
    others = {*NAMES, *schedule.defaults}
    return of_other_schedules(name, schedule) or no_hyperparameter(kind, name, optimizer, stages, others)


def check_names(optimizer: Optimizer) -> None:
    """Check that no hyper-parameter but lr has the name of a setting of a run: the setting would get its value."""
    taken = sorted((NAMES | OTHERS | EXTENDING).difference({"lr"}).intersection(optimizer.defaults))
    if taken:
        raise ConfigError(
            f"{optimizer.name} has a hyper-parameter with the name of {_what(taken[0])}, {taken[0]}: choose another "
            "one."
        )


def check_names_of(schedule: Schedule, optimizer: Optimizer, stages: Sequence[Stage]) -> None:
    """Check that no setting of a schedule has the name of something else, because that would get its value."""
    for name in schedule.defaults:
        if name in (NAMES | OTHERS | EXTENDING) - {"final_lr"}:
            raise ConfigError(
                f"{schedule.title} has a setting with the name of {_what(name)}, {name}: choose another one."
            )
        if name in allowed_names(optimizer, stages):
            owner = optimizer.name if name in optimizer.defaults else "a stage"
            raise ConfigError(
                f"{name} is a setting of {schedule.title} and a hyper-parameter of {owner}, and one value cannot be "
                "meant for both: choose another schedule or optimizer, or another name in your own."
            )
