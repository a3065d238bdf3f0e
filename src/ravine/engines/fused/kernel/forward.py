"""The forward pass of one sample."""

from __future__ import annotations

from ravine.engines.fused.frame import BYTES, MATRIX, Count, Flag, Frame, Offset
from ravine.engines.fused.kernel.activation import activate
from ravine.engines.fused.kernel.compiled import inlined, plain, u
from ravine.engines.fused.kernel.loss import is_hit, sample_loss, weighted_loss
from ravine.engines.fused.kernel.parts import add_lazy_rows, catch_up_list
from ravine.engines.fused.kernel.rows import add, add_rows, clear
from ravine.engines.fused.pointers import like


@plain
def list_inputs(b: Offset, sample: Count, frame: Frame) -> None:
    """Write the list of a sample's inputs, as sample b of a block, after that of the sample before."""
    data, lists = frame.data, frame.lists
    units, values = lists.units, lists.values
    at = u(lists.begins[0])
    if b > u(0):
        at = u(lists.begins[b - u(1)]) + u(lists.counts[b - u(1)])
        lists.begins[b] = at
    if data.form == MATRIX:
        lists.counts[b] = list_row(frame, at, u(sample) * frame.plan.sizes[0])
        return
    first = u(data.starts[sample])
    count = u(data.starts[sample + 1]) - first
    if data.form == BYTES:
        scale = like(values, data.scale[0])
        for k in range(count):
            units[at + k] = data.columns[first + k]
        for k in range(count):
            values[at + k] = like(values, data.bytes[first + k]) / scale
    else:
        for k in range(count):
            units[at + k] = data.wide[first + k]
        for k in range(count):
            values[at + k] = data.reals[first + k]
    lists.counts[b] = count


@inlined
def list_row(frame: Frame, at: Offset, first: Offset) -> Offset:
    """Write the list of the inputs that begin at reals[first], and return its length."""
    x, n, units, values = frame.data.reals, frame.plan.sizes[0], frame.lists.units, frame.lists.values
    if frame.data.full:
        for i in range(n):
            units[at + i] = i
        for i in range(n):
            values[at + i] = x[first + i]
        return n
    k = at
    for i in range(n):
        units[k] = i
        values[k] = x[first + i]
        k += u(x[first + i] != like(x, 0))
    return k - at


@plain
def forward(frame: Frame, b: Offset, alone: Flag, sample: Count, t: Count, m: Count) -> tuple[float, bool]:
    """Run one sample through the network as sample b of a block; return its loss, and whether its class is correct.

    Leaves its lists in `Lists`, its output delta in `Work.deltas`, and zeros where the hidden deltas go. The sums of
    its first layer are already in the deltas, unless the sample is alone in its batch: then its rows are about to be
    updated, and are not brought up to date before.
    """
    plan, options, lists = frame.plan, frame.options, frame.lists
    w, z, d = frame.trained.w, frame.work.sums, frame.work.deltas
    own = b * plan.deltas
    if alone:
        list_inputs(b, sample, frame)
        clear(d, own, plan.widths[0])
    clear(d, own + plan.widths[0], plan.deltas - plan.widths[0])
    for layer in range(plan.layers):
        width, base, n = plan.widths[layer], plan.bases[layer], plan.sizes[layer + 1]
        first = u(lists.begins[layer * plan.block + b])
        end = first + u(lists.counts[layer * plan.block + b])
        clear(z, u(0), width)
        if options.bias:
            add(z, u(0), w, base + plan.sizes[layer] * width, width)
        if layer == 0 and not alone:
            add(z, u(0), d, own, width)
            clear(d, own, width)
        elif options.lazy and alone:
            add_lazy_rows(frame, layer, t)
        else:
            if options.lazy:
                catch_up_list(frame, layer, b, t)
            add_rows(z, u(0), w, base, width, lists.units, lists.values, first, end)
        if layer < plan.layers - 1:
            begin = u(lists.begins[(layer + 1) * plan.block + b])
            count = activate(plan.activations[layer], z, n, lists.units, lists.values, lists.slopes, begin)
            lists.counts[(layer + 1) * plan.block + b] = count
    outputs = own + plan.delta_at[plan.layers - 1]
    loss = sample_loss(frame, sample, outputs, like(d, m))
    if frame.data.weighted:
        loss = weighted_loss(frame, sample, loss, outputs)
    return loss, is_hit(frame, sample)
