"""The names of the numerical methods, which checks of functions and of networks share."""

from __future__ import annotations

from ravine.errors import ConfigError, UsageError, unknown

METHODS = ("forward", "backward", "central", "complex")
"""forward: (f(x+h) - f(x)) / h. backward: (f(x) - f(x-h)) / h. central: (f(x+h) - f(x-h)) / 2h. complex:
Im f(x + ih) / h (Squire and Trapp 1998), which subtracts nothing and so has no round-off to amplify."""


def require_methods(methods: tuple[str, ...]) -> None:
    """Refuse a name that is not a method, and a check by no method, which every gradient would pass."""
    if not methods:
        raise ConfigError(f"no method is given; name at least one of {', '.join(METHODS)}.")
    for method in methods:
        if method not in METHODS:
            raise UsageError(unknown("method", method, METHODS))
