"""Ravine's optimizers by kind, for tests that walk them all."""

from __future__ import annotations

from ravine.formulas.shelves import OPTIMIZERS

ELEMENTWISE = {name: optimizer for name, optimizer in OPTIMIZERS.items() if optimizer.formula is not None}
"""Those that are one formula."""

MATRIX = {name: optimizer for name, optimizer in OPTIMIZERS.items() if optimizer.formula is None}
"""Those that need whole matrices."""
