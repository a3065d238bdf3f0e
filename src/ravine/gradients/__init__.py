"""Is the gradient right? Finite differences, the complex step, and as many digits as one likes.

`functions` checks the gradient of anybody's own function, `networks` that of a network. Both give the answers of
`answers` and measure the errors of `errors`.
"""

from ravine.gradients.functions.check import GradientCheck, check_gradient
from ravine.gradients.methods import METHODS
from ravine.gradients.networks.agreement import Agreement, compare_gradients
from ravine.gradients.networks.derivatives import DEFAULT_STEP, derivatives
from ravine.gradients.networks.perturb import NetworkPoint

__all__ = [
    "DEFAULT_STEP",
    "METHODS",
    "Agreement",
    "GradientCheck",
    "NetworkPoint",
    "check_gradient",
    "compare_gradients",
    "derivatives",
]
