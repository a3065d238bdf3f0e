"""From LLVM's text to machine code for this processor, and machine code as functions that Python can call."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Collection, Iterable
from typing import Any

from llvmlite import binding

Function = Any


def machine_code(modules: Iterable[Any], exported: Collection[str]) -> bytes:
    """Return the object file of some modules put together, of which only the exported functions can be called."""
    whole = binding.parse_assembly("")
    for module in modules:
        whole.link_in(module)
    own = [one for one in (*whole.functions, *whole.global_variables) if not one.is_declaration]
    for number, one in enumerate(each for each in own if each.name not in exported):
        one.linkage = "internal"
        one.name = f"part.{number}"  # Numba's name would tell how many functions it has compiled before
    machine = _machine()
    whole.triple, whole.data_layout = machine.triple, str(machine.target_data)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization, options.slp_vectorization = True, False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(whole, builder)
    _refuse_strangers(whole)
    return bytes(machine.emit_object(whole))


def _refuse_strangers(module: Any) -> None:
    """Raise an error if the code calls a function that is missing in the process that loads it later.

    A call of a missing function would end that process without a message. So would code that allocates memory, since
    it calls Numba's runtime, which that process does not load.
    """
    library = ctypes.CDLL(None) if sys.platform != "win32" else ctypes.cdll.msvcrt
    for one in module.functions:
        known = one.name.startswith(("llvm.", "ravine."))
        if one.is_declaration and not known and not hasattr(library, one.name):
            raise LookupError(f"compiled code calls {one.name}, which is neither in it nor in the C library")


def processor() -> str:
    """Return a text that names the processor: it differs if the machine code may differ."""
    return f"{binding.get_process_triple()} {binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"


class Loaded:
    """Object files in memory, which may call each other."""

    def __init__(self, objects: Iterable[bytes]) -> None:
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
        for code in objects:
            self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """Return where a function begins."""
        address: int = self._engine.get_function_address(name)
        if not address:
            raise LookupError(f"machine code without {name}")
        return address

    def function(self, name: str, *parameters: Any) -> Function:
        """Return a compiled function that Python can call; it returns a whole number and releases the GIL."""
        code = ctypes.CFUNCTYPE(
            ctypes.c_int32, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_void_p), *parameters
        )(self.address(name))

        def call(*arguments: Any) -> int:
            result, exception = ctypes.c_int64(), ctypes.c_void_p()
            status = code(ctypes.byref(result), ctypes.byref(exception), *arguments)
            if status != 0:
                raise RuntimeError(f"{name} ended with {status}")
            return result.value

        call.keep = self  # type: ignore[attr-defined]
        return call


def _machine() -> Any:
    """Return LLVM's target machine, set up as Numba does: its code is for this processor and may lie anywhere."""
    _begin()
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static" if target.name.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )


@functools.cache
def _begin() -> None:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
