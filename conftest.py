"""What the examples in docstrings need: runs that do not land in the current folder."""

from __future__ import annotations

from itertools import count

import pytest

_numbers = count()


@pytest.fixture(autouse=True)
def runs_of_examples(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send the runs of examples to a folder of the test's own, which a run makes when it is stored."""
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path_factory.getbasetemp() / f"runs-{next(_numbers)}"))
