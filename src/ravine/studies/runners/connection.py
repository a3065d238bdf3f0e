"""A client of Dask's for the command line: of a cluster at an address, or of worker processes on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ravine.errors import ConfigError, shortened
from ravine.storage import claims
from ravine.studies.runners.dask import MISSING

_log = logging.getLogger("ravine")

LOCAL = "local"
"""The word for worker processes on this machine."""

PATIENCE = 30.0
"""Seconds to wait for a worker of this machine."""

_TIMEOUT = 5.0
"""Seconds to wait for a scheduler to answer."""


_LONG = 60
"""Seconds after which a folder that no process claims was left by one that was killed."""


@contextmanager
def connected(where: str, jobs: int) -> Iterator[Any]:
    """Yield a client of the cluster `where`.

    Args:
        where: "local" for worker processes on this machine, which end with this context; the address of a scheduler, as
            tcp://HOST:8786; or its file, which ends in .json.
        jobs: the number of worker processes, if they are on this machine.

    Raises:
        ConfigError: Dask is not installed, or no scheduler answers there.
    """
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise ConfigError(MISSING) from None
    _calm()
    if where == LOCAL:
        with _local(jobs) as client:
            yield client
        return
    address = _address_at(where)
    with _loop() as loop, _client(address, loop) as client:
        yield client


def _calm() -> None:
    """Let Dask be silent: what a cluster loses, ravine tells in one line each, and Dask would tell in tracebacks."""
    for name in ("distributed", *logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _address_at(where: str) -> str:
    """Return the address of a scheduler that `where` names, by itself or by its file."""
    address = where
    if where.endswith(".json"):
        try:
            address = str(json.loads(Path(where).read_bytes())["address"])
        except OSError as error:
            raise ConfigError(
                f"cannot read {where}: {error.strerror or error}. `dask scheduler --scheduler-file {where}` writes it."
            ) from None
        except (ValueError, KeyError, TypeError):
            raise ConfigError(
                f"{where} is not the file of a scheduler; `dask scheduler --scheduler-file {where}` writes one."
            ) from None
    _check_address(address)
    _need_certificates(address)
    return address


@contextmanager
def _loop() -> Iterator[Any]:
    """Yield an event loop that runs in a thread of its own, for as long as this context.

    Dask's own stays behind if a client cannot connect, and gives up if its thread has not begun after 10 s.
    """
    from tornado.ioloop import IOLoop

    ready: Future[tuple[Any, asyncio.Event]] = Future()

    async def serve() -> None:
        ending = asyncio.Event()
        ready.set_result((IOLoop.current(), ending))
        await ending.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, name="event loop of Dask", daemon=True)
    thread.start()
    loop, ending = ready.result()
    try:
        yield loop
    finally:
        loop.add_callback(ending.set)
        thread.join(timeout=_TIMEOUT)


@contextmanager
def _client(address: str, loop: Any) -> Iterator[Any]:
    """Yield a client of the scheduler at an address, and close it, also if it cannot connect.

    One that is left open is closed by the garbage collector, in any thread, and takes a lock of Dask's: if the thread
    of a new event loop is the one, both wait for each other.
    """
    from distributed import Client

    client = Client.__new__(Client)  # the constructor connects; if it fails, nobody else could close the client
    try:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of other versions, which ravine compares itself
                Client.__init__(client, address, loop=loop, timeout=_TIMEOUT, set_as_default=False)
        except Exception as error:
            words = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(
                f"no Dask scheduler answers at {address} ({words[:200]}); `dask scheduler` starts one."
            ) from None
        yield client
    finally:
        with contextlib.suppress(Exception):  # the scheduler may be gone
            client.close(timeout=2)


def _check_address(address: str) -> None:
    """Raise a `ConfigError` if an address has another form than those of schedulers; Dask's client would hang."""
    scheme, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    if not place:
        fault = "give local, the address of a scheduler as tcp://HOST:8786, or its file as scheduler.json."
    elif scheme.startswith("http"):
        fault = "this is the address of its page; that of the scheduler is as tcp://HOST:8786."
    elif not (host and port.isdecimal() and int(port) < 1 << 16):
        fault = "an address is as tcp://HOST:8786, with a port."
    else:
        return
    raise ConfigError(f"--dask is {shortened(address)}: {fault}")


def _need_certificates(address: str) -> None:
    """Raise a `ConfigError` if a scheduler asks for certificates and there are none; Dask's client would hang."""
    import dask
    from distributed import Security

    if not address.startswith("tls://"):
        if dask.config.get("distributed.comm.require-encryption"):
            raise ConfigError(f"Dask's settings ask for encryption, and {address} has none: give tls://HOST:PORT.")
        return
    names = "distributed.comm.tls.ca-file, client.cert and client.key"
    try:
        found = Security().get_connection_args("client").get("ssl_context")
    except OSError as error:
        raise ConfigError(
            f"the certificates for {address} cannot be read ({error.strerror or error}); Dask's settings name them as "
            f"{names}."
        ) from None
    if found is None:
        raise ConfigError(f"{address} takes certificates alone, and Dask's settings name none: give {names}.")


_NO_WORKERS: dict[str, Any] = {
    **{"n_workers": 0, "host": "127.0.0.1", "scheduler_port": 0},
    **{"dashboard_address": "127.0.0.1:0", "silence_logs": False},
}
"""The settings of a cluster that is a scheduler alone, which only this machine reaches."""


@contextmanager
def _local(jobs: int) -> Iterator[Any]:
    """Yield a client of a scheduler in this process, for worker processes of this machine."""
    import dask
    from distributed import LocalCluster

    with (
        _ending_by_exit(),
        _scratch() as scratch,
        dask.config.set({"temporary-directory": str(scratch)}),
        _loop() as loop,
        LocalCluster(**_NO_WORKERS, loop=loop) as cluster,
        _Workers(cluster.scheduler_address, jobs, scratch),
        _client(cluster.scheduler_address, loop) as client,
    ):
        yield client


@contextmanager
def _ending_by_exit() -> Iterator[None]:
    """Let SIGTERM end this process by an exception, so that nothing stays behind; otherwise it ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a folder for the files of workers, and remove those of processes that were killed before."""
    place, beginning = Path(tempfile.gettempdir()), "ravine-workers-"
    for folder in place.glob(f"{beginning}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _LONG and not claims.is_claimed(folder):
                shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=beginning, ignore_cleanup_errors=True) as name:
        claim = claims.take(Path(name))
        assert isinstance(claim, claims.Claim)
        try:
            yield Path(name)
        finally:
            claim.release()


class _Workers:
    """Worker processes of this machine, each with one thread; one that dies is followed by another.

    They are sessions of their own, so that Ctrl-C reaches this process alone. They end when their scheduler does, and
    so also if this process is killed.
    """

    def __init__(self, scheduler: str, count: int, scratch: Path) -> None:
        self._scheduler, self._count, self._scratch = scheduler, count, scratch
        self._ending = threading.Event()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._thread = threading.Thread(target=self._watch, name="workers", daemon=True)

    def __enter__(self) -> _Workers:
        try:
            for number in range(self._count):
                self._processes.append(self._start(number))
        except BaseException:
            self._kill()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._kill()

    def _kill(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        """Start a worker; what it says goes to a file."""
        command = [  # without -P, files of the current folder could take the place of modules
            *(sys.executable, "-P", "-m", "distributed.cli.dask_worker", self._scheduler),
            *("--no-nanny", "--no-dashboard", "--nthreads", "1", "--memory-limit", "0"),
            *("--death-timeout", "20", "--local-directory", str(self._scratch)),
        ]
        with (self._scratch / f"worker-{number}.log").open("wb") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=_environment()
            )

    def _watch(self) -> None:
        """Replace workers that have died, and tell once why if they end by themselves."""
        told = False
        while not self._ending.wait(0.2):
            for number, process in enumerate(self._processes):
                if process.poll() is None or self._ending.is_set():
                    continue
                if process.returncode > 0 and not told:
                    lines = (self._scratch / f"worker-{number}.log").read_text(errors="replace").split()
                    told = True
                    _log.warning("a worker process of this machine has ended: %s", " ".join(lines)[-300:])
                self._processes[number] = self._start(number)


def _environment() -> dict[str, str]:
    """Return the environment of a worker: that of this process, one thread for BLAS, no profiler beside the runs."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, **one, "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
