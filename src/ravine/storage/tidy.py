"""Stored runs as rows of plain values, which pandas and other programs read as they are: a row a run, a row an epoch.

A value is text, true or false, a whole number, a number, or None if there is none. All rows have the same columns.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence

import msgspec

from ravine.settings import SETTINGS
from ravine.spec import RunSpec
from ravine.storage.record import EPOCH_FIELDS, Result

Cell = str | bool | int | float | None
Row = dict[str, Cell]

_MEASURED = tuple(
    f"{part}_{number}"
    for part in ("validation", "test")
    for number in ("loss", "accuracy", "r2", "mean_absolute_error")
)

ADDED = (
    *("group", "row", "label", "published_train_loss", "published_test_accuracy", "published_seconds"),
    *("id", "status", "cause", "train_loss", *_MEASURED),
    *("tested", "seconds_total", "seconds_train", "seconds_evaluate", "seconds_compile", "epochs_done", "parameters"),
    "hint",
)
"""The columns that are no settings, those of a study among them."""

_TAKEN = ("set_", "per_layer_")
"""The beginnings of names that are made here."""

_NESTED = ("hyperparameters", "schedule_settings", "per_layer")
"""The fields of a spec whose values have columns of their own."""

EPOCH_COLUMNS = ("id", "seed", *EPOCH_FIELDS)
"""The columns of `epoch_rows`."""


def run_rows(results: Sequence[Result]) -> list[Row]:
    """Return a row for each run: how it ended, its settings, and its results.

    The columns of settings have the names of the keywords of `ravine.train`, with one for each hyper-parameter and each
    setting of a schedule that some run has; `per_layer_lr_1` is the factor of lr in the first layer of weights. A
    hyper-parameter with the name of another column, or with one that begins as those that are made here, gets `set_`
    before its name.
    """
    settings = [setting_values(result.spec) for result in results]
    own = list(dict.fromkeys(name for result in results for name in _own(result.spec) if name != "final_lr"))
    factors = list(dict.fromkeys(name for result in results for name in _factors(result.spec)))
    names: list[str] = []
    for setting in (*(setting.name for setting in SETTINGS), "data", "initial_weights", "order", "extends"):
        names += {"hyperparameters": own, "per_layer": factors}.get(setting, [setting])
    return [
        {
            "id": result.id,
            "status": result.status,
            "cause": None if result.cause is None else msgspec.to_builtins(result.cause)["kind"],
            **{name: given.get(name) for name in names},
            "train_loss": result.train_loss,
            **{name: getattr(result, name) for name in _MEASURED},
            "tested": result.tested,
            **{f"seconds_{part}": getattr(result.seconds, part) for part in ("total", "train", "evaluate", "compile")},
            "epochs_done": len(result.history),
            "parameters": result.parameters,
            "hint": result.hint,
        }
        for result, given in zip(results, settings, strict=True)
    ]


def epoch_rows(results: Sequence[Result]) -> list[Row]:
    """Return a row for each epoch of each run, with the id and the seed of the run and all that the history has."""
    return [
        {"id": result.id, "seed": result.spec.seed, **dataclasses.asdict(epoch)}
        for result in results
        for epoch in result.history
    ]


def to_csv(rows: Sequence[Mapping[str, Cell]], columns: Sequence[str]) -> str:
    """Write rows as CSV in full precision: true and false, an empty cell for None.

    >>> to_csv([{"lr": 0.1, "bias": True, "hint": None}], ["lr", "bias", "hint"])
    'lr,bias,hint\\n0.1,true,\\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return text.getvalue()


def _cell(value: Cell) -> Cell:
    return str(value).lower() if isinstance(value, bool) else value


def setting_values(spec: RunSpec) -> Row:
    """Return the settings of a run by their columns."""
    return {
        **{name: getattr(spec, name) for name in spec.__struct_fields__ if name not in _NESTED},
        "optimizer": spec.optimizer_label,
        "stages": ",".join(spec.stage_labels) or None,
        "schedule": spec.schedule_label,
        "layers": "-".join(map(str, spec.layers)),
        "test": spec.test_time,
        **_own(spec),
        **_factors(spec),
    }


def _own(spec: RunSpec) -> Row:
    """Return the hyper-parameters and the settings of the schedule."""
    given = {**spec.hyperparameters, **spec.schedule_settings}
    return {f"set_{name}" if name in ADDED or name.startswith(_TAKEN) else name: value for name, value in given.items()}


def _factors(spec: RunSpec) -> Row:
    return {
        f"per_layer_{name}_{layer}": factor
        for name, factors in spec.per_layer.items()
        for layer, factor in enumerate(factors, start=1)
    }
