"""A running mean of the weights."""

from __future__ import annotations

from typing import Any

from ravine.formulas.stage import stage


def _averaged(w: Any, a: Any, t: Any, *, weight_average: Any) -> Any:
    return w if t == 0 else a / (1 - weight_average**t)


@stage(order=80, bounds={"weight_average": "[0, 1)"}, evaluated=_averaged)
def weight_average(step: Any, a: Any, w: Any, *, weight_average: Any) -> Any:
    """Evaluate and store a running mean of the weights, corrected for its start at zero, and train as before.

        a_t = b a_(t-1) + (1 - b) w_t
        evaluated: a_t / (1 - b^t)

    where b is weight_average. Source: Polyak and Juditsky, 1992, with an exponential window.
    """
    return step, weight_average * a + (1 - weight_average) * (w - step)
