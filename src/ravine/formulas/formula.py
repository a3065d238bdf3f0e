"""A formula: an element-wise function of a gradient or a step, written once as mathematics.

Letters: n weights of a layer. Its text is computed here on whole arrays, layer by layer, by NumPy; the fused engine
compiles the same text.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, shortened
from ravine.formulas.declaration import parameters
from ravine.formulas.faults import code_of, telling_faults
from ravine.formulas.given import GIVEN
from ravine.formulas.ieee import as_ieee, function_of, plain_text
from ravine.formulas.layers import in_layers, joined, norms, read_only, shaped
from ravine.formulas.noise import Noise, noise_for
from ravine.formulas.source import Body, read

State = Mapping[str, Array]
"""The arrays that an optimizer keeps from step to step, by name."""

Start = float | Callable[..., Any]
"""Where a slot starts: a number, or a function of `w` and of keyword-only hyper-parameters."""

Norms = tuple[Any, Sequence[Any]]
"""The norm of a gradient, and those of its layers."""

NORM_OF = "_norm_of"
"""The function that a joined text calls to get the norm of a layer's step."""


@dataclass(frozen=True, eq=False)
class Formula:
    """An element-wise function as ravine computes it, with its lazy update, its starts and its evaluated weights.

    Attributes:
        label: its name in messages, such as "rule momentum".
        function: the function that was declared.
        first: the name of its first parameter, which it changes: "g" or "step".
        arguments: its positional parameters in order: `first`, the slots, and the names of `GIVEN` that it asks for.
        slots: names of the state, each one number a weight.
        hyper: names of its hyper-parameters, in order.
        inert: whether a zero gradient changes neither the weight nor any slot, ever.
        starts: by the name of a slot, where it starts, for slots that do not start at 0.
        lazy: its lazy update, the closed form of n steps with zero gradient; None if it has none.
        evaluated: the function that returns the weights to evaluate and store; None if these are the trained ones.
        joined: the text, if it was joined from several formulas and so has no source of its own.
        averaging: of these formulas, the one that declares `evaluated`; None if it was not joined.
    """

    label: str
    function: Callable[..., Any]
    first: str
    arguments: tuple[str, ...]
    slots: tuple[str, ...]
    hyper: tuple[str, ...]
    inert: bool = False
    starts: Mapping[str, Start] = field(default_factory=dict)
    lazy: Callable[..., Any] | None = None
    evaluated: Callable[..., Any] | None = None
    joined: Body | None = None
    averaging: Part | None = None

    def body(self) -> Body:
        """Return the text, with the numbers that its module holds now."""
        return self.joined or read(self.function, self.label, self.first, self.slots, self.hyper)

    def lazy_body(self) -> Body | None:
        """Return the text of the closed form of n steps with zero gradient, None if there is none."""
        return self.lazy and read(self.lazy, self.label, "w", self.slots, self.hyper)

    @property
    def name(self) -> str:
        """Its name alone, without the word for its kind."""
        return self.label.partition(" ")[2]

    @property
    def file(self) -> str | None:
        """The file that holds its text, None if it was joined from several formulas."""
        return None if self.joined else code_of(self.function).co_filename

    @property
    def asks(self) -> frozenset[str]:
        """The names of `GIVEN` that it asks for."""
        return frozenset(self.arguments) & frozenset(GIVEN)

    @property
    def compiles(self) -> bool:
        """Whether the fused engine can compile it: its kernel has every given value that it asks for."""
        return all(GIVEN[name].compiled for name in self.asks) and NORM_OF not in self.body().text

    def varying(self, names: frozenset[str]) -> Formula:
        """Return the formula for hyper-parameters of which some vary from step to step or from layer to layer.

        A lazy update that takes one of them does not hold, and is left out.
        """
        return self if self.lazy is None or names.isdisjoint(parameters(self.lazy)[1]) else _without_lazy(self)

    def start(self, weights: Sequence[Array], hyper: Sequence[Mapping[str, float]]) -> dict[str, Array]:
        """Return the state before the first step, `SLOT.K` for the k-th array of weights.

        `hyper` has the hyper-parameters of each layer.
        """
        state: dict[str, Array] = {}
        for layer, places in enumerate(_places(weights)):
            like = [weights[k] for k in places]
            for slot in self.slots:
                start = self._start_of(slot, joined(like), hyper[layer])
                state.update(zip((f"{slot}.{k}" for k in places), shaped(start, like), strict=True))
        return state

    def _start_of(self, slot: str, w: Array, hyper: Mapping[str, float]) -> Array:
        start = self.starts.get(slot, 0.0)
        with np.errstate(all="ignore"):
            value = self._called(start, {"w": read_only([w])[0]}, hyper) if callable(start) else start
            return self._like(value, w, f"the start of {slot}").copy()

    def apply(
        self,
        values: Sequence[Array],
        weights: Sequence[Array],
        state: State,
        t: int,
        hyper: Sequence[Mapping[str, float]],
        noise: Noise | None = None,
        gradient_norms: Norms | None = None,
    ) -> tuple[list[Array], dict[str, Array]]:
        """Return the values of the formula at step t and the state afterwards, in the dtype of the weights.

        `values` are gradients, or for a stage of the step, steps. `hyper` has the hyper-parameters of each layer.
        Without `gradient_norms`, the norms are those of `values`; without `noise`, the noise is that of the seed 0.
        """
        take = self.taker()
        changed: list[Array] = []
        after: dict[str, Array] = {}
        places = _places(weights)
        norm, layer_norms = gradient_norms or self._norms([[values[k] for k in layer] for layer in places])
        random = (noise or noise_for(weights, 0, t))() if "noise" in self.asks else None
        for layer, indices in enumerate(places):
            like = [weights[k] for k in indices]
            w = joined(like)
            given = {
                self.first: joined([values[k] for k in indices]),
                "w": w,
                "t": float(t),
                "norm": norm,
                "layer_norm": layer_norms[layer],
                "weight_norm": norm_of(w) if "weight_norm" in self.asks else 0.0,
                "noise": None if random is None else joined([random[k] for k in indices]),
                **{slot: joined([state[f"{slot}.{k}"] for k in indices]) for slot in self.slots},
            }
            value, slots = take(given, hyper[layer])
            changed += shaped(self._like(value, w, "the step"), like)
            for slot, kept in slots.items():
                parts = shaped(self._like(kept, w, slot), like)
                after.update(zip((f"{slot}.{k}" for k in indices), parts, strict=True))
        return changed, after

    def _norms(self, layers: Sequence[Sequence[Array]]) -> Norms:
        """Return the norms of a gradient, zeros if they are not asked for."""
        return (0.0, [0.0] * len(layers)) if self.asks.isdisjoint({"norm", "layer_norm"}) else norms(layers)

    def evaluate(
        self, weights: Sequence[Array], state: State, t: int, hyper: Sequence[Mapping[str, float]]
    ) -> list[Array]:
        """Return the weights that are evaluated after step t; `hyper` has the hyper-parameters of each layer."""
        if self.evaluated is None:
            return list(weights)
        if self.averaging is not None:
            part, count = self.averaging, len(weights)
            own = {f"{slot}.{k}": state[f"{part.slot(slot)}.{k}"] for slot in part.formula.slots for k in range(count)}
            return part.formula.evaluate(weights, own, t, hyper)
        found: list[Array] = []
        for layer, indices in enumerate(_places(weights)):
            like = [weights[k] for k in indices]
            slots = [joined([state[f"{slot}.{k}"] for k in indices]) for slot in self.slots]
            w, *kept = read_only([joined(like), *slots])
            known = {"w": w, "t": float(t), **dict(zip(self.slots, kept, strict=True))}
            with np.errstate(all="ignore"):
                value = self._called(self.evaluated, known, hyper[layer])
            if np.iscomplexobj(value):
                raise ConfigError(f"the evaluated form of {self.label} returns complex numbers; weights are real.")
            found += shaped(self._like(value, w, "the evaluated form"), like)
        return found

    def closed(
        self, w: Array, state: Mapping[str, Array], n: int, hyper: Mapping[str, float]
    ) -> tuple[Any, dict[str, Any]]:
        """Return the sum of n steps with zero gradient and the slots after them, by the lazy update."""
        assert self.lazy is not None
        with np.errstate(all="ignore"):
            found = self._called(self.lazy, {"w": w, "n": n, **state}, hyper)
        step, *slots = found if isinstance(found, tuple) else (found,)
        return step, dict(zip(self.slots, slots, strict=True))

    def taker(self) -> Callable[[Mapping[str, Any], Mapping[str, float]], tuple[Any, dict[str, Any]]]:
        """Return a function that computes the text, as it is now, on whole arrays.

        Its arguments are the formula's positional arguments by name, and hyper-parameters, among which there may be
        others than the formula's; it returns the value and the slots.

        >>> from ravine.optimizers.momentum import momentum
        >>> momentum.formula.taker()({"g": np.ones(2), "v": np.zeros(2)}, {"lr": 0.1, "alpha": 0.9})
        (array([0.1, 0.1]), {'v': array([0.1, 0.1])})
        """
        computed = _computed(self, self.body())

        def take(given: Mapping[str, Any], hyper: Mapping[str, float]) -> tuple[Any, dict[str, Any]]:
            with np.errstate(all="ignore"), telling_faults(self.label, self.function):
                value, *slots = computed(
                    *(given[name] for name in self.arguments), **{name: hyper[name] for name in self.hyper}
                )
            return value, dict(zip(self.slots, slots, strict=True))

        return take

    def _called(self, form: Callable[..., Any], known: Mapping[str, Any], hyper: Mapping[str, float]) -> Any:
        """Call the lazy update, a start or the evaluated form with the arguments that it asks for by name."""
        positional, keywords = parameters(form)
        with telling_faults(self.label, form):
            return as_ieee(form)(*(known[name] for name in positional), **{name: hyper[name] for name in keywords})

    def _like(self, value: Any, w: Array, what: str) -> Array:
        """Return a value in the shape and dtype of the weights of a layer, (n,)."""
        if np.iscomplexobj(value):
            raise ConfigError(f"{self.label}: {what} has complex numbers; weights are real.")
        try:
            with np.errstate(all="ignore"):
                array = np.asarray(value, w.dtype)
        except (TypeError, ValueError):
            array = None
        if value is None or array is None:  # NumPy takes None for nan
            raise ConfigError(f"{self.label}: {what} is {shortened(value)}, which is no number.")
        if array.shape not in (w.shape, ()):
            raise ConfigError(
                f"{self.label}: {what} has shape {array.shape} for weights of shape {w.shape}; it must be one number "
                "for each weight, or one for all."
            )
        return array if array.shape == w.shape else np.broadcast_to(array, w.shape)


@dataclass(frozen=True)
class Part:
    """One formula of several that are joined.

    Attributes:
        name: a prefix for its names, so that no other part has them; None for the optimizer, which keeps its names.
        formula: the formula.
        ahead: whether no learning rate applies to it, since it stands before an optimizer and was written to stand
            behind one. Its lr is 1.
    """

    name: str | None
    formula: Formula
    ahead: bool = False

    def slot(self, slot: str) -> str:
        """Return the name of a slot in the joined formula."""
        return slot if self.name is None else f"{self.name}_{slot}"


def norm_of(layer: Array) -> Any:
    """Return the Euclidean norm of all numbers of a layer, (n,), in their dtype."""
    return norms([[layer]])[0]


def _places(weights: Sequence[Array]) -> list[list[int]]:
    """Return the indices of each layer's arrays."""
    numbers = iter(range(len(weights)))
    return [[next(numbers) for _ in layer] for layer in in_layers(weights)]


@functools.cache
def _without_lazy(formula: Formula) -> Formula:
    return dataclasses.replace(formula, lazy=None)


@functools.cache
def _computed(formula: Formula, body: Body) -> Callable[..., tuple[Any, ...]]:
    """Return the text of a formula as a function."""
    lines = [f"{name} = {plain_text(value)}" for name, value in body.assignments]
    lines.append(f"return ({', '.join(map(plain_text, body.results))},)")
    parameters = (
        f"{', '.join(formula.arguments)}, *, {', '.join(formula.hyper)}"
        if formula.hyper
        else ", ".join(formula.arguments)
    )
    return function_of(parameters, lines, **{NORM_OF: norm_of})
