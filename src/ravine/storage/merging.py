"""Merging of stores: the finished runs of several folders, brought together in one.

Runs of one id must have the same results. Where they do not, as on processors that round otherwise, the first stays
and the others are kept beside it:

    OUT/differing/ID/DIGEST/        another version of run ID, named by the digest of its results

With its run comes ROOT/gradients/ID.msgpack, the check of its gradient; ROOT/comparisons/ID come too. A folder is
written under a hidden name, and renamed when it is whole.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from ravine.errors import ConfigError, DataError, StorageError
from ravine.storage.files import make_folder, no_empty_folders, write_folder
from ravine.storage.run_files import RunFiles, read_files
from ravine.storage.store import RunStore

_log = logging.getLogger("ravine")

DIFFERING = "differing"
"""The folder of a store that holds other versions of its runs."""

_HIDDEN = "merging"
"""The end of the name of a folder that is being written, and of the lock of the merge that writes it."""


@dataclass(frozen=True)
class Version:
    """One of the different results of a run.

    Attributes:
        kept: its folder in the merged store.
        folders: the folders of the sources that have it; none if only the merged store does.
        processor: the processor that trained it.
        differs: what differs from the version that has the id in the merged store; empty for that version itself.
    """

    kept: Path
    folders: list[Path]
    processor: str
    differs: list[str]


@dataclass
class FromStore:
    """What came from one store.

    Attributes:
        root: its folder.
        copied: ids of the runs that were copied.
        there: ids of those that the merged store had already, with the same results.
        differing: ids of those that have other results there.
        left_out: by id, why a run was left out: its files are damaged, or of an earlier version.
        unfinished: ids of those that have not ended; they stay where they are.
    """

    root: Path
    copied: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)


@dataclass
class Merged:
    """The outcome of a merge.

    Attributes:
        root: the folder of the merged store.
        stores: what came from each source.
        differing: by id, the versions of each run that has several, that of the merged store first.
        damaged: by id, what is wrong with runs of the merged store, which the merge leaves as they are.
        checks: ids of the runs whose gradient check was copied.
        comparisons: ids of the comparisons that were copied, or whose outcome was.
    """

    root: Path
    stores: list[FromStore]
    differing: dict[str, list[Version]] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    checks: list[str] = field(default_factory=list)
    comparisons: list[str] = field(default_factory=list)


def merge_runs(sources: Sequence[Path | str], out: Path | str | None = None) -> Merged:
    """Copy the finished runs of some stores into one, byte for byte.

    A run that is there already with the same results is not copied again, so that a merge that was stopped, or is
    repeated, adds what is missing. Runs that are damaged are left out, and the others merged.

    Args:
        sources: the folders of the stores.
        out: the folder of the merged store, see `RunStore`.

    Raises:
        ConfigError: a source is no folder, holds no finished run, is given twice, or is the merged store itself.
        StorageError: a file cannot be written; the runs that were merged before are whole.
    """
    stores, target = [RunStore(source) for source in sources], RunStore(out)
    _check_sources(stores, target)
    merged = Merged(target.root, [FromStore(store.root) for store in stores])
    with no_empty_folders(target.root), _alone(target.root):
        try:
            for run in dict.fromkeys(run for store in stores for run in _ids(store)):
                _merge_run(run, target, merged)
            for source in merged.stores:
                _merge_comparisons(source, merged)
        except OSError as error:
            raise StorageError(
                f"cannot merge into {target.root}: {error.strerror or error}. The runs merged until now are whole, and "
                "the same command goes on."
            ) from error
    for store, source in zip(stores, merged.stores, strict=True):
        found, faults = store.unfinished()
        names = {*(one.id for one in found), *faults}
        source.unfinished = sorted(run for run in names if not target.holds(run))
    return merged


def _check_sources(stores: Sequence[RunStore], target: RunStore) -> None:
    if not stores:
        raise ConfigError("there is nothing to merge: name at least one folder of runs.")
    if target.root.exists() and not target.root.is_dir():
        raise ConfigError(f"{target.root} is a file; runs are merged into a folder.")
    seen: dict[Path, Path] = {}
    for root in (store.root for store in stores):
        if not root.exists():
            raise ConfigError(f"there is no folder {root}; name folders of runs.")
        if not root.is_dir():
            raise ConfigError(f"{root} is a file; name folders of runs.")
        if (root / "result.json").exists():
            raise ConfigError(f"{root} is the folder of one run; name the folder of runs that holds it.")
        if _is_same(root, target.root):
            raise ConfigError(f"{root} is the folder into which runs are merged; name only the other folders.")
        other = seen.setdefault(root.resolve(), root)
        if other is not root:
            raise ConfigError(f"{other} and {root} are the same folder; name it once.")
    for store in stores:
        try:
            found = store.ids()
        except OSError as error:
            raise ConfigError(f"{store.root} cannot be read ({error.strerror or error}).") from error
        if not found:
            raise ConfigError(f"there are no finished runs in {store.root}; leave it out.")


def _ids(store: RunStore) -> list[str]:
    """Return the ids of all finished runs, and of those of which only another version is there."""
    return [*store.ids(), *sorted(folder.name for folder in (store.root / DIFFERING).glob("[!.]*"))]


def _is_same(one: Path, other: Path) -> bool:
    return one.samefile(other) if other.exists() else one.resolve() == other.resolve()


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the lock of the merges into a folder, and remove what a merge that was killed has left there."""
    make_folder(root)
    file = root / f".{_HIDDEN}"
    lock = FileLock(file)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            _log.warning("another merge into %s is under way; this one waits for it", root)
            lock.acquire()
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror or error}. Choose another folder.") from error
    try:
        for left_over in root.glob(f".*.{_HIDDEN}"):
            shutil.rmtree(left_over, ignore_errors=True)
        yield
    finally:
        with suppress(OSError):  # where an open file cannot be removed, it stays
            file.unlink()
        lock.release()


# Runs


def _merge_run(run: str, target: RunStore, merged: Merged) -> None:
    """Bring all versions of one run into the merged store; the first that has the id keeps it."""
    place, first = target.root / run, None
    if place.exists():
        try:
            first = _read_main(target, run)
        except DataError as error:
            merged.damaged[run] = str(error)
            return
    versions = {} if first is None else {"": Version(place, [], first.processor, [])}
    for source, found in _versions_of(run, merged.stores):
        is_main = found.folder.parent == source.root
        if first is None and is_main:
            if _placed(found, place, target.root):
                first = found
                source.copied.append(run)
            else:  # another process has stored the run meanwhile
                first = _read_main(target, run)
            versions[""] = Version(place, [], first.processor, [])
        differs = [] if first is None else found.differs(first)
        if first is None or differs:
            kept = target.root / DIFFERING / run / found.digest
            if not kept.exists():
                _placed(found, kept, target.root)
            versions.setdefault(found.digest, Version(kept, [], found.processor, differs)).folders.append(found.folder)
            source.differing += [] if run in source.differing else [run]
            continue
        versions[""].folders.append(found.folder)
        if is_main:
            source.there += [] if run in source.copied else [run]
            _copy_check(run, source.root, merged)
    if set(versions) - {""}:
        merged.differing[run] = list(versions.values())


def _versions_of(run: str, sources: Sequence[FromStore]) -> Iterator[tuple[FromStore, RunFiles]]:
    """Read all versions of a run that some stores have, and first those that have its id."""
    for source in sources:
        if (source.root / run).exists():
            try:
                yield source, _read_main(RunStore(source.root), run)
            except DataError as error:
                source.left_out[run] = str(error)
    for source in sources:
        for folder in sorted((source.root / DIFFERING / run).glob("[!.]*")):
            try:
                yield source, read_files(folder)
            except DataError as error:
                source.left_out[f"{run}/{folder.name}"] = str(error)


def _read_main(store: RunStore, run: str) -> RunFiles:
    """Read the run that has its id in a store; one that is damaged, or of an earlier version, is a `DataError`."""
    store.load(run)  # checks that its records are what they should be
    return read_files(store.root / run)


def _placed(run: RunFiles, place: Path, root: Path) -> bool:
    """Write a run into a store, whole, as old as it is; return False if another process was faster."""
    hidden, time = root / f".{run.folder.name}.{_HIDDEN}", run.folder.stat().st_mtime_ns
    try:
        write_folder(hidden, run.files)
        os.utime(hidden, ns=(time, time))  # runs are listed by age
        place.parent.mkdir(parents=True, exist_ok=True)
        hidden.rename(place)
    except OSError:
        if not place.exists():
            raise
        return False
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    return True


# What lies beside the runs


def _copy_check(run: str, root: Path, merged: Merged) -> None:
    """Copy the check of a run's gradient if the merged store has none that can be read."""
    name = Path("gradients", f"{run}.msgpack")
    content = _packed(root / name)
    if content is not None and _packed(merged.root / name) is None:
        _write(merged.root / name, content, merged.root)
        merged.checks.append(run)


def _write(place: Path, content: bytes, root: Path) -> None:
    """Write a file into a store, whole."""
    hidden = root / f".{place.name}.{_HIDDEN}"
    try:
        write_folder(hidden, {place.name: content})
        make_folder(place.parent)
        (hidden / place.name).replace(place)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def _packed(file: Path) -> bytes | None:
    """Return the content of a check, None if there is none or it is cut off."""
    try:
        content = file.read_bytes()
        msgspec.msgpack.decode(content)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return content


def _merge_comparisons(source: FromStore, merged: Merged) -> None:
    """Copy the plans of comparisons, and their outcomes, that the merged store lacks."""
    for plan in sorted((source.root / "comparisons").glob("*/plan.json")):
        place = merged.root / "comparisons" / plan.parent.name
        for file in (plan, plan.with_name("outcome.json")):
            if (place / file.name).exists() or not file.exists():
                continue
            try:
                content = file.read_bytes()
                msgspec.json.decode(content)
            except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
                source.left_out[f"comparisons/{plan.parent.name}"] = f"{file} cannot be read ({error})."
                break
            _write(place / file.name, content, merged.root)
            merged.comparisons += [] if place.name in merged.comparisons else [place.name]
