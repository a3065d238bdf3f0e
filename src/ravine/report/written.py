"""The files of a report in a folder, of which the next report there clears away what it does not write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from ravine.errors import StorageError
from ravine.storage.files import make_folder, write_whole
from ravine.storage.places import finished

_WRITTEN = "files.json"
"""The names of the files that belong to a report, so that the next one in the folder can clear them away."""

PAGE = "index.html"


class _List(msgspec.Struct, forbid_unknown_fields=True):
    """The content of this file, under a name that no other program gives it."""

    written_by_ravine: list[str]


def check_free(folder: Path) -> None:
    """Check, before long work, that a report would not take the place of a file of the user's, nor lie among runs.

    Raises:
        StorageError: it would.
    """
    if finished(folder):
        raise StorageError(f"{folder} holds runs, and a report would lie among them: choose another folder for it.")
    if (folder / PAGE).exists() and PAGE not in written(folder):
        raise StorageError(
            f"{folder / PAGE} is there already, and ravine did not write it: move it away, or choose another folder "
            "with --out."
        )


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, each whole or not at all, in their order.

    Files of an earlier report in the folder that are not among them are removed.

    Raises:
        StorageError: the folder cannot be written, or a page that ravine did not write is in it.
    """
    check_free(folder)
    make_folder(folder)
    before = [name for name in written(folder) if name not in files]
    # The list is written first: a page without it, after a crash, would count as the user's.
    write_whole(folder / _WRITTEN, msgspec.json.encode(_List([*files, *before])))
    for name in before:
        (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        make_folder((folder / name).parent)
        write_whole(folder / name, content)


def written(folder: Path) -> list[str]:
    """Return the names of the files that the last report wrote into the folder, and none outside it."""
    try:
        names = msgspec.json.decode((folder / _WRITTEN).read_bytes(), type=_List).written_by_ravine
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [name for name in names if (folder / name).resolve().is_relative_to(folder.resolve())]
