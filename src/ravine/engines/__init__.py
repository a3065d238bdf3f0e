"""Engines: what takes the steps. `reference` defines what is right, `fused` is fast."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.engines.engine import NO_FACTORS, Engine, Evaluation, Factors, Taken
from ravine.nn import Network
from ravine.rules import AnyRule
from ravine.rules.whole import element_wise


def make_engine(
    name: str,
    network: Network,
    rule: AnyRule,
    weights: np.ndarray[Any, Any],
    dtype: str,
    batch_size: int,
    factors: Factors = NO_FACTORS,
) -> Engine:
    """Return the engine `name`, a key of `ravine.spec.ENGINES`, that trains `network` from `weights`, (n,).

    Batches have `batch_size` samples or fewer. `factors` are for rules that step layer by layer.
    """
    if name == "reference":
        from ravine.engines.reference import ReferenceEngine

        return ReferenceEngine(network, rule, weights, dtype, batch_size, factors)
    from ravine.engines.fused.engine import FusedEngine  # imports Numba only when it is needed

    rule = element_wise(rule, "the fused engine", "use the reference engine")
    return FusedEngine(network, rule, weights, dtype, batch_size, factors)


__all__ = ["Engine", "Evaluation", "Taken", "make_engine"]
