"""What a fair comparison says to the paper's conclusion and to its hypothesis, for outcomes that are made up."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import pytest

from comparison.outcome_cases import outcome as made_up
from ravine.comparison.folder import keep_outcome, keep_plan
from ravine.comparison.plan import Protocol, id_of
from ravine.comparison.prepare import entrants_of, first_runs
from ravine.errors import DataError
from ravine.paper.beyond import COMBINED, DECAY, FIVE, answers, plan_beyond, stored_beyond
from ravine.paper.beyond_section import beyond_section
from ravine.storage.store import RunStore


def outcome(**verdicts: str) -> SimpleNamespace:
    """Return an outcome in which decay beside another method, by the method's first word, has this verdict."""
    pairs = []
    for other in (name for name in FIVE if name != DECAY):
        said = verdicts.get(other.split()[0] + ("_decay" if "decay" in other else ""), "better")
        turned = {"better": "worse", "worse": "better"}.get(said, said)
        # Half of the pairs stand the other way round, as in a leaderboard's order.
        pair = (DECAY, other, said) if len(pairs) % 2 else (other, DECAY, turned)
        pairs.append(SimpleNamespace(a=pair[0], b=pair[1], verdict=pair[2]))
    alone = [name for name in FIVE if name not in (DECAY, COMBINED)]
    pairs += [SimpleNamespace(a=name, b=COMBINED, verdict="equivalent" if name == "SGD" else "worse") for name in alone]
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
        ({"momentum": "equivalent"}, "does not stand", "equivalent to momentum, and better than SGD, momentum with"),
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
    assert found.why.endswith("It is better than momentum and AdaGrad.")
    if said == "worse":
        assert "better than SGD with decay, by 0.20 points" in found.why


def test_the_plan_has_the_five_methods_and_three_more_on_the_papers_network():
    plan, optimizers = plan_beyond()
    assert set(plan.labels) == {*FIVE, "RMSProp", "Adam", "AdamW"} == set(optimizers)
    assert [problem.layers for problem in plan.problems] == [(784, 300, 100, 100, 10)]
    combined = next(entry for entry in plan.entries if entry.label == COMBINED)
    assert combined.contains == {DECAY: {"alpha": 0.0}}
    assert combined.settings == {"schedule": "linear", "final_lr": 0.0}


def test_the_section_says_how_to_run_it_until_the_outcome_is_stored(tmp_path):
    store = RunStore(tmp_path)
    empty = beyond_section(store)
    assert (empty.name, empty.title) == ("beyond", "Beyond the paper")
    assert "reproduce" in empty.body
    assert "has not run on this folder" in empty.body
    assert stored_beyond(store) is None

    plan, optimizers = plan_beyond()
    labels = [COMBINED, DECAY, *(name for name in plan.labels if name not in (COMBINED, DECAY))]
    pairs = {(a, b): "better" for k, a in enumerate(labels) for b in labels[k + 1 :]}
    own = id_of(plan, first_runs(entrants_of(plan, optimizers), plan))
    keep_plan(store, own, plan)
    keep_outcome(store, msgspec.structs.replace(made_up(labels, pairs), id=own))
    found = beyond_section(store).body
    assert stored_beyond(store).id == own
    assert found.index(COMBINED) < found.index("RMSProp") < found.index("AdamW")
    assert f"{COMBINED} is better than SGD with decay" in found
    assert f"ravine compare {own}" in found
    assert found.count("Stands:") == 1
    assert found.count("Does not stand:") == 1

    (tmp_path / "comparisons" / own / "outcome.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        beyond_section(store)
