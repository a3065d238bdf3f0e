"""The network: layout of the weights, initializers, forward pass, loss and analytic gradient."""

from ravine.networks.backprop import Trace, forward, gradient, losses
from ravine.networks.initializers import INITIALIZERS, initial_weights
from ravine.networks.layout import Layout
from ravine.networks.network import Network
from ravine.networks.outputs import (
    are_classes,
    output_deltas,
    output_losses,
    predicted_classes,
    target_rows,
    weighted,
)
from ravine.networks.scores import Scores, scores_of

__all__ = [
    "INITIALIZERS",
    "Layout",
    "Network",
    "Scores",
    "Trace",
    "are_classes",
    "forward",
    "gradient",
    "initial_weights",
    "losses",
    "output_deltas",
    "output_losses",
    "predicted_classes",
    "scores_of",
    "target_rows",
    "weighted",
]
