"""From a TOML file to a list of runs, and what is said of a file that is none."""

from __future__ import annotations

import math

import msgspec
import pytest
from study_cases import SMALL_STUDY, ids, small_plan, study_of

from ravine.errors import ConfigError
from ravine.spec import RunSpec, describe, resolve
from ravine.studies import cut_short, find_rows, load_study, plan

LAST_ROW = '{ optimizer = "sgd", lr = 0.1 }'

pytestmark = pytest.mark.usefixtures("small")


def test_the_rows_in_order():
    rows = [
        (run.group, run.row, run.spec.optimizer, run.spec.lr, run.spec.batch_size, run.spec.hyperparameters)
        for run in small_plan()
    ]
    assert rows == [
        ("rates", 0, "sgd", 0.1, 20, {}),
        ("rates", 1, "sgd", 0.1, 50, {}),
        ("rates", 2, "sgd", 0.01, 20, {}),
        ("rates", 3, "sgd", 0.01, 50, {}),
        ("momenta", 0, "momentum", 0.01, 20, {"alpha": 0.5}),
        ("momenta", 1, "momentum", 0.01, 20, {"alpha": 0.9}),
        ("momenta", 2, "sgd", 0.1, 20, {}),
    ]


def test_specs_are_resolved_and_ids_are_theirs():
    for run in small_plan():
        assert run.spec == resolve(run.spec).spec
        assert run.id == resolve(run.spec).id
        assert (run.spec.epochs, run.spec.engine, run.spec.layers) == (3, "reference", (64, 12, 10))
    spec = RunSpec(dataset="small", layers=(64, 12, 10), epochs=3, engine="reference", lr=0.1, batch_size=50)
    assert small_plan()[1].id == resolve(spec).id


def test_a_run_of_two_groups_has_one_id():
    planned = small_plan()
    assert planned[0].id == planned[6].id
    assert len(ids(planned)) == 6


def test_published_values():
    *others, published = [run.published for run in small_plan() if run.row == 1]
    assert others == [None]
    assert math.isnan(published.train_loss)
    assert (published.test_accuracy, published.seconds) == (0.975, None)


def test_a_grid_comes_before_rows():
    text = SMALL_STUDY.replace("grid =", "rows = [{ lr = 1, batch_size = 10 }]\ngrid =")
    rates = [run for run in plan(study_of(text)) if run.group == "rates"]
    assert [(run.row, run.spec.lr) for run in rates] == [(0, 0.1), (1, 0.1), (2, 0.01), (3, 0.01), (4, 1.0)]


def test_every_row_with_every_seed():
    planned = plan(study_of(seeds=[3, 0]))
    assert [(run.row, run.spec.seed) for run in planned[:4]] == [(0, 3), (0, 0), (1, 3), (1, 0)]
    assert len(planned) == 14
    assert len(ids(planned)) == 12


def test_the_seed_is_0_if_none_is_given():
    assert {run.spec.seed for run in small_plan()} == {0}


def test_a_row_wins_over_its_group_and_the_group_over_the_study():
    changed = SMALL_STUDY.replace("epochs = 3", "epochs = 3\nbatch_size = 5\nlr = 7")
    planned = plan(study_of(changed))
    assert planned[4].spec.batch_size == 20
    assert planned[6].spec.optimizer == "sgd"
    assert {run.spec.lr for run in planned} == {0.1, 0.01}


def test_schedules_in_rows():
    planned = plan(study_of(SMALL_STUDY.replace(LAST_ROW, "{ lr = 0.1, final_lr = 0.01 }")))
    assert planned[6].spec.schedule_settings == {"final_lr": 0.01}


def places(planned) -> list[tuple[str, int]]:
    """Return the rows of runs, numbers counted from 1."""
    return [(run.group, run.row + 1) for run in planned]


RATES = [("rates", number) for number in range(1, 5)]
MOMENTA = [("momenta", number) for number in range(1, 4)]

FIGURES = """
[[figures]]
name = "few"
rows = ["momenta:2", "rates:1"]
measures = ["test_loss"]

[[figures]]
name = "labelled"
rows = ["momenta:the plain one"]
kind = "v-curve"

[[figures]]
name = "whole"
rows = ["rates"]
measures = ["train_loss"]
panels = "lr"
"""


def with_figures(figures: str = FIGURES):
    """Return the small study with a label and with figures."""
    return study_of(SMALL_STUDY.replace(LAST_ROW, '{ optimizer = "sgd", lr = 0.1, label = "the plain one" }') + figures)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (None, [*RATES, *MOMENTA]),
        (["momenta"], MOMENTA),
        (["momenta", "rates"], [*RATES, *MOMENTA]),
        (["few"], [("rates", 1), ("momenta", 2)]),
        (["labelled"], [("momenta", 3)]),
        (["whole"], RATES),
        (["few", "momenta"], [("rates", 1), *MOMENTA]),
        ([], []),
    ],
)
def test_only_what_some_groups_and_figures_need(names, expected):
    for seeds in ([0], [1, 2]):
        study = msgspec.structs.replace(with_figures(), seeds=seeds)
        assert places(plan(study, names)) == [place for place in expected for _ in seeds]


@pytest.mark.parametrize("name", ["rate", "", "rates:1", "Rates"])
def test_an_unknown_name(name):
    with pytest.raises(ConfigError, match=f"unknown group or figure of study six '{name}'") as caught:
        plan(with_figures(), ["few", name])
    assert "Known: few, labelled, momenta, rates, whole." in str(caught.value)


def test_rows_are_found_by_number_and_by_label():
    planned = plan(msgspec.structs.replace(with_figures(), seeds=[0, 1]))
    for reference in ("momenta:3", "momenta:the plain one"):
        assert [(run.group, run.row, run.spec.seed) for run in find_rows(planned, reference)] == [
            ("momenta", 2, 0),
            ("momenta", 2, 1),
        ]
    assert places(find_rows(planned, "rates")) == [place for place in RATES for _ in range(2)]
    for reference in ("rates:0", "rates:5", "rates:", "rates:the plain one", "momentum", "", ":1", "rates:01"):
        assert find_rows(planned, reference) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["momenta:2", "rates:1"]', "[]", "figure few of study six has no rows; give at least one"),
        (
            '["test_loss"]',
            '["tset_loss"]',
            "figure few of study six shows an unknown measure 'tset_loss'; did you mean",
        ),
        ('["test_loss"]', "[]", "figure few of study six has no measures; give at least one"),
        ('"momenta:2"', '"momenta:4"', "figure few of study six shows momenta:4, and there is no such row"),
        (
            '"momenta:2"',
            '"momentum"',
            "shows momentum, and there is no such row; give GROUP, GROUP:NUMBER or GROUP:LABEL",
        ),
        (":the plain one", ":the other one", "figure labelled of study six shows momenta:the other one"),
        ('["train_loss"]', '["train_loss", "test_loss"]', "figure whole of study six has panels by lr and 2 measures"),
        ('"lr"', '"lrr"', "figure whole of study six has panels by an unknown setting 'lrr'; did you mean 'lr'?"),
        ('"momenta:the plain one"', '"momenta:1", "momenta:2"', "shows the gradient check of several rows; give one"),
        ('"momenta:the plain one"', '"momenta"', "shows the gradient check of several rows; give one"),
        ('"few"', '"whole"', "study six has two groups or figures of one name: rates, momenta, whole, labelled, whole"),
        ('"few"', '"rates"', "study six has two groups or figures of one name"),
    ],
)
def test_a_bad_figure(old, new, words):
    assert FIGURES.count(old) == 1
    study = with_figures(FIGURES.replace(old, new))
    for names in (None, ["momenta"]):
        with pytest.raises(ConfigError) as caught:
            plan(study, names)
        assert words in str(caught.value)


def test_a_gradient_of_one_row_by_two_names_is_one_row():
    figures = FIGURES.replace('"momenta:the plain one"', '"momenta:the plain one", "momenta:3"')
    assert places(plan(with_figures(figures), ["labelled"])) == [("momenta", 3)]


def test_runs_that_are_cut_short():
    planned = plan(study_of())
    cut = cut_short(planned)
    assert [run.spec.epochs for run in cut] == [2] * 7
    assert places(cut) == places(planned)
    assert any(run.published for run in planned)
    assert not any(run.published for run in cut)
    for run, whole in zip(cut, planned, strict=True):
        assert run.id == resolve(run.spec).id != whole.id
        assert msgspec.structs.replace(run.spec, epochs=3) == whole.spec
    assert cut_short(planned, epochs=3) == cut_short(planned, epochs=99) == planned


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("{ batch_siez = 3 }", "'batch_siez'; did you mean 'batch_size'?"),
        ("{ alhpa = 0.5 }", "'alhpa'; did you mean 'alpha'?"),
        ('{ optimizer = "sgd", alpha = 0.5 }', "sgd has no alpha; momentum, nesterov"),
        ('{ optimizer = "adma" }', "unknown optimizer 'adma'; did you mean 'adam'?"),
        ('{ dataset = "smal" }', "unknown data set 'smal'; did you mean 'small'?"),
        ('{ dtype = "float46" }', "did you mean 'float64'?"),
        ("{ label = 3 }", "label is 3; it must be text."),
        ("{ published = { test_loss = 3 } }", "unknown key in published 'test_loss'; did you mean 'train_loss'?"),
        ("{ seed = 3 }", "has a seed; seeds are given once for the whole study"),
        ('{ lr = "fast" }', "lr is 'fast'; it must be a number."),
        ("{ batch_size = 1.5 }", "batch_size is 1.5; it must be a whole number, written without a point."),
        ('{ alpha = "high" }', "alpha is 'high'; it must be a number"),
        ("{ alpha = 1.5 }", "alpha of momentum is 1.5"),
        ("{ lr = nan }", "lr of momentum is nan"),
        ("{ layers = 5 }", "layers is 5"),
        ("{ layers = [784, 10] }", "do not fit small"),
        ('{ final_lr = "low" }', "final_lr is 'low'; it must be a number, true or false."),
        ("{ decay_every = 2 }", "constant schedule"),
        ("{ epochs = 0 }", "epochs is 0"),
        ("{ published = 3 }", "published is 3; it must be a table of settings."),
        ("{ published = { loss = 3 } }", "unknown key in published 'loss'"),
        ('{ published = { train_loss = "low" } }', "published.train_loss is 'low'; it must be a number."),
    ],
)
def test_a_bad_row_is_named(row, words):
    with pytest.raises(ConfigError) as caught:
        plan(study_of(SMALL_STUDY.replace(LAST_ROW, row)))
    assert str(caught.value).startswith("row 3 of group momenta in study six")
    assert words in str(caught.value)


@pytest.mark.parametrize("place", ["[settings]", "[[groups]]"])
def test_a_seed_is_refused_in_settings_too(place):
    shared = "\nsettings = { seed = 3 }" if place == "[[groups]]" else "\nseed = 3"
    with pytest.raises(ConfigError, match="row 1 of group rates in study six has a seed"):
        plan(study_of(SMALL_STUDY.replace(place, place + shared, 1)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("lr = [0.1, 0.01]", "lr = []", "lr has no values in the grid of group rates"),
        ("grid = { lr = [0.1, 0.01], batch_size = [20, 50] }", "", "group rates of study six is empty"),
        ("lr = [0.1, 0.01]", "lr = [0.1, 0.01, 0.1]", "rows 1 and 5 of group rates in study six are the same run"),
        (LAST_ROW, "{ lr = 0.01 }", "rows 2 and 3 of group momenta in study six are the same run"),
        ('"momenta"', '"rates"', "study six has two groups or figures of one name"),
        ("[settings]", "seeds = [1, 1]\n[settings]", "a seed twice"),
        ("[settings]", "seeds = []\n[settings]", "study six has no seeds"),
        ("[settings]", "seeds = [-1]\n[settings]", "row 1 of group rates in study six: seed is -1"),
        (
            "[settings]",
            'methods = "rate"\n[settings]',
            "methods of study six: unknown group 'rate'; did you mean 'rates'?",
        ),
        (
            "[settings]",
            'summary = { group = "rate" }\n[settings]',
            "summary of study six: unknown group 'rate'; did you mean 'rates'?",
        ),
        (
            "[settings]",
            'summary = { figures = ["curves"] }\n[settings]',
            "summary of study six: unknown figure 'curves'",
        ),
    ],
)
def test_a_bad_study(old, new, words):
    assert old in SMALL_STUDY
    with pytest.raises(ConfigError) as caught:
        plan(study_of(SMALL_STUDY.replace(old, new, 1)))
    assert words in str(caught.value)


def test_a_study_without_groups():
    with pytest.raises(ConfigError, match="study six has no groups; give at least one"):
        plan(study_of(groups=[]))


def test_a_file_is_read(tmp_path):
    path = tmp_path / "six.toml"
    path.write_text(SMALL_STUDY, encoding="utf-8")
    for source in (path, str(path)):
        assert [run.id for run in plan(load_study(source))] == [run.id for run in small_plan()]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name = ", "is not a study"),
        (b'{"name": "six"}', "is not a study"),
        (b"name = 'gr\xfc\xdfe'", "cannot read the study"),
        (b"groups = []", "name is missing."),
        (b"name = 'six'", "groups is missing."),
        (b"name = 'six'\ngroups = []\nsedes = [1]", "unknown key 'sedes'; did you mean 'seeds'?"),
        (
            b"name = 'six'\n[[groups]]\nname = 'a'\ngird = { lr = [1] }",
            "unknown key in groups[0] 'gird'; did",
        ),
        (
            b"name = 'six'\n[[groups]]\nname = 'a'\ngrid = { lr = 1 }",
            "groups[0].grid holds something that is",
        ),
        (
            b"name = 'six'\n[[groups]]\nname = 'a'\nrows = [1]",
            "groups[0].rows[0] is 1; it must be a table",
        ),
        (
            b"name = 'six'\ngroups = []\nseeds = [0.5]",
            "seeds[0] is 0.5; it must be a whole number",
        ),
        (b"name = 'six'\ngroups = []\nseeds = 3", "seeds is 3; it must be a list."),
        (b"name = 6\ngroups = []", "name is 6; it must be text."),
        (b"name = 'six'\ngroups = []\n[[figures]]\nname = 'a'", "rows is missing in figures[0]."),
        (b"name = 'six'\ngroups = []\n[[figures]]\nrows = ['a']", "name is missing in figures[0]."),
        (
            b"name = 'six'\ngroups = []\n[[figures]]\nname = 'a'\nrows = 'a'",
            "figures[0].rows is 'a'; it must be a",
        ),
        (
            b"name = 'six'\ngroups = []\n[[figures]]\nname = 'a'\nrows = []\nkind = 'bars'",
            "unknown figures[0].kind",
        ),
        (
            b"name = 'six'\ngroups = []\n[[figures]]\nname = 'a'\nrows = []\npanel = 'lr'",
            "key in figures[0] 'panel'",
        ),
    ],
)
def test_a_file_that_is_no_study(tmp_path, content, words):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_study(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: No such file or directory\. Built in: batch-size\."):
        load_study(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load_study(tmp_path)


FLAGS = """
name = "flags"
[[groups]]
name = "a"
settings = { optimizer = "switched.py", layers = [784, 8, 10], epochs = 1 }
grid = { heavy = [true, false], "\u03f5" = [0.5] }
[[figures]]
name = "both"
rows = ["a"]
panels = "\u03f5"
measures = ["train_loss"]
"""
SWITCHED = """
import numpy as np
from ravine import rule
@rule
def switched(g, *, lr=0.1, heavy=True, \u03f5=1.0):
    return lr * np.where(heavy, 2 * g, \u03f5 * g)
"""


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "marked"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_flags_and_folded_names_from_a_file_with_any_mark_and_ends_of_lines(tmp_path, mark, end):
    (tmp_path / "switched.py").write_text(SWITCHED, encoding="utf-8")
    path = tmp_path / "flags.toml"
    path.write_bytes((mark + FLAGS.lstrip().replace("\n", end)).encode())
    study = load_study(path)
    planned = plan(study)
    assert [run.spec.hyperparameters for run in planned] == [{"heavy": flag, "\u03b5": 0.5} for flag in (True, False)]
    assert "switched lr 0.1, heavy false, \u03b5 0.5" in describe(planned[1].spec)
    assert study.figures[0].panels == "\u03b5"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (FLAGS.encode("utf-16"), "it is in UTF-16: save it in UTF-8."),
        (FLAGS.encode("utf-16-le"), "it is in UTF-16: save it in UTF-8."),
        (
            "name = 'x'\ntitle = 'gr\u00fc\u00dfe'".encode("latin-1"),
            "line 2 has the byte 0xfc, which is not UTF-8: save it",
        ),
    ],
)
def test_a_file_in_another_encoding_is_refused_in_one_sentence(tmp_path, content, words):
    path = tmp_path / "flags.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_study(path)
    assert str(caught.value).startswith(f"cannot read the study {path}: {words}")


def test_stages_of_files_beside_the_study(tmp_path, monkeypatch):
    text = "import ravine\n@ravine.stage\ndef {0}(g, *, {0}_share=0.5):\n    return {0}_share * g\n"
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(text.format(name), encoding="utf-8")
    study = SMALL_STUDY.replace("epochs = 3", 'epochs = 3\nstages = ["first.py:first"]').replace(
        "batch_size = [20, 50] }", 'stages = [["second.py"], ["first.py", "second.py:second"]] }'
    )
    (tmp_path / "six.toml").write_text(study, encoding="utf-8")
    monkeypatch.chdir("/")
    planned = plan(load_study(tmp_path / "six.toml"))
    first, second = f"{tmp_path}/first.py:first", f"{tmp_path}/second.py:second"
    assert [run.spec.stages for run in planned] == [(second,), (first, second)] * 2 + [(first,)] * 3
    assert planned[1].spec.hyperparameters == {"first_share": 0.5, "second_share": 0.5}


def test_files_of_one_s_own_lie_beside_the_study(tmp_path, monkeypatch):
    (tmp_path / "st").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "st" / "own.py").write_text(
        "import ravine\n"
        "@ravine.rule\ndef mine(g, *, lr=0.1):\n    return lr * g\n"
        "@ravine.schedule\ndef falling(share):\n    return (1 - share) ** 2\n"
        "@ravine.stage\ndef half(step, *, shrink=0.5):\n    return shrink * step\n"
    )
    (tmp_path / "st" / "own.toml").write_text(
        'name = "own"\n[[groups]]\nname = "g"\n'
        'rows = [{optimizer = "own.py:mine"}, {schedule = "own.py:falling"}, {stages = ["own.py:half"]}]\n'
        '[[groups]]\nname = "h"\ngrid = {schedule = ["own.py:falling", "constant"]}\n'
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    planned = plan(load_study("../st/own.toml"))
    assert [run.spec.schedule_name for run in planned] == ["constant", "falling", "constant", "falling", "constant"]
    assert [run.spec.optimizer_name for run in planned][:2] == ["mine", "sgd"]
    assert planned[2].spec.stage_names == ("half",)
