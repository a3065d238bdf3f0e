"""What the first half of the kernel, which knows no rule, calls of the second; `update.py` and `drift.py` define it.

The halves are compiled apart, the first half once for all rules. It calls the second once a list, a layer or a batch,
never once a row.
"""

from __future__ import annotations

from numba.core import types

from ravine.engines.fused.frame import Count, Doubles, Frame, Offset
from ravine.engines.fused.pointers import DOUBLES, FramePointer, declared


@declared(types.none, FramePointer)
def tabulate_lazy(frame: Frame) -> None:
    """Tabulate what missed steps need, if the rule is lazy."""


@declared(types.none, FramePointer, types.int64, types.uint64, types.int64)
def catch_up_list(frame: Frame, layer: Count, b: Offset, t: Count) -> None:
    """Bring the rows on the list of sample b to the end of step t - 1."""


@declared(types.none, FramePointer, types.int64, types.uint64, types.int64)
def catch_up_layer(frame: Frame, layer: Count, rows: Offset, t: Count) -> None:
    """Bring the first `rows` rows of a layer to the end of step t - 1."""


@declared(types.none, FramePointer, types.int64, types.int64)
def add_lazy_rows(frame: Frame, layer: Count, t: Count) -> None:
    """Add value * row to the sums, for the rows on the list of a batch's only sample, as after their missed steps."""


@declared(types.none, FramePointer, DOUBLES, types.int64)
def update_one(frame: Frame, hyper: Doubles, t: Count) -> None:
    """Take the step of a batch of one sample; `hyper` is that of the step."""


@declared(types.none, FramePointer, DOUBLES, types.int64, types.int64)
def update_block(frame: Frame, hyper: Doubles, t: Count, m: Count) -> None:
    """Take the step of a batch that is one block of m samples."""


@declared(types.none, FramePointer, DOUBLES, types.int64)
def update_total(frame: Frame, hyper: Doubles, t: Count) -> None:
    """Take the step of a batch from the summed gradient, and clear the sum."""
