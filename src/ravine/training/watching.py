"""Watchers: objects that follow the progress of a run."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ravine.storage.record import Epoch


@runtime_checkable
class Watcher(Protocol):
    """An object that follows the progress of a run; the training loop calls its methods."""

    def note(self, text: str) -> None:
        """Something worth a line happened."""

    def progress(self, epoch: int, share: float, loss: float) -> None:
        """`share` of `epoch`, counted from 1, is done; `loss` is the mean training loss of the epoch so far."""

    def epoch(self, record: Epoch) -> None:
        """An epoch ended."""


class Silent:
    """A watcher that does nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def progress(self, epoch: int, share: float, loss: float) -> None:
        """Do nothing."""

    def epoch(self, record: Epoch) -> None:
        """Do nothing."""
