"""The folder of runs, and the ids of the runs in it, without reading any run."""

from __future__ import annotations

import os
from pathlib import Path

PARTIAL = ".partial"
"""The end of the name of a working folder."""


def folder_of_runs(given: Path | str | None) -> Path | str:
    """Return the given folder, otherwise `RAVINE_HOME`, otherwise `runs`."""
    return given or os.environ.get("RAVINE_HOME") or "runs"


def finished(root: Path) -> list[str]:
    """Return the ids of all finished runs in a folder, oldest first."""
    if not root.is_dir():
        return []
    folders = [p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")]
    found = [p for p in folders if not p.name.endswith(PARTIAL) and (p / "result.json").exists()]
    return [p.name for p in sorted(found, key=lambda p: (p.stat().st_mtime, p.name))]
