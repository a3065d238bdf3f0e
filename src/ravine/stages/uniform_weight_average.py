"""The mean of the weights from some step on."""

from __future__ import annotations

from typing import Any

from ravine.formulas.stage import stage


def _mean(w: Any, a: Any, t: Any, *, uniform_weight_average: Any) -> Any:
    return w if t < uniform_weight_average else a


@stage(order=81, bounds={"uniform_weight_average": "[1, inf)", "average_every": "[1, inf)"}, evaluated=_mean)
def uniform_weight_average(
    step: Any, a: Any, w: Any, t: Any, *, uniform_weight_average: int, average_every: int = 1
) -> Any:
    """Evaluate and store the mean of the weights, each with the same share, and train as before.

        at the steps s, s + c, s + 2 c, ..:  a = a + (w - a) / n    for the n-th of them
        evaluated: a from step s on, w before

    where s is uniform_weight_average and c is average_every. With c the steps of an epoch, and a rate that is high and
    constant from step s on, it is stochastic weight averaging (SWA).

    Source: Izmailov et al., 2018, "Averaging weights leads to wider optima and better generalization", algorithm 1, as
    PyTorch's AveragedModel; Polyak and Juditsky, 1992, with c = 1.
    """
    taken = (t - uniform_weight_average) // average_every + 1
    share = 1 / taken if t >= uniform_weight_average and (t - uniform_weight_average) % average_every == 0 else 0.0
    return step, (1 - share) * a + share * (w - step)
