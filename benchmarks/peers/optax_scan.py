"""JAX: the same scan with optax's optimizers."""

from __future__ import annotations

from benchmarks.peers import ALPHA, LR, Task, Train
from benchmarks.peers.jax_scan import scanned

LIBRARIES = ("jax", "optax")
OPTIMIZERS = ("sgd", "momentum", "adagrad", "adam")


def make(task: Task) -> Train:
    """Return the scan over optax's updates."""
    import optax

    optimizer = {
        "sgd": lambda: optax.sgd(LR),
        "momentum": lambda: optax.sgd(LR, momentum=ALPHA),
        "adagrad": lambda: optax.adagrad(LR, initial_accumulator_value=0.0, eps=1e-8),
        "adam": lambda: optax.adam(LR),
    }[task.optimizer]()

    def update(g, state, t, w):
        steps, state = optimizer.update(g, state, w)
        return optax.apply_updates(w, steps), state

    return scanned(task, optimizer.init, update)
