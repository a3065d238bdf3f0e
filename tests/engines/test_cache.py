"""The kernels on disk: found again by the next process, and whatever is damaged is replaced and never run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import platformdirs
import pytest

from ravine.engines.fused import cache
from ravine.engines.fused.render import Kernel

# A kernel that compiles in no time; the cache knows nothing of what is in it.
TINY = Kernel(
    "tiny_1",
    """
from numba import njit


@njit(cache=True)
def double(x):
    return 2 * x


@njit(cache=True)
def half(x):
    return x / 2
""",
    0,
    norms=False,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / name)
    monkeypatch.setattr(cache, "_loaded", {})
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "ravine" / "kernels" / TINY.name


def load():
    """Load as a new process would: with nothing in memory."""
    cache._loaded.pop(TINY.name, None)
    module = cache.load(TINY, lambda module: (module.double(1.0), module.half(1.0)))
    assert module.double(21.0) == 42
    assert module.half(21.0) == 10.5
    return module


def was_compiled(module):
    entries = (module.double, module.half)
    compiled = [not sum(entry.stats.cache_hits.values()) for entry in entries]
    assert len(set(compiled)) == 1
    return compiled[0]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_compiled_is_loaded_afterwards(folder):
    assert was_compiled(load())
    first = contents(folder)
    assert not was_compiled(load())
    assert contents(folder) == first


def test_a_loaded_module_is_not_loaded_twice(folder):
    module = load()
    assert cache.load(TINY, pytest.fail) is module


def test_a_kernel_of_another_text_has_another_name_and_leaves_the_first_alone(folder):
    load()
    first = contents(folder)
    other = Kernel("tiny_2", TINY.text.replace("2 * x", "3 * x"), 0, norms=False)
    assert cache.load(other, lambda module: module.double(1.0)).double(2.0) == 6
    assert contents(folder) == first


def some(folder, suffix):
    return sorted(folder.rglob(f"*{suffix}"))[0]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def delete(path):
    path.unlink()


@pytest.mark.parametrize("damage", [truncate, empty, flip, delete])
@pytest.mark.parametrize("suffix", [".nbc", ".nbi", ".py", ".pyc"])
def test_a_damaged_file_is_compiled_anew(folder, suffix, damage):
    load()
    damage(some(folder, suffix))
    with pytest.warns(RuntimeWarning, match=r"compiled kernel in .*tiny_1 is damaged; compiling it anew"):
        module = load()
    assert was_compiled(module)
    assert not was_compiled(load())  # and it is whole again, without a warning


@pytest.mark.parametrize("manifest", [b"", b"{", b"\xff\xfe\x00", b"[]", b"{}", b'"text"', b'{"a": 1}'])
def test_a_manifest_of_garbage_is_a_damaged_kernel(folder, manifest):
    load()
    (folder / "manifest.json").write_bytes(manifest)
    with pytest.warns(RuntimeWarning, match="is damaged"):
        assert was_compiled(load())
    assert not was_compiled(load())


def test_a_compilation_that_was_killed_is_done_again_without_a_word(folder):
    load()
    (folder / "manifest.json").unlink()
    assert was_compiled(load())


def test_a_compilation_that_failed_leaves_nothing_that_is_believed(folder):
    def fail(module):
        module.double(1.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.load(TINY, fail)
    assert not (folder / "manifest.json").exists()
    assert was_compiled(load())


def test_files_that_are_whole_but_foreign_are_compiled_anew(folder):
    # As a cache would be that another version wrote: the manifest is right, and Numba cannot read the files.
    load()
    path = some(folder, ".nbi")
    path.write_bytes(b"not a pickle")
    cache._write_manifest(folder)
    with pytest.warns(RuntimeWarning, match="cannot be loaded .*; compiling it anew"):
        assert was_compiled(load())
    assert not was_compiled(load())


def test_what_numba_adds_later_is_taken_into_the_manifest(folder):
    # Another processor: Numba keeps the first one's code and adds its own.
    load()
    cache._loaded.pop(TINY.name)
    module = cache.load(TINY, lambda module: (module.double(1), module.half(1)))
    assert module.double(4) == 8
    first = contents(folder)
    assert json.loads((folder / "manifest.json").read_text()) == cache._fingerprints(folder)
    assert not was_compiled(load())
    assert contents(folder) == first


def test_a_folder_whose_dates_changed_gives_no_trouble(folder):
    load()
    os.utime(folder / f"{TINY.name}.py", (1e9, 1e9))
    load()
    assert not was_compiled(load())


LOAD = """
from test_cache import load, was_compiled

print(was_compiled(load()))
"""


def start(home):
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
    }
    return subprocess.Popen(
        [sys.executable, "-c", LOAD],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Return whether the process compiled the kernel, and what it warned of."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip() == "True", err


@pytest.mark.skipif(sys.platform != "linux", reason="the place of the cache is set by XDG_CACHE_HOME")
def test_two_processes_share_one_empty_cache_then_a_third_loads_and_a_fourth_repairs(tmp_path):
    both = [finish(process) for process in [start(tmp_path), start(tmp_path)]]
    assert sorted(both) == [(False, ""), (True, "")]  # one compiled, the other waited for it
    kernels = tmp_path / "ravine" / "kernels"
    first = contents(kernels)
    assert len([path for path in first if path.suffix == ".nbc"]) == 2

    assert finish(start(tmp_path)) == (False, "")
    assert contents(kernels) == first

    truncate(max((path for path in first if path.suffix == ".nbc"), key=lambda path: path.stat().st_size))
    compiled, err = finish(start(tmp_path))
    assert compiled
    assert "RuntimeWarning: the compiled kernel in " in err


def test_a_cache_that_cannot_be_written_costs_a_warning_and_no_more(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "file" / name)
    monkeypatch.setattr(cache, "_loaded", {})
    with pytest.warns(RuntimeWarning, match="compiled for this process alone"):
        load()
    load()  # the warning comes once
