"""Where runs are stored, and which are there, without reading any."""

from __future__ import annotations

import os
from pathlib import Path

PARTIAL = ".partial"
"""What the name of a working folder ends in."""


def folder_of_runs(given: Path | str | None) -> Path | str:
    """Return the folder that is given, or else `RAVINE_HOME`, or else `runs`."""
    return given or os.environ.get("RAVINE_HOME") or "runs"


def finished(root: Path) -> list[str]:
    """Return the ids of all finished runs in a folder, oldest first."""
    if not root.is_dir():
        return []
    folders = [p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")]
    found = [p for p in folders if not p.name.endswith(PARTIAL) and (p / "result.json").exists()]
    return [p.name for p in sorted(found, key=lambda p: (p.stat().st_mtime, p.name))]
