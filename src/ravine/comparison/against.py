"""The atlas: a comparison of many optimizers that comes with ravine, whose settings stand beside a user's optimizers.

atlas/plan.json           its plan, and when it was made
atlas/leaderboard.csv     its leaderboard, with the settings that it found
atlas/pairs.csv           its verdicts
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeVar

import msgspec

from ravine.comparison.defaults import protocol_of
from ravine.comparison.facts import is_below_default
from ravine.comparison.finding import find_problem
from ravine.comparison.folder import Made
from ravine.comparison.plan import Entry, Plan, Protocol, Variant
from ravine.comparison.planning import Spaces, make_plan
from ravine.comparison.rows import SETTING
from ravine.errors import ConfigError, DataError, shortened, unknown
from ravine.formulas.files import names_file
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.inputs import plain
from ravine.search import Axis, Choice
from ravine.spec.problem import Problem
from ravine.words import listed, several

T = TypeVar("T")

NAME = "atlas"

FOLDER = resources.files("ravine.comparison") / "atlas"

_SEARCH = ("trials", "contenders", "tuning_seeds", "extensions")
"""The numbers that make a search as long as those of the atlas."""

_TAKEN = (*_SEARCH, "objective", "margin", "level", "power", "seed")
"""The numbers that are those of the atlas where no other is given."""


@dataclass(frozen=True)
class Atlas:
    """A comparison that has ended.

    Attributes:
        id: that of its plan.
        plan: its plan.
        scores: by problem and label, the mean score in the finals.
        tuned: by label and problem, the settings that the search found.
        doubts: by label and problem, why these settings may not be fair ones, in words; "" if nothing says so.
    """

    id: str
    plan: Plan
    scores: Mapping[str, Mapping[str, float]]
    tuned: Mapping[str, Mapping[str, Mapping[str, Any]]]
    doubts: Mapping[str, Mapping[str, str]]

    def best(self, problem: str) -> str:
        """Return the label of the optimizer with the highest score on a problem."""
        scores = self.scores[problem]
        return max(scores, key=lambda label: scores[label])


def plan_against(
    against: str,
    optimizers: Sequence[str | Optimizer | Variant],
    problems: Sequence[str | Problem] | None,
    given: Mapping[str, Any],
    spaces: Spaces,
) -> tuple[Plan, dict[str, Optimizer]]:
    """Return the plan of a comparison with optimizers of the atlas, and by label all optimizers that it names.

    The optimizers that are given are searched as those of the atlas were. Those of the atlas have the settings that it
    found.

    Args:
        against: "atlas" for its best optimizer on each of the problems, or "atlas:adam,sgd" for some of its optimizers.
        optimizers: at least one, as `make_plan` takes them.
        problems: some of the atlas's; None for all of them.
        given: what else the user gave, by name: numbers of the protocol, and what the atlas decides.
        spaces: axes in place of those of the optimizers that are given.

    Raises:
        ConfigError: a name does not exist or stands there twice, or something is given that the atlas decides.
        DataError: the files of the atlas are missing or damaged.
    """
    named = _named(against)
    atlas = read_atlas()
    for name, reason in _decided(atlas.plan.protocol).items():
        if name in given:
            raise ConfigError(f"{name} cannot be given against the atlas: {reason}. Leave it out.")
    _refuse_known(optimizers, atlas)
    chosen = list(atlas.plan.problems) if problems is None else [_problem(one, atlas) for one in problems]
    if not chosen:
        names = ", ".join(problem.name for problem in atlas.plan.problems)
        raise ConfigError(f"no problem is given; give some of the atlas's, {names}.")
    labels = named or list(dict.fromkeys(atlas.best(problem.name) for problem in chosen))
    beside = [_beside(label, chosen, atlas) for label in labels]
    numbers = {**{name: getattr(atlas.plan.protocol, name) for name in _TAKEN}, **given}
    return make_plan(optimizers, chosen, protocol_of(**numbers), spaces=spaces, beside=beside)


def read_atlas() -> Atlas:
    """Read the atlas.

    Raises:
        DataError: a file is missing or damaged.
    """
    made = _read("plan.json", lambda content: msgspec.json.decode(content, type=Made))
    return _read("leaderboard.csv", lambda content: _atlas(made, content.decode()))


def _read(name: str, decode: Callable[[bytes], T]) -> T:
    """Return what a function makes of a file of the atlas."""
    try:
        return decode((FOLDER / name).read_bytes())
    except OSError as error:
        fault = f"{name} cannot be read ({error.strerror or error})"
    except (msgspec.DecodeError, ValueError, LookupError) as error:
        fault = f"{name} is damaged ({type(error).__name__}: {shortened(str(error))})"
    raise DataError(f"the atlas is a part of ravine, and its file {fault}: install ravine again.")


def _atlas(made: Made, leaderboard: str) -> Atlas:
    """Return the atlas of a plan and the text of its leaderboard, which must have a row for each optimizer."""
    plan = made.plan
    rows = {(row["problem"], row["optimizer"]): row for row in csv.DictReader(io.StringIO(leaderboard))}
    names = [problem.name for problem in plan.problems]
    if not names or not plan.labels:
        raise ValueError("it has no problems or no optimizers")
    return Atlas(
        made.id,
        plan,
        {name: {label: _finite(rows[name, label]["score"]) for label in plan.labels} for name in names},
        {entry.label: {name: _settings(entry, rows[name, entry.label]) for name in names} for entry in plan.entries},
        {label: {name: _doubt(rows[name, label], plan.protocol) for name in names} for label in plan.labels},
    )


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"a score is {text}")
    return value


def _doubt(row: Mapping[str, str], protocol: Protocol) -> str:
    """Say why the settings that a search found may not be fair ones; "" if nothing says so."""
    if row["edges"]:
        return f"its best trials lay at the end of {row['edges']}"
    default, tuned = (_finite(row[name]) if row[name] else None for name in ("default", "validation"))
    if is_below_default(tuned, default, protocol.margin):
        return "it did better at its defaults"
    if row["under_tuned"]:
        return f"it was under-tuned beside {row['under_tuned']}, which it contains"
    return ""


def notes_of(plan: Plan) -> tuple[str, ...]:
    """Return what the atlas knows of its optimizers in a plan, in sentences; none if there are none of them."""
    tuned = [entry for entry in plan.entries if entry.tuned]
    if not tuned:
        return ()
    atlas = read_atlas()
    found = [f"The settings of {listed(entry.label for entry in tuned)} are those of the atlas, plan {atlas.id}."]
    for entry in tuned:
        for problem in entry.tuned:
            if doubt := atlas.doubts[entry.label][problem]:
                found.append(f"{problem}: {entry.label} may do better than here, since in the atlas {doubt}.")
    return tuple(found)


def _settings(entry: Entry, row: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of an optimizer's axes from a row, exactly as the search found them."""
    found = {name: _value(axis, row[f"{SETTING}{name}"]) for name, axis in entry.space.items()}
    for name, value in found.items():
        low, high = entry.bounds[name]
        if low is not None and high is not None and not low <= value <= high:
            raise ValueError(f"{name} of {entry.label} is {value}")
    return found


def _value(axis: Axis, text: str) -> Any:
    """Return the value of an axis whose text `to_csv` has written: one of a choice, or a number."""
    if not isinstance(axis, Choice):
        return float(text)
    return {str(value).lower() if isinstance(value, bool) else str(value): value for value in axis.values}[text]


def _named(against: object) -> list[str]:
    """Return the optimizers that a text such as "atlas:adam,sgd" names; none for "atlas"."""
    given = plain(against)
    source, colon, names = given.partition(":") if isinstance(given, str) else ("", "", "")
    if source.strip() != NAME:
        raise ConfigError(
            f"against is {shortened(given)}; it must be atlas, for the best optimizers of the atlas, or some of them, "
            "as atlas:adam,sgd."
        )
    found = [name.strip() for name in names.split(",")] if colon else []
    if found and not any(found):
        raise ConfigError(f"against is {shortened(given)} and names no optimizer: give some, as atlas:adam,sgd.")
    return found


def _decided(protocol: Protocol) -> dict[str, str]:
    """Return, by the name of what a user may not give, how the atlas decides it."""
    numbers = {
        name: f"it gave each optimizer {several(getattr(protocol, name), name.removesuffix('s').replace('_', ' '))}, "
        "and yours get as many"
        for name in _SEARCH
    }
    return {
        "--all": "its optimizers are tuned already; against takes the names of those that stand beside yours, as "
        "atlas:adam,sgd",
        "budget": numbers["trials"],
        **numbers,
        "objective": f"its optimizers are tuned for the {protocol.objective}",
        "pairs": "each of your optimizers is judged beside each of the atlas's",
        "schedule": "its optimizers are tuned at a constant rate",
        "batch_size": "its optimizers are tuned with the batches of its problems",
    }


def _refuse_known(optimizers: Sequence[str | Optimizer | Variant], atlas: Atlas) -> None:
    """Refuse to search an optimizer that the atlas has searched."""
    for one in optimizers:
        given = one.optimizer if isinstance(one, Variant) and not one.label else one
        if isinstance(given, Variant) or (isinstance(given, str) and names_file(given)):
            continue
        name = OPTIMIZERS.resolve(given)[0]
        if name in atlas.plan.labels:
            raise ConfigError(
                f"{name} is in the atlas, which has tuned it: leave it out, and if it shall stand beside your "
                f"optimizers, name it in against, as atlas:{name}."
            )


def _problem(given: str | Problem, atlas: Atlas) -> Problem:
    """Return a problem of the atlas by its name, or by a problem that is the same."""
    by_name = {problem.name: problem for problem in atlas.plan.problems}
    if isinstance(given, Problem):
        found = find_problem(given)
        if found not in by_name.values():
            raise ConfigError(
                f"problem {shortened(found.name)} is none of the atlas's: name some of those, {', '.join(by_name)}."
            )
        return found
    if not isinstance(given, str) or given not in by_name:
        raise ConfigError(unknown("problem of the atlas", given, by_name))
    return by_name[given]


def _beside(label: str, problems: Sequence[Problem], atlas: Atlas) -> Entry:
    """Return an optimizer of the atlas with the settings that were found on some problems."""
    entries = {entry.label: entry for entry in atlas.plan.entries}
    if label not in entries:
        raise ConfigError(unknown("optimizer of the atlas", label, entries))
    tuned = {problem.name: dict(atlas.tuned[label][problem.name]) for problem in problems}
    return msgspec.structs.replace(entries[label], tuned=tuned)
