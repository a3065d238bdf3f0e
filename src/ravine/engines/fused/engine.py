"""The fused engine: a run's weights and state in the padded form that the kernel works on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ravine.arrays import Array
from ravine.data import Split
from ravine.engines.engine import NO_FACTORS, NO_HYPER, Evaluation, Factors, Hyper, Taken, evaluated_by_layer
from ravine.engines.fused import kernels
from ravine.engines.fused.frame import (
    CROWDED_BATCH,
    LANES,
    TABLE,
    Batches,
    Data,
    Entries,
    Found,
    Frame,
    Lists,
    Options,
    Plan,
    Trained,
    Work,
    words,
)
from ravine.engines.fused.render import render
from ravine.nn import ACTIVATIONS, Network
from ravine.rules import Rule

BLOCK = 128
"""Samples worked on together. A larger batch is taken block by block, so that memory does not grow with it."""

EVALUATED = 16
"""Samples evaluated together at least, so that they share what is read of the first layer."""

_CACHE_LINE = 64


class FusedEngine:
    """Trains one network in compiled code; owns its weights, the rule's slots and the record of idle rows.

    Rows of weights are padded to a multiple of 16 numbers and start at cache lines. A row that meets only zeros has a
    zero gradient. Where the rule is inert such a row is not touched; where it has an idle form, `last` holds the step
    up to which each row was brought, and the form is applied when the row is next needed, and to all by `settle`.
    """

    def __init__(
        self,
        network: Network,
        rule: Rule,
        weights: Array,
        dtype: str,
        batch_size: int,
        factors: Factors = NO_FACTORS,
    ) -> None:
        self._network, self._rule, self._batch_size, self._factors = network, rule, batch_size, factors
        self._dtype = np.dtype(dtype)
        self._rendered = rendered = render(rule)
        self._kernel: kernels.Kernel | None = None
        self._plan = plan = _plan(network, min(max(batch_size, EVALUATED), BLOCK))
        length = int(plan.weights)
        self._trained = Trained(
            w=_aligned(length, self._dtype),
            slots=_aligned(len(rule.slots) * length, self._dtype),
            last=np.zeros(plan.rows, np.int64),
        )
        self._steps = 0
        self._options = Options(
            activation=list(ACTIVATIONS).index(network.activation),
            bias=network.bias,
            naive=network.softmax == "naive",
            lazy=rendered.lazy,
            dense=rendered.dense,
            norms=rendered.norms,
            layered=bool(factors),
        )
        block, widest, listed = plan.block, int(plan.sizes[:-1].max()), plan.block * int(plan.sizes[:-1].sum())
        self._lists = Lists(
            units=np.zeros(listed, np.uint32),
            values=np.zeros(listed, self._dtype),
            counts=np.zeros(plan.layers * block, np.int64),
        )
        self._entries = Entries(
            count=np.zeros(widest, np.uint32),
            place=np.zeros(widest, np.uint32),
            seen=np.zeros(widest, np.uint32),
            touched=np.zeros(widest, np.uint32),
            group=np.zeros(block + 2, np.int64),
            begin=np.zeros(block + 2, np.int64),
            sample=np.zeros(block * widest, np.uint32),
            value=np.zeros(block * widest, self._dtype),
        )
        width = int(plan.widths.max())
        summed = length if batch_size >= CROWDED_BATCH or rendered.norms else 0
        self._work = Work(
            sums=_aligned(width, self._dtype),
            row=_aligned(2 * width, self._dtype),
            # Three samples more, so that samples can be taken by fours. Pages that are never touched take no memory.
            inputs=np.zeros((block + 3) * int(plan.sizes[0]), self._dtype),
            table=np.zeros(TABLE * rendered.idle_constants, self._dtype),
            deltas=_aligned((block + 3) * int(plan.deltas), self._dtype),
            summed=_aligned(summed, self._dtype),
            summed_length=summed,
            scratch=width,
        )
        self._pack(self._trained.w, weights)

    def compile(self) -> None:
        """Load the kernel from the cache or compile it, so that no later call waits for it."""
        self._kernel = kernels.load(self._rendered, self._dtype.name)

    def prepare(self, split: Split) -> None:
        """List the non-zero pixels."""
        self._data(split)

    @property
    def steps(self) -> int:
        """How many steps were taken since the run began."""
        return self._steps

    def train(
        self,
        split: Split,
        order: Array,
        first: int,
        stop: int,
        hyper: Hyper,
        loss_sum: float = 0.0,
        batch_size: int | None = None,
    ) -> Taken:
        """Take steps; see `Engine.train`."""
        frame = self._frame(self._data(split), self._batches(order, first, stop, batch_size, hyper), loss_sum)
        taken = self._compiled.run(words(frame), True)
        self._steps += taken
        return Taken(taken, float(frame.found.loss[0]))

    def settle(self, hyper: Mapping[str, float]) -> None:
        """Bring all idle rows to the last step."""
        frame = self._frame(_NOTHING, self._batches(np.zeros(0), 0, 0, None, hyper), 0.0)
        self._compiled.settle(words(frame), self._steps)

    def _frame(self, data: Data, batches: Batches, loss_sum: float) -> Frame:
        found = Found(np.array([loss_sum]), np.zeros(1, np.int64), np.zeros(self._plan.rows, np.uint8))
        return Frame(
            self._plan, self._options, data, batches, self._trained, self._lists, self._entries, self._work, found
        )

    def _batches(
        self, order: ArrayLike, first: int, stop: int, size: int | None, hyper: Hyper, t: int | None = None
    ) -> Batches:
        numbers = self._ordered(hyper)
        steps, layers, count = numbers.shape
        indices = np.ascontiguousarray(order, np.int64)
        return Batches(
            t=self._steps if t is None else t,
            first=first,
            stop=stop,
            size=size or self._batch_size,
            length=len(indices),
            order=indices,
            steps=steps,
            per_step=layers * count,
            per_layer=count if layers > 1 else 0,
            hyper=numbers,
        )

    def evaluated_weights(self, hyper: Mapping[str, float]) -> Array:
        """Return the settled weights as they are evaluated, shape (n,)."""
        slots = {name: self._unpack(slot) for name, slot in zip(self._rule.slots, self._slot_parts, strict=True)}
        return evaluated_by_layer(self._network, self._rule, self.weights, slots, self._steps, hyper, self._factors)

    def evaluate(self, split: Split, hyper: Mapping[str, float] = NO_HYPER) -> Evaluation:
        """Evaluate the settled weights on a whole split."""
        if self._rule.evaluated_form is None:
            return self._evaluate(split)
        trained = self.weights
        self._pack(self._trained.w, self.evaluated_weights(hyper))
        try:
            return self._evaluate(split)
        finally:
            self._pack(self._trained.w, trained)

    def _evaluate(self, split: Split) -> Evaluation:
        count = len(split.labels)
        hyper = dict.fromkeys(self._rule.defaults, 0.0)
        batches = self._batches(np.arange(count), 0, count, self._plan.block, hyper, t=0)
        frame = self._frame(self._data(split), batches, 0.0)
        self._compiled.run(words(frame), False)
        live = [
            int(np.count_nonzero(units)) for units in np.split(frame.found.live, self._plan.first_rows[1:].astype(int))
        ]
        samples, (loss, hits, _) = max(count, 1), frame.found
        return Evaluation(float(loss[0]) / samples, int(hits[0]) / samples, tuple(live[1:]))

    @property
    def weights(self) -> Array:
        """A copy of the flat weight vector, shape (n,); settle first."""
        return self._unpack(self._trained.w)

    def state(self) -> dict[str, Array]:
        """Return weights, slots, the step up to which each row was brought, and the number of steps."""
        slots = zip(self._rule.slots, self._slot_parts, strict=True)
        return {
            "weights": self.weights,
            "last": self._trained.last.copy(),
            "steps": np.array([self._steps]),
            **{f"slot.{name}": self._unpack(slot) for name, slot in slots},
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a `state()`."""
        self._pack(self._trained.w, state["weights"])
        for name, slot in zip(self._rule.slots, self._slot_parts, strict=True):
            self._pack(slot, state[f"slot.{name}"])
        self._trained.last[:] = state["last"]
        self._steps = int(state["steps"][0])

    @property
    def _compiled(self) -> kernels.Kernel:
        if self._kernel is None:
            self.compile()
        assert self._kernel is not None
        return self._kernel

    def _data(self, split: Split) -> Data:
        compact, labels = split.compact, np.ascontiguousarray(split.labels, np.uint8)
        return Data(len(labels), compact.starts, compact.columns, compact.values, labels)

    def _ordered(self, hyper: Hyper) -> Array:
        """Return the hyper-parameters as the kernel wants them: (1 or steps, 1 or layers, hyper-parameters)."""
        layers = len(self._network.layout.shapes) if self._factors else 1
        each = [
            np.reshape(hyper[name], (-1, 1)) * self._factors.get(name, np.ones(layers)) for name in self._rule.defaults
        ]
        return np.stack(np.broadcast_arrays(*each), axis=-1).astype(np.float64, order="C")

    def _pack(self, padded: Array, flat: Array) -> None:
        for target, source in zip(self._matrices(padded), self._network.layout.views(flat), strict=True):
            target[...] = source

    def _unpack(self, padded: Array) -> Array:
        flat = np.empty(self._network.layout.size, self._dtype)
        for target, source in zip(self._network.layout.views(flat), self._matrices(padded), strict=True):
            target[...] = source
        return flat

    @property
    def _slot_parts(self) -> list[Array]:
        """Views of the rule's slots, each in the padded form of the weights."""
        return list(self._trained.slots.reshape(len(self._rule.slots), len(self._trained.w)))

    def _matrices(self, padded: Array) -> list[Array]:
        """Return views of the real weights of each layer, shape (rows, o), in a padded array."""
        widths, bases = self._plan.widths.astype(int), self._plan.bases.astype(int)
        shapes = zip(self._network.layout.shapes, widths, bases, strict=True)
        return [padded[at : at + r * width].reshape(r, width)[:, :c] for (r, c), width, at in shapes]


def _plan(network: Network, block: int) -> Plan:
    """Return where everything lies, for blocks of so many samples."""
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
        list_at=begins(block * sizes[:-1]),
        delta_at=begins(widths),
    )


_NOTHING = Data(0, np.zeros(1, np.int64), np.zeros(0, np.uint16), np.zeros(0, np.uint8), np.zeros(0, np.uint8))
"""No data."""


def _aligned(length: int, dtype: np.dtype[Any]) -> Array:
    """Return zeros that start at a cache line."""
    raw = np.zeros(length * dtype.itemsize + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    return raw[start : start + length * dtype.itemsize].view(dtype)
