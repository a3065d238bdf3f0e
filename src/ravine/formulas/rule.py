"""What an optimizer is to ravine: a pure function of scalars, written once, whose signature is its declaration."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, overload

from ravine.errors import ConfigError
from ravine.formulas.declaration import Declaration, bounds_of, checked_kinds, label_of, parameters
from ravine.formulas.kinds import Kind, kinds_of
from ravine.inputs import folded_keys

GIVEN = ("w", "t", "norm", "layer_norm", "noise")
"""What a rule may ask for by name beside its gradient: the weight, the number of the step, from 1, the Euclidean norms
of the whole gradient and of that of the weight's own layer, and standard normal numbers (`ravine.formulas.noise`)."""

TAKEN = ("np", "float", "abs", "min", "max")
"""Names that the text of a kernel needs itself."""

BOUNDS = {"lr": "[0, inf)"}
"""Intervals that hold for every rule."""


@dataclass(frozen=True, eq=False)
class Rule(Declaration):
    """One optimizer.

    Attributes:
        name: what the command line calls it.
        function: the update, called with arrays by the reference engine, rendered to a loop by the fused one.
        arguments: its positional parameters in order: `g`, the slots, and what it asks for of `GIVEN`.
        slots: names of the state slots, each one number a weight, 0 at the start.
        defaults: each hyper-parameter's default, None where the user must give one.
        bounds: each bounded hyper-parameter's interval, such as "[0, 1)".
        kinds: each hyper-parameter's kind: "number", "whole number" or "flag".
        inert: a zero gradient changes neither the weight nor any slot, ever.
        twins: how other libraries make the same optimizer, by the library's name: "torch" or "optax".
        full_batch: it is meant for batches of all samples.
        text: the body of a rule that was put together and so has no source of its own.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    slots: tuple[str, ...]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]
    inert: bool
    twins: Mapping[str, str] = field(default_factory=dict)
    full_batch: bool = False
    text: Any = None
    _idle: list[Callable[..., Any]] = field(default_factory=list, repr=False, compare=False)
    _evaluated: list[Callable[..., Any]] = field(default_factory=list, repr=False, compare=False)

    @property
    def evaluated_form(self) -> Callable[..., Any] | None:
        """How the weights that are evaluated and stored follow from those that are trained, if they differ."""
        return self._evaluated[0] if self._evaluated else None

    def evaluated(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Declare the weights that are evaluated and stored, where they are not those at which gradients are taken.

        The function takes `w` and any of the slots and `t`, then keyword-only hyper-parameters, all of them arrays or
        numbers as NumPy has them, and returns the weights.
        """
        self._check_form("evaluated", function, {"w", "t", *self.slots}, "w", self._evaluated)
        self._evaluated.append(function)
        return function

    @property
    def idle_form(self) -> Callable[..., Any] | None:
        """The closed form of n steps with zero gradient, if the rule declares one."""
        return self._idle[0] if self._idle else None

    def idle(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Declare the closed form of n steps with zero gradient.

        The function takes slots (and `w`), then `n`, then keyword-only hyper-parameters, and returns the sum of the n
        steps and the slots after them. It must hold for every n of 1 or more, and not depend on the step number.
        """
        if "noise" in self.arguments:
            raise ConfigError(f"{self.name} asks for noise, and so no row is ever idle: leave out its idle form.")
        self._check_form("idle", function, {"w", "n", *self.slots}, "n", self._idle)
        self._idle.append(function)
        return function

    def varying(self, names: frozenset[str]) -> Rule:
        """Return the rule for hyper-parameters of which some vary from step to step or from layer to layer.

        An idle form that takes one of them does not hold, and is left out.
        """
        form = self.idle_form
        return self if form is None or names.isdisjoint(parameters(form)[1]) else _without_idle_form(self)

    def _check_form(
        self, kind: str, function: Callable[..., Any], allowed: set[str], needed: str, forms: list[Callable[..., Any]]
    ) -> None:
        if forms:
            raise ConfigError(f"{self.name} has an {kind} form already, {forms[0].__name__}: declare one.")
        positional, keywords = parameters(function)
        if needed not in positional or not set(positional) <= allowed or not set(keywords) <= set(self.defaults):
            raise ConfigError(
                f"the {kind} form of {self.name} may ask for {', '.join(sorted(allowed))} and, after *, for "
                f"{', '.join(self.defaults)}; it asks for {', '.join([*positional, *keywords])}."
            )


@functools.cache
def _without_idle_form(rule: Rule) -> Rule:
    return dataclasses.replace(rule, _idle=[])


@overload
def rule(function: Callable[..., Any], /) -> Rule: ...


@overload
def rule(
    *,
    name: str | None = None,
    inert: bool = False,
    bounds: Mapping[str, str] = MappingProxyType({}),
    full_batch: bool = False,
    torch: str | None = None,
    optax: str | None = None,
) -> Callable[[Callable[..., Any]], Rule]: ...


def rule(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    inert: bool = False,
    bounds: Mapping[str, str] = MappingProxyType({}),
    full_batch: bool = False,
    torch: str | None = None,
    optax: str | None = None,
) -> Rule | Callable[[Callable[..., Any]], Rule]:
    """Make a `Rule` of a function, as a decorator with or without arguments.

    Positional parameters after `g` are state slots, but for those in `GIVEN`, which may be asked for by name: `w`, the
    weight, `t`, the step counted from 1, `norm` and `layer_norm`, those of the gradient and of its layer, and `noise`,
    a standard normal number for each weight, which the run's seed, the step and the place make. Keyword-only parameters
    are hyper-parameters; one of them must be `lr`. The function returns the step (w becomes w - step) and then the new
    slots, in the order of its parameters. Its body is assignments and a return, with arithmetic and NumPy functions as
    `np.sqrt`, so that the same text runs on arrays and inside the fused loop. `full_batch` says that the rule is meant
    for batches of all samples; any other size still runs.

    A hyper-parameter is a number. One that is annotated with int, as in `steps: int = 5`, is a whole number, and one
    that is annotated with bool, or has True or False for its default, is a flag; in the body, a flag is 1 or 0.

    `torch` and `optax` say how these libraries make the same optimizer, in their own words and with the names of the
    hyper-parameters, such as "torch.optim.SGD(weights, lr=lr)" and "optax.sgd(lr)"; `ravine check-optimizer` compares.

    >>> @rule(inert=True)
    ... def plain(g, *, lr):
    ...     return lr * g
    >>> plain.name, plain.slots, dict(plain.defaults)
    ('plain', (), {'lr': None})
    """

    def declare(function: Callable[..., Any]) -> Rule:
        label, positional, keywords, intervals, kinds = declared(function, name, bounds)
        if "g" not in positional:
            raise ConfigError(f"rule {label} takes no g: its gradient must be a positional parameter named g.")
        after_g = positional[positional.index("g") + 1 :]
        slots = tuple(p for p in after_g if p not in GIVEN)
        strays = set(positional) - {"g", *GIVEN} - set(slots)
        if strays:
            raise ConfigError(f"rule {label} has slots before g: {', '.join(sorted(strays))}. Slots come after g.")
        if not isinstance(inert, bool):
            raise ConfigError(f"inert of {label} is {inert!r}; it is True or False.")
        if inert and "noise" in positional:
            raise ConfigError(f"{label} asks for noise, which moves weights without a gradient: leave out inert=True.")
        for parameter in keywords:
            if parameter in GIVEN:
                raise ConfigError(f"{parameter} of {label} is given to the rule: write it before the *, after g.")
        for parameter in (*slots, *keywords):
            if parameter in (*GIVEN, "n", *TAKEN) or parameter.startswith("_"):
                raise ConfigError(
                    f"{parameter} of {label} is a name that is taken: w, t, norm, layer_norm, noise and n are the "
                    "weight, the step number, two norms, random numbers and the idle steps, and "
                    f"{', '.join(TAKEN)} and names that start with _ are the kernel's own."
                )
        twins = {library: twin for library, twin in (("torch", torch), ("optax", optax)) if twin}
        return Rule(
            label,
            function,
            tuple(positional),
            slots,
            MappingProxyType(keywords),
            intervals,
            kinds,
            inert,
            twins,
            full_batch,
        )

    return declare if function is None else declare(function)


def declared(
    function: Any, name: str | None, bounds: Mapping[str, str]
) -> tuple[str, list[str], dict[str, float | None], dict[str, str], dict[str, Kind]]:
    """Check what every rule must be.

    Return its name, its positional parameters, and the defaults, the bounds and the kinds of its hyper-parameters.
    """
    label = label_of(function, name, "rule")
    positional, keywords = parameters(function)
    if "lr" not in keywords:
        raise ConfigError(f"rule {label} takes no lr: declare the learning rate after *, as in `(g, *, lr)`.")
    given = {**BOUNDS, **folded_keys(bounds)} if isinstance(bounds, Mapping) else bounds
    intervals = bounds_of(label, "hyper-parameter", keywords, given)
    kind_of_lr = kinds_of(function)["lr"]
    if kind_of_lr != "number":
        raise ConfigError(f"lr of {label} is declared as a {kind_of_lr}: the learning rate is a number.")
    return label, positional, keywords, intervals, checked_kinds(label, function, intervals)
