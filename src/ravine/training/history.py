"""The history of a run: a record an epoch, and each quantity as a column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, unknown
from ravine.html import table
from ravine.storage.quantities import CURVES, taken
from ravine.storage.record import EPOCH_FIELDS, Epoch


class History(Sequence[Epoch]):
    """The epochs of a run, oldest first; `history[-1]` is a record, `history["test_loss"]` a column.

    A column is an array, (epochs,), in which nan stands for a loss that is not finite. `pandas.DataFrame(history)` has
    all columns.

    >>> history = History([Epoch(1, 600, 0.1, 100, train_loss=0.5, test_loss=None, test_accuracy=0.9, seconds=2.0)])
    >>> history[-1].train_loss, history["test_loss"], history.columns[:3]
    (0.5, array([nan]), ('epoch', 'steps', 'lr'))
    """

    columns = EPOCH_FIELDS

    def __init__(self, records: Sequence[Epoch]) -> None:
        self._records = tuple(records)

    @overload
    def __getitem__(self, place: int) -> Epoch: ...

    @overload
    def __getitem__(self, place: slice) -> History: ...

    @overload
    def __getitem__(self, place: str) -> Array: ...

    def __getitem__(self, place: int | slice | str) -> Epoch | History | Array:
        if isinstance(place, slice):
            return History(self._records[place])
        if not isinstance(place, str):
            return self._records[place]
        if place not in EPOCH_FIELDS:
            raise ConfigError(unknown("column of the history", place, EPOCH_FIELDS))
        values = [getattr(record, place) for record in self._records]
        whole = all(isinstance(value, int) for value in values)
        return np.array(values, dtype=int if whole else float)

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self._records)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return self._records == tuple(other)

    def __hash__(self) -> int:
        return hash(self._records)

    def __repr__(self) -> str:
        return f"History({list(self._records)!r})"

    def _repr_html_(self) -> str:
        curves = taken(CURVES, self._records)
        rows = [
            (str(r.epoch), f"{r.lr:g}", *(quantity.show(quantity.of(r)) for quantity in curves), f"{r.seconds:.2f}")
            for r in self._records
        ]
        return table(("epoch", "lr", *(quantity.head for quantity in curves), "seconds"), rows)
