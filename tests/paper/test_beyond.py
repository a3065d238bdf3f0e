"""What a fair comparison says to the paper's conclusion and to its hypothesis, for outcomes that are made up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ravine.comparison.plan import Protocol
from ravine.paper.beyond import COMBINED, DECAY, FIVE, answers, plan_beyond


def outcome(**verdicts: str) -> SimpleNamespace:
    """Return an outcome in which decay beside another method, by the method's first word, has this verdict."""
    pairs = []
    for other in (name for name in FIVE if name != DECAY):
        said = verdicts.get(other.split()[0] + ("_decay" if "decay" in other else ""), "better")
        turned = {"better": "worse", "worse": "better"}.get(said, said)
        # Half of the pairs stand the other way round, as in a leaderboard's order.
        pair = (DECAY, other, said) if len(pairs) % 2 else (other, DECAY, turned)
        pairs.append(SimpleNamespace(a=pair[0], b=pair[1], verdict=pair[2]))
    board = [SimpleNamespace(optimizer=name, score=0.98 + 0.001 * k) for k, name in enumerate(FIVE)]
    plan = SimpleNamespace(protocol=Protocol())
    return SimpleNamespace(plan=plan, verdicts=[SimpleNamespace(pairs=pairs)], leaderboard=board)


@pytest.mark.parametrize(
    ("verdicts", "conclusion", "named"),
    [
        ({}, "stands", "each of the other four"),
        ({"AdaGrad": "worse"}, "does not stand", "AdaGrad is better"),
        ({"AdaGrad": "worse", "momentum_decay": "worse"}, "does not stand", "and AdaGrad are better"),
        ({"AdaGrad": "worse", "SGD": "undecided"}, "does not stand", "AdaGrad is better"),
        ({"momentum": "equivalent"}, "does not stand", "equivalent to momentum"),
        ({"momentum": "equivalent", "SGD": "undecided"}, "undecided", "from SGD"),
        ({"momentum": "undecided"}, "undecided", "from momentum"),
    ],
)
def test_the_conclusion(verdicts, conclusion, named):
    found = answers(outcome(**verdicts))[0]
    assert (found.verdict, named in found.why) == (conclusion, True), found


@pytest.mark.parametrize(
    ("said", "verdict"),
    [("better", "does not stand"), ("worse", "stands"), ("equivalent", "does not stand"), ("undecided", "undecided")],
)
def test_the_hypothesis_is_about_both_together_beside_decay(said, verdict):
    found = answers(outcome(momentum_decay=said))[1]
    assert found.verdict == verdict
    if said == "worse":
        assert "+0.20 points" in found.why


def test_the_plan_has_the_five_methods_and_three_more_on_the_papers_network():
    plan, optimizers = plan_beyond()
    assert set(plan.labels) == {*FIVE, "RMSProp", "Adam", "AdamW"} == set(optimizers)
    assert [problem.layers for problem in plan.problems] == [(784, 300, 100, 100, 10)]
    combined = next(entry for entry in plan.entries if entry.label == COMBINED)
    assert combined.contains == {DECAY: {"alpha": 0.0}}
    assert combined.settings == {"schedule": "linear", "final_lr": 0.0}
