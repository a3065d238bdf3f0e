"""The text of a rule as its file has it, without what a reader of the page has seen already."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from typing import Any

from ravine.formulas.optimizer import Optimizer
from ravine.formulas.source import read_rule


def listing(rule: Optimizer) -> str:
    """Return the rule's function, the functions and constants of its file that it uses, and its other forms.

    Decorators and docstrings are left out, and annotations that only say Any. A rule that is put together from others
    has no text in a file; what it comes to is shown.
    """
    forms = [getattr(rule, form, None) for form in ("idle_form", "evaluated_form")]
    try:
        lines, _ = inspect.findsource(rule.function)
    except OSError:
        names = ", ".join([*rule.arguments, "*", *(f"{key}={value!r}" for key, value in rule.defaults.items())])
        body = read_rule(rule).text.replace("\n", "\n    ")
        return f"def {rule.name}({names}):\n    {body}\n"
    file = ast.parse("".join(lines))
    wanted = _used(file, rule.function) if rule.function.__qualname__ in _defined(file) else []
    # A function inside another one, as of a test or a notebook, stands for itself.
    parts = ["".join(lines[node.lineno - 1 : node.end_lineno]) for node in wanted] or [_own(rule.function)]
    parts += [_own(form) for form in forms if form is not None]
    return "\n\n".join(_plain(part).strip("\n") + "\n" for part in parts)


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


def _used(file: ast.Module, function: Callable[..., Any]) -> list[ast.stmt]:
    """Return the rule's function and what it uses of its own file, in the file's order."""
    defined, found = _defined(file), set[str]()
    waiting = [function.__qualname__]
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
