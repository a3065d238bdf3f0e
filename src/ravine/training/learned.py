"""Did a run learn? From its history alone, or from its facts; only what was measured is said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ravine.storage.record import Epoch
from ravine.training.facts import Facts
from ravine.words import several

_SKILL = 0.1
"""A score is near chance if it is less than this share of the way from chance to 1."""

_GAIN = 0.05
"""A loss of numbers or flags is near that of constant outputs if it is less than this share of the way to the least.

It is less than an accuracy must gain: a loss tells more, and an R^2 of 0.1 may be all that noisy data have.
"""

ROSE = 1.1
"""A loss that is higher by this factor has risen."""

_BACK = 0.1
"""A score that fell by this much from its best epoch is a run that went back."""


def plainly_learned(history: Sequence[Epoch], score: float, chance: float, zero_loss: float) -> bool:
    """Tell from the history alone whether a run learned, so that it need not be examined closer.

    Seeded initial weights have about the loss of outputs that are 0, or more: ln K with cross-entropy, times the mean
    sample weight. So a run whose loss is below is better than at its start.
    """
    if not history or near_chance(score, chance) or went_back(history) is not None:
        return False
    return history[-1].train_loss < zero_loss


def near_chance(score: float, chance: float) -> bool:
    """Tell whether an accuracy is hardly better than that of always answering the largest class, or R^2 than 0.

    >>> near_chance(0.12, 0.1135), near_chance(0.35, 0.1135)
    (True, False)
    """
    return score < chance + _SKILL * (1 - chance)


def went_back(history: Sequence[Epoch], samples: int | None = None) -> Epoch | None:
    """Return the best epoch of a run that ended much worse; None too if its epochs have no scores.

    R^2 must have fallen by more than chance makes it on so many samples that judge the epochs. An R^2 below 0 is no
    worse than 0 here, and the loss must have risen with it: another loss than the squared error may fall while R^2
    does.
    """
    if not history:
        return None
    judged, score = _score_of(history)
    scores = [max(0.0, getattr(record, f"{judged}_{score}") or 0.0) for record in history]
    best = max(range(len(history)), key=scores.__getitem__)
    numbers = score == "r2"
    if scores[best] - scores[-1] <= (max(_BACK, 2 / math.sqrt(samples)) if numbers and samples else _BACK):
        return None
    before, now = (getattr(record, f"{judged}_loss") for record in (history[best], history[-1]))
    loss_fell = before is not None and now is not None and now <= before
    return None if numbers and loss_fell else history[best]


def _score_of(history: Sequence[Epoch]) -> tuple[str, str]:
    """Return the set by which the epochs are judged, the validation set if there is one, and the name of the score."""
    names = [(judged, score) for judged in ("validation", "test") for score in ("accuracy", "r2")]
    known = (name for name in names if any(getattr(each, "_".join(name)) is not None for each in history))
    return next(known, ("test", "accuracy"))


def failure(facts: Facts) -> str | None:
    """Return in a sentence how a run failed to learn, as measured; None if it learned."""
    if facts.moved == 0:
        return "No weight moved."
    # A score counts each sample once. With sample weights a low one may be what they ask for, and tells nothing alone.
    tells = not facts.weighted or not facts.trained.skill >= _SKILL or rose(facts)
    best = best_before(facts) if tells else None
    if best is not None:
        (judged, score), last = _score_of(facts.history), facts.history[-1]
        before, now = (_told(getattr(record, f"{judged}_{score}"), score) for record in (best, last))
        name = "R^2" if score == "r2" else score
        return f"It was better before: {judged} {name} {before} after epoch {best.epoch}, {now} at the end."
    if tells and facts.kind == "classes" and near_chance(facts.score, facts.chance):
        return (
            f"It did not learn: {facts.judged_by} accuracy {percent(facts.score)}, and always answering the "
            f"commonest class gives {percent(facts.chance)}."
        )
    if facts.kind != "classes" and _near_constant(facts):
        if facts.kind == "flags":
            return (
                f"It did not learn: {facts.judged_by} accuracy {percent(facts.score)}, and always answering each "
                f"output's commonest flag gives {percent(facts.chance)}."
            )
        losses, constant = facts.judged.losses, facts.judged.constant
        return (
            f"It did not learn: the loss of {several(len(losses), f'{facts.judged_by} sample')} is "
            f"{losses.mean():.3g}, and that of the best constant output is {constant.mean():.3g}."
        )
    if rose(facts):
        return (
            f"It ended worse than it began: the loss of the same {len(facts.start.losses)} training samples rose from "
            f"{facts.start.loss:.3g} to {facts.end.loss:.3g}."
        )
    return None


def best_before(facts: Facts) -> Epoch | None:
    """Return the best epoch of a run that ended much worse."""
    return went_back(facts.history, facts.judged_count)


def _told(number: float | None, score: str) -> str:
    if number is None:
        return "not finite"
    return percent(number) if score == "accuracy" else f"{number:.3g}"


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.2f} %"


def _near_constant(facts: Facts) -> bool:
    """Tell whether numbers or flags are hardly better predicted than by constant outputs.

    What counts is the loss, for each loss has best constant outputs of its own: of absolute errors the medians, for
    which R^2 is below 0, of Poisson's the logarithms of the means. If there are few samples to judge by, those that
    were trained on must say the same, or else that they were learned by heart.
    """
    if not near_chance(facts.score, facts.chance) or facts.judged.skill + 2 * facts.judged.noise >= _GAIN:
        return False
    return not facts.trained.skill >= _SKILL or learned_by_heart(facts)


def learned_by_heart(facts: Facts) -> bool:
    """Tell whether the training samples are learned, and others have a higher loss, by more than chance makes it."""
    if facts.judged_by == "training" or facts.weighted or not facts.trained.skill >= _SKILL:
        return False
    judged, trained = facts.judged.losses, facts.trained.losses
    if not np.isfinite(judged).all():
        return True
    noise = 3 * math.sqrt(judged.var() / len(judged) + trained.var() / len(trained))
    return float(judged.mean() - trained.mean()) > noise


def rose(facts: Facts) -> bool:
    """Tell whether the loss of the same samples is higher at the end, by more than chance makes it."""
    change = facts.end.losses - facts.start.losses
    if not np.isfinite(change).all():
        return True
    noise = 3 * change.std() / math.sqrt(len(change))
    least = facts.start.least
    return facts.end.loss - least > ROSE * (facts.start.loss - least) and float(change.mean()) > noise


def fell(facts: Facts) -> float:
    """Return by how much the loss of the same samples fell, as a share of how far it could fall from the start."""
    start, end = facts.start.loss - facts.start.least, facts.end.loss - facts.start.least
    return 1 - end / start if start > 0 else 0.0


def highest(facts: Facts) -> float:
    """Return the highest training loss of an epoch, relative to the most that the start may have."""
    least, highest = facts.start.least, max((record.train_loss for record in facts.history), default=-math.inf)
    return ratio(max(0.0, highest - least), facts.start.loss + 3 * facts.start.noise - least)


def ratio(part: float, whole: float) -> float:
    """Return part / whole; nan without a whole."""
    return part / whole if whole > 0 else math.nan
