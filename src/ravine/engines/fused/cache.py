"""Compiled kernels on disk, shared by all processes of a user."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import platformdirs
from filelock import FileLock

from ravine.engines.fused.render import Kernel

_MANIFEST = "manifest.json"
_loaded: dict[str, ModuleType] = {}


def holds(kernel: Kernel) -> bool:
    """Tell whether a kernel was compiled before; whether its files are still whole is for `load` to see."""
    return kernel.name in _loaded or (_root() / kernel.name / _MANIFEST).exists()


def load(kernel: Kernel, compile_all: Callable[[ModuleType], None]) -> ModuleType:
    """Return the compiled module of `kernel`, from the cache if it is there and whole, else compiled anew.

    `compile_all` calls each entry of the module once, which makes Numba load or compile it. One process compiles,
    others wait for it. Every cached file is checked against its SHA-256 first: machine code that was damaged on disk
    would not raise an error, it would run.
    """
    if kernel.name in _loaded:
        return _loaded[kernel.name]
    root = _root()
    folder = root / kernel.name
    with FileLock(root / f"{kernel.name}.lock"):
        found = _read_manifest(folder)
        if found is not None and found == _fingerprints(folder):
            try:
                module = _import(kernel, folder, compile_all)
            except Exception as error:  # whatever a stale or foreign cache makes Numba raise, the cure is the same
                _warn(folder, f"cannot be loaded ({type(error).__name__}: {error})")
            else:
                if _fingerprints(folder) != found:
                    _write_manifest(folder)
                _loaded[kernel.name] = module
                return module
        elif found is not None:
            _warn(folder, "is damaged")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / f"{kernel.name}.py").write_text(kernel.text, encoding="utf-8")
        module = _import(kernel, folder, compile_all)
        _write_manifest(folder)
    _loaded[kernel.name] = module
    return module


def _root() -> Path:
    return _writable(platformdirs.user_cache_path("ravine") / "kernels")


@functools.cache
def _writable(root: Path) -> Path:
    """Return the folder, or a temporary one if nothing can be written there, as on a read-only home."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=root).close()
    except OSError as error:
        fault = error.strerror or error
        warnings.warn(
            f"cannot write compiled kernels to {root} ({fault}); they are compiled for this process alone.",
            RuntimeWarning,
            stacklevel=2,
        )
        return Path(tempfile.mkdtemp(prefix="ravine-kernels-"))
    return root


def _import(kernel: Kernel, folder: Path, compile_all: Callable[[ModuleType], None]) -> ModuleType:
    name = f"ravine_kernel_{kernel.name}"
    spec = importlib.util.spec_from_file_location(name, folder / f"{kernel.name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    compile_all(module)
    return module


def _fingerprints(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that decides what runs."""
    files = sorted(p for p in folder.rglob("*") if p.suffix in (".py", ".pyc", ".nbi", ".nbc"))
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _read_manifest(folder: Path) -> object:
    try:
        return json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None  # never compiled, or killed before it was done
    except ValueError:
        return {}


def _write_manifest(folder: Path) -> None:
    (folder / _MANIFEST).write_text(json.dumps(_fingerprints(folder), indent=1), encoding="utf-8")


def _warn(folder: Path, fault: str) -> None:
    warnings.warn(f"the compiled kernel in {folder} {fault}; compiling it anew.", RuntimeWarning, stacklevel=3)
