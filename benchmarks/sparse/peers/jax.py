"""JAX: one jitted `lax.scan` that gathers the rows of a batch and scatters their gradient into weights that it owns.

Rules whose step is not linear in the gradient need the sum of a column's gradients over the batch. To find equal
columns without sorting them, each nonzero writes its number to a place for its column, and reads who wrote last.
"""

from __future__ import annotations

from functools import partial

from benchmarks.sparse.peers import ALPHA, EPS, LR, SLOTS, Forms, Task, Train

LIBRARIES = ("jax",)


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
        hidden = jax.nn.relu(jnp.einsum("bk,bko->bo", x, rows(first, c)))
        z = hidden @ second
        loss = jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]
        delta = (jax.nn.softmax(z) - jax.nn.one_hot(y, z.shape[1])) / len(y)
        return loss.mean(), jnp.where(hidden > 0, delta @ second.T, 0), hidden.T @ delta

    def rows(matrix, c):
        return matrix.at[c].get(mode="promise_in_bounds")

    def by_column(c, g, writer):
        """Return the columns, each once, and their gradients; other places get a column that is out of bounds."""
        if task.batch_size == 1:
            return c, g, writer
        own = jnp.arange(len(c), dtype=jnp.int32)
        writer = writer.at[c].set(own, mode="promise_in_bounds")
        last = writer[c]
        return jnp.where(last == own, c, len(writer)), jnp.zeros_like(g).at[last].add(g), writer

    def sgd(w, c, x, below, g, slots, writer, t):
        first, second = w
        if by_sample:

            def add(b, first):
                return first.at[c[b]].add(-lr * x[b][:, None] * below[b], mode="promise_in_bounds", unique_indices=True)

            first = jax.lax.fori_loop(0, len(c), add, first)
        else:
            first = first.at[c.ravel()].add(-lr * outer(x, below), mode="promise_in_bounds")
        return (first, second - lr * g), slots, writer

    def outer(x, below):
        return (x[:, :, None] * below[:, None]).reshape(-1, below.shape[1])

    def momentum(w, c, x, below, g, slots, writer, t):
        v = (ALPHA * slots[0][0]).at[c.ravel()].add(lr * outer(x, below)), ALPHA * slots[0][1] + lr * g
        return (w[0] - v[0], w[1] - v[1]), (v,), writer

    def adagrad(w, c, x, below, g, slots, writer, t):
        c, h, writer = by_column(c.ravel(), outer(x, below), writer)
        sums = slots[0][0].at[c].get(mode="clip") + h * h
        first = w[0].at[c].add(-lr * h / jnp.sqrt(sums + EPS), mode="drop")
        other = slots[0][1] + g * g
        kept = slots[0][0].at[c].set(sums, mode="drop")
        return (first, w[1] - lr * g / jnp.sqrt(other + EPS)), ((kept, other),), writer

    def adam_step(m, v, t):
        return lr / (1 - 0.9**t) * m / (jnp.sqrt(v) / jnp.sqrt(1 - 0.999**t) + EPS)

    def averaged(m, v, g):
        return 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g

    def adam(w, c, x, below, g, slots, writer, t):
        c, h, writer = by_column(c.ravel(), outer(x, below), writer)
        m = (0.9 * slots[0][0]).at[c].add(0.1 * h, mode="drop")
        v = (0.999 * slots[1][0]).at[c].add(0.001 * h * h, mode="drop")
        a, b = averaged(slots[0][1], slots[1][1], g)
        return (w[0] - adam_step(m, v, t), w[1] - adam_step(a, b, t)), ((m, a), (v, b)), writer

    def lazy_adam(w, c, x, below, g, slots, writer, t):
        c, h, writer = by_column(c.ravel(), outer(x, below), writer)
        m, v = averaged(*(slot[0].at[c].get(mode="clip") for slot in slots), h)
        a, b = averaged(slots[0][1], slots[1][1], g)
        first = w[0].at[c].add(-adam_step(m, v, t), mode="drop")
        kept = tuple(slot[0].at[c].set(new, mode="drop") for slot, new in zip(slots, (m, v), strict=True))
        return (first, w[1] - adam_step(a, b, t)), ((kept[0], a), (kept[1], b)), writer

    rule = {"sgd": sgd, "momentum": momentum, "adagrad": adagrad, "adam": adam, "lazy_adam": lazy_adam}[task.optimizer]

    @partial(jax.jit, donate_argnums=0)
    def scan(carry, columns, values, labels, batches):
        def step(carry, batch):
            w, slots, writer, t = carry
            c, x, y = columns[batch], values[batch], labels[batch]
            loss, below, g = gradients(*w, c, x, y)
            w, slots, writer = rule(w, c, x, below, g, slots, writer, t + 1)
            return (w, slots, writer, t + 1), loss

        return jax.lax.scan(step, carry, batches)

    data = jnp.array(problem.columns), jnp.array(problem.values), jnp.array(problem.labels, jnp.int32)
    weights = jnp.array(problem.first), jnp.array(problem.second)
    slots = tuple((jnp.zeros_like(weights[0]), jnp.zeros_like(weights[1])) for _ in range(SLOTS[task.optimizer]))
    finds = task.batch_size > 1 and task.optimizer in ("adagrad", "adam", "lazy_adam")
    writer = jnp.zeros(len(problem.first) if finds else 0, jnp.int32)
    kept = [(weights, slots, writer, jnp.float32(0))]

    def train(order):
        batches = jnp.asarray(order, jnp.int32).reshape(-1, task.batch_size)
        kept[0], losses = scan(kept[0], *data, batches)
        return float(losses.mean())

    return train
