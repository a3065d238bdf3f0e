"""The kernel of a formula: what it is named by, and that it is compiled once and then loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from llvmlite import binding

from optimizer_cases import ELEMENTWISE
from ravine.engines.fused import compilation, llvm
from ravine.engines.fused.render import render

FILES = sorted(str(path.relative_to(compilation._FOLDER)) for path in compilation._FOLDER.rglob("*.py"))


def names():
    compilation._machine_and_text.cache_clear()
    return (
        compilation._network("float32"),
        compilation._rows("float32"),
        compilation._rule(render(ELEMENTWISE["sgd"].formula), "float32"),
    )


@pytest.fixture(autouse=True)
def _forget():
    yield
    compilation._machine_and_text.cache_clear()


@pytest.mark.parametrize("file", FILES)
def test_all_names_change_with_each_file_that_decides_what_is_compiled(tmp_path, monkeypatch, file):
    before = names()
    assert names() == before
    folder = shutil.copytree(compilation._FOLDER, tmp_path / "fused")
    monkeypatch.setattr(compilation, "_FOLDER", folder)
    assert names() == before
    with (folder / file).open("a", encoding="utf-8") as text:
        text.write("# edited\n")
    assert not set(names()) & set(before)


def test_all_names_change_with_the_processor_and_the_compiler(monkeypatch):
    found = {*names()}
    monkeypatch.setattr(llvm, "processor", lambda: "another")
    found |= {*names()}
    monkeypatch.setattr(compilation, "version", lambda package: "99")
    found |= {*names()}
    assert len(found) == 9


def test_names_tell_rules_and_dtypes_apart():
    found = {
        compilation._rule(render(rule.formula), dtype)
        for rule in ELEMENTWISE.values()
        for dtype in ("float32", "float64")
    }
    assert len(found) == 2 * len(ELEMENTWISE)


COMPILE = """
import sys, warnings
import numpy as np
from ravine.engines.fused import compilation
from ravine.engines.fused.engine import FusedEngine
from ravine.engines.fused.render import render
from ravine.networks import Network
from ravine import OPTIMIZERS

network = Network((3, 2))
optimizer = OPTIMIZERS[sys.argv[1]]
engine = FusedEngine(network, optimizer, np.zeros(6), "float64", 1)
rendered = render(optimizer.formula)
before = compilation.seconds_to_compile(rendered, "float64")
engine.compile()
print(before, compilation.seconds_to_compile(rendered, "float64"), "numba" in sys.modules)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the place of the cache is set by XDG_CACHE_HOME")
def test_a_kernel_is_compiled_once_and_loaded_without_a_compiler(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}

    def compiled(rule):
        command = [sys.executable, "-c", COMPILE, rule]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        return result.stdout.split(), result.stderr

    def told(rule, seconds):
        about = f"{seconds} second{'s' if seconds > 1 else ''}"
        return f"compiling {rule} in float64 for this processor, once; about {about}\n"

    folder = tmp_path / "ravine" / "kernels"
    assert compiled("sgd") == (["6", "0", "True"], told("sgd", 6))
    first = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert compiled("sgd") == (["0", "0", "False"], "")
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == first

    # Another rule compiles its own half alone, from the text of the rows.
    assert compiled("momentum") == (["1", "0", "True"], told("momentum", 1))
    after = {path.name for path in folder.iterdir() if path.suffix != ".lock"}
    added = after - {*first}
    assert len(added) == 1
    assert added.pop().startswith("momentum-float64-")
    assert all((folder / name).stat().st_mtime_ns == date for name, date in first.items() if name in after)

    rule = next(folder / name for name in first if name.startswith("sgd-") and not name.endswith(".lock"))
    rule.write_bytes(rule.read_bytes()[:-1])
    (before, after_it, with_compiler), notes = compiled("sgd")
    assert (before, after_it, with_compiler) == ("1", "0", "True")
    assert "is damaged; compiling it anew" in notes


@pytest.mark.parametrize("stranger", ["NRT_Allocate", "NRT_MemInfo_alloc_safe_aligned", "numba_gil_ensure", "tanhh"])
def test_code_that_calls_what_another_process_would_not_have_is_refused(stranger):
    text = f"declare ptr @{stranger}(i64)\ndefine ptr @f() {{\n %p = call ptr @{stranger}(i64 1)\n ret ptr %p\n}}"
    with pytest.raises(LookupError, match=stranger):
        llvm.machine_code([binding.parse_assembly(text)], {"f"})


def test_code_may_call_the_c_library_and_the_other_half():
    text = (
        "declare float @tanhf(float)\ndeclare float @ravine.other(float)\n"
        "define float @f(float %x) {\n %y = call float @tanhf(float %x)\n %z = call float @ravine.other(float %y)\n"
        " ret float %z\n}"
    )
    assert llvm.machine_code([binding.parse_assembly(text)], {"f"})


def test_code_without_what_is_asked_for_says_so():
    code = llvm.machine_code([binding.parse_assembly("define i32 @f() {\n ret i32 0\n}")], {"f"})
    with pytest.raises(LookupError, match=r"without ravine\.run"):
        llvm.Loaded([code]).function("ravine.run")
