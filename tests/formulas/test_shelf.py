"""Things from files, packages and Python: which are found, what is told of others, and when code runs."""

from __future__ import annotations

import importlib.metadata
import inspect
import sys

import msgspec
import numpy as np
import pytest

import ravine
from optimizer_cases import ELEMENTWISE
from ravine.cli.main import run as command
from ravine.errors import ConfigError
from ravine.formulas import files, shelf
from ravine.formulas.elementwise import rule
from ravine.formulas.shelves import ACTIVATIONS, OPTIMIZERS, STAGES
from ravine.optimizers.adam import adam
from ravine.spec import RunSpec, from_settings, resolve
from rule_files import HEAD, write_rules
from small_data import small_arrays

LINES_OF_HEAD = HEAD.count("\n")

MINE = """
BETA = 0.9
@rule(bounds={"beta": "[0, 1)"})
def mine(g, v, *, lr=0.1, beta=0.5):
    v = beta * v + BETA * g
    return lr * v, v
"""
TWO = MINE + "\n\n@rule\ndef other(g, *, lr=0.2):\n    return lr * g\n"
SETTINGS = {"layers": (64, 12, 10), "batch_size": 20, "epochs": 2, "engine": "reference"}
SMALL = {"data": small_arrays(), **SETTINGS}


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def refusal(name, on=OPTIMIZERS):
    with pytest.raises(ConfigError) as caught:
        on.find(name)
    words = str(caught.value)
    assert "\n" not in words
    assert words.endswith(".")
    assert not words.endswith("..")
    return words


# --- files ---


def test_a_file_with_one_rule_needs_no_name(here):
    write_rules(here / "mine.py", MINE)
    for name in ("mine.py", "mine.py:mine", "./mine.py:mine", "../here/mine.py", str(here / "mine.py"), "mine.py:"):
        declared = OPTIMIZERS.find(name)
        assert (declared.name, declared.formula.slots, declared.defaults["beta"]) == ("mine", ("v",), 0.5)
    assert OPTIMIZERS.resolve("mine.py")[0] == OPTIMIZERS.resolve("mine.py:mine")[0] == f"{here / 'mine.py'}:mine"
    assert list(here.iterdir()) == [here / "mine.py"]  # Python leaves no compiled file


def test_the_folder_of_the_user_may_be_a_tilde(here, monkeypatch):
    write_rules(here / "mine.py", MINE)
    monkeypatch.setenv("HOME", str(here))
    monkeypatch.setenv("USERPROFILE", str(here))
    assert OPTIMIZERS.resolve("~/mine.py")[0] == f"{here / 'mine.py'}:mine"


@pytest.mark.parametrize("path", ["C:\\rules\\mine.py", "a:b.py", "with space.py", "mit-ümläuten.py"])
def test_paths_of_every_kind(here, path):
    write_rules(here / path, TWO)
    assert OPTIMIZERS.find(f"{path}:other").defaults["lr"] == 0.2
    assert resolve(RunSpec(optimizer=f"{path}:other")).spec.optimizer_name == "other"
    assert resolve(RunSpec(optimizer=f"{path}:other")).spec.optimizer == f"{here / path}:other"


def test_a_file_with_several_rules_must_say_which(here):
    write_rules(here / "two.py", TWO)
    assert refusal("two.py") == "two.py has several optimizers; say which, as two.py:mine. Known: mine, other."
    assert refusal("two.py:ohter") == "unknown optimizer in two.py 'ohter'; did you mean 'other'? Known: mine, other."
    assert refusal("two.py:np").startswith("unknown optimizer in two.py 'np'")
    assert OPTIMIZERS.find("two.py:other").name == "other"


def test_rules_that_are_imported_are_not_the_file_s_own(here):
    imports = "from ravine.optimizers.adam import adam\nfrom ravine.optimizers.sgd import sgd\n"
    write_rules(here / "one.py", imports + MINE)
    assert OPTIMIZERS.find("one.py").name == "mine"
    assert OPTIMIZERS.find("one.py:adam") is ELEMENTWISE["adam"]  # named, it is meant
    write_rules(here / "none.py", "from ravine.optimizers.adam import adam\n")
    assert refusal("none.py") == (
        "none.py has no optimizer of its own: put @ravine.rule or @ravine.matrix_rule, above other decorators, before "
        "a function of the file. It imports adam: name one, as none.py:adam."
    )


def test_a_file_imports_what_lies_beside_it_and_another_folder_s_helper_of_the_same_name_is_another(here):
    for name, factor in (("one", 2), ("two", 3)):
        (here / name).mkdir()
        write_rules(here / name / "helper.py", f"FACTOR = {factor}\n")
        write_rules(here / name / "mine.py", "import helper\n" + MINE.replace("BETA = 0.9", "BETA = helper.FACTOR"))
    path, modules = list(sys.path), set(sys.modules)
    bodies = [OPTIMIZERS.find(f"{name}/mine.py").text for name in ("one", "two")]
    assert [body.splitlines()[0] for body in bodies] == ["v = beta * v + 2 * g", "v = beta * v + 3 * g"]
    assert (sys.path, set(sys.modules)) == (path, modules)


def test_a_file_that_names_itself_is_told_so_once(here):
    write_rules(here / "mine.py", "import ravine\n" + MINE + "\nravine.check_optimizer('mine.py:mine')\n")
    told = refusal("mine.py")
    assert told.count(str(here / "mine.py")) == 2  # the line that asks, and what it asks for
    assert "under `if __name__ == '__main__':`" in told


def test_a_rule_goes_by_its_name_in_the_file(here):
    text = "def step(g, *, lr=0.1):\n    return lr * g\n\nfirst = rule(name='label')(step)\n"
    write_rules(here / "named.py", text)
    assert OPTIMIZERS.resolve("named.py")[0] == f"{here / 'named.py'}:first"
    assert OPTIMIZERS.find(OPTIMIZERS.resolve("named.py")[0]).name == "label"
    assert resolve(RunSpec(optimizer="named.py")).id == resolve(RunSpec(optimizer="named.py:first")).id


def test_what_is_no_file_of_python(here):
    assert refusal("gone.py:mine") == (
        "gone.py cannot be read (No such file or directory); give FILE.py:NAME, a file and the name that it declares."
    )
    (here / "folder.py").mkdir()
    assert "folder.py cannot be read (Is a directory)" in refusal("folder.py")
    assert "cannot be read" in refusal(f"{'x' * 400}.py")
    assert "unknown optimizer 'mine.txt'" in refusal("mine.txt")
    assert "Or give a file, as my_file.py:my_name." in refusal("mine")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\ndef f(:\n", 2, "invalid syntax."),
        ("x = 1\nraise ValueError('so.')\n", 2, "ValueError: so."),
        ("x = 1\nraise KeyError\n", 2, "KeyError."),
        ("\nraise ValueError('''two\n  lines''')\n", 2, "ValueError: two lines."),
        ("import no_such_module\n", 1, "ModuleNotFoundError: No module named 'no_such_module'."),
        ("def f():\n    return 1 / 0\n\n\nf()\n", 2, "ZeroDivisionError: division by zero."),
        ("import json\n\njson.loads('')\n", 3, "JSONDecodeError: Expecting value: line 1 column 1 (char 0)."),
        ("import sys\nsys.exit(7)\n", 2, "SystemExit: 7."),
        ("exit()\n", 1, "SystemExit: None."),
        ("\n@rule\ndef mine(v, *, lr):\n    return v\n", 2, "rule mine takes no g"),
        ("@rule(bounds={'lr': '0..1'})\ndef mine(g, *, lr):\n    return g\n", 1, "the bounds of lr of mine are '0..1'"),
        ("x = rule(lambda g, *, lr: g)\n", 1, "a rule is a function defined with `def`, and this is a lambda"),
        ("@rule(name='../up')\ndef mine(g, *, lr):\n    return g\n", 1, "'../up' is no name for a rule"),
        ("@rule\ndef mine(g, *, lr=None):\n    return g\n", 1, "the default of lr is None: give a number, or none"),
        ("@rule\ndef mine(g, *, lr='fast'):\n    return g\n", 1, "the default of lr is 'fast'"),
        (
            "@rule\ndef mine(g, v=1, *, lr):\n    return g, v\n",
            1,
            "v of mine has a default, but slots start at 0, or where start= says",
        ),
        ("@rule\ndef mine(g, max, *, lr):\n    return g, max\n", 1, "max of rule mine is a name that is taken"),
        ("@rule\ndef mine(g, *, lr, max):\n    return g\n", 1, "max of rule mine is a name that is taken"),
        ("@rule\ndef mine(g, *, lr, noise):\n    return g\n", 1, "noise of rule mine is given: write it before the *"),
    ],
)  # fmt: skip
def test_what_goes_wrong_in_a_file_is_told_at_its_line(here, text, line, words):
    path = write_rules(here / "wrong.py", text)
    told = refusal("wrong.py")
    assert told.startswith(f"{path}:{LINES_OF_HEAD + line}: {words}")
    assert refusal("wrong.py") == told
    assert not [name for name in sys.modules if name.startswith("ravine_rules_")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x = '\xe9'\n", "wrong.py:1: (unicode error) 'utf-8' codec can't decode byte 0xe9"),
        (b"x = 1\0\n", "wrong.py:1: it has a zero byte, which no text of Python has; save it in UTF-8."),
        (b"x = 1\n\ny = 2\0\n", "wrong.py:3: it has a zero byte"),
        (b"# coding: nonsense\n", "wrong.py:1: unknown encoding: nonsense."),
    ],
)
def test_a_file_that_is_no_text_is_refused(here, content, words):
    (here / "wrong.py").write_bytes(content)
    assert words in refusal("wrong.py")


def test_a_file_may_have_another_encoding_and_other_ends_of_lines(here):
    text = f"# coding: latin-1\n{HEAD}NAME = 'é'\n{MINE}"
    (here / "latin.py").write_bytes(text.replace("\n", "\r\n").encode("latin-1"))
    assert OPTIMIZERS.find("latin.py").text == "v = beta * v + 0.9 * g\nreturn (lr * v, v)"


def test_a_file_gets_none_of_ravine_s_own_settings(here):
    # ravine's files have `from __future__ import annotations`, and a compiler passes that on if it is let.
    write_rules(here / "annotated.py", "@rule\ndef mine(g: float, *, lr: float):\n    return lr * g\n")
    assert OPTIMIZERS.find("annotated.py").function.__annotations__ == {"g": float, "lr": float}


def test_a_file_may_have_classes_that_ask_for_their_module(here):
    text = "from dataclasses import dataclass\n@dataclass\nclass Setting:\n    beta: 'float' = 0.5\n" + MINE
    write_rules(here / "classes.py", text, "from __future__ import annotations\n" + HEAD)
    assert OPTIMIZERS.find("classes.py").name == "mine"


def test_an_edit_is_seen_at_once(here):
    # Same length, same second: Python's compiled files would not notice.
    first = write_rules(here / "mine.py", MINE)
    before = OPTIMIZERS.find("mine.py")
    write_rules(first, MINE.replace("0.9", "0.7"))
    after = OPTIMIZERS.find("mine.py")
    assert before is not after
    assert "0.7 * g" in after.text
    assert after(np.ones(1), np.zeros(1), lr=1, beta=0)[0] == 0.7
    write_rules(first, MINE.replace("lr * v, v", "lr * g, v"))
    assert "return lr * g, v" in inspect.getsource(OPTIMIZERS.find("mine.py").function)
    write_rules(first, MINE)
    assert OPTIMIZERS.find("mine.py") is before


def test_a_file_runs_once_for_each_content(here):
    write_rules(here / "mine.py", MINE + "\nwith open('count', 'a') as f:\n    f.write('x')\n")
    for _ in range(3):
        OPTIMIZERS.find("mine.py")
        assert resolve(RunSpec(optimizer="mine.py")).id
    assert (here / "count").read_text() == "x"


def test_a_run_goes_on_with_the_rule_that_it_was_made_with(here):
    path = write_rules(here / "mine.py", MINE)
    first = from_settings({"optimizer": "mine.py"})
    path.write_text("raise SystemExit\n")
    assert first.replaced(epochs=3).optimizer is first.optimizer
    assert first.replaced(epochs=first.spec.epochs).id == first.id
    with pytest.raises(ConfigError, match="SystemExit"):
        from_settings({"optimizer": "mine.py"})
    with pytest.raises(ConfigError, match="SystemExit"):
        from_settings({"optimizer": str(path)})
    write_rules(path, MINE.replace("0.9", "0.7"))
    assert from_settings({"optimizer": str(path)}).id != first.id


# --- ids ---


def id_of(path, **settings):
    return from_settings({"optimizer": f"{path}:mine", **settings}).id


def test_the_text_counts_and_not_where_it_lies(here):
    ids = {id_of(write_rules(here / name / "mine.py", MINE)) for name in ("one", "two")}
    ids.add(id_of(write_rules(here / "renamed.py", MINE)))
    ids.add(id_of(write_rules(here / "others.py", TWO)))
    assert len(ids) == 1


@pytest.mark.parametrize(
    "change",
    [
        ("    v = beta", "    # A remark.\n    v = beta"),
        ("lr=0.1", "lr=0.10"),
        ("    v = beta * v", "    '''Explain.'''\n    v = (beta * v)"),
        ("BETA", "FACTOR"),
        ("BETA * g", "(0.9) * g"),
        ("@rule", "import math\n@rule"),
    ],
)
def test_what_does_not_change_the_id(here, change):
    before = id_of(write_rules(here / "mine.py", MINE))
    edited = MINE.replace(*change)
    assert edited != MINE
    assert id_of(write_rules(here / "mine.py", edited)) == before


@pytest.mark.parametrize(
    "change",
    [
        ("lr * v, v", "lr * v * 2, v"),
        ("BETA = 0.9", "BETA = 0.8"),
        ("BETA = 0.9", "BETA = -0.9"),
        ("beta=0.5", "beta=0.6"),
        ("beta * v +", "beta * v -"),
    ],
)
def test_what_changes_the_id(here, change):
    before = id_of(write_rules(here / "mine.py", MINE))
    assert id_of(write_rules(here / "mine.py", MINE.replace(*change))) != before


def test_the_order_of_the_slots_and_the_name_change_the_id(here):
    text = "@rule\ndef mine(g, a, b, *, lr=0.1):\n    a = a + g\n    b = a * b + g\n    return lr * b, a, b\n"
    before = id_of(write_rules(here / "mine.py", text))
    # What is returned is the same text, and goes to the other slot.
    assert id_of(write_rules(here / "mine.py", text.replace("g, a, b,", "g, b, a,"))) != before
    renamed = write_rules(here / "mine.py", text.replace("mine", "yours"))
    assert from_settings({"optimizer": str(renamed)}).id != before


def test_an_id_does_not_tell_how_the_file_was_named(here):
    path = write_rules(here / "mine.py", MINE)
    names = ["mine.py", "mine.py:mine", str(path), f"{path}:mine"]
    assert len({resolve(RunSpec(optimizer=name)).id for name in names} | {id_of(path)}) == 1


# --- Python ---


@rule
def made_here(g, v, *, lr=0.1, beta=0.5):
    v = beta * v + g
    return lr * v, v


def test_a_rule_made_in_python_is_trained():
    run = ravine.train(optimizer=made_here, beta=0.25, **SMALL)
    assert run.status == "done"
    assert run.spec.optimizer == f"{__file__}:made_here"
    assert run.spec.optimizer_name == "made_here"
    assert run.spec.hyperparameters == {"beta": 0.25}
    assert "made_here" in repr(run)
    momentum = ravine.train(optimizer="heavy_ball", alpha=0.25, lr=0.1, **SMALL)
    np.testing.assert_allclose(run.weights, momentum.weights, rtol=1e-5)
    again = ravine.train(optimizer=made_here, beta=0.25, **SMALL)
    assert again.id == run.id


def test_a_rule_made_in_python_is_a_setting():
    run = from_settings({"optimizer": made_here, "beta": 0.25})
    assert run.base is run.optimizer is made_here
    assert OPTIMIZERS.resolve(made_here) == (run.spec.optimizer, made_here)
    assert run.spec == from_settings({"optimizer": made_here, "beta": 1 / 4}).spec
    assert from_settings({"optimizer": adam}).spec == from_settings({"optimizer": "adam"}).spec
    assert from_settings({"optimizer": adam}).id == from_settings({"optimizer": "adam"}).id
    with pytest.raises(ConfigError, match="made_here has no gamma; sophia has it"):
        from_settings({"optimizer": made_here, "gamma": 0.25})
    with pytest.raises(ConfigError) as caught:
        from_settings({"optimizer": 3})
    assert str(caught.value) == (
        "3 is no optimizer: give a name, a file such as my_file.py:my_name, or what @ravine.rule or "
        "@ravine.matrix_rule makes of a function."
    )


def make(factor):
    @rule
    def scaled(g, *, lr=0.1):
        return factor * lr * g

    return scaled


def test_two_rules_of_one_name_are_two():
    one, two = make(1.0), make(2.0)
    first, second = (from_settings({"optimizer": each}) for each in (one, two))
    assert (first.optimizer, second.optimizer) == (one, two)
    assert first.id != second.id
    assert first.spec.optimizer_name == second.spec.optimizer_name == "scaled"
    assert from_settings({"optimizer": one}).id == first.id
    # The id does not tell which was there first.
    assert from_settings({"optimizer": make(2.0)}).id == second.id


def test_a_rule_s_name_does_not_make_it_ravine_s_own():
    @rule(name="adam")
    def impostor(g, *, lr=0.1):
        return lr * g

    run = from_settings({"optimizer": impostor})
    assert run.optimizer is impostor
    assert run.optimizer_text is not None
    assert run.id != from_settings({"optimizer": "adam"}).id


def test_a_rule_with_a_fault_is_refused_before_anything_is_trained(runs):
    @rule
    def looping(g, *, lr=0.1):
        g = g % 2
        return lr * g

    with pytest.raises(ConfigError, match=r"test_shelf.py:\d+: rule looping computes `g % 2`"):
        ravine.train(optimizer=looping, **SMALL)
    assert not runs.exists()


# --- packages ---


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Give back a function that installs a package of one module, as pip would have left it."""

    def installed(package, text, points, group="ravine.optimizers"):
        site = tmp_path / package
        module = package.replace("-", "_")
        write_rules(site / f"{module}.py", text)
        information = site / f"{module}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in points.items()]
        (information / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, module, raising=False)
        return module

    before = {*sys.modules}
    yield installed
    for name in {*sys.modules} - before:
        if name.startswith("acme"):
            del sys.modules[name]


def test_a_rule_of_a_package_is_found_by_its_name(install):
    module = install("acme-rules", MINE, {"acme": "acme_rules:mine"})
    assert OPTIMIZERS.find("adam") is adam
    assert set(OPTIMIZERS.installed()) == {"acme"}
    assert module not in sys.modules  # found, and not imported yet
    assert OPTIMIZERS.find("acme").defaults["beta"] == 0.5
    assert module in sys.modules
    run = ravine.train(optimizer="acme", **SMALL)
    assert (run.spec.optimizer, run.spec.optimizer_name) == ("acme", "acme")
    assert "did you mean 'acme'" in refusal("amce")


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        (
            "raise OSError('no disk.')\n",
            "acme_rules:mine",
            "cannot be imported from acme_rules:mine: OSError: no disk.",
        ),
        ("raise SystemExit\n", "acme_rules:mine", "cannot be imported from acme_rules:mine: SystemExit."),
        (MINE, "acme_rules:mien", "cannot be imported from acme_rules:mien: AttributeError: module 'acme_rules' has"),
        (MINE, "acme_gone:mine", "cannot be imported from acme_gone:mine: ModuleNotFoundError: No module named"),
        (
            MINE,
            "acme_rules:BETA",
            "is a float; acme_rules:BETA must be a function under @ravine.rule or",
        ),
        (
            "@rule\ndef mine(v, *, lr):\n    return v\n",
            "acme_rules:mine",
            "cannot be imported from acme_rules:mine: ConfigError",
        ),
    ],
)
def test_a_broken_package_is_told_by_its_name(install, text, value, words):
    install("acme-rules", text, {"acme": value})
    assert refusal("acme").startswith(f"optimizer acme of the package acme-rules {words}")
    assert OPTIMIZERS.find("sgd").name == "sgd"
    with pytest.raises(ConfigError, match="package acme-rules"):
        resolve(RunSpec(optimizer="acme"))


def test_ravine_s_own_names_come_first(install):
    module = install("acme-rules", MINE, {"adam": "acme_rules:mine"})
    assert OPTIMIZERS.find("adam") is adam
    assert resolve(RunSpec(optimizer="adam")).optimizer is adam
    assert module not in sys.modules


def test_of_two_packages_that_which_python_finds_first(install):
    install("acme-second", MINE.replace("mine", "late"), {"acme": "acme_second:late"})
    install("acme-first", MINE.replace("mine", "early"), {"acme": "acme_first:early"})
    assert OPTIMIZERS.find("acme").name == "early"


def test_a_run_goes_on_with_the_rule_of_its_package(install, monkeypatch):
    install("acme-rules", MINE, {"acme": "acme_rules:mine"})
    run = from_settings({"optimizer": "acme"})
    monkeypatch.setattr(shelf, "entry_points", lambda **_: pytest.fail("looked for packages again"))
    assert run.replaced(epochs=1).optimizer is run.optimizer


# --- shelves of other kinds ---

BOTH = (
    MINE
    + """
from ravine import stage
@stage(bounds={"shrink": "[0, inf)"})
def shrink(g, w, *, shrink):
    return g + shrink * w
"""
)


@pytest.mark.parametrize(("shelf", "name"), [(OPTIMIZERS, "adam"), (STAGES, "l2"), (ACTIVATIONS, "tanh")])
def test_a_shelf_is_a_mapping_of_ravine_s_own_things_by_name(shelf, name):
    assert shelf[name].name == name
    assert shelf.find(name) is shelf.find(shelf[name]) is shelf[name]
    assert shelf.resolve(shelf[name]) == (name, shelf[name])
    assert name in shelf
    assert len(shelf) == len(list(shelf)) == len(repr(shelf).split(", "))
    assert all(key == thing.name for key, thing in shelf.items())
    with pytest.raises(KeyError):
        shelf["gone"]


def test_a_file_may_have_things_of_several_kinds_and_each_shelf_finds_its_own(here):
    path = write_rules(here / "both.py", BOTH)
    assert OPTIMIZERS.resolve("both.py") == (f"{path}:mine", OPTIMIZERS.find("both.py:mine"))
    name, found = STAGES.resolve("both.py")
    assert (name, found.name, dict(found.bounds)) == (f"{path}:shrink", "shrink", {"shrink": "[0, inf)"})
    assert refusal("both.py:mine", STAGES) == "unknown stage in both.py 'mine'. Known: shrink."
    assert refusal("both.py:shrink") == "unknown optimizer in both.py 'shrink'. Known: mine."


def test_a_file_without_a_stage_is_told_how_a_stage_is_declared(here):
    write_rules(here / "mine.py", MINE)
    assert refusal("mine.py", STAGES) == (
        "mine.py has no stage of its own: put @ravine.stage, above other decorators, before a function of the file."
    )


def test_a_thing_of_another_kind_is_refused_by_its_name():
    assert refusal(adam, STAGES) == (
        "the rule adam is no stage: give a name, a file such as my_file.py:my_name, or what @ravine.stage makes of a "
        "function."
    )
    assert refusal(STAGES["l2"]).startswith("the stage l2 is no optimizer: ")
    assert refusal(make).startswith("the function make is no optimizer: ")
    assert refusal([1, 2]).startswith("[1, 2] is no optimizer: ")
    with pytest.raises(ConfigError, match="the rule adam is no stage: "):
        from_settings({"stages": [adam]})


def test_an_unknown_name_gets_the_nearest_of_its_own_kind():
    assert refusal("clip_valeu", STAGES).startswith(
        "unknown stage 'clip_valeu'; did you mean 'clip_value'? Known: clip"
    )
    assert refusal("rleu", ACTIVATIONS).startswith("unknown activation 'rleu'; did you mean 'relu'?")


def test_a_package_offers_stages_too(install):
    install("acme-stages", BOTH, {"shrunk": "acme_stages:shrink", "odd": "acme_stages:mine"}, "ravine.stages")
    assert STAGES.find("shrunk").name == "shrink"
    run = from_settings({"stages": ["shrunk"], "shrink": 0.5})
    assert (run.spec.stages, run.stages) == (("shrunk",), (STAGES.find("shrunk"),))
    assert refusal("odd", STAGES) == (
        "stage odd of the package acme-stages is a ElementwiseOptimizer; acme_stages:mine must be a function under "
        "@ravine.stage."
    )
    assert "unknown optimizer 'shrunk'" in refusal("shrunk")


# --- stored runs ---


@pytest.mark.parametrize("fate", ["deleted", "raises", "changed"])
def test_a_stored_run_is_read_without_its_rule(small, here, capsys, monkeypatch, fate):
    path = write_rules(here / "mine.py", MINE)
    run = ravine.train(optimizer="mine.py:mine", dataset="small", **SETTINGS)
    monkeypatch.setattr(files, "_run", lambda *_: pytest.fail("a file was run that nobody named"))
    if fate == "deleted":
        path.unlink()
    else:
        path.write_text("raise SystemExit" if fate == "raises" else MINE.replace("0.9", "0.7"))
    found = ravine.load_run(run.id)
    assert found.spec == run.spec
    assert (found.predict(small.test.features) == run.predict(small.test.features)).all()
    found.plot()
    capsys.readouterr()
    for arguments in (["runs", "list"], ["runs", "show", run.id], ["predict", run.id, "test:0"]):
        assert command(arguments) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert arguments[0] == "predict" or "mine" in out
    assert command(["runs", "list", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["runs"][0]["id"] == run.id


def test_no_entry_point_is_imported_to_read_a_run(install):
    run = ravine.train(optimizer="sgd", **SMALL)
    module = install("acme-rules", "raise SystemExit", {"acme": "acme_rules:mine"})
    assert ravine.load_run(run.id).id == run.id
    assert module not in sys.modules


def test_every_rule_of_ravine_s_is_itself():
    for name, declared in OPTIMIZERS.items():
        assert OPTIMIZERS.resolve(declared)[0] == OPTIMIZERS.resolve(name)[0] == name
        assert resolve(RunSpec(optimizer=name, lr=0.1)).optimizer is declared


def test_another_form_of_evaluated_weights_gives_another_id(tmp_path):
    text = """
import ravine

def form(w, a):
    return w - a

@ravine.rule(evaluated=form)
def shown(g, a, *, lr=0.1):
    a = 0.9 * a + lr * g
    return a, a
"""
    ids = []
    for k, form in enumerate(["w - a", "w + a", "w - a  # the same"]):
        path = tmp_path / f"{k}.py"
        path.write_text(text.replace("w - a", form))
        ids.append(resolve(RunSpec(optimizer=f"{path}:shown")).id)
    assert ids[0] != ids[1]
    assert ids[0] == ids[2]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_file_may_begin_with_a_byte_order_mark(here, end):
    text = HEAD + "@rule\ndef marked(g, *, lr):\n    return lr * g.T\n"
    (here / "marked.py").write_bytes(b"\xef\xbb\xbf" + text.encode().replace(b"\n", end))
    with pytest.raises(ConfigError, match=rf"marked.py:{LINES_OF_HEAD + 3}: rule marked takes `.T` of `g`"):
        OPTIMIZERS.find("marked.py").formula.body()
    (here / "marked.py").write_bytes(b"\xef\xbb\xbf" + text.replace(".T", "").encode().replace(b"\n", end))
    assert OPTIMIZERS.find("marked.py").text == "return lr * g"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_utf_16_is_refused_in_one_sentence(here, encoding):
    (here / "wide.py").write_bytes((HEAD + MINE).encode(encoding))
    assert refusal("wide.py:mine") == "wide.py is in UTF-16, which Python cannot run: save it in UTF-8."


def test_the_name_of_a_rule_is_folded_and_the_path_of_its_file_is_not(here):
    # Python folds the two forms of epsilon into one; a file system keeps a ligature as it is.
    text = "@rule\ndef \u03f5rule(g, *, lr):\n    return lr * g\n@rule\ndef other(g, *, lr):\n    return g * lr\n"
    path = write_rules(here / "\ufb01le.py", text)
    found = OPTIMIZERS.find("\ufb01le.py:\u03f5rule")
    assert found.name == "\u03b5rule"
    names = {OPTIMIZERS.resolve(f"\ufb01le.py:{name}")[0] for name in ("\u03f5rule", "\u03b5rule")}
    assert names == {f"{path}:\u03b5rule"}
    assert OPTIMIZERS.find("\uff53\uff47\uff44") is ELEMENTWISE["sgd"]
    assert resolve(RunSpec(optimizer="\uff53\uff47\uff44")).id == resolve(RunSpec(optimizer="sgd")).id
