"""Can the dtype of a run represent its hyper-parameters?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ravine.errors import ConfigError
from ravine.formulas.declaration import Declaration
from ravine.formulas.intervals import contains


def check_precision(declared: Declaration, values: Mapping[str, float], dtype: str) -> None:
    """Check that hyper-parameters are still valid after rounding to the dtype in which an optimizer computes.

    A hyper-parameter that rounds to 0, such as a small eps, would no longer guard a division. One that rounds to
    infinity, or out of its bounds, is not allowed either. Subnormal numbers have fewer digits, but both engines compute
    with them, so they pass.

    Raises:
        ConfigError: one of them becomes 0 or infinite, or leaves its bounds.
    """
    kind = np.dtype(dtype).type
    info = np.finfo(kind)
    for name, value in values.items():
        with np.errstate(over="ignore", under="ignore"):
            there = float(kind(value))
        told = f"{name} of {declared.name} is {value:g}, which is"
        wider = "" if np.dtype(dtype).itemsize > 4 else ", or train in float64"
        if value != 0 and there == 0:
            raise ConfigError(
                f"{told} 0 in {dtype}, whose smallest number is {float(info.smallest_subnormal):.2g}: give a larger "
                f"{name}{wider}."
            )
        if np.isinf(kind(there)):
            raise ConfigError(
                f"{told} infinite in {dtype}, whose largest number is {float(info.max):.2g}: give a smaller {name}"
                f"{wider}."
            )
        interval = declared.bounds.get(name, "(-inf, inf)")
        if not contains(interval, there):
            raise ConfigError(
                f"{name} of {declared.name} is {value!r}, which is {there:g} in {dtype} and must be in {interval}: "
                f"give another {name}{wider}."
            )
