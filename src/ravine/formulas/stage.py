"""Stages: changes of the gradient before any optimizer, or of the step behind it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, overload

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, shortened
from ravine.formulas.declaration import Declaration, parameters, signature_of
from ravine.formulas.elementwise import declared_formula, texts_of
from ravine.formulas.faults import telling_faults
from ravine.formulas.faulty import declaring
from ravine.formulas.formula import Formula, Start
from ravine.formulas.identity import function_text
from ravine.formulas.kinds import Kind
from ravine.formulas.layers import read_only
from ravine.inputs import plain

LAST = 1000.0
"""The order of a stage that declares none: behind all of ravine's own."""

_FAR = 1e9
"""The order of a stage must be below this in size."""


@dataclass(frozen=True, eq=False)
class Stage(Declaration):
    """One stage.

    Attributes:
        name: its name.
        function: the change of the gradient or of the step.
        defaults, bounds, kinds: its hyper-parameters, without the learning rate, which is the optimizer's.
        formula: the function as a formula, whose first parameter says where the stage stands: "g" before the optimizer,
            "step" behind it.
        order: stages of one side stand in the order of these numbers.
        penalty: if the stage adds the gradient of a penalty, the function from one array of weights to this penalty.
    """

    name: str
    function: Callable[..., Any]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]
    formula: Formula
    order: float = LAST
    penalty: Callable[..., float] | None = None

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"stage {self.name}"

    def texts(self) -> list[str]:
        """Return the texts that decide what it does, its side among them."""
        penalty = [] if self.penalty is None else [function_text(self.penalty)]
        return [self.formula.first, *texts_of(self.formula), *penalty]

    def penalty_at(self, weights: Sequence[Array], hyper: Mapping[str, float]) -> float:
        """Return the penalty of some arrays of weights, 0 if there is none; `hyper` may have other names too."""
        if self.penalty is None:
            return 0.0
        chosen = {name: hyper[name] for name in self.defaults}
        with np.errstate(all="ignore"), telling_faults(f"the penalty of {self.label}", self.penalty):
            return sum(self.penalty(w, **chosen) for w in read_only(weights))


def placed(stage: Stage) -> tuple[float, str]:
    """Return the key by which the stages of one side are sorted."""
    return stage.order, stage.name


@overload
def stage(function: Callable[..., Any], /) -> Stage: ...


@overload
def stage(
    *,
    bounds: Mapping[str, str] = MappingProxyType({}),
    order: float = LAST,
    inert: bool = False,
    start: Mapping[str, Start] = MappingProxyType({}),
    evaluated: Callable[..., Any] | None = None,
    penalty: Callable[..., float] | None = None,
) -> Callable[[Callable[..., Any]], Stage]: ...


def stage(
    function: Callable[..., Any] | None = None,
    *,
    bounds: Mapping[str, str] = MappingProxyType({}),
    order: float = LAST,
    inert: bool = False,
    start: Mapping[str, Start] = MappingProxyType({}),
    evaluated: Callable[..., Any] | None = None,
    penalty: Callable[..., float] | None = None,
) -> Stage | Callable[[Callable[..., Any]], Stage]:
    """Make a stage of an element-wise function, as a decorator with or without arguments.

    A stage is written as a rule is, see `ravine.rule`. Its first parameter says where it stands. If that is `g`, the
    stage returns the gradient that the optimizer gets. If it is `step`, the stage returns the step that the weight
    takes, and may also ask for `step_norm`, the norm of the step that it gets, in the weight's layer. Among its
    hyper-parameters may be `lr`, which is the optimizer's. If a run gives any other hyper-parameter of one of
    ravine's own stages, this stage is part of the run: `ravine train --optimizer adam --set weight_decay=0.01`.

    Args:
        function: the function.
        bounds, start, evaluated: as for `ravine.rule`.
        order: stages of one side stand in the order of these numbers; those of ravine's own are below 100.
        inert: says that a gradient, or a step, of zero stays zero and changes no slot.
        penalty: for a stage that adds the gradient of a penalty, the function from one array of weights to this
            penalty. An optimizer that searches along the loss needs it.

    >>> @stage(bounds={"sparsity": "[0, inf)"})
    ... def sparsity(g, w, *, sparsity):
    ...     return g + sparsity * np.sign(w)
    >>> sparsity.formula.first, dict(sparsity.defaults)
    ('g', {'sparsity': None})
    """

    @declaring("stage")
    def declare(function: Callable[..., Any]) -> Stage:
        if isinstance(bounds, Mapping) and "lr" in bounds:
            raise ConfigError("lr is the optimizer's: leave it out of the bounds of a stage.")
        found = signature_of("stage", function, None, bounds, without=("lr",))
        label, positional = found.name, found.positional
        first = positional[0] if positional else ""
        if first not in ("g", "step"):
            raise ConfigError(
                f"stage {label} takes {first or 'nothing'} first; it must be g, for a stage before the optimizer, "
                "or step, for one behind it."
            )
        if {"g", "step"} <= set(positional):
            raise ConfigError(f"stage {label} takes g and step; it stands on one side of the optimizer: take one.")
        keywords = parameters(function, "stage")[1]
        if keywords.get("lr") is not None:
            raise ConfigError(f"lr of stage {label} is the optimizer's: give it no default.")
        if first == "g" and "step_norm" in positional:
            raise ConfigError(
                f"stage {label} asks for step_norm, but takes g: only a stage behind the optimizer gets a step."
            )
        hyper, number = tuple(keywords), plain(order)
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) < _FAR:
            raise ConfigError(f"order of stage {label} is {shortened(order)}; it must be a number, such as 25.")
        forms = {"start": start, "lazy": None, "evaluated": evaluated}
        formula = declared_formula(f"stage {label}", function, first, positional, hyper, inert, forms)
        if penalty is not None and (not inspect.isfunction(penalty) or first != "g" or formula.slots):
            raise ConfigError(
                f"stage {label} has a penalty: this must be a function of an array of weights, and the stage must take "
                "g and no slots, and add the gradient of the penalty."
            )
        return Stage(label, function, found.defaults, found.bounds, found.kinds, formula, float(number), penalty)

    return declare if function is None else declare(function)
