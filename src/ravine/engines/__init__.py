"""Engines take the steps of a run: `reference` defines what is right, `fused` is fast."""

from __future__ import annotations

from ravine.arrays import Array
from ravine.engines.engine import NO_FACTORS, Engine, Evaluation, Factors, Taken
from ravine.errors import ConfigError, unknown
from ravine.formulas.optimizer import Optimizer
from ravine.networks import Network

NAMES = ("fused", "reference")


def make_engine(
    name: str,
    network: Network,
    optimizer: Optimizer,
    weights: Array,
    dtype: str,
    batch_size: int,
    factors: Factors = NO_FACTORS,
    seed: int = 0,
) -> Engine:
    """Return the engine `name` that trains `network` from `weights`, (n,).

    Batches have `batch_size` samples or fewer. `factors` are for optimizers that step layer by layer. `seed` makes the
    random numbers of optimizers that ask for noise. The fused engine compiles the steps of an optimizer that is one
    formula. For any other optimizer NumPy takes the steps, and the engine computes only the gradients.

    Raises:
        ConfigError: there is no engine of this name.
    """
    # Each engine is imported when it is needed, since the import takes time.
    from ravine.engines.stepping import SteppingEngine

    if name == "reference":
        from ravine.engines.reference import NumpyGradients

        return SteppingEngine(network, optimizer, weights, dtype, batch_size, factors, NumpyGradients(network), seed)
    if name != "fused":
        raise ConfigError(unknown("engine", name, NAMES))
    if optimizer.formula is None or not optimizer.formula.compiles:
        from ravine.engines.fused.gradients import KernelGradients

        gradients = KernelGradients(network, dtype, batch_size)
        return SteppingEngine(network, optimizer, weights, dtype, batch_size, factors, gradients, seed)
    from ravine.engines.fused.engine import FusedEngine

    return FusedEngine(network, optimizer, weights, dtype, batch_size, factors, seed)


__all__ = ["Engine", "Evaluation", "Taken", "make_engine"]
