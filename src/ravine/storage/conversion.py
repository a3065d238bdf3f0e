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
from ravine.errors import DataError, RavineError
from ravine.formulas.formula import Formula
from ravine.formulas.identity import function_text
from ravine.spec import ResolvedRun, RunSpec, resolve
from ravine.storage.files import remove_folder, write_folder_whole
from ravine.storage.store import RunStore, is_of_earlier_form

_NESTED_STARTS = re.compile(r"(^(?:inert|\w+ = 0\.0)\n)+(?=\{')", re.MULTILINE)
"""The lines that say where the slots of a nested optimizer start.

They stand before its defaults, in the text of the optimizer that uses it.
"""

_AROUND_A_FORM = "def evaluated(*arguments, **hyper):\n    return form(*arguments, **hyper)"
"""The text of the function that the earlier version put around the evaluated form of a stage."""


@dataclass(frozen=True)
class Converted:
    """The outcome of the conversion of one run.

    Attributes:
        old: its id before.
        new: its id now; None if it could not be converted.
        why: why it could not.
        damaged: whether that is because its files are damaged, or because files cannot be written.
    """

    old: str
    new: str | None = None
    why: str | None = None
    damaged: bool = False


class _EarlierSchedule(msgspec.Struct):
    kind: str


class _EarlierSpec(msgspec.Struct):
    dataset: str
    optimizer: str
    hyperparameters: dict[str, float]
    schedule: _EarlierSchedule


class _EarlierResult(msgspec.Struct):
    spec: _EarlierSpec


class _EarlierRecord(msgspec.Struct):
    """What conversion needs of a stored result."""

    result: _EarlierResult


def convert_runs(store: RunStore) -> Iterator[Converted]:
    """Convert the runs of a store that are of the earlier form, and yield the outcome of each.

    A run is written whole under its new id, and read again, before its old folder is removed.
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
            yield Converted(run, why=f"its files cannot be read ({error})", damaged=True)


def _convert(store: RunStore, folder: Path, record: dict[str, Any]) -> Converted:
    old = folder.name
    spec = record["result"]["spec"]
    try:
        run = resolve(msgspec.convert(_brought_up_to_date(spec), RunSpec))
    except (RavineError, msgspec.ValidationError) as error:
        return Converted(old, why=str(error))
    if _earlier_id(spec, run) != old:
        name = run.spec.optimizer_name
        return Converted(old, why=f"its id is not that of its settings and of {name} as it is now; train it again")
    changed = {**record, "result": {**record["result"], "id": run.id, "spec": msgspec.to_builtins(run.spec)}}
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    files |= {"result.json": _json(changed), "spec.json": _json(run.spec)}
    new = store.root / run.id
    stood = new.exists()
    try:
        if not stood:
            write_folder_whole(new, files)
        stored = store.load(run.id)
        assert stored is not None
        stored.weights()
        if (new / "weights.safetensors").read_bytes() != files["weights.safetensors"]:
            why = f"run {run.id}, which it would become, is stored already, with other weights; delete one of the two"
            return Converted(old, why=why)
        remove_folder(folder)
    except DataError as error:
        fault = str(error)
        if not stood:
            remove_folder(new)
            fault = fault.replace(str(new), str(folder))  # the files that are at fault are copies of those there
        return Converted(old, why=f"it cannot be read after conversion ({fault})", damaged=True)
    except OSError as error:
        return Converted(old, why=f"cannot write into {store.root}: {error.strerror or error}", damaged=True)
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
    """Return an optimizer's texts as the earlier version hashed them.

    They do not say where slots start. Those of a user's optimizer have the names of the slots.
    """
    formula = run.optimizer.formula
    if formula is not None:
        own = [] if run.optimizer_text is None else [", ".join(formula.slots)]
        return [*_texts_of(formula), *own]
    parts: tuple[Any, ...] = getattr(run.optimizer, "made_of", ()) or (run.optimizer,)
    forms = [stage.formula.evaluated for stage in parts[1:] if stage.formula.evaluated is not None]
    texts = map(function_text, (*(part.function for part in parts), *forms))
    return [_NESTED_STARTS.sub("", "\n".join(texts))]


def _texts_of(formula: Formula) -> list[str]:
    lazy, form = formula.lazy_body(), formula.evaluated
    evaluated = [] if form is None else [function_text(form)]
    if form is not None and formula.averaging is not None and formula.averaging.name is not None:
        evaluated = [f"{_AROUND_A_FORM}\n{evaluated[0]}\nform = {form.__qualname__}"]
    return [formula.body().text, *([lazy.text] if lazy else []), *evaluated]


def _json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
