"""What the shell is told when somebody types half a word."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import click
import pytest
from click.shell_completion import ShellComplete

from ravine import choices
from ravine.cli.main import ravine, run
from ravine.formulas.shelves import OPTIMIZERS


def completed(*words: str) -> list[str]:
    """Return what may stand in place of the last word; files are left to the shell."""
    *before, incomplete = words
    found = ShellComplete(ravine, {}, "ravine", "_RAVINE_COMPLETE").get_completions(before, incomplete)
    return [item.value if item.type == "plain" else item.type for item in found]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pre"], ["predict"]),
        (["study", "re"], ["report"]),
        (["train", "--schedule-b"], ["--schedule-by"]),
        (["train", "--optimizer", "heavy"], ["file", "heavy_ball"]),
        (["train", "--dataset", "k"], ["kmnist"]),
        (["train", "--schedule", "co"], ["file", "constant", "cosine", "cosine_restarts"]),
        (["train", "--init", "he-"], ["he-uniform", "he-normal"]),
        (["train", "--activation", "l"], ["file", "leaky-relu"]),
        (["train", "--loss", "squ"], ["file", "squared-error", "squared-hinge"]),
        (["train", "--engine", ""], ["fused", "reference"]),
        (["gradcheck", "--softmax", "n"], ["naive"]),
        (["optimizers", "sham"], ["file", "shampoo"]),
        (["check-optimizer", "sham"], ["file", "shampoo"]),
        (["compile", "sgd", "sham"], ["file", "shampoo"]),
        (["compare", "--against", "a"], ["atlas"]),
        (["compile", "--dtype", "float3"], ["float32"]),
        (["paths", "sgd", "sham"], ["file", "shampoo"]),
        (["paths", "--surface", "ro"], ["file", "rosenbrock"]),
        (["study", "run", "ba"], ["file", "batch-size"]),
        (["study", "status", "ba"], ["file", "batch-size"]),
        (["study", "report", "ba"], ["file", "batch-size"]),
    ],
    ids=" ".join,
)
def test_names(words, expected):
    assert completed(*words) == expected


def test_all_optimizers_are_offered():
    assert {*OPTIMIZERS, "file"} <= set(completed("train", "--optimizer", ""))


def test_commands_are_told_with_what_they_do():
    found = ShellComplete(ravine, {}, "ravine", "_RAVINE_COMPLETE").get_completions([], "datas")
    assert [(item.value, item.help) for item in found] == [
        ("datasets", "List the data sets and where their files are.")
    ]


@pytest.mark.parametrize("command", [["runs", "show"], ["predict"], ["gradcheck", "--run"]], ids=" ".join)
def test_runs(small, capsys, tmp_path, command):
    assert completed(*command, "") == ["file"]
    settings = ["train", "--dataset", "small", "--layers", "64,10", "--engine", "reference", "--epochs", "1", "-q"]
    for seed in ("1", "2"):
        assert run([*settings, "--seed", seed]) == 0
    assert run([*settings, "--out", str(tmp_path / "others"), "--seed", "3"]) == 0
    ids = [folder.name for folder in (tmp_path / "runs").iterdir()]
    (other,) = (folder.name for folder in (tmp_path / "others").iterdir())
    (tmp_path / "runs" / "0123.partial").mkdir()  # is under way
    assert set(completed(*command, "")) == {*ids, "file"}
    assert completed(*command, ids[0][:6]) == ["file", ids[0]]
    where = ["--out", str(tmp_path / "others")]
    words = [*command[:-1], *where, command[-1]] if command[-1] == "--run" else [*command, *where]
    assert completed(*words, "") == ["file", other]
    assert completed(*[word.replace("others", "nowhere") for word in words], "") == ["file"]


def test_a_list_that_cannot_be_told_from_files_is_not_cut_short():
    # Where a name or a file will do, what is typed goes back as it is, and the shell completes it to files.
    found = ShellComplete(ravine, {}, "ravine", "_RAVINE_COMPLETE").get_completions(["train", "--optimizer"], "my_r")
    assert [(item.value, item.type) for item in found] == [("my_r", "file")]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell(shell):
    environment = {**os.environ, "_RAVINE_COMPLETE": f"{shell}_source"}
    process = subprocess.run(
        [sys.executable, "-m", "ravine"], env=environment, capture_output=True, text=True, check=True
    )
    assert f"_RAVINE_COMPLETE={shell}_complete" in process.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [("ravine train --dataset f", "fashion-mnist"), ("ravine run", "runs"), ("ravine study report b", "batch-size")],
)
def test_a_real_bash_completes(tmp_path, words, expected):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    program = tmp_path / "ravine"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m ravine "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(_RAVINE_COMPLETE=bash_source ravine)"; complete() { :; }; compopt() { :; };'
        f"COMP_WORDS=({words}); COMP_CWORD={len(words.split()) - 1}; _ravine_completion ravine; echo ${{COMPREPLY[@]}}"
    )
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.run([bash, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert process.stdout.split() == [expected]


def test_completing_does_not_wait_for_numpy():
    code = (
        "import sys; from click.shell_completion import ShellComplete; from ravine.cli.main import ravine;"
        "complete = ShellComplete(ravine, {}, 'ravine', '_').get_completions;"
        "assert complete(['train', '--optimizer'], 'ada') and complete([], '') and complete(['runs', 'show'], '');"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_option_with_names_completes_them():
    context = click.Context(ravine)
    for command in ("train", "gradcheck"):
        found = ravine.get_command(context, command)
        assert found is not None
        kinds = {option.name: option.type for option in found.params}
        assert kinds["activation"].known() == choices.ACTIVATIONS()
        assert kinds["dataset"].known() == choices.DATA_SETS()
