"""The frame: what Python fills in is what compiled code reads, field by field."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from numba import njit, types
from numba.core.errors import TypingError

from ravine.engines.fused import frame as frames
from ravine.engines.fused.frame import Frame, fields, words
from ravine.engines.fused.frontend import module_of
from ravine.engines.fused.kernel.compiled import plain
from ravine.engines.fused.llvm import Loaded, machine_code
from ravine.engines.fused.pointers import FramePointer, first_of, like, spread
from ravine.engines.fused.vectors import load, pack, store
from ravine.losses.cross_entropy import SOFTMAX_FORMS

DTYPES = {"uint64*": np.uint64, "int64*": np.int64, "uint32*": np.uint32, "uint16*": np.uint16, "uint8*": np.uint8}


def filled(real, kind=Frame, numbers=None):
    """Return a frame in which every number and the first of every array is another one."""
    numbers = iter(range(1, 200)) if numbers is None else numbers
    values = []
    for field in fields(kind).values():
        if isinstance(field, type):
            values.append(filled(real, field, numbers))
        elif field == "boolean":
            values.append(next(numbers) % 2 == 0)
        elif field.endswith("*"):
            dtype = DTYPES.get(field, np.float64 if field == "float64*" else real)
            values.append(np.array([next(numbers), 77], dtype))
        else:
            values.append(next(numbers))
    return kind(*values)


def leaves(part):
    for value in part:
        yield from leaves(value) if isinstance(value, tuple) else [value]


def paths(kind=Frame, before="k"):
    for name, field in fields(kind).items():
        path = f"{before}.{name}"
        yield from paths(field, path) if isinstance(field, type) else [path + ("[0]" if field.endswith("*") else "")]


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_compiled_code_reads_each_field_where_python_has_put_it(real):
    frame = filled(real)
    told = {path: np.ravel(leaf)[0] for path, leaf in zip(paths(), leaves(frame), strict=True)}
    lines = ["def read(k, which):"]
    lines += [f"    if which == {n}:\n        return np.int64({path})" for n, path in enumerate(told)]
    scope = {"np": np}
    exec("\n".join([*lines, "    return np.int64(-1)"]), scope)
    pointer = FramePointer(types.float32 if real is np.float32 else types.float64)
    module = module_of({"read": (plain(scope["read"]), (pointer, types.int64))})
    read = Loaded([machine_code([module], {"read"})]).function("read", ctypes.c_void_p, ctypes.c_int64)
    given = words(frame)
    assert len(given) == len(told) > 50
    for n, (path, expected) in enumerate(told.items()):
        assert read(given.ctypes.data, n) == int(expected), path


def test_both_sides_have_the_same_fields():
    whole = FramePointer(types.float32)
    assert tuple(whole.types) == Frame._fields
    assert list(whole.types["plan"].types.values())[-2:] == [types.CPointer(types.uint64), types.CPointer(types.uint8)]


def test_a_field_that_does_not_exist_is_not_compiled():
    with pytest.raises(TypingError, match="Unknown attribute 'weight'"):
        module_of({"read": (plain(lambda k: k.plan.weight), (FramePointer(types.float32),))})


@pytest.mark.parametrize(
    ("array", "fault"),
    [
        (np.zeros(4, np.int32), "starts is int32, .*; wanted int64"),
        (np.zeros(4, np.uint64), "starts is uint64, .*; wanted int64"),
        (np.zeros(8, np.int64)[::2], "wanted int64, contiguous"),
    ],
)
def test_an_array_of_another_kind_is_refused_before_compiled_code_reads_it(array, fault):
    good = filled(np.float32)
    with pytest.raises(TypeError, match=fault):
        words(good._replace(data=good.data._replace(starts=array)))


def test_weights_of_one_dtype_do_not_mix_with_work_of_another():
    with pytest.raises(TypeError, match=r"sums is float64, .*; wanted float32"):
        words(filled(np.float32)._replace(work=filled(np.float64).work))


def test_negative_numbers_come_through():
    good = filled(np.float32)
    given = words(good._replace(batches=good.batches._replace(t=-5)))
    assert given.view(np.int64)[list(paths()).index("k.batches.t")] == -5


def test_every_name_of_a_closed_set_has_a_code_of_its_own():
    assert frames.NAIVE.keys() == set(SOFTMAX_FORMS)
    assert len({frames.EVALUATE, frames.SUM, frames.LEARN}) == 3


def test_numbers_take_the_type_of_an_array():
    @njit
    def third(a):
        return like(a, 2) / like(a, 3)

    assert third(np.zeros(1, np.float32)) == np.float32(2) / np.float32(3)
    assert third(np.zeros(1)) == 2 / 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_packed_comes_out_again_and_numbers_become_vectors(dtype):
    @njit
    def through(a, number, out):
        packed = pack((load(a, np.uint64(0)), number))
        one, other = spread(packed)
        store(out, np.uint64(0), one)
        store(out, np.uint64(16), other)
        store(out, np.uint64(32), first_of(packed))
        return spread(pack((number, a[3])))

    a, out = np.arange(16).astype(dtype), np.zeros(48, dtype)
    assert through(a, dtype(7), out) == (7, 3)
    assert out.tolist() == [*range(16), *[7] * 16, *range(16)]
