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
from ravine.engines.fused.buffers import LARGE, Buffers, aligned
from ravine.engines.fused.frame import (
    CACHE_LINE,
    EVALUATE,
    LANES,
    LEARN,
    NAIVE,
    Batches,
    Data,
    Found,
    Frame,
    Options,
    Plan,
    Trained,
    words,
)
from ravine.engines.fused.memory import require_memory
from ravine.engines.fused.pointwise import render_activation, render_loss
from ravine.engines.fused.render import Rendered
from ravine.engines.fused.samples import no_samples, samples
from ravine.engines.fused.subnormals import flushed
from ravine.networks import Network, Scores, are_classes, scores_of

BLOCK = 128
"""Samples worked on together. A larger batch is taken block by block, so that memory does not grow with it."""

EVALUATED = 16
"""The least number of samples evaluated together, so that they share the rows of the first layer that are read."""


class Workspace:
    """One network, one rule's kernel, and the memory of both.

    Rows of weights are padded to a multiple of 16 numbers and start at cache lines; so are slots, and the summed
    gradient.

    Attributes:
        trained: weights, slots and the last step of each row, padded; the kernel changes them.
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
        self._plan = plan = _plan(network, min(max(batch_size, EVALUATED), BLOCK), rendered.state_size - 1, self._dtype)
        length, slots = int(plan.weights), rendered.state_size - 1
        require_memory(
            (1 + slots) * length * self._dtype.itemsize + 8 * int(plan.rows),
            f"the weights of {'-'.join(map(str, network.layers))} and the state of {rendered.told}",
            LARGE,
        )
        self.trained = Trained(
            w=aligned(length, self._dtype),
            slots=aligned(slots * length, self._dtype),
            last=np.zeros(plan.rows, np.int64),
        )
        self._options = Options(
            bias=network.bias,
            naive=NAIVE[network.softmax],
            loss=0,
            smoothing=int(np.float64(network.label_smoothing + 0.0).view(np.uint64)),
            lazy=rendered.lazy,
            eager=rendered.eager,
            norms=rendered.norms,
            noise=rendered.noise,
            layered=layered,
            listed=False,
            told=False,
            wipe=False,
            seed=seed,
        )
        self._buffers = Buffers(plan, rendered, self._dtype, batch_size)

    @property
    def summed(self) -> Array:
        """The gradient of a batch, padded, after a run in the mode SUM; the caller clears it."""
        g: Array = self._buffers.summed.g
        return g

    def wipe_padding(self) -> None:
        """Clear the padding of rows after each step from now on, since it would not stay finite."""
        self._options = self._options._replace(wipe=True)

    def compile(self) -> None:
        """Load the kernel from the cache or compile it, so that no later call waits for it."""
        self._kernel = compilation.load(self._rendered, self._dtype.name)
        addresses = [compilation.address_of(render_activation(f), self._dtype.name) for f in self._network.activations]
        self._plan.activations[: len(addresses)] = addresses
        if self._network.objective.formula is not None:
            address = compilation.address_of(render_loss(self._network.objective), self._dtype.name)
            self._options = self._options._replace(loss=address)

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

        An evaluation counts each sample once, whatever its weight.

        `hyper` has shape (1 or steps, 1 or layers, hyper-parameters); `t` is the number of steps taken before.
        """
        kernel = self._compiled  # the frame has the addresses of what is compiled
        given, size = samples(split, self._dtype), batch_size or self._batch_size
        if mode != EVALUATE and size > self._batch_size:
            raise ValueError(f"batches of {size} in a workspace for batches of {self._batch_size}")
        self._buffers.reserve(given, mode)
        indices = np.ascontiguousarray(order, np.int64)
        data = given.data._replace(weighted=False) if mode == EVALUATE else given.data
        told = mode == EVALUATE and not self._counts_hits(split)
        frame = self._frame(data, indices, first, stop, size, hyper, t, loss_sum, told)
        with self._flushed(hyper) if mode == LEARN else nullcontext():
            return kernel.run(words(frame), mode), frame.found

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
        evaluated = max(count, 1)
        if self._counts_hits(split):
            scores = Scores(accuracy=int(found.hits[0]) / evaluated)
        else:
            scores = scores_of(self._network, found.outputs.reshape(count, -1), split.targets)
        return Evaluation(float(found.loss[0]) / evaluated, scores, tuple(live[1:]))

    def _counts_hits(self, split: Split) -> bool:
        """Tell whether the kernel counts the right predictions: those of classes that have an output each."""
        one = self._network.layers[-1] == 1 and self._network.objective.formula is not None
        return are_classes(split.targets) and not one

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
        self,
        data: Data,
        order: Array,
        first: int,
        stop: int,
        size: int,
        hyper: Array,
        t: int,
        loss_sum: float,
        told: bool = False,
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
        found = Found(
            loss=np.array([loss_sum]),
            hits=np.zeros(1, np.int64),
            outputs=np.zeros(data.count * self._network.layers[-1] if told else 0, self._dtype),
            live=np.zeros(self._plan.rows, np.uint8),
        )
        buffers = self._buffers
        return Frame(
            self._plan,
            self._options._replace(listed=buffers.listed, told=told),
            data,
            batches,
            self.trained,
            buffers.lists,
            buffers.nonzeros,
            buffers.work,
            buffers.summed,
            found,
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


def _plan(network: Network, block: int, slots: int, dtype: np.dtype[Any]) -> Plan:
    """Return where everything lies, for blocks of `block` samples and a rule with some slots."""
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
        slots=slots,
        line=CACHE_LINE // dtype.itemsize,
        sizes=sizes.astype(np.uint64),
        widths=widths.astype(np.uint64),
        bases=begins(rows * widths),
        first_rows=begins(rows),
        delta_at=begins(widths),
        activations=np.zeros(len(widths), np.uint64),
        sloped=np.array([*(not f.gates for f in network.activations), False], np.uint8),
    )
