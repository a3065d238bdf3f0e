"""How Sphinx makes the documentation: `sphinx-build -W --keep-going -b html docs docs/_build/html`."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent)]  # ours, and benchmarks

import ziamath  # noqa: E402

import ravine  # noqa: E402

for name in ravine.__all__:  # they are imported when first asked for, and autodoc does not ask
    setattr(ravine, name, getattr(ravine, name))

project = "ravine"
author = "the authors of ravine"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "mathml", "optimizer_pages"]
extensions += ["schedule_pages", "stage_pages"]
exclude_patterns = ["_build", "_extensions"]
html_math_renderer = "mathml"

# A block of text without a language is what a terminal shows, and `code` in a docstring has single backticks.
highlight_language = "text"
default_role = "code"

myst_heading_anchors = 3  # a link such as (page.md#a-title) leads to the title

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "ravine"
# A fraction or a root is drawn well with a font for mathematics alone, which not every system has.
html_static_path = ["_static", str(Path(ziamath.__file__).parent / "fonts" / "STIXTwoMath-Regular.ttf")]
html_css_files = ["ravine.css"]
html_show_copyright = False
html_copy_source = False


def without_links_out_of_docs(app: Any, page: str, content: list[str]) -> None:
    """Leave the words of a link to a file that the repository has and these pages have not, as ../README.md."""

    def words(link: re.Match[str]) -> str:
        target = (HERE / page).parent / link[2]
        return link[0] if target.resolve().is_relative_to(HERE) else link[1]

    content[0] = re.sub(r"(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)]*)\)", words, content[0])


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", without_links_out_of_docs)
