"""The progress of a run: a bar on a terminal, a line an epoch elsewhere, nothing if quiet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ravine.storage.quantities import CURVES, QUANTITIES, taken
from ravine.storage.record import Epoch
from ravine.training import Silent, Watcher
from ravine.words import several

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ravine.gradients.networks.check import Progress as CheckProgress


def lines(quiet: bool, epochs: int) -> Watcher:
    """Return a watcher that writes plain lines also on a terminal, for commands that go on after the training."""
    return Silent() if quiet else _Lines(epochs)


@contextmanager
def watching(quiet: bool, epochs: int) -> Iterator[Watcher]:
    """Yield the watcher that fits where stderr goes."""
    if quiet:
        yield Silent()
    elif not sys.stderr.isatty():
        yield _Lines(epochs)
    else:
        with progress_bar() as bar:
            yield _Bar(bar, bar.add_task("", total=epochs, state="starting"), epochs)


def _line(record: Epoch, epochs: int) -> str:
    curves = taken(CURVES, [record])
    numbers = " ".join(f"{quantity.head} {quantity.show(quantity.of(record)):<9}" for quantity in curves).rstrip()
    place = f"epoch {record.epoch:>{len(str(epochs))}}/{epochs}"
    return f"{place}  lr {record.lr:<8.4g} {numbers}  {record.seconds:.2f} s"


class _Lines:
    """Writes plain lines."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def note(self, text: str) -> None:
        click.echo(f"ravine: {text}", err=True)

    def progress(self, epoch: int, share: float, loss: float) -> None:
        pass

    def epoch(self, record: Epoch) -> None:
        click.echo(_line(record, self._epochs), err=True)


class _Bar:
    """Moves a bar, with a line above it for each epoch that ended."""

    def __init__(self, bar: Progress, task: TaskID, epochs: int) -> None:
        self._bar, self._task, self._epochs = bar, task, epochs

    def note(self, text: str) -> None:
        self._bar.console.print(f"ravine: {text}", highlight=False, soft_wrap=True)

    def progress(self, epoch: int, share: float, loss: float) -> None:
        state = f"epoch {epoch}/{self._epochs}  {QUANTITIES['train_loss'].head} {loss:.4g}"
        self._bar.update(self._task, completed=epoch - 1 + share, state=state)

    def epoch(self, record: Epoch) -> None:
        self._bar.console.print(_line(record, self._epochs), highlight=False, soft_wrap=True)


def progress_bar() -> Any:
    """Return a bar on stderr that vanishes when it is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.fields[state]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("spent,"),
        TimeRemainingColumn(),
        TextColumn("to go"),
        console=Console(stderr=True),
        transient=True,
    )


@contextmanager
def checking(quiet: bool) -> Iterator[CheckProgress | None]:
    """Yield the function that shows the progress of a gradient check: one line on a terminal, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    done: dict[str, int] = {}

    def show(what: str, moved: int) -> None:
        done[what] = done.get(what, 0) + moved
        click.echo(f"\r\x1b[Kchecking, {what}: {several(done[what], 'weight')} moved", err=True, nl=False)

    try:
        yield show
    finally:
        if done:
            click.echo("\r\x1b[K", err=True, nl=False)
