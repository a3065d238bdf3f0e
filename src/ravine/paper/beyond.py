"""Beyond the paper: its five methods and three later ones in one fair comparison, and what becomes of its findings."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import msgspec

from ravine.comparison.compare import Watching, compare_prepared
from ravine.comparison.comparison import Comparison
from ravine.comparison.defaults import protocol_of
from ravine.comparison.file import read_comparison
from ravine.comparison.folder import load_outcome
from ravine.comparison.outcome import Outcome
from ravine.comparison.plan import Plan, id_of
from ravine.comparison.planning import make_plan
from ravine.comparison.prepare import entrants_of, first_runs, prepare
from ravine.comparison.words import difference_text
from ravine.formulas.optimizer import Optimizer
from ravine.storage.store import RunStore
from ravine.words import listed

DECAY, COMBINED = "SGD with decay", "momentum with decay"
FIVE = ("SGD", DECAY, "momentum", COMBINED, "AdaGrad")

COMMAND = "ravine reproduce --beyond"


class Answer(msgspec.Struct, frozen=True):
    """What a fair comparison says to a sentence of the paper.

    Attributes:
        sentence: what the paper says, and where.
        verdict: "stands", "does not stand" or "undecided".
        why: the pairs that decide it, in words.
    """

    sentence: str
    verdict: str
    why: str


def plan_beyond() -> tuple[Plan, dict[str, Optimizer]]:
    """Return the plan, and by label the optimizers that it names."""
    file = read_comparison(str(resources.files("ravine.paper") / "plans" / "beyond.toml"))
    return make_plan(file.taking_part, file.problems, protocol_of(**file.protocol))


def compare_beyond(
    *,
    runs: Path | str | None = None,
    data_dir: Path | str | None = None,
    jobs: int | None = None,
    quiet: bool = False,
    watching: Watching,
) -> Comparison:
    """Run the comparison, or go on with it."""
    prepared = prepare(*plan_beyond(), runs=runs, data_dir=data_dir, jobs=jobs, quiet=quiet)
    done = compare_prepared(prepared, watching, command=COMMAND)
    return Comparison(done.outcome, done.before, done.command, done.time, answer_sentences(done.outcome))


def stored_beyond(store: RunStore) -> Outcome | None:
    """Return the outcome of the comparison if it is stored."""
    if not (store.root / "comparisons").is_dir():
        return None
    plan, optimizers = plan_beyond()
    return load_outcome(store, id_of(plan, first_runs(entrants_of(plan, optimizers), plan)))


def answers(outcome: Outcome) -> list[Answer]:
    """Return what the comparison says to the paper's conclusion and to its hypothesis."""
    others = [name for name in FIVE if name != DECAY]
    said = {name: _verdict(outcome, DECAY, name) for name in others}
    beaten_by = [name for name in others if said[name] == "worse"]
    not_beaten = [name for name in others if said[name] != "better"]
    if beaten_by:
        verdict, why = "does not stand", f"{listed(beaten_by)} {_are(beaten_by)} better than SGD with decay"
    elif not not_beaten:
        verdict, why = "stands", "SGD with decay is better than each of the other four"
    elif all(said[name] == "equivalent" for name in not_beaten):
        verdict, why = "does not stand", f"SGD with decay is equivalent to {listed(not_beaten)}"
    else:
        open_ = [name for name in not_beaten if said[name] == "undecided"]
        verdict, why = "undecided", f"the finals do not tell SGD with decay from {listed(open_)}"
    found = [Answer("SGD with learning-rate decay is the best of the five methods (section 5).", verdict, f"{why}.")]
    size = difference_text(_difference(outcome, COMBINED, DECAY), outcome.plan.protocol.objective)
    combined = {
        "better": ("stands", f"it is better than SGD with decay, by {size}"),
        "worse": ("does not stand", f"it is worse than SGD with decay, by {size.lstrip('+-')}"),
        "equivalent": ("does not stand", f"it is equivalent to SGD with decay: {size}, less than matters"),
        "undecided": ("undecided", f"the finals do not tell it from SGD with decay: {size}"),
    }[_verdict(outcome, COMBINED, DECAY)]
    return [
        *found,
        Answer(
            "Momentum together with decay is promising, given a search (section 4).", combined[0], f"{combined[1]}."
        ),
    ]


def answer_sentences(outcome: Outcome) -> list[str]:
    """Return the answers as sentences."""
    return [f"{answer.sentence} {answer.verdict.capitalize()}: {answer.why}" for answer in answers(outcome)]


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _verdict(outcome: Outcome, one: str, other: str) -> str:
    """Return the verdict on one optimizer beside another."""
    for pair in outcome.verdicts[0].pairs:
        if (pair.a, pair.b) == (one, other):
            return pair.verdict
        if (pair.b, pair.a) == (one, other):
            return {"better": "worse", "worse": "better"}.get(pair.verdict, pair.verdict)
    raise LookupError(f"{one} and {other} were not compared")


def _difference(outcome: Outcome, one: str, other: str) -> float:
    score = {standing.optimizer: standing.score for standing in outcome.leaderboard}
    return score[one] - score[other]
