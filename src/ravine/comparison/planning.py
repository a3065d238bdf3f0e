"""From what the user names to a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ravine.comparison.plan import Entry, Plan, Protocol, Variant
from ravine.comparison.points import MOST_AXES, MOST_TRIALS
from ravine.comparison.trials import FIRST_FINAL, SCHEDULES, SEEDS
from ravine.errors import ConfigError, shortened, unknown
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelf import Shelf
from ravine.formulas.shelves import OPTIMIZERS
from ravine.formulas.space import bound_of, space_of
from ravine.inputs import convert, path_of, text_of
from ravine.search import Axis, choice
from ravine.spec.problem import Problem

PROBLEMS: Shelf[Problem] = Shelf("problem", "ravine.problems", Problem, "Problem(..)")
"""Problems by name."""

OF_PROBLEMS = ("dataset", "layers", "activation", "bias", "softmax", "init", "epochs")
"""The settings that are the same for all optimizers of a problem."""

Spaces = Mapping[str, Mapping[str, Axis | None]]
"""By the label of an optimizer, axes that replace its own; None takes one out."""


def find_problem(given: str | Problem) -> Problem:
    """Return a problem by its name, FILE.py:NAME or a TOML file.

    Raises:
        ConfigError: there is no such problem, or its settings are not allowed.
    """
    if isinstance(given, str) and given.endswith(".toml"):
        problem: Problem = convert(toml_of(given, "the problem"), Problem, given)
        return problem
    return PROBLEMS.find(given)


def all_elementwise() -> list[str]:
    """Return the names of all element-wise optimizers but those for batches of all samples."""
    return [name for name, found in OPTIMIZERS.items() if found.formula is not None and not found.full_batch]


def toml_of(source: str, what: str) -> dict[str, Any]:
    """Return the content of a TOML file."""
    file = path_of(what, source)
    assert file is not None
    try:
        return dict(msgspec.toml.decode(text_of(file.read_bytes())))
    except OSError as error:
        raise ConfigError(f"cannot read {what} {source}: {error.strerror or error}.") from None
    except msgspec.DecodeError as error:
        raise ConfigError(f"cannot read {what} {source}: {error}.") from None


def make_plan(
    optimizers: Sequence[str | Optimizer | Variant],
    problems: Sequence[str | Problem],
    protocol: Protocol,
    *,
    schedules: Sequence[str] = (),
    batch_sizes: Sequence[int] = (),
    spaces: Spaces = {},  # noqa: B006  never changed
) -> Plan:
    """Return the plan of a comparison.

    Args:
        optimizers: at least two: names, FILE.py:NAME, optimizers, or variants of these.
        problems: at least one: names, FILE.py:NAME, TOML files, or problems.
        protocol: the numbers.
        schedules: forms of the schedule; if there are several they are an axis of every space.
        batch_sizes: batch sizes; one replaces that of the problems, several are an axis of every space.
        spaces: axes in place of those of the optimizers.

    Raises:
        ConfigError: a name does not exist or stands there twice, or a number is not allowed.
    """
    check_protocol(protocol)
    if len(optimizers) < 2:
        few = "one optimizer is" if optimizers else "no optimizers are"
        raise ConfigError(f"{few} given; give two or more to compare, as in `ravine compare sgd momentum`.")
    given = [one if isinstance(one, Variant) else Variant(label="", optimizer=one, settings={}) for one in optimizers]
    found = [OPTIMIZERS.resolve(variant.optimizer) for variant in given]
    labels = _labels([variant.label or name for variant, (name, _) in zip(given, found, strict=True)])
    for label in spaces:
        if label not in labels:
            raise ConfigError(f"search of {label}: {unknown('optimizer of the comparison', label, labels)}")
    shared = _shared(schedules, batch_sizes)
    entries = [
        _entry(name, label, optimizer, shared, spaces.get(label, {}), checked(variant))
        for (name, optimizer), label, variant in zip(found, labels, given, strict=True)
    ]
    entries = [
        msgspec.structs.replace(entry, contains=_contained(entry, optimizer, entries, [o.name for _, o in found]))
        for entry, (_, optimizer) in zip(entries, found, strict=True)
    ]
    chosen = [find_problem(problem) for problem in problems]
    if len(batch_sizes) == 1:
        chosen = [msgspec.structs.replace(problem, batch_size=batch_sizes[0]) for problem in chosen]
    if not chosen:
        raise ConfigError("no problem is given; give one, such as mnist-mlp.")
    names = [problem.name for problem in chosen]
    if len(set(names)) < len(names):
        raise ConfigError(f"a problem stands there twice: {', '.join(names)}.")
    return Plan(problems=tuple(chosen), entries=tuple(entries), protocol=protocol)


def check_protocol(protocol: Protocol) -> None:
    """Check the numbers of a comparison.

    Raises:
        ConfigError: one is not allowed.
    """
    p = protocol
    trials = p.trials * (p.extensions + 1)
    limits: tuple[tuple[str, bool, str], ...] = (
        ("trials", p.trials >= 4 and p.trials & (p.trials - 1) == 0, "a power of two of 4 or more"),
        ("contenders", 1 <= p.contenders <= p.trials, f"from 1 to the number of trials, {p.trials}"),
        ("tuning_seeds", 1 <= p.tuning_seeds <= FIRST_FINAL, f"from 1 to {FIRST_FINAL}"),
        ("extensions", p.extensions >= 0 and trials <= MOST_TRIALS, f"0 or more, with at most {MOST_TRIALS} trials"),
        ("controls", 0 <= p.controls <= MOST_TRIALS, f"from 0 to {MOST_TRIALS}"),
        ("margin", 0 < p.margin < math.inf, "a number above 0"),
        ("level", 0 < p.level < 0.5, "between 0 and 0.5"),
        ("power", 0.5 <= p.power < 1, "from 0.5 to below 1"),
        ("most_finals", p.most_finals >= 2, "2 or more"),
        ("looks", 1 <= p.looks <= 20, "from 1 to 20"),
        ("seed", 0 <= p.seed < 2**53, "0 or more, and at most 2^53"),
        ("finals", p.finals is None or p.finals >= 2, "2 or more"),
        (
            "finals",
            (p.finals or p.most_finals) * p.looks <= SEEDS - FIRST_FINAL,
            f"at most {(SEEDS - FIRST_FINAL) // p.looks} at {p.looks} looks",
        ),
    )
    for name, fits, allowed in limits:
        if not fits:
            raise ConfigError(f"{name} is {shortened(getattr(p, name))}; it must be {allowed}.")


def _labels(names: Sequence[str]) -> list[str]:
    """Return a short name for each optimizer; a file's name goes before it where two would be the same."""
    short = [name.rpartition(":")[2] for name in names]
    labels = [
        one if short.count(one) == 1 else f"{Path(name.rpartition(':')[0]).name}:{one}" if ":" in name else one
        for name, one in zip(names, short, strict=True)
    ]
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigError(f"{label} is given twice; give each optimizer once.")
    return labels


def _shared(schedules: Sequence[str], batch_sizes: Sequence[int]) -> dict[str, Axis]:
    """Return the axes that all spaces share."""
    for schedule in schedules:
        if schedule not in SCHEDULES:
            raise ConfigError(unknown("form of the schedule", schedule, SCHEDULES))
    axes: dict[str, Axis] = {}
    if schedules and list(schedules) != ["constant"]:
        axes["schedule"] = choice(*schedules)
    if len(batch_sizes) > 1:
        axes["batch_size"] = choice(*batch_sizes)
    return axes


def checked(variant: Variant) -> dict[str, Any]:
    """Return the settings of a variant, in which there may be none that are the problem's or the comparison's."""
    for name in variant.settings:
        if name in ("lr", "optimizer", "seed", "validation", "validation_seed", "test") or name in OF_PROBLEMS:
            owner = "problem" if name in OF_PROBLEMS else "comparison"
            raise ConfigError(f"{variant.label} sets {name}, which is the {owner}'s: leave it out.")
    return dict(variant.settings)


def _contained(
    entry: Entry, optimizer: Optimizer, entries: Sequence[Entry], names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return the other entries that one contains: those of an optimizer that its own contains, with equal settings."""
    return {
        other.label: dict(optimizer.contains[name])
        for other, name in zip(entries, names, strict=True)
        if name in optimizer.contains and other.settings == entry.settings and other is not entry
    }


def _entry(
    name: str,
    label: str,
    optimizer: Optimizer,
    shared: Mapping[str, Axis],
    given: Mapping[str, Axis | None],
    settings: dict[str, Any],
) -> Entry:
    for axis in given:
        if axis not in optimizer.defaults:
            raise ConfigError(f"search of {label}: {unknown(f'hyper-parameter of {label}', axis, optimizer.defaults)}")
    own = {**space_of(optimizer), **given}
    axes = {axis: own[axis] for axis in optimizer.defaults if own.get(axis) is not None}
    if "lr" not in axes:
        raise ConfigError(f"search of {label} has no axis for lr: give one, such as log(0.001, 1).")
    space: dict[str, Axis] = {"lr": axes.pop("lr"), **shared, **axes}  # type: ignore[dict-item]
    space = {axis: space[axis] for axis in space if axis not in settings}
    if len(space) > MOST_AXES:
        raise ConfigError(f"the space of {label} has {len(space)} axes; it may have at most {MOST_AXES}.")
    bounds = {axis: (_end(optimizer, axis, "low"), _end(optimizer, axis, "high")) for axis in space}
    return Entry(
        label=label, optimizer=name, space=space, bounds=bounds, settings=settings, overridden=tuple(sorted(given))
    )


def _end(optimizer: Optimizer, axis: str, end: Any) -> float | None:
    if axis not in optimizer.defaults:
        return None
    bound = bound_of(optimizer, axis, end)
    return bound if math.isfinite(bound) else None
