"""The numbers of a comparison that depend on others."""

from __future__ import annotations

from typing import Any

from ravine.comparison.plan import Protocol
from ravine.inputs import convert, plain

DEFAULT_PROBLEM = "mnist-mlp"

LOOKS = 5
"""The looks of a comparison that goes on until it is decided."""

MARGINS = {"accuracy": 0.002, "loss": 0.01}
"""The difference that matters, by objective."""


def protocol_of(**numbers: Any) -> Protocol:
    """Return a protocol with the given numbers; without a margin it has that of the objective.

    >>> protocol_of(trials=32).margin, protocol_of(objective="loss").margin
    (0.002, 0.01)
    """
    given = {name: plain(value) for name, value in numbers.items()}
    objective = given.get("objective", "accuracy")
    if given.get("margin") is None and isinstance(objective, str) and objective in MARGINS:
        given["margin"] = MARGINS[objective]
    made: Protocol = convert(given, Protocol)
    return made
