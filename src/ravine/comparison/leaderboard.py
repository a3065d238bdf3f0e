"""The leaderboard of a comparison's page."""

from __future__ import annotations

from collections.abc import Sequence

from ravine.comparison.groups import groups
from ravine.comparison.outcome import Outcome, Standing, Verdicts
from ravine.comparison.page_parts import NUMBER, WORDS, doubts, html_table, lanes, optional
from ravine.comparison.words import half_width_text, rank_text, score_text, settings_text, standing_doubts
from ravine.report.html_page import breakable


def leaderboard(outcome: Outcome, verdicts: Verdicts, standings: Sequence[Standing]) -> str:
    """Return the table of the optimizers on one problem, best first; a line joins those that cannot be told apart."""
    objective = outcome.plan.protocol.objective
    labels = [standing.optimizer for standing in standings]
    joined = groups(labels, verdicts.pairs)
    line = lanes(joined, labels)
    head = [
        ("rank", "number rank"),
        *([("", "joined")] if joined else []),
        ("optimizer", WORDS),
        (f"test {objective}", NUMBER),
        ("settings", WORDS),
        ("tuned", NUMBER),
        ("default", NUMBER),
    ]
    rows = [
        [
            rank_text(standing.rank),
            *([line[standing.optimizer]] if joined else []),
            f"<b>{breakable(standing.optimizer)}</b>{doubts(standing_doubts(standing))}",
            f"{score_text(standing.score, objective)} "
            f'<span class="interval">± {half_width_text(standing.interval, objective)}</span>',
            breakable(settings_text(standing)),
            optional(standing.validation, objective),
            optional(standing.default, objective),
        ]
        for standing in standings
    ]
    title = f"Leaderboard on {verdicts.problem}" if len(outcome.verdicts) > 1 else "Leaderboard"
    return html_table(f"leaderboard-{verdicts.problem}", title, head, rows)
