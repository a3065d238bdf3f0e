"""The section of a comparison's page about all of its problems together."""

from __future__ import annotations

from collections.abc import Sequence

from ravine.comparison.outcome import Outcome
from ravine.comparison.page_parts import NUMBER, WORDS, doubts, html_table
from ravine.comparison.profiles import Share
from ravine.comparison.words import cost_word, standing_doubts
from ravine.report.html_page import breakable, lines
from ravine.words import listed, several

SHOWN = (1.05, 1.1, 1.5)
"""The ratios at which the table has shares."""


def together(outcome: Outcome, picture: str) -> str:
    """Return what the performance profiles say: sentences, their picture, and a table."""
    words = (f"<p>{sentence}</p>" for sentence in _sentences(outcome))
    return lines([*words, f'<div class="figures">\n{picture}\n</div>', _table(outcome)])


def _sentences(outcome: Outcome) -> list[str]:
    objective, count = outcome.plan.protocol.objective, len(outcome.verdicts)
    cost = cost_word(objective)
    formula = "test error, 1 - accuracy," if objective == "accuracy" else "test loss"
    return [
        f"The ratio of an optimizer on a problem is its mean {formula} divided by that of the best optimizer there: "
        f"1 is the best; at 1.1 the {cost} is 10 % larger. The picture shows on which share of the problems "
        "each optimizer is within a ratio.",
        f"{several(count, 'problem')} give a rough picture: a share moves in steps of {100 / count:.3g} %. The "
        "intervals come from drawing problems and seeds anew. They are no test: no verdict follows from them. Where "
        "all problems agree, an interval has no width, which says nothing about other problems.",
        f"The best {cost} of a problem is that of the best optimizer here, so another optimizer in the comparison can "
        "change the profiles of all others.",
    ]


def _table(outcome: Outcome) -> str:
    head = [
        ("optimizer", WORDS),
        *((f"within {tau:g}", NUMBER) for tau in SHOWN),
        ("largest ratio", NUMBER),
        ("on", WORDS),
    ]
    rows = [
        [
            f"<b>{breakable(profile.optimizer)}</b>{doubts(_doubts(outcome, profile.optimizer))}",
            *(_share_cell(profile.within(tau)) for tau in SHOWN),
            f"{_ratio(profile.largest)} {_interval([_ratio(end) for end in profile.interval])}",
            "&ndash;" if profile.worst is None else breakable(profile.worst),
        ]
        for profile in outcome.profiles
    ]
    cost = cost_word(outcome.plan.protocol.objective)
    title = f"Share of the problems within a ratio to the best test {cost}, in the order of the largest ratio"
    return html_table("profiles", title, head, rows)


def _doubts(outcome: Outcome, optimizer: str) -> list[str]:
    """Say what makes the ratios of an optimizer doubtful, and on which problems."""
    found: dict[str, list[str]] = {}
    for standing in outcome.leaderboard:
        for words in standing_doubts(standing) if standing.optimizer == optimizer else ():
            found.setdefault(words, []).append(standing.problem)
    return [f"{words} on {listed(problems)}" for words, problems in found.items()]


def _share_cell(share: Share) -> str:
    ends = _interval([f"{100 * share.low:.0f}", f"{100 * share.high:.0f} %"])
    return f"{100 * share.share:.0f} % {ends}"


def _interval(ends: Sequence[str]) -> str:
    return f'<span class="interval">({" to ".join(ends)})</span>'


def _ratio(ratio: float | None) -> str:
    return "&infin;" if ratio is None else f"{ratio:,.2f}"
