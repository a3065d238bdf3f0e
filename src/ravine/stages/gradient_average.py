"""A running mean of the gradients."""

from __future__ import annotations

from typing import Any

from ravine.formulas.stage import stage


@stage(order=30, bounds={"gradient_average": "[0, 1)"})
def gradient_average(g: Any, a: Any, t: Any, *, gradient_average: Any) -> Any:
    """Give the optimizer a running mean of the gradients, corrected for its start at zero.

        a_t = b a_(t-1) + (1 - b) g
        g   = a_t / (1 - b^t)

    where b is gradient_average.
    """
    a = gradient_average * a + (1 - gradient_average) * g
    return 1 / (1 - gradient_average**t) * a, a
