"""The runs of the paper, and the numbers that it published, as a study."""

from __future__ import annotations

from importlib import resources

from ravine.studies import BUILT_IN, Study, load_study

NAME = "paper"

FILES = {NAME: resources.files("ravine.paper") / "paper.toml"}
"""The file of the study, by its name."""

STUDIES = {**FILES, **BUILT_IN}
"""The files of all studies that come with ravine, by name."""


def load_paper() -> Study:
    """Read the study."""
    return load_study(NAME, FILES)
