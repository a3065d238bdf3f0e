"""Put a report together from stored records, and write its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from ravine.gradients.networks.check import NetworkCheck
from ravine.pictures import png, svg
from ravine.report import tidy
from ravine.report.best import Contender, best_row, contenders
from ravine.report.claims import Claim, judge_claims
from ravine.report.commands import command_of
from ravine.report.environment import shared_environment
from ravine.report.figures import draw
from ravine.report.html_page import Section
from ravine.report.looks import Looking
from ravine.report.page import page
from ravine.report.report import MadeBy, Report
from ravine.report.stored_study import StoredStudy
from ravine.report.summary import Topic, headlines
from ravine.report.tables import make_table, outcome_of, table_to_csv, table_to_latex, table_to_markdown
from ravine.report.verdicts import JudgedClaim, verdicts_to_csv, verdicts_to_markdown
from ravine.report.written import write_files
from ravine.storage.record import Result
from ravine.storage.store import StoredRun
from ravine.storage.tidy import to_csv
from ravine.studies import Planned, Study
from ravine.words import duration, several

CLAIMS_PART = "claims"
"""The name of the part of a report that has the verdicts."""


def make_report(
    study: Study,
    planned: Sequence[Planned],
    stored: Mapping[str, StoredRun],
    checks: Mapping[str, NetworkCheck],
    claims: Sequence[Claim] = (),
    *,
    names: Sequence[str] | None = None,
    quick: bool = False,
    command: str = "",
    looking: Looking | None = None,
    topics: Sequence[Topic] = (),
    more: Sequence[Section] = (),
) -> Report:
    """Make the report of a study.

    Args:
        study, planned: the study and its runs.
        stored: the runs that are stored, by id.
        checks: the gradient checks that are stored, by id.
        claims: what to judge.
        names: groups and figures to show, and "claims"; all if None.
        quick: whether the runs were cut to two epochs.
        command: the command that makes this report again.
        looking: the looks at which claims are judged, if rows were given seeds until they are decided.
        topics: what the page says first.
        more: further sections of the page.
    """
    results = {run: found.result for run, found in stored.items()}

    def wanted(name: str) -> bool:
        return names is None or name in names

    tables = [make_table(group, planned, results) for group in study.groups if wanted(group.name)]
    drawings = [draw(figure, planned, results, checks) for figure in study.figures if wanted(figure.name)]
    looks = () if looking is None else looking.looks
    evidence = StoredStudy(planned, results, checks, quick)
    judgments = judge_claims(claims, evidence, looks) if wanted(CLAIMS_PART) else []
    shown = [table for table in tables if table.rows]
    methods = [run for run in planned if run.group == study.methods and wanted(run.group)]
    compared = methods or [run for run in planned if wanted(run.group)]
    what = "Best method" if methods else "Best row"
    best = _best(contenders(compared, results, short=True), what, looking) or ""
    return Report(
        title=study.title or study.name,
        seeds=tuple(dict.fromkeys(run.spec.seed for run in planned)),
        quick=quick,
        highlights=_highlights(compared, what, judgments, results, looking),
        tables=tuple(shown),
        drawings=tuple(drawing for drawing in drawings if drawing is not None),
        judgments=tuple(judgments),
        made_by=_made_by(planned, results),
        command=command,
        environment=_environment(stored),
        source=study.source,
        runs=tidy.run_rows(planned, results),
        epochs=tidy.epoch_rows(planned, results),
        first=[name for name in (study.summary.group, *study.summary.figures) if name is not None],
        headlines=headlines(topics, judgments, best.removeprefix(f"{what}: ")),
        looking=looking,
        more=more,
    )


def write_report(report: Report, folder: Path) -> Path:
    """Write tables, figures, claims, tidy rows and the page into a folder, and return the page.

    Files of an earlier report in the folder that this report does not write are removed.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_files(folder, _files(report))
    return folder / "index.html"


def _files(report: Report) -> dict[str, bytes]:
    """Return the files of a report by their names, the page last."""
    files = {}
    for table in report.tables:
        for ending, write in (("csv", table_to_csv), ("md", table_to_markdown), ("tex", table_to_latex)):
            files[f"tables/{table.name}.{ending}"] = write(table).encode()
    svgs = {drawing.name: svg(drawing.figure, drawing.name) for drawing in report.drawings}
    for drawing in report.drawings:
        files[f"figures/{drawing.name}.png"] = png(drawing.figure)
        files[f"figures/{drawing.name}.svg"] = svgs[drawing.name]
    if report.judgments:
        files["claims.json"] = msgspec.json.format(msgspec.json.encode(report.judgments), indent=2) + b"\n"
        files["tables/claims.csv"] = verdicts_to_csv(report.judgments).encode()
        files["tables/claims.md"] = verdicts_to_markdown(report.judgments).encode()
    if report.runs:
        files["runs.csv"] = to_csv(report.runs, list(report.runs[0])).encode()
        files["epochs.csv"] = to_csv(report.epochs, tidy.EPOCH_COLUMNS).encode()
    files["index.html"] = page(report, {name: content.decode() for name, content in svgs.items()}).encode()
    return files


def verdict_counts(judgments: Sequence[JudgedClaim]) -> str:
    """Count the verdicts, in words."""
    counts = Counter(judgment.verdict or f"undecided ({judgment.undecided})" for judgment in judgments)
    return f"{several(len(judgments), 'claim')}: " + ", ".join(
        f"{count} {verdict}" for verdict, count in counts.most_common()
    )


def _highlights(
    compared: Sequence[Planned],
    what: str,
    judgments: Sequence[JudgedClaim],
    results: Mapping[str, Result],
    looking: Looking | None,
) -> tuple[str, ...]:
    diverged = sum(result.status == "diverged" for result in results.values())
    seconds = sum(result.seconds.total for result in results.values())
    ran = f"{several(len(results), 'run')}, {diverged} of which diverged"
    parts = [
        f"{verdict_counts(judgments)}." if judgments else None,
        f"{ran}: {duration(seconds)} of computing on one core.",
        None if looking is None else looking.sentences,
        _best(contenders(compared, results), what, looking),
    ]
    return tuple(part for part in parts if part is not None)


def _best(rows: Sequence[Contender], what: str, looking: Looking | None) -> str | None:
    """Name the best row; with looks, by the seeds of the last look that all rows have."""
    if looking is None or not rows:
        return best_row(rows, what)
    look = looking.latest(min(len(row.accuracies) for row in rows))
    return best_row([row.first(look.seeds) for row in rows], what, look.level)


def _made_by(planned: Sequence[Planned], results: Mapping[str, Result]) -> tuple[MadeBy, ...]:
    specs = {run.id: run.spec for run in planned if run.id in results}
    return tuple(MadeBy(command_of(spec), run, outcome_of(results[run])) for run, spec in specs.items())


def _environment(stored: Mapping[str, StoredRun]) -> dict[str, str]:
    """Return the versions and machines of the runs, and the first and last of their times."""
    environments = [run.environment for run in stored.values()]
    times = [str(environment["time"]) for environment in environments if "time" in environment]
    told = {"time": f"{min(times)} to {max(times)}"} if times else {}
    return {**shared_environment(environments), **told}
