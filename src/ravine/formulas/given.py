"""The given values that a formula may ask for by name, and the functions that it may call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Given:
    """One name that a formula may ask for.

    Attributes:
        words: its meaning.
        varies: whether it may differ from weight to weight, so that no plain `if` may depend on it.
        compiled: whether the fused engine's kernel has it; if not, NumPy takes the steps of a formula that asks for it.
    """

    words: str
    varies: bool
    compiled: bool = True


GIVEN = {
    "w": Given("the weight", varies=True),
    "t": Given("the number of the step, from 1", varies=False),
    "norm": Given("the Euclidean norm of the whole gradient", varies=False),
    "layer_norm": Given("the Euclidean norm of the gradient of the weight's layer", varies=True),
    "weight_norm": Given("the Euclidean norm of the weights of the weight's layer", varies=True, compiled=False),
    "step_norm": Given("the Euclidean norm of the step of the weight's layer", varies=True, compiled=False),
    "noise": Given("a standard normal number, made of the run's seed, the step and the place", varies=True),
}
"""The given values by name. `step_norm` is for stages of the step: the norm of the step that the stage gets."""

OF_STAGES = ("step_norm",)
"""The names that only a stage may ask for."""

TAKEN = ("np", "float", "abs", "min", "max")
"""Names that the text of a kernel needs itself."""

TAKEN_BESIDE = ("erf", "range")
"""Names that the text of an activation or a loss needs beside these."""

FUNCTIONS = (
    "absolute", "arcsinh", "arctan", "arctan2", "cbrt", "ceil", "copysign", "cos", "cosh", "exp", "exp2", "expm1",
    "fabs", "floor", "fmax", "fmin", "hypot", "isfinite", "isnan", "log", "log10", "log1p", "log2", "logaddexp",
    "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "negative", "power", "reciprocal",
    "rint", "sign", "sin", "sinh", "sqrt", "square", "tanh", "trunc",
)  # fmt: skip
"""Functions of NumPy that a rule may call, apart from `where` and `clip`."""
