"""The shelves, and where ravine's own things lie."""

from __future__ import annotations

from ravine.formulas.activation import Activation
from ravine.formulas.shelf import Shelf

ACTIVATIONS = Shelf("activation", "ravine.activations", Activation, "Activation(..)")
"""Activation functions by name."""
