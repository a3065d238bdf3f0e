"""The files of a report in a folder, of which the next report there clears away what it does not write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from ravine.storage.files import make_folder, write_whole

_WRITTEN = "files.json"
"""The names of the files that belong to a report, so that the next one in the folder can clear them away."""


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, each whole or not at all, in their order.

    Files of an earlier report in the folder that are not among them are removed.

    Raises:
        StorageError: the folder cannot be written.
    """
    for name in written(folder):
        if name not in files:
            (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        make_folder((folder / name).parent)
        write_whole(folder / name, content)
    write_whole(folder / _WRITTEN, msgspec.json.encode(list(files)))


def written(folder: Path) -> list[str]:
    """Return the names of the files that the last report wrote into the folder, and none outside it."""
    try:
        names = msgspec.json.decode((folder / _WRITTEN).read_bytes(), type=list[str])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [name for name in names if (folder / name).resolve().is_relative_to(folder.resolve())]
