"""Whether `ravine compare` errs as seldom as it says: `python -m benchmarks.fairness [--seeds N] [--searches N]`.

A bank of runs that differ by the seed alone is trained: final runs of sgd on the small problem. Finals are drawn from
it without overlap, so that the two sides of a comparison are one optimizer under two names, and judged as the command
judges them. Printed are, each with the rate that is allowed and its 95 % interval:

    A/A         pairs of which one is called better
    families    comparisons of five optimizers in which any of ten pairs is called better or worse
    looks       pairs of which one is called better at any of five looks
    margin      pairs that truly differ by the margin, and are called equivalent
    power       pairs that truly differ by twice the margin, and are told apart, in the right order

With --searches whole comparisons are run too: two searches of one optimizer, with other points and other seeds, whose
winners go to the finals. These may differ in truth, since each search finds a setting of its own; the share that is
told apart says what the luck of one search does. With --edges, 100 searches over axes of which some have no effect are
simulated, and it is counted how often the best trials lie at an edge. With --looks pairs of normal scores are
simulated, as they are looked at five times, and with --pairing 200 seeds of six settings are trained, and it is
printed how their scores spread and go together, and how often 12 pairs tell two settings apart, in pairs and unpaired.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from ravine.comparison.compare import follow
from ravine.comparison.course import course
from ravine.comparison.edges import edges
from ravine.comparison.finals import final_count
from ravine.comparison.finding import find_problem
from ravine.comparison.plan import Entry, Protocol
from ravine.comparison.planning import make_plan
from ravine.comparison.points import points
from ravine.comparison.prepare import entrants_of
from ravine.comparison.scores import scores
from ravine.comparison.trials import Entrant, Trial, final_seed
from ravine.comparison.verdicts import judge, nominal
from ravine.data import load
from ravine.search import log
from ravine.spec import from_settings
from ravine.storage.store import RunStore
from ravine.studies import Planned, run_study

PROBLEM = "mnist-small"
SETTINGS = {"lr": 0.5}
"""Near the best rate of sgd, where some seeds come out much worse: the scores are skewed, which tests a test."""

REPEATS = 200
ALLOWED = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2000, help="runs of the bank")
    parser.add_argument("--searches", type=int, default=0, help="pairs of whole searches")
    parser.add_argument("--edges", action="store_true", help="simulate searches over axes without effect")
    parser.add_argument("--looks", action="store_true", help="simulate pairs that are looked at five times")
    parser.add_argument("--pairing", action="store_true", help="train six settings, compare paired and unpaired")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="finals that are drawn")
    parser.add_argument("--runs", type=Path, default=Path("fairness-runs"), help="folder of runs")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    store = RunStore(given.runs)
    found: dict[str, Any] = {}
    if given.seeds:
        found |= of_finals(bank(store, given.seeds), given.repeats)
    if given.searches:
        found |= {"searches": share(of_searches(store, given.searches))}
    if given.edges:
        found |= {f"edges, {free} free axes": share(of_edges(free)) for free in (1, 2, 4)}
    if given.looks:
        found |= {f"looks, {pairs} pairs each, simulated": of_simulated_looks(pairs) for pairs in (6, 13)}
    if given.pairing:
        found |= of_pairing(store)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name:<40}{_told(value)}")


def _told(value: Any) -> str:
    if not isinstance(value, dict):
        return value if isinstance(value, str) else f"{value:.4g}"
    return f"{value['hits']} of {value['of']} ({value['low']:.1%} to {value['high']:.1%})"


def share(hits: Sequence[bool]) -> dict[str, float]:
    """Return how many hits there are, and the exact 95 % interval of their share."""
    count = stats.binomtest(int(sum(hits)), len(hits)).proportion_ci()
    return {"hits": int(sum(hits)), "of": len(hits), "low": float(count.low), "high": float(count.high)}


def sgd_alone(protocol: Protocol) -> list[Entrant]:
    """Return sgd on the problem."""
    plan, optimizers = make_plan(["sgd", "momentum"], [PROBLEM], protocol)
    return entrants_of(plan, optimizers)[PROBLEM][:1]


def bank(store: RunStore, seeds: int) -> np.ndarray:
    """Return the test accuracies of final runs that differ by the seed alone; stored ones are not repeated."""
    entrant = sgd_alone(Protocol())[0]
    runs = [entrant.run(SETTINGS, final_seed(Protocol(), seed), final=True) for seed in range(seeds)]
    results = run_study([Planned("bank", 0, run, None) for run in runs], store, load_data=functools.cache(load)).results
    return np.array([results[run.id].test_accuracy for run in runs])


def of_finals(values: np.ndarray, repeats: int) -> dict[str, Any]:
    """Return how often finals that are drawn from a bank err, and how often they find what is there."""
    rng = np.random.default_rng(0)
    plain, looking = Protocol(), Protocol(looks=5)
    spread = float(values.std(ddof=1))
    two, five = (final_count(plain, pairs, spread) for pairs in (1, 10))

    def drawn(names: str, count: int) -> dict[str, np.ndarray]:
        chosen = rng.choice(values, (len(names), count), replace=False)
        return dict(zip(names, chosen, strict=True))

    def repeat(one: Callable[[], bool]) -> dict[str, float]:
        return share([one() for _ in range(repeats)])

    def shifted(by: float) -> str:
        pair = drawn("ab", two)
        return judge({"a": pair["a"] + by, "b": pair["b"]}, [], plain)[0].verdict

    def looks() -> bool:
        pair, found = drawn("ab", two * looking.looks), []
        for look in range(1, looking.looks + 1):
            found = judge({name: v[: look * two] for name, v in pair.items()}, found, looking, look)
        return found[0].verdict in ("better", "worse")

    return {
        "spread": spread,
        "skewness": float(stats.skew(values)),
        "finals of two": two,
        "finals of five": five,
        "A/A": repeat(lambda: shifted(0.0) in ("better", "worse")),
        "families": repeat(
            lambda: any(p.verdict in ("better", "worse") for p in judge(drawn("abcde", five), [], plain))
        ),
        "looks": repeat(looks),
        "margin": repeat(lambda: shifted(plain.margin) == "equivalent"),
        "power": repeat(lambda: shifted(2 * plain.margin) == "better"),
    }


def of_searches(store: RunStore, count: int) -> list[bool]:
    """Return, for each pair of searches of sgd, whether the finals tell their winners apart."""
    load_data = functools.cache(load)

    def train(trials: Sequence[Trial]) -> Any:
        planned = [Planned(trial.optimizer, trial.number, trial.run, None) for trial in trials]
        return run_study(planned, store, load_data=load_data).results

    told = []
    for number in range(count):
        sides = {}
        for side in (2 * number, 2 * number + 1):
            protocol = Protocol(seed=side + 1)
            done, results = follow({PROBLEM: course(sgd_alone(protocol), protocol)}, train)
            sides[str(side)] = scores(done[PROBLEM].of("sgd", "final"), results, "accuracy")
        pair = judge(sides, [], Protocol())[0]
        print(f"{number + 1}/{count}: {pair.verdict}, {100 * pair.difference:+.2f} points", file=sys.stderr, flush=True)
        told.append(pair.verdict in ("better", "worse"))
    return told


def of_edges(free: int, count: int = 100) -> list[bool]:
    """Return, for each simulated search, whether any axis is called an edge.

    The score falls with the distance of the rate from the middle of its axis; `free` more axes have no effect.
    """
    axes = {"lr": log(1e-3, 10), **{f"free{k}": log(1e-3, 10) for k in range(free)}}
    entry = Entry(label="a", optimizer="sgd", space=axes, bounds=dict.fromkeys(axes, (None, None)))
    problem, found = find_problem(PROBLEM), []
    for seed in range(count):
        rows = points(problem, seed)[:16, : len(axes)]
        order = np.argsort(np.abs(rows[:, 0] - 0.5))
        trials = [
            Trial(PROBLEM, "a", "search", int(k), {n: axes[n].at(u) for n, u in zip(axes, rows[k], strict=True)}, None)  # type: ignore[arg-type]
            for k in order
        ]
        found.append(bool(edges(trials, axes, entry)))
    return found


def of_simulated_looks(pairs: int, trials: int = 40_000) -> float:
    """Return the share of simulated trials without any difference in which one of five looks finds one.

    Differences within pairs are normal, and `pairs` more are there at each look.
    """
    protocol, scores = Protocol(looks=5), np.random.default_rng(1).normal(size=(trials, 5 * pairs))
    found = np.zeros(trials, bool)
    for look in range(1, protocol.looks + 1):
        seen = scores[:, : look * pairs]
        level = nominal(protocol, look)(protocol.level)
        found |= stats.ttest_1samp(seen, 0, axis=1).pvalue <= level
    return float(found.mean())


SIX = (("sgd", 0.5), ("sgd", 0.3), ("momentum", 0.05), ("momentum", 0.02), ("adam", 0.003), ("adam", 0.002))


def of_pairing(store: RunStore) -> dict[str, Any]:
    """Return how scores of six settings spread and go together over seeds, and what 12 pairs of them tell."""
    problem, seeds = find_problem(PROBLEM), range(2000, 2200)
    runs = {
        (name, lr): [from_settings({**problem.settings, "optimizer": name, "lr": lr, "seed": seed}) for seed in seeds]
        for name, lr in SIX
    }
    planned = [Planned("pairing", 0, run, None) for own in runs.values() for run in own]
    results = run_study(planned, store, load_data=functools.cache(load)).results
    values = {key: np.array([results[run.id].test_accuracy for run in own]) for key, own in runs.items()}
    rng, found = np.random.default_rng(0), {}
    for (one, first), (other, second) in itertools.combinations(values.items(), 2):
        chosen = [rng.choice(len(seeds), 12, replace=False) for _ in range(3000)]
        x, y = first[chosen], second[chosen]
        paired = float((stats.ttest_rel(x, y, axis=1).pvalue < ALLOWED).mean())
        unpaired = float((stats.ttest_ind(x, y, axis=1, equal_var=False).pvalue < ALLOWED).mean())
        found[f"{one[0]} {one[1]} and {other[0]} {other[1]}"] = (
            f"correlation {np.corrcoef(first, second)[0, 1]:.2f}, difference {100 * (first - second).mean():+.2f}, "
            f"told apart by 12: paired {paired:.0%}, unpaired {unpaired:.0%}"
        )
    spreads = {f"{name} {lr}": f"deviation {100 * v.std(ddof=1):.2f}" for (name, lr), v in values.items()}
    return {**spreads, **found}


if __name__ == "__main__":
    main()
