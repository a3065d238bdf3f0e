"""The page of all stages: where each stands, its equations and its hyper-parameters, from its declaration alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ravine.formulas.shelves import STAGES
from ravine.formulas.stage import Stage, placed
from schedule_pages import described

PLACES = {
    "g": "It stands before the optimizer and changes the gradient.",
    "step": "It stands behind the optimizer and changes the step.",
}


def page(stages: Iterable[Stage]) -> str:
    """Return the page, in Markdown, in the order in which stages stand."""
    ordered = sorted(stages, key=lambda stage: (stage.formula.first == "step", placed(stage)))
    parts = [
        "# Stages",
        "A stage goes with every optimizer: give its hyper-parameter, as in "
        "`ravine train --optimizer adam --set clip_norm=1`. Stages stand in the order of this page, in whichever order "
        "they are given. [How to write one](../your-own-stage.md).",
        *(part for stage in ordered for part in described(stage, PLACES[stage.formula.first], "hyper-parameter")),
    ]
    return "\n\n".join(parts) + "\n"


def write_page(app: Any) -> None:
    """Write the page of ravine's stages into the folder of the documentation."""
    folder = Path(app.srcdir) / "stages"
    folder.mkdir(exist_ok=True)
    text, file = page(STAGES.values()), folder / "index.md"
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def setup(app: Any) -> dict[str, bool]:
    """Have the page written before Sphinx looks for pages."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
