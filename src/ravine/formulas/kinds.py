"""The kinds of hyper-parameters: numbers, whole numbers, and flags.

A signature declares them: `steps: int = 5` is a whole number and `nesterov: bool = False` a flag, and so is whatever
has True or False for its default. All others are numbers, `lr=1` too. Formulas compute with numbers: a flag is 1 or 0.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

Kind = Literal["number", "whole number", "flag"]
Value = bool | int | float
"""A hyper-parameter as its user sees it: True or False, a whole number, a number."""


_TRUTHS = {"true": True, "false": False}


def kinds_of(function: Callable[..., Any]) -> dict[str, Kind]:
    """Return the kind of each keyword-only parameter.

    >>> def step(g, *, lr=1, memory: int = 10, nesterov=False): ...
    >>> kinds_of(step)
    {'lr': 'number', 'memory': 'whole number', 'nesterov': 'flag'}
    """
    parameters = inspect.signature(function).parameters.values()
    return {p.name: _kind(p.annotation, p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}


def _kind(annotation: Any, default: Any) -> Kind:
    # Under `from __future__ import annotations` an annotation is text; a quoted one has its quotes in that text.
    name = annotation.strip("'\" ") if isinstance(annotation, str) else annotation
    if name is int or name == "int":
        return "whole number"
    if name is bool or name == "bool" or isinstance(default, (bool, np.bool_)):
        return "flag"
    return "number"


def value_of(text: str) -> Value:
    """Return the value that a text gives, as on the command line: true or false in any case, or a number.

    >>> value_of("False"), value_of("0.5")
    (False, 0.5)

    Raises:
        ValueError: it is neither.
    """
    truth = _TRUTHS.get(text.strip().lower())
    return float(text) if truth is None else truth


def number_of(value: Any, kind: Kind) -> float:
    """Return a value of a kind as the number that formulas compute with; -0.0 becomes 0.0.

    Raises:
        ValueError: it is not of this kind.

    >>> number_of(True, "flag"), number_of(20, "whole number")
    (1.0, 20.0)
    """
    if kind == "flag":
        number = float(value_of(value) if isinstance(value, str) else value)
        fits = number in (0, 1)
    else:
        number = math.nan if isinstance(value, (bool, np.bool_)) else float(value)
        fits = not isinstance(value, (bool, np.bool_)) and (kind == "number" or number.is_integer())
    if not fits:
        raise ValueError
    return number + 0.0  # -0.0 equals 0.0, and must train as it does


def typed(number: float, kind: Kind) -> Value:
    """Return the number of a formula as its user sees it.

    >>> typed(1.0, "flag"), typed(20.0, "whole number"), typed(0.5, "number")
    (True, 20, 0.5)
    """
    return bool(number) if kind == "flag" else int(number) if kind == "whole number" else number


def shown(value: Value) -> str:
    """Return a value as its user reads and writes it.

    >>> shown(True), shown(1_000_000), shown(1e-08)
    ('true', '1000000', '1e-08')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f"{value:g}"


def allowed(kind: Kind, interval: str) -> str:
    """Say which values of a kind and an interval are allowed.

    >>> allowed("whole number", "[1, inf)")
    'a whole number in [1, inf)'
    """
    if kind == "flag":
        return "true or false"
    if kind == "number":
        return f"a finite number in {interval}"
    return "a whole number" if interval == "(-inf, inf)" else f"a whole number in {interval}"


def is_finite(value: object) -> bool:
    """Tell whether a value is a number that a float can hold, and neither True nor False.

    >>> is_finite(1e-6), is_finite(10**400), is_finite(True), is_finite("1")
    (True, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**1023
