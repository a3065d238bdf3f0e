"""What Python shows of a study while it goes on: a bar in a notebook, elsewhere lines of the logger "ravine"."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ravine.api.watching import Bar, in_notebook
from ravine.inputs import convert, plain
from ravine.spec import RunSpec, describe
from ravine.storage.record import Result
from ravine.studies import StudyWatcher
from ravine.words import several

_log = logging.getLogger("ravine")


@contextmanager
def watching_study(watcher: StudyWatcher | None, quiet: bool, runs: int) -> Iterator[StudyWatcher | None]:
    """Yield the user's watcher of a study of so many runs, or one that fits the place where Python runs."""
    if watcher is not None or convert(plain(quiet), bool, "quiet"):
        yield watcher
    elif not in_notebook():
        yield LoggedStudy(runs)
    else:
        bar = StudyBar(runs)
        try:
            yield bar
        finally:
            bar.close()


class LoggedStudy:
    """A watcher of a study that logs a line for each run that ended, a warning if it failed."""

    def __init__(self, runs: int) -> None:
        self._runs, self._ended = runs, 0

    def started(self, run: str, spec: RunSpec) -> None:
        """Do nothing."""

    def progress(self, run: str, share: float, loss: float) -> None:
        """Do nothing."""

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        """Log a line."""
        self._ended += 1
        if result is None:
            _log.warning("run %s failed: %s", run, error)
        else:
            name = f"{describe(result.spec)}, seed {result.spec.seed}"
            _log.info("%d of %d: %s: %s, %.1f s", self._ended, self._runs, name, result.status, result.seconds.total)


class StudyBar:
    """A watcher of a study that shows a bar below the cell of a notebook."""

    def __init__(self, runs: int) -> None:
        self._bar, self._runs, self._ended = Bar(runs), runs, 0
        self._shares: dict[str, float] = {}

    def started(self, run: str, spec: RunSpec) -> None:
        """Count the run among those under way."""
        self._shares.setdefault(run, 0.0)
        self._show()

    def progress(self, run: str, share: float, loss: float) -> None:
        """Move the bar."""
        self._shares[run] = share
        self._show()

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        """Move the bar, and add a line for a run that failed."""
        self._shares.pop(run, None)
        self._ended += 1
        if error is not None:
            self._bar.note(f"run {run} failed: {error}")
        self._show()

    def close(self) -> None:
        """Show the last state."""
        self._bar.close()

    def _show(self) -> None:
        state = f"{self._ended} of {several(self._runs, 'run')}, {len(self._shares)} under way"
        self._bar.move(self._ended + sum(self._shares.values()), state)
