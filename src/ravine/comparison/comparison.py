"""A comparison that has ended, for its user: rows, a picture, a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ravine.comparison.folder import Made
from ravine.comparison.outcome import Outcome
from ravine.comparison.rows import leaderboard_rows, pair_rows, profile_rows, trial_rows
from ravine.comparison.words import (
    half_width_text,
    rank_text,
    score_text,
    settings_text,
    tuned_sentence,
    verdict_sentence,
    warnings,
)
from ravine.html import heading, paragraph, table
from ravine.storage.tidy import Row

if TYPE_CHECKING:
    from ravine.pictures import Figure


class Comparison:
    """The outcome of a comparison.

    Attributes:
        outcome: everything, as plain values.
        before: the plans that were made before on one of its problems, oldest first.
        command: the command that makes it again; "" if it was made in Python.
        time: when its plan was made.
        notes: sentences about the verdicts, such as what they mean for a claim.
    """

    def __init__(
        self,
        outcome: Outcome,
        before: Sequence[Made] = (),
        command: str = "",
        time: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        self.outcome, self.before, self.command, self.time = outcome, tuple(before), command, time
        self.notes = tuple(notes)

    @property
    def id(self) -> str:
        """The id of its plan."""
        return self.outcome.id

    @property
    def leaderboard(self) -> list[Row]:
        """A row for each optimizer on each problem, best first; `pandas.DataFrame` takes them."""
        return leaderboard_rows(self.outcome)

    @property
    def pairs(self) -> list[Row]:
        """A row for each pair of optimizers on each problem, with the verdict."""
        return pair_rows(self.outcome)

    @property
    def profiles(self) -> list[Row]:
        """A row for each optimizer and ratio to the best error, with the share of problems; none for few problems."""
        return profile_rows(self.outcome)

    @property
    def trials(self) -> list[Row]:
        """A row for each run."""
        return trial_rows(self.outcome)

    @property
    def sentences(self) -> list[str]:
        """What the finals show, a sentence a problem, what that means, and what must be known before it is believed."""
        many = len(self.outcome.verdicts) > 1
        found = [
            f"{verdicts.problem}: {verdict_sentence(self.outcome, verdicts)}"
            if many
            else verdict_sentence(self.outcome, verdicts)
            for verdicts in self.outcome.verdicts
        ]
        return [*found, *filter(None, [tuned_sentence(self.outcome)]), *self.notes, *warnings(self.outcome)]

    def plot(self) -> Figure:
        """Draw the scores of all trials against the learning rate; return a matplotlib figure."""
        from ravine.comparison.figures import score_by_rate

        return score_by_rate(self.outcome)

    def write(self, folder: Path | str = "ravine-comparison") -> Path:
        """Write the page, its tables and the rows of all trials into a folder, and return the page."""
        from ravine.comparison.files import write_comparison

        return write_comparison(self, Path(folder))

    def __repr__(self) -> str:
        names = ", ".join(self.outcome.plan.labels)
        problems = ", ".join(problem.name for problem in self.outcome.plan.problems)
        return f"Comparison({self.id}, {names}, on {problems})"

    def _repr_html_(self) -> str:
        objective = self.outcome.plan.protocol.objective
        rows = [
            (
                s.problem,
                rank_text(s.rank),
                s.optimizer,
                f"{score_text(s.score, objective)} ± {half_width_text(s.interval, objective)}",
                settings_text(s),
            )
            for s in self.outcome.leaderboard
        ]
        head = ("problem", "rank", "optimizer", "score", "settings")
        return heading("Comparison", self.id) + "".join(map(paragraph, self.sentences)) + table(head, rows)
