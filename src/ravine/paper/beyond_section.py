"""The section "Beyond the paper" of the reproduction's page."""

from __future__ import annotations

from html import escape

from ravine.comparison.outcome import Outcome
from ravine.comparison.page_parts import NUMBER, WORDS, html_table
from ravine.comparison.words import half_width_text, rank_text, score_text, seen_sentence, settings_text, warnings
from ravine.paper.beyond import COMMAND, answers, stored_beyond
from ravine.report.html_page import Section, breakable, lines, whole
from ravine.storage.store import RunStore

_SYMBOLS = {"stands": ("✓", "good"), "does not stand": ("✗", "bad"), "undecided": ("?", "open")}


def beyond_section(store: RunStore) -> Section:
    """Return what the fair comparison in a store of runs says to the paper's findings, or how to run it.

    Raises:
        DataError: the stored outcome is damaged.
    """
    outcome = stored_beyond(store)
    command = f"<code>{whole(COMMAND)}</code>"
    if outcome is None:
        body = (
            f"<p>{command} tunes each of the five methods with the same effort, beside RMSProp, Adam and AdamW, and "
            "says what becomes of the paper's conclusion. It has not run on this folder of runs.</p>"
        )
    else:
        body = _found(outcome, command)
    return Section("beyond", "Beyond the paper", body)


def _found(outcome: Outcome, command: str) -> str:
    trials = outcome.plan.protocol.trials
    objective = outcome.plan.protocol.objective
    head = [("rank", NUMBER), ("optimizer", WORDS), (f"test {objective}", NUMBER), ("settings", WORDS)]
    rows = [
        [
            rank_text(standing.rank),
            breakable(standing.optimizer),
            f"{score_text(standing.score, objective)} "
            f'<span class="interval">± {half_width_text(standing.interval, objective)}</span>',
            breakable(settings_text(standing)),
        ]
        for standing in outcome.leaderboard
    ]
    said = []
    for answer in answers(outcome):
        symbol, kind = _SYMBOLS[answer.verdict]
        said.append(
            f'<li class="{kind}">{escape(answer.sentence)} <b class="verdict"><i aria-hidden="true">{symbol}</i>&nbsp;'
            f"{answer.verdict.capitalize()}:</b> {escape(answer.why)}</li>"
        )
    doubts = [f"<li>{escape(warning)}</li>" for warning in warnings(outcome)]
    return lines(
        [
            f"<p>{command} gave each method {trials} trials on a validation split and the winner of each fresh seeds. "
            "What it finds:</p>",
            f'<ul class="highlights">\n{lines(said)}\n</ul>',
            html_table("beyond", "All methods, each with the settings that its search found", head, rows),
            f'<p class="note">{escape(seen_sentence(outcome, outcome.verdicts[0]))}</p>',
            *([f'<ul class="highlights">\n{lines(doubts)}\n</ul>'] if doubts else []),
            f'<p class="note">The page of this comparison: <code>ravine compare {escape(outcome.id)}</code></p>',
        ]
    )
