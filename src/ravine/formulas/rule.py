"""What an optimizer is to ravine: a pure function of scalars, written once, whose signature is its declaration."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, MappingProxyType
from typing import Any, overload

from ravine.errors import ConfigError, shortened, unknown
from ravine.formulas.faults import telling_faults
from ravine.formulas.kinds import Kind, Value, allowed, kinds_of, number_of, shown, typed
from ravine.inputs import folded, folded_keys, plain

GIVEN = ("w", "t", "norm", "layer_norm", "noise")
"""What a rule may ask for by name beside its gradient: the weight, the number of the step, from 1, the Euclidean norms
of the whole gradient and of that of the weight's own layer, and standard normal numbers (`ravine.formulas.noise`)."""

TAKEN = ("np", "float", "abs", "min", "max")
"""Names that the text of a kernel needs itself."""

BOUNDS = {"lr": "[0, inf)"}
"""Intervals that hold for every rule."""


class Declaration:
    """What every rule has: a name, a function, and hyper-parameters with defaults, bounds and kinds."""

    name: str
    function: Callable[..., Any]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]

    @property
    def summary(self) -> str:
        """The first line of the rule's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def hyperparameters(self, given: Mapping[str, float]) -> dict[str, float]:
        """Return all hyper-parameters in declared order, as numbers: the given ones, checked, over the defaults.

        >>> from ravine.optimizers import momentum
        >>> momentum.hyperparameters({"lr": 0.1})
        {'lr': 0.1, 'alpha': 0.9}
        """
        given = folded_keys(given)
        for name in given:
            if name not in self.defaults:
                raise ConfigError(unknown(f"hyper-parameter of {self.name}", name, self.defaults))
        values = {**self.defaults, **given}
        checked: dict[str, float] = {}
        for name, value in values.items():
            if value is None:
                example = shown(self.typed({name: self.example(name)})[name])
                raise ConfigError(f"{self.name} needs a value for {name}: give one, for example {name}={example}.")
            kind, interval = self.kinds[name], self.bounds.get(name, "(-inf, inf)")
            fits = allowed(kind, interval)
            try:
                number = number_of(value, kind)
            except (TypeError, ValueError, OverflowError):
                fits = fits.replace("finite ", "")
                raise ConfigError(f"{name} of {self.name} is {shortened(plain(value))}; it must be {fits}.") from None
            if not contains(interval, number):
                raise ConfigError(f"{name} of {self.name} is {number:g}; it must be {fits}.")
            checked[name] = number
        return checked

    def typed(self, values: Mapping[str, float]) -> dict[str, Value]:
        """Return checked hyper-parameters as their user sees them: flags as True or False, whole numbers as such."""
        return {name: typed(value, self.kinds[name]) for name, value in values.items()}

    def domain(self, name: str) -> str:
        """Return which values a hyper-parameter may have: its interval, or for other kinds than numbers words."""
        kind, interval = self.kinds[name], self.bounds.get(name, "(-inf, inf)")
        return interval if kind == "number" else allowed(kind, interval)

    def example(self, name: str) -> float:
        """Return a value that a hyper-parameter may have."""
        return 1.0 if self.kinds[name] == "flag" else inside(self.bounds.get(name), self.kinds[name])

    def __call__(self, *arguments: Any, **hyperparameters: Any) -> Any:
        """Call the rule's function as written."""
        with self.telling_faults():
            return self.function(*arguments, **hyperparameters)

    @property
    def code(self) -> CodeType:
        """The code that the author of the rule wrote."""
        code: CodeType = inspect.unwrap(self.function).__code__
        return code

    @contextmanager
    def telling_faults(self, missing: str = "") -> Iterator[None]:
        """Tell whatever goes wrong in the rule's function at its line, and what to do about a key that is missing."""
        with telling_faults(f"rule {self.name}", self.function, missing):
            yield


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


def contains(interval: str, value: float) -> bool:
    """Tell whether a finite `value` lies in an interval written as in mathematics; nan and inf lie in none.

    >>> contains("[0, 1)", 0.0), contains("[0, 1)", 1.0), contains("[0, inf)", float("inf"))
    (True, False, False)
    """
    low, high = ends(interval)
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return math.isfinite(value) and above and below


def ends(interval: str) -> tuple[float, float]:
    """Return the ends of an interval.

    >>> ends("[0, inf)")
    (0.0, inf)
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    return low, high


def inside(interval: str | None, kind: Kind = "number") -> float:
    """Return a small number of an interval, of all numbers if None; nan if it holds no whole number.

    >>> inside("[0, 1)"), inside("[1, inf)"), inside(None), inside("[2, 4)", "whole number")
    (0.1, 5.0, 0.1, 2.0)
    """
    interval = "(-inf, inf)" if interval is None else interval
    low, high = ends(interval)
    if kind == "whole number":
        near = [math.floor(end) + move for end in (low, high) if math.isfinite(end) for move in (0, 1, -1)]
        return next((float(number) for number in (5, *near) if contains(interval, number)), math.nan)
    found = next((number for number in (0.1, 5.0, -5.0) if contains(interval, number)), None)
    if found is not None:
        return found
    if math.isinf(low):
        return high - 1
    return low + 0.05 if math.isinf(high) else low + 0.05 * (high - low)


def _is_interval(text: Any) -> bool:
    if not isinstance(text, str) or text[:1] not in ("[", "(") or text[-1:] not in ("]", ")"):
        return False
    try:
        low, high = ends(text)
    except ValueError:
        return False
    return low < high


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
    if not inspect.isfunction(function) or function.__name__ == "<lambda>":
        kind = "a lambda" if inspect.isfunction(function) else f"a {type(function).__name__}"
        raise ConfigError(f"a rule is a function defined with `def`, and this is {kind}: write it as one.")
    positional, keywords = parameters(function)
    label = folded(name) if isinstance(name, str) else function.__name__ if name is None else name
    if not isinstance(label, str) or not re.fullmatch(r"\w[\w-]*", label):
        raise ConfigError(f"{label!r} is no name for a rule: use letters, digits, _ and -.")
    if "lr" not in keywords:
        raise ConfigError(f"rule {label} takes no lr: declare the learning rate after *, as in `(g, *, lr)`.")
    if not isinstance(bounds, Mapping):
        raise ConfigError(
            f'the bounds of {label} are {bounds!r}; write them as {{"{next(iter(keywords))}": "[0, 1)"}}.'
        )
    intervals = {**BOUNDS, **folded_keys(bounds)}
    for bounded, interval in intervals.items():
        if bounded not in keywords:
            raise ConfigError(unknown(f"hyper-parameter of {label}", bounded, keywords))
        if not _is_interval(interval):
            raise ConfigError(f'the bounds of {bounded} of {label} are {interval!r}; write them as "[0, 1)".')
        default = keywords[bounded]
        if default is not None and not contains(interval, default):
            raise ConfigError(f"the default of {bounded} of {label} is {default:g}, and its bounds are {interval}.")
    kinds = kinds_of(function)
    _check_kinds(label, function, intervals, kinds)
    return label, positional, keywords, intervals, kinds


def _check_kinds(label: str, function: Any, bounds: Mapping[str, str], kinds: Mapping[str, Kind]) -> None:
    """Check that kinds, bounds and defaults fit each other."""
    if kinds["lr"] != "number":
        raise ConfigError(f"lr of {label} is declared as a {kinds['lr']}: the learning rate is a number.")
    for name, parameter in inspect.signature(function).parameters.items():
        kind, interval = kinds.get(name, "number"), bounds.get(name, "(-inf, inf)")
        if kind == "flag" and name in bounds:
            raise ConfigError(f"{name} of {label} is a flag, which is true or false: leave out its bounds.")
        if kind == "whole number" and math.isnan(inside(interval, kind)):
            raise ConfigError(f"{name} of {label} is a whole number, and there is none in its bounds, {interval}.")
        if name not in kinds or parameter.default is parameter.empty:
            continue
        try:
            number_of(parameter.default, kind)
        except ValueError:
            raise ConfigError(
                f"the default of {name} of {label} is {parameter.default!r}; it is declared as a {kind}, and must be "
                f"{allowed(kind, interval)}."
            ) from None


def parameters(function: Callable[..., Any]) -> tuple[list[str], dict[str, float | None]]:
    """Split a signature into positional names and keyword-only names with their defaults."""
    positional: list[str] = []
    keywords: dict[str, float | None] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            keywords[parameter.name] = None if parameter.default is parameter.empty else _number(parameter)
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            if parameter.default is not parameter.empty:
                raise ConfigError(
                    f"{parameter.name} of {function.__name__} has a default, but slots start at 0: leave it out, or "
                    "declare a hyper-parameter after *."
                )
            positional.append(parameter.name)
        else:
            stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise ConfigError(f"rule {function.__name__} takes {stars}{parameter.name}: name each parameter.")
    return positional, keywords


def _number(parameter: inspect.Parameter) -> float:
    try:
        return float(parameter.default)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(
            f"the default of {parameter.name} is {parameter.default!r}: give a number, or none at all."
        ) from None
