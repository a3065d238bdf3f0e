"""The state of a run in one file, from which it goes on bit for bit."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import safetensors
from safetensors import numpy as safetensors_numpy

from ravine.arrays import Array
from ravine.errors import DataError
from ravine.storage.files import write_whole
from ravine.storage.record import Epoch, Seconds

_WIDE = "@longdouble"


class Position(msgspec.Struct, frozen=True):
    """The position of a run: the next `sample` in the order of `epoch`, both from 0, and the epoch's loss so far."""

    epoch: int
    sample: int
    loss_sum: float
    epoch_seconds: float
    history: list[Epoch]
    seconds: Seconds


def pack_arrays(arrays: Mapping[str, Array], metadata: dict[str, str]) -> bytes:
    """Return named arrays as safetensors; long doubles, which this format does not know, are written as bytes."""
    plain = {}
    for name, array in arrays.items():
        wide = array.dtype == np.longdouble and array.dtype != np.float64
        plain[name + _WIDE if wide else name] = _bytes(array) if wide else np.ascontiguousarray(array)
    return safetensors_numpy.save(plain, metadata)


def _bytes(array: Array) -> Array:
    """Return an array as uint8, its last axis as long as its bytes; unused bytes of a long double are 0."""
    content = np.array(array, order="C").view(np.uint8)
    if array.dtype == np.longdouble and np.finfo(np.longdouble).nmant == 63:
        content.reshape(-1, array.itemsize)[:, 10:] = 0  # 80 bits of 96 or 128
    return content


def load_arrays(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Read what `pack_arrays` made; a file that is not whole is a `DataError`."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise DataError(f"{path} is missing.") from None
    except (safetensors.SafetensorError, OSError, ValueError, struct.error) as error:
        fault = getattr(error, "strerror", None) or error
        raise DataError(f"{path} is damaged ({fault}).") from error
    arrays = {}
    for name, array in stored.items():
        arrays[name.removesuffix(_WIDE)] = array.view(np.longdouble) if name.endswith(_WIDE) else array
    return arrays, metadata


def save_checkpoint(path: Path, state: Mapping[str, Array], position: Position) -> None:
    """Write an engine's state and the run's position."""
    where = msgspec.json.encode(position).decode()
    write_whole(path, pack_arrays(state, {"position": where, "sha256": _checksum(state, where)}))


def load_checkpoint(path: Path) -> tuple[dict[str, Array], Position]:
    """Read a checkpoint; one that is damaged is a `DataError`."""
    try:
        state, metadata = load_arrays(path)
        if metadata["sha256"] != _checksum(state, metadata["position"]):
            raise DataError("its checksum does not match.")
        return state, msgspec.json.decode(metadata["position"], type=Position)
    except (DataError, KeyError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(
            f"the checkpoint {path} cannot be used: {_fault(error)}. Delete its folder, or train the run with --fresh."
        ) from error


def _fault(error: Exception) -> str:
    """Say what is wrong with a checkpoint."""
    if isinstance(error, DataError):
        _, of_the_file, words = str(error).rstrip(".").rpartition(".safetensors ")
        return f"it {words}" if of_the_file else words
    return "it does not hold what a checkpoint holds"


def _checksum(state: Mapping[str, Array], position: str) -> str:
    digest = hashlib.sha256(position.encode())
    for name, array in sorted(state.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(_bytes(array).tobytes())
    return digest.hexdigest()
