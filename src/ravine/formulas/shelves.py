"""The shelves, and where ravine's own things lie."""

from __future__ import annotations

from ravine.formulas.activation import Activation
from ravine.formulas.loss import Loss
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.schedule import Schedule
from ravine.formulas.shelf import Shelf
from ravine.formulas.stage import Stage
from ravine.formulas.surface import Surface

ACTIVATIONS = Shelf("activation", "ravine.activations", Activation, "@ravine.activation")
"""Activation functions by name."""

LOSSES = Shelf("loss", "ravine.losses", Loss, "@ravine.loss")
"""Losses by name."""

OPTIMIZERS: Shelf[Optimizer] = Shelf("optimizer", "ravine.optimizers", Optimizer, "@ravine.rule or @ravine.matrix_rule")  # type: ignore[type-abstract]
"""Optimizers by name."""

STAGES = Shelf("stage", "ravine.stages", Stage, "@ravine.stage")
"""Stages by name."""

SCHEDULES = Shelf("schedule", "ravine.schedules", Schedule, "@ravine.schedule")
"""Schedules of the learning rate by name."""

SURFACES = Shelf("surface", "ravine.surfaces", Surface, "@ravine.surface")
"""Surfaces of two weights by name."""
