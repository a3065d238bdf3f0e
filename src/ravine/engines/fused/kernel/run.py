"""Where the kernel begins: a chunk of batches, and the end of an epoch."""

from __future__ import annotations

import numpy as np

from ravine.engines.fused.frame import (
    DENSE_BATCH,
    DENSE_SHARE,
    EVALUATE,
    LEARN,
    SUM,
    Count,
    Flag,
    Frame,
    Offset,
)
from ravine.engines.fused.kernel.compiled import inlined, plain, u
from ravine.engines.fused.kernel.first_layer import dense_sums, fetch_ahead, first_sums
from ravine.engines.fused.kernel.forward import forward
from ravine.engines.fused.kernel.gradient import add_block, forget
from ravine.engines.fused.kernel.parts import catch_up_layer, tabulate_lazy, update_block, update_one, update_total
from ravine.engines.fused.pointers import like, shifted


@plain
def run(frame: Frame, mode: Count) -> Count:
    """Run batches through the network, and do with them what the mode says; return how many were taken.

    To LEARN is to take a step for each batch, and to stop before the update of one whose loss is not finite. To SUM is
    to add up the gradient of the first batch in `summed`, and to tell its loss; if that is not finite, no batch was
    taken. To EVALUATE is to count the samples that are classified correctly and to mark the units that are live; the
    weights are settled, and t is 0.
    """
    batches, options, inputs = frame.batches, frame.options, frame.plan.sizes[0]
    few_zeros = frame.data.nonzeros > DENSE_SHARE * float(inputs) * frame.data.count
    if mode == LEARN:
        tabulate_lazy(frame)
    t, done = batches.t, 0
    for begin in range(batches.first, batches.stop, batches.size):
        end = lesser(begin + batches.size, batches.length)
        m = end - begin
        dense = few_zeros and m >= DENSE_BATCH
        summed_first = mode == SUM or options.norms or options.noise or dense or m > frame.plan.block
        alone = mode == LEARN and m == 1 and not options.eager and not options.norms and not options.noise
        t += mode != EVALUATE
        now = shifted(batches.hyper, lesser(done, batches.steps - 1) * batches.per_step)
        batch_loss = 0.0
        for low in range(begin, end, frame.plan.block):
            high = lesser(low + frame.plan.block, end)
            if dense:
                dense_sums(frame, low, high - low, t)
            elif alone:
                fetch_ahead(frame, low)
            else:
                first_sums(frame, low, high - low, t)
            for b in range(u(high - low)):
                sample_loss, hit = forward(frame, b, alone, batches.order[low + b], t, m)
                batch_loss += sample_loss
                if mode == EVALUATE:
                    tell(frame, b, hit, batches.order[low + b])
            if mode == EVALUATE:
                continue
            if not np.isfinite(batch_loss):
                if low > begin:
                    forget(frame, t)
                if mode == SUM:
                    frame.found.loss[0] += batch_loss
                return done
            if summed_first:
                add_block(frame, dense, t, high - low)
            elif alone:
                update_one(frame, now, t)
            else:
                update_block(frame, now, t, high - low)
        frame.found.loss[0] += batch_loss
        done += 1
        if mode == SUM:
            return done
        if summed_first and mode == LEARN:
            update_total(frame, now, t)
        if options.wipe:
            wipe_padding(frame)
    return done


@plain
def wipe_padding(frame: Frame) -> None:
    """Write zeros to the padding of the weights: 0 times a number there that is not finite would make deltas NaN."""
    plan, w = frame.plan, frame.trained.w
    for layer in range(plan.layers):
        width = plan.widths[layer]
        for i in range(plan.sizes[layer] + u(frame.options.bias)):
            at = plan.bases[layer] + i * width
            for j in range(at + plan.sizes[layer + 1], at + width):
                w[j] = like(w, 0)


@plain
def settle(frame: Frame, t: Count) -> Count:
    """Bring every row to the end of step t."""
    if frame.options.lazy:
        tabulate_lazy(frame)
        for layer in range(frame.plan.layers):
            catch_up_layer(frame, layer, frame.plan.sizes[layer] + u(frame.options.bias), t + 1)
    return 0


@inlined
def lesser(one: Count, other: Count) -> Count:
    """Return the lesser of two counts."""
    return one if one < other else other


@plain
def tell(frame: Frame, b: Offset, hit: Flag, sample: Count) -> None:
    """Count a hit, keep outputs if they are asked for, and mark the units that are live in sample b of a block."""
    frame.found.hits[0] += hit
    if frame.options.told:
        n = frame.plan.sizes[frame.plan.layers]
        for j in range(n):
            frame.found.outputs[u(sample) * n + j] = frame.work.sums[j]
    for layer in range(1, frame.plan.layers):
        begin = u(frame.lists.begins[layer * frame.plan.block + b])
        for p in range(begin, begin + u(frame.lists.counts[layer * frame.plan.block + b])):
            frame.found.live[frame.plan.first_rows[layer] + u(frame.lists.units[p])] |= frame.lists.values[p] != 0
