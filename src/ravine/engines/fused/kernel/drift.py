"""The steps that rows have missed, because their gradient was zero."""

from __future__ import annotations

from ravine.engines.fused.frame import TABLE, Count, Frame, Offset, Packed
from ravine.engines.fused.kernel.compiled import LANES, inlined, leaf, plain, u
from ravine.engines.fused.kernel.rule import lazy, lazy_constants, lazy_update, read, tabulate, tabulated, write
from ravine.engines.fused.pointers import first_of
from ravine.engines.fused.vectors import load, store


@plain
def tabulate_lazy(frame: Frame) -> None:
    """Tabulate what missed steps need, if the rule is lazy."""
    if lazy():
        tabulate(frame.work.table, frame.batches.hyper)


@inlined
def pending(frame: Frame, row: Offset, t: Count) -> Packed:
    """Return what the missed steps of a row up to step t - 1 need."""
    if lazy():
        n = t - 1 - frame.trained.last[row]
        if n < TABLE:
            return tabulated(frame.work.table, n)
        return lazy_constants(frame.trained.w, frame.batches.hyper, n)
    return lazy_constants(frame.trained.w, frame.batches.hyper, 0)


@inlined
def catch_up(frame: Frame, at: Offset, width: Offset, row: Offset, t: Count) -> None:
    """Bring one row from the step at which it was last up to date to the end of step t - 1."""
    trained, length = frame.trained, frame.plan.weights
    if trained.last[row] < t - 1:
        c = pending(frame, row, t)
        for j in range(at, at + width, LANES):
            write(trained.w, trained.slots, length, j, lazy_update(read(trained.w, trained.slots, length, j), c))
        trained.last[row] = t - 1


@plain
def catch_up_list(frame: Frame, layer: Count, b: Offset, t: Count) -> None:
    """Bring the rows on the list of sample b to the end of step t - 1."""
    base, width, first_row = frame.plan.bases[layer], frame.plan.widths[layer], frame.plan.first_rows[layer]
    begin = u(frame.lists.begins[layer * frame.plan.block + b])
    for p in range(begin, begin + u(frame.lists.counts[layer * frame.plan.block + b])):
        i = u(frame.lists.units[p])
        catch_up(frame, base + i * width, width, first_row + i, t)


@plain
def catch_up_layer(frame: Frame, layer: Count, rows: Offset, t: Count) -> None:
    """Bring the first `rows` rows of a layer to the end of step t - 1."""
    base, width, first_row = frame.plan.bases[layer], frame.plan.widths[layer], frame.plan.first_rows[layer]
    for i in range(rows):
        catch_up(frame, base + i * width, width, first_row + i, t)


@leaf
def add_lazy_rows(frame: Frame, layer: Count, t: Count) -> None:
    """Add value * row to the sums, for the rows on the list of a batch's only sample, as after their missed steps.

    The missed steps are not written: `update_one` takes them again.
    """
    z, w, slots, length = frame.work.sums, frame.trained.w, frame.trained.slots, frame.plan.weights
    units, values = frame.lists.units, frame.lists.values
    at, width, row = frame.plan.bases[layer], frame.plan.widths[layer], frame.plan.first_rows[layer]
    p = u(frame.lists.begins[layer * frame.plan.block])
    end = p + u(frame.lists.counts[layer * frame.plan.block])
    while p + u(2) <= end:
        i0, i1 = u(units[p]), u(units[p + u(1)])
        x0, x1 = values[p], values[p + u(1)]
        r0, r1 = at + i0 * width, at + i1 * width
        c0, c1 = pending(frame, row + i0, t), pending(frame, row + i1, t)
        for j in range(u(0), width, LANES):
            a = load(z, j) + x0 * first_of(lazy_update(read(w, slots, length, r0 + j), c0))
            store(z, j, a + x1 * first_of(lazy_update(read(w, slots, length, r1 + j), c1)))
        p += u(2)
    while p < end:
        i0, x0 = u(units[p]), values[p]
        r0, c0 = at + i0 * width, pending(frame, row + i0, t)
        for j in range(u(0), width, LANES):
            store(z, j, load(z, j) + x0 * first_of(lazy_update(read(w, slots, length, r0 + j), c0)))
        p += u(1)
