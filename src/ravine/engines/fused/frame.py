"""The data of the kernel, as named tuples: declared once, filled by the engine, read by compiled code.

The engine fills a `Frame` with arrays and numbers and hands the kernel its `words`: the addresses of the arrays and the
numbers, eight bytes each, in the order in which they stand here. To compiled code that address is the same frame, with
pointers in place of arrays (`pointers.FramePart`).

Words. A *row* is all the weights that multiply one input, padded with zeros to whole vectors of 16 numbers; a network
has sizes[l] rows in layer l and one more where it has biases. A *list* holds the units of one sample in one layer that
are not off, and their values; a unit is off if its value and its slope are 0, as with ReLU. A *block* is the samples of
a batch that are worked on together. A *nonzero* is one entry of the lists of a block, with its sample; nonzeros are
sorted by unit. The
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

CACHE_LINE = 64
"""Bytes that memory and caches exchange at a time."""

TABLE = 1024
"""Constants of lazy updates of fewer steps than this are tabulated at the start of a call; others are computed."""

DENSE_SHARE, DENSE_BATCH = 0.5, 32
"""The share of inputs that are not zero, and the batch size, from which data are worked on without lists."""

BYTES, REALS, MATRIX = 0, 1, 2
"""The form of the data: nonzeros as bytes in at most 65,535 columns, nonzeros as numbers, or all inputs as numbers."""

SCATTERED_SHARE = 0.02
"""The share of inputs that are not zero below which data are scattered: two samples have few inputs in common, and the
rows of a batch lie far apart in memory."""

NAIVE = {"shifted": False, "naive": True}
"""Whether a form of the softmax of `ravine.networks` is the one that can overflow."""

AHEAD = 16
"""How many rows before it is needed a row of a large batch of scattered data is fetched for its step."""

NEAR_LINES = 8192
"""If the rows of such a batch take more cache lines, they are fetched again for their steps."""

EVALUATE, SUM, LEARN = 0, 1, 2
"""What to do with batches: count hits and live units, add the gradient of one to `Work.summed`, or take steps."""

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
    slots: Count  # slots of the rule
    line: Offset  # numbers in a cache line
    sizes: Offsets  # inputs of the layer; one more number at the end, the outputs of the network
    widths: Offsets  # weights in a row, with padding
    bases: Offsets  # first weight
    first_rows: Offsets  # first row, of all rows of the network
    delta_at: Offsets  # first delta, of a sample's deltas
    activations: Offsets  # address of the compiled activation of its outputs; the last layer has none
    sloped: Bytes  # whether that activation has other slopes than 0 and 1


class Options(NamedTuple):
    """What kind of network and rule this is."""

    bias: Flag
    naive: Flag  # softmax without a shift, which can overflow
    loss: Offset  # address of the compiled loss of single outputs; 0 stands for cross-entropy
    smoothing: Offset  # of the labels of cross-entropy, as the bits of a float64; 0 without
    lazy: Flag  # rows without a gradient change in a closed form, which is applied when they are next needed
    eager: Flag  # every row is updated at every step
    norms: Flag  # the rule asks for norms of the gradient, which is added up in `Work.summed` before the step
    noise: Flag  # the rule asks for random numbers, and every row is visited, as with norms
    layered: Flag  # each layer has hyper-parameters of its own
    listed: Flag  # the summed gradient has rows only for those inputs that its batch has; see `Summed`
    told: Flag  # an evaluation writes the outputs to `Found.outputs`
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
    scattered: Flag  # of few inputs that are not zero; see SCATTERED_SHARE
    nonzeros: Count  # of all samples
    starts: Counts
    columns: Columns
    bytes: Bytes
    scale: Doubles  # one number
    wide: Units
    reals: Reals
    labelled: Flag  # targets are classes, `labels`, and not numbers, `targets`, of which a sample has one an output
    labels: Units
    targets: Reals
    weighted: Flag  # the losses of the samples are multiplied by `weights`
    weights: Reals


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
    slopes: Reals  # of the activation, where a layer is sloped
    begins: Offsets  # where each begins, shape (layers, block); of the inputs the kernel writes all but the first
    counts: Counts  # their lengths, shape (layers, block)


class Nonzeros(NamedTuple):
    """The nonzeros of a layer, sorted by unit, and what sorting takes; see `kernel.lists.transpose`."""

    count: Units  # of each unit; zero but for the units that `marked` tells of
    place: Units
    seen: Units
    touched: Units  # AHEAD numbers more are read, and not used
    marked: Offsets  # after a transpose: the length of `touched`, and the units of the layer
    group: Counts
    begin: Counts
    offset: Units  # of the sample's deltas
    value: Reals


class Work(NamedTuple):
    """Scratch memory of the kernel. Except for `row` and `other`, it reads only what it wrote in the same batch."""

    sums: Reals  # of one layer of one sample
    row: Reals  # two rows of gradients, of which the first is zero
    noise: Reals  # random numbers of a row
    other: Reals  # the inputs of one sample, and zeros between uses
    inputs: Reals  # of a block that is worked on without lists, if they do not stand in the data
    input_at: Offsets  # where the inputs of each sample of such a block begin, shape (block + 3,)
    table: Reals  # constants of lazy updates, shape (TABLE, constants)
    deltas: Reals  # shape (block + 3, deltas)
    target: Reals  # of a sample with a class: for each output 1 or 0
    scratch: Offset  # where the second row of `row` begins


class Summed(NamedTuple):
    """The gradient of a batch, added up; zero between batches.

    It has the layout of the weights, or, if `Options.listed`, all rows but those of the inputs and then one row for
    each input that the batch has, in the order in which they were met: input rows[r] has row r, and row_of[i] is r + 1.
    """

    g: Reals  # after SUM the caller clears it; empty where no batch needs it
    length: Offset  # of g
    skipped: Offset  # weights of which there are no numbers at the beginning of g: 0, or those of the inputs
    input_at: Offset  # where the rows of the inputs begin
    row_of: Units  # of each input; zero between batches
    rows: Units
    met: Counts  # one number, the length of `rows`; zero between batches


class Found(NamedTuple):
    """The results of the kernel."""

    loss: Doubles  # losses are added to loss[0]
    hits: Counts  # the number of correctly classified samples is added to hits[0]
    outputs: Reals  # of an evaluation, shape (samples, outputs), if `Options.told`
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
    summed: Summed
    found: Found


@functools.cache
def fields(kind: Any) -> dict[str, Any]:
    """Return the fields of one of these tuples by name: the class of a tuple, or the type that compiled code sees."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] if hasattr(hint, "__metadata__") else hint for name, hint in hints.items()}


def words_in(kind: Any) -> int:
    """Return how many words one of these tuples has."""
    return sum(words_in(field) if isinstance(field, type) else 1 for field in fields(kind).values())


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
