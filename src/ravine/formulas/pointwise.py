"""A function of numbers together with its derivative, written once as mathematics: an activation or a loss.

The text is the small language of rules (`source.py`). NumPy computes it here on whole arrays, real or complex; mpmath
computes it in many digits; the fused engine compiles it.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError
from ravine.formulas.declaration import label_of, parameters
from ravine.formulas.faults import telling_faults
from ravine.formulas.ieee import function_of, plain_text
from ravine.formulas.source import Body, read_pointwise

Number = Any
"""A number, or an array of numbers."""

_TOLERANCE = 1e-9
"""How far a derivative may be off, relative to the larger of 1 and its size."""

_STEP = 1e-30
"""The complex step; it changes no digit of the real part."""


@dataclass(frozen=True, eq=False)
class Pointwise:
    """A function f of numbers, element by element, and its derivative with respect to its first argument.

    Attributes:
        label: its name in messages, such as "activation tanh".
        function: the function that was declared; it returns f and f'.
        arguments: the names of its arguments.
    """

    label: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]

    def body(self) -> Body:
        """Return the text, with the numbers that its module holds now."""
        return read_pointwise(self.function, self.label, self.arguments)

    @property
    def text(self) -> str:
        """The text written plainly: it decides what is computed."""
        return self.body().text

    def __call__(self, *arrays: Array) -> tuple[Array, Array]:
        """Return f and f' of arrays of one shape, in the dtype of the first, which may be complex.

        Of complex numbers the real parts decide comparisons, and abs and the like have the sign of the real part: so
        the complex step differentiates the branch that the real numbers take.
        """
        first = arrays[0]
        computed = (_of_complex if np.iscomplexobj(first) else _of_reals)(self.body(), self.arguments)
        with np.errstate(all="ignore"), telling_faults(self.label, self.function):
            value, derivative = computed(*arrays)
            return _like(value, first), _like(derivative, first)

    def in_digits(self, *numbers: Any) -> tuple[Any, Any]:
        """Return f and f' of mpmath's numbers, in the precision that is set."""
        import mpmath

        value, derivative = _of_digits(self.body(), self.arguments)(*numbers)
        return mpmath.mpf(value), mpmath.mpf(derivative)


def pointwise(kind: str, function: Any, arguments: tuple[str, ...], name: str | None) -> tuple[str, Pointwise]:
    """Read the declaration of a function of a kind, such as "activation"; return its name and the function.

    Raises:
        ConfigError: it is not a function of these arguments, or not written in the language of rules.
    """
    label = label_of(function, name, kind)
    positional, keywords = parameters(function, kind)
    if tuple(positional) != arguments or keywords:
        given = ", ".join([*positional, *(["*", *keywords] if keywords else [])])
        raise ConfigError(
            f"{kind} {label} takes ({given}); it must take ({', '.join(arguments)}), and return the value and its "
            f"derivative with respect to {arguments[0]}."
        )
    made = Pointwise(f"{kind} {label}", function, arguments)
    made.body()
    return label, made


def is_own(function: Callable[..., Any]) -> bool:
    """Tell whether a function stands on a shelf of ravine's, whose tests check it: every process loads the shelf."""
    return function.__module__.startswith(("ravine.activations.", "ravine.losses."))


def check_derivative(formula: Pointwise, points: Mapping[str, Array], kinks: tuple[float, ...] = ()) -> None:
    """Check the derivative at some points by the complex step, f'(z) = f(z + ih).imag / h.

    Args:
        formula: the function.
        points: for each of its arguments an array, all of one shape.
        kinks: where the derivative jumps, as values of the first argument less the second, if there is one; such
            points are left out.

    Raises:
        ConfigError: the derivative is wrong, and where; or a function has no form for complex numbers.
    """
    arrays = list(points.values())
    first = arrays[0]
    place = first - arrays[1] if len(arrays) > 1 else first
    value, derivative = formula(*arrays)
    with np.errstate(all="ignore"):
        found = formula(first + 1j * _STEP, *arrays[1:])[0].imag / _STEP
        off = np.abs(derivative - found)
        share = off / np.maximum(1, np.abs(found))
        share = np.where(np.isnan(share), np.inf, share)
    share[np.isin(place, kinks) | ~np.isfinite(value)] = 0
    k = int(np.argmax(share))
    if share[k] > _TOLERANCE:
        where = ", ".join(f"{name} = {array[k]:g}" for name, array in points.items())
        raise ConfigError(
            f"{formula.label} says that its derivative at {where} is {derivative[k]:.10g}, and that of its value is "
            f"{found[k]:.10g}: correct the second number that it returns."
        )


def _like(value: Any, first: Array) -> Array:
    array = np.asarray(value, first.dtype)
    return array if array.shape == first.shape else np.broadcast_to(array, first.shape)


def _computed(body: Body, arguments: tuple[str, ...], **scope: Any) -> Callable[..., Any]:
    lines = [f"{name} = {plain_text(value)}" for name, value in body.assignments]
    lines.append(f"return ({', '.join(map(plain_text, body.results))},)")
    return function_of(", ".join(arguments), lines, **scope)


@functools.cache
def _of_reals(body: Body, arguments: tuple[str, ...]) -> Callable[..., Any]:
    return _computed(body, arguments, erf=_erf)


@functools.cache
def _of_complex(body: Body, arguments: tuple[str, ...]) -> Callable[..., Any]:
    return _computed(_by_real_parts(body), arguments, np=_OfComplex(), abs=_OfComplex.absolute, erf=_erf, _real=np.real)


@functools.cache
def _of_digits(body: Body, arguments: tuple[str, ...]) -> Callable[..., Any]:
    import mpmath

    from ravine.formulas.digits import IN_DIGITS

    return _computed(body, arguments, np=IN_DIGITS, erf=mpmath.erf)


def _erf(x: Any) -> Any:
    from scipy.special import erf

    try:
        return erf(x)
    except TypeError:
        raise ConfigError(f"erf takes float32 and float64, and these numbers are {np.asarray(x).dtype}.") from None


def _by_real_parts(body: Body) -> Body:
    """Return a text in which real parts are compared."""
    change = _ByRealParts().visit
    assignments = tuple((name, change(copy.deepcopy(value))) for name, value in body.assignments)
    return Body(assignments, tuple(change(copy.deepcopy(value)) for value in body.results))


class _ByRealParts(ast.NodeTransformer):
    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Compare the real parts of both sides."""
        self.generic_visit(node)
        node.left, *others = (
            ast.Call(ast.Name("_real", ast.Load()), [side], []) for side in (node.left, *node.comparators)
        )
        node.comparators = list(others)
        return node


class _OfComplex:
    """NumPy's functions for the complex step: those that NumPy has for real numbers alone are continued analytically.

    Each takes the branch that it takes at the real part.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def absolute(x: Any) -> Any:
        return np.where(np.real(x) < 0, -x, x)

    fabs = absolute

    @staticmethod
    def sign(x: Any) -> Any:
        return np.sign(np.real(x)) + 0j

    @staticmethod
    def maximum(x: Any, y: Any) -> Any:
        return np.where((np.real(x) >= np.real(y)) | np.isnan(x), x, y)

    @staticmethod
    def minimum(x: Any, y: Any) -> Any:
        return np.where((np.real(x) <= np.real(y)) | np.isnan(x), x, y)

    fmax, fmin = maximum, minimum

    @staticmethod
    def floor(x: Any) -> Any:
        return np.floor(np.real(x)) + 0j

    @staticmethod
    def ceil(x: Any) -> Any:
        return np.ceil(np.real(x)) + 0j

    @staticmethod
    def trunc(x: Any) -> Any:
        return np.trunc(np.real(x)) + 0j

    @staticmethod
    def rint(x: Any) -> Any:
        return np.rint(np.real(x)) + 0j

    @classmethod
    def copysign(cls, x: Any, y: Any) -> Any:
        return cls.absolute(x) * np.copysign(1, np.real(y))

    @classmethod
    def cbrt(cls, x: Any) -> Any:
        root = np.cbrt(np.real(x))
        return root + 1j * np.imag(x) / (3 * root * root)

    @staticmethod
    def hypot(x: Any, y: Any) -> Any:
        length = np.hypot(np.real(x), np.real(y))
        return length + 1j * (np.real(x) / length * np.imag(x) + np.real(y) / length * np.imag(y))

    @staticmethod
    def arctan2(y: Any, x: Any) -> Any:
        length = np.hypot(np.real(x), np.real(y))
        turned = np.real(x) / length * np.imag(y) - np.real(y) / length * np.imag(x)
        return np.arctan2(np.real(y), np.real(x)) + 1j * turned / length

    @classmethod
    def logaddexp(cls, x: Any, y: Any) -> Any:
        return cls.maximum(x, y) + np.log1p(np.exp(-cls.absolute(x - y)))
