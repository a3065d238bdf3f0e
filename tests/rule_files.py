"""Files with rules, as users write them."""

from __future__ import annotations

import textwrap
from pathlib import Path

HEAD = "import numpy as np\nfrom ravine import rule\n"


def write_rules(path: Path, text: str, head: str = HEAD) -> Path:
    """Write a file of rules, with the imports that it needs in front."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(head + textwrap.dedent(text), encoding="utf-8")
    return path
