"""What a Dask worker does: it says what it has, gets ready, and trains runs, of which it stores none."""

from __future__ import annotations

import functools
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from threadpoolctl import threadpool_limits

from ravine.data import Dataset, info_of, load
from ravine.engines.fused import cache
from ravine.errors import DataError, RavineError, told
from ravine.storage.parcel import Parcel
from ravine.storage.record import Epoch
from ravine.studies.runners.orders import Order, run_of
from ravine.training.environment import environment
from ravine.training.interruption import Interruption
from ravine.training.loop import train_in

_OFTEN = 0.5
"""Seconds between two reports of the progress of a run, and between two looks whether it is still wanted."""


class Trained(msgspec.Struct, frozen=True):
    """How a run ended on a worker: with its files, or with an error, or with neither if nobody wants it any more."""

    run: str
    files: dict[str, bytes] = {}
    error: str | None = None


def what_you_have() -> dict[str, str | None]:
    """Return the versions of Python and of ravine, and a digest of ravine's text; None if there is no ravine.

    A worker may have no ravine, or an older one, so this function uses nothing of ravine. It is sent as what it is, see
    below.
    """
    import hashlib
    import pathlib
    import platform

    found: dict[str, str | None] = {"python": platform.python_version()}
    try:
        import ravine._version as version

        folder, text = pathlib.Path(str(version.__file__)).parent, hashlib.sha256()
        for file in sorted(folder.rglob("*.py")):
            text.update(file.read_bytes())
        found |= {"ravine": version.__version__, "text": text.hexdigest()}
    except Exception:
        found |= {"ravine": None, "text": None}
    return found


what_you_have.__module__ = "__main__"  # so that it travels as its code, not as a name in a module of ravine


def this_process() -> str:
    """Return a name of this process that no other process has, on any machine."""
    return f"{platform.node()} {os.getpid()}"


def get_ready(datasets: Mapping[str, Sequence[str]], data_dir: str | None, driver: str) -> dict[str, Any]:
    """Load the data of a study, by name with the checksums of their files, and return what this machine is.

    `driver` is the process that asks.

    The answer has the fault, None if there is none, the processor, and the versions of the libraries that compute.
    """
    if this_process() != driver:  # a worker may be a thread of the driver's process
        threadpool_limits(1)  # for good: the threads of a worker would restore each other's limits
        folder = _folder_of_machine()
        if folder is not None:
            cache.keep_in(str(folder / "kernels"))
    fault = None
    try:
        for name, checksums in datasets.items():
            _dataset(name, data_dir)
            found = sorted(info_of(name).sha256.values())
            if found != list(checksums):
                raise DataError(f"data set {name} has other checksums here.")
    except RavineError as error:
        fault = str(error)
    except Exception as error:
        fault = told(error)
    own = environment(threads=1)
    return {"fault": fault, **{name: own[name] for name in ("processor", "numpy", "numba")}}


def work(orders: Sequence[bytes], topic: str, data_dir: str | None, careful: bool) -> list[Trained]:
    """Train runs one after the other; tell the progress from time to time, as events of a topic.

    If `careful`, let the news that a run begins arrive before it can kill this process.
    """
    from distributed import Status, get_worker
    from distributed.worker import thread_state

    worker, key = get_worker(), thread_state.key

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        here = worker.status in (Status.running, Status.paused)  # otherwise it ends, as when the scheduler is gone
        return here and task is not None and task.state == "executing"

    last = -_OFTEN

    def tell(run: str, share: float, loss: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        if careful or now - last >= _OFTEN:  # an event costs about as much as a run of some milliseconds
            last = now
            worker.log_event(topic, {"worker": worker.address, "run": run, "share": share, "loss": loss})
        if careful and loss is None:
            time.sleep(_OFTEN)

    stop = _Unwanted(wanted)
    return [_train(order, stop, tell, data_dir) for order in orders]


_Tell = Callable[[str, float, float | None], None]
"""A function that tells how a run stands: the run, the share that is done, and its loss; None when it begins."""


def _train(order: bytes, stop: Interruption, tell: _Tell, data_dir: str | None) -> Trained:
    name = msgspec.msgpack.decode(order, type=Order).id
    if stop:
        return Trained(name)
    tell(name, 0.0, None)
    try:
        run, parcel = run_of(order), Parcel()
        data = _dataset(run.spec.dataset, data_dir)
        with parcel.working_folder(run.id) as folder:
            watcher = _Teller(name, run.spec.epochs, tell)
            outcome = train_in(folder, run, data, parcel, watcher=watcher, interruption=stop)
    except RavineError as error:
        return Trained(name, error=str(error))
    except Exception as error:
        return Trained(name, error=f"{type(error).__name__}: {error}")
    return Trained(name, parcel.files if outcome.stored is not None else {})


class _Unwanted(Interruption):
    """Tells whether nobody waits for the results of this task any more, as after Ctrl-C, or if the driver died."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self._wanted, self._looked, self._stopped = wanted, time.monotonic(), False

    def __bool__(self) -> bool:
        now = time.monotonic()
        if not self._stopped and now - self._looked > _OFTEN:
            self._looked, self._stopped = now, not self._wanted()
        return self._stopped


class _Teller:
    """Passes on the progress of one run as the share of the whole run that is done."""

    def __init__(self, run: str, epochs: int, tell: _Tell) -> None:
        self._run, self._epochs, self._tell = run, epochs, tell

    def note(self, text: str) -> None:
        """Say nothing: a study goes on by itself."""

    def progress(self, epoch: int, share: float, loss: float) -> None:
        """Pass on the share of the whole run."""
        self._tell(self._run, (epoch - 1 + share) / self._epochs, loss)

    def epoch(self, record: Epoch) -> None:
        """Say nothing: progress has said it."""


@functools.cache
def _dataset(name: str, data_dir: str | None) -> Dataset:
    """Return a data set, loaded once in a process: from the driver's folder if it is here too, else as any other."""
    folder = None if data_dir is None or not Path(data_dir).is_dir() else Path(data_dir)
    return load(name, folder, quiet=True)


def _folder_of_machine() -> Path | None:
    """Return a folder of this user's on a disk of this very machine; None if there is no safe one."""
    if not hasattr(os, "getuid"):
        return None
    folder = Path(tempfile.gettempdir()) / f"ravine-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError:
        return None
    # Whoever could write there could have this process run any code.
    return folder if state.st_uid == os.getuid() and state.st_mode & 0o077 == 0 and not folder.is_symlink() else None
