"""Where the kernel begins: a chunk of batches, and the end of an epoch."""

from __future__ import annotations

import numpy as np

from ravine.engines.fused.frame import CROWD, CROWDED_BATCH, EVALUATE, LEARN, SUM, Address, Count, Flag, Frame, Offset
from ravine.engines.fused.kernel.compiled import inlined, plain, u
from ravine.engines.fused.kernel.first_layer import crowded_sums, fetch, first_sums
from ravine.engines.fused.kernel.forward import forward
from ravine.engines.fused.kernel.gradient import add_block, forget
from ravine.engines.fused.kernel.parts import catch_up_layer, start, update_block, update_one, update_total
from ravine.engines.fused.pointers import shifted, unpack


@plain
def run(frame: Address, mode: Count) -> Count:
    """Run batches through the network, and do with them what the mode says; return how many were taken.

    To LEARN is to take a step for each batch, and to stop before the update of one whose loss is not finite. To SUM is
    to add up the gradient of the first batch in `summed`, and to tell its loss; if that is not finite, no batch was
    taken. To EVALUATE is to count the samples that are classified rightly and to mark the units that are live; the
    weights are settled, and t is 0.
    """
    k = unpack(frame)
    batches, options, inputs = k.batches, k.options, k.plan.sizes[0]
    few_zeros = k.data.starts[k.data.count] > CROWD * float(inputs) * k.data.count
    start(frame)
    t, taken = batches.t, 0
    for begin in range(batches.first, batches.stop, batches.size):
        end = lesser(begin + batches.size, batches.length)
        m = end - begin
        crowded = few_zeros and m >= CROWDED_BATCH
        several = mode == SUM or options.norms or crowded or m > k.plan.block
        alone = mode == LEARN and m == 1 and not options.dense and not options.norms
        t += mode != EVALUATE
        now = shifted(batches.hyper, lesser(taken, batches.steps - 1) * batches.per_step)
        batch_loss = 0.0
        for low in range(begin, end, k.plan.block):
            high = lesser(low + k.plan.block, end)
            if crowded:
                crowded_sums(frame, k, low, high - low, t)
            elif alone:
                fetch(k, low)
            else:
                first_sums(frame, k, low, high - low, t)
            for b in range(u(high - low)):
                sample_loss, hit = forward(frame, k, b, alone, batches.order[low + b], t, m)
                batch_loss += sample_loss
                if mode == EVALUATE:
                    tell(k, b, hit)
            if mode == EVALUATE:
                continue
            if not np.isfinite(batch_loss):
                if low > begin:
                    forget(k, t)
                if mode == SUM:
                    k.found.loss[0] += batch_loss
                return taken
            if several:
                add_block(k, crowded, t, high - low)
            elif alone:
                update_one(frame, now, t)
            else:
                update_block(frame, now, t, high - low)
        k.found.loss[0] += batch_loss
        taken += 1
        if mode == SUM:
            return taken
        if several and mode == LEARN:
            update_total(frame, now, t)
    return taken


@plain
def settle(frame: Address, t: Count) -> Count:
    """Bring every row to the end of step t."""
    k = unpack(frame)
    if k.options.lazy:
        start(frame)
        for layer in range(k.plan.layers):
            catch_up_layer(frame, layer, k.plan.sizes[layer] + u(k.options.bias), t + 1)
    return 0


@inlined
def lesser(one: Count, other: Count) -> Count:
    """Return the lesser of two counts."""
    return one if one < other else other


@plain
def tell(k: Frame, b: Offset, hit: Flag) -> None:
    """Count a hit, and mark the units that are live in sample b of a block."""
    k.found.hits[0] += hit
    for layer in range(1, k.plan.layers):
        begin = k.plan.list_at[layer] + b * k.plan.sizes[layer]
        for p in range(begin, begin + u(k.lists.counts[layer * k.plan.block + b])):
            k.found.live[k.plan.first_rows[layer] + u(k.lists.units[p])] |= k.lists.values[p] != 0
