"""Hints: if a run did not learn, what is the likeliest cause and what to do? Only with evidence for the cause."""

from __future__ import annotations

import math

import numpy as np

from ravine.spec import RunSpec
from ravine.storage.record import DeadNetwork, NonFinite
from ravine.training import data_hints
from ravine.training.facts import Facts
from ravine.training.learned import ROSE, best_before, failure, fell, highest, learned_by_heart, percent, ratio, rose

_UP = 0.05
"""A step goes up the gradient if the cosine of their angle is above this; that of random directions is smaller."""

_MOST = 0.9
"""A class with this share of the training samples drowns the others."""

_MORE = 0.25
"""An order is sorted only if its last samples have so much more of the commonest class than all have."""

_BLOCKED = 0.95
"""A layer is lost if this share of its outputs pass no gradient."""

_FADED = 1e-3
"""A signal, or a gradient, that is this much smaller on the other side of the network has faded."""

_FEW_STEPS = 100
_NEAR = 0.1
"""A run is slow if its weights moved by less than this share of their initial size, and its loss fell by less too."""

_FALL = 5
"""A larger rate is chosen so that the loss, if it fell in a straight line, would fall by this multiple of itself.

It is above 1, since a loss does not fall in a straight line.
"""

_USUAL_STEP = 1e-3
"""About what a first step that learns is, relative to the weights."""

_STEADY = 100
"""The largest batch that is proposed: its gradient is hardly noisy, and a larger one steadies nothing."""

_EXPLODED = 100
"""A loss that grew by this factor calls for a rate a hundred times smaller, not ten."""


def _goes_down(facts: Facts) -> bool:
    """Tell whether the first step goes down the gradient, as far as is known."""
    return facts.first is None or facts.first.cosine < 0


def hint(facts: Facts) -> str | None:
    """Return two or three short sentences: that a run did not learn, the likeliest cause, and what to do.

    Return None if it learned. Without evidence for a cause, the sentences only say what was measured. A run that
    diverged has a cause, whose message says what was measured.
    """
    seen = "" if facts.cause is not None else failure(facts)
    if seen is None:
        return None
    why = next((why for cause in _CAUSES if (why := cause(facts)) is not None), "")
    return f"{seen} {why}".strip() or None


def _stands_still(facts: Facts) -> str | None:
    if facts.moved != 0 or facts.cause is not None:
        return None
    if facts.spec.lr == 0:
        return "lr is 0; give a larger one."
    if facts.start.loss <= facts.start.least:
        return "The loss is the least that there is at the initial weights already: there is nothing to learn."
    if not facts.start.gradients.any():
        lost: str | None = "The gradient at the initial weights is 0 in every layer; draw other ones."
    else:
        lost = _fades(facts)
    if lost is not None:
        return data_hints.sizes(facts) or lost
    if facts.first is None:
        return "The optimizer's steps are 0 though the gradient is not; look at what it returns."
    dtype = facts.spec.dtype
    if facts.first.size < 100 * np.finfo(dtype).eps:
        larger = _larger(facts.spec, math.log10(_USUAL_STEP / facts.first.size))
        return f"The steps are lost in the round-off of {dtype}: {larger}"
    return None


def _one_class(facts: Facts) -> str | None:
    if facts.kind != "classes":
        return data_hints.equal_targets(facts)
    name, share = facts.common
    if share == 1:
        all_of = "All training samples with a weight above 0" if facts.weighted else "All training samples"
        return f"{all_of} are of class {name}: there is nothing to tell apart. Train on several classes."
    if share >= _MOST:
        what = "weight of the training samples is that" if facts.weighted else "training samples are"
        weights = ", of samples or of sample_weights" if facts.given else ""
        return f"{100 * share:.0f} % of the {what} of class {name}; give each class its share{weights}."
    return None


def _sorted_by_class(facts: Facts) -> str | None:
    if isinstance(facts.cause, NonFinite):
        return None
    if facts.kind != "classes":
        return data_hints.sorted_targets(facts)
    name, share = facts.last
    common, usual = facts.common
    if share < _MOST or (name == common and share < usual + _MORE):
        return None
    return f"The last training samples are nearly all of class {name}, which pushes out the others; shuffle the order."


def _by_heart(facts: Facts) -> str | None:
    if facts.cause is not None or rose(facts) or not learned_by_heart(facts):
        return None
    best, loss = best_before(facts), float(facts.trained.losses.mean())
    if best is not None and loss >= best.train_loss:
        return None
    return (
        f"What it learned holds for its training samples alone, whose loss is {loss:.3g}: train on more of them, or "
        "take a smaller network, weight decay or fewer epochs."
    )


def _first_step_not_finite(facts: Facts) -> str | None:
    if facts.first is None or not math.isnan(facts.first.size) or not np.isfinite(facts.start.gradients).all():
        return None
    return (
        "The optimizer's first step is not finite though the gradient is; look in it for a division by zero, a root or "
        "a logarithm of what may be negative, or a power that overflows."
    )


def _initial_weights_too_large(facts: Facts) -> str | None:
    if not isinstance(facts.cause, NonFinite) or facts.cause.step != 1 or facts.cause.where == "weights":
        return None
    other = ", or take the shifted softmax" if facts.spec.softmax == "naive" else ""
    return f"The initial weights are too large, for no step was taken yet; give smaller ones{other}."


def _climbs(facts: Facts) -> str | None:
    worse = facts.cause is not None or rose(facts) or facts.score < facts.chance
    if not worse or facts.first is None or not facts.first.cosine > _UP:
        return None
    return "The optimizer's first step goes up the gradient, not down; is the sign of what it returns right?"


def _dead_from_the_start(facts: Facts) -> str | None:
    if not isinstance(facts.cause, DeadNetwork) or facts.start.blocked[facts.cause.layer - 1] < 1:
        return None
    return "That layer is dead at the initial weights already; give other ones."


def _saturated_from_the_start(facts: Facts) -> str | None:
    for layer, share in enumerate(facts.start.blocked, start=1):
        if share >= _BLOCKED and not facts.network.activations[layer - 1].has_kink:
            return (
                f"At the initial weights {percent(share)} of the outputs of hidden layer {layer} are saturated and "
                "pass no gradient; give smaller weights."
            )
    return None


def _fades(facts: Facts) -> str | None:
    if facts.cause is not None or rose(facts):
        return None
    gradients, spreads = facts.start.gradients, facts.start.spreads
    back, forth = ratio(gradients[0], gradients[-1]), ratio(spreads[-1], spreads[0])
    if back < _FADED:
        seen = f"The gradient fades on its way back: that of the first layer is {back:.0e} of that of the last."
    elif forth < _FADED:
        seen = f"The signal fades on its way: the last hidden layer's spread is {forth:.0e} of the input's."
    else:
        return None
    if "sigmoid" in (f.name for f in facts.network.activations):
        return f"{seen} Try relu or tanh in place of sigmoid, or far fewer hidden layers."
    if facts.spec.initial_weights is not None:
        return f"{seen} Give larger initial weights."
    other = "" if facts.spec.init.startswith("he-") else "init he-normal, or "
    return f"{seen} Try {other}far fewer hidden layers."


def _shrunk(facts: Facts) -> str | None:
    decays = [name for name in ("weight_decay", "l2") if facts.spec.hyperparameters.get(name, 0) > 0]
    if not decays or not facts.size < _FADED:
        return None
    return f"The weights shrank to less than {_FADED:g} of their size; lower {decays[0]}."


def _rate_grew(facts: Facts) -> str | None:
    best = best_before(facts)
    if best is None or not facts.history[-1].lr > best.lr:
        return None
    return (
        f"The learning rate grew meanwhile from {best.lr:.3g} to {facts.history[-1].lr:.3g}; keep it near the former."
    )


def _steps_too_large(facts: Facts) -> str | None:
    lost = any(end >= _BLOCKED > start for start, end in zip(facts.start.blocked, facts.end.blocked, strict=True))
    overshoots = facts.first is not None and facts.first.decades > 0
    best = best_before(facts)
    rises = best is not None and facts.history[-1].train_loss > best.train_loss
    high = rose(facts) or highest(facts) > ROSE or rises
    if not _goes_down(facts) or not (facts.cause is not None or lost or overshoots or high):
        return None
    spec = facts.spec
    assert spec.lr is not None
    exploded = highest(facts) > _EXPLODED or (isinstance(facts.cause, NonFinite) and not facts.history)
    decades = max(2 if exploded else 1, facts.first.decades + 1 if overshoots and facts.first else 0)
    batch = spec.batch_size * 10**decades
    batches = f", or batches of {batch}" if batch <= _STEADY else ""
    return f"The steps are too large, it seems: try lr {spec.lr / 10**decades:.3g}{batches}."


def _few_steps(facts: Facts) -> str | None:
    if facts.cause is not None or facts.steps >= _FEW_STEPS or best_before(facts) is not None:
        return None
    taken = "One step is" if facts.steps == 1 else f"{facts.steps} steps are"
    return f"{taken} few; train longer{', or in smaller batches' if facts.spec.batch_size > 1 else ''}."


def _steps_too_small(facts: Facts) -> str | None:
    if not _goes_down(facts) or facts.moved > _NEAR or not 0 < fell(facts) < _NEAR:
        return None
    return (
        f"It goes down the gradient, but {facts.steps:,} steps moved the weights by only {facts.moved:.0e} of their "
        f"size: {_larger(facts.spec, math.log10(_FALL / fell(facts)))}"
    )


def _larger(spec: RunSpec, decades: float) -> str:
    assert spec.lr is not None
    return f"lr is too small; try {spec.lr * 10 ** max(1, round(decades)):.2g}."


_CAUSES = (
    _stands_still, _one_class, _sorted_by_class, _by_heart, _first_step_not_finite, _climbs, _dead_from_the_start,
    _shrunk, _rate_grew, data_hints.sizes, _initial_weights_too_large, _saturated_from_the_start, _fades,
    _steps_too_large, _few_steps, _steps_too_small, data_hints.without_bias,
)  # fmt: skip
"""The possible causes, in this order; the hint names the first for which there is evidence."""
