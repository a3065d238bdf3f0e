"""Vectors of 16 numbers as values of compiled code, with the arithmetic and the functions of NumPy.

LLVM can vectorize a loop over numbers by itself, but only behind tests that its arrays do not overlap and in front of
a loop for the remainder, and on short rows these take as long as the work. A loop over `load(a, i)` and
`store(a, i, v)` with rows padded to whole vectors needs neither. LLVM turns a vector into as many registers as the
processor needs: one with AVX-512 and float32, two with AVX2.

Compiled code may compute with vectors as with numbers: + - * / **, comparisons, `np.where` and the functions that a
rule may call; a number beside a vector stands for 16 equal numbers.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from ravine.engines.fused.frame import LANES
from ravine.engines.fused.pointers import Packed, intrinsic
from ravine.formulas.given import FUNCTIONS

_COMPARISONS = {
    operator.lt: "<", operator.le: "<=", operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!="
}  # fmt: skip
_INT = ir.IntType(32)

Emit = Callable[..., Any]


class Vector(types.Type):
    """The type of 16 numbers, or truth values, of one type."""

    def __init__(self, element: Any) -> None:
        self.element = element
        super().__init__(f"Vector({element})")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        element = ir.IntType(1) if kind.element == types.boolean else manager.lookup(kind.element).get_value_type()
        super().__init__(manager, kind, ir.VectorType(element, LANES))


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """Return array[index : index + 16]."""

    return Vector(array.dtype)(array, types.uint64), _load


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a vector, or a number 16 times, to array[index : index + 16]."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = _lift(context, builder, Vector(array.dtype), args[2], sig.args[2])
        instruction = builder.store(vector, _place(context, builder, sig, args))
        instruction.align = context.get_abi_sizeof(context.get_value_type(array.dtype))
        return context.get_dummy_value()

    return types.none(array, types.uint64, value), generate


@intrinsic
def prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of array[index] before it is needed."""
    return types.none(array, types.uint64), _prefetch(3)


@intrinsic
def prefetch_outer(typing: Any, array: Any, index: Any) -> Any:
    """Ask for a cache line as `prefetch` does, but for the second-level cache, which can wait for more lines at once."""
    return types.none(array, types.uint64), _prefetch(2)


@intrinsic
def splat(typing: Any, number: Any) -> Any:
    """Return a number 16 times."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _lift(context, builder, Vector(number), args[0], number)

    return Vector(number)(number), generate


@intrinsic
def zeros(typing: Any, array: Any) -> Any:
    """Return a vector of zeros, of the type of an array's numbers."""
    kind = Vector(array.dtype)
    return kind(array), lambda context, builder, sig, args: ir.Constant(context.get_value_type(kind), [0.0] * LANES)


@intrinsic(prefer_literal=True)
def each_zero(typing: Any, array: Any, count: Any) -> Any:
    """Return `count` vectors of zeros, of the type of an array's numbers."""
    if not isinstance(count, types.IntegerLiteral):
        return None
    result, generate = _vectors_of_zeros(array, count.literal_value)
    return result(array, count), generate


@intrinsic
def no_products(typing: Any, array: Any, factors: Any) -> Any:
    """Return as many vectors of zeros as a tuple has numbers."""
    result, generate = _vectors_of_zeros(array, factors.count)
    return result(array, factors), generate


@intrinsic(prefer_literal=True)
def taken(typing: Any, array: Any, index: Any, count: Any) -> Any:
    """Return array[index], array[index + 1], .., `count` numbers; whole numbers as uint64, the type of offsets."""
    if not isinstance(count, types.IntegerLiteral):
        return None
    element = types.uint64 if isinstance(array.dtype, types.Integer) else array.dtype
    result = types.UniTuple(element, count.literal_value)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        start = builder.gep(_start(context, builder, array, args[0]), [args[1]])
        numbers = [builder.load(builder.gep(start, [_INT(k)])) for k in range(result.count)]
        return context.make_tuple(
            builder, result, [context.cast(builder, number, array.dtype, element) for number in numbers]
        )

    return result(array, types.uint64, count), generate


@intrinsic
def loads(typing: Any, array: Any, offsets: Any, index: Any) -> Any:
    """Return the vectors at array[offset + index] for each of a tuple of offsets."""
    result = types.UniTuple(Vector(array.dtype), offsets.count)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        one = signature(Vector(array.dtype), array, types.uint64)
        places = [builder.add(offset, args[2]) for offset in cgutils.unpack_tuple(builder, args[1])]
        return context.make_tuple(builder, result, [_load(context, builder, one, [args[0], place]) for place in places])

    return result(array, offsets, types.uint64), generate


@intrinsic
def add_product_to_each(typing: Any, sums: Any, factors: Any, other: Any) -> Any:
    """Return s + x * a for each s of a tuple; x and a are from tuples as well, or the same for all."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        each = _each(context, builder, sums.dtype, factors, args[1], sums.count)
        others = _each(context, builder, sums.dtype, other, args[2], sums.count)
        given = zip(cgutils.unpack_tuple(builder, args[0]), each, others, strict=True)
        return context.make_tuple(builder, sums, [builder.fadd(s, builder.fmul(x, a)) for s, x, a in given])

    return sums(sums, factors, other), generate


@intrinsic
def sum_of_products(typing: Any, factors: Any, vectors: Any) -> Any:
    """Return x0 * a0 + x1 * a1 + .., written from left to right."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return functools.reduce(builder.fadd, _products(context, builder, factors, vectors, *args))

    return vectors.dtype(factors, vectors), generate


@intrinsic
def add_products(typing: Any, start: Any, factors: Any, vectors: Any) -> Any:
    """Return start + x0 * a0 + x1 * a1 + .., written from left to right; in a `leaf` the order may change."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return functools.reduce(builder.fadd, _products(context, builder, factors, vectors, *args[1:]), args[0])

    return start(start, factors, vectors), generate


@intrinsic
def totals(typing: Any, vectors: Any) -> Any:
    """Return the sum of each of up to four vectors, which cost little more than that of one."""
    result = types.UniTuple(vectors.dtype.element, vectors.count)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        given = cgutils.unpack_tuple(builder, args[0])
        if len(given) == 1:
            sums = [builder.extract_element(_halve(builder, given[0], 1), _INT(0))]
        else:
            sums = _sums_of_four(builder, *(given * 2)[:4])[: len(given)]
        return context.make_tuple(builder, result, sums)

    return result(vectors), generate


@intrinsic
def pack(typing: Any, values: Any) -> Any:
    """Return a tuple as one value; it has vectors and numbers with a vector first, or numbers alone."""
    element = values.types[0]

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        result = ir.Constant(context.get_value_type(sig.return_type), ir.Undefined)
        for k, (value, given) in enumerate(zip(cgutils.unpack_tuple(builder, args[0]), values.types, strict=True)):
            if isinstance(element, Vector):
                value = _lift(context, builder, element, value, given)
            result = builder.insert_value(result, value, k)
        return result

    return Packed(element, len(values.types))(values), generate


def _prefetch(locality: int) -> Emit:
    """Return the code of a prefetch; the locality 3 stands for the first-level cache, 2 for the second."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        function = ir.FunctionType(ir.VoidType(), [byte, _INT, _INT, _INT])
        data = _start(context, builder, sig.args[0], args[0])
        at = builder.bitcast(builder.gep(data, [args[1]]), byte)
        to_read, keep, as_data = _INT(0), _INT(locality), _INT(1)
        name = "llvm.prefetch.p0"
        builder.call(cgutils.get_or_insert_function(builder.module, function, name), [at, to_read, keep, as_data])
        return context.get_dummy_value()

    return generate


def _each(context: Any, builder: Any, kind: Vector, given: Any, value: Any, count: int = 0) -> list[Any]:
    """Return the values of a tuple as vectors, or one value as often as asked for."""
    if isinstance(given, types.BaseTuple):
        kinds: Any = given
        values = zip(cgutils.unpack_tuple(builder, value), kinds.types, strict=True)
        return [_lift(context, builder, kind, one, of) for one, of in values]
    return [_lift(context, builder, kind, value, given)] * count


def _vectors_of_zeros(array: Any, count: int) -> tuple[Any, Emit]:
    """Return the type and the code of a tuple of vectors of zeros."""
    result = types.UniTuple(Vector(array.dtype), count)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zero = ir.Constant(context.get_value_type(result.dtype), [0.0] * LANES)
        return context.make_tuple(builder, result, [zero] * result.count)

    return result, generate


def _products(context: Any, builder: Any, factors: Any, vectors: Any, numbers: Any, values: Any) -> list[Any]:
    """Return x * a for each x and a of two tuples."""
    each = _each(context, builder, vectors.dtype, factors, numbers)
    return [builder.fmul(x, a) for x, a in zip(each, cgutils.unpack_tuple(builder, values), strict=True)]


def _sums_of_four(builder: Any, a: Any, b: Any, c: Any, d: Any) -> list[Any]:
    ab, cd = _interleave(builder, a, b, 1), _interleave(builder, c, d, 1)
    sums = _halve(builder, _interleave(builder, ab, cd, 2), 4)
    return [builder.extract_element(sums, _INT(k)) for k in range(4)]


def _interleave(builder: Any, a: Any, b: Any, width: int) -> Any:
    """Add up two lanes of a and two of b for each lane of the result, within every four lanes.

    Of a0 a1 a2 a3 and b0 b1 b2 b3 it makes a0+a2, b0+b2, a1+a3, b1+b3 where the width is 1, and a0+a2, a1+a3, b0+b2,
    b1+b3 where it is 2.
    """
    low, high = [], []
    for first in range(0, LANES, 4):
        order = [0, LANES, 1, LANES + 1] if width == 1 else [0, 1, LANES, LANES + 1]
        low += [first + lane for lane in order]
        high += [first + lane + 2 for lane in order]
    return builder.fadd(_shuffle(builder, a, b, low), _shuffle(builder, a, b, high))


def _halve(builder: Any, v: Any, lanes: int) -> Any:
    """Add the upper half of a vector to its lower half until it has so many lanes."""
    n = v.type.count
    while n > lanes:
        n //= 2
        v = builder.fadd(_shuffle(builder, v, v, range(n)), _shuffle(builder, v, v, range(n, 2 * n)))
    return v


def _shuffle(builder: Any, a: Any, b: Any, lanes: Sequence[int]) -> Any:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, len(lanes)), list(lanes)))


def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    value = builder.load(_place(context, builder, sig, args))
    value.align = context.get_abi_sizeof(context.get_value_type(sig.args[0].dtype))
    return value


def _place(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    vector = context.get_value_type(Vector(sig.args[0].dtype))
    return builder.bitcast(builder.gep(_start(context, builder, sig.args[0], args[0]), [args[1]]), vector.as_pointer())


def _start(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Return the address of the first number of an array, or a pointer as it is."""
    return array if isinstance(kind, types.CPointer) else context.make_array(kind)(context, builder, array).data


def _lift(context: Any, builder: Any, kind: Vector, value: Any, given: Any) -> Any:
    """Return a vector of numbers as it is, one of truth values as ones and zeros, a number 16 times."""
    vector = context.get_value_type(kind)
    if isinstance(given, Vector):
        return value if given == kind else builder.uitofp(value, vector)
    number = context.cast(builder, value, given, kind.element)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, _INT(0))
    return _shuffle(builder, first, first, [0] * LANES)


def _define(function: Any, count: int, emit: Emit, result: Any = None) -> None:
    """Let a function take vectors, or numbers with at least one vector among them.

    `emit(context, builder, element, *values)` computes with whole vectors; `result` is the type of the result's lanes
    if it differs.
    """

    class _Typing(AbstractTemplate):
        key = function

        def generic(self, args: Any, kws: Any) -> Any:
            element = _element(args)
            if element is None or len(args) != count or kws:
                return None
            return signature(Vector(result or element), *(a if isinstance(a, Vector) else element for a in args))

    # Used as a decorator, infer_global asks for function.__module__, which ufuncs have from NumPy 2.2 on.
    infer_global(function, types.Function(_Typing))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        element = _element(sig.args)
        kind = Vector(element)
        values = [_lift(context, builder, kind, value, given) for value, given in zip(args, sig.args, strict=True)]
        return emit(context, builder, element, *values)

    for pattern in itertools.product((Vector, types.Any), repeat=count):
        if Vector in pattern:
            lower_builtin(function, *pattern)(lower)


def _combine_truth(function: Any, emit: Emit, count: int = 2, beside: tuple[Any, ...] = ()) -> None:
    """Let a function take vectors of truth values, or one such vector and a number of the kinds in `beside`."""
    truth = Vector(types.boolean)

    class _Typing(AbstractTemplate):
        key = function

        def generic(self, args: Any, kws: Any) -> Any:
            fits = len(args) == count and all(arg == truth or isinstance(arg, beside) for arg in args)
            return signature(truth, *args) if fits and truth in args and not kws else None

    infer_global(function, types.Function(_Typing))

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        values = []
        for value, given in zip(args, sig.args, strict=True):
            one = value if given == truth else context.is_true(builder, given, value)
            values.append(_lift(context, builder, truth, one, truth if given == truth else types.boolean))
        return emit(builder, *values)

    for pattern in itertools.product((truth, *beside), repeat=count):
        if truth in pattern:
            lower_builtin(function, *pattern)(lower)


def _element(args: Sequence[Any]) -> Any:
    """Return the type of the numbers in the vectors among `args`, None if there are no vectors or they differ.

    Vectors of truth values become numbers of that type. If there are no other vectors, the type is that of a number
    among `args`.
    """
    elements = {arg.element for arg in args if isinstance(arg, Vector)}
    if elements == {types.boolean}:
        elements = {arg for arg in args if isinstance(arg, types.Float)}
    elements -= {types.boolean}
    return elements.pop() if len(elements) == 1 else None


def _lane_by_lane(function: Any) -> Emit:
    """Return the code that applies Numba's own function to each lane."""

    def emit(context: Any, builder: Any, element: Any, *values: Any) -> Any:
        known = context.typing_context.resolve_value_type(function)
        sig = known.get_call_type(context.typing_context, [element] * len(values), {})
        scalar = context.get_function(known, sig)
        truth = sig.return_type == types.boolean
        out = ir.Constant(ir.VectorType(ir.IntType(1), LANES) if truth else values[0].type, ir.Undefined)
        for lane in range(LANES):
            number = scalar(builder, [builder.extract_element(value, _INT(lane)) for value in values])
            out = builder.insert_element(out, number, _INT(lane))
        return out

    return emit


def _of_llvm(name: str) -> Emit:
    """Return the call of a function that LLVM has for vectors."""

    def emit(context: Any, builder: Any, element: Any, value: Any) -> Any:
        kind = value.type
        suffix = f"v{kind.count}{kind.element.intrinsic_name}"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind]), f"llvm.{name}.{suffix}"
        )
        return builder.call(function, [value])

    return emit


def _larger(comparison: str) -> Emit:
    """Return the code of np.maximum (">") or np.minimum ("<"), which are NaN where either is."""

    def emit(context: Any, builder: Any, element: Any, x: Any, y: Any) -> Any:
        kept = builder.or_(builder.fcmp_ordered(comparison, x, y), builder.fcmp_unordered("uno", x, x))
        return builder.select(kept, x, y)

    return emit


def _signum(context: Any, builder: Any, element: Any, x: Any) -> Any:
    """Return the code of np.sign: -1, 1, or the number itself where it is zero or NaN."""
    zero, one, minus = (ir.Constant(x.type, [number] * LANES) for number in (0.0, 1.0, -1.0))
    below = builder.select(builder.fcmp_ordered("<", x, zero), minus, x)
    return builder.select(builder.fcmp_ordered(">", x, zero), one, below)


def _comparison(sign: str) -> Emit:
    """Return the code of a comparison; with NaN only != is true."""
    compare = "fcmp_unordered" if sign == "!=" else "fcmp_ordered"
    return lambda context, builder, element, x, y: getattr(builder, compare)(sign, x, y)


for _operators, _emit in (
    ((operator.add, operator.iadd), lambda context, builder, element, x, y: builder.fadd(x, y)),
    ((operator.sub, operator.isub), lambda context, builder, element, x, y: builder.fsub(x, y)),
    ((operator.mul, operator.imul), lambda context, builder, element, x, y: builder.fmul(x, y)),
    ((operator.truediv, operator.itruediv), lambda context, builder, element, x, y: builder.fdiv(x, y)),
    ((operator.pow, operator.ipow), _lane_by_lane(np.power)),
):
    for _operator in _operators:
        _define(_operator, 2, _emit)
for _operator, _sign in _COMPARISONS.items():
    _define(_operator, 2, _comparison(_sign), result=types.boolean)
for _combined, _same, _truths in (
    ((operator.and_, np.logical_and), operator.mul, lambda builder, p, q: builder.and_(p, q)),
    ((operator.or_, np.logical_or), None, lambda builder, p, q: builder.or_(p, q)),
    ((operator.xor, np.logical_xor), operator.ne, lambda builder, p, q: builder.xor(p, q)),
    ((), operator.eq, lambda builder, p, q: builder.not_(builder.xor(p, q))),
):
    for _operator in _combined:
        # What holds for the whole step comes out of the prelude as a number.
        _combine_truth(_operator, _truths, beside=(types.Float, types.Boolean))
    if _same is not None:  # with a number beside, these compute with numbers
        _combine_truth(_same, _truths)
_TRUTHS = (np.logical_and, np.logical_or, np.logical_xor, np.logical_not)
_combine_truth(operator.invert, lambda builder, p: builder.not_(p), count=1)
_combine_truth(np.logical_not, lambda builder, p: builder.not_(p), count=1)
_define(operator.pos, 1, lambda context, builder, element, x: x)
_define(operator.neg, 1, lambda context, builder, element, x: builder.fneg(x))

_EMITS = {
    np.sqrt: _of_llvm("sqrt"),
    np.absolute: _of_llvm("fabs"),
    np.fabs: _of_llvm("fabs"),
    np.square: lambda context, builder, element, x: builder.fmul(x, x),
    np.negative: lambda context, builder, element, x: builder.fneg(x),
    np.sign: _signum,
    np.maximum: _larger(">"),
    np.minimum: _larger("<"),
}
for _name in FUNCTIONS:
    _function = getattr(np, _name)
    if _function in _TRUTHS:
        continue
    _truth = types.boolean if _function in (np.isfinite, np.isnan) else None
    _define(_function, _function.nin, _EMITS.get(_function, _lane_by_lane(_function)), _truth)
_define(abs, 1, _of_llvm("fabs"))


@infer_global(np.where)
class _Where(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if len(args) != 3 or kws or not any(isinstance(arg, Vector) for arg in args):
            return None
        numbers = [arg for arg in args[1:] if isinstance(arg, types.Float)]
        element = _element(args[1:]) or next(iter(numbers), None)
        if element is None:
            return None
        return signature(Vector(element), args[0], *(a if isinstance(a, Vector) else element for a in args[1:]))


@lower_builtin(np.where, types.Any, types.Any, types.Any)
def _where(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.return_type
    x, y = (_lift(context, builder, kind, value, given) for value, given in zip(args[1:], sig.args[1:], strict=True))
    condition, given = args[0], sig.args[0]
    if not isinstance(given, Vector):
        condition = context.is_true(builder, given, condition)
    elif given.element != types.boolean:
        condition = builder.fcmp_unordered("!=", condition, ir.Constant(condition.type, [0.0] * LANES))
    return builder.select(condition, x, y)
