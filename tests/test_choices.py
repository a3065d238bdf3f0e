"""Names that are read without importing anything are those of the things."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ravine import choices
from ravine.comparison.finding import PROBLEMS
from ravine.data.catalog import DATASETS
from ravine.formulas.shelves import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES, STAGES, SURFACES
from ravine.losses.cross_entropy import SOFTMAX_FORMS
from ravine.networks import INITIALIZERS
from ravine.paper.study import STUDIES

PAIRS = {
    "OPTIMIZERS": OPTIMIZERS,
    "ACTIVATIONS": ACTIVATIONS,
    "LOSSES": LOSSES,
    "INITIALIZERS": INITIALIZERS,
    "SOFTMAX_FORMS": SOFTMAX_FORMS,
    "DATA_SETS": tuple(DATASETS),
    "SCHEDULES": SCHEDULES,
    "STAGES": STAGES,
    "SURFACES": SURFACES,
    "PROBLEMS": PROBLEMS,
    "STUDIES": STUDIES,
}


@pytest.mark.parametrize("kind", PAIRS)
def test_the_names_are_those_of_the_things(kind):
    names = getattr(choices, kind)()
    assert len(set(names)) == len(names)
    assert set(names) == set(PAIRS[kind])


def test_every_list_of_names_is_compared():
    assert {name for name in vars(choices) if name.isupper() and not name.startswith("_")} == set(PAIRS)


def test_a_file_that_declares_nothing_of_its_own_name_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(choices, "_PACKAGE", tmp_path)
    shelf = tmp_path / "hats"
    shelf.mkdir()
    (shelf / "__init__.py").write_text("bowler = 1\n")
    (shelf / "bowler.py").write_text("@hat\ndef bowler(head):\n    return head\n")
    (shelf / "top_hat.py").write_text('import x\n\ntop_hat: Hat = Hat("top-hat")\n')
    (shelf / "brims.py").write_text("def brim(head):\n    brims = 1\n")
    assert choices.shelf("hats")() == ("bowler", "top_hat")
    assert choices.shelf("hats", separator="-")() == ("bowler", "top-hat")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('HATS = {"a": 1, "b": 2}\n', ("a", "b")),
        ('HATS: dict[str, int] = {"a": 1}\n', ("a",)),
        ('HATS = ("a", "b")\n"""Hats."""\n', ("a", "b")),
        ('HATS = (Hat(size=1, name="a"), Hat("b", "c"))\n', ("a", "b")),
        ('CAPS = ("c",)\nHATS = ["a"]\n', ("a",)),
    ],
)
def test_tables_in_every_form(tmp_path, monkeypatch, text, names):
    monkeypatch.setattr(choices, "_PACKAGE", tmp_path)
    (tmp_path / "hats.py").write_text(text)
    assert choices.table("hats.py", "HATS")() == names


def test_a_table_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(choices, "_PACKAGE", tmp_path)
    (tmp_path / "hats.py").write_text('CAPS = ("c",)\n')
    with pytest.raises(LookupError, match="HATS"):
        choices.table("hats.py", "HATS")()


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from ravine import choices, settings; choices.OPTIMIZERS(), choices.DATA_SETS();"
        "sys.exit(any(name in sys.modules for name in ('numpy', 'click', 'msgspec', 'numba')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
