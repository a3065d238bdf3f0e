"""How the functions of the kernel are compiled: decorators, and the unsigned numbers that they count with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit

from ravine.engines.fused.frame import LANES as _LANES
from ravine.engines.fused.frontend import Frontend

Compiled = TypeVar("Compiled", bound=Callable[..., Any])

u: Callable[[Any], Any] = np.uint64
LANES = u(_LANES)

# Nothing is allocated here, and counting references would take as long as a row.
_bare: dict[str, Any] = {
    "error_model": "numpy",
    "_nrt": False,
    "no_cfunc_wrapper": True,
    "no_cpython_wrapper": True,
    "no_rewrites": True,
    "pipeline_class": Frontend,
}


def plain(function: Compiled) -> Compiled:
    """Compile a function that others call; it is not inlined."""
    return _compiled(function)


def inlined(function: Compiled) -> Compiled:
    """Compile a function into those that call it."""
    return _compiled(function, forceinline=True)


def leaf(function: Compiled) -> Compiled:
    """Compile a loop over a row. Its sums may be taken in any order; NaN and infinity keep their meaning."""
    return _compiled(function, forceinline=True, fastmath={"contract", "reassoc", "nsz"})


def exact(function: Compiled) -> Compiled:
    """Compile a part of a rule: in the order in which it is written, but a product and a sum may share one rounding."""
    return _compiled(function, forceinline=True, fastmath={"contract"})


def _compiled(function: Compiled, **options: Any) -> Compiled:
    compiled: Compiled = njit(**_bare, **options)(function)
    return compiled


@inlined
def choose(condition: Any, one: Any, other: Any) -> Any:
    """Return what np.where would choose, as a number and not as an array."""
    return one if condition else other
