"""Machine code on disk, shared by all processes of a user: a file each, which begins with the SHA-256 of the rest."""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import platformdirs
from filelock import FileLock


def holds(name: str) -> bool:
    """Tell whether something was made before; whether it is still whole is for `fetch` to see."""
    return (_wanted() / name).exists() or (_root() / name).exists()


def fetch(name: str, make: Callable[[], bytes]) -> bytes:
    """Return the content of a file, made now if it is not there or damaged.

    One process makes it, others wait for it. The hash is checked because machine code that was damaged on disk would
    not raise an error, it would run.
    """
    content = _read(_wanted() / name)  # a cache that can only be read may be full of good code
    if content is None:
        path = _root() / name
        with FileLock(path.with_name(f"{name}.lock")):
            content = _read(path, warn=True)
            if content is None:
                content = make()
                _write(path, content)
    return content


def is_shared() -> bool:
    """Tell whether other processes find what is put here."""
    return _root() == _wanted()


def _read(path: Path, warn: bool = False) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None  # not there, or not to be read
    digest, content = data[:32], data[32:]
    if hashlib.sha256(content).digest() == digest:
        return content
    if warn:
        message = f"the compiled code in {path} is damaged; compiling it anew."
        warnings.warn(message, RuntimeWarning, stacklevel=4)
    return None


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all; a full disk costs a warning."""
    scratch = None
    try:
        handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        Path(scratch).replace(path)
    except OSError as error:
        _clear(scratch)
        fault = error.strerror or error
        warnings.warn(f"cannot keep compiled code in {path} ({fault}).", RuntimeWarning, stacklevel=3)
    except BaseException:
        _clear(scratch)
        raise


def _clear(scratch: str | None) -> None:
    if scratch is not None:
        Path(scratch).unlink(missing_ok=True)


def _wanted() -> Path:
    return platformdirs.user_cache_path("ravine") / "kernels"


def _root() -> Path:
    return _writable(_wanted())


@functools.cache
def _writable(root: Path) -> Path:
    """Return the folder, or a temporary one if nothing can be written there, as on a read-only home."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        fault = error.strerror or error
        warnings.warn(
            f"cannot write compiled kernels to {root} ({fault}); they are compiled for this process alone.",
            RuntimeWarning,
            stacklevel=2,
        )
        scratch = tempfile.mkdtemp(prefix="ravine-kernels-")
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        return Path(scratch)
    return root
