"""From Python to LLVM's text: Numba types and lowers the kernel's functions; `llvm.py` makes machine code of them.

Numba would optimize and assemble each function by itself, and once more inside each caller. Here LLVM optimizes once,
when all functions are together, and those passes of Numba are left out that a kernel does not need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llvmlite import binding
from numba.core import compiler, config, typed_passes, untyped_passes
from numba.core.codegen import CPUCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import LoweringPass, PassManager, register_pass
from numba.core.funcdesc import PythonFunctionDescriptor
from numba.core.lowering import Lower

from ravine.engines.fused.pointers import FRAME
from ravine.errors import ConfigError


class _Library(CPUCodeLibrary):
    """The functions that one function needs, as they were lowered."""

    def add_ir_module(self, module: Any) -> None:
        """Take in a function, with what LLVM should know of it."""
        for function in module.functions:
            if function.is_declaration:
                continue
            if "alwaysinline" not in function.attributes:
                # LLVM takes longer for one large function than for its parts.
                function.attributes.add("noinline")
            for argument in function.args:
                if argument.type == FRAME:  # its fields may be read earlier than where they are used
                    argument.attributes.dereferenceable = 8 * FRAME.pointee.count
        super().add_ir_module(module)

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Link what is called."""
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_function(self, name: str) -> Any:
        return self._final_module.get_function(name)

    def get_llvm_str(self) -> str:
        return str(self._final_module)

    get_asm_str = get_llvm_str


@register_pass(mutates_CFG=True, analysis_only=False)
class _Lowering(LoweringPass):
    _name = "ravine_lowering"

    def __init__(self) -> None:
        LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Lower a function, and tell Numba where its callers find it."""
        context, flags = state.targetctx, state.flags
        library = state.library = _Library(context.codegen(), state.func_id.func_qualname)
        descriptor = PythonFunctionDescriptor.from_specialized_function(
            state.func_ir, state.typemap, state.return_type, state.calltypes,
            mangler=context.mangler, inline=flags.forceinline, noalias=flags.noalias,
            abi_tags=[flags.get_mangle_string()],
        )  # fmt: skip
        with context.push_code_library(library):
            lower = Lower(context, library, descriptor, state.func_ir, metadata=state.metadata)
            lower.lower()

        # Numba registers a function under the object that Python would call. Nobody calls it from Python here, so any
        # built-in method will do.
        entry_point = object().__dir__
        context.insert_user_function(entry_point, descriptor, [library])
        state.cr = compiler._LowerResult(descriptor, lower.call_helper, cfunc=entry_point, env=lower.env)
        return True


class Frontend(CompilerBase):
    """The passes of Numba that a kernel needs."""

    def define_pipelines(self) -> list[Any]:
        """Return the passes, as the one pipeline of the kernel."""
        passes = PassManager("ravine")
        for one in (
            untyped_passes.TranslateByteCode,
            untyped_passes.FixupArgs,
            untyped_passes.IRProcessing,
            untyped_passes.ReconstructSSA,
            typed_passes.NopythonTypeInference,
            typed_passes.PreLowerStripPhis,
            typed_passes.IRLegalization,
            _Lowering,
            typed_passes.NoPythonBackend,
        ):
            passes.add_pass(one, one.__name__)
        passes.finalize()
        return [passes]


def module_of(functions: Mapping[str, tuple[Any, Sequence[Any]]]) -> Any:
    """Return a module of LLVM with functions, by the name that each gets, for arguments of given types."""
    if getattr(config, "DISABLE_JIT", False):
        raise ConfigError("Numba's config.DISABLE_JIT is set, so nothing can be compiled; use the reference engine.")
    module = binding.parse_assembly("")
    for name, (function, parameters) in functions.items():
        kinds = tuple(parameters)
        function.compile(kinds)
        compiled = function.overloads[kinds]
        compiled.library._ensure_finalized()
        part = compiled.library._final_module.clone()
        part.get_function(compiled.fndesc.mangled_name).name = name
        module.link_in(part)
    return module
