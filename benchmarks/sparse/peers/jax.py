"""JAX: one jitted `lax.scan` that gathers the rows of a batch and scatters their gradient into weights that it owns.

Rules whose step is not linear in the gradient need the sum of a column's gradients over the batch. To find equal
columns without sorting them, each nonzero writes its number to a place for its column, and reads who wrote last.
"""

from __future__ import annotations

from functools import partial

from benchmarks.sparse.peers import ALPHA, EPS, LR, SLOTS, Forms, Task, Train
from benchmarks.sparse.problem import HIDDEN

LIBRARIES = ("jax",)

SIDE_BY_SIDE = ("adagrad", "lazy_adam")
"""Optimizers whose slots lie beside the weights of the same column, so that one scatter adds to all of them."""


def forms(optimizer: str) -> Forms:
    """Return the scan with one scatter a batch, and for sgd that with one a sample too.

    The rows of adagrad and lazy_adam alone are read and written; momentum and adam step in all weights.
    """
    if optimizer == "sgd":
        return {"scatter of a batch": make, "scatter of each sample": partial(make, by_sample=True)}
    return {"scatter of a batch": make}


def make(task: Task, by_sample: bool = False) -> Train:
    import jax
    import jax.numpy as jnp

    problem, lr = task.problem, LR[task.optimizer]

    def gradients(first, second, c, x, y):
        """Return the loss, and the gradients with respect to the hidden sums and the second matrix."""
        hidden = jax.nn.relu(jnp.einsum("bk,bko->bo", x, rows(first, c)[..., :HIDDEN]))
        z = hidden @ second
        loss = jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]
        delta = (jax.nn.softmax(z) - jax.nn.one_hot(y, z.shape[1])) / len(y)
        return loss.mean(), jnp.where(hidden > 0, delta @ second.T, 0), hidden.T @ delta

    def rows(matrix, c):
        return matrix.at[c].get(mode="promise_in_bounds")

    def outer(x, below):
        return (x[:, :, None] * below[:, None]).reshape(-1, HIDDEN)

    def by_column(c, g, writer):
        """Return the gradients of the columns, each at one of its nonzeros, and at which nonzeros they are."""
        own = jnp.arange(len(c), dtype=jnp.int32)
        writer = writer.at[c].set(own, mode="promise_in_bounds")
        last = rows(writer, c)
        return jnp.zeros_like(g).at[last].add(g, mode="promise_in_bounds"), last == own, writer

    def touched(w, c, x, below, writer, change):
        """Add to the rows of the columns, (weights, slots) side by side, what `change(row, gradient)` returns."""
        c, h, first = c.ravel(), outer(x, below), True
        if task.batch_size > 1:
            h, first, writer = by_column(c, h, writer)
            first = first[:, None]
        added = jnp.where(first, jnp.concatenate(change(jnp.split(rows(w, c), w.shape[1] // HIDDEN, 1), h), 1), 0)
        return w.at[c].add(added, mode="promise_in_bounds"), writer

    def sgd(w, slots, writer, c, x, below, g, t):
        first, second = w
        if by_sample:

            def add(b, first):
                return first.at[c[b]].add(-lr * x[b][:, None] * below[b], mode="promise_in_bounds", unique_indices=True)

            first = jax.lax.fori_loop(0, len(c), add, first)
        else:
            first = first.at[c.ravel()].add(-lr * outer(x, below), mode="promise_in_bounds")
        return (first, second - lr * g), slots, writer

    def momentum(w, slots, writer, c, x, below, g, t):
        ((v, u),) = slots
        v, u = (ALPHA * v).at[c.ravel()].add(lr * outer(x, below), mode="promise_in_bounds"), ALPHA * u + lr * g
        return (w[0] - v, w[1] - u), ((v, u),), writer

    def adagrad(w, slots, writer, c, x, below, g, t):
        def change(row, h):
            return -lr * h * jax.lax.rsqrt(row[1] + h * h + EPS), h * h

        first, writer = touched(w[0], c, x, below, writer, change)
        sums = slots[0] + g * g
        return (first, w[1] - lr * g / jnp.sqrt(sums + EPS)), (sums,), writer

    def adam_step(m, v, t):
        return lr / (1 - 0.9**t) * m / (jnp.sqrt(v) / jnp.sqrt(1 - 0.999**t) + EPS)

    def averaged(m, v, g):
        return 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g

    def adam(w, slots, writer, c, x, below, g, t):
        (m, a), (v, b) = slots
        c, h = c.ravel(), outer(x, below)
        if task.batch_size > 1:
            h, first, writer = by_column(c, h, writer)
            h = jnp.where(first[:, None], h, 0)
        m = (0.9 * m).at[c].add(0.1 * h, mode="promise_in_bounds")
        v = (0.999 * v).at[c].add(0.001 * h * h, mode="promise_in_bounds")
        a, b = averaged(a, b, g)
        return (w[0] - adam_step(m, v, t), w[1] - adam_step(a, b, t)), ((m, a), (v, b)), writer

    def lazy_adam(w, slots, writer, c, x, below, g, t):
        def change(row, h):
            m, v = averaged(row[1], row[2], h)
            return -adam_step(m, v, t), m - row[1], v - row[2]

        first, writer = touched(w[0], c, x, below, writer, change)
        a, b = averaged(*slots, g)
        return (first, w[1] - adam_step(a, b, t)), (a, b), writer

    rule = {"sgd": sgd, "momentum": momentum, "adagrad": adagrad, "adam": adam, "lazy_adam": lazy_adam}[task.optimizer]

    @partial(jax.jit, donate_argnums=0)
    def scan(carry, columns, values, labels, batches):
        def step(carry, batch):
            w, slots, writer, t = carry
            c, x, y = columns[batch], values[batch], labels[batch]
            loss, below, g = gradients(*w, c, x, y)
            w, slots, writer = rule(w, slots, writer, c, x, below, g, t + 1)
            return (w, slots, writer, t + 1), loss

        return jax.lax.scan(step, carry, batches)

    data = jnp.array(problem.columns), jnp.array(problem.values), jnp.array(problem.labels, jnp.int32)
    first, second, slots = jnp.array(problem.first), jnp.array(problem.second), SLOTS[task.optimizer]
    if task.optimizer in SIDE_BY_SIDE:
        first = jnp.concatenate([first, *[jnp.zeros_like(first)] * slots], axis=1)
        state = (jnp.zeros_like(second),) * slots
    else:
        state = ((jnp.zeros_like(first), jnp.zeros_like(second)),) * slots
    finds = task.batch_size > 1 and task.optimizer in ("adagrad", "adam", "lazy_adam")
    writer = jnp.zeros(len(problem.first) if finds else 0, jnp.int32)
    kept = [jax.tree.map(jnp.copy, ((first, second), state, writer, jnp.float32(0)))]  # each has its own memory

    def train(order):
        batches = jnp.asarray(order, jnp.int32).reshape(-1, task.batch_size)
        kept[0], losses = scan(kept[0], *data, batches)
        return float(losses.mean())

    return train
