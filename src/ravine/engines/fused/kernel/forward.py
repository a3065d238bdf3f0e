"""The forward pass of one sample."""

from __future__ import annotations

from ravine.engines.fused.frame import Address, Count, Data, Flag, Frame, Lists, Offset
from ravine.engines.fused.kernel.activation import activate
from ravine.engines.fused.kernel.compiled import inlined, plain, u
from ravine.engines.fused.kernel.loss import cross_entropy
from ravine.engines.fused.kernel.parts import add_lazy_rows, catch_up_list
from ravine.engines.fused.kernel.rows import add, add_rows, clear
from ravine.engines.fused.pointers import like


@inlined
def list_inputs(b: Offset, sample: Count, data: Data, n: Offset, lists: Lists) -> None:
    """Write the list of a sample's n inputs, as sample b of a block."""
    at, first = u(b) * n, u(data.starts[sample])
    count = u(data.starts[sample + 1]) - first
    for k in range(count):
        lists.units[at + k] = data.columns[first + k]
    for k in range(count):
        lists.values[at + k] = like(lists.values, data.pixels[first + k]) / like(lists.values, 255)
    lists.counts[b] = count


@plain
def forward(
    address: Address, frame: Frame, b: Offset, alone: Flag, sample: Count, t: Count, m: Count
) -> tuple[float, bool]:
    """Run one sample through the network as sample b of a block; return its loss, and whether its class is correct.

    Leaves its lists in `Lists`, its output delta in `Work.deltas`, and zeros where the hidden deltas go. The sums of
    its first layer are already in the deltas, unless the sample is alone in its batch: then its rows are about to be
    updated, and are not brought up to date before.
    """
    plan, options, lists = frame.plan, frame.options, frame.lists
    w, z, d = frame.trained.w, frame.work.sums, frame.work.deltas
    label, own = u(frame.data.labels[sample]), b * plan.deltas
    if alone:
        list_inputs(b, sample, frame.data, plan.sizes[0], lists)
        clear(d, own, plan.widths[0])
    clear(d, own + plan.widths[0], plan.deltas - plan.widths[0])
    for layer in range(plan.layers):
        width, base, n = plan.widths[layer], plan.bases[layer], plan.sizes[layer + 1]
        first = plan.list_at[layer] + b * plan.sizes[layer]
        end = first + u(lists.counts[layer * plan.block + b])
        clear(z, u(0), width)
        if options.bias:
            add(z, u(0), w, base + plan.sizes[layer] * width, width)
        if layer == 0 and not alone:
            add(z, u(0), d, own, width)
            clear(d, own, width)
        elif options.lazy and alone:
            add_lazy_rows(address, layer, t)
        else:
            if options.lazy:
                catch_up_list(address, layer, b, t)
            add_rows(z, u(0), w, base, width, lists.units, lists.values, first, end)
        if layer < plan.layers - 1:
            begin = plan.list_at[layer + 1] + b * n
            count = activate(plan.activations[layer], z, n, lists.units, lists.values, lists.slopes, begin)
            lists.counts[(layer + 1) * plan.block + b] = count
    n = plan.sizes[plan.layers]
    best = u(0)
    for j in range(n):
        if z[j] > z[best]:
            best = j
    loss = cross_entropy(z, n, label, options.naive, d, own + plan.delta_at[plan.layers - 1], like(d, m))
    return loss, best == label
