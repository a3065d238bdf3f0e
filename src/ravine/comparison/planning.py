"""From what the user names to a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np

from ravine.comparison.finding import find_problem
from ravine.comparison.plan import Entry, Plan, Protocol, Variant
from ravine.comparison.points import MOST_AXES, MOST_TRIALS, SMALLEST
from ravine.comparison.trials import FIRST_FINAL, SCHEDULES, SEEDS, first_number
from ravine.data import DATASETS
from ravine.data.validation import samples_of
from ravine.errors import ConfigError, shortened, unknown
from ravine.formulas.comparable import comparable
from ravine.formulas.containing import contained
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.formulas.space import bound_of, space_of
from ravine.inputs import count_of, folded_keys, plain
from ravine.search import Axis, Choice, Log, choice
from ravine.spec.problem import Problem
from ravine.spec.values import MOST

OF_PROBLEMS = ("dataset", "layers", "activation", "bias", "softmax", "loss", "label_smoothing", "init", "epochs")
"""The settings that are the same for all optimizers of a problem."""

Spaces = Mapping[str, Mapping[str, Axis | None]]
"""By the label of an optimizer, axes that replace its own; None takes one out."""


def all_elementwise() -> list[str]:
    """Return the names of all element-wise optimizers but those for batches of all samples."""
    return [name for name, found in OPTIMIZERS.items() if found.formula is not None and not found.full_batch]


def make_plan(
    optimizers: Sequence[str | Optimizer | Variant],
    problems: Sequence[str | Problem],
    protocol: Protocol,
    *,
    schedules: Sequence[str] = (),
    batch_sizes: Sequence[int] = (),
    spaces: Spaces = MappingProxyType({}),
    beside: Sequence[Entry] = (),
) -> tuple[Plan, dict[str, Optimizer]]:
    """Return the plan of a comparison, and by label the optimizers that it names.

    Args:
        optimizers: at least two, or one beside others: names, FILE.py:NAME, optimizers, or variants of these.
        problems: at least one: names, FILE.py:NAME, TOML files, or problems.
        protocol: the numbers.
        schedules: forms of the schedule; if there are several they are an axis of every space.
        batch_sizes: batch sizes; one replaces that of the problems, several are an axis of every space.
        spaces: axes in place of those of the optimizers.
        beside: optimizers that an earlier comparison tuned, which stand beside them and are not searched.

    Raises:
        ConfigError: a name does not exist or stands there twice, or a number is not allowed.
    """
    check_protocol(protocol, first_number(beside))
    if beside and not optimizers:
        raise ConfigError("no optimizers are given; give one or more to compare with those that are tuned already.")
    if len(optimizers) + len(beside) < 2:
        few = "one optimizer is" if optimizers else "no optimizers are"
        raise ConfigError(f"{few} given; give two or more to compare, as in `ravine compare sgd momentum`.")
    if not isinstance(spaces, Mapping):
        raise ConfigError(
            f"search is {shortened(plain(spaces))}; write axes by optimizer, as "
            '{"momentum": {"alpha": ravine.search.linear(0, 0.9)}}.'
        )
    sizes = [count_of("batch size", size, MOST) for size in batch_sizes]
    given = [
        _variant(one) if isinstance(one, Variant) else Variant(label="", optimizer=one, settings={})
        for one in optimizers
    ]
    found = [OPTIMIZERS.resolve(variant.optimizer) for variant in given]
    own = [*(variant.label for variant in given), *(entry.label for entry in beside)]
    labels = _labels(own, [*(name for name, _ in found), *(entry.label for entry in beside)])[: len(given)]
    tuned = {entry.label: OPTIMIZERS.find(entry.optimizer) for entry in beside}
    for label in spaces:
        if label in tuned:
            raise ConfigError(f"search of {label}: it is tuned already and is not searched; leave its axes out.")
        if label not in labels:
            raise ConfigError(f"search of {label}: {unknown('optimizer of the comparison', label, labels)}")
    by_label = {**{label: optimizer for label, (_, optimizer) in zip(labels, found, strict=True)}, **tuned}
    shared = _shared(schedules, sizes)
    entries = [
        _entry(name, label, optimizer, shared, spaces.get(label, {}), _settings_of(variant))
        for label, (name, optimizer), variant in zip(labels, found, given, strict=True)
    ]
    entries += beside
    entries = [msgspec.structs.replace(entry, contains=_contained(entry, entries, by_label)) for entry in entries]
    chosen = [find_problem(problem) for problem in problems]
    if not chosen:
        raise ConfigError("no problem is given; give one, such as mnist-mlp.")
    for problem in chosen:
        _check_sizes(problem, sizes)
        for variant in given:
            if isinstance(size := variant.settings.get("batch_size"), int):
                _check_sizes(problem, (*sizes, size))
    if len(sizes) == 1:
        chosen = [msgspec.structs.replace(problem, batch_size=sizes[0]) for problem in chosen]
    names = [problem.name for problem in chosen]
    if len(set(names)) < len(names):
        raise ConfigError(f"a problem stands there twice: {', '.join(names)}.")
    return Plan(problems=tuple(chosen), entries=tuple(entries), protocol=protocol), by_label


LEAST_LEVEL = 1e-6
"""The smallest error rate; a smaller one needs more final runs than a comparison has seeds for."""


def check_protocol(protocol: Protocol, first: int = 0) -> None:
    """Check the numbers of a comparison whose final runs are counted from `first`.

    Raises:
        ConfigError: one is not allowed.
    """
    p = protocol
    trials, seeds = p.trials * (p.extensions + 1), SEEDS - FIRST_FINAL - first
    limits: tuple[tuple[str, bool, str], ...] = (
        ("trials", p.trials >= SMALLEST and p.trials & (p.trials - 1) == 0, f"a power of two of {SMALLEST} or more"),
        ("contenders", 1 <= p.contenders <= p.trials, f"from 1 to the number of trials, {p.trials}"),
        ("tuning_seeds", 1 <= p.tuning_seeds <= FIRST_FINAL, f"from 1 to {FIRST_FINAL}"),
        ("extensions", p.extensions >= 0 and trials <= MOST_TRIALS, f"0 or more, with at most {MOST_TRIALS} trials"),
        ("controls", 0 <= p.controls <= MOST_TRIALS, f"from 0 to {MOST_TRIALS}"),
        ("margin", 0 < p.margin < math.inf, "a finite number above 0"),
        ("level", LEAST_LEVEL <= p.level < 0.5, f"from {LEAST_LEVEL:f} to below 0.5"),
        ("power", 0.5 <= p.power < 1, "from 0.5 to below 1"),
        ("most_finals", p.most_finals >= 2, "2 or more"),
        ("looks", 1 <= p.looks <= 20, "from 1 to 20"),
        ("seed", 0 <= p.seed < 2**53, "a whole number of 0 or more, below 2^53"),
        ("finals", p.finals is None or p.finals >= 2, "2 or more"),
        (
            "most_finals" if p.finals is None else "finals",
            (p.finals or p.most_finals) * p.looks <= seeds,
            f"at most {seeds // max(p.looks, 1)} at {p.looks} looks",
        ),
    )
    for name, fits, allowed in limits:
        if not fits:
            raise ConfigError(f"{name} is {shortened(getattr(p, name))}; it must be {allowed}.")


LONGEST = 80
"""The most letters of a label."""


def _variant(given: Variant) -> Variant:
    """Return a variant with its values in ravine's own types and its settings by their folded names.

    Raises:
        ConfigError: its label is no name, or its settings are no settings by name.
    """
    label, settings = given.label, given.settings
    shown = isinstance(label, str) and label.isprintable() and label.strip() and len(label) <= LONGEST
    if not shown or label != label.strip():
        raise ConfigError(
            f"the label of a variant is {shortened(plain(label))}; it must be a name of 1 to {LONGEST} letters "
            "that can be printed."
        )
    if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
        raise ConfigError(f"the settings of {label} are {shortened(plain(settings))}; write them by name.")
    values = {name: plain(value) for name, value in folded_keys(settings).items()}
    return Variant(label=label, optimizer=given.optimizer, settings=values)


def _labels(given: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return a label for each optimizer: the given one, or its short name, with its file's where two would be one."""
    short = [name.rpartition(":")[2] for name in names]
    labels = [
        own or (one if short.count(one) == 1 else f"{Path(name.rpartition(':')[0]).name}:{one}" if ":" in name else one)
        for own, name, one in zip(given, names, short, strict=True)
    ]
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigError(f"two optimizers are called {label}: give each one once, or another name to one of them.")
    return labels


def _shared(schedules: Sequence[str], batch_sizes: Sequence[int]) -> dict[str, Axis]:
    """Return the axes that all spaces share."""
    for schedule in schedules:
        if not isinstance(schedule, str) or schedule not in SCHEDULES:
            raise ConfigError(unknown("form of the schedule", schedule, SCHEDULES))
    axes: dict[str, Axis] = {}
    if schedules and list(schedules) != ["constant"]:
        axes["schedule"] = choice(*schedules)
    if len(batch_sizes) > 1:
        axes["batch_size"] = choice(*batch_sizes)
    return axes


def _settings_of(variant: Variant) -> dict[str, Any]:
    """Return the settings of a variant, in which there may be none that are the problem's or the comparison's."""
    for name in variant.settings:
        if name in ("lr", "optimizer", "seed", "validation", "validation_seed", "test") or name in OF_PROBLEMS:
            owner = "problem" if name in OF_PROBLEMS else "comparison"
            raise ConfigError(f"{variant.label} sets {name}, which is the {owner}'s: leave it out.")
    return dict(variant.settings)


def _contained(
    entry: Entry, entries: Sequence[Entry], optimizers: Mapping[str, Optimizer]
) -> dict[str, dict[str, float]]:
    """Return the other entries that one contains: those of an optimizer that its own contains, with equal settings."""
    optimizer = optimizers[entry.label]
    return {
        other.label: dict(point)
        for name, point in optimizer.contains.items()
        for other in entries
        if optimizers[other.label].name == name
        and _same(optimizers[other.label], contained(optimizer, name))
        and other.settings == entry.settings
    }


def _entry(
    name: str,
    label: str,
    optimizer: Optimizer,
    shared: Mapping[str, Axis],
    given: Any,
    settings: dict[str, Any],
) -> Entry:
    if not isinstance(given, Mapping):
        comparable(optimizer, given, {})  # says what is wrong with it
    given = folded_keys(given)
    for axis in given:
        if axis in settings:
            raise ConfigError(f"{label} has {axis} among its settings and among the axes of its search: leave out one.")
    axes = space_of(comparable(optimizer, {**optimizer.search, **given}, {}))
    if "lr" not in axes:
        raise ConfigError(f"search of {label} has no axis for lr: give one, such as log(0.001, 1).")
    space: dict[str, Axis] = {"lr": axes.pop("lr"), **shared, **axes}
    space = {axis: space[axis] for axis in space if axis not in settings}
    if len(space) > MOST_AXES:
        raise ConfigError(f"the space of {label} has {len(space)} axes; it may have at most {MOST_AXES}.")
    bounds = {key: _bounds(optimizer, key, axis) for key, axis in space.items()}
    for key, axis in space.items():
        _check_ends(f"the axis of {key} of {label}", axis, bounds[key])
    return Entry(
        label=label, optimizer=name, space=space, bounds=bounds, settings=settings, overridden=tuple(sorted(given))
    )


def _same(one: Optimizer, other: Optimizer) -> bool:
    """Tell whether two optimizers are one: a user's file may be named like an optimizer of ravine's, and be another."""
    return one is other or one.texts() == other.texts()


def _check_sizes(problem: Problem, sizes: Sequence[int]) -> None:
    """Check that no batch is larger than the training set without its validation split."""
    total = DATASETS[problem.dataset].train_count
    most = total - samples_of(problem.validation, total)
    for size in (*sizes, *(() if len(sizes) == 1 else (problem.batch_size,))):
        if size > most:
            raise ConfigError(
                f"batch size is {size:,}, and problem {problem.name} has {most:,} samples to train on beside those of "
                "its validation split: give a smaller one."
            )


def _bounds(optimizer: Optimizer, name: str, axis: Axis) -> tuple[float | None, float | None]:
    """Return the lowest and the highest value of an axis that the optimizer allows and that float32 holds.

    Runs are made in float32, in which 0.99999999 is 1, and 1e-50 is 0. The axes that all optimizers share have none.
    """
    if name not in optimizer.defaults:
        return None, None
    least, most = bound_of(optimizer, name, "low"), bound_of(optimizer, name, "high")
    with np.errstate(over="ignore", under="ignore"):
        low, high = np.float32(least), np.float32(most)
    if float(low) < least:
        low = np.nextafter(low, np.float32(math.inf))
    if float(high) > most:
        high = np.nextafter(high, np.float32(-math.inf))
    smallest = isinstance(axis, Log) or 0 < low < _SMALLEST
    return max(float(low), _SMALLEST) if smallest else float(low), float(high)


_SMALLEST = float(np.finfo(np.float32).tiny)
"""The smallest number above 0 that float32 holds in full precision."""


def _check_ends(what: str, axis: Axis, bounds: tuple[float | None, float | None]) -> None:
    """Check that float32 holds all values of an axis."""
    low, high = bounds
    if low is None or high is None:
        return
    for value in axis.values if isinstance(axis, Choice) else axis.ends:
        if not low <= float(value) <= high or 0 < abs(float(value)) < _SMALLEST:
            raise ConfigError(
                f"{what} is {axis}; in float32, in which runs are made, it must stay in [{low:.9g}, {high:.9g}]."
            )
