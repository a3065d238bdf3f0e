"""The gradient checks that the figures of a study show: made from stored weights, and stored beside the runs.

ROOT/gradients/ID.msgpack        the check at the final weights of run ID
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path

import msgspec

from ravine.data import Dataset, load
from ravine.errors import DataError
from ravine.gradients.networks.check import NetworkCheck, Progress, check_network
from ravine.storage.files import make_folder, write_whole
from ravine.storage.store import RunStore
from ravine.studies.plan import Planned, find_rows
from ravine.studies.study import Study


def runs_to_check(study: Study, planned: Sequence[Planned]) -> list[Planned]:
    """Return the runs whose gradients the study's figures show."""
    rows = {row for figure in study.figures if figure.kind != "curves" for row in figure.rows}
    found = {run.id: run for row in sorted(rows) for run in find_rows(planned, row)}
    return list(found.values())


def load_checks(store: RunStore, runs: Iterable[str]) -> dict[str, NetworkCheck]:
    """Return the stored checks, by id; one that cannot be read counts as none."""
    checks = {}
    for run in runs:
        try:
            checks[run] = msgspec.msgpack.decode(_file(store, run).read_bytes(), type=NetworkCheck)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            continue
    return checks


def check_runs(
    runs: Sequence[Planned],
    store: RunStore,
    load_data: Callable[[str], Dataset] = load,
    progress: Progress | None = None,
    only: Container[str] | None = None,
) -> tuple[dict[str, NetworkCheck], dict[str, str]]:
    """Check the gradient at the final weights of every stored run that has no check yet, or `only` of some, by id.

    Return all checks, and what is wrong with damaged runs, both by id.

    Each check is of the loss of the first training sample, for every weight, with the default step, in double
    precision. For the first seed of each row there is a check in 60 digits too, which takes seconds.
    """
    checks = load_checks(store, [run.id for run in runs])
    faults: dict[str, str] = {}
    first = {(run.group, run.row): run.id for run in reversed(runs)}
    for run in runs:
        if run.id in checks or (only is not None and run.id not in only):
            continue
        try:
            stored = store.load(run.id)
            weights = None if stored is None else stored.weights()
        except DataError as error:
            faults[run.id] = str(error)
            continue
        if weights is None:
            continue
        spec = run.spec
        check = check_network(
            run.run.network,
            weights,
            load_data(spec.dataset).train,
            digits=60 if run.id in first.values() else None,
            seed=spec.seed,
            progress=progress,
        )
        make_folder(_file(store, run.id).parent)
        write_whole(_file(store, run.id), msgspec.msgpack.encode(check))
        checks[run.id] = check
    return checks, faults


def _file(store: RunStore, run: str) -> Path:
    return store.root / "gradients" / f"{run}.msgpack"
