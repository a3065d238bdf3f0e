"""Formulas as MathML, made when the pages are built: a browser shows them without a script and without a network."""

from __future__ import annotations

from typing import Any


def mathml(latex: str, block: bool) -> str:
    r"""Return a formula as MathML; rows of a block are separated by \\ and have columns separated by &."""
    from docutils.utils.math.latex2mathml import tex2mathml

    # It leaves the backslash of an underscore in a name where it is.
    return tex2mathml(latex, as_block=block).replace(r"\_", "_")


def _inline(writer: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    writer.body.append(mathml(node.astext(), block=False))
    raise SkipNode


def _displayed(writer: Any, node: Any) -> None:
    from docutils.nodes import SkipNode

    writer.body.append(f'<div class="equations">{mathml(node.astext(), block=True)}</div>\n')
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Make `html_math_renderer = "mathml"` known to Sphinx."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_displayed, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
