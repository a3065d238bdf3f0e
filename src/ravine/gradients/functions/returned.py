"""What a caller gave or returned in place of one array, in words: a tuple of several values, a dict, a ragged list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ravine.errors import shortened

_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_MOST = 5
"""Only of so many values are the shapes told."""


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Return the shape of a number or of an array of real numbers; None if it is neither."""
    try:
        array = np.asarray(value)
    except Exception:  # whatever the class of the value raises
        return None
    return array.shape if array.dtype.kind in "biufc" else None


def several_for_one(name: str, returned: Any, shape: tuple[int, ...], wanted: str) -> str | None:
    """Say that a function returned several values in place of one of a shape, and how to return that one alone.

    `wanted` says what the one value is. None if it returned no tuple, and no list in which there is one such value.

    >>> several_for_one("grad", (0.5, np.ones(3)), (3,), "has the shape of x")
    'grad returns a tuple of 2 values, of which the second has the shape of x: return that alone, as in \
`lambda x: grad(x)[1]`.'
    """
    if not isinstance(returned, (tuple, list)) or len(returned) < 2:
        return None
    ragged = list if isinstance(returned, list) else ()  # lists in a list are meant as one array
    fits = [k for k, value in enumerate(returned) if shape_of(value) == shape and not isinstance(value, ragged)]
    what = f"{name} returns a {type(returned).__name__} of {len(returned)} values"
    if len(fits) == 1 and fits[0] < len(_ORDINALS):
        alone = f"return that alone, as in `lambda x: {name}(x)[{fits[0]}]`"
        return f"{what}, of which the {_ORDINALS[fits[0]]} {wanted}: {alone}."
    return f"{what}; it must return one alone." if isinstance(returned, tuple) else None


def in_words(value: Any) -> str:
    """Describe what is no array of real numbers.

    >>> in_words([np.ones(2), np.ones(3)])
    'a list of 2 values, of shapes (2,) and (3,)'
    >>> in_words("abc")
    "'abc'"
    """
    shape = shape_of(value)
    if shape is not None:
        return f"{np.asarray(value).dtype} of shape {shape}"
    if not isinstance(value, (tuple, list)) or not value:
        return shortened(value)
    shapes = [shape_of(part) for part in value]
    what = f"a {type(value).__name__} of {len(value)} values"
    if None in shapes or len(shapes) > _MOST:
        return what
    *most, last = map(str, shapes)
    return f"{what}, of shapes {', '.join(most)} and {last}" if most else f"{what}, of shape {last}"


def table_in_words(table: Mapping[Any, Any]) -> str:
    """Describe a dict, by its first value that is no array, or by its keys.

    >>> table_in_words({"w": np.ones(2), "b": [[1], [1, 2]]})
    "a dict, and x['b'] is a list of 2 values, of shapes (1,) and (2,)"
    """
    for key, value in table.items():
        if shape_of(value) is None:
            return f"a {type(table).__name__}, and x[{shortened(key)}] is {in_words(value)}"
    return f"a {type(table).__name__} with the keys {', '.join(map(shortened, table))}" if table else "an empty dict"
