"""Numba with its own defaults, so that the machine code in the cache does not depend on the user's settings."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def plain_numba() -> Iterator[None]:
    """Hide the variables NUMBA_* of the environment, of which some change code and others stop Numba.

    If Numba is imported already, its number of threads stays, since it can no longer be changed.
    """
    kept = {"NUMBA_NUM_THREADS"} if "numba.core.config" in sys.modules else set()
    hidden = {name: os.environ[name] for name in os.environ if name.startswith("NUMBA_") and name not in kept}
    for name in hidden:
        del os.environ[name]
    try:
        if hidden:
            _read_environment()
        yield
    finally:
        os.environ.update(hidden)
        if hidden:
            _read_environment()


def _read_environment() -> None:
    """Let Numba read its settings anew, as it does before it compiles; it is silent about those that it cannot read."""
    config = sys.modules.get("numba.core.config")
    if config is not None:
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config.reload_config()
