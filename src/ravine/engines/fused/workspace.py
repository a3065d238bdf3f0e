"""A network in the padded form that the kernel works on: its weights, the kernel's memory, and calls of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ravine.arrays import Array
from ravine.data import Split
from ravine.engines.engine import Evaluation, Factors, StepwiseHyper
from ravine.engines.fused import compilation
from ravine.engines.fused.frame import (
    ACTIVATION_CODES,
    DENSE_BATCH,
    DENSE_SHARE,
    EVALUATE,
    LANES,
    LEARN,
    MATRIX,
    NAIVE,
    TABLE,
    Batches,
    Data,
    Found,
    Frame,
    Lists,
    Nonzeros,
    Options,
    Plan,
    Trained,
    Work,
    words,
)
from ravine.engines.fused.render import Rendered
from ravine.engines.fused.samples import Samples, no_samples, samples
from ravine.engines.fused.subnormals import flushed
from ravine.networks import Network

BLOCK = 128
"""Samples worked on together. A larger batch is taken block by block, so that memory does not grow with it."""

EVALUATED = 16
"""The least number of samples evaluated together, so that they share the rows of the first layer that are read."""

_CACHE_LINE = 64


class Workspace:
    """One network, one rule's kernel, and the memory of both.

    Rows of weights are padded to a multiple of 16 numbers and start at cache lines; so are slots, and the summed
    gradient.

    Attributes:
        trained: weights, slots and the last step of each row, padded; the kernel changes them.
        summed: the gradient of a batch, padded, where the kernel is asked for it. It is zero between batches; after a
            run in the mode SUM the caller clears it.
    """

    def __init__(
        self,
        network: Network,
        rendered: Rendered,
        dtype: str,
        batch_size: int,
        layered: bool = False,
        seed: int = 0,
    ) -> None:
        self._network, self._rendered, self._batch_size = network, rendered, batch_size
        self._dtype = np.dtype(dtype)
        self._kernel: compilation.Kernel | None = None
        self._plan = plan = _plan(network, min(max(batch_size, EVALUATED), BLOCK))
        length, slots = int(plan.weights), rendered.state_size - 1
        self.trained = Trained(
            w=_aligned(length, self._dtype),
            slots=_aligned(slots * length, self._dtype),
            last=np.zeros(plan.rows, np.int64),
        )
        self._options = Options(
            activation=ACTIVATION_CODES[network.activation],
            bias=network.bias,
            naive=NAIVE[network.softmax],
            lazy=rendered.lazy,
            eager=rendered.eager,
            norms=rendered.norms,
            noise=rendered.noise,
            layered=layered,
            wipe=False,
            seed=seed,
        )
        self._reserve_lists(0)
        width, inputs, block = int(plan.widths.max()), int(plan.sizes[0]), plan.block
        summed = length if batch_size >= DENSE_BATCH or rendered.norms or rendered.noise else 0
        self._work = Work(
            sums=_aligned(width, self._dtype),
            row=_aligned(2 * width, self._dtype),
            noise=_aligned(width, self._dtype),
            other=np.zeros(inputs, self._dtype),
            inputs=np.zeros(0, self._dtype),
            input_at=np.zeros(block + 3, np.uint64),
            table=np.zeros(TABLE * rendered.lazy_constants, self._dtype),
            # Three samples more, so that samples can be taken by fours.
            deltas=_aligned((block + 3) * int(plan.deltas), self._dtype),
            summed=_aligned(summed, self._dtype),
            summed_length=summed,
            scratch=width,
        )
        self.summed = self._work.summed

    def _reserve_lists(self, most: int) -> None:
        """Make lists and nonzeros for samples with so many nonzeros at most; pages never touched take no memory."""
        plan, self._most = self._plan, most
        block, sizes = plan.block, plan.sizes[:-1].astype(int)
        widest = int(sizes.max())
        hidden = block * int(sizes[1:].sum())
        # One more, which is written and not kept.
        listed = hidden + block * most + 1
        places = np.array([0, *sizes[1:]])
        firsts = np.array([hidden, *(block * (np.cumsum(sizes[1:]) - sizes[1:]))])
        self._lists = Lists(
            units=np.zeros(listed, np.uint32),
            values=np.zeros(listed, self._dtype),
            begins=(firsts[:, None] + places[:, None] * np.arange(block)).astype(np.uint64).ravel(),
            counts=np.zeros(plan.layers * block, np.int64),
        )
        nonzeros = block * max(most, *sizes[1:], 1)
        self._nonzeros = Nonzeros(
            count=np.zeros(widest, np.uint32),
            place=np.zeros(widest, np.uint32),
            seen=np.zeros(widest + 1, np.uint32),
            touched=np.zeros(widest, np.uint32),
            marked=np.zeros(2, np.uint64),
            group=np.zeros(block + 2, np.int64),
            begin=np.zeros(block + 2, np.int64),
            offset=np.zeros(nonzeros, np.uint32),
            value=np.zeros(nonzeros, self._dtype),
        )

    def _reserve(self, given: Samples) -> None:
        """Make the memory that data need, if they need more than data before."""
        if given.most > self._most:
            self._reserve_lists(given.most)
        inputs, block = int(self._plan.sizes[0]), self._plan.block
        few_zeros = given.data.nonzeros > DENSE_SHARE * inputs * given.data.count
        if few_zeros and given.data.form != MATRIX and block >= DENSE_BATCH and not len(self._work.inputs):
            self._work = self._work._replace(inputs=np.zeros((block + 3) * inputs, self._dtype))

    def wipe_padding(self) -> None:
        """Clear the padding of rows after each step from now on, since it would not stay finite."""
        self._options = self._options._replace(wipe=True)

    def compile(self) -> None:
        """Load the kernel from the cache or compile it, so that no later call waits for it."""
        self._kernel = compilation.load(self._rendered, self._dtype.name)

    def prepare(self, split: Split) -> None:
        """Bring the data into the form that the kernel reads; otherwise the first run does it."""
        samples(split, self._dtype)

    def run(
        self,
        mode: int,
        split: Split,
        order: ArrayLike,
        first: int,
        stop: int,
        *,
        hyper: Array,
        t: int,
        batch_size: int | None = None,
        loss_sum: float = 0.0,
    ) -> tuple[int, Found]:
        """Run batches through the network, see `kernel/run.py`; return how many were taken, and what was found.

        `hyper` has shape (1 or steps, 1 or layers, hyper-parameters); `t` is the number of steps taken before.
        """
        given, size = samples(split, self._dtype), batch_size or self._batch_size
        if mode != EVALUATE and size > self._batch_size:
            raise ValueError(f"batches of {size} in a workspace for batches of {self._batch_size}")
        self._reserve(given)
        indices = np.ascontiguousarray(order, np.int64)
        frame = self._frame(given.data, indices, first, stop, size, hyper, t, loss_sum)
        with self._flushed(hyper) if mode == LEARN else nullcontext():
            return self._compiled.run(words(frame), mode), frame.found

    def _flushed(self, hyper: Array) -> AbstractContextManager[None]:
        """Return the context in which a step may take the smallest numbers for zero, or must not."""
        normal = (hyper == 0) | (np.abs(hyper) >= np.finfo(self._dtype).tiny)
        return flushed() if self._rendered.smooth and bool(normal.all()) else nullcontext()

    def settle(self, hyper: Array, t: int) -> None:
        """Apply the lazy update to all rows that wait for it, up to the end of step t."""
        frame = self._frame(no_samples(self._dtype), np.zeros(0, np.int64), 0, 0, 1, hyper, t, 0.0)
        with self._flushed(hyper):
            self._compiled.settle(words(frame), t)

    def evaluate(self, split: Split) -> Evaluation:
        """Evaluate the settled weights on a whole split."""
        count = len(split.targets)
        nothing = np.zeros((1, 1, 1))
        _, found = self.run(
            EVALUATE, split, np.arange(count), 0, count, hyper=nothing, t=0, batch_size=self._plan.block
        )
        layers = np.split(found.live, self._plan.first_rows[1:].astype(int))
        live = [int(np.count_nonzero(units)) for units in layers]
        samples = max(count, 1)
        return Evaluation(float(found.loss[0]) / samples, int(found.hits[0]) / samples, tuple(live[1:]))

    def pad(self, padded: Array, flat: Array) -> None:
        """Write the flat form of weights, shape (n,), to a padded array."""
        for target, source in zip(self._matrices(padded), self._network.layout.views(flat), strict=True):
            target[...] = source

    def unpad(self, padded: Array) -> Array:
        """Return the flat form of a padded array, shape (n,)."""
        flat = np.empty(self._network.layout.size, self._dtype)
        for target, source in zip(self._network.layout.views(flat), self._matrices(padded), strict=True):
            target[...] = source
        return flat

    @property
    def slots(self) -> list[Array]:
        """Views of the rule's slots, each in the padded form of the weights."""
        return list(self.trained.slots.reshape(-1, len(self.trained.w)))

    @property
    def _compiled(self) -> compilation.Kernel:
        if self._kernel is None:
            self.compile()
        assert self._kernel is not None
        return self._kernel

    def _frame(
        self, data: Data, order: Array, first: int, stop: int, size: int, hyper: Array, t: int, loss_sum: float
    ) -> Frame:
        steps, layers, count = hyper.shape
        batches = Batches(
            t=t,
            first=first,
            stop=stop,
            size=size,
            length=len(order),
            order=order,
            steps=steps,
            per_step=layers * count,
            per_layer=count if layers > 1 else 0,
            hyper=hyper,
        )
        found = Found(np.array([loss_sum]), np.zeros(1, np.int64), np.zeros(self._plan.rows, np.uint8))
        return Frame(
            self._plan, self._options, data, batches, self.trained, self._lists, self._nonzeros, self._work, found
        )

    def _matrices(self, padded: Array) -> list[Array]:
        """Return views of the real weights of each layer, shape (rows, o), in a padded array."""
        widths, bases = self._plan.widths.astype(int), self._plan.bases.astype(int)
        shapes = zip(self._network.layout.shapes, widths, bases, strict=True)
        return [padded[at : at + r * width].reshape(r, width)[:, :c] for (r, c), width, at in shapes]


def ordered(names: Sequence[str], hyper: StepwiseHyper, factors: Factors, layers: int) -> Array:
    """Return hyper-parameters as the kernel wants them: shape (1 or steps, 1 or layers, hyper-parameters)."""
    layers = layers if factors else 1
    each = [np.reshape(hyper[name], (-1, 1)) * factors.get(name, np.ones(layers)) for name in names]
    return np.stack(np.broadcast_arrays(*each), axis=-1).astype(np.float64, order="C")


def _plan(network: Network, block: int) -> Plan:
    """Return where everything lies, for blocks of `block` samples."""
    sizes = np.array(network.layers)
    widths = -(-sizes[1:] // LANES) * LANES
    rows = sizes[:-1] + network.bias

    def begins(lengths: Array) -> Array:
        return np.cumsum([0, *lengths[:-1]]).astype(np.uint64)

    return Plan(
        layers=len(widths),
        block=block,
        deltas=int(widths.sum()),
        weights=int((rows * widths).sum()),
        rows=int(rows.sum()),
        sizes=sizes.astype(np.uint64),
        widths=widths.astype(np.uint64),
        bases=begins(rows * widths),
        first_rows=begins(rows),
        delta_at=begins(widths),
    )


def _aligned(length: int, dtype: np.dtype[Any]) -> Array:
    """Return zeros that start at a cache line."""
    raw = np.zeros(length * dtype.itemsize + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    return raw[start : start + length * dtype.itemsize].view(dtype)
