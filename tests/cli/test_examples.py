"""The examples of every help run, on the real MNIST, in a folder with the files that they name."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image
from test_help import LEAVES

import ravine
from picture_cases import strokes
from ravine.cli.main import run
from rule_files import write_rules

TOO_LONG = {
    "ravine compile --all --dtype float32 --dtype float64",
    "ravine compare momentum adam my_rule.py:my_rule --batch-size 10,100",
    "ravine compare sgd adam --until-decided --at-most 30m",
    "ravine reproduce --quick",
    "ravine reproduce --until-decided --at-most 15m",
    "ravine reproduce --only table1,figure2 --seeds 3",
}
"""What takes minutes; other tests run these commands with less to do."""

EXAMPLES = [(line, path) for path, command in LEAVES.items() for line, _ in command.examples]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Make a folder with two runs, and with what else the examples name: an optimizer, a study, a picture, folders."""
    folder = tmp_path_factory.mktemp("examples")
    settings = {"layers": (784, 10), "batch_size": 100, "epochs": 1, "out": folder / "runs"}
    (folder / "names").write_text(" ".join(ravine.train(lr=lr, **settings).id for lr in (0.1, 0.2)))
    write_rules(folder / "my_rule.py", "@rule\ndef my_rule(g, *, lr=0.1):\n    return lr * g\n")
    stage = "@ravine.stage\ndef my_stage(g, *, my_factor=0.5):\n    return my_factor * g\n"
    write_rules(folder / "my_stage.py", f"import ravine\n{stage}")
    study = (
        '[settings]\nepochs = 1\nlayers = [784, 10]\nbatch_size = 100\n[[groups]]\nname = "sgd"\nrows = [{lr = 0.1}]\n'
    )
    (folder / "rates.toml").write_text(f'name = "rates"\n{study}')
    for name in ("first", "second"):
        shutil.copytree(folder / "runs", folder / name)
    Image.fromarray(strokes()).save(folder / "seven.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line, _ in EXAMPLES if line not in TOO_LONG])
def test_an_example_runs(line, folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RAVINE_HOME", str(folder / "runs"))
    one, other = (folder / "names").read_text().split()  # examples add further runs
    words = [word.replace("3f9c", one).replace("81d2", other) for word in shlex.split(line)[1:]]
    assert run(words) == 0
    assert capsys.readouterr().out


def test_what_is_left_out_is_there():
    assert {line for line, _ in EXAMPLES} >= TOO_LONG
