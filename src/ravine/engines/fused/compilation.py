"""The compiled kernel of a rule: fetched from the cache or compiled, and loaded once in a process."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ravine.arrays import Array
from ravine.engines.fused import cache, llvm
from ravine.engines.fused.plain_numba import plain_numba
from ravine.engines.fused.pointwise import RenderedPointwise
from ravine.engines.fused.render import Rendered
from ravine.errors import ConfigError
from ravine.formulas.given import FUNCTIONS
from ravine.words import duration

SECONDS = {"network": 3, "rows": 2, "rule": 1}
"""How long each part takes to compile, about."""

_PATIENCE = 60
"""Seconds to wait for another process that compiles."""

_FOLDER = Path(__file__).parent
_lock = threading.Lock()
_log = logging.getLogger("ravine")


@dataclass(frozen=True)
class Kernel:
    """The compiled functions; each is called with the words of a frame (`frame.words`), whose arrays must be alive.

    Attributes:
        run: (words, mode) -> how many batches were taken, see `kernel/run.py`.
        settle: (words, t) -> 0.
    """

    run: Callable[[Array, int], int]
    settle: Callable[[Array, int], int]


def seconds_to_compile(rendered: Rendered, dtype: str) -> int:
    """Return about how long the kernel of a rule takes to compile; 0 if it was compiled before."""
    return sum(SECONDS[part] for part in _missing(rendered, dtype))


def _missing(rendered: Rendered, dtype: str) -> set[str]:
    """Return the parts of a kernel that are to be compiled."""
    missing = {"network"} if not cache.holds(_network(dtype)) else set()
    if not cache.holds(_rule(rendered, dtype)):
        missing |= {"rule"} if cache.holds(_rows(dtype)) else {"rule", "rows"}
    return missing


def load(rendered: Rendered, dtype: str) -> Kernel:
    """Return the kernel of a rule for weights of a dtype, float32 or float64.

    If it must be compiled, the logger "ravine" tells so, once.

    Raises:
        ConfigError: the rule cannot be compiled.
    """
    with _lock:  # otherwise two threads could compile the same kernel
        return _loaded(rendered, dtype)


def compile_common(dtype: str, part: str) -> None:
    """Compile a part that all rules share, "network" or "rows", if it is not in the cache."""
    {"network": _fetch_network, "rows": _fetch_rows}[part](dtype)


def compile_rule(rendered: Rendered, dtype: str) -> None:
    """Compile what belongs to a rule, if it is not in the cache."""
    _fetch_rule(rendered, dtype)


@functools.cache
def _loaded(rendered: Rendered, dtype: str) -> Kernel:
    missing = _missing(rendered, dtype)
    if missing:
        seconds = sum(SECONDS[part] for part in missing)
        _log.warning("compiling %s in %s for this processor, once; about %s", rendered.told, dtype, duration(seconds))
    with _compiling_network(dtype, beside=missing >= {"network", "rule"}):
        rule = _fetch_rule(rendered, dtype)
    parts = llvm.Loaded([_fetch_network(dtype), rule])
    run = parts.function("ravine.run", ctypes.c_void_p, ctypes.c_int64)
    settle = parts.function("ravine.settle", ctypes.c_void_p, ctypes.c_int64)
    return Kernel(
        lambda words, mode: run(words.ctypes.data, mode),
        lambda words, t: settle(words.ctypes.data, t),
    )


def address_of(rendered: RenderedPointwise, dtype: str) -> int:
    """Return where the machine code of an activation begins, for numbers of a dtype, float32 or float64.

    Raises:
        ConfigError: it cannot be compiled.
    """
    with _lock:
        return _address_of(rendered, dtype)[1]


@functools.cache
def _address_of(rendered: RenderedPointwise, dtype: str) -> tuple[llvm.Loaded, int]:
    """Return the loaded code, which must stay in memory, and where the function begins."""

    @plain_numba()
    def make() -> bytes:
        from ravine.engines.fused import build

        with _telling_faults(rendered.label):
            return build.pointwise_code(rendered, dtype)

    key = f"{rendered.label.replace(' ', '-')[:40]}-{dtype}-{rendered.digest}-{_machine_and_text()}"
    loaded = llvm.Loaded([cache.fetch(key, make)])
    return loaded, loaded.address(f"ravine.{rendered.entry}")


@contextmanager
def _compiling_network(dtype: str, beside: bool) -> Iterator[None]:
    """Let another process compile the network into the cache meanwhile, since Numba works on one core of a process.

    If that process fails, this one compiles the network afterwards.
    """
    interpreter = sys.executable if not getattr(sys, "frozen", False) else None
    if not (beside and interpreter and cache.why_not_kept() is None and (os.cpu_count() or 1) > 1):
        yield
        return
    code = (
        f"from ravine.engines.fused import cache, compilation; cache.keep_in({cache.kept_in()!r}); "
        f"compilation.compile_common({dtype!r}, 'network')"
    )
    nowhere = subprocess.DEVNULL
    # Without -P files of the current folder could take the place of modules.
    process = subprocess.Popen([interpreter, "-P", "-c", code], stdin=nowhere, stdout=nowhere, stderr=nowhere)
    try:
        yield
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
    finally:
        process.terminate()
        process.wait()


# The compiler is imported when it is needed: code from the cache runs without it.


def _fetch_network(dtype: str) -> bytes:
    @plain_numba()
    def make() -> bytes:
        from ravine.engines.fused import build

        return build.network_code(dtype)

    return cache.fetch(_network(dtype), make)


def _fetch_rows(dtype: str) -> bytes:
    @plain_numba()
    def make() -> bytes:
        from ravine.engines.fused import build

        return build.rows_text(dtype).encode()

    return cache.fetch(_rows(dtype), make)


def _fetch_rule(rendered: Rendered, dtype: str) -> bytes:
    @plain_numba()
    def make() -> bytes:
        from ravine.engines.fused import build

        with _telling_faults(f"rule {rendered.name}"):
            return build.rule_code(rendered, _fetch_rows(dtype).decode(), dtype)

    return cache.fetch(_rule(rendered, dtype), make)


@contextmanager
def _telling_faults(what: str) -> Iterator[None]:
    """Raise a `ConfigError` if the compiler refuses a formula."""
    from numba.core.errors import NumbaError

    try:
        yield
    except NumbaError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        fault = next((line for line in lines if not line.startswith("Failed in")), lines[0])
        raise ConfigError(f"{what} cannot be compiled: {fault} The reference engine runs it.") from error


def _network(dtype: str) -> str:
    return f"network-{dtype}-{_machine_and_text()}"


def _rows(dtype: str) -> str:
    return f"rows-{dtype}-{_machine_and_text()}"


def _rule(rendered: Rendered, dtype: str) -> str:
    return f"{rendered.name[:40]}-{dtype}-{rendered.digest}-{_machine_and_text()}"


@functools.cache
def _machine_and_text() -> str:
    """Return the hash of all that decides the machine code beside the rule: texts, compiler and processor."""
    parts: list[Any] = [version("numba"), version("llvmlite"), llvm.processor(), sorted(FUNCTIONS)]
    digest = hashlib.sha256(repr(parts).encode())
    for text in sorted(_FOLDER.rglob("*.py")):
        digest.update(text.read_bytes())
    return digest.hexdigest()[:24]
