"""A report of the whole reference study over five seeds, as wide as the real one, from results that are made up."""

from __future__ import annotations

from stored_cases import DEAD, NAN, result

from ravine.paper.claims import CLAIMS, TOPICS
from ravine.paper.study import load_paper
from ravine.report.make import CLAIMS_PART, make_report
from ravine.report.page import page
from ravine.storage.record import Seconds
from ravine.storage.store import StoredRun
from ravine.studies import plan, with_seeds


def wide_page() -> str:
    """Return the page, without figures."""
    study = with_seeds(load_paper(), 5)
    planned = plan(study)
    stored = {}
    for run in planned:
        seed, spec = run.spec.seed, run.spec
        cause = (DEAD if seed % 2 else NAN) if spec.lr >= 0.1 and spec.batch_size == 1 and seed < 4 else None
        seconds = Seconds(total=130.0 + 11 * seed)
        one = result(run, 0.9 + 0.009 * seed, 0.1544 + 0.05 * seed, cause=cause, seconds=seconds)
        stored[run.id] = StoredRun("", one, {"python": "3.11.7", "time": "2026-01-01"}, "")
    names = [*(group.name for group in study.groups), CLAIMS_PART]
    return page(
        make_report(
            study, planned, stored, {}, CLAIMS, names=names, command="ravine reproduce --seeds 5", topics=TOPICS
        ),
        {},
    )
