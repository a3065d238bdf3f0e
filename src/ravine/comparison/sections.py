"""The sections of a comparison's page below its leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import fmean

from ravine.comparison.edges import LEAST_TRIALS
from ravine.comparison.facts import ToTarget
from ravine.comparison.folder import Made
from ravine.comparison.outcome import Outcome, Row, Standing, Verdicts
from ravine.comparison.page_parts import NUMBER, SYMBOLS, WORDS, html_table, mark, optional, p_text
from ravine.comparison.plan import Objective
from ravine.comparison.protocol_words import problem_words, protocol_words, space_rows, tuned_rows
from ravine.comparison.verdicts import Pair
from ravine.comparison.words import center, difference_text, interval_text, score_text, turned, values_text
from ravine.report.html_page import breakable, definitions, lines
from ravine.words import duration, listed, several

IN_A_MATRIX = 5
"""The fewest optimizers whose verdicts are shown as a matrix too."""

OPEN = 15
"""The most pairs whose table is open."""

_FINAL = "final"


def pairs(outcome: Outcome, verdicts: Verdicts, standings: Sequence[Standing]) -> str:
    """Return the verdict on each pair: the better place of the leaderboard first."""
    labels = [standing.optimizer for standing in standings]
    ordered = [turned(pair, min(pair.a, pair.b, key=labels.index)) for pair in verdicts.pairs]
    ordered.sort(key=lambda pair: (labels.index(pair.a), labels.index(pair.b)))
    counts = {verdict: sum(pair.verdict == verdict for pair in ordered) for verdict in SYMBOLS}
    told = listed(f"{count} {verdict}" for verdict, count in counts.items() if count)
    found = f"<p>{several(len(ordered), 'pair')}: {told}.{_left_out(outcome, ordered)}</p>"
    whole = _pair_table(outcome, verdicts.problem, ordered)
    if len(ordered) > OPEN:
        whole = f"<details>\n<summary>The numbers of all {len(ordered)} pairs</summary>\n{whole}\n</details>"
    large = len(labels) >= IN_A_MATRIX and outcome.plan.protocol.pairs == "all"
    matrix = _matrix(verdicts.problem, labels, ordered) if large else ""
    return lines(filter(None, (found, matrix, whole)))


def _left_out(outcome: Outcome, ordered: Sequence[Pair]) -> str:
    """Say which pairs are not judged."""
    if outcome.plan.protocol.pairs == "best" and len(ordered) > 1:
        best = escape(center(ordered))
        return f" Each optimizer is judged beside {best} alone, the one that did best while tuning."
    if sum(bool(entry.tuned) for entry in outcome.plan.entries) > 1:
        return " Pairs of two optimizers that an earlier comparison tuned are not judged."
    return ""


def _pair_table(outcome: Outcome, problem: str, ordered: Sequence[Pair]) -> str:
    objective, looks = outcome.plan.protocol.objective, outcome.plan.protocol.looks
    head = [
        ("A", WORDS), ("A is", WORDS), ("B", WORDS), ("difference", NUMBER), ("interval", NUMBER), ("p", NUMBER),
        ("level", NUMBER), ("p of the signs", NUMBER), ("A beats B", NUMBER), ("seeds", NUMBER),
        *([("look", NUMBER)] if looks > 1 else []),
    ]  # fmt: skip
    rows = [
        [
            breakable(pair.a),
            mark(pair.verdict) + (f'<span class="why">{escape(pair.note)}</span>' if pair.note else ""),
            ("" if pair.verdict in ("undecided", "equivalent") else "than ") + breakable(pair.b),
            difference_text(pair.difference, objective),
            interval_text(pair.interval, objective),
            p_text(pair.p),
            p_text(pair.level),
            p_text(pair.p_signs),
            f"{100 * pair.wins:.0f} %",
            str(pair.seeds),
            *([str(pair.look)] if looks > 1 else []),
        ]
        for pair in ordered
    ]
    return html_table(f"pairs-{problem}", "Each pair of optimizers", head, rows)


def _matrix(problem: str, labels: Sequence[str], ordered: Sequence[Pair]) -> str:
    """Return a table of symbols: what the optimizer of a row is beside that of a column."""
    said = {(one.a, one.b): one for pair in ordered for one in (pair, turned(pair, pair.b))}

    def cell(row: str, column: str) -> str:
        if (row, column) not in said:  # the same one, or a pair that is not judged
            return ""
        symbol, kind = SYMBOLS[said[row, column].verdict]
        words = escape(f"{row} is {said[row, column].verdict} beside {column}", quote=True)
        return f'<span class="said {kind}" role="img" aria-label="{words}" title="{words}">{symbol}</span>'

    head = [("", NUMBER), ("", WORDS), *((str(place), "cell") for place in range(1, len(labels) + 1))]
    rows = [
        [str(place), breakable(row), *(cell(row, column) for column in labels)]
        for place, row in enumerate(labels, start=1)
    ]
    key = ", ".join(f"{symbol} {verdict}" for verdict, (symbol, _) in SYMBOLS.items())
    return html_table(f"matrix-{problem}", f"The optimizer of each row beside that of each column: {key}", head, rows)


def tuning(outcome: Outcome, verdicts: Verdicts, standings: Sequence[Standing]) -> str:
    """Return how hard each optimizer is to tune."""
    head = [
        ("optimizer", WORDS), ("decades of lr within the margin", NUMBER), ("diverged trials", NUMBER),
        ("search, core-seconds", NUMBER), ("best trials at an edge", WORDS),
    ]  # fmt: skip
    rows = [
        [
            breakable(standing.optimizer),
            "&ndash;" if standing.decades is None else f"{standing.decades:.2f}",
            "&ndash;" if standing.diverged is None else f"{100 * standing.diverged:.0f} %",
            "&ndash;" if standing.validation is None else f"{standing.tuning_seconds:,.0f}",
            "".join(
                f'<span class="doubt"><i aria-hidden="true">⚠</i> {escape(f"{edge.end} end of {edge.axis}")}</span> '
                for edge in standing.edges
            )
            or (
                "&ndash;"
                if standing.validation is None
                else "none"
                if outcome.plan.protocol.trials >= LEAST_TRIALS
                else "cannot tell"
            ),
        ]
        for standing in standings
    ]
    return html_table(f"tuning-{verdicts.problem}", "How hard they are to tune", head, rows)


def training(outcome: Outcome, verdicts: Verdicts, standings: Sequence[Standing]) -> str:
    """Return what each optimizer reaches in which time."""
    objective = outcome.plan.protocol.objective
    target = next(problem.target for problem in outcome.plan.problems if problem.name == verdicts.problem)
    after = duration(verdicts.equal_seconds)
    head = [
        ("optimizer", WORDS), (f"validation {objective} after {after}", NUMBER), ("at the end", NUMBER),
        ("seconds of a final run", NUMBER), ("final training loss", NUMBER),
        *([(f"epochs to {100 * target:g} %", NUMBER), ("samples", NUMBER), ("seconds", NUMBER)] if target else []),
    ]  # fmt: skip
    rows = [
        [
            breakable(standing.optimizer),
            optional(standing.at_seconds, objective),
            optional(standing.validation, objective),
            f"{standing.run_seconds:.3g}",
            "&ndash;" if standing.train_loss is None else f"{standing.train_loss:.4g}",
            *(_way(standing.to_target) if target else []),
        ]
        for standing in standings
    ]
    words = (
        f"<p>All are compared after {after}, which the fastest of them takes to the end. Runs that were stored before "
        "have the times of then, when the machine may have been busier or less busy.</p>"
    )
    return words + "\n" + html_table(f"training-{verdicts.problem}", "Score at equal seconds", head, rows)


def _way(way: ToTarget | None) -> list[str]:
    """Return the epochs, samples and seconds to the target."""
    if way is None:
        return ["&ndash;"] * 3
    missed = way.runs - way.reached
    note = f' <span class="interval">not reached in {missed} of {several(way.runs, "run")}</span>' if missed else ""
    if way.epochs is None or way.samples is None or way.seconds is None:
        return [note.strip(), "&ndash;", "&ndash;"]
    return [f"{way.epochs:g}{note}", f"{way.samples:,.0f}", f"{way.seconds:.3g}"]


def controls(outcome: Outcome, verdicts: Verdicts, standings: Sequence[Standing]) -> str:
    """Return each relation that was checked: what an optimizer that contains another one reached near it."""
    objective = outcome.plan.protocol.objective
    by_name = {standing.optimizer: standing for standing in standings}
    rows = []
    for entry in outcome.plan.entries:
        for other, point in () if entry.tuned else entry.contains.items():
            own = by_name[entry.label]
            near = [
                row
                for row in outcome.trials
                if (row.problem, row.optimizer, row.stage, row.near)
                == (verdicts.problem, entry.label, "control", other)
            ]
            best = _best_control(near)
            fails = other in own.under_tuned
            symbol, word = ("⚠", "under-tuned") if fails else ("✓", "does as well") if near else ("?", "not tried")
            rows.append(
                [
                    breakable(entry.label),
                    breakable(other),
                    breakable(", ".join(f"{name}={value:g}" for name, value in point.items())),
                    str(len({row.number for row in near})),
                    optional(best, objective),
                    optional(own.validation, objective),
                    optional(by_name[other].validation, objective),
                    f'<span class="said {"doubtful" if fails else "good" if near else "open"}">'
                    f'<i aria-hidden="true">{symbol}</i> {word}</span>',
                ]
            )
    if not rows:
        return ""
    head = [
        ("optimizer", WORDS), ("contains", WORDS), ("with", WORDS), ("trials near it", NUMBER),
        ("best of these", NUMBER), ("its own settings", NUMBER), ("the other's", NUMBER), ("", WORDS),
    ]  # fmt: skip
    words = (
        "<p>An optimizer that contains another one can do as well as that one, if its search is long enough. It is "
        "under-tuned if a trial near the other's settings is above its own by the margin, on the validation split, or "
        "if the finals find it worse than the other.</p>"
    )
    return words + "\n" + html_table(f"controls-{verdicts.problem}", "Optimizers that contain others", head, rows)


def _best_control(near: Sequence[Row]) -> float | None:
    """Return the mean of the control that was repeated with further seeds, or the best one if none was."""
    groups: dict[int, list[float]] = {}
    for row in near:
        groups.setdefault(row.number, []).append(row.score)
    most = max(map(len, groups.values()), default=0)
    return max((fmean(values) for values in groups.values() if len(values) == most), default=None)


def plan(outcome: Outcome, time: str) -> str:
    """Return the plan: every number of the protocol, the problems and the spaces."""
    made = {"id": outcome.id, **({"made": time} if time else {})}
    problems = {f"problem {problem.name}": problem_words(problem) for problem in outcome.plan.problems}
    variants = {
        entry.label: f"{entry.optimizer} with {values_text(entry.settings)} in all of its runs."
        for entry in outcome.plan.entries
        if entry.settings
    }
    tuned = {
        f"{label} on {problem}": f"It was tuned by an earlier comparison: {settings}."
        for label, problem, settings in tuned_rows(outcome.plan)
    }
    words = protocol_words(outcome.plan.protocol, tuned=bool(tuned))
    head = [("optimizer", WORDS), ("axis", WORDS), ("values", WORDS), ("whose", WORDS)]
    rows = [
        [
            breakable(label),
            breakable(name),
            escape(values),
            "<b>overridden</b> in this comparison" if overridden else "its own" if own else "all optimizers'",
        ]
        for label, name, values, overridden, own in space_rows(outcome.plan)
    ]
    return lines(
        [
            "<p>All of this was fixed, and stored, before the first run.</p>",
            definitions({**made, **problems, **variants, **tuned, **words}),
            html_table("spaces", "The space of each search", head, rows),
        ]
    )


def before(made: Sequence[Made]) -> str:
    """Return the plans that were made before on one of the problems."""
    if not made:
        return ""
    head = [
        ("plan", WORDS), ("made", WORDS), ("problems", WORDS), ("optimizers", WORDS), ("trials", NUMBER),
        ("seed", NUMBER),
    ]  # fmt: skip
    rows = [
        [
            f"<code>{escape(one.id)}</code>",
            escape(one.time),
            breakable(", ".join(problem.name for problem in one.plan.problems)),
            breakable(", ".join(one.plan.labels)),
            str(one.plan.protocol.trials),
            str(one.plan.protocol.seed),
        ]
        for one in made
    ]
    words = (
        "<p>Who compares again until a result pleases will find one that does. So this page has all earlier plans of "
        "the same folder of runs, oldest first.</p>"
    )
    return words + "\n" + html_table("before", "Earlier plans on one of the problems", head, rows)


def trials(outcome: Outcome, verdicts: Verdicts, standings: Sequence[Standing]) -> str:
    """Return all runs: those of the tuning by their validation score, the finals by their test score."""
    objective = outcome.plan.protocol.objective
    own = [row for row in outcome.trials if row.problem == verdicts.problem]
    tuned = sorted((row for row in own if row.stage != _FINAL), key=lambda row: -row.score)
    finals = sorted((row for row in own if row.stage == _FINAL), key=lambda row: -row.score)
    files = "<p>The file <code>trials.csv</code> beside this page has all numbers of these runs.</p>"
    parts = [
        (tuned, f"tuning-runs-{verdicts.problem}", "validation", f"{several(len(tuned), 'run')} of the tuning"),
        (finals, f"final-runs-{verdicts.problem}", "test", several(len(finals), "final run")),
    ]
    shown = []
    for rows, name, split, title in parts:
        what = f"{split} {objective}"
        runs = _run_table(name, f"{title}, by the {what}", what, rows, objective)
        shown.append(f"<details>\n<summary>{title}, best first</summary>\n{runs}\n</details>")
    return lines([files, *shown])


def _run_table(name: str, title: str, what: str, rows: Sequence[Row], objective: Objective) -> str:
    head = [
        ("optimizer", WORDS), (what, NUMBER), ("settings", WORDS), ("stage", WORDS), ("seed", NUMBER),
        ("training loss", NUMBER), ("seconds", NUMBER), ("run", WORDS),
    ]  # fmt: skip
    body = [
        [
            breakable(row.optimizer),
            score_text(row.score, objective) if row.status == "done" else f"{escape(row.status)}",
            breakable(values_text(row.settings)),
            escape(f"{row.stage} near {row.near}" if row.near else row.stage),
            str(row.seed),
            "&ndash;" if row.train_loss is None else f"{row.train_loss:.4g}",
            f"{row.seconds:.3g}",
            f"<code>{escape(row.run)}</code>",
        ]
        for row in rows
    ]
    return html_table(name, title, head, body)
