"""JAX: one jitted `lax.scan` over all batches, with the optimizers written out."""

from __future__ import annotations

from benchmarks.peers import ALPHA, LR, Task, Train

LIBRARIES = ("jax",)
OPTIMIZERS = ("sgd", "momentum", "adagrad", "adam")


def make(task: Task) -> Train:
    """Return the scan over updates that are written out."""
    import jax.numpy as jnp

    def zeros(w):
        return [jnp.zeros_like(p) for p in w]

    def sgd(g, s, t):
        return [LR * x for x in g], s

    def momentum(g, s, t):
        s = [ALPHA * v + LR * x for v, x in zip(s, g, strict=True)]
        return s, s

    def adagrad(g, s, t):
        s = [v + x * x for v, x in zip(s, g, strict=True)]
        return [LR * x / jnp.sqrt(v + 1e-8) for v, x in zip(s, g, strict=True)], s

    def adam(g, s, t):
        first = [0.9 * a + 0.1 * x for a, x in zip(s[0], g, strict=True)]
        second = [0.999 * b + 0.001 * x * x for b, x in zip(s[1], g, strict=True)]
        rate, root = LR / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        return [rate * a / (jnp.sqrt(b) / root + 1e-8) for a, b in zip(first, second, strict=True)], (first, second)

    rules = {
        "sgd": (lambda w: (), sgd),
        "momentum": (zeros, momentum),
        "adagrad": (zeros, adagrad),
        "adam": (lambda w: (zeros(w), zeros(w)), adam),
    }
    begin, rule = rules[task.optimizer]

    def update(g, state, t, w):
        steps, state = rule(g, state, t)
        return [p - step for p, step in zip(w, steps, strict=True)], state

    return scanned(task, begin, update)


def scanned(task: Task, begin, update) -> Train:
    """Return a training that scans over batches; `update` takes gradients, state, step and weights."""
    import jax
    import jax.numpy as jnp

    images, labels = jnp.asarray(task.inputs), jnp.asarray(task.labels, jnp.int32)

    def loss_of(w, x, y):
        for p in w[:-1]:
            x = jax.nn.relu(x @ p)
        z = x @ w[-1]
        return (jax.nn.logsumexp(z, axis=1) - jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]).mean()

    @jax.jit
    def scan(w, state, t, images, labels, batches):
        def step(carry, batch):
            w, state, t = carry
            loss, g = jax.value_and_grad(loss_of)(w, images[batch], labels[batch])
            w, state = update(g, state, t + 1, w)
            return (w, state, t + 1), loss

        return jax.lax.scan(step, (w, state, t), batches)

    weights = [jnp.asarray(matrix) for matrix in task.matrices]
    kept = [(weights, begin(weights), jnp.float32(0))]

    def train(order):
        batches = jnp.asarray(order, jnp.int32).reshape(-1, task.batch_size)
        kept[0], losses = scan(*kept[0], images, labels, batches)
        return float(losses.mean())

    return train
