"""What Python shows of a run while it trains: a bar in a notebook, elsewhere only lines that a user should read."""

from __future__ import annotations

import html
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ravine.errors import ConfigError, shortened
from ravine.inputs import convert, plain
from ravine.storage.quantities import SUMMARY, taken
from ravine.storage.record import Epoch
from ravine.training import Silent, Watcher
from ravine.words import duration

_log = logging.getLogger("ravine")

_PAUSE = 0.2
"""The least number of seconds between two pictures of a bar."""


def checked_watcher(watcher: Watcher | None) -> Watcher:
    """Return the watcher, or a silent one for None; an object without its methods is a `ConfigError`."""
    if watcher is None:
        return Silent()
    if not isinstance(watcher, Watcher):
        raise ConfigError(f"watcher is {shortened(watcher)}; it must have the methods note, progress and epoch.")
    return watcher


@contextmanager
def watching(watcher: Watcher | None, quiet: bool, epochs: int) -> Iterator[Watcher]:
    """Yield the user's watcher, or one that fits the place where Python runs."""
    if watcher is not None:
        yield checked_watcher(watcher)
    elif convert(plain(quiet), bool, "quiet"):
        yield Silent()
    elif not in_notebook():
        yield Logged()
    else:
        bar = Bar(epochs)
        try:
            yield bar
        finally:
            bar.close()


def in_notebook() -> bool:
    """Tell whether this code runs in a kernel that shows HTML, as Jupyter's does."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


class Logged(Silent):
    """A watcher that tells the logger "ravine" what is worth a line; Python writes such lines to stderr."""

    def note(self, text: str) -> None:
        """Log a warning."""
        _log.warning("%s", text)


class Bar:
    """A watcher that shows a bar below the cell of a notebook, and what is worth a line below the bar."""

    def __init__(self, epochs: int) -> None:
        self._epochs, self._done, self._state = epochs, 0.0, "starts"
        self._notes: list[str] = []
        self._closed = False
        self._began, self._at_first, self._shown = time.monotonic(), 0.0, 0.0
        self._place: Any = None

    def note(self, text: str) -> None:
        """Add a line."""
        self._notes.append(text)
        self._show()

    def progress(self, epoch: int, share: float, loss: float) -> None:
        """Move the bar."""
        self.move(epoch - 1 + share, f"epoch {epoch} of {self._epochs}, {SUMMARY[0].head} {SUMMARY[0].show(loss)}")

    def move(self, done: float, state: str) -> None:
        """Move the bar to what is done, and say how it stands."""
        if self._done == 0:
            self._began, self._at_first = time.monotonic(), done
        self._done, self._state = done, state
        if time.monotonic() - self._shown >= _PAUSE:
            self._show()

    def epoch(self, record: Epoch) -> None:
        """Show the numbers of an epoch."""
        summary = taken(SUMMARY, [record])
        numbers = ", ".join(f"{quantity.head} {quantity.show(quantity.of(record))}" for quantity in summary)
        self._done, self._state = record.epoch, f"epoch {record.epoch} of {self._epochs}, {numbers}"
        if time.monotonic() - self._shown >= _PAUSE:
            self._show()

    def close(self) -> None:
        """Show the last state; a run that never began to train, because it was stored, shows nothing."""
        self._closed = True
        if self._place is not None or self._done > 0:
            self._show()

    def html(self) -> str:
        """Return the bar as HTML."""
        lines = "".join(f"<div>{html.escape(note)}</div>" for note in self._notes)
        bar = f'<progress value="{self._done:.4f}" max="{self._epochs}"></progress>'
        return f"<div>{bar} {html.escape(self._state + self._to_go())}</div>{lines}"

    def _to_go(self) -> str:
        """Return how long the rest will take, as long as there is a rest and something to tell from."""
        moved = self._done - self._at_first
        if moved <= 0 or self._done >= self._epochs or self._closed:
            return ""
        spent = time.monotonic() - self._began
        return f", {duration(spent * (self._epochs - self._done) / moved)} to go"

    def _show(self) -> None:
        from IPython.display import HTML, display

        self._shown = time.monotonic()
        if self._place is None:
            self._place = display(HTML(self.html()), display_id=True)
        elif self._place is not None:
            self._place.update(HTML(self.html()))
