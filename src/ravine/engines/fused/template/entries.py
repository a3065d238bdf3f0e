"""What is called from outside."""


@plain
def tell(b, hit, plan, lists, hits, live):
    """Count a hit, and mark the units that are live in sample b of a block."""
    units, values, counts = lists
    sizes, first_rows, list_at = plan[0], plan[3], plan[4]
    hits[0] += hit
    for layer in range(1, len(list_at)):
        begin = list_at[layer] + b * sizes[layer]
        for k in range(begin, begin + u(counts[layer, b])):
            live[first_rows[layer] + u(units[k])] |= values[k] != real(0)


@entry
def run(learn, w, slots, last, hyper, position, order, data, plan, options, work, found):
    """Run the batches that start at position[1] .. position[2] - 1 of `order` forward, and `learn` from them or not.

    `position` is (t, first, stop, batch size); t counts all steps of the run and is that before the first step. `hyper`
    has shape (1 or batches, 1 or layers, hyper-parameters); those of idle forms are the same everywhere. Adds
    each sample's loss to `loss[0]` of `found`. To learn is to take a step for each batch, and to stop before the update
    of one whose loss is not finite. Not to learn is to evaluate settled weights, with t = 0: it counts the samples that
    are classified rightly in `hits[0]` and marks the `live` units. Returns how many batches were taken.

    One entry does both, since all that an entry calls is compiled for it once more.
    """
    z, g, x, table, lists, entries, d, summed = work
    loss, hits, live = found
    bias = options[1]
    t, first, stop, size = position
    block = lists[2].shape[1]
    starts, inputs = data[0], plan[0][0]
    few_zeros = starts[-1] > CROWD * float(inputs) * (len(starts) - 1)
    steady = hyper[0, 0]
    if LAZY:
        tabulate(steady, table)
    taken = 0
    for begin in range(first, stop, size):
        end = min(begin + size, len(order))
        m = end - begin
        crowded = few_zeros and m >= CROWDED_BATCH
        several = NORMS or crowded or m > block
        alone = learn and m == 1 and not DENSE and not NORMS
        t += learn
        now = hyper[min(taken, len(hyper) - 1)]
        c = step_constants(now[0], t, 0.0, 0.0)
        batch_loss = 0.0
        for low in range(begin, end, block):
            high = min(low + block, end)
            if crowded:
                crowded_sums(order, low, high - low, w, slots, last, t, steady, table, data, plan, x, d)
            elif alone:
                fetch(order, low, data)
            else:
                first_sums(order, low, high - low, w, slots, last, t, steady, table, data, plan, lists, entries, x, d)
            for b in range(u(high - low)):
                sample = order[low + b]
                sample_loss, hit = forward(
                    b, alone, sample, w, slots, last, t, steady, table, data, plan, options, z, lists, d, m
                )
                batch_loss += sample_loss
                if not learn:
                    tell(b, hit, plan, lists, hits, live)
            if not learn:
                continue
            if not np.isfinite(batch_loss):
                if low > begin:
                    forget(summed, last, t)
                return taken
            if several:
                add_block(summed, crowded, last, t, w, g, x, plan, options, lists, entries, d, high - low)
            elif NORMS:
                pass  # norms are known when all is added up; what stands below is not even compiled
            elif DENSE:
                update_block(w, slots, last, t, c, now, g, plan, options, lists, entries, d, high - low)
            elif alone:
                update_one(w, slots, last, t, c, now, steady, table, plan, options, lists, d)
            else:
                update_block(w, slots, last, t, c, now, g, plan, options, lists, entries, d, high - low)
        if several and learn:
            update_total(w, slots, last, t, c, now, summed, plan, bias)
        loss[0] += batch_loss
        taken += 1
    return taken


@entry
def settle(w, slots, last, t, hyper, plan, bias, table):
    """Bring every row to the end of step t."""
    if LAZY:
        sizes, widths, bases, first_rows = plan[:4]
        steady = hyper[0, 0]
        tabulate(steady, table)
        for layer in range(len(widths)):
            for i in range(sizes[layer] + u(bias)):
                at = bases[layer] + i * widths[layer]
                catch_up(w, slots, at, widths[layer], last, first_rows[layer] + i, t + 1, steady, table)
