"""A parcel: a run that was trained away from its store, as the files that the store will write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from ravine.arrays import Array
from ravine.data import GivenInfo
from ravine.spec import RunSpec
from ravine.storage.checkpoint import Position
from ravine.storage.record import Result
from ravine.storage.store import StoredRun, files_of


class Parcel:
    """Keeps one run in memory, in place of a `RunStore`; it writes nothing, and has no checkpoint.

    Attributes:
        files: the files of the run, by name, for `RunStore.put`; none before it has ended.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def holds(self, run: str) -> bool:
        """Tell that no run is stored here."""
        return False

    @contextmanager
    def working_folder(self, run: str) -> Iterator[NoFolder]:
        """Return what stands in place of a working folder."""
        yield NoFolder()

    def save(
        self,
        result: Result,
        environment: dict[str, str | int],
        weights: Array,
        texts: Mapping[str, str | None] = MappingProxyType({}),
        state: Mapping[str, Array] | None = None,
        data: GivenInfo | None = None,
    ) -> StoredRun:
        """Keep the files of a finished run; the arguments are those of `RunStore.save`."""
        self.files = files_of(result, environment, weights, texts, state, data)
        return StoredRun(Path(result.id), result, environment, "")


class NoFolder:
    """Stands in place of a working folder, and keeps nothing."""

    def confirm(self) -> None:
        """Do nothing: no other process trains this run here."""

    def load(self) -> tuple[dict[str, Array], Position] | None:
        """Return None: there is no checkpoint."""
        return None

    def save(self, spec: RunSpec, state: Mapping[str, Array], position: Position) -> None:
        """Do nothing."""

    def discard(self) -> None:
        """Do nothing."""
