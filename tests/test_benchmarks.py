"""Every benchmark can be imported: it uses nothing of ravine that has another name or another place by now."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if path.name != "__init__.py"
)
PEERS = {"benchmarks.peers.ravine", "benchmarks.peers.numpy"}  # the others import what need not be installed


@pytest.mark.parametrize("name", [name for name in MODULES if ".peers." not in name or name in PEERS])
def test_it_can_be_imported(name, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    assert importlib.import_module(name).__doc__
