"""The text of an optimizer as its file has it, without what a reader of the page has seen already."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from ravine.formulas.matrix import MatrixOptimizer
from ravine.formulas.optimizer import Optimizer


def listing(optimizer: Optimizer) -> str:
    """Return the optimizer's function, its other forms, and the functions and constants of its file that they use.

    Decorators and docstrings are left out, and annotations that only say Any. An optimizer that is put together from
    others has no text of its own in a file; the text that results from joining them is returned.
    """
    formula = optimizer.formula
    try:
        lines, _ = inspect.findsource(optimizer.function)
    except OSError:
        arguments = () if formula is None else formula.arguments
        names = ", ".join([*arguments, "*", *(f"{key}={value!r}" for key, value in optimizer.defaults.items())])
        body = optimizer.text.replace("\n", "\n    ")
        return f"def {optimizer.name}({names}):\n    {body}\n"
    file = ast.parse("".join(lines))
    functions = [*_forms(optimizer), optimizer.function]
    defined = [function.__qualname__ for function in functions if function.__qualname__ in _defined(file)]
    parts = ["".join(lines[node.lineno - 1 : node.end_lineno]) for node in _used(file, defined)]
    # A function inside another one, as of a test or a notebook, stands for itself.
    parts += [_own(function) for function in functions if function.__qualname__ not in defined]
    return "\n\n".join(_plain(part).strip("\n") + "\n" for part in parts)


def _forms(optimizer: Optimizer) -> list[Callable[..., Any]]:
    """Return the functions that an optimizer is declared with, beside its own."""
    if isinstance(optimizer, MatrixOptimizer):
        given: list[Any] = [optimizer.starts, optimizer.evaluated]
    else:
        assert optimizer.formula is not None
        given = [*optimizer.formula.starts.values(), optimizer.formula.lazy, optimizer.formula.evaluated]
    return [form for form in given if inspect.isfunction(form)]


def _own(function: Callable[..., Any]) -> str:
    """Return the text of one function from its `def` on."""
    text = inspect.cleandoc("\n" + inspect.getsource(function))
    return text[re.search(r"^def ", text, re.MULTILINE).start() :]  # type: ignore[union-attr]


def _defined(file: ast.Module) -> dict[str, ast.stmt]:
    """Return the functions and constants of a file by name."""
    found: dict[str, ast.stmt] = {}
    for node in file.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node
    return found


def _used(file: ast.Module, names: Sequence[str]) -> list[ast.stmt]:
    """Return some functions of a file and what they use of it, in the file's order."""
    defined, found = _defined(file), set[str]()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in defined and name not in found:
            found.add(name)
            body = defined[name].body if isinstance(defined[name], ast.FunctionDef) else [defined[name]]
            waiting += [node.id for part in body for node in ast.walk(part) if isinstance(node, ast.Name)]
    return sorted((defined[name] for name in found), key=lambda node: node.lineno)


def _plain(text: str) -> str:
    """Take docstrings and empty annotations out of a text.

    >>> print(_plain('def f(g: Any, *, lr: Any = 0.1) -> Any:\\n    \"\"\"F.\"\"\"\\n    return lr * g\\n'), end="")
    def f(g, *, lr=0.1):
        return lr * g
    """
    text = re.sub(r"^ +(\"{3}|'{3})(?s:.*?)\1\n+", "", text, flags=re.MULTILINE)
    return re.sub(r": Any = ", "=", text).replace(": Any", "").replace(" -> Any", "")
