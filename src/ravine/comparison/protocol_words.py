"""A plan in words: every number of its protocol, its problems and its spaces."""

from __future__ import annotations

from ravine.comparison.plan import Plan, Protocol
from ravine.comparison.trials import SHARED
from ravine.comparison.words import margin_text, values_text
from ravine.spec.problem import Problem
from ravine.words import several


def protocol_words(protocol: Protocol, *, tuned: bool = False) -> dict[str, str]:
    """Return the numbers of a protocol by name, each in a sentence; `tuned` if some optimizers were tuned before.

    >>> protocol_words(Protocol(seed=3))["seed"]
    '3: it draws the points, and moves the seeds of all runs.'
    """
    p = protocol
    seeds = several(p.tuning_seeds, "seed")
    finals = (
        f"{p.finals} runs of each winner, as they were asked for."
        if p.finals is not None
        else f"As many runs of each winner as find a difference of twice the margin with probability {p.power:g}, by "
        f"the spread over seeds that the tuning showed: at most {p.most_finals}, and no fewer than a sign-flip "
        "test needs to find anything."
    )
    return {
        "objective": f"The {p.objective} at the end of the training: on the validation split while tuning, on the test "
        "set in the final runs. A run that diverges scores as chance.",
        "trials": f"{p.trials} scrambled Sobol points of the space of each optimizer, each with one seed: as many "
        "for one axis as for three, which they search less finely.",
        "extensions": f"At most {p.extensions}: how often the search goes on beyond an edge at which the best trials "
        "of an optimizer lie, with as many further trials for every optimizer."
        if p.extensions
        else "0: no search goes on beyond an edge at which its best trials lie.",
        "contenders": f"The best {several(p.contenders, 'trial')} of each optimizer get {seeds} each; the best mean "
        "wins.",
        "tuning_seeds": f"{seeds} for each contender, that of its trial included.",
        "controls": f"{several(p.controls, 'trial')} near the winner of each optimizer that another one contains.",
        "final runs": finals,
        "margin": f"{margin_text(p)}: a smaller difference does not matter.",
        "level": f"{p.level:g}: the largest probability that any pair of a problem is said to differ and does not, and "
        "as much that any is said to be equivalent and is not; Holm's correction keeps it over all pairs.",
        "power": f"{p.power:g}: the probability that a true difference of twice the margin is found."
        if p.finals is None
        else f"{p.power:g}: it decides no number here, since the final runs were asked for; the page says "
        "which difference they find with this probability.",
        "pairs": "All pairs are judged, but no pair of two optimizers that an earlier comparison tuned."
        if tuned
        else "All pairs are judged."
        if p.pairs == "all"
        else "Each optimizer is judged beside the one that did best while tuning; no other pair is judged.",
        "looks": "1: the finals are judged once."
        if p.looks == 1
        else f"{p.looks}: the finals are judged up to so many times; between looks, pairs that are undecided get as "
        "many final runs again, and the levels of the looks together keep the level.",
        "seed": f"{p.seed}: it draws the points, and moves the seeds of all runs.",
    }


def problem_words(problem: Problem) -> str:
    """Say what is trained on a problem, and for how long."""
    held_out = f"{problem.validation:,.0f} samples" if problem.validation >= 1 else f"{problem.validation:.0%}"
    smoothed = f"label smoothing {problem.label_smoothing:g}, " if problem.label_smoothing else ""
    parts = [
        f"{problem.title or problem.name}: data {problem.dataset}, layers {'-'.join(map(str, problem.layers))}, "
        f"{problem.activation}, {smoothed}batches of {problem.batch_size}, {several(problem.epochs, 'epoch')}; "
        f"{held_out} of the "
        "training set held out for tuning."
    ]
    if problem.target is not None:
        source = f" ({problem.target_source})" if problem.target_source else ""
        parts.append(f"Target: a validation accuracy of {100 * problem.target:g} %{source}.")
    return " ".join(parts)


def space_rows(plan: Plan) -> list[tuple[str, str, str, bool, bool]]:
    """Return each axis of each space that is searched: optimizer, name, values, whether the comparison replaced the
    optimizer's own, and whether it is one of the optimizer's and not one that all share.
    """
    return [
        (entry.label, name, str(axis), name in entry.overridden, name not in SHARED)
        for entry in plan.entries
        if not entry.tuned
        for name, axis in entry.space.items()
    ]


def tuned_rows(plan: Plan) -> list[tuple[str, str, str]]:
    """Return what an earlier comparison found: optimizer, problem, settings."""
    return [
        (entry.label, problem, values_text(found)) for entry in plan.entries for problem, found in entry.tuned.items()
    ]
