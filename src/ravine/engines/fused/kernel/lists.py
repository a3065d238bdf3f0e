"""From the lists of a block's samples to nonzeros sorted by unit."""

from __future__ import annotations

import numpy as np

from ravine.engines.fused.frame import Count, Frame
from ravine.engines.fused.kernel.compiled import inlined, plain, u


@plain
def transpose(frame: Frame, layer: Count, m: Count) -> None:
    """Sort the lists of a block by unit, and the units by how many nonzeros they have.

    Units with q nonzeros stand in touched[group[q - 1]:group[q]], and their nonzeros one unit after the other in
    `offset` and `value`, in the order of the samples, so that sums are always taken in the same order. Code that takes
    the units in this order has no branch that the processor cannot predict.
    """
    units, values, begins, counts = frame.lists.units, frame.lists.values, frame.lists.begins, frame.lists.counts
    nonzeros = frame.nonzeros
    count, place, seen, touched = nonzeros.count, nonzeros.place, nonzeros.seen, nonzeros.touched
    group, begin, offset, value = nonzeros.group, nonzeros.begin, nonzeros.offset, nonzeros.value
    n, lists = frame.plan.sizes[layer], u(layer * frame.plan.block)
    unmark(frame)
    every = u(0)
    for b in range(u(m)):
        every += u(counts[lists + b])
    found = u(0)
    if every < n:
        # Few of many units: no loop over all of them. The order of the units within a group has no effect on any sum.
        for b in range(u(m)):
            first = u(begins[lists + b])
            for p in range(first, first + u(counts[lists + b])):
                i = u(units[p])
                seen[found] = i
                found += u(count[i] == 0)
                count[i] += np.uint32(1)
    else:
        for b in range(u(m)):
            first = u(begins[lists + b])
            for p in range(first, first + u(counts[lists + b])):
                count[u(units[p])] += np.uint32(1)
        for i in range(n):
            seen[found] = i
            found += u(count[i] > 0)
    nonzeros.marked[0], nonzeros.marked[1] = found, n
    for q in range(u(m) + u(2)):
        group[q] = 0
    for p in range(found):
        group[u(count[u(seen[p])]) + u(1)] += 1
    begin[0] = begin[1] = 0
    for q in range(u(1), u(m) + u(1)):
        begin[q + u(1)] = begin[q] + group[q + u(1)] * q
        group[q + u(1)] += group[q]
    for p in range(found):
        i = u(seen[p])
        q = u(count[i])
        touched[u(group[q])] = i
        group[q] += 1
        place[i] = begin[q]
        begin[q] += q
    for b in range(u(m)):
        first = u(begins[lists + b])
        for p in range(first, first + u(counts[lists + b])):
            i = u(units[p])
            e = u(place[i])
            place[i] = e + u(1)
            offset[e] = b * frame.plan.deltas
            value[e] = values[p]


@inlined
def unmark(frame: Frame) -> None:
    """Clear the counts of the last transpose."""
    count, touched = frame.nonzeros.count, frame.nonzeros.touched
    found, n = frame.nonzeros.marked[0], frame.nonzeros.marked[1]
    if n < u(8) * found:
        for i in range(n):
            count[i] = 0
    else:
        for p in range(found):
            count[u(touched[p])] = 0
