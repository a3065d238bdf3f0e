"""Element-wise optimizers: each is one formula, which both engines compute for every weight by itself."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, overload

from ravine.arrays import Array
from ravine.errors import ConfigError, shortened
from ravine.formulas.comparable import comparable
from ravine.formulas.declaration import parameters, signature_of
from ravine.formulas.faulty import declaring
from ravine.formulas.formula import Formula, Start, State
from ravine.formulas.given import GIVEN, OF_STAGES, TAKEN
from ravine.formulas.identity import function_text
from ravine.formulas.kinds import Kind, is_finite
from ravine.formulas.noise import Noise
from ravine.formulas.optimizer import Hyper, LossOfWeights, Optimizer, with_bounds_of_rates
from ravine.inputs import plain
from ravine.search import Axis


@dataclass(frozen=True, eq=False)
class ElementwiseOptimizer(Optimizer):
    """An optimizer that is one formula; for its attributes see `Optimizer`."""

    name: str
    function: Callable[..., Any]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]
    formula: Formula
    references: Mapping[str, str] = dataclasses.field(default_factory=dict)
    full_batch: bool = False
    search: Mapping[str, Axis | None] = dataclasses.field(default_factory=dict)
    contains: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    asks_for_loss: bool = dataclasses.field(default=False, init=False)
    searches: bool = dataclasses.field(default=False, init=False)
    by_layer: bool = dataclasses.field(default=True, init=False)

    def start(self, weights: Sequence[Array], hyper: Sequence[Hyper]) -> dict[str, Array]:
        """Return the state before the first step, `SLOT.K` for the k-th array of weights."""
        return self.formula.start(weights, hyper)

    def step(
        self,
        gradients: Sequence[Array],
        weights: Sequence[Array],
        state: State,
        t: int,
        hyper: Sequence[Hyper],
        loss: LossOfWeights | None = None,
        noise: Noise | None = None,
    ) -> tuple[list[Array], dict[str, Array]]:
        """Return the steps, and the state afterwards; see `Optimizer.step`."""
        return self.formula.apply(gradients, weights, state, t, hyper, noise)

    def evaluate(self, weights: Sequence[Array], state: State, t: int, hyper: Sequence[Hyper]) -> list[Array]:
        """Return the weights that are evaluated and stored after step t."""
        return self.formula.evaluate(weights, state, t, hyper)

    @property
    def evaluates_others(self) -> bool:
        """Whether the weights that are evaluated differ from those that are trained."""
        return self.formula.evaluated is not None

    @property
    def text(self) -> str:
        """Its text as it is now."""
        return self.formula.body().text

    def texts(self) -> list[str]:
        """Return the texts of the formula, of its lazy update and evaluated weights, and of the starts of its slots."""
        return texts_of(self.formula)

    def varying(self, names: frozenset[str]) -> ElementwiseOptimizer:
        """Return the optimizer, without its lazy update if that takes one of these hyper-parameters."""
        formula = self.formula.varying(names)
        return self if formula is self.formula else _with_formula(self, formula)


@functools.cache
def _with_formula(optimizer: ElementwiseOptimizer, formula: Formula) -> ElementwiseOptimizer:
    return dataclasses.replace(optimizer, formula=formula)


def texts_of(formula: Formula) -> list[str]:
    """Return the texts that decide what a formula computes.

    The order of the slots in the signature is one of them, since the returned values go to the slots in this order.
    So is the claim that a zero gradient changes nothing, since the fused engine relies on it.
    """
    lazy = formula.lazy_body()
    found = [formula.body().text, *([lazy.text] if lazy else []), *(["inert"] if formula.inert else [])]
    if formula.evaluated is not None:
        found.append(function_text(formula.evaluated))
    for slot in formula.slots:
        start = formula.starts.get(slot, 0.0)
        found.append(f"{slot} = {function_text(start) if callable(start) else repr(float(start))}")
    return found


@overload
def rule(function: Callable[..., Any], /) -> ElementwiseOptimizer: ...


@overload
def rule(
    *,
    name: str | None = None,
    inert: bool = False,
    bounds: Mapping[str, str] = MappingProxyType({}),
    start: Mapping[str, Start] = MappingProxyType({}),
    lazy: Callable[..., Any] | None = None,
    evaluated: Callable[..., Any] | None = None,
    full_batch: bool = False,
    torch: str | None = None,
    optax: str | None = None,
    search: Mapping[str, Axis | None] = MappingProxyType({}),
    contains: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], ElementwiseOptimizer]: ...


def rule(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    inert: bool = False,
    bounds: Mapping[str, str] = MappingProxyType({}),
    start: Mapping[str, Start] = MappingProxyType({}),
    lazy: Callable[..., Any] | None = None,
    evaluated: Callable[..., Any] | None = None,
    full_batch: bool = False,
    torch: str | None = None,
    optax: str | None = None,
    search: Mapping[str, Axis | None] = MappingProxyType({}),
    contains: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> ElementwiseOptimizer | Callable[[Callable[..., Any]], ElementwiseOptimizer]:
    """Make an optimizer of an element-wise function, as a decorator with or without arguments.

    The first parameter of the function is `g`, the gradient of a weight. Parameters with the following names get a
    given value: `w`, the weight; `t`, the number of the step, from 1; `norm`, the norm of the whole gradient;
    `layer_norm`, that of the gradient of the weight's layer; `weight_norm`, that of the layer's weights; `noise`, a
    standard normal number for each weight, a function of the run's seed, the step and the weight's place (the table
    is in `ravine.formulas.given`). All other parameters before `*` are slots: its state, one number for each weight.
    Keyword-only parameters are hyper-parameters; one of them must be `lr`. The function returns the step (w becomes w -
    step) and then the new slots, in the order of its parameters. Its body is assignments and a return, with arithmetic
    and NumPy functions such as `np.sqrt`, so that the same text runs on arrays and inside the fused loop.

    A hyper-parameter is a number. One that is annotated with int, as in `steps: int = 5`, is a whole number, and one
    that is annotated with bool, or has True or False for its default, is a flag; in the body, a flag is 1 or 0.

    Args:
        function: the function.
        name: what the command line calls it; the function's name if None.
        inert: says that a zero gradient changes neither the weight nor any slot, ever.
        bounds: each bounded hyper-parameter's interval, such as {"alpha": "[0, 1)"}.
        start: where slots start that do not start at 0: a number, as in {"v": 1e-6}, or a function that takes `w`, if
            it needs it, and keyword-only hyper-parameters.
        lazy: the closed form of n steps with zero gradient: a function that takes slots (and `w`), then `n`, then
            keyword-only hyper-parameters, and returns the sum of the n steps and the slots after them. It must hold for
            every n of 1 or more, and not depend on the step number.
        evaluated: a function that returns the weights to evaluate and store, if these are not the weights at which
            gradients are taken. It takes `w`, any of the slots and `t`, then keyword-only hyper-parameters; all of them
            are NumPy's arrays or numbers.
        full_batch: says that it is meant for batches of all samples; any other size still runs.
        torch, optax: the call that makes the reference implementation in this library, with the names of the
            hyper-parameters, such as "torch.optim.SGD(weights, lr=lr)" and "optax.sgd(lr)"; `ravine check-optimizer`
            compares the two.
        search: the axes on which hyper-parameters are searched, where these differ from the axes by kind, as
            {"lr": ravine.search.log(1e-4, 1)}; None leaves a hyper-parameter at its default. See `space_of`.
        contains: the optimizers that this one contains, as {"sgd": {"alpha": 0.0}}: at alpha = 0 it is sgd with the
            same lr, the hyper-parameter that both have. A name is one of `OPTIMIZERS` or of this file, or FILE.py:NAME.

    >>> @rule(inert=True)
    ... def plain(g, *, lr):
    ...     return lr * g
    >>> plain.name, plain.formula.slots, dict(plain.defaults)
    ('plain', (), {'lr': None})
    """

    @declaring("optimizer")
    def declare(function: Callable[..., Any]) -> ElementwiseOptimizer:
        found = signature_of("rule", function, name, bounds)
        intervals = with_bounds_of_rates(found)
        forms = {"start": start, "lazy": lazy, "evaluated": evaluated}
        label, hyper = f"rule {found.name}", tuple(found.defaults)
        made = ElementwiseOptimizer(
            found.name,
            function,
            found.defaults,
            intervals,
            found.kinds,
            declared_formula(label, function, "g", found.positional, hyper, inert, forms),
            references={library: made for library, made in (("torch", torch), ("optax", optax)) if made},
            full_batch=full_batch,
        )
        return comparable(made, search, contains)

    return declare if function is None else declare(function)


def declared_formula(
    label: str,
    function: Callable[..., Any],
    first: str,
    positional: Sequence[str],
    hyper: tuple[str, ...],
    inert: bool,
    forms: Mapping[str, Any],
) -> Formula:
    """Check the declaration of an element-wise function, and return its formula.

    `forms` has what its decorator was given for "start", "lazy" and "evaluated".
    """
    if first not in positional:
        raise ConfigError(f"{label} takes no {first}: {_WHAT[first]} must be a positional parameter named {first}.")
    behind = positional[positional.index(first) + 1 :]
    slots = tuple(p for p in behind if p not in GIVEN)
    strays = set(positional) - {first, *GIVEN} - set(slots)
    if strays:
        raise ConfigError(f"{label} has slots before {first}: {', '.join(sorted(strays))}. Slots come after {first}.")
    if not isinstance(inert, bool):
        raise ConfigError(f"inert of {label} is {inert!r}; it is True or False.")
    if inert and "noise" in positional:
        raise ConfigError(f"{label} asks for noise, which moves weights without a gradient: leave out inert=True.")
    only_of_stages = [name for name in OF_STAGES if name in positional]
    if only_of_stages and label.startswith("rule"):
        raise ConfigError(
            f"{label} asks for {only_of_stages[0]}, the norm of a step: only a stage behind the optimizer can."
        )
    for parameter in hyper:
        if parameter in GIVEN:
            raise ConfigError(f"{parameter} of {label} is given: write it before the *, after {first}.")
    for parameter in (*slots, *hyper):
        if parameter in (*GIVEN, "n", *TAKEN) or parameter.startswith("_"):
            words = "; ".join(f"{name} is {given.words}" for name, given in GIVEN.items())
            raise ConfigError(
                f"{parameter} of {label} is a name that is taken: {words}; n counts the steps of a lazy update, and "
                f"{', '.join(TAKEN)} and names that start with _ are the kernel's own."
            )
    formula = Formula(label, function, first, tuple(positional), slots, hyper, inert)
    starts = _starts(formula, forms["start"])
    lazy, evaluated = forms["lazy"], forms["evaluated"]
    if lazy is not None:
        if "noise" in positional:
            raise ConfigError(f"{label} asks for noise, which moves every row: leave out its lazy update.")
        _check_form(formula, "lazy update", lazy, {"w", "n", *slots}, "n")
    if evaluated is not None:
        _check_form(formula, "evaluated form", evaluated, {"w", "t", *slots}, "w")
    return dataclasses.replace(formula, starts=starts, lazy=lazy, evaluated=evaluated)


_WHAT = {"g": "its gradient", "step": "the step"}


def _starts(formula: Formula, start: Any) -> dict[str, Start]:
    """Check where slots are said to start, and return it with 0.0 for -0.0, as every number of a run."""
    if not isinstance(start, Mapping):
        raise ConfigError(f'start of {formula.label} is {start!r}; write it as {{"v": 1e-6}}, by the names of slots.')
    for slot, value in start.items():
        if slot not in formula.slots:
            known = ", ".join(formula.slots) or "none"
            raise ConfigError(f"{formula.label} has no slot {slot!r} to start; its slots: {known}.")
        if callable(value):
            _check_form(formula, f"start of {slot}", value, {"w"}, None)
        elif not is_finite(plain(value)):
            raise ConfigError(
                f"{slot} of {formula.label} starts at {shortened(plain(value))}; give a finite number, or a function "
                "of w and of keyword-only hyper-parameters."
            )
    return {slot: value if callable(value) else float(value) + 0.0 for slot, value in start.items()}


def _check_form(formula: Formula, kind: str, form: Callable[..., Any], allowed: set[str], needed: str | None) -> None:
    if not inspect.isfunction(form):
        raise ConfigError(f"the {kind} of {formula.label} is {shortened(plain(form))}; give a function.")
    positional, keywords = parameters(form)
    fits = set(positional) <= allowed and set(keywords) <= set(formula.hyper)
    if not fits or (needed is not None and needed not in positional):
        must = f", and must ask for {needed}" if needed else ""
        raise ConfigError(
            f"the {kind} of {formula.label} may ask for {', '.join(sorted(allowed))} and, after *, for "
            f"{', '.join(formula.hyper)}{must}; it asks for {', '.join([*positional, *keywords]) or 'nothing'}."
        )
