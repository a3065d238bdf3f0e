"""What is shown of comparisons: their progress, their outcome, and a list of those that are stored."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ravine.cli.output import print_json, print_table, print_text
from ravine.errors import ConfigError
from ravine.words import listed, several

if TYPE_CHECKING:
    from ravine.comparison.compare import Watching
    from ravine.comparison.comparison import Comparison
    from ravine.comparison.folder import Made
    from ravine.comparison.trials import Trial
    from ravine.storage.store import RunStore
    from ravine.studies import StudyWatcher


def watching_stages(quiet: bool) -> Watching:
    """Return the function that makes a watcher for each stage."""
    from ravine.cli.study_progress import watching_study
    from ravine.spec import shared_by

    def watching(trials: Sequence[Trial]) -> AbstractContextManager[StudyWatcher | None]:
        if quiet or not trials:
            return nullcontext()
        stages = listed(dict.fromkeys(_STAGES[trial.stage] for trial in trials), "and")
        click.echo(f"ravine: {stages}: {several(len(trials), 'run')}", err=True)
        return watching_study(quiet, len(trials), shared_by([trial.run.spec for trial in trials]))

    return watching


_STAGES = {
    "search": "search",
    "default": "the defaults",
    "extension": "search beyond an edge",
    "seeds": "the best with further seeds",
    "control": "controls",
    "final": "finals with fresh seeds",
}


def show_comparison(done: Comparison, page: Path, as_json: bool) -> None:
    """Print the leaderboard and what it says, or all of it as one document."""
    from ravine.comparison.words import half_width_text, rank_text, score_text, seen_sentence, settings_text

    outcome = done.outcome
    if as_json:
        print_json(
            {
                "plan": outcome.id,
                "leaderboard": outcome.leaderboard,
                "pairs": [pair for verdicts in outcome.verdicts for pair in verdicts.pairs],
                **({"profiles": outcome.profiles} if outcome.profiles else {}),
                "sentences": done.sentences,
                "trials": str(page.parent / "trials.csv"),
                "page": str(page),
            }
        )
        return
    objective = outcome.plan.protocol.objective
    for verdicts in outcome.verdicts:
        rows = [
            (
                rank_text(s.rank),
                s.optimizer,
                f"{score_text(s.score, objective)} +- {half_width_text(s.interval, objective)}",
                settings_text(s),
                "-" if s.default is None else score_text(s.default, objective),
                "-" if s.validation is None else score_text(s.validation, objective),
            )
            for s in outcome.leaderboard
            if s.problem == verdicts.problem
        ]
        print_text(f"{verdicts.problem}:")
        print_table(("rank", "optimizer", f"test {objective}", "tuned settings", "default", "tuned"), rows)
        click.echo()
        print_text(seen_sentence(outcome, verdicts))
    for sentence in done.sentences:
        print_text(sentence)
    click.echo(f"The page is {page.absolute()}")


def list_comparisons(store: RunStore, as_json: bool) -> int:
    """Print the comparisons of a store, oldest first."""
    from ravine.comparison.folder import has_ended, plans

    found = [(made, has_ended(store, made.id)) for made in plans(store)]
    if as_json:
        print_json(
            {
                "comparisons": [
                    {
                        "plan": made.id,
                        "time": made.time,
                        "ended": ended,
                        "problems": [problem.name for problem in made.plan.problems],
                        "optimizers": made.plan.labels,
                        "protocol": made.plan.protocol,
                    }
                    for made, ended in found
                ]
            }
        )
        return 0
    if not found:
        click.echo(f"There are no comparisons in {store.root}.")
        return 0
    rows = [_row(made, "ended" if ended else "not ended") for made, ended in found]
    print_table(("plan", "made", "state", "problems", "optimizers", "trials"), rows)
    return 0


def _row(made: Made, state: str) -> tuple[str, ...]:
    problems = ", ".join(problem.name for problem in made.plan.problems)
    return made.id, made.time, state, problems, ", ".join(made.plan.labels), str(made.plan.protocol.trials)


def reopen(store: RunStore, prefix: str, out: Path, as_json: bool) -> int:
    """Print a stored comparison again, and write its page."""
    from ravine.comparison.comparison import Comparison
    from ravine.comparison.folder import find, load_outcome, plans_before

    made = find(store, prefix)
    outcome = load_outcome(store, made.id)
    if outcome is None:
        raise ConfigError(f"comparison {made.id} has not ended; the command that began it goes on with it.")
    done = Comparison(outcome, plans_before(store, made.id, made.plan), time=made.time)
    show_comparison(done, done.write(out), as_json)
    return 0
