"""Claims: a file in a folder says which process works in it, on this machine or on another that shares the folder.

    FOLDER/claim-000001     the owner: token, machine, process; its modification time is the owner's last sign of life

Only one process can make a file that does not exist, on network file systems too. Locks of the system are not asked:
some file systems keep them within one machine.

A claim ends when its owner removes it, or when the owner is dead. On the same machine, processes tell whether the owner
lives. Of another machine, only signs of life tell: an owner touches its claims every `BEAT` seconds, and a claim that
was not touched for `LEASE` seconds has expired. Both times are those of the file system, so that the clocks of the
machines do not matter. The claim with the highest number counts: a successor adds the next one, so that two processes
which find the same expired claim cannot both succeed it, and an owner that was only asleep sees that it lost its claim.
"""

from __future__ import annotations

import functools
import os
import platform
import re
import secrets
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

LEASE = 60.0
"""Seconds after which a claim of another machine that was not touched has expired."""

BEAT = 5.0
"""Seconds between two signs of life."""

_FIRST = "claim-"


class Owner(msgspec.Struct, frozen=True):
    """Who made a claim.

    Attributes:
        token: random digits, another value for each claim.
        machine: one value for all processes that can see each other.
        host: the name of the machine, for people.
        process: the number of the process.
        begun: when the process began, as the system counts it, "" if unknown; numbers of processes are used again.
    """

    token: str
    machine: str
    host: str
    process: int
    begun: str

    @property
    def here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.machine == _machine()


@dataclass(frozen=True)
class Claim:
    """A claim of this process."""

    path: Path
    token: str

    def held(self) -> bool:
        """Tell whether the claim still counts: nobody has found it expired and succeeded it."""
        return _newest(self.path.parent) == self.path and self._is_mine()

    def release(self) -> None:
        """Give up the claim, and remove it with those that it succeeded."""
        _beating.stop(self)
        if not self._is_mine():  # it was lost, and its number is that of another claim now
            return
        for path in [path for path in _claims(self.path.parent) if path <= self.path]:
            with suppress(OSError):
                path.unlink()

    def release_alone(self) -> None:
        """Give up a claim beside one that lives, and leave that one."""
        _beating.stop(self)
        with suppress(OSError):
            self.path.unlink()

    def _is_mine(self) -> bool:
        try:
            owner = _owner(self.path.read_bytes())
        except OSError:
            return False
        return owner is not None and owner.token == self.token


def take(folder: Path) -> Claim | Owner | None:
    """Claim a folder, which must exist.

    Return the claim; or, if another process or thread has the folder, its owner, None if that is not known.

    Raises:
        OSError: the folder is gone, or cannot be written.
    """
    while True:
        newest = _newest(folder)
        if newest is not None:
            try:
                alive, owner = _look(newest)
            except FileNotFoundError:  # it was released just now
                continue
            if alive:
                return owner
        path = folder / f"{_FIRST}{_number(newest) + 1:06}"
        token = secrets.token_hex(8)
        me = Owner(token, _machine(), platform.node(), os.getpid(), _begun(os.getpid()))
        claim = Claim(path, token)
        _beating.start(claim)
        try:
            with path.open("xb") as file:
                try:
                    file.write(msgspec.json.encode(me))
                    file.flush()
                except BaseException:  # the disk is full, or Ctrl-C
                    path.unlink()
                    raise
        except FileExistsError:
            _beating.stop(claim)
            continue
        except BaseException:
            _beating.stop(claim)
            raise
        if any(_lives_at(other) for other in _claims(folder) if other < path):
            claim.release_alone()  # the look before was stale
            continue
        return claim


def is_claimed(folder: Path) -> bool:
    """Tell whether a process works in a folder."""
    newest = _newest(folder)
    try:
        return newest is not None and _look(newest)[0]
    except OSError:
        return False


def is_claim(path: Path) -> bool:
    """Tell whether a file is a claim."""
    return re.fullmatch(rf"{_FIRST}[0-9]{{6}}", path.name) is not None


def _claims(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if is_claim(path))
    except OSError:
        return []


def _newest(folder: Path) -> Path | None:
    return max(_claims(folder), default=None)


def _number(path: Path | None) -> int:
    return 0 if path is None else int(path.name.removeprefix(_FIRST))


def _look(path: Path) -> tuple[bool, Owner | None]:
    """Tell whether a claim counts, and who made it; None if its file cannot be understood."""
    with path.open("rb") as file:  # network file systems look at the server when a file is opened
        touched = os.fstat(file.fileno()).st_mtime
        content = file.read()
    owner = _owner(content)
    # Windows can only be asked for this very process: to ask for another one would send it Ctrl-C.
    if owner is not None and owner.here and (os.name != "nt" or owner.process == os.getpid()):
        return _lives(owner), owner
    return _now(path.parent) - touched < LEASE, owner


def _owner(content: bytes) -> Owner | None:
    """Return what a claim's file says; None if it is being written, or if its machine died while it was."""
    try:
        return msgspec.json.decode(content, type=Owner)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _lives_at(path: Path) -> bool:
    try:
        return _look(path)[0]
    except OSError:
        return False


def _lives(owner: Owner) -> bool:
    """Tell whether the owner of a claim, a process of this machine, lives."""
    if owner.process == os.getpid() and owner.begun == _begun(os.getpid()):
        return _beating.has(owner.token)
    begun = _begun(owner.process)
    if owner.begun and begun:
        return begun == owner.begun
    try:  # the system may hide the processes of other users
        os.kill(owner.process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # the process of another user
        return True
    return not _has_ended(owner.process)


def _now(folder: Path) -> float:
    """Return the time by the clock of a file system; by that of this machine if the folder cannot be written."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b".")
            file.flush()
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()


@functools.cache
def _machine() -> str:
    """Return one value for all processes that see each other's numbers: on Linux, those of a container after a boot."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        # Virtual machines that were made from one snapshot differ in their names alone.
        return f"{platform.node()} {boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


def _begun(process: int) -> str:
    """Return when a process began; "" if there is no such process, if it has ended, or if the system does not tell."""
    fields = _fields(process)
    return "" if not fields or fields[0] in "ZX" else fields[19]


def _has_ended(process: int) -> bool:
    """Tell whether a process has ended, and its parent has not noticed yet."""
    fields = _fields(process)
    return bool(fields) and fields[0] in "ZX"


def _fields(process: int) -> list[str]:
    """Return what Linux tells of a process, from its state on; nothing elsewhere."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


class _Beating:
    """Touches the claims of this process as long as there are any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._claims: dict[str, Path] = {}
        self._thread: threading.Thread | None = None

    def start(self, claim: Claim) -> None:
        with self._lock:
            self._claims[claim.token] = claim.path
            if self._thread is None or not self._thread.is_alive():  # a forked process has the object, and no thread
                self._thread = threading.Thread(target=self._beat, name="claims", daemon=True)
                self._thread.start()

    def stop(self, claim: Claim) -> None:
        with self._lock:
            self._claims.pop(claim.token, None)

    def has(self, token: str) -> bool:
        with self._lock:
            return token in self._claims

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            with self._lock:
                paths = list(self._claims.values())
                if not paths:
                    self._thread = None
                    return
            for path in paths:
                with suppress(OSError):  # it was released, or lost, or the disk is away for a moment
                    os.utime(path)


_beating = _Beating()


def _forget() -> None:
    global _beating
    _beating = _Beating()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # a forked process has none of the claims
