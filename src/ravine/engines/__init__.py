"""Engines: what takes the steps. `reference` defines what is right, `fused` is fast."""

from __future__ import annotations

from ravine.arrays import Array
from ravine.engines.engine import NO_FACTORS, Engine, Evaluation, Factors, Taken
from ravine.errors import ConfigError, unknown
from ravine.networks import Network
from ravine.optimizers import AnyRule, WholeRule

NAMES = ("fused", "reference")


def make_engine(
    name: str,
    network: Network,
    rule: AnyRule,
    weights: Array,
    dtype: str,
    batch_size: int,
    factors: Factors = NO_FACTORS,
    seed: int = 0,
) -> Engine:
    """Return the engine `name` that trains `network` from `weights`, (n,).

    Batches have `batch_size` samples or fewer. `factors` are for rules that step layer by layer. `seed` makes the
    random numbers of rules that ask for noise. A rule of whole matrices takes its steps in NumPy; the engine then
    computes the gradients.

    Raises:
        ConfigError: there is no engine of this name.
    """
    # What computes is imported where it is needed.
    if name == "reference":
        from ravine.engines.reference import NumpyGradients, ReferenceEngine
        from ravine.engines.whole import WholeEngine

        if isinstance(rule, WholeRule):
            return WholeEngine(network, rule, weights, dtype, batch_size, factors, NumpyGradients(network), seed)
        return ReferenceEngine(network, rule, weights, dtype, batch_size, factors, seed)
    if name == "fused":
        from ravine.engines.fused.engine import FusedEngine
        from ravine.engines.fused.gradients import KernelGradients
        from ravine.engines.whole import WholeEngine

        if isinstance(rule, WholeRule):
            gradients = KernelGradients(network, dtype, batch_size)
            return WholeEngine(network, rule, weights, dtype, batch_size, factors, gradients, seed)
        return FusedEngine(network, rule, weights, dtype, batch_size, factors, seed)
    raise ConfigError(unknown("engine", name, NAMES))


__all__ = ["Engine", "Evaluation", "Taken", "make_engine"]
