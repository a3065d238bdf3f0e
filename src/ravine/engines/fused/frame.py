"""The data of the kernel, as named tuples: declared once, filled by the engine, read by compiled code.

The engine fills a `Frame` with arrays and numbers and hands the kernel its `words`: the addresses of the arrays and the
numbers, eight bytes each, in the order in which they stand here. Compiled code gets the same named tuples back, with
pointers in place of arrays (`pointers.unpack`).

Words. A *row* is all the weights that multiply one input, padded with zeros to whole vectors of 16 numbers; a network
has sizes[l] rows in layer l and one more where it has biases. A *list* holds the units of one sample in one layer that
are not zero (of other activations than ReLU, all units), and their values. A *block* is the samples of a batch that are
worked on together. A *nonzero* is one entry of the lists of a block, with its sample; nonzeros are sorted by unit. The
*deltas* of a sample are the derivatives of its loss with respect to the sums of each layer, layer after layer. A row
*misses* the steps in which its gradient is zero; its *missed steps* are taken later, by the lazy update.

Offsets are unsigned, which spares each access Numba's test for a negative index. A number beside one must be unsigned
too, u(1) and not 1: with a signed one Numba, as NumPy, makes a float of both.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np

from ravine.arrays import Array

LANES = 16
"""Numbers in a vector; rows of weights are padded to whole vectors."""

TABLE = 1024
"""Constants of lazy updates of fewer steps than this are tabulated at the start of a call; others are computed."""

DENSE_SHARE, DENSE_BATCH = 0.5, 32
"""The share of inputs that are not zero, and the batch size, from which data are worked on without lists."""

BYTES, REALS, MATRIX = 0, 1, 2
"""The form of the data: nonzeros as bytes in at most 65,535 columns, nonzeros as numbers, or all inputs as numbers."""

SHARED_SHARE = 0.02
"""The share of inputs that are not zero from which two samples of a block are summed up together."""

ACTIVATION_CODES = {"relu": 0, "leaky-relu": 1, "tanh": 2, "sigmoid": 3}
"""The code of each activation in the kernel."""

NAIVE = {"shifted": False, "naive": True}
"""Whether a form of the softmax of `ravine.networks` is the one that can overflow."""

EVALUATE, SUM, LEARN = 0, 1, 2
"""What to do with batches: count hits and live units, add the gradient of one to `Work.summed`, or take steps."""

Address = Any
"""In compiled code, the address of a frame's words."""

Real = Any
"""In compiled code, a number of the dtype of the weights, or 16 of them."""

Packed = Any
"""In compiled code, the state of 16 weights, or the constants of a step; see `kernel/rule.py`."""

Flag = Annotated[Any, "boolean"]
Count = Annotated[Any, "int64"]
Offset = Annotated[Any, "uint64"]
Reals = Annotated[Any, "real*"]
"""Numbers of the dtype of the weights: an array in Python, a pointer in compiled code, as all plural types below."""
Doubles = Annotated[Any, "float64*"]
Counts = Annotated[Any, "int64*"]
Offsets = Annotated[Any, "uint64*"]
Units = Annotated[Any, "uint32*"]
Columns = Annotated[Any, "uint16*"]
Bytes = Annotated[Any, "uint8*"]


class Plan(NamedTuple):
    """Where everything lies: arrays with one number for each layer of weights, and the numbers of a whole network."""

    layers: Count  # layers of weights
    block: Count  # samples in a block at most
    deltas: Offset  # deltas of a sample
    weights: Offset  # weights, with padding
    rows: Count  # rows of all layers
    sizes: Offsets  # inputs of the layer; one more number at the end, the outputs of the network
    widths: Offsets  # weights in a row, with padding
    bases: Offsets  # first weight
    first_rows: Offsets  # first row, of all rows of the network
    delta_at: Offsets  # first delta, of a sample's deltas


class Options(NamedTuple):
    """What kind of network and rule this is."""

    activation: Count  # one of ACTIVATION_CODES
    bias: Flag
    naive: Flag  # softmax without a shift, which can overflow
    lazy: Flag  # rows without a gradient change in a closed form, which is applied when they are next needed
    eager: Flag  # every row is updated at every step
    norms: Flag  # the rule asks for norms of the gradient, which is added up in `Work.summed` before the step
    noise: Flag  # the rule asks for random numbers, and every row is visited, as with norms
    layered: Flag  # each layer has hyper-parameters of its own
    wipe: Flag  # a step turns zeros into numbers that are not finite, so the padding is cleared after each step
    seed: Offset  # of the random numbers


class Data(NamedTuple):
    """A data set. Without its zeros sample s has the inputs starts[s] <= k < starts[s + 1].

    Input k of BYTES is bytes[k] / scale and stands in columns[k]; that of REALS is reals[k], in wide[k]. Sample s of a
    MATRIX has the inputs reals[s * inputs:]. Arrays that a form does not have are empty.
    """

    count: Count  # samples
    form: Count
    full: Flag  # no input is zero
    nonzeros: Count  # of all samples
    starts: Counts
    columns: Columns
    bytes: Bytes
    scale: Doubles  # one number
    wide: Units
    reals: Reals
    labels: Units


class Batches(NamedTuple):
    """What to run through the network: the batches that begin at `first`, first + size, .. below `stop` of `order`."""

    t: Count  # steps that the run has taken before
    first: Count
    stop: Count
    size: Count
    length: Count  # of `order`
    order: Counts  # sample numbers
    steps: Count  # lines of `hyper`: one, or one for each batch
    per_step: Count  # numbers in a line of `hyper`
    per_layer: Count  # numbers for a layer, 0 where all layers have the same
    hyper: Doubles  # hyper-parameters; those that lazy updates take are the same everywhere


class Trained(NamedTuple):
    """What training changes."""

    w: Reals  # weights
    slots: Reals  # the rule's state, one slot after the other, each as long as the weights
    last: Counts  # the step up to which each row was brought


class Lists(NamedTuple):
    """The lists of a block.

    Those of a hidden layer have sizes[l] places for each sample; those of the inputs follow one another.
    """

    units: Units
    values: Reals
    begins: Offsets  # where each begins, shape (layers, block); of the inputs the kernel writes all but the first
    counts: Counts  # their lengths, shape (layers, block)


class Nonzeros(NamedTuple):
    """The nonzeros of a layer, sorted by unit, and what sorting takes; see `kernel.lists.transpose`."""

    count: Units  # of each unit; zero but for the units that `marked` tells of
    place: Units
    seen: Units
    touched: Units
    marked: Offsets  # after a transpose: the length of `touched`, and the units of the layer
    group: Counts
    begin: Counts
    offset: Units  # of the sample's deltas
    value: Reals


class Work(NamedTuple):
    """Scratch memory of the kernel. Except for `row` and `summed`, it reads only what it wrote in the same batch."""

    sums: Reals  # of one layer of one sample
    row: Reals  # two rows of gradients, of which the first is zero
    noise: Reals  # random numbers of a row
    other: Reals  # the inputs of one sample, and zeros between uses
    inputs: Reals  # of a block that is worked on without lists, if they do not stand in the data
    input_at: Offsets  # where the inputs of each sample of such a block begin, shape (block + 3,)
    table: Reals  # constants of lazy updates, shape (TABLE, constants)
    deltas: Reals  # shape (block + 3, deltas)
    # The gradient of a batch, and zero between batches; after SUM the caller clears it. Empty where no batch needs it.
    summed: Reals
    summed_length: Offset
    scratch: Offset  # where the second row of `row` begins


class Found(NamedTuple):
    """The results of the kernel."""

    loss: Doubles  # losses are added to loss[0]
    hits: Counts  # the number of correctly classified samples is added to hits[0]
    live: Bytes  # 1 for each unit (counted as rows are) that was not zero for some sample


class Frame(NamedTuple):
    """All data of the kernel."""

    plan: Plan
    options: Options
    data: Data
    batches: Batches
    trained: Trained
    lists: Lists
    nonzeros: Nonzeros
    work: Work
    found: Found


@functools.cache
def fields(kind: Any) -> dict[str, Any]:
    """Return the fields of one of these tuples by name: the class of a tuple, or the type that compiled code sees."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] if hasattr(hint, "__metadata__") else hint for name, hint in hints.items()}


def words(frame: Frame) -> Array:
    """Return what the kernel is given, shape (fields,), uint64. The caller must keep the arrays alive meanwhile."""
    return np.array([*_words(frame, frame.trained.w.dtype)], np.uint64)


def _words(part: Any, real: np.dtype[Any]) -> Iterator[int]:
    known: Any = type(part)
    for value, (name, kind) in zip(part, fields(known).items(), strict=True):
        if isinstance(kind, type):
            yield from _words(value, real)
        elif kind.endswith("*"):
            wanted = real if kind == "real*" else np.dtype(kind[:-1])
            if value.dtype != wanted or not value.flags.c_contiguous:
                raise TypeError(f"{name} is {value.dtype}, strides {value.strides}; wanted {wanted}, contiguous.")
            yield value.ctypes.data
        else:
            yield int(value) & 0xFFFF_FFFF_FFFF_FFFF
