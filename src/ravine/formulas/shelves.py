"""The shelves, and where ravine's own things lie."""

from __future__ import annotations

from ravine.formulas.activation import Activation
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelf import Shelf
from ravine.formulas.stage import Stage

ACTIVATIONS = Shelf("activation", "ravine.activations", Activation, "Activation(..)")
"""Activation functions by name."""

OPTIMIZERS: Shelf[Optimizer] = Shelf("optimizer", "ravine.optimizers", Optimizer, "@ravine.rule or @ravine.matrix_rule")  # type: ignore[type-abstract]
"""Optimizers by name."""

STAGES = Shelf("stage", "ravine.stages", Stage, "@ravine.stage")
"""Stages by name."""
