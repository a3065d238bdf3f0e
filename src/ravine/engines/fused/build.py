"""From the kernel's functions to object files: the half without a rule, and the half of one rule.

The text of the rows, in which a rule's functions are missing, is made once for all rules and kept.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from llvmlite import binding
from numba.core import types

from ravine.engines.fused.frontend import module_of
from ravine.engines.fused.kernel import activation, drift, loss, parts, rule, run, update
from ravine.engines.fused.llvm import machine_code
from ravine.engines.fused.pointers import FramePointer, Packed, symbol
from ravine.engines.fused.pointwise import RenderedPointwise
from ravine.engines.fused.render import Rendered

_PARTS = (parts.tabulate_lazy, parts.catch_up_list, parts.catch_up_layer, parts.add_lazy_rows)
_UPDATES = (parts.update_one, parts.update_block, parts.update_total)
_POINTWISE = {"activate": activation.activate, "loss_of_outputs": loss.loss_of_outputs}
_HOLES = (
    rule.lazy, rule.norms, rule.noisy, rule.read, rule.write, rule.step, rule.lazy_update, rule.step_constants,
    rule.lazy_constants, rule.tabulate, rule.tabulated,
)  # fmt: skip


def network_code(dtype: str) -> bytes:
    """Return the object file of the half that knows no rule."""
    frame = FramePointer(getattr(types, dtype))
    entries = {
        symbol(run.run): (run.run, (frame, types.int64)),
        symbol(run.settle): (run.settle, (frame, types.int64)),
    }
    return machine_code([module_of(entries)], entries)


def rows_text(dtype: str) -> str:
    """Return LLVM's text of the half that takes the steps of rows; the functions of a rule are missing in it."""
    real = getattr(types, dtype)
    texts = {symbol(part): getattr(drift, part.__name__) for part in _PARTS}
    texts |= {symbol(part): getattr(update, part.__name__) for part in _UPDATES}
    declared = {symbol(part): part for part in (*_PARTS, *_UPDATES)}
    return str(module_of({name: (text, _parameters(declared[name], real)) for name, text in texts.items()}))


def rule_code(rendered: Rendered, rows: str, dtype: str) -> bytes:
    """Return the object file of the half that takes the steps of rows, with a rule."""
    counts = {
        rule.STATE: rendered.state_size,
        rule.CONSTANTS: rendered.constants,
        rule.LAZY_CONSTANTS: rendered.lazy_constants,
    }
    for unknown, known in counts.items():
        rows = rows.replace(f"[{unknown} x ", f"[{known} x ")
    module = executed(rendered)
    real = getattr(types, dtype)
    holes = {symbol(hole): (getattr(module, hole.__name__), _parameters(hole, real, counts)) for hole in _HOLES}
    exported = {symbol(part) for part in (*_PARTS, *_UPDATES)}
    return machine_code([module_of(holes), binding.parse_assembly(rows)], exported)


def pointwise_code(rendered: RenderedPointwise, dtype: str) -> bytes:
    """Return the object file of an activation or a loss."""
    declared: Any = _POINTWISE[rendered.entry]
    function = getattr(executed(rendered), rendered.entry)
    module = module_of({symbol(declared): (function, _parameters(declared, getattr(types, dtype)))})
    return machine_code([module], {symbol(declared)})


def _parameters(function: Any, real: Any, counts: dict[int, int] | None = None) -> list[Any]:
    """Return the types of a declared function's parameters."""
    kinds = [kind if isinstance(kind, types.Type) else kind(real) for kind in function.kinds[1:]]
    return [Packed(kind.element, (counts or {})[kind.count]) if isinstance(kind, Packed) else kind for kind in kinds]


def executed(rendered: Rendered | RenderedPointwise) -> ModuleType:
    """Return a rendered formula as a module."""
    name = rendered.name if isinstance(rendered, Rendered) else rendered.label
    module = ModuleType(f"{name}_rendered")
    exec(compile(rendered.text, f"<{name}>", "exec"), module.__dict__)
    return module
