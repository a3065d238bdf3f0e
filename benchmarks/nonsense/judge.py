"""How one case ended, and which faults that end has."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.nonsense.world import World
from ravine.cli.main import run
from ravine.errors import DataError, DownloadError, RavineError
from ravine.storage.checkpoint import load_checkpoint
from ravine.storage.store import RunStore

STOP_SECONDS, LIMIT_SECONDS = 4.0, 20.0
"""The seconds after which a case gets Ctrl-C, again and again, and those after which it counts as hanging."""

LONGEST_MESSAGE = 1000
"""Letters of a message; it must be one line."""

USUAL_CODES = frozenset({0, 2, 3, 4, 130})
CODES_OF = {
    "check-optimizer": {1},
    "gradcheck": {1, 6},
    "runs merge": {1, 5},
    "study run": {5},
    "reproduce": {5},
    "compare": {5},
}
"""The exit codes that all commands have, and those that some have besides."""

_CALL = "<the call>"

_OF_PYTHON = re.compile(r"unexpected keyword|required (positional|keyword)|missing \d+ required|multiple values for")
"""Words of Python's own about a call that does not fit a signature."""

_INSIDE = re.compile(r"Traceback|Warning|\[Errno|msgspec| at 0x[0-9a-f]{6}|ufunc|\bNone\.|\b0x7f")
"""Words that tell a user about the inside of a program."""


class Hangs(BaseException):
    """A case went on after Ctrl-C."""


@dataclass(frozen=True)
class Ended:
    """How a case ended, in a word or two, and what was wrong with it."""

    what: str
    how: str
    faults: tuple[str, ...]


def judge_line(words: list[str], what: str, world: World) -> Ended:
    """Run a command line and judge its end."""
    with _watched(world) as seen:
        try:
            seen.how = str(run(words))
        except Hangs:
            seen.faults.append(f"it went on {LIMIT_SECONDS - STOP_SECONDS:g} s after Ctrl-C")
        except (Exception, SystemExit):
            seen.faults.append(_last_calls())
    code = seen.how
    if code.isdigit():
        if int(code) not in USUAL_CODES | CODES_OF.get(what, set()):
            seen.faults.append(f"exit code {code}, which no page names for it")
        if code in ("2", "3", "4"):
            if seen.out:
                seen.faults.append(f"it failed with text on stdout: {seen.out[:300]!r}")
            _, sign, message = seen.err.rpartition("Error: " if code == "2" and "Error: " in seen.err else "ravine: ")
            if sign:
                seen.faults += faults_of_message(message, code == "4" or "\n" in "".join(words))
            elif not seen.err.startswith("Usage: "):  # a group without a command shows its help
                seen.faults.append(f"it failed without a message: {seen.err[-300:]!r}")
        elif re.search(r"Warning|Traceback", seen.err) and "Exception ignored" not in seen.err:
            seen.faults.append(f"a warning on stderr: {seen.err[-500:]}")
        if failed := re.search(r"ravine: run \w+: \w+(Error|Exception|Warning): .*", seen.err):
            seen.faults.append(f"a run of a study failed by a bug: {failed[0][:500]}")
    return Ended(what, f"exit {code}", (*seen.faults, *seen.left))


def judge_call(text: str, names: dict[str, Any], world: World) -> Ended:
    """Evaluate a call and judge its end."""
    function = text.partition("(")[0] if "predict" not in text else "Run.predict"
    with _watched(world) as seen:
        try:
            eval(compile(text, _CALL, "eval"), dict(names))
            seen.how = "a result"
        except RavineError as error:
            seen.how = type(error).__name__
            seen.faults += faults_of_message(str(error), isinstance(error, DownloadError) or "\\n" in text)
        except KeyboardInterrupt:
            seen.how = "KeyboardInterrupt"
        except Hangs:
            seen.faults.append(f"it went on {LIMIT_SECONDS - STOP_SECONDS:g} s after Ctrl-C")
        except TypeError as error:
            seen.how = "TypeError of Python's"
            if not _OF_PYTHON.search(str(error)):
                seen.faults.append(_last_calls())
        except (Exception, SystemExit):
            seen.faults.append(_last_calls())
    written = re.sub(r"(compiling|the run in \S+ is damaged:) .*\n", "", seen.out + seen.err)
    if written:
        seen.faults.append(f"a call wrote: {written[:300]!r}")
    return Ended(function, seen.how, (*seen.faults, *seen.left))


def faults_of_message(message: str, lists: bool = False) -> list[str]:
    """Return what is wrong with the words of an error.

    One `lists` what was tried, or quotes lines that were given, and has several.
    """
    faults = []
    if len(message) > LONGEST_MESSAGE and not lists:
        faults.append(f"a message of {len(message)} letters: {message[:200]}...")
    if "\n" in message.strip() and not lists:
        faults.append(f"a message of several lines: {message[:300]!r}")
    if inside := _INSIDE.search(message):
        faults.append(f"a message tells of the inside ({inside[0]}): {message[:300]}")
    if len(message.split()) < 3:
        faults.append(f"a message without words: {message!r}")
    return faults


@dataclass
class _Seen:
    how: str
    out: str
    err: str
    faults: list[str]
    left: list[str]


@contextlib.contextmanager
def _watched(world: World) -> Iterator[_Seen]:
    """Give a case a world of its own and catch all that it prints; a case that takes long gets Ctrl-C."""
    before = _files(world)
    seen = _Seen("fault", "", "", [], [])
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", errors) for errors in ("strict", "backslashreplace"))
    with (
        warnings.catch_warnings(record=True) as told,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _timed(),
    ):
        warnings.simplefilter("always")
        yield seen
    for stream in (out, err):
        stream.flush()
    # Python swallows what is raised while it cleans up, Ctrl-C too.
    seen.out, seen.err = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    # Functions that a call gives may warn as they like.
    ours = [w for w in told if w.filename != _CALL]
    seen.faults += [f"{w.category.__name__}: {w.message} ({w.filename}:{w.lineno})" for w in ours]
    seen.left += _left_over(world, before, seen.how)


@contextlib.contextmanager
def _timed() -> Iterator[None]:
    def alarm(number: int, frame: FrameType | None) -> None:
        if time.monotonic() - began > LIMIT_SECONDS:
            raise Hangs
        signal.raise_signal(signal.SIGINT)

    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, STOP_SECONDS, STOP_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _last_calls() -> str:
    """Tell the error that is being handled and the last calls on the way to it."""
    kind, error, trace = sys.exc_info()
    calls = traceback.extract_tb(trace)[-5:]
    way = "\n".join(f"    {call.filename}:{call.lineno} {call.line}" for call in calls)
    return f"{kind.__name__ if kind else ''}: {str(error)[:300]}\n{way}"


def _files(world: World) -> dict[Path, tuple[int, int]]:
    top = world.here.parent
    return {
        Path(folder, name): (stat.st_mtime_ns, stat.st_ino)
        for folder, folders, files in os.walk(top)
        for name in (*folders, *files)
        if "__pycache__" not in folder
        for stat in [Path(folder, name).lstat()]
    }


def _left_over(world: World, before: dict[Path, tuple[int, int]], how: str) -> list[str]:
    """Return what a case has left behind that is not whole."""
    after = _files(world)
    top = world.here.parent
    faults = []
    new = [path for path in after if path not in before]
    for path in new:
        shown = str(path.relative_to(top))[-100:]
        if path.name.startswith(".") and path.name.strip("."):
            faults.append(f"a temporary file is left: {shown}")
        elif path.is_dir() and not any(path.iterdir()):
            faults.append(f"an empty folder is left: {shown}")
        elif path.is_file() and path.name != "lock" and path.stat().st_size == 0:
            faults.append(f"an empty file is left: {shown}")
        elif path.name.endswith(".partial"):
            faults += _fault_of(lambda path=path: load_checkpoint(path / "checkpoint.safetensors"), shown)
        elif path.name == "result.json":
            faults += _fault_of(lambda path=path: RunStore(path.parents[1]).load(path.parent.name).weights(), shown)
    if how in ("2", "3", "4", "ConfigError", "DataError", "StorageError"):
        runs = {path.parent for path in after if path.name == "result.json"}
        faults += [
            f"a case that failed wrote {str(path.relative_to(top))[-100:]}"
            for path in new
            if path.is_file() and path.parent not in runs and path.name != "lock"
        ]
    return faults


def _fault_of(read: Callable[[], object], shown: str) -> list[str]:
    try:
        read()
    except DataError as error:
        return [f"what is left is not whole: {shown}: {error}"]
    return []
