"""Stages: what goes with every rule, before it on the gradient or after it on the step.

A stage is written as a rule is. Its first parameter says where it stands: `g`, and it returns the gradient that the
rule gets; `step`, and it returns the step that the weight takes. Its hyper-parameters bear its name, and giving one of
them to a run puts the stage in: `ravine train --optimizer adam --set weight_decay=0.01`. A rule never needs to be
copied with one term more.

Stages stand in the order of this file: gradients are clipped before a penalty is added to them, and averages are taken
of what comes out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ravine.formulas.declaration import parameters
from ravine.formulas.kinds import Kind, kinds_of
from ravine.formulas.rule import GIVEN

_POSITIVE, _SHARE, _NOT_NEGATIVE = "(0, inf)", "[0, 1)", "[0, inf)"


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage.

    Attributes:
        name: its name, which is that of its first hyper-parameter.
        function: the change of the gradient or of the step.
        first: "g" or "step".
        slots, defaults, bounds, kinds, inert: as those of a `Rule`.
        evaluated_form: the weights that are evaluated and stored, if they are others than those that are trained.
        penalty: what the loss has in addition where the stage adds its gradient, of one array of weights.
    """

    name: str
    function: Callable[..., Any]
    first: str
    slots: tuple[str, ...]
    defaults: Mapping[str, float | None]
    bounds: Mapping[str, str]
    kinds: Mapping[str, Kind]
    inert: bool
    evaluated_form: Callable[..., Any] | None = None
    penalty: Callable[..., float] | None = None

    @property
    def summary(self) -> str:
        """The first line of the stage's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


STAGES: dict[str, Stage] = {}
"""Every stage by name, in the order in which they stand."""


def _stage(
    *,
    inert: bool = False,
    evaluated: Callable[..., Any] | None = None,
    penalty: Callable[..., float] | None = None,
    **bounds: str,
) -> Callable[[Callable[..., Any]], Stage]:
    def declare(function: Callable[..., Any]) -> Stage:
        positional, defaults = parameters(function)
        own = {name: default for name, default in defaults.items() if name != "lr"}
        slots = tuple(name for name in positional[1:] if name not in GIVEN)
        kinds = {name: kind for name, kind in kinds_of(function).items() if name in own}
        stage = Stage(
            function.__name__,
            function,
            positional[0],
            slots,
            MappingProxyType(own),
            bounds,
            kinds,
            inert,
            evaluated,
            penalty,
        )
        STAGES[stage.name] = stage
        return stage

    return declare


def stage_of(hyperparameter: str) -> Stage | None:
    """Return the stage that has a hyper-parameter, None if there is none.

    >>> stage_of("weight_decay").name
    'weight_decay'
    """
    return next((stage for stage in STAGES.values() if hyperparameter in stage.defaults), None)


@_stage(inert=True, clip_value=_POSITIVE)
def clip_value(g: Any, *, clip_value: Any) -> Any:
    """Clip each number of the gradient to [-clip_value, clip_value].

    g = min(max(g, -clip_value), clip_value)
    """
    return np.clip(g, -clip_value, clip_value)


@_stage(inert=True, clip_norm=_POSITIVE)
def clip_norm(g: Any, norm: Any, *, clip_norm: Any) -> Any:
    """Scale the whole gradient down to the norm clip_norm where its Euclidean norm is larger.

        g = g min(1, clip_norm / |g|)

    Source: Pascanu, Mikolov and Bengio, 2013, algorithm 1.
    """
    return clip_norm / np.maximum(norm, clip_norm) * g


@_stage(inert=True, clip_layer_norm=_POSITIVE)
def clip_layer_norm(g: Any, layer_norm: Any, *, clip_layer_norm: Any) -> Any:
    """Scale the gradient of each layer down to the norm clip_layer_norm where its Euclidean norm is larger.

    g = g min(1, clip_layer_norm / |g of the layer|)
    """
    return clip_layer_norm / np.maximum(layer_norm, clip_layer_norm) * g


def _half_square(w: Any, *, l2: Any) -> float:
    return float(l2 / 2 * np.square(w, dtype=np.result_type(w, np.float64)).sum())


@_stage(penalty=_half_square, l2=_NOT_NEGATIVE)
def l2(g: Any, w: Any, *, l2: Any) -> Any:
    """Add the gradient of the penalty l2 |w|^2 / 2 to the gradient.

        g = g + l2 w

    What most of PyTorch's optimizers call weight_decay; that of AdamW, Adafactor and Muon is the stage weight_decay.
    """
    return g + l2 * w


@_stage(gradient_average=_SHARE)
def gradient_average(g: Any, a: Any, t: Any, *, gradient_average: Any) -> Any:
    """Give the rule a running mean of the gradients, corrected for its start at zero.

        a_t = b a_(t-1) + (1 - b) g
        g   = a_t / (1 - b^t)

    where b is gradient_average.
    """
    a = gradient_average * a + (1 - gradient_average) * g
    return 1 / (1 - gradient_average**t) * a, a


@_stage(weight_decay=_NOT_NEGATIVE)
def weight_decay(step: Any, w: Any, *, lr: Any, weight_decay: Any) -> Any:
    """Let the weights decay beside the rule, at the learning rate.

        w = w - step - lr weight_decay w

    Source: Loshchilov and Hutter, 2019; decoupled weight decay, as PyTorch's AdamW has it.
    """
    return step + lr * weight_decay * w


@_stage(lookahead="[1, inf)", lookahead_alpha="(0, 1]")
def lookahead(step: Any, slow: Any, w: Any, t: Any, *, lookahead: int, lookahead_alpha: Any = 0.5) -> Any:
    """Every lookahead steps, go back part of the way to where the weights were as many steps before.

        every k steps:  slow = slow + alpha (w - slow);  w = slow

    Source: Zhang, Lucas, Hinton and Ba, 2019, algorithm 1, with k = lookahead and alpha = lookahead_alpha. The slow
    weights start where the fast ones do.
    """
    fast = w - step
    before = np.where(t == 1, w, slow)
    meets = t % lookahead == 0
    after = np.where(meets, before + lookahead_alpha * (fast - before), before)
    return np.where(meets, w - after, step), after


def _averaged(w: Any, a: Any, t: Any, *, weight_average: Any) -> Any:
    return w if t == 0 else a / (1 - weight_average**t)


@_stage(weight_average=_SHARE, evaluated=_averaged)
def weight_average(step: Any, a: Any, w: Any, *, weight_average: Any) -> Any:
    """Evaluate and store a running mean of the weights, corrected for its start at zero, and train as before.

        a_t = b a_(t-1) + (1 - b) w_t
        evaluated: a_t / (1 - b^t)

    where b is weight_average. Source: Polyak and Juditsky, 1992, with an exponential window.
    """
    return step, weight_average * a + (1 - weight_average) * (w - step)
