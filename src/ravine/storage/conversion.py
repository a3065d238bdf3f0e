"""Conversion of runs that an earlier version stored: of their specs, and with them their ids.

The old id of a run is computed again, from its stored spec and from the optimizer as it is now. If the result is the
id of the run, its optimizer has not changed, and the run is converted; any other run is left as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ravine.data import DATASETS
from ravine.errors import RavineError, StorageError
from ravine.spec import ResolvedRun, RunSpec, resolve
from ravine.storage.files import replace_folder
from ravine.storage.store import RunStore, is_of_earlier_form

_NESTED_STARTS = re.compile(r"(^\w+ = 0\.0\n)+(?=\{')", re.MULTILINE)
"""In the text of an optimizer that uses another one, where the slots of that one start: lines before its defaults."""


@dataclass(frozen=True)
class Converted:
    """The outcome of the conversion of one run.

    Attributes:
        old: its id before.
        new: its id now; None if it could not be converted.
        why: why it could not.
    """

    old: str
    new: str | None = None
    why: str | None = None


class _EarlierSpec(msgspec.Struct):
    dataset: str
    optimizer: str
    hyperparameters: dict[str, float]
    schedule: dict[str, Any]


class _EarlierResult(msgspec.Struct):
    spec: _EarlierSpec


class _EarlierRecord(msgspec.Struct):
    """What conversion needs of a stored result."""

    result: _EarlierResult


def convert_runs(store: RunStore) -> Iterator[Converted]:
    """Convert the runs of a store that are of the earlier form, and yield the outcome of each.

    A run is written whole under its new id before its old folder is removed.
    """
    for run in store.ids():
        folder = store.root / run
        if not is_of_earlier_form(folder):
            continue
        try:
            content = (folder / "result.json").read_bytes()
            msgspec.json.decode(content, type=_EarlierRecord)
            yield _convert(store, folder, msgspec.json.decode(content))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            yield Converted(run, why=f"its files cannot be read ({error})")


def _convert(store: RunStore, folder: Path, record: dict[str, Any]) -> Converted:
    old = folder.name
    spec = record["result"]["spec"]
    try:
        run = resolve(msgspec.convert(_brought_up_to_date(spec), RunSpec))
    except (RavineError, msgspec.ValidationError) as error:
        return Converted(old, why=str(error))
    if _earlier_id(spec, run) != old:
        return Converted(old, why=f"the text of {run.spec.optimizer_name} is another one now; train it again")
    if (store.root / run.id).exists():
        return Converted(old, why=f"run {run.id}, which it would become, is stored already; delete one of the two")
    changed = {**record, "result": {**record["result"], "id": run.id, "spec": msgspec.to_builtins(run.spec)}}
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    files |= {"result.json": _json(changed), "spec.json": _json(run.spec)}
    try:
        replace_folder(folder, store.root / run.id, files)
    except OSError as error:
        raise StorageError(f"cannot write {store.root / run.id}: {error.strerror or error}.") from error
    return Converted(old, run.id)


def _brought_up_to_date(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spec with its schedule as a name and settings."""
    settings = dict(spec["schedule"])
    return {**spec, "schedule": settings.pop("kind"), "schedule_settings": settings}


def _earlier_id(spec: Mapping[str, Any], run: ResolvedRun) -> str:
    """Return the id that a run had: of its whole spec, the optimizer's texts and the checksums of its data."""
    numbers = {name: float(value) for name, value in spec["hyperparameters"].items()}
    texts = _earlier_texts(run)
    decisive = {
        "spec": {**spec, "optimizer": run.spec.optimizer_name, "hyperparameters": numbers},
        "rule": texts,
        "data": sorted(DATASETS[spec["dataset"]].sha256.values()),
    }
    return hashlib.sha256(msgspec.json.encode(decisive, order="sorted")).hexdigest()[:16]


def _earlier_texts(run: ResolvedRun) -> list[str]:
    """Return an optimizer's texts as they were hashed: without where slots start, and of a user's with their names."""
    formula = run.optimizer.formula
    if formula is None:
        return [_NESTED_STARTS.sub("", text) for text in run.optimizer.texts()]
    texts = run.optimizer.texts()[: -len(formula.slots) or None]
    return texts if run.optimizer_text is None else [*texts, ", ".join(formula.slots)]


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
