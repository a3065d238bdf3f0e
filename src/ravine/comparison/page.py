"""The page of a comparison: one file of HTML that needs nothing beside itself, neither the network nor a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import resources

from ravine.comparison import sections
from ravine.comparison.comparison import Comparison
from ravine.comparison.figures import TOGETHER
from ravine.comparison.leaderboard import leaderboard
from ravine.comparison.outcome import Outcome, Standing, Verdicts
from ravine.comparison.reading import terms
from ravine.comparison.together import together
from ravine.comparison.words import seen_sentence, tuned_sentence, verdict_sentence, warnings
from ravine.report.html_page import Section, definitions, figure, html_page, lines, whole
from ravine.words import duration, listed, several

CAPTIONS = {
    "rates": (
        "Score against learning rate",
        "Each point is a trial of a search. A ring marks the settings that the search chose by the mean over its "
        "seeds; the gray band is what lies within the margin of the best trial. Trials that are much worse lie at the "
        "border, and those that diverged are crosses there.",
    ),
    "best-of-k": (
        "Best of k trials",
        "The mean score of the best of k trials of each search, and the range of the middle 80 % of draws.",
    ),
    "curves-epochs": (
        "Score over epochs",
        "The settings that each search chose, while tuning: the mean over seeds, and the range from the lowest to the "
        "highest.",
    ),
    "curves-seconds": ("Score over seconds", "The same curves over the seconds of training, on one core."),
    "profiles": (
        "Performance profiles",
        "The share of problems on which each optimizer is within a ratio of the best one, which has a ratio of 1. A "
        "mark stands at the ratio on each problem; a profile that ends lower has larger ratios beyond the axis. The "
        "bands are 95 % intervals.",
    ),
}
"""By the name of a figure, its title and how to read it."""

Svgs = Mapping[tuple[str, str], str]
"""By the names of a figure and of a problem, the SVG that matplotlib made; the problem is "" if it is about all."""

_Part = Callable[[Outcome, Verdicts, Sequence[Standing]], str]


def page(comparison: Comparison, svgs: Svgs) -> str:
    """Write the page of a comparison from its outcome and its figures."""
    outcome = comparison.outcome

    def figures(*names: str) -> _Part:
        return lambda outcome, verdicts, standings: _figures(svgs, verdicts.problem, names, outcome)

    def each(*parts: _Part) -> str:
        return lines(_problem(outcome, verdicts, parts) for verdicts in outcome.verdicts)

    shown = [
        Section("together", "All problems together", _together(outcome, svgs)),
        Section("pairs", "Pairs", each(sections.pairs)),
        Section("tuning", "Tuning", each(figures("best-of-k"), sections.tuning)),
        Section("training", "Training", each(figures("curves-epochs", "curves-seconds"), sections.training)),
        Section("controls", "Controls", each(sections.controls)),
        Section("plan", "Plan", sections.plan(outcome, comparison.time)),
        Section("before", "Plans made before", sections.before(comparison.before)),
        Section("reading", "How to read this page", definitions(terms(outcome))),
        Section("trials", "All runs", each(sections.trials)),
        Section("command", "How this page was made", _commands(comparison)),
        Section("environment", "Environment", definitions(outcome.environment)),
    ]
    css = resources.files("ravine.comparison").joinpath("page.css").read_text(encoding="utf-8")
    return html_page(_title(outcome), _summary(comparison, svgs), shown, css)


def _title(outcome: Outcome) -> str:
    labels = outcome.plan.labels
    names = listed(labels) if len(labels) <= 4 else several(len(labels), "optimizer")
    return f"Comparison of {names} on {listed(problem.name for problem in outcome.plan.problems)}"


def _summary(comparison: Comparison, svgs: Svgs) -> str:
    outcome = comparison.outcome
    seconds = sum(row.seconds for row in outcome.trials)
    facts = [several(len(outcome.trials), "run"), f"{duration(seconds)} of training on one core", f"plan {outcome.id}"]
    many = len(outcome.verdicts) > 1
    sentences = [
        f'<p class="sentence">{f"<b>{escape(verdicts.problem)}</b> " if many else ""}'
        f"{escape(verdict_sentence(outcome, verdicts))}</p>"
        for verdicts in outcome.verdicts
    ]
    doubts = lines(f"<li>{escape(warning)}</li>" for warning in warnings(outcome))
    return lines(
        [
            f"<h1>{whole(_title(outcome))}</h1>",
            f'<p class="facts">{" · ".join(facts)}</p>',
            *sentences,
            *(f"<p>{escape(note)}</p>" for note in (tuned_sentence(outcome), *comparison.notes) if note),
            *([f'<ul class="warnings" role="note">\n{doubts}\n</ul>'] if doubts else []),
            *(_board(outcome, verdicts, svgs) for verdicts in outcome.verdicts),
        ]
    )


def _board(outcome: Outcome, verdicts: Verdicts, svgs: Svgs) -> str:
    """Return the leaderboard of one problem, and the scores against the learning rate."""
    standings = _standings(outcome, verdicts)
    kind = "board many" if len(standings) > TOGETHER else "board"
    return f"""<div class="{kind}">
<div>
{leaderboard(outcome, verdicts, standings)}
<p class="note">{escape(seen_sentence(outcome, verdicts))}</p>
</div>
{_figures(svgs, verdicts.problem, ("rates",), outcome)}
</div>"""


def _problem(outcome: Outcome, verdicts: Verdicts, parts: Sequence[_Part]) -> str:
    """Return parts of a section for one problem, under its name if there are several."""
    standings = _standings(outcome, verdicts)
    body = lines(filter(None, (part(outcome, verdicts, standings) for part in parts)))
    if not body or len(outcome.verdicts) == 1:
        return body
    return f'<h3 class="problem">{escape(verdicts.problem)}</h3>\n{body}'


def _standings(outcome: Outcome, verdicts: Verdicts) -> list[Standing]:
    return [standing for standing in outcome.leaderboard if standing.problem == verdicts.problem]


def _figures(svgs: Svgs, problem: str, names: Sequence[str], outcome: Outcome) -> str:
    drawn = []
    for name in names:
        title, caption = CAPTIONS[name]
        shown = f"{title} on {problem}" if len(outcome.verdicts) > 1 else title
        drawn.append(figure(f"{name}-{problem}", shown, shown, caption, svgs[name, problem]))
    return f'<div class="figures">\n{lines(drawn)}\n</div>'


def _together(outcome: Outcome, svgs: Svgs) -> str:
    """Return the section about all problems; nothing if they are too few."""
    if not outcome.profiles:
        return ""
    title, caption = CAPTIONS["profiles"]
    return together(outcome, figure("profiles", title, title, caption, svgs["profiles", ""]))


def _commands(comparison: Comparison) -> str:
    again = f"ravine compare {comparison.id}"
    parts = []
    if comparison.command:
        parts.append("<p>This command makes the comparison again:</p>")
        parts.append(f"<pre><code>{whole(comparison.command)}</code></pre>")
    parts.append("<p>This one makes the page again from the stored outcome, and trains nothing:</p>")
    parts.append(f"<pre><code>{whole(again)}</code></pre>")
    return lines(parts)
