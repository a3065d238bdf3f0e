"""Does a run's dtype have the hyper-parameters that it is given?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ravine.errors import ConfigError
from ravine.formulas.intervals import contains
from ravine.formulas.matrix import AnyRule


def check_precision(rule: AnyRule, values: Mapping[str, float], dtype: str) -> None:
    """Check that hyper-parameters stay what they are in the dtype in which a rule computes.

    Formulas meet them as numbers of that dtype. One that becomes 0 there guards no division, and one that becomes
    infinite, or that rounding moves out of its bounds, was never allowed. Numbers below the smallest normal one have
    fewer digits, which harms nothing: both engines compute with them, so they pass.

    Raises:
        ConfigError: one of them does not stay.
    """
    kind = np.dtype(dtype).type
    info = np.finfo(kind)
    for name, value in values.items():
        with np.errstate(over="ignore", under="ignore"):
            there = float(kind(value))
        told = f"{name} of {rule.name} is {value:g}, which is"
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
        interval = rule.bounds.get(name, "(-inf, inf)")
        if not contains(interval, there):
            raise ConfigError(
                f"{name} of {rule.name} is {value!r}, which is {there:g} in {dtype} and must be in {interval}: give "
                f"another {name}{wider}."
            )
