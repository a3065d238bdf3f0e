"""One step of a formula on numbers or arrays, without noise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ravine.formulas.optimizer import Optimizer


def step(optimizer: Optimizer, g: Any, w: Any, t: int, slots: dict[str, Any], hyper: dict[str, float]) -> tuple:
    """Return what to subtract from w, and the slots afterwards."""
    norm = float(np.linalg.norm(g))
    known = {"g": g, "w": w, "t": float(t), "norm": norm, "layer_norm": norm, "noise": np.zeros_like(g), **slots}
    return optimizer.formula.taker()(known, hyper)
