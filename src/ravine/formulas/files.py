"""Files of the user's that declare things: FILE.py, or FILE.py:NAME."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from ravine.errors import ConfigError, line_in, told
from ravine.formulas.faulty import keeping_faults
from ravine.inputs import expanded, folded, is_utf16

_running: set[Path] = set()


def names_file(reference: str) -> bool:
    """Tell whether a reference is FILE.py or FILE.py:NAME and not a name.

    >>> names_file("rules/mine.py:mine"), names_file("adam")
    (True, False)
    """
    return split(reference) is not None


def anchored(setting: str, reference: str, folder: Path) -> str:
    """Return what a setting names with the whole path of its file, which is relative to a folder.

    The setting `activation` may have several, with commas between.

    >>> anchored("activation", "gelu,mine.py:mish", Path("/home/me")), anchored("loss", "huber", Path("/home/me"))
    ('gelu,/home/me/mine.py:mish', 'huber')
    """
    each = reference.split(",") if setting == "activation" else [reference]
    return ",".join(str(folder / expanded(one)) if names_file(one) else one for one in each)


def split(reference: str) -> tuple[str, str] | None:
    """Return the path of a reference and its folded name, "" if it has none; None if it is no reference to a file.

    >>> split("rules/mine.py:mine²"), split("rules/mine.py"), split("adam")
    (('rules/mine.py', 'mine2'), ('rules/mine.py', ''), None)
    """
    if reference.endswith(".py"):
        return reference, ""
    path, colon, name = reference.rpartition(":")
    return (path, folded(name)) if colon and path.endswith(".py") else None


def run_file(path: str) -> tuple[Path, ModuleType]:
    """Run a file as a module of its own, once for each content; return its whole path and the module.

    A declaration that is refused does not end the file: its name is bound to what `faulty` keeps of it.

    Raises:
        ConfigError: there is no such file, or it cannot be run; the message tells the line.
    """
    file = expanded(path).absolute()
    try:
        text = file.read_bytes()
    except (OSError, ValueError) as error:  # as of a zero byte
        fault = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{path} cannot be read ({fault}); give FILE.py:NAME, a file and the name that it declares."
        ) from None
    if is_utf16(text):
        raise ConfigError(f"{path} is in UTF-16, which Python cannot run: save it in UTF-8.")
    return file, _run(file, text)


@functools.cache
def _run(file: Path, text: bytes) -> ModuleType:
    """Run a file as a module of its own, once for each content.

    Python runs this very text, and reads it as the source. The compiled files that Python keeps would miss an edit
    within the same second.
    """
    if file in _running:
        raise ConfigError(
            f"{file} trains with its own optimizer while ravine runs it to read it: put the training under "
            "`if __name__ == '__main__':`."
        )
    if b"\0" in text:  # versions of Python differ in what they say of it
        line = text.count(b"\n", 0, text.index(b"\0")) + 1
        raise ConfigError(f"{file}:{line}: it has a zero byte, which no text of Python has; save it in UTF-8.")
    _running.add(file)
    module = ModuleType(f"ravine_rules_{file.stem}_{hashlib.sha256(text).hexdigest()[:12]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        code = compile(text, str(file), "exec", dont_inherit=True)
        lines = importlib.util.decode_source(text).splitlines(keepends=True)
        linecache.cache[str(file)] = len(text), None, lines, str(file)
        with _beside(file.parent), keeping_faults(module.__name__, str(file)):
            exec(code, vars(module))
    except SyntaxError as error:
        line = _undecodable_line(text) or error.lineno or 1
        raise ConfigError(f"{error.filename or file}:{line}: {error.msg}.") from error
    except ConfigError as error:
        raise ConfigError(f"{file}:{line_in(error, str(file)) or 1}: {error}") from error
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{file}:{line_in(error, str(file)) or 1}: {told(error)}") from error
    finally:
        sys.modules.pop(module.__name__, None)
        _running.discard(file)
    return module


def _undecodable_line(text: bytes) -> int | None:
    """Return the line with the first byte that is no UTF-8, which Python puts at line 1; None if there is none."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return text.count(b"\n", 0, error.start) + 1
    return None


@contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """Let a file import what lies beside it, as a script can.

    Afterwards Python forgets these modules, since a file in another folder may have a helper of the same name.
    """
    place, before = str(folder), set(sys.modules)
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)
        for name in set(sys.modules) - before:
            origin, top = getattr(sys.modules[name], "__file__", None), folder / name.partition(".")[0]
            if origin and (Path(origin) == top.with_suffix(".py") or top in Path(origin).parents):
                del sys.modules[name]
