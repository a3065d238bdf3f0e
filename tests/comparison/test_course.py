"""The course of a comparison: what is run, what is chosen, and that nothing else has a part in it."""

from __future__ import annotations

import hashlib
import math

import pytest
from comparison_cases import noise, planned, played, result_of, summary

from ravine.comparison.compare import follow
from ravine.comparison.course import course
from ravine.comparison.plan import Protocol
from ravine.comparison.trials import FIRST_FINAL
from ravine.search import log

BEST = {"sgd": 0.3, "momentum": 0.02, "adam": 0.001}
TOP = {"sgd": 0.93, "momentum": 0.95, "adam": 0.96}


def score(trial, spread=0.0005):
    """Score by the distance to the best rate of an optimizer; rates far above it diverge."""
    lr = trial.settings["lr"]
    if lr > 30 * BEST[trial.optimizer]:
        return None
    return TOP[trial.optimizer] - 0.02 * abs(math.log10(lr / BEST[trial.optimizer])) + noise(trial, spread)


def run(protocol=Protocol(), optimizers=("sgd", "momentum", "adam"), score=score, **settings):  # noqa: B008
    _, entrants = planned(*optimizers, protocol=protocol, **settings)
    return played(entrants, protocol, score)


def test_the_winner_is_the_best_mean_of_the_best_three_of_all_trials():
    done, results, _ = run()
    for label in BEST:
        tried = {t.number: results[t.id].validation_accuracy or 0.1 for t in done.of(label, "search", "extension")}
        three = sorted(tried, key=tried.get)[-3:]
        by_number = {
            number: [
                results[t.id].validation_accuracy
                for t in done.of(label, "search", "extension", "seeds")
                if t.number == number
            ]
            for number in three
        }
        assert all(len(values) == 3 for values in by_number.values())
        assert done.winners[label].number == max(three, key=lambda n: sum(by_number[n]))
        assert abs(math.log10(done.winners[label].settings["lr"] / BEST[label])) < 0.4


def test_the_stages_in_their_order_and_their_size():
    done, _, stages = run()
    found = [[{t.stage for t in stage}, len(stage)] for stage in stages]
    assert found == [
        [{"search", "default"}, 3 * (16 + 3)],
        [{"seeds"}, 3 * 3 * 2],
        [{"control"}, 4],
        [{"control"}, 2],
        [{"final"}, 3 * done.finals],
    ]
    assert [t for stage in stages for t in stage] == done.trials
    assert len({t.id for t in done.trials if t.stage != "default"}) == len(
        [t for t in done.trials if t.stage != "default"]
    )


def test_finals_have_fresh_seeds_the_winners_settings_and_the_whole_training_set():
    done, _, _ = run()
    for label in BEST:
        finals = done.of(label, "final")
        assert [t.seed for t in finals] == [FIRST_FINAL + k for k in range(done.finals)]
        tuned = done.of(label, "search", "seeds", "default", "control")
        assert {t.seed for t in tuned} == {0, 1, 2}
        for trial in finals:
            assert trial.settings == done.winners[label].settings
            assert (trial.run.spec.validation, trial.run.spec.test_time) == (0, "end")
        assert all((t.run.spec.validation, t.run.spec.test_time) == (10_000, "never") for t in tuned)


def test_the_better_one_is_found_and_its_order_does_not_matter():
    done, _, _ = run()
    assert {(p.a, p.b): p.verdict for p in done.pairs} == {
        ("sgd", "momentum"): "worse",
        ("sgd", "adam"): "worse",
        ("momentum", "adam"): "worse",
    }
    turned, _, _ = run(optimizers=("adam", "momentum", "sgd"))
    assert {t.id for t in turned.trials} == {t.id for t in done.trials}
    assert {label: t.id for label, t in turned.winners.items()} == {label: t.id for label, t in done.winners.items()}
    assert {frozenset((p.a, p.b)): abs(p.difference) for p in turned.pairs} == pytest.approx(
        {frozenset((p.a, p.b)): abs(p.difference) for p in done.pairs}
    )


def test_who_else_takes_part_changes_no_search_and_no_winner():
    few, _, _ = run(optimizers=("sgd", "adam"))
    many, _, _ = run()
    for label in ("sgd", "adam"):
        assert few.winners[label].id == many.winners[label].id
        assert [t.id for t in few.of(label, "search", "seeds")] == [t.id for t in many.of(label, "search", "seeds")]


def test_a_comparison_that_is_interrupted_anywhere_and_goes_on_is_the_same():
    protocol = Protocol(looks=2, margin=0.0002, finals=3)
    _, entrants = planned("sgd", "momentum", protocol=protocol, spaces={"sgd": {"lr": log(1e-4, 1e-2)}})
    whole, results, stages = played(entrants, protocol, score)
    assert {t.stage for t in whole.trials} == {"search", "default", "extension", "seeds", "control", "final"}
    runs = list(dict.fromkeys(t.id for stage in stages for t in stage))

    class Stopped(Exception):
        pass

    for stop in range(0, len(runs), 7):
        stored = {}

        def train(trials, limit, stored=stored):
            for trial in reversed(trials):  # runs end in any order
                if trial.id not in stored:
                    if len(stored) >= limit:
                        raise Stopped
                    stored[trial.id] = result_of(trial, score(trial))
            return {t.id: stored[t.id] for t in trials}

        with pytest.raises(Stopped):
            follow({"toy": course(entrants, protocol)}, lambda trials, stop=stop: train(trials, stop))
        kept = len(stored)
        courses, found = follow({"toy": course(entrants, protocol)}, lambda trials: train(trials, math.inf))
        assert kept == stop
        assert summary(courses["toy"]) == summary(whole)
        assert found == results


def test_two_problems_side_by_side_are_those_alone():
    protocol = Protocol(trials=8, finals=3)
    _, first = planned("sgd", "momentum", protocol=protocol)
    _, second = planned("sgd", "momentum", protocol=protocol, batch_sizes=[50])
    alone = [played(entrants, protocol, score)[0] for entrants in (first, second)]
    both, _ = follow(
        {"a": course(first, protocol), "b": course(second, protocol)},
        lambda trials: {t.id: result_of(t, score(t)) for t in trials},
    )
    assert [summary(both["a"]), summary(both["b"])] == [summary(one) for one in alone]
    assert both["a"].trials[0].id != both["b"].trials[0].id


@pytest.mark.parametrize(
    "changes", [{"contenders": 1}, {"tuning_seeds": 1}, {"extensions": 0}, {"trials": 4, "contenders": 4}]
)
def test_small_numbers(changes):
    protocol = Protocol(finals=3, **changes)
    done, _, _ = run(protocol)
    for label in BEST:
        assert len(done.of(label, "seeds")) == protocol.contenders * (protocol.tuning_seeds - 1)
        assert len(done.of(label, "final")) == 3
        assert len(done.of(label, "default")) == protocol.tuning_seeds
    if protocol.contenders == 1 or protocol.tuning_seeds == 1:
        best = max(done.of("adam", "search"), key=lambda t: score(t) or 0.1)
        assert done.winners["adam"].number == best.number


def test_an_optimizer_whose_trials_all_diverge():
    done, _, _ = run(score=lambda t: None if t.optimizer == "momentum" else score(t))
    assert done.winners["momentum"].number == 0
    assert all(
        p.verdict == ("worse" if p.a == "momentum" else "better") for p in done.pairs if "momentum" in (p.a, p.b)
    )
    assert done.edges["momentum"] == []


def test_if_all_trials_of_all_diverge_nothing_is_told_apart():
    done, _, _ = run(score=lambda t: None)
    assert {pair.verdict for pair in done.pairs} == {"equivalent"}
    assert {pair.difference for pair in done.pairs} == {0.0}
    assert done.spread == 0.0


def test_equal_trials_choose_the_earliest():
    done, _, _ = run(score=lambda t: 0.9)
    assert {t.number for t in done.winners.values()} == {0}
    assert {pair.verdict for pair in done.pairs} == {"equivalent"}


def test_a_loss_is_compared_as_an_accuracy_is():
    protocol = Protocol(objective="loss", margin=0.002)
    done, _, _ = run(protocol)
    same, _, _ = run()
    assert {p.verdict for p in done.pairs} == {"worse"}
    # the losses of these results are 1 minus the accuracies, so all but diverged runs rank as they do there
    assert {k: t.id for k, t in done.winners.items()} == {k: t.id for k, t in same.winners.items()}


def test_one_optimizer_under_two_names_is_equivalent_to_itself(tmp_path):
    text = "import ravine\n\n@ravine.rule\ndef mine(g, *, lr=0.1):\n    return lr * g\n"
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(text)
    by_run = lambda t: 0.9 + noise_of(t.id)  # noqa: E731
    done, _, _ = run(Protocol(finals=6), (f"{tmp_path}/a.py:mine", f"{tmp_path}/b.py:mine"), by_run)
    assert {t.optimizer for t in done.trials} == {"a.py:mine", "b.py:mine"}
    assert {t.id for t in done.of("a.py:mine", "final")} == {t.id for t in done.of("b.py:mine", "final")}
    [pair] = done.pairs
    assert (pair.difference, pair.verdict) == (0.0, "equivalent")


def noise_of(text):
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32 * 0.01


def test_looks_add_seeds_to_undecided_optimizers_alone():
    protocol = Protocol(looks=3, finals=4)

    def close(trial):
        mean = {"sgd": 0.9, "momentum": 0.95, "adam": 0.9501}[trial.optimizer]
        return mean + noise(trial, 0.0035)

    done, _, stages = run(protocol, score=close)
    finals = [stage for stage in stages if stage and stage[0].stage == "final"]
    assert [len(stage) for stage in finals] == [12, 8, 8]
    assert [sorted({t.optimizer for t in stage}) for stage in finals[1:]] == [["adam", "momentum"]] * 2
    assert [t.seed for t in done.of("adam", "final")] == [FIRST_FINAL + k for k in range(12)]
    assert {(p.a, p.b): (p.look, p.seeds) for p in done.pairs} == {
        ("sgd", "momentum"): (1, 4),
        ("sgd", "adam"): (1, 4),
        ("momentum", "adam"): (3, 12),
    }


def test_a_clock_ends_looks_and_nothing_else():
    protocol = Protocol(looks=3, finals=4)
    _, entrants = planned("sgd", "momentum", protocol=protocol)

    def train(trials):
        return {t.id: result_of(t, 0.9 + noise(t, 0.01)) for t in trials}

    courses, _ = follow({"toy": course(entrants, protocol, lambda: True)}, train)
    whole, _ = follow({"toy": course(entrants, protocol)}, train)
    assert len(courses["toy"].of("sgd", "final")) == 4
    assert len(whole["toy"].of("sgd", "final")) == 12
    assert courses["toy"].of("sgd", "final")[0].id == whole["toy"].of("sgd", "final")[0].id


def test_a_a_comparisons_err_as_seldom_as_the_level_says():
    """Whole comparisons of two optimizers that are equally good: tuning on noise does not make them differ."""
    wrong, repetitions = 0, 60
    protocol = Protocol(trials=4, contenders=2, tuning_seeds=2, finals=6)
    _, entrants = planned("sgd", "adam", protocol=protocol)
    for number in range(repetitions):
        done, _, _ = played(entrants, protocol, lambda t, n=number: 0.95 + noise(t, 0.003, f"{n}"))
        wrong += done.pairs[0].differs
    assert wrong <= 9  # 3 are expected; the probability of more than 9 is 0.1 %
