"""Writing files and folders so that they are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from ravine.errors import StorageError


def unwritable(path: Path, error: OSError) -> StorageError:
    """Return the error that says that a file or a folder of the store cannot be written."""
    return StorageError(f"cannot write {path}: {error.strerror or error}. Choose another folder with --out.")


def to_json(value: Any) -> bytes:
    """Return a value as the text of a JSON file."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def make_folder(path: Path) -> None:
    """Make a folder and those above it; one that cannot be made is a `StorageError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder {path}: {error.strerror or error}. Choose another.") from error


@contextmanager
def no_empty_folders(path: Path) -> Iterator[None]:
    """At the end, also after an error, remove `path` and folders above it that were made meanwhile and are empty."""
    new = list(takewhile(lambda folder: not folder.exists(), (path, *path.parents)))
    try:
        yield
    finally:
        for folder in new:
            with suppress(OSError):  # it holds something, or was not made
                folder.rmdir()


def check_writable(folder: Path) -> None:
    """Try to make a folder and to write into it, before long work; a `StorageError` if that cannot be done."""
    with no_empty_folders(folder):
        make_folder(folder)
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            fault = error.strerror or error
            raise StorageError(f"cannot write into {folder}: {fault}. Choose another folder.") from error


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make a new folder of files; when this returns all of them are on the disk.

    All files are written first, and then waited for together: this takes a fraction of the time of waiting for each.
    """
    path.mkdir(parents=True)
    with ExitStack() as opened:
        written = [(opened.enter_context((path / name).open("xb")), content) for name, content in files.items()]
        for file, content in written:
            file.write(content)
            file.flush()
        for file, _ in written:
            os.fsync(file.fileno())


def write_folder_whole(path: Path, files: Mapping[str, bytes]) -> None:
    """Make a new folder of files, which a reader finds whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write_folder(temporary, files)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path: Path) -> None:
    """Remove a folder, which a reader finds whole or not at all."""
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    path.rename(hidden)
    shutil.rmtree(hidden)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a restart after a crash, finds the old content or the new, never a part.

    Raises:
        StorageError: the disk is full or the folder cannot be written; the old file, if any, is intact.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}. Runs stored before are intact; free some space or "
            "choose another folder."
        ) from error
