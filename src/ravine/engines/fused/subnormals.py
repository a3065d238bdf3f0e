"""While the kernel of a smooth rule runs, the processor takes subnormal numbers for zero.

Averages of gradients shrink towards zero where a weight has no gradient any more, and below 1e-38 float32 has only
subnormal numbers. Some processors compute with them many times more slowly than with others. Beside a weight, or beside
the eps of a rule, they are zero in any case. A rule that compares numbers, or asks for their sign, is not smooth: it
tells them from zero, and computes with them. So does a rule that has a subnormal number for a hyper-parameter.

A register of each thread says what becomes of them. It is set before the kernel is called, and gets its value back
afterwards, so that no other code of the process computes otherwise.
"""

from __future__ import annotations

import ctypes
import functools
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import binding

from ravine.engines.fused import llvm

_X86 = """
declare void @llvm.x86.sse.stmxcsr({pointer})
declare void @llvm.x86.sse.ldmxcsr({pointer})

define i64 @ravine.control(i64 %word) {{
  %old = alloca i32
  %new = alloca i32
  %low = trunc i64 %word to i32
  store i32 %low, {pointer_to_i32} %new
  {cast}
  call void @llvm.x86.sse.stmxcsr({pointer} {old})
  call void @llvm.x86.sse.ldmxcsr({pointer} {new})
  %before = load i32, {pointer_to_i32} %old
  %result = zext i32 %before to i64
  ret i64 %result
}}
"""

_ARM = """
define i64 @ravine.control(i64 %word) {
  %before = call i64 asm sideeffect "mrs $0, fpcr", "=r"()
  call void asm sideeffect "msr fpcr, $0", "r"(i64 %word)
  ret i64 %before
}
"""

_FLUSHING = {"x86_64": 0x1F80 | 0x8000 | 0x0040, "aarch64": 1 << 24}
"""By processor, the register's value: no traps, rounding to nearest, subnormal results and arguments are zero."""


@contextmanager
def flushed() -> Iterator[None]:
    """Take subnormal numbers for zero in this thread, if it is known how to tell the processor."""
    control = _control()
    if control is None:
        yield
        return
    before = control(_FLUSHING[_processor()])
    try:
        yield
    finally:
        control(before)


def _processor() -> str:
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


@functools.cache
def _control() -> Callable[[int], int] | None:
    """Return the function that sets the register and returns its value before; None for other processors."""
    if _processor() not in _FLUSHING:
        return None
    text = _x86() if _processor() == "x86_64" else _ARM
    code = llvm.machine_code([binding.parse_assembly(text)], {"ravine.control"})
    loaded = llvm.Loaded([code])
    function: Any = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(loaded.address("ravine.control"))
    function.keep = loaded
    return lambda word: int(function(word))


def _x86() -> str:
    """Return the text for the version of LLVM: from 17 on there is one type of pointer."""
    if binding.llvm_version_info >= (17,):
        names = {"pointer": "ptr", "pointer_to_i32": "ptr", "cast": "", "old": "%old", "new": "%new"}
    else:
        cast = "%o = bitcast i32* %old to i8*\n  %n = bitcast i32* %new to i8*"
        names = {"pointer": "i8*", "pointer_to_i32": "i32*", "cast": cast, "old": "%o", "new": "%n"}
    return _X86.format(**names)
