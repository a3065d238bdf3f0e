"""The files of a comparison: its page, its tables, its pictures and all of its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ravine.comparison.comparison import Comparison
from ravine.comparison.figures import best_of_k, curves, profiles, score_by_rate
from ravine.comparison.latex import leaderboard_to_latex
from ravine.comparison.outcome import Outcome
from ravine.comparison.page import page
from ravine.pictures import Figure, png, svg
from ravine.report.written import write_files
from ravine.storage.tidy import Row, to_csv


def write_comparison(comparison: Comparison, folder: Path) -> Path:
    """Write the page of a comparison and what belongs to it into a folder, and return the page.

    Files of an earlier comparison in the folder that this one does not write are removed.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_files(folder, _files(comparison))
    return folder / "index.html"


def _files(comparison: Comparison) -> dict[str, bytes]:
    """Return the files of a comparison by their names, the page last."""
    outcome = comparison.outcome
    files = {
        "trials.csv": _csv(comparison.trials),
        "leaderboard.csv": _csv(comparison.leaderboard),
        "pairs.csv": _csv(comparison.pairs),
        "leaderboard.tex": leaderboard_to_latex(outcome).encode(),
        "comparison.json": msgspec.json.format(msgspec.json.encode(outcome), indent=1) + b"\n",
    }
    if outcome.profiles:
        files["profiles.csv"] = _csv(comparison.profiles)
    svgs = {}
    for name, problem, file, drawn in _figures(outcome):
        content = svg(drawn, file)
        svgs[name, problem] = content.decode()
        files[f"{file}.png"], files[f"{file}.svg"] = png(drawn), content
    files["index.html"] = page(comparison, svgs).encode()
    return files


def _figures(outcome: Outcome) -> Iterator[tuple[str, str, str, Figure]]:
    """Draw each figure, with its name, its problem and its file; the problem is "" if it is about all of them."""
    if outcome.profiles:
        yield "profiles", "", "figures/profiles", profiles(outcome)
    names = [problem.name for problem in outcome.plan.problems]
    for number, problem in enumerate(names, start=1):
        drawn = {
            "rates": score_by_rate(outcome, problem),
            "best-of-k": best_of_k(outcome, problem),
            "curves-epochs": curves(outcome, problem, "epochs"),
            "curves-seconds": curves(outcome, problem, "seconds"),
        }
        for name, one in drawn.items():
            yield name, problem, f"figures/{name}" if len(names) == 1 else f"figures/{name}-{number}", one


def _csv(rows: Sequence[Row]) -> bytes:
    return to_csv(rows, list(rows[0])).encode()
