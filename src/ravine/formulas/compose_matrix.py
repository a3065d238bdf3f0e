"""A rule of whole matrices with stages before and behind it, put together as one rule."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.declaration import parameters
from ravine.formulas.matrix import Loss, State, WholeRule, in_layers, no_loss
from ravine.formulas.norms import gradient_norms
from ravine.formulas.stages import STAGES, Stage

Slots = dict[str, Array]


@functools.cache
def compose_whole(rule: WholeRule, stages: tuple[str, ...]) -> WholeRule:
    """Return the rule with these stages, in the order in which stages stand.

    Each stage is called with one array after the other, the layers' matrices and biases, and its slots go into the
    rule's state.

    Raises:
        ConfigError: the rule searches along its loss, and a stage changes the gradient alone.
    """
    parts = [STAGES[name] for name in stages]
    before, behind = ([stage for stage in parts if stage.first == first] for first in ("g", "step"))
    for stage in before:
        if rule.searches and stage.penalty is None:
            raise ConfigError(
                f"{rule.name} searches along the loss, whose gradient {stage.name} would change and not the loss: "
                f"leave {stage.name} out."
            )
    named = {name for stage in parts for name in parameters(stage.function)[0]}
    kept = {f"{stage.name}_{slot}" for stage in parts for slot in stage.slots}

    @functools.wraps(rule.function)
    def staged(
        gradients: Sequence[Array], weights: Sequence[Array], state: State, t: int, *asked: Any, **hyper: float
    ) -> tuple[list[Array], Slots]:
        layers = in_layers(gradients)
        norms = (0.0, [0.0] * len(layers)) if named.isdisjoint({"norm", "layer_norm"}) else gradient_norms(layers)
        place = _Place(weights, state, t, norms[0], norms[1], hyper)
        gradients, first = _through(before, gradients, place)
        own = {name: value for name, value in state.items() if name.rpartition(".")[0] not in kept}
        given = dict(zip(rule.asked, asked, strict=True))
        seen = _penalized(given["loss"], before, hyper) if "loss" in given else no_loss
        own_hyper = {name: hyper[name] for name in rule.defaults}
        steps, after = rule.step(gradients, weights, own, t, seen, own_hyper, given.get("noise"))
        steps, last = _through(behind, steps, place)
        return steps, {**after, **first, **last}

    averaging = next((stage for stage in parts if stage.evaluated_form is not None), None)
    forms = [stage.evaluated_form for stage in parts if stage.evaluated_form is not None]
    return dataclasses.replace(
        rule,
        function=staged,
        defaults={**rule.defaults, **{name: value for stage in parts for name, value in stage.defaults.items()}},
        bounds={**rule.bounds, **{name: bound for stage in parts for name, bound in stage.bounds.items()}},
        kinds={**rule.kinds, **{name: kind for stage in parts for name, kind in stage.kinds.items()}},
        by_layer=rule.by_layer and "norm" not in named,
        twins={},
        evaluated_form=None if averaging is None else _evaluated(averaging),
        made_of=(rule, *(stage.function for stage in parts), *forms),
    )


@dataclass(frozen=True)
class _Place:
    """Where a step is taken: what a stage may ask for."""

    weights: Sequence[Array]
    state: State
    t: int
    norm: Any
    layer_norms: Sequence[Any]
    hyper: Mapping[str, float]


def _through(stages: Sequence[Stage], values: Sequence[Array], place: _Place) -> tuple[list[Array], Slots]:
    """Return what gradients, or steps, become in some stages, and the slots of the stages after them."""
    after: Slots = {}
    layer_of = [layer for layer, parts in enumerate(in_layers(place.weights)) for _ in parts]
    for stage in stages:
        asked, keywords = parameters(stage.function)
        through = []
        for k, (value, w) in enumerate(zip(values, place.weights, strict=True)):
            names = {slot: f"{stage.name}_{slot}.{k}" for slot in stage.slots}
            known = {
                stage.first: value,
                "w": w,
                "t": place.t,
                "norm": place.norm,
                "layer_norm": place.layer_norms[layer_of[k]],
                **{slot: place.state.get(name, np.zeros_like(w)) for slot, name in names.items()},
            }
            result = stage.function(*(known[name] for name in asked), **{name: place.hyper[name] for name in keywords})
            changed, *slots = result if isinstance(result, tuple) else (result,)
            through.append(changed)
            after.update(zip(names.values(), slots, strict=True))
        values = through
    return list(values), after


def _penalized(loss: Loss, stages: Sequence[Stage], hyper: Mapping[str, float]) -> Loss:
    """Return the loss with the penalties of some stages, whose gradients they add."""
    adding = [stage for stage in stages if stage.penalty is not None]

    def penalized(weights: Sequence[Array]) -> tuple[float, list[Array]]:
        value, slopes = loss(weights)
        place = _Place(weights, {}, 0, 0.0, [0.0] * len(weights), hyper)
        for stage in adding:
            assert stage.penalty is not None
            value += sum(stage.penalty(w, **{name: hyper[name] for name in stage.defaults}) for w in weights)
        return value, _through(adding, slopes, place)[0]

    return penalized


def _evaluated(stage: Stage) -> Callable[[Sequence[Array], State, int, Mapping[str, float]], list[Array]]:
    """Return the form in which a stage has weights evaluated, for all arrays at once."""
    form = stage.evaluated_form
    assert form is not None
    asked, keywords = parameters(form)

    def evaluated(weights: Sequence[Array], state: State, t: int, hyper: Mapping[str, float]) -> list[Array]:
        found = []
        for k, w in enumerate(weights):
            slots = {slot: state.get(f"{stage.name}_{slot}.{k}", np.zeros_like(w)) for slot in stage.slots}
            known = {"w": w, "t": t, **slots}
            found.append(form(*(known[name] for name in asked), **{name: hyper[name] for name in keywords}))
        return found

    return evaluated
