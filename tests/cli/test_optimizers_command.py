"""`ravine optimizers` and `ravine train --optimizer` with rules that are not ravine's own."""

from __future__ import annotations

import importlib
import json
import sys

import pytest
from command_cases import SMALL

from ravine.cli.main import run
from rule_files import HEAD, write_rules

MINE = """
@rule(bounds={"beta": "[0, 1)"})
def mine(g, v, *, lr=0.1, beta=0.5, drag):
    '''Mine: a rule of the user's own.

        v = beta v + g

    Source: nobody.
    '''
    v = beta * v + g
    return lr * (v + drag * v), v
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_rules(tmp_path / "my_rules.py", MINE)


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Install a package whose rule is good, one whose rule is broken, and one that offers a name of ravine's own."""
    for package, text in (("acme-good", MINE), ("acme-broken", "raise OSError('no disk')"), ("acme-adam", MINE)):
        site, module = tmp_path / package, package.replace("-", "_")
        write_rules(site / f"{module}.py", text)
        (site / f"{module}-1.0.dist-info").mkdir()
        (site / f"{module}-1.0.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\n")
        name = "adam" if package == "acme-adam" else package
        points = f"[ravine.optimizers]\n{name} = {module}:mine\n"
        (site / f"{module}-1.0.dist-info" / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield
    for name in [name for name in sys.modules if name.startswith("acme_")]:
        del sys.modules[name]


def test_a_rule_of_a_file_is_shown(file, capsys):
    assert run(["optimizers", "my_rules.py:mine"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("mine\n\nMine: a rule of the user's own.\n\n    v = beta v + g\n\nSource: nobody.\n\n")
    rows = [line.split() for line in out.splitlines()]
    assert ["beta", "0.5", "[0,", "1)", "log", "in", "1", "-", "x,", "0.5", "to", "0.999"] in rows
    assert ["drag", "-", "(-inf,", "inf)", "-"] in rows
    assert out.endswith("\n\nv = beta * v + g\nreturn (lr * (v + drag * v), v)\n")
    assert run(["optimizers", "my_rules.py", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["optimizers"]
    assert (shown["name"], shown["package"], shown["slots"]) == ("mine", None, ["v"])
    assert shown["defaults"] == {"lr": 0.1, "beta": 0.5, "drag": None}
    assert shown["bounds"] == {"lr": "[0, inf)", "beta": "[0, 1)"}
    assert shown["space"]["beta"] == {"axis": "one_minus_log", "low": 0.001, "high": 0.5}
    assert shown["space"]["lr"]["axis"] == "log"
    assert (shown["space"].keys(), shown["contains"]) == ({"lr", "beta"}, {})


def test_a_rule_without_a_docstring_is_shown(file, capsys):
    write_rules(file, "@rule\ndef bare(g, *, lr):\n    return lr * g\n")
    assert run(["optimizers", "my_rules.py"]) == 0
    assert capsys.readouterr().out.startswith("bare\n\nhyper-parameter  default  allowed   searched\n")


def test_what_an_optimizer_contains_is_shown(file, capsys):
    whole = "@rule(bounds={'alpha': '[0, 1)', 'size': '[0, 2]'}, contains={'sgd': {'alpha': 0}, 'other': {'size': 2}})"
    write_rules(file, f"{whole}\ndef whole(g, *, lr=0.1, alpha=0.5, size: int = 1):\n    return lr * g\n")
    assert run(["optimizers", "my_rules.py"]) == 0
    assert "\n\nAt alpha 0 it is sgd; at size 2 it is other.\n\n" in capsys.readouterr().out
    assert run(["optimizers", "my_rules.py", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["optimizers"]
    assert shown["contains"] == {"sgd": {"alpha": 0.0}, "other": {"size": 2}}


def test_an_optimizer_without_a_search_space_says_why(file, capsys):
    write_rules(file, "@rule\ndef bare(g, *, lr):\n    return lr * g\n")
    assert run(["optimizers", "my_rules.py"]) == 0
    assert "\n\nIt has no search space: lr of bare has no default, around" in capsys.readouterr().out
    assert run(["optimizers", "my_rules.py", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["optimizers"]
    assert shown["space"] is None


def test_a_matrix_optimizer_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = "@matrix_rule()\ndef all_at_once(gradients, weights, state, t, *, lr=0.1):\n    return gradients, state\n"
    write_rules(tmp_path / "matrix.py", text, "from ravine import matrix_rule\n")
    assert run(["optimizers", "matrix.py"]) == 0
    assert capsys.readouterr().out.endswith(":\n    return (gradients, state)\n")
    assert run(["optimizers", "matrix.py", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["optimizers"]
    assert (shown["name"], shown["slots"], shown["inert"]) == ("all_at_once", None, False)


def test_rules_of_packages_are_listed_with_their_package(packages, capsys):
    assert run(["optimizers"]) == 0
    out, err = capsys.readouterr()
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:]}
    assert rows["acme-good"][0] == "acme-good"
    assert " ".join(rows["acme-good"]).endswith("lr 0.1, beta 0.5 a rule of the user's own")
    assert rows["adam"][0] == rows["sgd"][0] == "ravine"
    assert "acme-broken" not in rows
    assert err == (
        "ravine: optimizer acme-broken of the package acme-broken cannot be imported from acme_broken:mine: "
        "OSError: no disk.\n"
        "ravine: adam of the package acme-adam has the name of ravine's own, which is taken.\n"
    )


def test_rules_of_packages_in_json(packages, capsys):
    assert run(["optimizers", "--json"]) == 0
    out, err = capsys.readouterr()
    listed = {each["name"]: each for each in json.loads(out)["optimizers"]}
    assert (listed["acme-good"]["package"], listed["adam"]["package"]) == ("acme-good", "ravine")
    assert listed["adam"]["slots"] == ["m", "v"]
    assert err.count("\n") == 2


def test_one_rule_of_a_package(packages, capsys):
    assert run(["optimizers", "acme-good"]) == 0
    assert "v = beta * v + g" in capsys.readouterr().out
    assert "acme_broken" not in sys.modules
    assert run(["optimizers", "acme-broken"]) == 3
    assert "of the package acme-broken" in capsys.readouterr().err


def test_a_rule_of_a_file_is_trained(file, small, capsys):
    arguments = ["train", *SMALL, "--optimizer", "my_rules.py:mine", "--set", "drag=0.25", "--set", "beta=0.5"]
    assert run([*arguments, "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["spec"]["optimizer"] == f"{file}:mine"
    assert document["spec"]["hyperparameters"] == {"beta": 0.5, "drag": 0.25}
    assert document["status"] == "done"
    assert run(arguments) == 0
    out, err = capsys.readouterr()
    assert f"run {document['id']} is stored" in err
    assert "  optimizer      mine, lr 0.1, beta 0.5, drag 0.25, batches of 20\n" in out


FAULTS = {
    "gone.py:mine": "gone.py cannot be read (No such file or directory)",
    "my_rules.py:mien": "unknown optimizer in my_rules.py 'mien'; did you mean 'mine'? Known: mine.",
    "my_rules.py:mine": "mine needs a value for drag: give one, for example drag=0.1.",
    "my_rule": "unknown optimizer 'my_rule'",
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_trained_ends_with_3(file, small, runs, capsys, name):
    assert run(["train", *SMALL, "--optimizer", name]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ravine: {FAULTS[name]}")
    assert err.count("\n") == 1
    assert not runs.exists()


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "@rule\ndef mine(g, *, lr=0.1):\n    if g > 0:\n        g = -g\n    return lr * g\n",
            3,
            "rule mine has an `if`",
        ),
        ("x = = 1\n", 1, "invalid syntax"),
        ("\nraise RuntimeError('no')\n", 2, "RuntimeError: no."),
        ("import sys\nsys.exit()\n", 2, "SystemExit"),
    ],
)
@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_a_fault_in_the_file_ends_with_3_at_its_line(file, small, runs, capsys, text, line, words, engine):
    write_rules(file, text)
    assert run(["train", *SMALL, "--engine", engine, "--optimizer", "my_rules.py"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ravine: {file}:{HEAD.count(chr(10)) + line}: {words}")
    assert err.count("\n") == 1
    assert not runs.exists()


def test_a_rule_whose_text_is_faulty_prints_nothing_but_the_fault(tmp_path, capsys):
    path = write_rules(tmp_path / "late.py", "@rule\ndef late(g, *, lr=0.1):\n    return lr * g * missing\n")
    assert run(["optimizers", f"{path}:late"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "uses missing, which is not defined" in err
