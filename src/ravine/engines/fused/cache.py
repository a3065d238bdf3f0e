"""Machine code on disk, shared by all processes of a user.

Each file begins with the SHA-256 of its name and of the rest. Otherwise code that is damaged, or that belongs to
another kernel, would not raise an error: it would run.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import logging
import shutil
import tempfile
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import platformdirs
from filelock import FileLock

_log = logging.getLogger("ravine")


def holds(name: str) -> bool:
    """Tell whether the cache has a file of this name that is whole."""
    return _read(_wanted() / name) is not None or _read(_root() / name) is not None


def fetch(name: str, make: Callable[[], bytes]) -> bytes:
    """Return the content of a file, made now if it is not there or damaged; one process makes it, others wait."""
    content = _read(_wanted() / name)  # a cache that can only be read may have the code too
    if content is None:
        path = _root() / name
        with FileLock(path.with_name(f"{name}.lock")):
            content = _read(path)
            if content is None:
                if path.exists():
                    _log.warning("the compiled code in %s is damaged; compiling it anew", path)
                content = make()
                _write(path, content)
    return content


def why_not_kept() -> str | None:
    """Return why compiled code cannot be kept where other processes find it; None if it can."""
    return _fault(Path(_chosen) if _chosen else _wanted())


def _read(path: Path) -> bytes | None:
    """Return the content of a file, None if it is not there, not to be read, or damaged."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, content = data[:32], data[32:]
    return content if digest == _digest(path, content) else None


def _digest(path: Path, content: bytes) -> bytes:
    return hashlib.sha256(path.name.encode() + b"\0" + content).digest()


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all; a full disk costs a warning."""
    scratch = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        scratch.write_bytes(_digest(path, content) + content)  # as readable for others as any file of the user's
        scratch.replace(path)
    except OSError as error:
        _log.warning("cannot keep compiled code in %s (%s)", path, error.strerror or error)
    finally:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)


_chosen: str | None = None


def keep_in(folder: str | None) -> None:
    """Let this process write what it compiles into a folder, such as one that its machine has for itself.

    What the user's cache has already is still read from there. None is the user's cache.
    """
    global _chosen
    _chosen = folder


def kept_in() -> str | None:
    """Return the folder that `keep_in` was given."""
    return _chosen


def _wanted() -> Path:
    return platformdirs.user_cache_path("ravine") / "kernels"


def _root() -> Path:
    wanted = Path(_chosen) if _chosen else _wanted()
    return wanted if _fault(wanted) is None else _temporary(wanted)


@functools.cache
def _fault(folder: Path) -> str | None:
    """Return why nothing can be written to a folder, such as one in a read-only home; None if it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        return f"cannot write compiled kernels to {folder} ({error.strerror or error})"
    return None


@functools.cache
def _temporary(wanted: Path) -> Path:
    """Return a folder that lasts as long as this process, in place of one that cannot be written."""
    _log.warning("%s; they are compiled for this process alone", _fault(wanted))
    scratch = tempfile.mkdtemp(prefix="ravine-kernels-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    return Path(scratch)
