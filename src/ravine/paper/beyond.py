"""Beyond the paper: its five methods and three later ones in one fair comparison, and what becomes of its findings."""

from __future__ import annotations

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
from ravine.studies.runners import Runner, Threads
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
    runner: Runner = Threads(),  # noqa: B008  frozen, shared on purpose
    quiet: bool = False,
    watching: Watching,
) -> Comparison:
    """Run the comparison, or go on with it."""
    prepared = prepare(*plan_beyond(), runs=runs, data_dir=data_dir, runner=runner, quiet=quiet)
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
    return [_conclusion(outcome), _hypothesis(outcome)]


def _conclusion(outcome: Outcome) -> Answer:
    """Return whether decay is the best of the five: better than each of the other four."""
    said = {name: _verdict(outcome, DECAY, name) for name in FIVE if name != DECAY}
    better, worse, equivalent, open_ = (
        [name for name, verdict in said.items() if verdict == kind]
        for kind in ("better", "worse", "equivalent", "undecided")
    )
    beats = f", and better than {listed(better)}" if better else ""
    if worse:
        verdict, why = "does not stand", f"{listed(worse)} {'is' if len(worse) == 1 else 'are'} better than {DECAY}"
    elif open_:
        verdict, why = "undecided", f"the finals do not tell {DECAY} from {listed(open_)}"
    elif equivalent:
        verdict, why = "does not stand", f"{DECAY} is equivalent to {listed(equivalent)}{beats}"
    else:
        verdict, why = "stands", f"{DECAY} is better than each of the other four"
    return Answer("SGD with learning-rate decay is the best of the five methods (section 5).", verdict, f"{why}.")


def _hypothesis(outcome: Outcome) -> Answer:
    """Return whether momentum and decay together, which the paper calls very promising, are better than decay alone."""
    size = difference_text(_difference(outcome, COMBINED, DECAY), outcome.plan.protocol.objective)
    better = [name for name in FIVE if name not in (DECAY, COMBINED) and _verdict(outcome, COMBINED, name) == "better"]
    beats = f" It is better than {listed(better)}." if better else ""
    verdict, why = {
        "better": ("stands", f"it is better than {DECAY}, by {size.lstrip('+')}."),
        "worse": ("does not stand", f"it is worse than {DECAY}, by {size.lstrip('-')}."),
        "equivalent": ("does not stand", f"it is equivalent to {DECAY}; they differ by {size.lstrip('+-')}."),
        "undecided": ("undecided", f"the finals do not tell it from {DECAY}: {size}."),
    }[_verdict(outcome, COMBINED, DECAY)]
    sentence = "Momentum together with decay, given a search, is better than decay alone (section 3.3: very promising)."
    return Answer(sentence, verdict, why + beats)


def answer_sentences(outcome: Outcome) -> list[str]:
    """Return the answers as sentences."""
    return [f"{answer.sentence} {answer.verdict.capitalize()}: {answer.why}" for answer in answers(outcome)]


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
