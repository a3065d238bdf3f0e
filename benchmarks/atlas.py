"""The atlas: all element-wise optimizers in one comparison on small problems, in hours: `python -m benchmarks.atlas`.

It is the comparison that this command makes, and goes on where it was, as that does:

    ravine compare --all --batch-size 100 --pairs best --problem mnist-logistic,mnist-small,fashion-small,mnist-deep

At its end it writes the records, the pictures and the tables of the page "Which optimizer?": the plan, the leaderboard
and the pairs into the package, where `--against atlas` reads them, and all trials beside the page. With --from-records
it writes the pictures and the tables alone, from the records that are there.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec

import ravine
from ravine.comparison.comparison import Comparison
from ravine.comparison.defaults import protocol_of
from ravine.comparison.facts import is_below_default
from ravine.comparison.folder import Made
from ravine.comparison.plan import Plan, Protocol
from ravine.comparison.planning import all_elementwise, make_plan
from ravine.pictures import COLORS, MARKERS, Figure, blank_figure, own_style, png, ticker
from ravine.storage.tidy import to_csv

PROBLEMS = ("mnist-logistic", "mnist-small", "fashion-small", "mnist-deep")

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "src" / "ravine" / "comparison" / "atlas"
PAGE = ROOT / "docs" / "which-optimizer.md"
BESIDE = ROOT / "docs" / "atlas"

TRIAL_COLUMNS = ("problem", "optimizer", "stage", "number", "seed", "score", "status", "seconds")

MARKS = {"best": "★", "better": "▲", "worse": "▼", "equivalent": "=", "undecided": "?"}
"""What an optimizer is beside the one that did best while tuning, which is marked as the best."""

Record = Mapping[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("atlas-runs"), help="folder of runs")
    parser.add_argument("--from-records", action="store_true", help="write the page's parts alone")
    given = parser.parse_args()
    if not given.from_records:
        write_records(
            ravine.compare(all_elementwise(), problem=PROBLEMS, batch_size=100, pairs="best", runs=given.runs)
        )
    write_page(read("leaderboard"), read("pairs"))


def plan_of_today(names: Sequence[str]) -> Plan:
    """Return the plan that the command makes now of these optimizers."""
    return make_plan(names, PROBLEMS, protocol_of(pairs="best"), batch_sizes=[100])[0]


def write_records(done: Comparison) -> None:
    """Write the plan, the leaderboard and the pairs into the package, and all trials beside the page."""
    RECORDS.mkdir(exist_ok=True)
    BESIDE.mkdir(exist_ok=True)
    made = Made(id=done.id, time=done.time, plan=done.outcome.plan)
    (RECORDS / "plan.json").write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    for name, rows in (("leaderboard", done.leaderboard), ("pairs", done.pairs)):
        (RECORDS / f"{name}.csv").write_text(to_csv(rows, list(rows[0])), encoding="utf-8")
    columns = [*TRIAL_COLUMNS, *(name for name in done.trials[0] if name.startswith("set_"))]
    short = [{**row, "seconds": round(float(row["seconds"]), 3)} for row in done.trials]  # type: ignore[arg-type]
    (BESIDE / "trials.csv").write_text(to_csv(short, columns), encoding="utf-8")


def read(name: str) -> list[Record]:
    """Return the rows of a record."""
    with (RECORDS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_page(leaderboard: Sequence[Record], pairs: Sequence[Record]) -> None:
    """Write the tables between their marks in the page, and its picture."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables(leaderboard, pairs).items():
        text = filled(text, name, table)
    PAGE.write_text(text, encoding="utf-8")
    (BESIDE / "ratios.png").write_bytes(png(ratios_drawn(leaderboard)))


def filled(text: str, name: str, table: str) -> str:
    """Put a table between the marks of its name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    found = re.sub(f"{begin}.*?{end}", lambda _: f"{begin}{table}\n{end}", text, count=1, flags=re.DOTALL)
    if begin not in text:
        raise SystemExit(f"{PAGE} has no place for the table {name}: write {begin.strip()} and {end} there.")
    return found


def tables(leaderboard: Sequence[Record], pairs: Sequence[Record]) -> dict[str, str]:
    """Return the tables of the page by their names."""
    return {
        "scores": scores_table(leaderboard, pairs),
        "gains": gains_table(leaderboard),
        "rates": rates_table(leaderboard),
    }


def ratios(leaderboard: Sequence[Record]) -> dict[str, dict[str, float]]:
    """Return, by optimizer and problem, its mean test error divided by the smallest one of all, the safest first.

    The safest is the one whose largest ratio is the smallest.
    """
    best = {
        problem: min(1 - float(row["score"]) for row in leaderboard if row["problem"] == problem)
        for problem in dict.fromkeys(row["problem"] for row in leaderboard)
    }
    found: dict[str, dict[str, float]] = {}
    for row in leaderboard:
        found.setdefault(row["optimizer"], {})[row["problem"]] = (1 - float(row["score"])) / best[row["problem"]]
    return dict(sorted(found.items(), key=lambda item: max(item[1].values())))


def scores_table(leaderboard: Sequence[Record], pairs: Sequence[Record]) -> str:
    """Return the table of scores and verdicts, the safest optimizer first."""
    by = {(row["optimizer"], row["problem"]): row for row in leaderboard}
    found = ratios(leaderboard)
    problems = list(dict.fromkeys(row["problem"] for row in leaderboard))
    head = ["optimizer", *problems, "largest ratio", "decades"]
    rows = []
    for optimizer, ratio in found.items():
        own = [by[optimizer, problem] for problem in problems]
        cells = [f"{100 * float(row['score']):.2f} {mark(row, pairs)}{'⚠' if doubtful(row) else ''}" for row in own]
        decades = [float(row["decades"]) for row in own if row["decades"]]
        rows.append(
            [
                f"[{optimizer}](optimizers/{optimizer}.md)",
                *cells,
                f"{max(ratio.values()):.2f}",
                f"{median(decades):.1f}" if decades else "",
            ]
        )
    return markdown(head, rows)


def doubtful(row: Record) -> bool:
    """Tell whether an optimizer can do better than its search found: by an edge, its defaults, or one it contains."""
    default = float(row["default"]) if row["default"] else None
    missed = is_below_default(float(row["validation"]), default, Protocol().margin)
    return missed or bool(row["under_tuned"] or row["edges"])


def mark(row: Record, pairs: Sequence[Record]) -> str:
    """Return the sign of the verdict on an optimizer beside the one that did best while tuning."""
    own = [pair for pair in pairs if pair["problem"] == row["problem"]]
    beside = [pair for pair in own if row["optimizer"] in (pair["a"], pair["b"])]
    if len(own) > 1 and len(beside) == len(own):
        return MARKS["best"]
    (pair,) = beside
    turned = {"better": "worse", "worse": "better"}
    return MARKS[pair["verdict"] if pair["a"] == row["optimizer"] else turned.get(pair["verdict"], pair["verdict"])]


def gains_table(leaderboard: Sequence[Record]) -> str:
    """Return the table of what tuning gains: tuned minus default validation accuracy, over the optimizers."""
    rows = []
    for problem in dict.fromkeys(row["problem"] for row in leaderboard):
        own = [row for row in leaderboard if row["problem"] == problem and row["default"]]
        gains = [100 * (float(row["validation"]) - float(row["default"])) for row in own]
        numbers = [f"{of(gains):.2f}" for of in (median, min, max)]
        rows.append([problem, str(len(own)), own[0]["finals"], *numbers])
    head = [
        "problem",
        "optimizers with a default rate",
        "final runs each",
        "median gain, points",
        "smallest",
        "largest",
    ]
    return markdown(head, rows)


def rates_table(leaderboard: Sequence[Record]) -> str:
    """Return the table of the settings that the searches chose."""
    problems = list(dict.fromkeys(row["problem"] for row in leaderboard))
    by = {(row["optimizer"], row["problem"]): row for row in leaderboard}
    rows = []
    for optimizer in ratios(leaderboard):
        default = ravine.OPTIMIZERS[optimizer].defaults["lr"]
        cells = [chosen(by[optimizer, problem]) for problem in problems]
        rows.append([optimizer, "" if default is None else f"{default:g}", *cells])
    return markdown(["optimizer", "default lr", *problems], rows)


def chosen(row: Record) -> str:
    """Return the settings of a row, the learning rate without its name."""
    found = {name.removeprefix("set_"): value for name, value in row.items() if name.startswith("set_") and value}
    rate = f"{float(found.pop('lr')):.2g}"
    return ", ".join([rate, *(f"{name} {float(value):.4g}" for name, value in found.items())])


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, numbers on the right."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---", *["---:"] * (len(head) - 1)], *rows))


@own_style()
def ratios_drawn(leaderboard: Sequence[Record]) -> Figure:
    """Draw the ratio of each optimizer's error to the best one, a dot for each problem, the safest at the top."""
    found = ratios(leaderboard)
    figure, axes = blank_figure(7.0, 0.23 * len(found) + 1.1)
    problems = list(dict.fromkeys(row["problem"] for row in leaderboard))
    for problem, marker, color in zip(problems, MARKERS, COLORS, strict=False):
        values = [ratio[problem] for ratio in found.values()]
        axes.plot(values, range(len(values)), marker, color=color, label=problem, markersize=5.5, alpha=0.9)
    axes.hlines(range(len(found)), 1, [max(r.values()) for r in found.values()], color="#9aa1a8", alpha=0.4, zorder=0)
    axes.set(
        xscale="log", xlabel="test error, as a multiple of the smallest one on that problem", ylim=(len(found), -1)
    )
    axes.set_yticks(range(len(found)), list(found))
    axes.xaxis.set_major_locator(ticker.FixedLocator([1, 1.1, 1.2, 1.5, 2, 3, 5, 10]))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(problems), frameon=False)
    return figure


if __name__ == "__main__":
    main()
