"""The plan of a comparison: all that decides what is run and how it is judged, written down before the first run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from ravine.search import Axis
from ravine.spec.problem import Problem

Objective = Literal["accuracy", "loss"]


class Protocol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The numbers of a comparison, the same for every optimizer.

    Attributes:
        objective: what is compared at the horizon: validation accuracy or loss while tuning, test accuracy or loss in
            the finals.
        trials: points of the search for each optimizer, a power of two.
        contenders: how many of the best trials get further seeds.
        tuning_seeds: seeds of each contender, that of its trial included.
        extensions: how often the search goes on beyond a range at whose edge the best trials lie.
        controls: trials near each optimizer that another one contains.
        margin: the difference that matters, in the unit of the objective: 0.002 is 0.2 points of accuracy.
        level: the largest probability that any pair of a problem is said to differ and does not; also that any pair is
            said to be equivalent and differs by the margin or more.
        power: the probability that a true difference of twice the margin is found.
        finals: final runs of each winner; None for as many as the power needs, by `ravine.comparison.finals`.
        most_finals: the most that this rule may ask for.
        pairs: "all" pairs are judged, or each optimizer beside the "best", which is the one that did best while tuning.
        looks: how often the finals are judged; after each look but the last, pairs that are undecided get more seeds.
        seed: draws the points, and moves all seeds of runs.
    """

    objective: Objective = "accuracy"
    trials: int = 16
    contenders: int = 3
    tuning_seeds: int = 3
    extensions: int = 1
    controls: int = 4
    margin: float = 0.002
    level: float = 0.05
    power: float = 0.8
    finals: int | None = None
    most_finals: int = 32
    pairs: Literal["all", "best"] = "all"
    looks: int = 1
    seed: int = 0


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """An optimizer with settings of its own, such as a schedule or a fixed hyper-parameter, and a name for both.

    Attributes:
        label: the name.
        optimizer: a name, FILE.py:NAME, or an optimizer.
        settings: settings as `ravine.train` takes them; a hyper-parameter among them is no longer searched.
    """

    label: str
    optimizer: Any
    settings: dict[str, Any]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An optimizer that takes part.

    Attributes:
        label: its name in the comparison, which no other one has.
        optimizer: a name, or FILE.py:NAME.
        space: the axes of its search, `lr` first, then those that all optimizers share.
        bounds: each axis's lowest and highest allowed value.
        contains: by the label of another optimizer that takes part, the values with which this one is that one.
        settings: settings that all of its runs have, such as a schedule.
        tuned: by problem, the values of the axes that an earlier comparison found; it is not searched again, and pairs
            of two such optimizers are not judged.
        overridden: the axes that the comparison's file sets in place of the optimizer's own.
    """

    label: str
    optimizer: str
    space: dict[str, Axis]
    bounds: dict[str, tuple[float | None, float | None]]
    contains: dict[str, dict[str, float]] = {}
    settings: dict[str, Any] = {}
    tuned: dict[str, dict[str, Any]] = {}
    overridden: tuple[str, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A comparison before its first run."""

    problems: tuple[Problem, ...]
    entries: tuple[Entry, ...]
    protocol: Protocol

    @property
    def labels(self) -> list[str]:
        """The labels of the optimizers, in their order."""
        return [entry.label for entry in self.entries]


def id_of(plan: Plan, runs: Sequence[str]) -> str:
    """Return sixteen hexadecimal digits: a hash of the plan and of the ids of the first runs.

    The ids stand for what the plan only names: the texts of the optimizers and the data.
    """
    entries = [msgspec.structs.replace(entry, optimizer=entry.label) for entry in plan.entries]
    anywhere = msgspec.structs.replace(plan, entries=tuple(entries))  # the folder of a user's file does not count
    decisive = msgspec.to_builtins(anywhere)
    for problem in decisive["problems"]:
        if not problem["label_smoothing"]:
            del problem["label_smoothing"]  # ids stay what they were before there was such a field
    content = [decisive, sorted(runs)]
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]
