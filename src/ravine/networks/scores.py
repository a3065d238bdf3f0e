"""How good predictions are: accuracy for classes and flags, R^2 and the mean absolute error for numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ravine.arrays import Array
from ravine.networks.network import Network
from ravine.networks.outputs import are_classes, predicted_classes, target_rows


@dataclass(frozen=True)
class Scores:
    """The scores of predictions; None where one has no meaning.

    Attributes:
        accuracy: the share of samples whose class is predicted, or of flags that are predicted.
        r2: R^2 = 1 - sum (y - p)^2 / sum (y - mean y)^2 of predictions p, the mean over the outputs. An output whose
            targets are all equal is left out.
        mean_absolute_error: the mean of |y - p|.
    """

    accuracy: float | None = None
    r2: float | None = None
    mean_absolute_error: float | None = None


def scores_of(network: Network, z: Array, targets: Array) -> Scores:
    """Return the scores of outputs z, (b, o); targets are classes, (b,), or numbers, (b, o).

    >>> scores_of(Network((2, 1), loss="squared-error"), np.array([[1.0], [4.0]]), np.array([[1.0], [3.0]]))
    Scores(accuracy=None, r2=0.5, mean_absolute_error=0.5)
    """
    if are_classes(targets):
        return Scores(accuracy=float((predicted_classes(network, z) == targets).mean()))
    y = target_rows(targets, z.shape[-1], np.dtype(float))
    p = network.objective.predicted(z.astype(float))
    if network.objective.decides and np.isin(y, (0, 1)).all():
        return Scores(accuracy=float(((p > 0.5) == (y > 0.5)).mean()))
    with np.errstate(all="ignore"):
        missed, spread = np.square(y - p).sum(axis=0), np.square(y - y.mean(axis=0)).sum(axis=0)
        differs = (y != y[0]).any(axis=0) & (spread > 0)  # the mean of equal numbers may be rounded
        shares = 1 - missed[differs] / spread[differs]
        r2 = float(shares.mean()) if len(shares) else None
        return Scores(r2=r2, mean_absolute_error=float(np.abs(y - p).mean()))
