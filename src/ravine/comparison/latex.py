"""The leaderboard as a table of LaTeX, which needs no package."""

from __future__ import annotations

from collections.abc import Sequence

from ravine.comparison.outcome import Outcome, Verdicts
from ravine.comparison.words import half_width_text, rank_text, score_text, settings_text, verdict_sentence
from ravine.report.tables import latex_escaped


def leaderboard_to_latex(outcome: Outcome) -> str:
    """Write the leaderboard of each problem as a table, whose caption is the verdict."""
    return "\n".join(_table(outcome, verdicts) for verdicts in outcome.verdicts)


def _table(outcome: Outcome, verdicts: Verdicts) -> str:
    objective = outcome.plan.protocol.objective
    rows = [
        (
            rank_text(standing.rank),
            standing.optimizer,
            f"{score_text(standing.score, objective)} +- {half_width_text(standing.interval, objective)}",
            settings_text(standing),
        )
        for standing in outcome.leaderboard
        if standing.problem == verdicts.problem
    ]
    caption = f"{verdicts.problem}. {verdict_sentence(outcome, verdicts)}"
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{latex_escaped(caption)}}}",
            r"\begin{tabular}{llrl}",
            r"\hline",
            _line(("rank", "optimizer", f"test {objective}", "settings")),
            r"\hline",
            *map(_line, rows),
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _line(cells: Sequence[str]) -> str:
    return " & ".join(map(latex_escaped, cells)) + r" \\"
