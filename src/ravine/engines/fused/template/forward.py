"""The forward pass of one sample."""


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
    whole = d[d0 + top] + rest
    loss = -np.log(d[d0 + label] / whole) if naive else np.log1p(rest) - (z[label] - shift)
    for j in range(n):
        d[d0 + j] = d[d0 + j] / whole / m
    d[d0 + label] = -(others / whole) / m
    return loss


@inlined
def list_inputs(b, sample, data, n, units, values, counts):
    """Write the list of a sample's inputs."""
    starts, columns, pixels, _ = data
    at, first = u(b) * n, u(starts[sample])
    count = u(starts[sample + 1]) - first
    for k in range(count):
        units[at + k] = columns[first + k]
    for k in range(count):
        values[at + k] = real(pixels[first + k]) / real(255)
    counts[0, b] = count


@plain
def forward(b, alone, sample, w, slots, last, t, hyper, table, data, plan, options, z, lists, d, m):
    """Run one sample through the network as sample b of a block; return its loss and whether it is classified rightly.

    Leaves its lists in `lists`, its output delta in `d`, and zeros where the hidden deltas go. The sums of its first
    layer are already in `d`, but for a sample that is alone in its batch: its idle rows are all about to be updated,
    and are not brought up to date before.
    """
    label = u(data[3][sample])
    sizes, widths, bases, first_rows, list_at, delta_at, deltas = plan
    units, values, counts = lists
    activation, bias, naive = options
    layers = len(widths)
    if alone:
        list_inputs(b, sample, data, sizes[0], units, values, counts)
        clear(d, b * deltas, widths[0])
    clear(d, b * deltas + widths[0], deltas - widths[0])
    for layer in range(layers):
        width, base, n, row = widths[layer], bases[layer], sizes[layer + 1], first_rows[layer]
        k = list_at[layer] + b * sizes[layer]
        end = k + u(counts[layer, b])
        clear(z, u(0), width)
        if bias:
            add(z, u(0), w, base + sizes[layer] * width, width)
        if layer == 0 and not alone:
            add(z, u(0), d, b * deltas, width)
            clear(d, b * deltas, width)
        elif LAZY and alone:
            add_idle_rows(z, w, slots, base, width, units, values, k, end, last, row, t, hyper, table)
        else:
            if LAZY:
                catch_up_list(w, slots, base, width, units, k, end, last, row, t, hyper, table)
            add_rows(z, u(0), w, base, width, units, values, k, end)
        if layer < layers - 1:
            counts[layer + 1, b] = activate(activation, z, n, units, values, list_at[layer + 1] + b * n)
    n = sizes[layers]
    best = u(0)
    for j in range(n):
        if z[j] > z[best]:
            best = j
    return cross_entropy(z, n, label, naive, d, b * deltas + delta_at[layers - 1], real(m)), best == label
