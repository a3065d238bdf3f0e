"""The fused engine: a run's weights and state in the padded form that the kernel works on."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numba.core.errors import NumbaError
from numpy.typing import ArrayLike, DTypeLike

from ravine.arrays import Array
from ravine.data import Split
from ravine.engines.engine import NO_FACTORS, NO_HYPER, Evaluation, Factors, Hyper, Taken, evaluated_by_layer
from ravine.engines.fused import cache
from ravine.engines.fused.render import CROWDED_BATCH, LANES, TABLE, render
from ravine.errors import ConfigError
from ravine.nn import ACTIVATIONS, Network
from ravine.rules import Rule

Data = tuple[Array, Array, Array, Array]
"""What the kernel reads: starts, columns and values of the compact form, and labels."""

Plan = tuple[Any, ...]
"""Where everything lies, see `_plan`."""

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
        self._kernel = render(rule, self._dtype, layered=bool(factors))
        self._module: ModuleType | None = None
        self._block = block = min(max(batch_size, EVALUATED), BLOCK)
        self._plan = _plan(network, block)
        sizes, widths, bases, *_, deltas = self._plan
        rows = int(sum(shape[0] for shape in network.layout.shapes))
        length = int(bases[-1] + network.layout.shapes[-1][0] * widths[-1])
        self._weights = _aligned(length, self._dtype)
        self._slots = _aligned(len(rule.slots) * length, self._dtype)
        self._last = np.zeros(rows, np.int64)
        self._steps = 0
        self._options = (list(ACTIVATIONS).index(network.activation), network.bias, network.softmax == "naive")
        lists = (
            np.zeros(block * int(sizes[:-1].sum()), np.uint32),
            np.zeros(block * int(sizes[:-1].sum()), self._dtype),
            np.zeros((len(widths), block), np.int64),
        )
        widest = int(sizes[:-1].max())
        entries = (
            np.zeros(widest, np.uint32),
            np.zeros(widest, np.uint32),
            np.zeros(widest, np.uint32),
            np.zeros(widest, np.uint32),
            np.zeros(block + 2, np.int64),
            np.zeros(block + 2, np.int64),
            np.zeros(block * widest, np.uint32),
            np.zeros(block * widest, self._dtype),
        )
        self._work = (
            _aligned(int(widths.max()), self._dtype),
            _aligned(2 * int(widths.max()), self._dtype),
            # Three samples more, so that samples can be taken by fours. Pages that are never touched take no memory.
            np.zeros((block + 3) * int(sizes[0]), self._dtype),
            np.zeros((TABLE, self._kernel.idle_constants), self._dtype),
            lists,
            entries,
            _aligned((block + 3) * int(deltas), self._dtype),
            _aligned(length if batch_size >= CROWDED_BATCH or self._kernel.norms else 0, self._dtype),
        )
        self._pack(self._weights, weights)

    def is_compiled(self) -> bool:
        """Tell whether the kernel is in the cache."""
        return cache.holds(self._kernel)

    def compile(self) -> None:
        """Load the kernel from the cache or compile it, so that no later call waits for it."""
        try:
            self._module = cache.load(self._kernel, self._call_entries_on_nothing)
        except NumbaError as error:
            fault = next(line.strip() for line in str(error).splitlines() if line.strip())
            raise ConfigError(
                f"rule {self._rule.name} cannot be compiled: {fault} The reference engine runs it."
            ) from error

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
        position = (self._steps, first, stop, batch_size or self._batch_size)
        taken, (loss, _, _) = self._run(
            self._entries, True, self._data(split), order, position, self._ordered(hyper), loss_sum
        )
        self._steps += taken
        return Taken(taken, float(loss[0]))

    def _run(
        self,
        entries: ModuleType,
        learn: bool,
        data: Data,
        order: Array,
        position: tuple[int, int, int, int],
        hyper: Array,
        loss_sum: float,
    ) -> tuple[int, tuple[Array, Array, Array]]:
        """Return how many batches were taken, and what was found: losses, hits and live units."""
        found = (np.array([loss_sum]), np.zeros(1, np.int64), np.zeros(len(self._last), np.bool_))
        taken = entries.run(
            learn, self._weights, self._slots, self._last, hyper, position,
            _frozen(order, np.int64), data, self._plan, self._options, self._work, found,
        )  # fmt: skip
        return taken, found

    def settle(self, hyper: Mapping[str, float]) -> None:
        """Bring all idle rows to the last step."""
        self._settle(self._entries, self._plan, hyper)

    def _settle(self, entries: ModuleType, plan: Plan, hyper: Mapping[str, float]) -> None:
        entries.settle(
            self._weights, self._slots, self._last, self._steps, self._ordered(hyper),
            plan, self._network.bias, self._work[3],
        )  # fmt: skip

    def evaluated_weights(self, hyper: Mapping[str, float]) -> Array:
        """Return the settled weights as they are evaluated, shape (n,)."""
        slots = {name: self._unpack(slot) for name, slot in zip(self._rule.slots, self._slot_parts, strict=True)}
        return evaluated_by_layer(self._network, self._rule, self.weights, slots, self._steps, hyper, self._factors)

    def evaluate(self, split: Split, hyper: Mapping[str, float] = NO_HYPER) -> Evaluation:
        """Evaluate the settled weights on a whole split."""
        if self._rule.evaluated_form is None:
            return self._evaluate(split)
        trained = self.weights
        self._pack(self._weights, self.evaluated_weights(hyper))
        try:
            return self._evaluate(split)
        finally:
            self._pack(self._weights, trained)

    def _evaluate(self, split: Split) -> Evaluation:
        count = len(split.labels)
        hyper = np.zeros((1, 1, len(self._rule.defaults)))
        position = (0, 0, count, self._block)
        _, (loss, hits, live) = self._run(
            self._entries, False, self._data(split), np.arange(count), position, hyper, 0.0
        )
        firsts = self._plan[3].astype(int)[1:]
        hidden = zip(firsts, self._network.layers[1:-1], strict=True)
        live_units = tuple(int(live[first : first + n].sum()) for first, n in hidden)
        samples = max(count, 1)
        return Evaluation(float(loss[0]) / samples, int(hits[0]) / samples, live_units)

    @property
    def weights(self) -> Array:
        """A copy of the flat weight vector, shape (n,); settle first."""
        return self._unpack(self._weights)

    def state(self) -> dict[str, Array]:
        """Return weights, slots, the step up to which each row was brought, and the number of steps."""
        slots = zip(self._rule.slots, self._slot_parts, strict=True)
        return {
            "weights": self.weights,
            "last": self._last.copy(),
            "steps": np.array([self._steps]),
            **{f"slot.{name}": self._unpack(slot) for name, slot in slots},
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go back to a `state()`."""
        self._pack(self._weights, state["weights"])
        for name, slot in zip(self._rule.slots, self._slot_parts, strict=True):
            self._pack(slot, state[f"slot.{name}"])
        self._last[:] = state["last"]
        self._steps = int(state["steps"][0])

    @property
    def _entries(self) -> ModuleType:
        if self._module is None:
            self.compile()
        assert self._module is not None
        return self._module

    def _call_entries_on_nothing(self, module: ModuleType) -> None:
        """Call each entry with the types of a real call and no sample, which makes Numba load or compile it."""
        starts, columns, pixels = _frozen([0], np.int64), _frozen([], np.uint16), _frozen([], np.uint8)
        data: Data = (starts, columns, pixels, pixels)
        hyper = dict.fromkeys(self._rule.defaults, 0.5)
        self._run(module, True, data, np.zeros(0, np.int64), (0, 0, 0, 1), self._ordered(hyper), 0.0)
        self._settle(module, (*(part[:0] for part in self._plan[:-1]), self._plan[-1]), hyper)

    def _data(self, split: Split) -> Data:
        compact = split.compact
        labels = _frozen(split.labels, np.uint8)
        return compact.starts, compact.columns, compact.values, labels

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
        return list(self._slots.reshape(len(self._rule.slots), len(self._weights)))

    def _matrices(self, padded: Array) -> list[Array]:
        """Return views of the real weights of each layer, shape (rows, o), in a padded array."""
        widths, bases = (part.astype(int) for part in self._plan[1:3])
        shapes = zip(self._network.layout.shapes, widths, bases, strict=True)
        return [padded[at : at + r * width].reshape(r, width)[:, :c] for (r, c), width, at in shapes]


def _plan(network: Network, block: int) -> Plan:
    """Return, for each layer, (sizes, padded widths, first weight, first row, first list entry, first delta), and the
    number of deltas of a sample.
    """
    sizes = np.array(network.layers)
    widths = -(-sizes[1:] // LANES) * LANES
    rows = sizes[:-1] + network.bias

    def begins(lengths: Array) -> Array:
        return np.cumsum([0, *lengths[:-1]])

    plan = (sizes, widths, begins(rows * widths), begins(rows), begins(block * sizes[:-1]), begins(widths))
    return *(part.astype(np.uint64) for part in plan), np.uint64(widths.sum())


def _frozen(values: ArrayLike, dtype: DTypeLike) -> Array:
    """Return a contiguous, read-only array: Numba would compile anew for any other kind."""
    view = np.ascontiguousarray(values, dtype).view()
    view.flags.writeable = False
    return view


def _aligned(length: int, dtype: np.dtype[Any]) -> Array:
    """Return zeros that start at a cache line."""
    raw = np.zeros(length * dtype.itemsize + _CACHE_LINE, np.uint8)
    start = -raw.ctypes.data % _CACHE_LINE
    return raw[start : start + length * dtype.itemsize].view(dtype)
