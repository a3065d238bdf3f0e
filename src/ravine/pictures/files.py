"""The files of pictures."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

from ravine.pictures.figure import Figure
from ravine.pictures.style import own_style


def png(figure: Figure) -> bytes:
    """Return a figure as PNG, on white."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    return content.getvalue()


def svg(figure: Figure, name: str) -> bytes:
    """Return a figure as SVG, without a background; the same figure and name give the same bytes."""
    content = io.BytesIO()
    with own_style(**{"svg.hashsalt": name}):
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    return content.getvalue()


def pdf(figure: Figure) -> bytes:
    """Return a figure as PDF, without a background; the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="pdf", transparent=True, metadata={"CreationDate": None})
    return content.getvalue()


KINDS: Mapping[str, Callable[[Figure, str], bytes]] = {
    ".pdf": lambda figure, name: pdf(figure),
    ".png": lambda figure, name: png(figure),
    ".svg": svg,
}
"""By the end of a file's name, the function that makes its content of a figure and the name of the picture."""
