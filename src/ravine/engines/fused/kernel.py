"""The fused kernel: forward pass, gradient and update in one compiled call for a chunk of steps.

This file is a template: `render.py` puts the part that belongs to a rule and a dtype behind it, and the whole text is
compiled as one module, because Numba's cache does not notice edits in other files. That part provides

    real                               float32 or float64
    LAZY                               rows without a gradient drift, by a closed form that is applied when next needed
    DENSE                              every row is updated at every step
    TABLE                              how many idle steps are tabulated
    step_constants(hyper, t, c)        what an update needs that depends on the step alone
    idle_constants(hyper, n, c)        the same for n idle steps
    update_row(w, slots, at, width, c, d, d0)           the rule on one row of weights, with the gradient row d[d0:]
    update_row_1 .. update_row_4(.., d, d0, x0, ..)     the same for x0 d[d0:] + x1 d[d1:] + .., never stored
    drift_row(w, slots, at, width, c)  n idle steps of one row

Words. A row: all the weights that one input meets, contiguous, padded with zeros to `stride`. A list: the units of one
sample in one layer whose activation is not zero, and the activations; NaN is not zero. A block: the samples of a batch
that are worked on together; a batch larger than a block adds up its gradient in `total` first.

Offsets are unsigned (`u`), which spares each access Numba's test for a negative index and lets LLVM vectorize.
"""

import numpy as np
from numba import njit

u = np.uint64
# Sums may be taken in any order here, which lets LLVM vectorize them; NaN and infinity keep their meaning.
leaf = njit(error_model="numpy", forceinline=True, fastmath={"contract", "reassoc", "nsz"})
# A rule is computed as it is written, but for multiply-and-add in one rounding.
exact = njit(error_model="numpy", forceinline=True, fastmath={"contract"})
plain = njit(error_model="numpy")
entry = njit(error_model="numpy", nogil=True, cache=True)

RELU, LEAKY_RELU, TANH, SIGMOID = 0, 1, 2, 3


@leaf
def add_rows(z, w, at, stride, units, values, first, last):
    """Add value * row over a list to z, four rows at a time, so that z is read and written a quarter as often."""
    k = first
    while k + u(4) <= last:
        x0, x1, x2, x3 = values[k], values[k + u(1)], values[k + u(2)], values[k + u(3)]
        r0 = at + u(units[k]) * stride
        r1 = at + u(units[k + u(1)]) * stride
        r2 = at + u(units[k + u(2)]) * stride
        r3 = at + u(units[k + u(3)]) * stride
        for j in range(stride):
            z[j] += (x0 * w[r0 + j] + x1 * w[r1 + j]) + (x2 * w[r2 + j] + x3 * w[r3 + j])
        k += u(4)
    while k < last:
        x0 = values[k]
        r0 = at + u(units[k]) * stride
        for j in range(stride):
            z[j] += x0 * w[r0 + j]
        k += u(1)


@leaf
def add_terms(g, g0, d, d0, d1, d2, d3, x0, x1, x2, x3, width):
    """Add x0 d[d0:] + x1 d[d1:] + x2 d[d2:] + x3 d[d3:] to g[g0:]."""
    for j in range(width):
        g[g0 + j] += (x0 * d[d0 + j] + x1 * d[d1 + j]) + (x2 * d[d2 + j] + x3 * d[d3 + j])


@leaf
def add_term(g, g0, d, d0, x0, width):
    """Add x0 d[d0:] to g[g0:]."""
    for j in range(width):
        g[g0 + j] += x0 * d[d0 + j]


@leaf
def dot(p, p0, q, q0, width):
    """Return p[p0:] . q[q0:]."""
    s = real(0)
    for j in range(width):
        s += p[p0 + j] * q[q0 + j]
    return s


@leaf
def dot4(p, p0, q, q0, q1, q2, q3, width):
    """Return the products of p[p0:] with q[q0:], q[q1:], q[q2:] and q[q3:], which share the reading of p."""
    s0 = s1 = s2 = s3 = real(0)
    for j in range(width):
        x = p[p0 + j]
        s0 += x * q[q0 + j]
        s1 += x * q[q1 + j]
        s2 += x * q[q2 + j]
        s3 += x * q[q3 + j]
    return s0, s1, s2, s3


@plain
def slope(activation, a):
    """Return f'(z) from a = f(z)."""
    if activation == RELU:
        return real(1)  # only units with a != 0 are in a list
    if activation == LEAKY_RELU:
        return real(LEAK) if a <= real(0) else real(1)
    if activation == TANH:
        return real(1) - a * a
    return a * (real(1) - a)


@plain
def activate(activation, z, n, units, values, first):
    """Write the list of f(z[:n]) from `first` on and return its length."""
    k = first
    if activation == RELU:
        for j in range(n):
            a = z[j]
            units[k] = j
            values[k] = a
            if not (a <= real(0)):
                k += u(1)
        return k - first
    for j in range(n):
        a = z[j]
        if activation == LEAKY_RELU:
            a = real(LEAK) * a if a <= real(0) else a
        elif activation == TANH:
            a = np.tanh(a)
        else:
            a = real(0.5) + real(0.5) * np.tanh(real(0.5) * a)
        units[k] = j
        values[k] = a
        k += u(1)
    return k - first


@plain
def cross_entropy(z, n, label, naive, d, d0, m):
    """Write delta = (softmax(z) - one-hot) / m to d[d0:] and return the sample's loss.

    As in `ravine.nn.softmax`, nothing is taken from 1 where it may be nearly 1: the sums leave out the largest logit
    for the loss, and the label for its own delta.
    """
    top = u(0)
    for j in range(n):
        if z[j] > z[top] or z[j] != z[j]:
            top = j
    shift = real(0) if naive else z[top]
    rest = others = real(0)
    for j in range(n):
        e = np.exp(z[j] - shift)
        d[d0 + j] = e
        rest += e if j != top else real(0)
        others += e if j != label else real(0)
    total = d[d0 + top] + rest
    loss = -np.log(d[d0 + label] / total) if naive else np.log1p(rest) - (z[label] - shift)
    for j in range(n):
        d[d0 + j] = d[d0 + j] / total / m
    d[d0 + label] = -(others / total) / m
    return loss


@plain
def catch_up(w, slots, at, width, last, row, t, hyper, table):
    """Bring one row from the step at which it was last up to date to the end of step t - 1."""
    n = t - 1 - last[row]
    if n > 0:
        c = table[0]
        if n < TABLE:
            c = table[n]
        else:
            idle_constants(hyper, n, c)
        drift_row(w, slots, at, width, c)
    last[row] = t - 1


@plain
def forward(b, sample, w, slots, last, t, hyper, table, data, plan, options, z, units, values, counts, d, m):
    """Run one sample through the network as sample b of a block; return its loss and its predicted class.

    Leaves its lists in `units`, `values` and `counts`, its output delta in `d`, and zeros where the hidden deltas go.
    """
    starts, columns, pixels, scale, labels = data
    sizes, strides, bases, first_rows, list_at, delta_at = plan
    activation, bias, naive = options
    layers = len(strides)
    k = list_at[0] + u(b) * sizes[0]
    for p in range(starts[sample], starts[sample + 1]):
        units[k] = columns[p]
        values[k] = scale[pixels[p]]
        k += u(1)
    counts[0, b] = starts[sample + 1] - starts[sample]
    for layer in range(layers):
        stride, at, n = strides[layer], bases[layer], sizes[layer + 1]
        first = list_at[layer] + u(b) * sizes[layer]
        count = u(counts[layer, b])
        if LAZY:
            for k in range(first, first + count):
                row = first_rows[layer] + u(units[k])
                if last[row] < t - 1:
                    catch_up(w, slots, at + u(units[k]) * stride, stride, last, row, t, hyper, table)
        if bias:
            for j in range(stride):
                z[j] = w[at + sizes[layer] * stride + j]
        else:
            for j in range(stride):
                z[j] = real(0)
        add_rows(z, w, at, stride, units, values, first, first + count)
        if layer < layers - 1:
            start = list_at[layer + 1] + u(b) * n
            counts[layer + 1, b] = activate(activation, z, n, units, values, start)
            zero = delta_at[layer] + u(b) * stride
            for j in range(stride):
                d[zero + j] = real(0)
    n = sizes[layers]
    best = u(0)
    for j in range(n):
        if z[j] > z[best]:
            best = j
    out = delta_at[layers - 1] + u(b) * strides[layers - 1]
    return cross_entropy(z, n, u(labels[sample]), naive, d, out, real(m)), best


@plain
def transpose(layer, m, n, list_at, units, values, counts, entries):
    """Sort the lists of a block by unit, and the units by how many entries they have.

    Unit i has the entries first_entry[i] to first_entry[i + 1], in the order of the samples, so that sums are always
    taken in the same order. Units with q entries stand in by_count[group[q]:group[q + 1]], the last group being 5 and
    more: code that takes the groups one by one has no branch that the processor cannot predict.
    """
    first_entry, entry_sample, entry_value, group, by_count = entries
    for i in range(n + u(2)):
        first_entry[i] = 0
    for b in range(m):
        at = list_at + u(b) * n
        for k in range(at, at + u(counts[layer, b])):
            first_entry[u(units[k]) + u(2)] += 1
    for q in range(8):
        group[q] = 0
    for i in range(u(2), n + u(2)):
        group[min(first_entry[i], 5) + 2] += 1
        first_entry[i] += first_entry[i - u(1)]
    for q in range(2, 8):
        group[q] += group[q - 1]
    for b in range(m):
        at = list_at + u(b) * n
        for k in range(at, at + u(counts[layer, b])):
            i = u(units[k]) + u(1)
            e = u(first_entry[i])
            entry_sample[e] = b
            entry_value[e] = values[k]
            first_entry[i] += 1
    for i in range(n):
        q = min(first_entry[i + u(1)] - first_entry[i], 5) + 1
        by_count[group[q]] = i
        group[q] += 1


@plain
def add_list(g, g0, d, d0, stride, entry_sample, entry_value, k, last):
    """Add value * delta over entries k to last to g[g0:]."""
    while k + u(4) <= last:
        add_terms(
            g, g0, d,
            d0 + u(entry_sample[k]) * stride,
            d0 + u(entry_sample[k + u(1)]) * stride,
            d0 + u(entry_sample[k + u(2)]) * stride,
            d0 + u(entry_sample[k + u(3)]) * stride,
            entry_value[k], entry_value[k + u(1)], entry_value[k + u(2)], entry_value[k + u(3)],
            stride,
        )  # fmt: skip
        k += u(4)
    while k < last:
        add_term(g, g0, d, d0 + u(entry_sample[k]) * stride, entry_value[k], stride)
        k += u(1)


@plain
def deltas(layer, b, w, plan, activation, units, values, counts, d):
    """Write the deltas of sample b's units in the lists of `layer`, slope * (row . delta above), four at a time."""
    sizes, strides, bases, _, list_at, delta_at = plan
    stride, at = strides[layer], bases[layer]
    above = delta_at[layer] + u(b) * stride
    below = delta_at[layer - 1] + u(b) * strides[layer - 1]
    k = list_at[layer] + u(b) * sizes[layer]
    last = k + u(counts[layer, b])
    while k + u(4) <= last:
        i0, i1, i2, i3 = u(units[k]), u(units[k + u(1)]), u(units[k + u(2)]), u(units[k + u(3)])
        s0, s1, s2, s3 = dot4(
            d, above, w, at + i0 * stride, at + i1 * stride, at + i2 * stride, at + i3 * stride, stride
        )
        d[below + i0] = slope(activation, values[k]) * s0
        d[below + i1] = slope(activation, values[k + u(1)]) * s1
        d[below + i2] = slope(activation, values[k + u(2)]) * s2
        d[below + i3] = slope(activation, values[k + u(3)]) * s3
        k += u(4)
    while k < last:
        i0 = u(units[k])
        d[below + i0] = slope(activation, values[k]) * dot(d, above, w, at + i0 * stride, stride)
        k += u(1)


@plain
def update_one(w, slots, last, t, c, plan, options, units, values, counts, d):
    """Take the step of a batch of one sample: its lists are the touched rows, no sort is needed."""
    sizes, strides, bases, first_rows, list_at, delta_at = plan
    activation, bias, _ = options
    for layer in range(len(strides) - 1, -1, -1):
        stride, at, d0 = strides[layer], bases[layer], delta_at[layer]
        begin = list_at[layer]
        end = begin + u(counts[layer, 0])
        if layer > 0:
            deltas(layer, 0, w, plan, activation, units, values, counts, d)
        for k in range(begin, end):
            i = u(units[k])
            update_row_1(w, slots, at + i * stride, stride, c, d, d0, values[k])
            if LAZY:
                last[first_rows[layer] + i] = t
        if bias:
            update_row_1(w, slots, at + sizes[layer] * stride, stride, c, d, d0, real(1))
            if LAZY:
                last[first_rows[layer] + sizes[layer]] = t


@plain
def update_block(w, slots, last, t, c, g, plan, options, lists, entries, d, m):
    """Take the step of a batch that is one block of m samples."""
    sizes, strides, bases, first_rows, list_at, delta_at = plan
    units, values, counts = lists
    first_entry, sample, value, group, by_count = entries
    activation, bias, _ = options
    for layer in range(len(strides) - 1, -1, -1):
        stride, base, d0, n = strides[layer], bases[layer], delta_at[layer], sizes[layer]
        if layer > 0:
            for b in range(m):
                deltas(layer, b, w, plan, activation, units, values, counts, d)
        transpose(layer, m, n, list_at[layer], units, values, counts, entries)
        if DENSE:
            for j in range(stride):
                g[j] = real(0)
            for q in range(group[0], group[1]):
                update_row(w, slots, base + u(by_count[q]) * stride, stride, c, g, u(0))
        for q in range(group[1], group[2]):
            i = u(by_count[q])
            e = u(first_entry[i])
            update_row_1(w, slots, base + i * stride, stride, c, d, d0 + u(sample[e]) * stride, value[e])
        for q in range(group[2], group[3]):
            i = u(by_count[q])
            e = u(first_entry[i])
            f = e + u(1)
            update_row_2(
                w, slots, base + i * stride, stride, c, d,
                d0 + u(sample[e]) * stride, value[e], d0 + u(sample[f]) * stride, value[f],
            )  # fmt: skip
        for q in range(group[3], group[4]):
            i = u(by_count[q])
            e = u(first_entry[i])
            f, h = e + u(1), e + u(2)
            update_row_3(
                w, slots, base + i * stride, stride, c, d,
                d0 + u(sample[e]) * stride, value[e], d0 + u(sample[f]) * stride, value[f],
                d0 + u(sample[h]) * stride, value[h],
            )  # fmt: skip
        for q in range(group[4], group[5]):
            i = u(by_count[q])
            e = u(first_entry[i])
            f, h, k = e + u(1), e + u(2), e + u(3)
            update_row_4(
                w, slots, base + i * stride, stride, c, d,
                d0 + u(sample[e]) * stride, value[e], d0 + u(sample[f]) * stride, value[f],
                d0 + u(sample[h]) * stride, value[h], d0 + u(sample[k]) * stride, value[k],
            )  # fmt: skip
        for q in range(group[5], group[6]):
            i = u(by_count[q])
            for j in range(stride):
                g[j] = real(0)
            add_list(g, u(0), d, d0, stride, sample, value, u(first_entry[i]), u(first_entry[i + u(1)]))
            update_row(w, slots, base + i * stride, stride, c, g, u(0))
        if LAZY:
            for q in range(group[1], group[6]):
                last[first_rows[layer] + u(by_count[q])] = t
        if bias:
            bias_gradient(g, u(0), d, d0, stride, m)
            update_row(w, slots, base + n * stride, stride, c, g, u(0))
            if LAZY:
                last[first_rows[layer] + n] = t


@plain
def bias_gradient(g, g0, d, d0, stride, m):
    """Write the sum of a block's deltas to g."""
    for j in range(stride):
        g[g0 + j] = real(0)
    for b in range(m):
        add_term(g, g0, d, d0 + u(b) * stride, real(1), stride)


@plain
def add_block(total, last, t, w, g, plan, options, lists, entries, d, m):
    """Add the gradient of a block, one of several of its batch, to `total`."""
    sizes, strides, bases, first_rows, list_at, delta_at = plan
    units, values, counts = lists
    first_entry, sample, value, _, _ = entries
    activation, bias, _ = options
    for layer in range(len(strides) - 1, -1, -1):
        stride, base, d0, n = strides[layer], bases[layer], delta_at[layer], sizes[layer]
        if layer > 0:
            for b in range(m):
                deltas(layer, b, w, plan, activation, units, values, counts, d)
        transpose(layer, m, n, list_at[layer], units, values, counts, entries)
        for i in range(n):
            first, end = u(first_entry[i]), u(first_entry[i + u(1)])
            add_list(total, base + i * stride, d, d0, stride, sample, value, first, end)
            if LAZY and end > first:
                last[first_rows[layer] + i] = t
        if bias:
            bias_gradient(g, u(0), d, d0, stride, m)
            add_term(total, base + n * stride, g, u(0), real(1), stride)
            if LAZY:
                last[first_rows[layer] + n] = t


@plain
def update_total(w, slots, last, t, c, total, plan, bias):
    """Take the step of a batch of several blocks from the summed gradient, and clear the sum."""
    sizes, strides, bases, first_rows, _, _ = plan
    for layer in range(len(strides)):
        stride = strides[layer]
        for i in range(sizes[layer] + u(bias)):
            if not LAZY or last[first_rows[layer] + i] == t:
                at = bases[layer] + i * stride
                update_row(w, slots, at, stride, c, total, at)
                for j in range(stride):
                    total[at + j] = real(0)


@plain
def forget(total, last, t):
    """Undo the trace of the blocks of a batch whose update is not taken."""
    for j in range(len(total)):
        total[j] = real(0)
    for row in range(len(last)):
        last[row] = min(last[row], t - 1)


@plain
def tabulate(hyper, table):
    """Fill the table of what n idle steps need, n below TABLE."""
    for n in range(1, TABLE):
        idle_constants(hyper, n, table[n])


@entry
def train(w, slots, last, hyper, position, order, data, plan, options, work):
    """Train on the batches that start at position[1] .. position[2] - 1 of `order` and return how many were taken.

    `position` is (t, first, stop, batch size); t counts all steps of the run and is that before the first step. Adds
    each sample's loss to work's `loss[0]`. Stops before the update of a batch whose loss is not finite.
    """
    z, g, c, table, lists, entries, d, total, loss = work
    units, values, counts = lists
    bias = options[1]
    t, first, stop, size = position
    block = counts.shape[1]
    if LAZY:
        tabulate(hyper, table)
    taken = 0
    for begin in range(first, stop, size):
        end = min(begin + size, len(order))
        t += 1
        step_constants(hyper, t, c)
        batch_loss = 0.0
        for low in range(begin, end, block):
            high = min(low + block, end)
            for b in range(high - low):
                batch_loss += forward(
                    b, order[low + b], w, slots, last, t, hyper, table, data, plan, options,
                    z, units, values, counts, d, end - begin,
                )[0]  # fmt: skip
            if not np.isfinite(batch_loss):
                if low > begin:
                    forget(total, last, t)
                return taken
            if end - begin > block:
                add_block(total, last, t, w, g, plan, options, lists, entries, d, high - low)
            elif end - begin > 1 or DENSE:
                update_block(w, slots, last, t, c, g, plan, options, lists, entries, d, high - low)
            else:
                update_one(w, slots, last, t, c, plan, options, units, values, counts, d)
        if end - begin > block:
            update_total(w, slots, last, t, c, total, plan, bias)
        loss[0] += batch_loss
        taken += 1
    return taken


@entry
def settle(w, slots, last, t, hyper, plan, bias, table):
    """Bring every row to the end of step t."""
    if LAZY:
        sizes, strides, bases, first_rows, _, _ = plan
        tabulate(hyper, table)
        for layer in range(len(strides)):
            for i in range(sizes[layer] + u(bias)):
                at = bases[layer] + i * strides[layer]
                catch_up(w, slots, at, strides[layer], last, first_rows[layer] + i, t + 1, hyper, table)


@entry
def evaluate(first, stop, w, slots, last, hyper, data, plan, options, work, live, correct):
    """Run samples first .. stop - 1 forward: add losses to `loss[0]`, count hits and mark the units that are live."""
    z, _, _, table, lists, _, d, _, loss = work
    units, values, counts = lists
    _, _, _, first_rows, list_at, _ = plan
    labels = data[4]
    for sample in range(first, stop):
        sample_loss, predicted = forward(
            0, sample, w, slots, last, 0, hyper, table, data, plan, options, z, units, values, counts, d, 1
        )
        loss[0] += sample_loss
        correct[0] += predicted == labels[sample]
        for layer in range(1, len(list_at)):
            for k in range(list_at[layer], list_at[layer] + u(counts[layer, 0])):
                live[first_rows[layer] + u(units[k])] |= values[k] != real(0)
