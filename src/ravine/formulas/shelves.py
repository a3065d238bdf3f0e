"""The shelves, and where ravine's own things lie."""

from __future__ import annotations

from ravine.formulas.activation import Activation
from ravine.formulas.schedule import Schedule
from ravine.formulas.shelf import Shelf
from ravine.formulas.surface import Surface

ACTIVATIONS = Shelf("activation", "ravine.activations", Activation, "Activation(..)")
"""Activation functions by name."""

SCHEDULES = Shelf("schedule", "ravine.schedules", Schedule, "@ravine.schedule")
"""Schedules of the learning rate by name."""

SURFACES = Shelf("surface", "ravine.surfaces", Surface, "@ravine.surface")
"""Surfaces of two weights by name."""
