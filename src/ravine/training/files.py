"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ravine.errors import StorageError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a restart after a crash, finds the old content or the new, never a part.

    Raises:
        StorageError: the disk is full or the folder cannot be written; the old file, if any, still stands.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}. What was stored before still stands; free some space or "
            "choose another folder with --out."
        ) from error
