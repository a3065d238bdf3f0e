"""An optimizer with stages before and behind it, put together as one optimizer.

With an element-wise optimizer, all stages are joined with the optimizer into one formula, which the fused engine
compiles. With a matrix optimizer, the stages before it are joined into one formula and those behind it into another,
and NumPy computes both.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.comparable import comparable
from ravine.formulas.elementwise import ElementwiseOptimizer
from ravine.formulas.faulty import declaring
from ravine.formulas.formula import Part, State
from ravine.formulas.join import join
from ravine.formulas.layers import in_layers, norms
from ravine.formulas.matrix import MatrixOptimizer
from ravine.formulas.names import allowed_names, no_hyperparameter, stage_of
from ravine.formulas.optimizer import Hyper, LossOfWeights, Optimizer, no_loss
from ravine.formulas.shelves import STAGES
from ravine.formulas.stage import Stage, placed
from ravine.inputs import folded_keys
from ravine.search import Axis


def with_stages(optimizer: Optimizer, hyperparameters: Mapping[str, Any], stages: Sequence[Stage] = ()) -> Optimizer:
    """Return the optimizer with the given stages, and with ravine's own stages whose hyper-parameters are given.

    If the optimizer and one of ravine's own stages have a hyper-parameter of the same name, the value is the
    optimizer's, and the stage is not added.

    Raises:
        ConfigError: neither the optimizer nor a stage has a hyper-parameter of that name, two stages have one name, or
            a given stage has a hyper-parameter that the optimizer or another stage has too.

    >>> from ravine.optimizers.adam import adam
    >>> with_stages(adam, {"weight_decay": 0.01}).defaults["weight_decay"] is None
    True
    >>> with_stages(adam, {"beta1": 0.8}) is adam
    True
    """
    hyperparameters = folded_keys(hyperparameters)
    known = allowed_names(optimizer, stages)
    for name in hyperparameters:
        if name not in known:
            raise ConfigError(no_hyperparameter(f"hyper-parameter of {optimizer.name}", name, optimizer, stages))
    given = {name for stage in stages for name in stage.defaults}
    wanted = [name for name in hyperparameters if name not in optimizer.defaults and name not in given]
    found = sorted({*stages, *(stage for name in wanted if (stage := stage_of(name)) is not None)}, key=placed)
    for stage in found:
        if sum(other.name == stage.name for other in found) > 1:
            raise ConfigError(f"two stages are called {stage.name}: give one of them another name.")
    return compose(optimizer, tuple(found)) if found else optimizer


def compose(optimizer: Optimizer, stages: tuple[Stage, ...]) -> Optimizer:
    """Return the optimizer with these stages, in this order, each on the side that it is written for."""
    before, behind = (tuple(s for s in stages if s.formula.first == first) for first in ("g", "step"))
    return _remembered(optimizer, before, behind, tuple(s.formula.body().text for s in stages), optimizer.text)


@functools.cache
def _remembered(
    optimizer: Optimizer, before: tuple[Stage, ...], behind: tuple[Stage, ...], texts: tuple[str, ...], text: str
) -> Optimizer:
    """Compose each optimizer once; its texts change with the numbers of its module, so they are part of the key."""
    alone = not (before or behind)
    made = _composed(optimizer, before, behind, optimizer.function, {}, optimizer.references if alone else {})
    return comparable(made, optimizer.search, optimizer.contains if alone else {})


def composed(
    optimizer: Optimizer,
    *,
    before: Sequence[str] = (),
    torch: str | None = None,
    optax: str | None = None,
    search: Mapping[str, Axis | None] = MappingProxyType({}),
    contains: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
    **defaults: float,
) -> Callable[[Callable[[], None]], Optimizer]:
    """Make an optimizer of another one and stages; a decorator of a function that has only a name and a docstring.

    `defaults` has the defaults that differ from the other optimizer's, and hyper-parameters of stages, each of which
    adds its stage. The stages named in `before` stand before the optimizer in this order, whichever side they are
    written for. They get a gradient, which no learning rate has multiplied yet, so their `lr` is 1.

    `search` and `contains` are as for `rule`. An axis that the other optimizer declares holds for this one too, if the
    hyper-parameter has the same default here.
    """
    first = tuple(STAGES.find(stage) for stage in before)
    named = {name for stage in first for name in stage.defaults}
    wanted = {stage_of(name) for name in defaults if name not in optimizer.defaults and name not in named}
    rest = sorted((stage for stage in wanted if stage), key=placed)
    ahead = (*first, *(stage for stage in rest if stage.formula.first == "g"))
    behind = tuple(stage for stage in rest if stage.formula.first == "step")
    references = {library: made for library, made in (("torch", torch), ("optax", optax)) if made}
    axes = {name: axis for name, axis in optimizer.search.items() if name not in defaults}

    @declaring("optimizer")
    def declare(function: Callable[[], None]) -> Optimizer:
        made = _composed(optimizer, ahead, behind, function, defaults, references, rateless=first)
        return comparable(made, {**axes, **search} if isinstance(search, Mapping) else search, contains)

    return declare


def _composed(
    optimizer: Optimizer,
    before: Sequence[Stage],
    behind: Sequence[Stage],
    named: Callable[..., Any],
    changed: Mapping[str, float],
    references: Mapping[str, str],
    rateless: Sequence[Stage] = (),
) -> Optimizer:
    """Return the optimizer with stages on both sides, with the name and the docstring of a function.

    For the stages in `rateless` lr is 1.
    """
    stages = [*before, *behind]
    _check_names(optimizer, stages)
    merged = _Merged(
        {**optimizer.defaults, **{key: value for s in stages for key, value in s.defaults.items()}, **changed},
        {**optimizer.bounds, **{key: value for s in stages for key, value in s.bounds.items()}},
        {**optimizer.kinds, **{key: value for s in stages for key, value in s.kinds.items()}},
    )
    parts = [[Part(s.name, s.formula, ahead=s in rateless) for s in side] for side in (before, behind)]
    if isinstance(optimizer, ElementwiseOptimizer):
        own = Part(None, optimizer.formula)
        formula = join(f"rule {named.__name__}", "g", [*parts[0], own, *parts[1]], tuple(merged.defaults), named)
        return ElementwiseOptimizer(
            optimizer.name if named is optimizer.function else named.__name__,
            formula.function,
            merged.defaults,
            merged.bounds,
            merged.kinds,
            formula,
            references=references,
            full_batch=optimizer.full_batch,
        )
    assert isinstance(optimizer, MatrixOptimizer)
    return _round_matrices(optimizer, before, behind, parts, named, merged, references)


def _check_names(optimizer: Optimizer, stages: Sequence[Stage]) -> None:
    """Refuse two stages of one name, and a hyper-parameter that two things have."""
    owners: dict[str, str] = {}
    for thing in (optimizer, *stages):
        if isinstance(thing, Stage) and thing.label in owners.values():
            raise ConfigError(f"there are two stages named {thing.name}: give one of them another name.")
        for name in thing.defaults:
            if name in owners:
                raise ConfigError(
                    f"{thing.label} and {owners[name]} both have a hyper-parameter {name}: choose another name in one "
                    "of them."
                )
            owners[name] = thing.label


@dataclasses.dataclass(frozen=True)
class _Merged:
    """The hyper-parameters of an optimizer and of its stages."""

    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Any]


def _round_matrices(
    optimizer: MatrixOptimizer,
    before: Sequence[Stage],
    behind: Sequence[Stage],
    parts: Sequence[Sequence[Part]],
    named: Callable[..., Any],
    merged: _Merged,
    references: Mapping[str, str],
) -> MatrixOptimizer:
    """Return a matrix optimizer with stages on both sides.

    Raises:
        ConfigError: the optimizer searches along its loss, and a stage changes the gradient alone.
    """
    for stage in before:
        if optimizer.searches and stage.penalty is None:
            raise ConfigError(
                f"{optimizer.name} searches along the loss, and {stage.name} changes the gradient but not the loss: "
                f"leave {stage.name} out."
            )
    hyper_names = tuple(merged.defaults)
    first = join(f"stages before {optimizer.name}", "g", parts[0], hyper_names, named)
    last = join(f"stages behind {optimizer.name}", "step", parts[1], hyper_names, named)
    asks, slots = first.asks | last.asks, {*first.slots, *last.slots}

    def inner(state: State) -> dict[str, Array]:
        """Return the state of the optimizer alone."""
        return {name: value for name, value in state.items() if name.rpartition(".")[0] not in slots}

    @functools.wraps(named)
    def staged(
        gradients: Sequence[Array], weights: Sequence[Array], state: State, t: int, *asked: Any, **hyper: float
    ) -> tuple[list[Array], dict[str, Array]]:
        each: list[Hyper] = [hyper] * len(in_layers(weights))
        found = norms(in_layers(gradients)) if asks & {"norm", "layer_norm"} else None
        given = dict(zip(optimizer.asked, asked, strict=True))
        loss = _penalized(given["loss"], before, hyper) if "loss" in given else no_loss
        noise = given.get("noise")
        gradients, kept = first.apply(gradients, weights, state, t, each, noise, found)
        own: list[Hyper] = [{name: hyper[name] for name in optimizer.defaults}] * len(each)
        steps, after = optimizer.step(gradients, weights, inner(state), t, own, loss, noise)
        for name in after:
            if name.rpartition(".")[0] in slots:
                raise ConfigError(
                    f"rule {optimizer.name} and a stage both have the state {name}: give it another name."
                )
        steps, more = last.apply(steps, weights, state, t, each, noise, found)
        return steps, {**after, **kept, **more}

    def start(weights: Sequence[Array], **hyper: float) -> dict[str, Array]:
        each: list[Hyper] = [hyper] * len(in_layers(weights))
        own: list[Hyper] = [{name: hyper[name] for name in optimizer.defaults}] * len(each)
        return {**optimizer.start(weights, own), **first.start(weights, each), **last.start(weights, each)}

    def evaluated(weights: Sequence[Array], state: State, t: int, **hyper: float) -> list[Array]:
        each: list[Hyper] = [hyper] * len(in_layers(weights))
        if optimizer.evaluated is not None:
            own: list[Hyper] = [{name: hyper[name] for name in optimizer.defaults}] * len(each)
            return optimizer.evaluate(weights, inner(state), t, own)
        return (last if last.evaluated else first).evaluate(weights, state, t, each)

    others = [formula for formula in (optimizer, first, last) if formula.evaluated is not None]
    check_one_average(optimizer.name, len(others))
    return dataclasses.replace(
        optimizer,
        name=optimizer.name if named is optimizer.function else named.__name__,
        function=staged,
        defaults=MappingProxyType(dict(merged.defaults)),
        bounds=merged.bounds,
        kinds=merged.kinds,
        by_layer=optimizer.by_layer and "norm" not in asks,
        references=references,
        search=MappingProxyType({}),
        contains=MappingProxyType({}),
        starts=start,
        evaluated=evaluated if others else None,
        made_of=(optimizer, *before, *behind),
    )


def check_one_average(name: str, count: int) -> None:
    """Refuse an optimizer and stages of which more than one chooses the weights to evaluate."""
    if count > 1:
        raise ConfigError(
            f"{name}: more than one of the optimizer and its stages chooses the weights to evaluate; keep one of them."
        )


def _penalized(loss: LossOfWeights, stages: Sequence[Stage], hyper: Mapping[str, float]) -> LossOfWeights:
    """Return the loss and its gradients with the penalties of some stages added."""
    adding = [stage for stage in stages if stage.penalty is not None]

    def penalized(weights: Sequence[Array]) -> tuple[float, list[Array]]:
        value, slopes = loss(weights)
        each: list[Hyper] = [hyper] * len(in_layers(weights))
        for stage in adding:
            value += stage.penalty_at(weights, hyper)
            slopes = stage.formula.apply(slopes, weights, {}, 0, each)[0]
        return value, slopes

    return penalized
