"""A faulty declaration in a file does not hide the others, and is told when it is asked for."""

from __future__ import annotations

import importlib
import sys

import pytest

from ravine.cli.main import run as command
from ravine.errors import ConfigError
from ravine.formulas.shelves import OPTIMIZERS, SCHEDULES, STAGES, SURFACES

HEAD = "import ravine\n"
GOOD_AND_BAD = {
    "rule": (
        OPTIMIZERS,
        "@ravine.rule\ndef {name}(g, *, lr=0.1):\n    return lr * g\n",
        "@ravine.rule\ndef {name}(v, *, lr=0.1):\n    return lr * v\n",
        "rule bad takes no g: its gradient must be a positional parameter named g.",
    ),
    "rule with arguments": (
        OPTIMIZERS,
        "@ravine.rule(inert=True)\ndef {name}(g, *, lr=0.1):\n    return lr * g\n",
        "@ravine.rule(bounds={{'size': '[0, 1]'}})\ndef {name}(g, *, lr=0.1):\n    return lr * g\n",
        "unknown hyper-parameter of bad 'size'",
    ),
    "matrix_rule": (
        OPTIMIZERS,
        "@ravine.matrix_rule\ndef {name}(gradients, weights, state, t, *, lr=0.1):\n    return gradients, state\n",
        "@ravine.matrix_rule\ndef {name}(gradients, weights, *, lr=0.1):\n    return gradients, state\n",
        "rule bad takes gradients, weights; a matrix rule takes gradients, weights, state, t",
    ),
    "stage": (
        STAGES,
        "@ravine.stage\ndef {name}(g, *, size=1):\n    return size * g\n",
        "@ravine.stage\ndef {name}(v, *, size=1):\n    return size * v\n",
        "stage bad takes v first; it must be g",
    ),
    "schedule": (
        SCHEDULES,
        "@ravine.schedule\ndef {name}(share):\n    return 1 - share\n",
        "@ravine.schedule\ndef {name}(time):\n    return 1 - time\n",
        "schedule bad takes time",
    ),
    "surface": (
        SURFACES,
        "@ravine.surface(start=(1, 1), view=((-2, 2), (-2, 2)))\ndef {name}(x, y):\n    return x * x + y * y\n",
        "@ravine.surface\ndef {name}(x, y):\n    return x * x + y * y\n",
        "a surface needs a start and a view",
    ),
}
USES = ["bad.name", "bad(1)", "bad.a.b", "ravine.train(optimizer=bad)", "[each.name for each in (bad,)]", "len(bad)"]


@pytest.fixture(params=GOOD_AND_BAD)
def declared(request, tmp_path, monkeypatch):
    """Write a file with a good, a bad and a good declaration; return the shelf, the file and the fault of the bad."""
    shelf, good, bad, fault = GOOD_AND_BAD[request.param]
    monkeypatch.chdir(tmp_path)
    parts = [HEAD, good.format(name="first"), bad.format(name="bad"), good.format(name="last")]
    (tmp_path / "mine.py").write_text("".join(parts))
    line = 1 + "".join(parts[:2]).count("\n")
    return shelf, tmp_path / "mine.py", f"{tmp_path / 'mine.py'}:{line}: {fault}"


def refusal(shelf, name) -> str:
    with pytest.raises(ConfigError) as caught:
        shelf.find(name)
    return str(caught.value)


def test_the_others_work_and_the_bad_one_is_told(declared):
    shelf, _, fault = declared
    for _ in range(2):
        assert shelf.find("mine.py:first").name == "first"
        assert shelf.find("mine.py:last").name == "last"
        assert refusal(shelf, "mine.py:bad").startswith(fault)
    assert refusal(shelf, "mine.py").startswith(
        f"mine.py has several {shelf.kind}s; say which, as mine.py:first. Known: f"
    )
    assert refusal(shelf, "mine.py:bed").startswith(f"unknown {shelf.kind} in mine.py 'bed'; did you mean 'bad'?")


@pytest.mark.parametrize("kind", GOOD_AND_BAD)
def test_a_file_with_nothing_else_needs_no_name(kind, tmp_path):
    shelf, _, bad, fault = GOOD_AND_BAD[kind]
    file = tmp_path / "mine.py"
    file.write_text(HEAD + bad.format(name="bad"))
    assert refusal(shelf, str(file)).startswith(f"{file}:2: {fault}")


def test_another_name_for_it_has_its_fault(declared):
    shelf, file, fault = declared
    file.write_text(file.read_text() + "other = bad\nagain = ravine.rule(bad)\n")
    for name in ("other", "again"):
        assert refusal(shelf, f"mine.py:{name}").startswith(fault)
    assert shelf.find("mine.py:last").name == "last"


@pytest.mark.parametrize("use", USES)
def test_a_use_of_it_ends_the_file_in_one_sentence(declared, use):
    shelf, file, fault = declared
    text = file.read_text()
    file.write_text(f"{text}{use}\n")
    told = refusal(shelf, "mine.py:first")
    assert told.startswith(f"{file}:{1 + text.count(chr(10))}: ")
    assert "\n" not in told
    assert use == "len(bad)" or fault in told


def test_any_other_exception_ends_the_file(declared):
    shelf, file, _ = declared
    text = file.read_text()
    file.write_text(f"{text}1 / 0\n")
    assert refusal(shelf, "mine.py:first") == f"{file}:{1 + text.count(chr(10))}: ZeroDivisionError: division by zero."


def test_in_python_the_decorator_raises_at_once(declared, tmp_path, monkeypatch):
    _, _, fault = declared
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError) as caught:
        importlib.import_module("mine")
    assert fault.partition(": ")[2] in str(caught.value)
    sys.modules.pop("mine", None)


def test_a_module_that_the_file_imports_raises_too(declared, tmp_path):
    shelf, file, fault = declared
    (tmp_path / "user.py").write_text(f"import mine\n{file.read_text()}")
    assert refusal(shelf, "user.py:first").startswith(f"{tmp_path / 'user.py'}:1: {fault.partition(': ')[2]}")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["check-optimizer", "mine.py:bad"], "rule"),
        (["optimizers", "mine.py:bad"], "rule"),
        (["compile", "mine.py:first", "mine.py:bad"], "rule"),
        (["train", "--optimizer", "mine.py:bad"], "rule"),
        (["paths", "mine.py:bad,lr=0.1"], "matrix_rule"),
        (["train", "--stage", "mine.py:bad"], "stage"),
        (["check-optimizer", "sgd", "--stage", "mine.py:bad"], "stage"),
        (["train", "--schedule", "mine.py:bad"], "schedule"),
        (["paths", "--surface", "mine.py:bad"], "surface"),
    ],
)
def test_commands_tell_the_fault_in_one_sentence(words, kind, tmp_path, monkeypatch, capsys):
    _, good, bad, fault = GOOD_AND_BAD[kind]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(HEAD + good.format(name="first") + bad.format(name="bad"))
    assert command(words) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ravine: {tmp_path / 'mine.py'}:5: {fault}")
    assert err.count("\n") == 1
