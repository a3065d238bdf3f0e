"""The fused kernel: forward pass, gradient and update in one compiled call for a chunk of steps.

The files of this folder are a template, and this is its head: `render.py` puts the other files and the part that
belongs to a rule and a dtype behind it, and the whole text is compiled as one module, because Numba's cache does not
notice edits in other files. That part provides

    real, LEAK                    float32 or float64; the slope of a leaky ReLU below zero
    LAZY                          rows without a gradient drift, by a closed form that is applied when next needed
    DENSE                         every row is updated at every step
    NORMS                         the rule asks for norms of the gradient, which is added up in `summed` before the step
    LAYERED                       each layer has hyper-parameters of its own
    LANES                         how many numbers a vector has, unsigned
    TABLE                         how many idle steps are tabulated
    CROWD, CROWDED_BATCH          the share of inputs that are not zero, and the batch size, from which lists do not pay
    read(w, slots, at)            the state of 16 weights: a vector of weights and one of each slot
    write(w, slots, at, state)    the reverse
    step(state, g, c)             the state after a step with the gradient g, which is the rule itself
    idle(state, c)                the state after idle steps
    step_constants(hyper, t, norm, layer_norm)  what a step needs that is the same for all its weights, c above
    idle_constants(hyper, n)      the same for n idle steps; n = 0 changes nothing
    tabulate(hyper, table)        store idle_constants(hyper, n) for all n < TABLE
    tabulated(table, n)           and fetch them

Words. A row: all the weights that one input meets, contiguous, padded with zeros to whole vectors of 16. A list: the
units of one sample in one layer and their activations, without those that ReLU or an empty input makes zero; NaN is not
zero. A block: the samples of a batch that are worked on together; a batch larger than a block, or with few zeros, or
of a rule that asks for norms, adds up its gradient in `summed` first. An entry: one activation, with its sample, sorted
by unit. The deltas of a sample, layer after layer, are a row of `d`.

Offsets are unsigned (`u`), which spares each access Numba's test for a negative index.
"""

import numpy as np
from numba import njit

from ravine.engines.fused.vectors import load, prefetch, splat, store, total, total4

u = np.uint64
# Nothing is allocated here, and counting references would take as long as a row; wrappers for callers from Python and C
# that do not exist would take a third of the time to compile.
bare = {"error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
inner = {**bare, "no_cpython_wrapper": True}
# Sums may be taken in any order here; NaN and infinity keep their meaning.
leaf = njit(**inner, forceinline=True, fastmath={"contract", "reassoc", "nsz"})
# A rule is computed as it is written, but for multiply-and-add in one rounding.
exact = njit(**inner, forceinline=True, fastmath={"contract"})
inlined = njit(**inner, forceinline=True)
plain = njit(**inner)
# np.where of numbers, a rule's choice by the step number, makes an array.
prelude = njit(**{**inner, "_nrt": True})
entry = njit(**bare, nogil=True, cache=True)

RELU, LEAKY_RELU, TANH, SIGMOID = 0, 1, 2, 3
