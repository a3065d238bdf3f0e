"""The second kind of rule: one that needs a layer's whole matrix, or the whole gradient, to take a step.

It is a pure function too, of all layers at once, and keeps its state in arrays of any shape. Both engines run it in
NumPy, since there is no loop over single weights to compile, and compute its gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn, overload

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, several
from ravine.formulas.declaration import Declaration
from ravine.formulas.kinds import Kind
from ravine.formulas.noise import Noise, noise_for
from ravine.formulas.rule import Rule, declared

ARGUMENTS = ("gradients", "weights", "state", "t")

State = Mapping[str, Array]
Loss = Callable[[Sequence[Array]], tuple[float, list[Array]]]
"""The batch's mean loss and its gradients at given weights."""

Evaluated = Callable[[Sequence[Array], State, int, Mapping[str, float]], list[Array]]


@dataclass(frozen=True, eq=False)
class WholeRule(Declaration):
    """One optimizer whose state or step is not element-wise.

    Attributes:
        name, function, defaults, bounds, kinds, twins, full_batch: as those of a `Rule`.
        asks_for_loss: it takes the batch's loss, to look at other weights before it takes a step.
        asks_for_noise: it takes random numbers that the run's seed makes.
        searches: it looks for the length of its steps itself; lr is but the first that it tries.
        by_layer: the step of a layer depends on that layer's gradients, weights and state alone.
        evaluated_form: the weights that are evaluated and stored, if they are others than those that are trained.
        made_of: the rule and the functions of which one was put together that has no source of its own.
    """

    name: str
    function: Callable[..., Any]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]
    asks_for_loss: bool
    searches: bool = False
    by_layer: bool = False
    twins: Mapping[str, str] = field(default_factory=dict)
    full_batch: bool = False
    evaluated_form: Evaluated | None = None
    made_of: tuple[Any, ...] = ()
    asks_for_noise: bool = False

    def step(
        self,
        gradients: Sequence[Array],
        weights: Sequence[Array],
        state: State,
        t: int,
        loss: Loss,
        hyper: Mapping[str, float],
        noise: Noise | None = None,
    ) -> tuple[list[Array], dict[str, Array]]:
        """Return what to subtract from each of the weights, and the state afterwards, in the dtype of the weights.

        Without `noise` a rule that asks for it gets that of the seed 0.
        """
        known = {"loss": loss, "noise": noise or noise_for(weights, 0, t)}
        asked = [gradients, weights, state, t, *(known[name] for name in self.asked)]
        steps: Any
        after: Any
        missing = "" if state else "At the first step there is no state: use state.get(name, start)."
        with np.errstate(all="ignore"), self.telling_faults(missing):
            returned = self.function(*asked, **self.typed(hyper))
            steps, after = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, None)
            steps = list(steps) if isinstance(steps, Iterable) else steps
        # A checkpoint gives arrays back, and never bare numbers.
        after = {name: _as_array(v) for name, v in after.items()} if isinstance(after, Mapping) else after
        fault = _fault(steps, after, weights)
        if fault:
            place = f"{self.code.co_filename}:{self.code.co_firstlineno}"
            raise ConfigError(
                f"{place}: rule {self.name} returns {fault} at step {t}; it must return a list of steps, one for each "
                "array of weights and of its shape, and a dictionary of arrays, its state."
            )
        dtype = weights[0].dtype
        with np.errstate(all="ignore"):
            steps = [np.asarray(step, dtype) for step in steps]
            after = {n: v.astype(dtype, copy=False) if v.dtype.kind == "f" else v for n, v in after.items()}
        return steps, after

    @property
    def asked(self) -> tuple[str, ...]:
        """What it takes beside `ARGUMENTS`, in this order."""
        return (*(["loss"] if self.asks_for_loss else []), *(["noise"] if self.asks_for_noise else []))

    def step_by_layer(
        self,
        gradients: Sequence[Array],
        weights: Sequence[Array],
        state: State,
        t: int,
        hyper: Sequence[Mapping[str, float]],
        noise: Noise | None = None,
    ) -> tuple[list[Array], dict[str, Array]]:
        """Do as `step`, with hyper-parameters for each layer; the state has the layer before each name, as "0:m.0"."""
        steps: list[Array] = []
        after: dict[str, Array] = {}
        whole = noise_for(weights, 0, t)
        for layer, (g, w) in enumerate(zip(in_layers(gradients), in_layers(weights), strict=True)):
            of_layer, new = self.step(
                g, w, _state_of(layer, state), t, no_loss, hyper[layer], _of_layer(layer, noise or whole)
            )
            steps += of_layer
            after.update({f"{layer}:{name}": value for name, value in new.items()})
        return steps, after

    def evaluated_by_layer(
        self, weights: Sequence[Array], state: State, t: int, hyper: Sequence[Mapping[str, float]]
    ) -> list[Array]:
        """Return the weights that are evaluated after step t, with hyper-parameters for each layer."""
        found: list[Array] = []
        for layer, w in enumerate(in_layers(weights)):
            found += self.evaluated(w, _state_of(layer, state), t, hyper[layer])
        return found

    def evaluated(self, weights: Sequence[Array], state: State, t: int, hyper: Mapping[str, float]) -> list[Array]:
        """Return the weights that are evaluated after step t."""
        return list(weights) if self.evaluated_form is None else self.evaluated_form(weights, state, t, hyper)


AnyRule = Rule | WholeRule


def _fault(steps: Any, state: Any, weights: Sequence[Array]) -> str | None:
    """Say what is wrong with what a rule returned, None if it is what it must be."""
    if steps is None and state is None:
        return "nothing"
    if state is None:
        return f"{type(steps).__name__} and no state"
    if not isinstance(steps, list):
        return f"{type(steps).__name__} in place of the steps"
    if len(steps) != len(weights):
        return f"{several(len(steps), 'step')} for {several(len(weights), 'array')} of weights"
    for step, w in zip(steps, weights, strict=True):
        found = _as_array(step)
        if found is None:
            return f"a step of {_kind_of(step)}, which is no array of real numbers,"
        if np.shape(step) != w.shape:
            return f"a step of shape {np.shape(step)} for weights of shape {w.shape}"
    if not isinstance(state, dict):
        return f"{type(state).__name__} in place of the state"
    for name, value in state.items():
        if not isinstance(name, str):
            return f"a state with the name {name!r}, which is no string,"
        if value is None:
            return f"a state whose {name} is no array of numbers (for one array a layer, give each a name, as {name}.0)"
    return None


def _kind_of(value: Any) -> str:
    return str(getattr(value, "dtype", type(value).__name__))


def _as_array(value: Any) -> Array | None:
    """Return numbers as an array of one dimension at least, None if they are no real numbers or fit in no array."""
    try:
        array = np.atleast_1d(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "fiub" else None


def in_layers(arrays: Sequence[Array]) -> list[list[Array]]:
    """Group arrays by layer: a matrix begins one, and its bias may follow.

    >>> [len(layer) for layer in in_layers([np.zeros((3, 2)), np.zeros(2), np.zeros((2, 1))])]
    [2, 1]
    """
    layers: list[list[Array]] = []
    for array in arrays:
        if array.ndim > 1 or not layers:
            layers.append([])
        layers[-1].append(array)
    return layers


def _state_of(layer: int, state: State) -> dict[str, Array]:
    mark = f"{layer}:"
    return {name.removeprefix(mark): value for name, value in state.items() if name.startswith(mark)}


def _of_layer(layer: int, noise: Noise) -> Noise:
    return lambda draw=0: in_layers(noise(draw))[layer]


def no_loss(weights: Sequence[Array]) -> NoReturn:
    """Stand for the loss where a rule that does not ask for it takes a step."""
    raise NotImplementedError("there is no loss here")


@overload
def whole_rule(function: Callable[..., Any], /) -> WholeRule: ...


@overload
def whole_rule(
    *,
    name: str | None = None,
    bounds: Mapping[str, str] = MappingProxyType({}),
    full_batch: bool = False,
    searches: bool = False,
    by_layer: bool = False,
    torch: str | None = None,
    optax: str | None = None,
) -> Callable[[Callable[..., Any]], WholeRule]: ...


def whole_rule(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    bounds: Mapping[str, str] = MappingProxyType({}),
    full_batch: bool = False,
    searches: bool = False,
    by_layer: bool = False,
    torch: str | None = None,
    optax: str | None = None,
) -> WholeRule | Callable[[Callable[..., Any]], WholeRule]:
    """Make a `WholeRule` of a function, as a decorator with or without arguments.

    The function takes `gradients` and `weights`, lists of the layers' matrices, each of shape (i, o), behind each of
    them, in a network with biases, the bias, of shape (o,); `state`, the arrays by name that it returned at the step
    before, none at first; and `t`, the step counted from 1. One that also takes `loss` gets a function that returns the
    batch's mean loss and the gradients at any other weights; one that takes `noise` a function that returns standard
    normal numbers in the shapes of the weights, made of the run's seed and the step; called with 1, 2, .. it returns
    others. Keyword-only parameters are hyper-parameters, of kinds that are declared as those of `rule` are; one of them
    must be `lr`. The function gets a whole number as an int and a flag as a bool. It returns the list of steps (each w
    becomes w - step) and the new state, which are brought to the dtype of the weights, and changes nothing that it was
    given. Any Python and NumPy will do, but for what differs from run to run: random numbers of another source, the
    clock, the order of a set.

    `torch`, `optax` and `full_batch` are those of `rule`. PyTorch is given the matrices as it has them, (o, i).
    `searches` says that the function looks for the length of its steps itself, and that lr is but the first that it
    tries. `by_layer` says that each layer's steps depend on that layer alone: layers may then have hyper-parameters of
    their own, for which the function is called once a layer.

    >>> @whole_rule
    ... def normalized(gradients, weights, state, t, *, lr=0.1):
    ...     return [lr * g / np.linalg.norm(g) for g in gradients], {}
    >>> normalized.step([np.array([3.0, 4.0])], [np.zeros(2)], {}, 1, None, {"lr": 1.0})
    ([array([0.6, 0.8])], {})
    """

    def declare(function: Callable[..., Any]) -> WholeRule:
        label, positional, keywords, intervals, kinds = declared(function, name, bounds)
        if tuple(positional) not in [(*ARGUMENTS, *more) for more in ((), ("loss",), ("noise",), ("loss", "noise"))]:
            raise ConfigError(
                f"rule {label} takes {', '.join(positional) or 'nothing'}; a whole rule takes {', '.join(ARGUMENTS)}, "
                "in this order, and behind them loss, noise, or both, if it needs them."
            )
        twins = {library: twin for library, twin in (("torch", torch), ("optax", optax)) if twin}
        return WholeRule(
            label,
            function,
            MappingProxyType(keywords),
            intervals,
            kinds,
            asks_for_loss="loss" in positional,
            asks_for_noise="noise" in positional,
            searches=searches,
            by_layer=by_layer,
            twins=twins,
            full_batch=full_batch,
        )

    return declare if function is None else declare(function)


def element_wise(rule: AnyRule, where: str, instead: str) -> Rule:
    """Return a rule that is of the first kind; of one that is not, say that it cannot be used here, and what can."""
    if isinstance(rule, WholeRule):
        raise ConfigError(f"{rule.name} steps with whole matrices, and {where} has element-wise rules only: {instead}.")
    return rule


def flattened(arrays: Sequence[Array]) -> Array:
    """Return all numbers of some arrays as one vector."""
    return np.concatenate([array.ravel() for array in arrays])


def shaped(vector: Array, like: Sequence[Array]) -> list[Array]:
    """Cut a vector that `flattened` made into arrays of the same shapes as before.

    >>> [part.tolist() for part in shaped(np.arange(3), [np.zeros((1, 2)), np.zeros(1)])]
    [[[0, 1]], [2]]
    """
    parts = np.split(vector, np.cumsum([array.size for array in like])[:-1])
    return [part.reshape(array.shape) for part, array in zip(parts, like, strict=True)]


def eigenvectors(matrix: Array) -> tuple[Array, Array]:
    """Return the eigenvalues of a symmetric matrix, the largest first, and in columns its eigenvectors, in its dtype.

    They are computed in double precision. Those of a matrix that is not finite are not a number: a run that leaves the
    finite numbers ends with a cause, and not in LAPACK.
    """
    if not np.isfinite(matrix).all():
        return np.full(len(matrix), np.nan, matrix.dtype), np.full_like(matrix, np.nan)
    values, vectors = np.linalg.eigh(matrix.astype(np.float64))
    return values[::-1].astype(matrix.dtype), vectors[:, ::-1].astype(matrix.dtype)


def orthonormal(matrix: Array) -> Array:
    """Return the orthogonal factor of a square matrix, in its dtype; NumPy computes it in double precision."""
    known = matrix.astype(np.float64) if matrix.dtype == np.longdouble else matrix
    return np.linalg.qr(known).Q.astype(matrix.dtype, copy=False)
