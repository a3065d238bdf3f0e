"""Runs on disk: one immutable folder for a finished run, one working folder for a run that is under way.

    ROOT/ID/            spec.json, result.json, environment.json, weights.safetensors; state.safetensors if the run can
                        be extended; optimizer.txt, schedule.txt if the optimizer or the schedule is the user's own;
                        and data.json, the facts about data that were given
    ROOT/ID.partial/    spec.json, checkpoint.safetensors, and a claim of the process that trains the run

A finished folder is written within the working folder and moved to its place, so that one that is there is whole.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import msgspec

from ravine.arrays import Array
from ravine.data import DatasetInfo, GivenInfo, info_of
from ravine.errors import ConfigError, DataError, RavineError, shortened
from ravine.inputs import path_of, text_of
from ravine.spec import RunSpec
from ravine.storage import claims
from ravine.storage.checkpoint import load_arrays, load_checkpoint, pack_arrays
from ravine.storage.files import no_empty_folders, to_json, unwritable, write_folder
from ravine.storage.places import PARTIAL, finished, folder_of_runs
from ravine.storage.record import Epoch, Result
from ravine.storage.working import WorkingFolder, checkpoint_file, claimed
from ravine.words import several

T = TypeVar("T")


class _Stored(msgspec.Struct, frozen=True):
    """The content of result.json: the result, and the checksums of the weights and of the state beside it."""

    result: Result
    weights_sha256: str
    state_sha256: str | None = None


class Environment(msgspec.Struct, frozen=True):
    """The content of environment.json."""

    values: dict[str, str | int]


@dataclass(frozen=True)
class StoredRun:
    """A finished run: its folder and the content of the small files in it."""

    folder: Path
    result: Result
    environment: dict[str, str | int]
    weights_sha256: str
    state_sha256: str | None = None

    def weights(self) -> Array:
        """Read the flat weight vector; weights that are missing or damaged are a `DataError`."""
        return self._arrays("weights", self.weights_sha256)["weights"]

    def state(self) -> dict[str, Array] | None:
        """Read the state of the engine at the end of the run; None if none is kept, as of a run that diverged."""
        if self.state_sha256 is None:
            return None
        state = self._arrays("state", self.state_sha256)
        return state if "weights" in state else {**state, "weights": self.weights()}

    def _arrays(self, name: str, digest: str) -> dict[str, Array]:
        path = self.folder / f"{name}.safetensors"
        if hashlib.sha256(_content(path)).hexdigest() != digest:
            raise _damaged(self.folder, f"{path.name} does not match its checksum")
        return load_arrays(path)[0]

    @property
    def optimizer_text(self) -> str | None:
        """The text of the optimizer as it was then, if it is not one of ravine's own."""
        return self._text("optimizer")

    @property
    def schedule_text(self) -> str | None:
        """The text of the schedule as it was then, if it is not one of ravine's own."""
        return self._text("schedule")

    @property
    def activation_text(self) -> str | None:
        """The texts of the activations as they were then, None if all are ravine's own."""
        return self._text("activation")

    @property
    def loss_text(self) -> str | None:
        """The text of the loss as it was then, if it is not one of ravine's own."""
        return self._text("loss")

    @cached_property
    def info(self) -> DatasetInfo | GivenInfo:
        """The facts about the data that the run was trained on."""
        if self.result.spec.data is None:
            return info_of(self.result.spec.dataset)
        return _read(self.folder, "data.json", GivenInfo)

    def _text(self, name: str) -> str | None:
        path = self.folder / f"{name}.txt"
        try:
            return text_of(_content(path)) if path.exists() else None
        except ConfigError as error:
            raise _damaged(self.folder, f"{path.name} cannot be read: {error}") from None


@dataclass(frozen=True)
class Unfinished:
    """A run that was interrupted or is under way: its id, its spec, and the epochs that its checkpoint has."""

    id: str
    spec: RunSpec
    history: list[Epoch]
    running: bool

    @property
    def status(self) -> str:
        """Whether it is "running" or "stopped"."""
        return "running" if self.running else "stopped"

    @property
    def standing(self) -> str:
        """How it stands, in words."""
        return f"{self.status}, {len(self.history)} of {several(self.spec.epochs, 'epoch')}"


class RunStore:
    """The runs of one folder: `--out`, otherwise `RAVINE_HOME`, otherwise `runs/`."""

    def __init__(self, root: Path | str | None = None) -> None:
        found = path_of("the folder of runs", folder_of_runs(root))
        assert found is not None
        self.root = found

    def ids(self) -> list[str]:
        """Return the ids of all finished runs, oldest first."""
        return finished(self.root)

    def holds(self, run: str) -> bool:
        """Tell whether a run is finished and stored, without reading it."""
        return (self.root / run / "result.json").exists()

    def find(self, prefix: str) -> str:
        """Return the one id that starts with `prefix`; none or several are a `ConfigError`."""
        matches = [run for run in self.ids() if run.startswith(prefix)] if prefix else []
        if len(matches) == 1:
            return matches[0]
        unfinished = None if matches else self.find_unfinished(prefix)
        if unfinished is not None:
            raise ConfigError(
                f"run {unfinished.id} has not ended ({unfinished.standing}); the command that began it goes on with it."
            )
        if not matches:
            raise ConfigError(
                f"there is no run {shortened(prefix)} in {self.root}; `ravine runs list` shows the runs there."
            )
        raise _ambiguous(prefix, matches)

    def find_unfinished(self, prefix: str) -> Unfinished | None:
        """Return the one unfinished run whose id starts with `prefix`, None if there is none.

        Raises:
            ConfigError: there are several.
            DataError: its files are damaged.
        """
        found, faults = self.unfinished()
        matches = {run.id: run for run in found if run.id.startswith(prefix)} if prefix else {}
        damaged = [run for run in faults if run.startswith(prefix)] if prefix else []
        if len(matches) + len(damaged) > 1:
            raise _ambiguous(prefix, [*matches, *damaged])
        if damaged:
            raise DataError(faults[damaged[0]])
        return next(iter(matches.values()), None)

    def load(self, run: str) -> StoredRun | None:
        """Return a finished run, None if there is none; one with damaged files is a `DataError`."""
        folder = self.root / run
        if not folder.exists():
            return None
        stored = _read(folder, "result.json", _Stored)
        environment = _read(folder, "environment.json", Environment)
        if stored.result.id != run:
            raise _damaged(folder, f"result.json is that of run {stored.result.id}")
        if not (folder / "weights.safetensors").exists():
            raise _damaged(folder, "weights.safetensors is missing")
        return StoredRun(folder, stored.result, environment.values, stored.weights_sha256, stored.state_sha256)

    def load_all(self, runs: Iterable[str]) -> tuple[dict[str, StoredRun], dict[str, str]]:
        """Return those runs that are stored, and what is wrong with damaged ones, both by id."""
        found, faults = {}, {}
        for run in runs:
            try:
                stored = self.load(run)
            except DataError as error:
                faults[run] = str(error)
                continue
            if stored is not None:
                found[run] = stored
        return found, faults

    def results(self, runs: Iterable[str]) -> tuple[dict[str, Result], dict[str, str]]:
        """Return the results of those runs that are stored, and what is wrong with damaged ones, both by id."""
        found, faults = self.load_all(runs)
        return {run: stored.result for run, stored in found.items()}, faults

    def save(
        self,
        result: Result,
        environment: dict[str, str | int],
        weights: Array,
        texts: Mapping[str, str | None] = MappingProxyType({}),
        state: Mapping[str, Array] | None = None,
        data: GivenInfo | None = None,
    ) -> StoredRun:
        """Store a finished run; a stored run of the same id is replaced.

        Args:
            result, environment: the records.
            weights: the weights that were evaluated, (n,).
            texts: the texts of things that are not ravine's own, by kind: "optimizer" and "schedule".
            state: the state of the engine, from which the run can be extended.
            data: the facts about data that were given.
        """
        files = files_of(result, environment, weights, texts, state, data)
        self.put(result.id, files)
        stored = msgspec.json.decode(files["result.json"], type=_Stored)
        return StoredRun(self.root / result.id, result, environment, stored.weights_sha256, stored.state_sha256)

    def put(self, run: str, files: Mapping[str, bytes]) -> None:
        """Store a finished run as its files, see `files_of`; a stored run of the same id is replaced."""
        folder, working = self.root / run, self.root / f"{run}{PARTIAL}"
        # A process that is killed here leaves nothing for good: the next owner removes the working folder.
        temporary, old = (working / f"{state}-{secrets.token_hex(4)}" for state in ("new", "old"))
        try:
            try:
                write_folder(temporary, files)
                if folder.exists():
                    folder.rename(old)
                try:
                    temporary.rename(folder)
                except OSError:
                    if old.exists():
                        old.rename(folder)
                    raise
            finally:
                for left in (temporary, old):
                    shutil.rmtree(left, ignore_errors=True)
                with suppress(OSError):  # another one works in it
                    working.rmdir()
        except OSError as error:
            raise unwritable(folder, error) from error

    @contextmanager
    def working_folder(self, run: str) -> Iterator[WorkingFolder]:
        """Claim the working folder of a run, so that no other process trains the run meanwhile.

        At the end the folder is removed if it has no checkpoint, and so is the store's folder if it was made here and
        is empty. If the process dies, its claim ends with it (`ravine.storage.claims`).

        Raises:
            BusyError: another process or thread has it.
            StorageError: it cannot be made.
        """
        folder = self.root / f"{run}{PARTIAL}"
        with no_empty_folders(self.root):
            working = claimed(run, folder)
            try:
                yield working
            finally:
                working.leave()

    def tidy(self, run: str) -> None:
        """Remove the working folder of a stored run, which a process left that was killed at that moment."""
        if (self.root / f"{run}{PARTIAL}").exists():
            with suppress(RavineError), self.working_folder(run) as folder:
                folder.discard()

    def is_claimed(self, run: str) -> bool:
        """Tell whether a process trains a run."""
        return claims.is_claimed(self.root / f"{run}{PARTIAL}")

    def unfinished(self) -> tuple[list[Unfinished], dict[str, str]]:
        """Return the runs that have a working folder, and what is wrong with damaged ones, by id."""
        found, faults = [], {}
        for folder in sorted(self.root.glob(f"*{PARTIAL}")):
            run = folder.name.removesuffix(PARTIAL)
            if self.holds(run) or not any(file.exists() for file in (folder / "spec.json", checkpoint_file(folder))):
                continue  # finished, and killed before the working folder was gone; or it has only just begun
            try:
                position = load_checkpoint(checkpoint_file(folder))[1]
                spec = _read(folder, "spec.json", RunSpec)
            except DataError as error:
                faults[run] = str(error)
                continue
            found.append(Unfinished(run, spec, position.history, claims.is_claimed(folder)))
        return found, faults


def result_in(files: Mapping[str, bytes]) -> Result:
    """Return the result in the files of a finished run."""
    return msgspec.json.decode(files["result.json"], type=_Stored).result


def files_of(
    result: Result,
    environment: dict[str, str | int],
    weights: Array,
    texts: Mapping[str, str | None] = MappingProxyType({}),
    state: Mapping[str, Array] | None = None,
    data: GivenInfo | None = None,
) -> dict[str, bytes]:
    """Return the files of a finished run, by name; the arguments are those of `RunStore.save`."""
    arrays = {"weights": pack_arrays({"weights": weights}, {})}
    if state is not None:
        arrays["state"] = pack_arrays(_without(state, weights), {})
    digests = {name: hashlib.sha256(packed).hexdigest() for name, packed in arrays.items()}
    stored = _Stored(result, digests["weights"], digests.get("state"))
    return {
        **{f"{name}.safetensors": packed for name, packed in arrays.items()},
        "spec.json": to_json(result.spec),
        "environment.json": to_json(Environment(environment)),
        "result.json": to_json(stored),
        **({} if data is None else {"data.json": to_json(data)}),
        **{f"{name}.txt": f"{text}\n".encode() for name, text in texts.items() if text is not None},
    }


def _without(state: Mapping[str, Array], weights: Array) -> dict[str, Array]:
    """Return a state without its weights if they are the same bits, so that the disk has them once."""
    here = state["weights"]
    same = here.dtype == weights.dtype and here.tobytes() == weights.tobytes()
    return {name: array for name, array in state.items() if not (same and name == "weights")}


def _read(folder: Path, name: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(_content(folder / name), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if is_of_earlier_form(folder):
            raise DataError(
                f"the run in {folder} was stored by an earlier version of ravine; `ravine runs convert` brings it up "
                "to date, or says why it cannot."
            ) from None
        raise _damaged(folder, f"{name} cannot be read ({error})") from error


def is_of_earlier_form(folder: Path) -> bool:
    """Tell whether a run has a spec of the form in which a schedule was not yet a name."""
    try:
        spec = msgspec.json.decode((folder / "spec.json").read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
    return isinstance(spec, dict) and isinstance(spec.get("schedule"), dict)


def _content(path: Path) -> bytes:
    """Read a file of a run's folder."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise _damaged(path.parent, f"{path.name} is missing") from None
    except OSError as error:
        raise _damaged(path.parent, f"{path.name} cannot be read ({error.strerror or error})") from error


def _ambiguous(prefix: str, matches: Sequence[str]) -> ConfigError:
    return ConfigError(f"{shortened(prefix)} fits {len(matches)} runs: {', '.join(matches)}. Give more digits.")


def _damaged(folder: Path, fault: str) -> DataError:
    return DataError(f"the run in {folder} is damaged: {fault}. Train it anew with --fresh, or delete the folder.")
