"""The working folder of a run that is being trained: its claim and its checkpoint."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ravine.arrays import Array
from ravine.errors import BusyError
from ravine.spec import RunSpec
from ravine.storage import claims
from ravine.storage.checkpoint import Position, load_checkpoint, save_checkpoint
from ravine.storage.files import to_json, unwritable, write_whole

_TRIES = 20


@dataclass(frozen=True)
class WorkingFolder:
    """The folder of a run that this process trains, with its checkpoint."""

    run: str
    path: Path
    claim: claims.Claim

    def confirm(self) -> None:
        """Raise a `BusyError` if another process has taken the run over, since this one seemed dead for a minute."""
        if not self.claim.held():
            raise BusyError(
                f"another process has taken run {self.run} over, since this one gave no sign of life for "
                f"{claims.LEASE:.0f} s; it goes on there, in {self.path}."
            )

    def load(self) -> tuple[dict[str, Array], Position] | None:
        """Return the state of the engine and the position at the checkpoint, None if there is none."""
        file = checkpoint_file(self.path)
        return load_checkpoint(file) if file.exists() else None

    def save(self, spec: RunSpec, state: Mapping[str, Array], position: Position) -> None:
        """Write the checkpoint; a run that ends before its first one needs no file of its spec."""
        self.confirm()
        if not (self.path / "spec.json").exists():
            write_whole(self.path / "spec.json", to_json(spec))
        save_checkpoint(checkpoint_file(self.path), state, position)

    def discard(self) -> None:
        """Remove the checkpoint."""
        checkpoint_file(self.path).unlink(missing_ok=True)

    def leave(self) -> None:
        """Remove the folder, unless it has a checkpoint, and give up the claim."""
        if self.claim.held() and not checkpoint_file(self.path).exists():
            for path in self.path.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif not claims.is_claim(path):
                    with suppress(OSError):
                        path.unlink()
        self.claim.release()
        with suppress(OSError):  # it holds a checkpoint, or another process has claimed it already
            self.path.rmdir()


def claimed(run: str, folder: Path) -> WorkingFolder:
    """Make the working folder of a run and claim it.

    Another process may be about to remove the folder, so that one of the steps fails; then all are tried again.

    Raises:
        BusyError: another process or thread has it.
        StorageError: it cannot be made.
    """
    fault = OSError()
    for attempt in range(_TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            claim = claims.take(folder)
        except (FileExistsError, FileNotFoundError) as error:
            fault = error
            time.sleep(0.001 * attempt)
            continue
        except OSError as error:
            raise unwritable(folder, error) from error
        if isinstance(claim, claims.Claim):
            return WorkingFolder(run, folder, claim)
        raise BusyError(f"run {run} is being trained by {_told(claim)}")
    raise unwritable(folder, fault)


def _told(owner: claims.Owner | None) -> str:
    """Return who trains a run, and what to do, in words."""
    if owner is None:
        return "another process; wait for it."
    if owner.here:
        return f"another process, {owner.process}; wait for it."
    return (
        f"process {owner.process} on {owner.host}; wait for it. If that machine is gone, the run is free "
        f"{claims.LEASE:.0f} s after its last sign of life."
    )


def checkpoint_file(folder: Path) -> Path:
    """Return where the checkpoint of a working folder lies."""
    return folder / "checkpoint.safetensors"
