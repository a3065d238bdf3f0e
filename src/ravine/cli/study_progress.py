"""The progress of a study: bars on a terminal, a line for each run that ended elsewhere, nothing if quiet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ravine.cli.progress import progress_bar
from ravine.spec import describe, shared_by
from ravine.storage.quantities import SUMMARY, given
from ravine.studies import StudyWatcher
from ravine.words import several

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ravine.spec import RunSpec
    from ravine.storage.record import Result


@contextmanager
def watching_study(quiet: bool, runs: int, shared: RunSpec | None = None) -> Iterator[StudyWatcher | None]:
    """Yield the watcher that fits stderr: bars on a terminal, plain lines elsewhere; None if quiet.

    Runs are described without the settings of `shared`.
    """
    shared = shared or shared_by([])
    if quiet or runs == 0:
        yield None
    elif not sys.stderr.isatty():
        yield _Lines(runs, shared)
    else:
        with progress_bar() as bar:
            yield _Bars(bar, runs, shared)


class _Lines:
    """Writes a line for each run that ended."""

    def __init__(self, runs: int, shared: RunSpec) -> None:
        self._runs, self._ended, self._shared = runs, 0, shared
        self._specs: dict[str, RunSpec] = {}

    def started(self, run: str, spec: RunSpec) -> None:
        self._specs[run] = spec

    def progress(self, run: str, share: float, loss: float) -> None:
        pass

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        self._ended += 1
        click.echo(f"{self._ended}/{self._runs}  {self.sentence(run, result, error)}", err=True)

    def described(self, spec: RunSpec) -> str:
        return f"{describe(spec, usual=self._shared)}, seed {spec.seed}"

    def sentence(self, run: str, result: Result | None, error: str | None) -> str:
        spec = self._specs.get(run) if result is None else result.spec
        name = self.described(spec) if spec else run
        if result is None:
            return f"{name}: failed: {error}"
        numbers = [
            f"{quantity.head} {quantity.show(quantity.of(result))}" for quantity in given(SUMMARY, [result.spec])
        ]
        return f"{name}: {result.status}, {', '.join(numbers)}, {result.seconds.total:.1f} s"


class _Bars:
    """Moves a bar for each run under way and one for the whole."""

    def __init__(self, bar: Progress, runs: int, shared: RunSpec) -> None:
        self._bar, self._lines = bar, _Lines(runs, shared)
        self._whole = bar.add_task("", total=runs, state=several(runs, "run"))
        self._tasks: dict[str, TaskID] = {}
        self._shares: dict[str, float] = {}

    def started(self, run: str, spec: RunSpec) -> None:
        self._lines.started(run, spec)
        if run not in self._tasks:
            self._tasks[run] = self._bar.add_task("", total=1.0, state=self._lines.described(spec))

    def progress(self, run: str, share: float, loss: float) -> None:
        self._shares[run] = share
        self._bar.update(self._tasks[run], completed=share)
        self._bar.update(self._whole, completed=sum(self._shares.values()))

    def ended(self, run: str, result: Result | None, error: str | None) -> None:
        self._shares[run] = 1.0
        self._bar.console.print(self._lines.sentence(run, result, error), highlight=False, soft_wrap=True)
        if run in self._tasks:
            self._bar.remove_task(self._tasks.pop(run))
        self._bar.update(self._whole, completed=sum(self._shares.values()))
