"""The names that a setting may take, read from the files of the package without importing them.

`ravine --help` and the completion of a shell need names, and should not wait for NumPy. So the names of a shelf, a
folder with one thing a file, are read from the names of its files, and the names of a table from its text. Code that
uses a name finds the thing itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

Choices = Callable[[], tuple[str, ...]]

_PACKAGE = Path(__file__).parent


def shelf(folder: str, separator: str = "_") -> Choices:
    """Return a function that lists the things of a shelf, each of which is declared in a file of its own name.

    A file that declares nothing under its own name is left out: other files of the shelf import from it. The names have
    `separator` in place of each "_" of the file's name.

    >>> shelf("activations", separator="-")()
    ('leaky-relu', 'relu', 'sigmoid', 'tanh')
    """

    @cache
    def names() -> tuple[str, ...]:
        files = sorted((_PACKAGE / folder).glob("*.py"))
        return tuple(file.stem.replace("_", separator) for file in files if _declares(file))

    return names


def _declares(file: Path) -> bool:
    text = file.read_text(encoding="utf-8")
    return re.search(rf"^(def {file.stem}\(|{file.stem}\b.* = )", text, re.MULTILINE) is not None


def table(file: str, variable: str) -> Choices:
    """Return a function that lists the names in a table that a file writes out: keys, strings, or first arguments.

    >>> table("losses/cross_entropy.py", "SOFTMAX_FORMS")()
    ('shifted', 'naive')
    """

    @cache
    def names() -> tuple[str, ...]:
        for statement in ast.parse((_PACKAGE / file).read_text(encoding="utf-8")).body:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
            if isinstance(target, ast.Name) and target.id == variable:
                assert isinstance(statement, ast.Assign | ast.AnnAssign)
                return tuple(_written(statement.value))
        raise LookupError(f"{file} has no {variable}")

    return names


def _written(value: ast.expr | None) -> Iterator[str]:
    """Yield the names in a table as it is written."""
    match value:
        case ast.Constant(value=str(name)):
            yield name
        case ast.Dict(keys=keys):
            for key in keys:
                yield from _written(key)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _written(part)
        case ast.Call(args=arguments, keywords=keywords):
            named = [keyword.value for keyword in keywords if keyword.arg == "name"]
            yield from _written((named or arguments)[0])


def files(folders: tuple[str, ...], suffix: str) -> Choices:
    """Return a function that lists the files with a suffix in some folders, without it; a folder need not exist.

    >>> "batch-size" in files(("studies",), ".toml")()
    True
    """

    @cache
    def names() -> tuple[str, ...]:
        return tuple(file.stem for folder in folders for file in sorted((_PACKAGE / folder).glob(f"*{suffix}")))

    return names


def these(*names: str) -> Choices:
    """Return a function that lists the given names."""
    return lambda: names


OPTIMIZERS = shelf("optimizers")
ACTIVATIONS = shelf("activations", separator="-")
LOSSES = shelf("losses", separator="-")
INITIALIZERS = table("networks/initializers.py", "INITIALIZERS")
SOFTMAX_FORMS = table("losses/cross_entropy.py", "SOFTMAX_FORMS")
DATA_SETS = table("data/catalog.py", "_TABLE")
SCHEDULES = shelf("schedules")
STAGES = shelf("stages")
SURFACES = shelf("surfaces")
PROBLEMS = shelf("problems", separator="-")
STUDIES = files(("studies", "paper"), ".toml")
