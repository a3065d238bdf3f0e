"""Pointers, frames and functions of another module as values of compiled code: types and intrinsics taught to Numba."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel.models import PrimitiveModel
from numba.core.imputils import lower_builtin, lower_getattr_generic
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global, signature
from numba.extending import intrinsic as _intrinsic
from numba.extending import register_model

from ravine.engines.fused.frame import Frame, fields, words_in

intrinsic: Any = _intrinsic
"""The first parameter of an intrinsic, `typing`, is Numba's: compiled code leaves it out."""

_WORD = ir.IntType(64)

FRAME = ir.ArrayType(_WORD, words_in(Frame)).as_pointer()
"""LLVM's type of the address of a frame."""

Declared = TypeVar("Declared", bound=Callable[..., Any])

Kind = Any
"""One of Numba's types, or a function that makes one from the type of a weight."""


class FramePart(types.Type):
    """The type of a named tuple of `frame`, or of the whole frame, for weights of one type.

    Its value is the address of the frame's words: what compiled code passes on is one number, and a field is read where
    it is used.

    Attributes:
        real: the type of a weight.
        types: the type of each field by name.
        places: the word at which each field begins.
    """

    def __init__(self, real: Any, kind: Any = Frame, first: int = 0) -> None:
        self.real, self.types, self.places = real, {}, {}
        for name, field in fields(kind).items():
            part = isinstance(field, type)
            self.types[name] = FramePart(real, field, first) if part else _field_type(field, real)
            self.places[name] = first
            first += words_in(field) if part else 1
        super().__init__(f"{kind.__name__}({real})")


FramePointer = FramePart
"""Of the type of a weight: the type of the address of a whole frame."""


@register_model(FramePart)
class _FramePartModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: FramePart) -> None:
        super().__init__(manager, kind, FRAME)


@infer_getattr
class _Fields(AttributeTemplate):
    key = FramePart

    def generic_resolve(self, part: Any, name: str) -> Any:  # type: ignore[override]  # a placeholder of Numba
        return part.types.get(name)


@lower_getattr_generic(FramePart)
def _read(context: Any, builder: Any, part: FramePart, frame: Any, name: str) -> Any:
    """Read a field. No word of a frame changes while compiled code runs, so each need be read only once."""
    kind = part.types[name]
    if isinstance(kind, FramePart):
        return frame
    word = builder.load(builder.gep(frame, [_WORD(0), _WORD(part.places[name])]))
    word.set_metadata("invariant.load", builder.module.add_metadata([]))
    if isinstance(kind, types.CPointer):
        return builder.inttoptr(word, context.get_value_type(kind))
    return builder.trunc(word, ir.IntType(1)) if kind == types.boolean else word


def _field_type(field: str, real: Any) -> Any:
    name = field.removesuffix("*")
    element = real if name == "real" else getattr(types, name)
    return types.CPointer(element) if field.endswith("*") else element


class Packed(types.Type):
    """The type of a fixed number of numbers or vectors that compiled code passes on as one value."""

    def __init__(self, element: Any, count: int) -> None:
        self.element, self.count = element, count
        super().__init__(f"Packed({element} x {count})")


@register_model(Packed)
class _PackedModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: Packed) -> None:
        element = manager.lookup(kind.element).get_value_type()
        super().__init__(manager, kind, ir.ArrayType(element, kind.count))


REALS: Kind = types.CPointer
DOUBLES: Kind = types.CPointer(types.float64)
UNITS: Kind = types.CPointer(types.uint32)


@intrinsic
def like(typing: Any, pointer: Any, number: Any) -> Any:
    """Return a number, converted to the type of the numbers that a pointer points to."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.cast(builder, args[1], number, pointer.dtype)

    return pointer.dtype(pointer, number), generate


@intrinsic
def bits_of(typing: Any, number: Any) -> Any:
    """Return the bits of a float64 as a whole number."""
    return types.uint64(types.float64), lambda context, builder, sig, args: builder.bitcast(args[0], _WORD)


@intrinsic
def number_of(typing: Any, bits: Any) -> Any:
    """Return the float64 that has these bits."""
    return types.float64(types.uint64), lambda context, builder, sig, args: builder.bitcast(args[0], ir.DoubleType())


@intrinsic
def polynomial(typing: Any, coefficients: Any, x: Any) -> Any:
    """Return c_0 x^n + c_1 x^(n-1) + .. + c_n, by Horner's rule."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        first, *others = cgutils.unpack_tuple(builder, args[0])
        return functools.reduce(lambda value, each: builder.fadd(builder.fmul(value, args[1]), each), others, first)

    return x(coefficients, x), generate


@intrinsic
def shifted(typing: Any, pointer: Any, count: Any) -> Any:
    """Return the pointer to pointer[count]."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return pointer(pointer, types.int64), generate


@intrinsic
def spread(typing: Any, packed: Any) -> Any:
    """Return packed values as a tuple."""
    result = types.UniTuple(packed.element, packed.count)
    return result(packed), lambda context, builder, sig, args: args[0]


@intrinsic
def first_of(typing: Any, packed: Any) -> Any:
    """Return the first of some packed values; in a state these are the weights."""
    return packed.element(packed), lambda context, builder, sig, args: builder.extract_value(args[0], 0)


def declared(result: Kind, *parameters: Kind) -> Callable[[Declared], Declared]:
    """Let compiled code call a function that is defined in another module of LLVM, as `symbol(function)`.

    The result and the parameters are Numba's types, or functions that make such a type from that of a weight. The first
    argument of a call tells which type the weights have.
    """

    def declare(function: Declared) -> Declared:
        class _Typing(AbstractTemplate):
            key = function

            def generic(self, args: Any, kws: Any) -> Any:
                if kws or len(args) != len(parameters):
                    return None
                return signature(*_kinds_for((result, *parameters), _real(args[0]) if args else None))

        infer_global(function, types.Function(_Typing))
        function.kinds = (result, *parameters)  # type: ignore[attr-defined]

        @lower_builtin(function, types.VarArg(types.Any))
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kind = context.call_conv.get_function_type(sig.return_type, sig.args)
            callee = cgutils.get_or_insert_function(builder.module, kind, symbol(function))
            return context.call_conv.call_function(builder, callee, sig.return_type, sig.args, args)[1]

        return function

    return declare


def pointed(result: Kind, *parameters: Kind) -> Callable[[Declared], Declared]:
    """Let compiled code call a function of these types by its address, which is the first argument of a call."""

    def declare(function: Declared) -> Declared:
        class _Typing(AbstractTemplate):
            key = function

            def generic(self, args: Any, kws: Any) -> Any:
                if kws or len(args) != 1 + len(parameters):
                    return None
                kinds = _kinds_for((result, *parameters), _real(args[1]))
                return signature(kinds[0], types.uint64, *kinds[1:])

        infer_global(function, types.Function(_Typing))
        function.kinds = (result, *parameters)  # type: ignore[attr-defined]

        @lower_builtin(function, types.VarArg(types.Any))
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kind = context.call_conv.get_function_type(sig.return_type, sig.args[1:])
            callee = builder.inttoptr(args[0], kind.as_pointer())
            return context.call_conv.call_function(builder, callee, sig.return_type, sig.args[1:], args[1:])[1]

        return function

    return declare


def _kinds_for(kinds: Sequence[Kind], real: Any) -> list[Any]:
    return [kind if isinstance(kind, types.Type) else kind(real) for kind in kinds]


def symbol(function: Callable[..., Any]) -> str:
    """Return the name under which a module calls a function of another module."""
    return f"ravine.{function.__name__}"


def _real(kind: Any) -> Any:
    """Return the type of a weight, read from that of a pointer to weights, a frame or a state."""
    if isinstance(kind, FramePointer):
        return kind.real
    return kind.dtype if isinstance(kind, types.CPointer) else kind.element.element
