"""The memory of the kernel beside weights and state; it grows with the data that the kernel meets."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.engines.fused.frame import (
    AHEAD,
    CACHE_LINE,
    DENSE_BATCH,
    DENSE_SHARE,
    EVALUATE,
    LEARN,
    MATRIX,
    SUM,
    TABLE,
    Lists,
    Nonzeros,
    Plan,
    Summed,
    Work,
)
from ravine.engines.fused.memory import require_memory
from ravine.engines.fused.render import Rendered
from ravine.engines.fused.samples import Samples
from ravine.words import several

LARGE = "give data of fewer columns, or a smaller first hidden layer"
"""What to do if a network is larger than the memory."""

_MEND = "give smaller batches, or data of fewer columns"


class Buffers:
    """The lists of a block, scratch memory, and the gradient of a batch. Pages that are never touched take no memory.

    Attributes:
        lists, nonzeros, work, summed: parts of a `Frame`.
        listed: whether the summed gradient has rows only for those inputs that its batch has.
    """

    def __init__(self, plan: Plan, rendered: Rendered, dtype: np.dtype[Any], batch_size: int) -> None:
        self._plan, self._rendered, self._dtype, self._batch_size = plan, rendered, dtype, batch_size
        self.listed = False
        self._reserve_lists(0)
        width, inputs, block = int(plan.widths.max()), int(plan.sizes[0]), plan.block
        self.work = Work(
            sums=aligned(width, self._dtype),
            row=aligned(2 * width, self._dtype),
            noise=aligned(width, self._dtype),
            other=np.zeros(inputs, self._dtype),
            inputs=np.zeros(0, self._dtype),
            input_at=np.zeros(block + 3, np.uint64),
            table=np.zeros(TABLE * rendered.lazy_constants, self._dtype),
            # Three samples more, so that samples can be taken by fours.
            deltas=aligned((block + 3) * int(plan.deltas), self._dtype),
            target=np.zeros(int(plan.sizes[-1]), self._dtype),
            scratch=width,
        )
        self.summed = self._no_sum()

    def _reserve_lists(self, places: int) -> None:
        """Make lists for a block with so many nonzero inputs at most; pages never touched take no memory."""
        plan, self._places = self._plan, places
        block, sizes = plan.block, plan.sizes[:-1].astype(int)
        widest = int(sizes.max())
        hidden = block * int(sizes[1:].sum())
        # One more, which is written and not kept.
        listed = hidden + places + 1
        require_memory(
            2 * listed * (4 + self._dtype.itemsize),
            f"lists of up to {several(places, 'input')} of a batch",
            _MEND,
        )
        apart = np.array([0, *sizes[1:]])
        firsts = np.array([hidden, *(block * (np.cumsum(sizes[1:]) - sizes[1:]))])
        self.lists = Lists(
            units=np.zeros(listed, np.uint32),
            values=np.zeros(listed, self._dtype),
            slopes=np.zeros(hidden if plan.sloped.any() else 0, self._dtype),
            begins=(firsts[:, None] + apart[:, None] * np.arange(block)).astype(np.uint64).ravel(),
            counts=np.zeros(plan.layers * block, np.int64),
        )
        nonzeros = max(places, block * int(sizes[1:].max(initial=0)), 1)
        self.nonzeros = Nonzeros(
            count=np.zeros(widest, np.uint32),
            place=np.zeros(widest, np.uint32),
            seen=np.zeros(widest + 1, np.uint32),
            touched=np.zeros(widest + AHEAD, np.uint32),
            marked=np.zeros(2, np.uint64),
            group=np.zeros(block + 2, np.int64),
            begin=np.zeros(block + 2, np.int64),
            offset=np.zeros(nonzeros, np.uint32),
            value=np.zeros(nonzeros, self._dtype),
        )

    def _no_sum(self) -> Summed:
        """Return what is needed where no gradient is added up."""
        nothing = np.zeros(0, np.uint32)
        return Summed(np.zeros(0, self._dtype), 0, 0, 0, nothing, nothing, np.zeros(1, np.int64))

    def _reserve_sum(self, given: Samples, mode: int, few_zeros: bool) -> None:
        """Make the memory in which the gradient of a batch is added up, if it is; pages never touched take none."""
        plan, rendered = self._plan, self._rendered
        whole = mode == SUM or rendered.norms or rendered.noise or (few_zeros and self._batch_size >= DENSE_BATCH)
        listed = given.data.scattered and mode == LEARN and not rendered.eager and not rendered.noise
        length = int(plan.weights)
        self.listed = listed
        if mode == EVALUATE or not (whole or self._batch_size > plan.block):
            return
        inputs, width = int(plan.sizes[0]), int(plan.widths[0])
        if listed:
            length += (min(inputs, self._batch_size * given.most) - inputs) * width
        if len(self.summed.g) < length:
            require_memory(length * self._dtype.itemsize, "the gradients of a batch", LARGE)
            self.summed = self.summed._replace(g=aligned(length, self._dtype), length=length)
        if listed and not len(self.summed.rows):
            self.summed = self.summed._replace(row_of=np.zeros(inputs, np.uint32), rows=np.zeros(inputs, np.uint32))
        skipped = inputs * width if listed else 0
        self.summed = self.summed._replace(skipped=skipped, input_at=int(plan.weights) - skipped if listed else 0)

    def reserve(self, given: Samples, mode: int) -> None:
        """Make the memory that data need, if they need more than data before."""
        inputs, block = int(self._plan.sizes[0]), self._plan.block
        few_zeros = given.data.nonzeros > DENSE_SHARE * inputs * given.data.count
        places = given.most * (min(block, DENSE_BATCH - 1) if few_zeros else block)
        if places > self._places:
            self._reserve_lists(places)
        if few_zeros and given.data.form != MATRIX and block >= DENSE_BATCH and not len(self.work.inputs):
            size = (block + 3) * inputs
            require_memory(size * self._dtype.itemsize, f"the inputs of {several(block, 'sample')}", _MEND)
            self.work = self.work._replace(inputs=np.zeros(size, self._dtype))
        self._reserve_sum(given, mode, few_zeros)


def aligned(length: int, dtype: np.dtype[Any]) -> Array:
    """Return zeros that start at a cache line."""
    raw = np.zeros(length * dtype.itemsize + CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + length * dtype.itemsize].view(dtype)
