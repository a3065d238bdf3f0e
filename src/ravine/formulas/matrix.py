"""Optimizers that need a layer's whole matrix, or the whole gradient, to take a step.

A matrix optimizer is a pure function of all layers at once, and keeps its state in arrays of any shape. In both
engines NumPy takes its steps, since there is no loop over single weights to compile; the engine computes the gradients.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol, overload

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, shortened
from ravine.formulas.comparable import comparable
from ravine.formulas.declaration import parameters, signature_of
from ravine.formulas.faults import code_of, telling_faults
from ravine.formulas.faulty import declaring
from ravine.formulas.formula import State
from ravine.formulas.identity import function_text
from ravine.formulas.kinds import Kind, is_finite
from ravine.formulas.layers import in_layers, read_only
from ravine.formulas.noise import Noise, noise_for
from ravine.formulas.optimizer import Hyper, LossOfWeights, Optimizer, no_loss, with_bounds_of_rates
from ravine.inputs import plain
from ravine.search import Axis
from ravine.words import several

ARGUMENTS = ("gradients", "weights", "state", "t")

Start = Mapping[str, float] | Callable[..., Mapping[str, Array]]
"""Numbers by name, for arrays of the shapes of the weights; or a function of the weights that returns the state."""


class HasTexts(Protocol):
    """A thing that has texts: an optimizer, or a stage."""

    def texts(self) -> list[str]:
        """Return the texts that decide what it does."""


@dataclass(frozen=True, eq=False)
class MatrixOptimizer(Optimizer):
    """An optimizer of whole matrices; for its attributes see `Optimizer`.

    Attributes:
        asked: those of "loss" and "noise" that its function takes after `ARGUMENTS`, in this order.
        starts: the state before the first step; None if it is empty.
        evaluated: the function that returns the weights to evaluate; None if these are the trained ones.
        made_of: the optimizer and the stages of which it was composed, if it has no source of its own.
    """

    name: str
    function: Callable[..., Any]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]
    asked: tuple[str, ...] = ()
    searches: bool = False
    by_layer: bool = False
    references: Mapping[str, str] = field(default_factory=dict)
    full_batch: bool = False
    search: Mapping[str, Axis | None] = field(default_factory=dict)
    contains: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    starts: Start = field(default_factory=dict)
    evaluated: Callable[..., Any] | None = None
    made_of: tuple[HasTexts, ...] = ()
    formula: None = None

    @property
    def asks_for_loss(self) -> bool:  # type: ignore[override]
        """Whether it looks at the loss at other weights."""
        return "loss" in self.asked

    def start(self, weights: Sequence[Array], hyper: Sequence[Hyper]) -> dict[str, Array]:
        """Return the state before the first step."""
        if self.by_layer and not _same(hyper):
            layers = in_layers(weights)
            parts = [self._start_alone(w, hyper[layer]) for layer, w in enumerate(layers)]
            return {f"{layer}:{name}": value for layer, part in enumerate(parts) for name, value in part.items()}
        return self._start_alone(weights, hyper[0])

    def _start_alone(self, weights: Sequence[Array], hyper: Hyper) -> dict[str, Array]:
        if callable(self.starts):
            with np.errstate(all="ignore"), telling_faults(self.label, self.starts):
                found = _as_arrays(self.starts(read_only(weights), **_chosen(self.starts, self.typed(hyper))))
            fault = _fault_of_state(found)
            if fault:
                raise ConfigError(f"the start form of {self.label} returns {fault}; it must return arrays by name.")
            return _in_dtype(found, weights[0].dtype)
        return {
            f"{name}.{k}": np.full_like(w, value) for name, value in self.starts.items() for k, w in enumerate(weights)
        }

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
        """Return the steps, and the state afterwards; see `Optimizer.step`.

        If layers have hyper-parameters of their own, the function is called once for each layer, and each name in the
        state begins with the number of the layer, as in "0:m.0".
        """
        random = noise or noise_for(weights, 0, t)
        if _same(hyper):
            return self._step_alone(gradients, weights, state, t, hyper[0], loss or no_loss, random)
        steps: list[Array] = []
        after: dict[str, Array] = {}
        for layer, (g, w) in enumerate(zip(in_layers(gradients), in_layers(weights), strict=True)):
            of_layer, new = self._step_alone(
                g, w, _state_of(layer, state), t, hyper[layer], no_loss, _noise_of(layer, random)
            )
            steps += of_layer
            after.update({f"{layer}:{name}": value for name, value in new.items()})
        return steps, after

    def _step_alone(
        self,
        gradients: Sequence[Array],
        weights: Sequence[Array],
        state: State,
        t: int,
        hyper: Hyper,
        loss: LossOfWeights,
        noise: Noise,
    ) -> tuple[list[Array], dict[str, Array]]:
        known = {"loss": _read_only_loss(loss), "noise": lambda draw=0: read_only(noise(draw))}
        kept = dict(zip(state, read_only(state.values()), strict=True))
        asked = [read_only(gradients), read_only(weights), kept, t, *(known[name] for name in self.asked)]
        steps: Any
        after: Any
        missing = ""
        if t == 1 and not state:
            missing = "At the first step there is no state: declare start=, or use state.get(name, start)."
        with np.errstate(all="ignore"), telling_faults(self.label, self.function, missing):
            returned = self.function(*asked, **self.typed(hyper))
            steps, after = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
            steps = list(steps) if isinstance(steps, Iterable) else steps
        after = _as_arrays(after)
        fault = _fault(steps, after, weights)
        if fault:
            code = code_of(self.function)
            place = f"{code.co_filename}:{code.co_firstlineno}"
            raise ConfigError(
                f"{place}: rule {self.name} returns {fault} at step {t}; it must return a list of steps, one for each "
                "array of weights and of its shape, and a dictionary of arrays, its state."
            )
        dtype = weights[0].dtype
        with np.errstate(all="ignore"):
            return [np.asarray(step, dtype) for step in steps], _in_dtype(after, dtype)

    def evaluate(self, weights: Sequence[Array], state: State, t: int, hyper: Sequence[Hyper]) -> list[Array]:
        """Return the weights that are evaluated and stored after step t."""
        if self.evaluated is None:
            return list(weights)
        if _same(hyper):
            return self._evaluate_alone(weights, state, t, hyper[0])
        found: list[Array] = []
        for layer, w in enumerate(in_layers(weights)):
            found += self._evaluate_alone(w, _state_of(layer, state), t, hyper[layer])
        return found

    def _evaluate_alone(self, weights: Sequence[Array], state: State, t: int, hyper: Hyper) -> list[Array]:
        assert self.evaluated is not None
        with np.errstate(all="ignore"), telling_faults(self.label, self.evaluated):
            kept = dict(zip(state, read_only(state.values()), strict=True))
            found = self.evaluated(read_only(weights), kept, t, **_chosen(self.evaluated, self.typed(hyper)))
            fault = _fault_of_arrays(list(found) if isinstance(found, Iterable) else found, weights, "array")
        if fault:
            raise ConfigError(
                f"the evaluated form of {self.label} returns {fault}; it must return the weights to evaluate, a list "
                "of arrays of the shapes of the weights."
            )
        return [np.asarray(w, weights[0].dtype) for w in found]

    @property
    def evaluates_others(self) -> bool:
        """Whether the weights that are evaluated differ from those that are trained."""
        return self.evaluated is not None

    @property
    def text(self) -> str:
        """The text of its function and of everything that the function uses, with the present values."""
        return "\n".join(self.texts()) if self.made_of else function_text(self.function)

    def texts(self) -> list[str]:
        """Return the texts of its function, of its start and of its evaluated weights."""
        if self.made_of:
            return [text for part in self.made_of for text in part.texts()]
        starts = function_text(self.starts) if callable(self.starts) else repr(dict(self.starts))
        evaluated = [] if self.evaluated is None else [function_text(self.evaluated)]
        return [self.text, *([f"start = {starts}"] if self.starts else []), *evaluated]

    def varying(self, names: frozenset[str]) -> MatrixOptimizer:
        """Return the optimizer itself: it has no lazy update to leave out."""
        return self


def _same(hyper: Sequence[Hyper]) -> bool:
    """Tell whether all layers have the very same hyper-parameters."""
    return all(each is hyper[0] for each in hyper)


def _chosen(function: Callable[..., Any], hyper: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyper-parameters that a function takes; all of them if it has a ** parameter."""
    taken = inspect.signature(function).parameters.values()
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken)
    return dict(hyper) if takes_any else {p.name: hyper[p.name] for p in taken if p.kind is p.KEYWORD_ONLY}


def _fault(steps: Any, state: Any, weights: Sequence[Array]) -> str | None:
    """Say what is wrong with the steps and the state that a function returned; None if nothing is."""
    if steps is None and state is None:
        return "nothing"
    if state is None:
        return f"{type(steps).__name__} and no state"
    return _fault_of_arrays(steps, weights, "step") or _fault_of_state(state)


def _fault_of_arrays(arrays: Any, weights: Sequence[Array], what: str) -> str | None:
    """Say what is wrong with the steps or weights that a function returned; `what` is the word for one of them."""
    if not isinstance(arrays, list):
        return f"{type(arrays).__name__} in place of the {what}s"
    if len(arrays) != len(weights):
        return f"{several(len(arrays), what)} for {several(len(weights), 'array')} of weights"
    article = "an" if what == "array" else "a"
    for array, w in zip(arrays, weights, strict=True):
        if _as_array(array) is None:
            return f"{article} {what} of {_kind_of(array)}, which is no array of real numbers,"
        if np.shape(array) != w.shape:
            return f"{article} {what} of shape {np.shape(array)} for weights of shape {w.shape}"
    return None


def _fault_of_state(state: Any) -> str | None:
    """Say what is wrong with the state that a function returned; None if nothing is."""
    if not isinstance(state, dict):
        return f"{type(state).__name__} in place of the state"
    for name, value in state.items():
        if not isinstance(name, str):
            return f"a state with the name {name!r}, which is no string,"
        if _as_array(value) is None:
            return f"a state whose {name} is no array of numbers (for one array a layer, give each a name, as {name}.0)"
    return None


def _kind_of(value: Any) -> str:
    return str(getattr(value, "dtype", type(value).__name__))


def _as_arrays(state: Any) -> Any:
    """Return a state with arrays in place of bare numbers, which a checkpoint never gives back."""
    return {name: _as_array(value) for name, value in state.items()} if isinstance(state, Mapping) else state


def _in_dtype(state: Mapping[str, Array], dtype: np.dtype[Any]) -> dict[str, Array]:
    """Return a state whose floating-point numbers are of a dtype."""
    with np.errstate(all="ignore"):
        return {n: v.astype(dtype, copy=False) if v.dtype.kind == "f" else v for n, v in state.items()}


def _as_array(value: Any) -> Array | None:
    """Return numbers as an array of one dimension at least, None if they are no real numbers or fit in no array."""
    try:
        array = np.atleast_1d(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "fiub" else None


def _state_of(layer: int, state: State) -> dict[str, Array]:
    mark = f"{layer}:"
    return {name.removeprefix(mark): value for name, value in state.items() if name.startswith(mark)}


def _read_only_loss(loss: LossOfWeights) -> LossOfWeights:
    """Return the loss with gradients to read: at the present weights they are those that the rule is given."""

    def read(weights: Sequence[Array]) -> tuple[float, list[Array]]:
        value, gradients = loss(weights)
        return value, read_only(gradients)

    return read


def _noise_of(layer: int, noise: Noise) -> Noise:
    return lambda draw=0: in_layers(noise(draw))[layer]


@overload
def matrix_rule(function: Callable[..., Any], /) -> MatrixOptimizer: ...


@overload
def matrix_rule(
    *,
    name: str | None = None,
    bounds: Mapping[str, str] = MappingProxyType({}),
    start: Start = MappingProxyType({}),
    evaluated: Callable[..., Any] | None = None,
    full_batch: bool = False,
    searches: bool = False,
    by_layer: bool = False,
    torch: str | None = None,
    optax: str | None = None,
    search: Mapping[str, Axis | None] = MappingProxyType({}),
    contains: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> Callable[[Callable[..., Any]], MatrixOptimizer]: ...


def matrix_rule(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    bounds: Mapping[str, str] = MappingProxyType({}),
    start: Start = MappingProxyType({}),
    evaluated: Callable[..., Any] | None = None,
    full_batch: bool = False,
    searches: bool = False,
    by_layer: bool = False,
    torch: str | None = None,
    optax: str | None = None,
    search: Mapping[str, Axis | None] = MappingProxyType({}),
    contains: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> MatrixOptimizer | Callable[[Callable[..., Any]], MatrixOptimizer]:
    """Make an optimizer of a function of whole matrices, as a decorator with or without arguments.

    The function takes `gradients` and `weights`, lists of the layers' matrices, each of shape (i, o), followed in a
    network with biases by the layer's bias, of shape (o,); `state`, the arrays by name that it returned at the step
    before; and `t`, the number of the step, from 1. If it also takes `loss`, it gets a function that returns the
    batch's mean loss and the gradients at any other weights. If it takes `noise`, it gets a function that returns
    standard normal numbers in the shapes of the weights, a function of the run's seed and the step; `noise(1)`,
    `noise(2)`, .. return others. Keyword-only parameters are hyper-parameters, declared as those of `rule`; one of them
    must be `lr`. A whole number comes as an int and a flag as a bool. The function returns the list of steps (each w
    becomes w - step) and the new state; ravine brings both to the dtype of the weights. It must not change its
    arguments. It may use any Python and NumPy that gives the same result in every run: no random numbers of another
    source, no clock, no order of a set.

    Args:
        function: the function.
        name, bounds, full_batch: as for `rule`.
        start: the state before the first step: a function of the weights, and of keyword-only hyper-parameters, that
            returns it; or numbers by name, as {"m": 0.0}, which become the arrays m.0, m.1, .. of the shapes of the
            weights. Without it the state is empty at the first step.
        evaluated: a function of the weights, the state and t, and of keyword-only hyper-parameters, that returns the
            weights to evaluate and store, if these are not the trained ones.
        searches: says that the function searches for the length of each step itself, and that lr is only the first
            length that it tries.
        by_layer: says that each layer's steps depend on that layer alone: layers may then have hyper-parameters of
            their own, for which the function is called once a layer.
        search, contains: as for `rule`.
        torch, optax: as for `rule`. PyTorch is given the matrices as it has them, (o, i).

    >>> @matrix_rule
    ... def normalized(gradients, weights, state, t, *, lr=0.1):
    ...     return [lr * g / np.linalg.norm(g) for g in gradients], {}
    >>> normalized.step([np.array([3.0, 4.0])], [np.zeros(2)], {}, 1, [{"lr": 1.0}])
    ([array([0.6, 0.8])], {})
    """

    @declaring("optimizer")
    def declare(function: Callable[..., Any]) -> MatrixOptimizer:
        found = signature_of("rule", function, name, bounds)
        if found.positional not in [(*ARGUMENTS, *more) for more in ((), ("loss",), ("noise",), ("loss", "noise"))]:
            raise ConfigError(
                f"rule {found.name} takes {', '.join(found.positional) or 'nothing'}; a matrix rule takes "
                f"{', '.join(ARGUMENTS)}, in this order, and after them loss, noise, or both, if it needs them."
            )
        _check_start(found.name, start)
        if callable(start):
            _check_form(found.name, "start", start, ("weights",), found.defaults)
        if evaluated is not None:
            _check_form(found.name, "evaluated form", evaluated, ("weights", "state", "t"), found.defaults)
        made = MatrixOptimizer(
            found.name,
            function,
            found.defaults,
            with_bounds_of_rates(found),
            found.kinds,
            asked=found.positional[len(ARGUMENTS) :],
            searches=searches,
            by_layer=by_layer,
            references={library: made for library, made in (("torch", torch), ("optax", optax)) if made},
            full_batch=full_batch,
            starts=start if callable(start) else MappingProxyType(_numbers(start)),
            evaluated=evaluated,
        )
        return comparable(made, search, contains)

    return declare if function is None else declare(function)


def _check_start(label: str, start: Any) -> None:
    if callable(start):
        return
    if not isinstance(start, Mapping):
        raise ConfigError(
            f'start of rule {label} is {shortened(plain(start))}; write numbers by name, as {{"m": 0.0}}, or give a '
            "function of the weights."
        )
    for name, value in start.items():
        if not isinstance(name, str) or not is_finite(plain(value)):
            raise ConfigError(f"{name} of rule {label} starts at {shortened(plain(value))}; give a finite number.")


def _numbers(start: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers that a state starts at, one form for equal ones: 1.0 for 1, and 0.0 for -0.0."""
    return {name: float(value) + 0.0 for name, value in start.items()}


def _check_form(
    label: str, kind: str, form: Callable[..., Any], arguments: tuple[str, ...], hyper: Mapping[str, Any]
) -> None:
    if not inspect.isfunction(form):
        raise ConfigError(f"the {kind} of {label} is {shortened(plain(form))}; give a function, such as a `def` makes.")
    positional, keywords = parameters(form)
    if tuple(positional) != arguments or not set(keywords) <= set(hyper):
        raise ConfigError(
            f"the {kind} of {label} takes {', '.join([*positional, *keywords]) or 'nothing'}; it must take "
            f"{', '.join(arguments)} and, after *, any of {', '.join(hyper)}."
        )
