"""What the examples in docstrings need: runs that do not land in the current folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def runs_of_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send the runs of examples to a folder of the test's own."""
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "runs"))
