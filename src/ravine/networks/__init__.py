"""The network: layout of the weights, initializers, forward pass, loss and analytic gradient."""

from ravine.networks.backprop import Trace, forward, gradient, losses
from ravine.networks.initializers import INITIALIZERS, initial_weights
from ravine.networks.layout import Layout
from ravine.networks.network import Network

__all__ = [
    "INITIALIZERS",
    "Layout",
    "Network",
    "Trace",
    "forward",
    "gradient",
    "initial_weights",
    "losses",
]
