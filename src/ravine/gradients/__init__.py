"""Is the gradient right? Finite differences, the complex step, and as many digits as one likes.

`functions` checks the gradient of a function of the user's, `networks` that of a network. Both give the answers that
`answers` defines, and measure the errors that `errors` defines.
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
