"""The network: layout of the weights, initializers, forward pass, loss and analytic gradient."""

from ravine.nn.activations import ACTIVATIONS, Activation
from ravine.nn.backprop import Trace, forward, gradient, losses
from ravine.nn.initializers import INITIALIZERS, initial_weights
from ravine.nn.layout import Layout
from ravine.nn.network import Network
from ravine.nn.softmax import SOFTMAX_FORMS, cross_entropy, softmax

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "SOFTMAX_FORMS",
    "Activation",
    "Layout",
    "Network",
    "Trace",
    "cross_entropy",
    "forward",
    "gradient",
    "initial_weights",
    "losses",
    "softmax",
]
