"""From flat settings, the keywords of `ravine.train` and the keys of a study, to a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ravine.errors import ConfigError, shortened
from ravine.formulas.names import allowed_names
from ravine.formulas.shelves import LOSSES, OPTIMIZERS, SCHEDULES, STAGES
from ravine.inputs import folded_keys, plain
from ravine.spec.names import NAMES, check_names, check_names_of, no_setting
from ravine.spec.resolved import ResolvedRun, Things, activations_of, resolve
from ravine.spec.run_spec import RunSpec
from ravine.spec.values import factors_of, sizes, values_of


def from_settings(
    settings: Mapping[str, Any], data: str | None = None, targets: Literal["classes", "numbers", "flags"] = "classes"
) -> ResolvedRun:
    """Make a run from flat settings, the keywords of `ravine.train` and the keys of a study file.

    They are those of `ravine.settings`, where `per_layer` may hold lists, and `optimizer`, `stages` and `schedule`
    things in place of names; the hyper-parameters of the optimizer and of stages and the schedule's settings by their
    own names; and `final_lr`, a setting of some schedules, which alone means linear decay. `data` is the digest of data
    that were given in place of a data set, whose `targets` are "classes", "numbers" or "flags".

    >>> spec = from_settings({"optimizer": "momentum", "alpha": 0.5, "lr": 0.1, "final_lr": 0.001}).spec
    >>> spec.schedule, spec.schedule_settings, spec.hyperparameters
    ('linear', {'final_lr': 0.001}, {'alpha': 0.5})
    """
    flat = folded_keys(settings)
    if flat.get("final_lr") is None:
        flat.pop("final_lr", None)
    if flat.get("schedule") is None:
        flat["schedule"] = "linear" if "final_lr" in flat else "constant"
    flat["schedule"], schedule = SCHEDULES.resolve(plain(flat["schedule"]))
    own = {name: flat.pop(name) for name in schedule.defaults if name in flat}
    if "final_lr" in flat:
        raise ConfigError(f"final_lr is given, and {schedule.takes}.")
    chosen = {name: flat.pop(name) for name in NAMES if name in flat}
    chosen["optimizer"], base = OPTIMIZERS.resolve(chosen.get("optimizer", "sgd"))
    given = [STAGES.resolve(stage) for stage in _listed(chosen.get("stages", ()))]
    chosen["stages"], stages = tuple(name for name, _ in given), tuple(stage for _, stage in given)
    chosen["activation"], activations = activations_of(chosen.get("activation", "relu"))
    chosen["loss"], loss = LOSSES.resolve(plain(chosen.get("loss", "cross-entropy")))
    check_names(base)
    check_names_of(schedule, base, stages)
    known = NAMES | allowed_names(base, stages) | set(schedule.defaults)
    if "data" in flat:
        raise ConfigError(
            "data is no setting: give data to ravine.train or to ravine.run_study; a comparison, and the file of a "
            "study, take a data set that `ravine datasets` lists, as dataset."
        )
    for name in flat:
        if name not in known:
            raise ConfigError(no_setting(name, base, stages, schedule))
    if "layers" in chosen:
        chosen["layers"] = sizes(chosen["layers"])
    if "per_layer" in chosen:
        chosen["per_layer"] = factors_of(chosen["per_layer"])
    spec = RunSpec(
        **chosen, data=data, targets=targets, hyperparameters=values_of(flat), schedule_settings=values_of(own)
    )
    return resolve(spec, Things(base, stages, schedule, activations, loss))


def _listed(stages: Any) -> Sequence[Any]:
    if isinstance(stages, (list, tuple)):
        return stages
    raise ConfigError(
        f'stages is {shortened(stages)}; it must be a list of names, files or stages, for example ["mine.py:decay"].'
    )
