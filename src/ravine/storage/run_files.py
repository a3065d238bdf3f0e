"""All files of a finished run, byte for byte, and what decides whether two runs are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from ravine.errors import DataError

_NUMBERS = ("train_loss", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy", "tested")
"""The results of a run that must be the same wherever it is trained, beside its history."""


@dataclass(frozen=True)
class RunFiles:
    """A run that was read.

    Attributes:
        folder: its folder.
        files: the content of its files by name.
        parts: what must be the same in two runs of one id. Seconds, words and paths are not among it.
    """

    folder: Path
    files: Mapping[str, bytes]
    parts: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits that stand for its results."""
        return hashlib.sha256(msgspec.json.encode(self.parts, order="sorted")).hexdigest()[:12]

    @property
    def processor(self) -> str:
        """The processor that trained it, as its record of the environment says."""
        try:
            return str(msgspec.json.decode(self.files["environment.json"])["values"]["processor"])
        except (KeyError, TypeError, msgspec.DecodeError, UnicodeDecodeError):
            return "unknown"

    def differs(self, other: RunFiles) -> list[str]:
        """Return the parts in which two runs differ; a state that only one of them has is no difference."""
        states = self.parts["state"] is not None and other.parts["state"] is not None
        names = (name for name in self.parts if name != "state" or states)
        return [name for name in names if self.parts[name] != other.parts[name]]


def read_files(folder: Path) -> RunFiles:
    """Read all files of a run, and compare its arrays with their checksums.

    Raises:
        DataError: a file is missing or damaged, or cannot be read.
    """
    try:
        files = {path.name: path.read_bytes() for path in sorted(folder.glob("[!.]*")) if path.is_file()}
        record = msgspec.json.decode(files["result.json"])
        result = record["result"]
        parts = {
            "weights": record["weights_sha256"],
            "state": record.get("state_sha256"),
            "status": result["status"],
            "cause": _without(result["cause"] or {}, "message"),
            "history": [_without(epoch, "seconds") for epoch in result["history"]],
            "results": [result.get(name) for name in _NUMBERS],
        }
    except OSError as error:
        raise DataError(f"the run in {folder} cannot be read ({error.strerror or error}).") from error
    except (KeyError, TypeError, AttributeError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"the run in {folder} is damaged: result.json is not the record of a run.") from error
    for name in ("weights", "state"):
        if parts[name] is None:
            continue
        content = files.get(f"{name}.safetensors")
        if content is None or hashlib.sha256(content).hexdigest() != parts[name]:
            fault = "is missing" if content is None else "does not match its checksum"
            raise DataError(f"the run in {folder} is damaged: {name}.safetensors {fault}.")
    return RunFiles(folder, files, parts)


def _without(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != name}
