"""The files of pictures."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from ravine.pictures.figure import Figure
from ravine.pictures.style import own_style


def png(figure: Figure) -> bytes:
    """Return a figure as PNG, on white."""
    return _saved(figure, format="png", dpi=200, facecolor="white", metadata={"Software": None})


def svg(figure: Figure, name: str) -> bytes:
    """Return a figure as SVG, without a background; the same figure and name give the same bytes."""
    with own_style(**{"svg.hashsalt": name}):
        return _saved(figure, format="svg", transparent=True, metadata={"Date": None})


def pdf(figure: Figure) -> bytes:
    """Return a figure as PDF, without a background; the same figure gives the same bytes."""
    return _saved(figure, format="pdf", transparent=True, metadata={"CreationDate": None})


def _saved(figure: Figure, **settings: Any) -> bytes:
    """Return a file of a figure, which keeps its layout from then on: its other files need not find it again."""
    content = io.BytesIO()
    figure.savefig(content, **settings)
    with own_style():  # settings of the user's could give it another layout here
        figure.set_layout_engine(None)
    return content.getvalue()


KINDS: Mapping[str, Callable[[Figure, str], bytes]] = {
    ".pdf": lambda figure, name: pdf(figure),
    ".png": lambda figure, name: png(figure),
    ".svg": svg,
}
"""By the end of a file's name, the function that makes its content of a figure and the name of the picture."""
