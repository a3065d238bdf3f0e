"""Is the gradient right? Finite differences, the complex step, and as many digits as one likes."""

from ravine.gradients.callables import GradientCheck, check_gradient
from ravine.gradients.check import GradientReport, check_network
from ravine.gradients.methods import METHODS, PAPER_STEP, derivatives
from ravine.gradients.perturb import Point

__all__ = [
    "METHODS",
    "PAPER_STEP",
    "GradientCheck",
    "GradientReport",
    "Point",
    "check_gradient",
    "check_network",
    "derivatives",
]
