"""From what a user names to a plan; each fault of his in one sentence."""

from __future__ import annotations

import hashlib
import json
import math
import re

import msgspec
import numpy as np
import pytest
from comparison_cases import TOY, planned

import ravine
from ravine.comparison.defaults import protocol_of
from ravine.comparison.finding import PROBLEMS, find_problem
from ravine.comparison.folder import Made
from ravine.comparison.plan import Plan, Protocol, Variant, id_of
from ravine.comparison.planning import make_plan
from ravine.comparison.prepare import entrants_of, first_runs
from ravine.comparison.protocol_words import problem_words
from ravine.errors import ConfigError
from ravine.search import choice, linear, log, one_minus_log


def refused(fault):
    """Assert that a ConfigError of one or two plain sentences is raised, and return its text."""
    with pytest.raises(ConfigError) as caught:
        fault()
    text = str(caught.value)
    assert text.endswith("."), text
    assert "\n" not in text
    assert len(text) < 900
    assert "Traceback" not in text
    return text


RULE = "import ravine\n\n@ravine.rule\ndef mine(g, *, lr=0.1):\n    return lr * g\n"


@ravine.rule
def flagged(g, *, lr=0.1, count: int = 3, flag=False):
    return lr * g * count * (1 + flag)


@pytest.mark.parametrize(
    ("optimizers", "words"),
    [
        ([], "no optimizers are given"),
        (["sgd"], "one optimizer is given"),
        (["sgd", "sgd"], "two optimizers are called sgd"),
        (["sgd", "momentun"], "momentum"),
        (["sgd", 5], "5 is no optimizer"),
        (["sgd", None], "no optimizer"),
        (["sgd", "nowhere.py:mine"], "nowhere.py cannot be read"),
        (["sgd", ""], "optimizer"),
    ],
)
def test_optimizers_that_are_refused(optimizers, words):
    assert words in refused(lambda: make_plan(optimizers, [TOY], Protocol()))


@pytest.mark.parametrize(
    ("spaces", "words"),
    [
        ({"adam": {}}, "optimizer of the comparison"),
        ({"momentum": {"beta": log(0.1, 1)}}, "beta"),
        ({"momentum": {"alpha": (0, 0.9)}}, "alpha"),
        ({"momentum": {"alpha": 0.5}}, "ravine.search"),
        ({"momentum": {"alpha": linear(0, 2)}}, "bounds"),
        ({"momentum": {"alpha": one_minus_log(1e-12, 0.5)}}, "float32"),
        ({"momentum": {"alpha": choice(0.5, 0.999999999)}}, "float32"),
        ({"momentum": {"lr": log(1e-60, 1)}}, "float32"),
        ({"momentum": {"lr": log(1, 1e60)}}, "float32"),
        ({"momentum": {"lr": None}}, "no axis for lr"),
        ({"momentum": {"lr": choice("a", "b")}}, "lr"),
        ({"momentum": {"schedule": choice("linear")}}, "schedule"),
        ({"momentum": 5}, "momentum"),
        (5, "search is 5"),
        ([("momentum", {})], "search is"),
        ({"flagged": {"count": linear(1, 5)}}, "count"),
        ({"flagged": {"flag": choice(1, 2)}}, "flag"),
    ],
)
def test_spaces_that_are_refused(spaces, words):
    assert words in refused(lambda: make_plan(["sgd", "momentum", flagged], [TOY], Protocol(), spaces=spaces))


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (["a"], "'a'"),
        ([True], "true"),
        ([0], "0"),
        ([-5, 10], "-5"),
        ([10, 10], "10 twice"),
        ([10.5], "10.5"),
        ([10**40], "batch size"),
        ([50_001], "50,000 samples"),
        ([10, 60_000], "50,000 samples"),
        ([None, 5], "batch size"),
    ],
)
def test_batch_sizes_that_are_refused(sizes, words):
    assert words in refused(lambda: make_plan(["sgd", "momentum"], [TOY], Protocol(), batch_sizes=sizes))


@pytest.mark.parametrize("schedules", [["cosin"], ["constant", "constant"], [5], [None], [["cosine"]], ["step"]])
def test_schedules_that_are_refused(schedules):
    refused(lambda: make_plan(["sgd", "momentum"], [TOY], Protocol(), schedules=schedules))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"trials": 12}, "power of two"),
        ({"trials": 2}, "power of two"),
        ({"trials": 0}, "power of two"),
        ({"trials": -16}, "power of two"),
        ({"trials": 16.5}, "whole number"),
        ({"trials": "many"}, "whole number"),
        ({"trials": True}, "whole number"),
        ({"trials": 10**30}, "power of two"),
        ({"trials": 2**13}, "4096"),
        ({"trials": 2048, "extensions": 2}, "4096"),
        ({"contenders": 0}, "from 1 to"),
        ({"contenders": 17}, "from 1 to"),
        ({"tuning_seeds": 0}, "from 1"),
        ({"tuning_seeds": 101}, "100"),
        ({"extensions": -1}, "0 or more"),
        ({"controls": -1}, "from 0"),
        ({"controls": 10**9}, "from 0"),
        ({"margin": 0}, "above 0"),
        ({"margin": -0.1}, "above 0"),
        ({"margin": math.nan}, "above 0"),
        ({"margin": math.inf}, "above 0"),
        ({"margin": "small"}, "number"),
        ({"level": 0}, "below 0.5"),
        ({"level": 1e-300}, "below 0.5"),
        ({"level": 0.5}, "below 0.5"),
        ({"level": math.nan}, "below 0.5"),
        ({"power": 1}, "below 1"),
        ({"power": 0.3}, "0.5"),
        ({"power": math.nan}, "0.5"),
        ({"finals": 1}, "2 or more"),
        ({"finals": 10**6}, "at most 900"),
        ({"finals": 300, "looks": 5}, "at most 180"),
        ({"most_finals": 1}, "2 or more"),
        ({"most_finals": 10**6}, "at most 900"),
        ({"looks": 0}, "from 1"),
        ({"looks": 21}, "from 1"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"objective": "speed"}, "speed"),
        ({"trails": 16}, "trails"),
    ],
)
def test_numbers_that_are_refused(numbers, words):
    text = refused(lambda: make_plan(["sgd", "momentum"], [TOY], protocol_of(**numbers)))
    assert words in text
    assert next(iter(numbers)) in text or "key" in text or "objective" in text or "finals" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"validation": 0}, "validation is 0"),
        ({"validation": -5}, "validation"),
        ({"validation": 60_000}, "validation"),
        ({"validation": math.nan}, "validation"),
        ({"validation": "half"}, "validation"),
        ({"validation": 5000.0}, "validation"),
        ({"target": 0.0}, "target"),
        ({"target": 98}, "target"),
        ({"target": math.nan}, "target"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": "ten"}, "epochs"),
        ({"batch_size": 0}, "batch size"),
        ({"batch_size": "big"}, "batch_size"),
        ({"batch_size": 55_000}, "50,000 samples"),
        ({"layers": (10, 10)}, "layers"),
        ({"layers": ()}, "layers"),
        ({"layers": "784,10"}, "layers"),
        ({"dataset": "mnsit"}, "mnist"),
        ({"dataset": 5}, "dataset"),
        ({"activation": "rellu"}, "relu"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0"),
        ({"label_smoothing": True}, "label_smoothing"),
        ({"label_smoothing": 0.1, "softmax": "naive"}, "the naive softmax takes none"),
        ({"name": ""}, "no name"),
        ({"name": 7}, "name"),
    ],
)
def test_problems_that_are_refused(changes, words):
    problem = msgspec.structs.replace(TOY, **changes)
    assert words in refused(lambda: make_plan(["sgd", "momentum"], [problem], Protocol()))


@pytest.mark.parametrize("given", [5, None, "mnist-mpl", "", "nowhere.toml", "nowhere.py:it", ["toy"], {"name": "toy"}])
def test_what_is_no_problem_is_refused(given):
    refused(lambda: make_plan(["sgd", "momentum"], [given], Protocol()))


def test_a_problem_stands_there_once():
    assert "twice" in refused(lambda: make_plan(["sgd", "momentum"], [TOY, TOY], Protocol()))
    assert "no problem" in refused(lambda: make_plan(["sgd", "momentum"], [], Protocol()))


WORKING = 'name = "mine"\nlayers = [784, 10]\nbatch_size = 100\nepochs = 2\nvalidation = 5000\n'


def test_a_problem_from_a_toml_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(WORKING)
    found = find_problem(str(file))
    assert (found.name, found.layers, found.validation) == ("mine", (784, 10), 5000)
    assert type(found.validation) is int
    plan, optimizers = make_plan(["sgd", "momentum"], [str(file)], Protocol())
    assert next(iter(entrants_of(plan, optimizers)["mine"])).bases["constant"].spec.validation == 5000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name = ",
        WORKING.replace("100", '"many"'),
        WORKING + "colour = 3\n",
        WORKING.replace("epochs = 2\n", ""),
        WORKING.replace("[784, 10]", "[784, 11]"),
        WORKING.replace("5000", "0"),
        WORKING.replace("5000", "nan"),
        "[problem]\n" + WORKING,
        "x = " + "[" * 3000,
    ],
)
def test_toml_files_that_are_refused(tmp_path, text):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    assert "mine.toml" in refused(lambda: find_problem(str(file)))


def test_files_that_are_no_text_are_refused(tmp_path):
    file = tmp_path / "mine.toml"
    for content in (WORKING.encode("utf-16"), b"\xff\x00\x01", b"name = '\xe9'"):
        file.write_bytes(content)
        assert "mine.toml" in refused(lambda: find_problem(str(file)))
    assert "mine" in refused(lambda: find_problem(f"{tmp_path}/mine.toml/other.toml"))
    (tmp_path / "folder.toml").mkdir()
    refused(lambda: find_problem(str(tmp_path / "folder.toml")))


PYTHON = "import ravine\n\nsmall = ravine.Problem(name='small one', layers=(784, 10), batch_size=100, epochs=1)\n"


def test_a_problem_from_a_python_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(PYTHON)
    assert find_problem(f"{file}:small").name == "small one"
    assert find_problem(str(file)).name == "small one"  # the only one there
    assert "small" in refused(lambda: find_problem(f"{file}:smal"))
    file.write_text(PYTHON + "other = ravine.Problem(name='b', layers=(784, 10), batch_size=1, epochs=1)\n")
    assert "several problems" in refused(lambda: find_problem(str(file)))
    assert find_problem(f"{file}:other").name == "b"
    file.write_text("import ravine\n")
    assert "no problem" in refused(lambda: find_problem(str(file)))
    for bad in ("small = ravine.Problem(name='b')\n", "1/0\n", "def\n"):
        file.write_text("import ravine\n" + bad)
        assert "mine.py" in refused(lambda: find_problem(f"{file}:small"))


def test_all_problems_of_the_shelf_can_be_compared_on():
    assert {"mnist-mlp", "mnist-small", "mnist-logistic", "mnist-deep", "fashion-mlp", "fashion-small"} <= set(PROBLEMS)
    plan, found = make_plan(["sgd", "momentum"], list(PROBLEMS), Protocol(trials=4))
    runs = first_runs(entrants_of(plan, found), plan)
    assert len(set(runs)) == len(runs) == len(PROBLEMS) * 2 * (4 + 3)


def test_names_are_found_once_and_labels_are_short(tmp_path):
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(RULE)
    a, b = f"{tmp_path}/a.py:mine", f"{tmp_path}/b.py:mine"
    assert planned("sgd", a)[0].labels == ["sgd", "mine"]
    assert planned("sgd", a, b)[0].labels == ["sgd", "a.py:mine", "b.py:mine"]
    assert planned("sgd", f"{tmp_path}/a.py")[0].labels == ["sgd", "mine"]
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "a.py").write_text(RULE.replace("lr * g", "2 * lr * g"))
    assert "called" in refused(lambda: planned(a, f"{tmp_path}/c/a.py:mine"))


def test_names_with_odd_letters(tmp_path):
    file = tmp_path / "mein öl <b>.py"
    file.write_text(RULE.replace("mine", "µ_rule"), encoding="utf-8")
    problem = msgspec.structs.replace(TOY, name="<i>ä\N{SNOWMAN}; rm")
    plan, entrants = planned("sgd", f"{file}:µ_rule", problem=problem)
    assert plan.labels[1] == "μ_rule"  # in the form that Python has it
    assert entrants[1].problem.name == problem.name
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


def test_one_batch_size_replaces_and_several_are_searched():
    one, _ = planned("sgd", "momentum", batch_sizes=[np.int64(50)])
    assert one.problems[0].batch_size == 50
    assert "batch_size" not in one.entries[0].space
    many, _ = planned("sgd", "momentum", batch_sizes=[10, 50])
    assert many.problems[0].batch_size == 100
    assert many.entries[0].space["batch_size"] == choice(10, 50)


def test_axes_in_place_of_the_optimizers_own():
    plan, _ = planned("sgd", "momentum", spaces={"momentum": {"alpha": None}, "sgd": {"lr": linear(0.1, 0.2)}})
    assert plan.entries[0].space == {"lr": linear(0.1, 0.2)}
    assert list(plan.entries[1].space) == ["lr"]
    assert [entry.overridden for entry in plan.entries] == [("lr",), ("alpha",)]


def test_an_optimizer_without_a_default_rate_takes_part_if_an_axis_is_given():
    @ravine.rule
    def bare(g, *, lr):
        return lr * g

    assert "lr" in refused(lambda: planned("sgd", bare))
    plan, entrants = planned("sgd", bare, spaces={"bare": {"lr": log(0.01, 1)}}, protocol=Protocol(trials=4))
    assert plan.entries[1].space == {"lr": log(0.01, 1)}
    assert entrants[1].run({"lr": 0.1}, 0, final=False).spec.lr == 0.1


def identity(*given, **more):
    plan, found = make_plan(*given, **more)
    return id_of(plan, first_runs(entrants_of(plan, found), plan))


def test_another_plan_is_another_comparison(tmp_path):
    names = ["sgd", "momentum"]
    ids = [
        identity(names, [TOY], Protocol()),
        identity(["sgd", "adam"], [TOY], Protocol()),
        identity(names, [msgspec.structs.replace(TOY, epochs=3)], Protocol()),
        identity(names, [TOY], Protocol(), schedules=["cosine"]),
        identity(names, [TOY], Protocol(), batch_sizes=[10, 50]),
        identity(names, [TOY], Protocol(), spaces={"sgd": {"lr": log(0.1, 1)}}),
        *(
            identity(names, [TOY], msgspec.structs.replace(Protocol(), **change))
            for change in (
                *({"trials": 32}, {"contenders": 2}, {"tuning_seeds": 2}, {"extensions": 0}, {"controls": 1}),
                *({"margin": 0.001}, {"level": 0.01}, {"power": 0.9}, {"finals": 5}, {"most_finals": 20}),
                *({"looks": 2}, {"seed": 1}, {"objective": "loss"}),
            )
        ),
    ]
    assert len(set(ids)) == len(ids)
    assert ids[0] == identity(names, [TOY], Protocol())
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in ids)


def test_label_smoothing_is_part_of_the_plan_and_of_no_plan_without():
    names, smoothed = ["sgd", "momentum"], msgspec.structs.replace(TOY, label_smoothing=0.1)
    plan, _ = make_plan(names, [TOY], Protocol())
    content = [msgspec.to_builtins(plan), ["a"]]
    assert content[0]["problems"][0].pop("label_smoothing") == 0
    assert id_of(plan, ["a"]) == hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:16]
    assert identity(names, [smoothed], Protocol()) != identity(names, [TOY], Protocol())
    plan, entrants = planned(*names, problem=smoothed)
    assert [entrant.bases["constant"].spec.label_smoothing for entrant in entrants] == [0.1, 0.1]
    assert "relu, label smoothing 0.1, batches of 100" in problem_words(smoothed)
    assert "smoothing" not in problem_words(TOY)


@pytest.mark.parametrize("objective", ["accuracy", "loss"])
def test_optimizers_with_other_label_smoothings_are_not_compared(objective):
    variant, protocol = Variant(label="a", optimizer="sgd", settings={"label_smoothing": 0.1}), Protocol()
    protocol = msgspec.structs.replace(protocol, objective=objective)
    with pytest.raises(ConfigError, match="a sets label_smoothing, which is the problem's: leave it out"):
        planned("sgd", variant, protocol=protocol)
    text = refused(
        lambda: planned("sgd", "adam", protocol=protocol, spaces={"sgd": {"label_smoothing": linear(0, 0.5)}})
    )
    assert "label_smoothing" in text


def test_the_text_of_a_rule_is_part_of_the_plan_and_its_folder_is_not(tmp_path):
    ids = []
    for folder, text in (("a", RULE), ("b", RULE), ("b", RULE.replace("lr * g", "g * lr")), ("b", RULE)):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "mine.py").write_text(text)
        ids.append(identity(["sgd", f"{tmp_path}/{folder}/mine.py:mine"], [TOY], Protocol()))
    assert ids[0] == ids[1] == ids[3]
    assert ids[2] != ids[0]


def test_a_stored_plan_is_read_back():
    plan, _ = planned("sgd", "adamw", "muon", schedules=["constant", "linear"], batch_sizes=[10, 50])
    made = Made(id="0" * 16, time="now", plan=plan)
    assert msgspec.json.decode(msgspec.json.encode(made), type=Made) == made


BAD_LABELS = [5, 1.5, True, b"x", ("a",), None, " ", "a\x00b", "a\nb", "\x1b[31mred", "\ud800", "x" * 81, " a"]


@pytest.mark.parametrize("label", BAD_LABELS, ids=ascii)
def test_a_label_that_no_page_can_show_is_refused(label):
    with pytest.raises(ConfigError, match="the label of a variant is"):
        planned("sgd", Variant(label=label, optimizer="momentum", settings={}))


@pytest.mark.parametrize("settings", [None, 5, "x", [1], {1: 2}])
def test_settings_of_a_variant_are_given_by_name(settings):
    with pytest.raises(ConfigError, match="write them by name"):
        planned("sgd", Variant(label="a", optimizer="momentum", settings=settings))


def test_a_label_with_a_colon_stays_as_it_is():
    plan, _ = planned("sgd", Variant(label="a:b", optimizer="momentum", settings={"alpha": 0.5}))
    assert plan.labels == ["sgd", "a:b"]


def test_the_settings_of_a_variant_are_plain_and_folded():
    settings = {"\uff41lpha": np.float32(0.5), "batch_size": np.int64(10)}
    plan, _ = planned("sgd", Variant(label="a", optimizer="momentum", settings=settings))
    assert plan.entries[1].settings == {"alpha": 0.5, "batch_size": 10}
    assert "alpha" not in plan.entries[1].space
    json.dumps(msgspec.to_builtins(plan.entries[1].settings))
    with pytest.raises(ConfigError, match="sets seed, which is the comparison's"):
        planned("sgd", Variant(label="a", optimizer="momentum", settings={"\uff53eed": 3}))


def test_a_setting_and_an_axis_of_one_name_contradict():
    variant = Variant(label="a", optimizer="momentum", settings={"alpha": 0.5})
    with pytest.raises(ConfigError, match="a has alpha among its settings and among the axes of its search"):
        planned("sgd", variant, spaces={"a": {"alpha": linear(0, 0.5)}})


def test_the_batch_of_a_variant_fits_the_problem():
    variant = Variant(label="a", optimizer="momentum", settings={"batch_size": 60_000})
    with pytest.raises(ConfigError, match="batch size is 60,000"):
        planned("sgd", variant)


def test_a_problem_of_the_users_has_a_name_of_its_own():
    own = find_problem("mnist-small")
    other = msgspec.structs.replace(own, layers=(784, 16, 10))
    with pytest.raises(ConfigError, match="ravine has another problem of this name"):
        find_problem(other)
    assert find_problem(msgspec.structs.replace(own, batch_size=10)).batch_size == 10
    assert find_problem(msgspec.structs.replace(other, name="mine")).name == "mine"
