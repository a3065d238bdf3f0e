"""Against the atlas: a user's optimizers are searched as its own were, and its own have the settings that it found."""

from __future__ import annotations

import csv
import math

import msgspec
import pytest
from atlas_cases import PROBLEMS, PROTOCOL, SLOW, WIDE, made_up, write_atlas
from comparison_cases import TOY, noise, played

import ravine
import ravine.comparison.against as atlas_of
from ravine.api.comparison import compare
from ravine.comparison.against import FOLDER, plan_against, read_atlas
from ravine.comparison.comparison import Comparison
from ravine.comparison.edges import Edge
from ravine.comparison.figures import best_of_k, curves, score_by_rate
from ravine.comparison.finding import find_problem
from ravine.comparison.outcome import outcome_of
from ravine.comparison.page import CAPTIONS, page
from ravine.comparison.plan import Variant, id_of
from ravine.comparison.planning import make_plan
from ravine.comparison.prepare import entrants_of, first_runs
from ravine.comparison.protocol_words import protocol_words, space_rows, tuned_rows
from ravine.comparison.trials import FIRST_FINAL, FRESH, SEEDS
from ravine.comparison.words import warnings
from ravine.errors import ConfigError, DataError
from ravine.formulas.shelves import OPTIMIZERS
from ravine.formulas.space import space_of
from ravine.search import choice, linear, log


@ravine.rule(bounds={"alpha": "[0, 1)"}, contains={"sgd": {"alpha": 0.0}})
def mine(g, v, *, lr=0.1, alpha=0.9):
    v = alpha * v + lr * g
    return v, v


@ravine.rule
def other(g, *, lr=0.3):
    return lr * g * 2


@ravine.rule(search={"count": choice(1, 2, 30), "flag": choice(True, False), "share": choice(0.1, 1 / 3, 1.0)})
def chosen(g, *, lr=0.1, count: int = 2, flag=False, share=1.0, rest=0.7):
    return lr * g * count * (1 + flag) * share * rest


@pytest.fixture(scope="module")
def outcome():
    return made_up()


@pytest.fixture
def atlas(outcome, tmp_path, monkeypatch):
    """Put a small made-up atlas in place of ravine's, and return its outcome."""
    monkeypatch.setattr(atlas_of, "FOLDER", write_atlas(tmp_path / "atlas", outcome))
    return outcome


def settings_in(outcome):
    return {(one.optimizer, one.problem): one.settings for one in outcome.leaderboard}


def planned_against(against="atlas", optimizers=(mine,), problems=None, given=None, spaces=None):
    return plan_against(against, list(optimizers), problems, given or {}, spaces or {})


# The atlas itself


def test_settings_come_back_from_the_files_exactly_as_the_search_found_them(tmp_path, monkeypatch):
    axes = {"schedules": ["constant", "cosine"], "batch_sizes": [10, 100]}
    outcome = made_up([chosen, "adam"], score=lambda trial: 0.9 + noise(trial, 0.01), **axes)
    odd = [0.1 + 0.2, 1 / 3, 5e-324 + 1.1754943508222875e-37, 2.0**-20, 1e22, math.pi]
    standings = [
        msgspec.structs.replace(one, settings={**one.settings, "lr": lr})
        for one, lr in zip(outcome.leaderboard, odd, strict=True)
    ]
    outcome = msgspec.structs.replace(outcome, leaderboard=tuple(standings))
    monkeypatch.setattr(atlas_of, "FOLDER", write_atlas(tmp_path, outcome))
    found = read_atlas()
    assert found.plan == outcome.plan
    kinds = set()
    for (label, problem), settings in settings_in(outcome).items():
        values = found.tuned[label][problem]
        assert [(name, type(value), value) for name, value in values.items()] == [
            (name, type(settings[name]), settings[name]) for name in settings
        ]
        kinds |= set(map(type, values.values()))
    assert kinds == {float, int, bool, str}
    for one in outcome.leaderboard:
        assert found.scores[one.problem][one.optimizer] == one.score


def test_the_atlas_of_the_package_fits_the_optimizers_and_problems_of_the_shelves():
    found = read_atlas()
    assert set(found.plan.labels) <= set(OPTIMIZERS)
    for problem in found.plan.problems:
        assert problem == msgspec.structs.replace(find_problem(problem.name), batch_size=problem.batch_size)
    with (FOLDER / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found.plan.problems) * len(found.plan.labels)
    for problem in found.plan.problems:
        first = next(row for row in rows if row["problem"] == problem.name)
        assert found.best(problem.name) == first["optimizer"]
        assert found.scores[problem.name][first["optimizer"]] == float(first["score"])
    for entry in found.plan.entries:
        assert entry.space == space_of(OPTIMIZERS[entry.label])  # so its search is one that a user's rule gets too
        assert not entry.settings
    assert max(int(row["finals"]) for row in rows) * found.plan.protocol.looks <= FRESH
    plan, optimizers = planned_against()
    assert first_runs(entrants_of(plan, optimizers), plan)


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("plan.json", None, "plan.json cannot be read"),
        ("leaderboard.csv", None, "leaderboard.csv cannot be read"),
        ("plan.json", lambda text: "", "plan.json is damaged"),
        ("plan.json", lambda text: text[:300], "plan.json is damaged"),
        ("plan.json", lambda text: text.replace('"trials":8', '"trials":"8"'), "plan.json is damaged"),
        ("leaderboard.csv", lambda text: "", "leaderboard.csv is damaged"),
        ("leaderboard.csv", lambda text: text.partition("\n")[2], "leaderboard.csv is damaged"),
        ("leaderboard.csv", lambda text: text[: text.rindex("slow,lion")], "leaderboard.csv is damaged"),
        ("leaderboard.csv", lambda text: text[: len(text) // 2], "leaderboard.csv is damaged"),
        ("leaderboard.csv", lambda text: text.replace("set_beta2", "set_beta3"), "leaderboard.csv is damaged"),
        ("leaderboard.csv", lambda text: text.replace("0.", "x."), "leaderboard.csv is damaged"),
    ],
)
def test_a_missing_or_damaged_file_is_told_in_one_sentence(atlas, file, change, words):
    path = atlas_of.FOLDER / file
    text = path.read_text()
    path.unlink() if change is None else path.write_text(change(text))
    with pytest.raises(DataError) as caught:
        planned_against()
    told = str(caught.value)
    assert words in told
    assert told.endswith("install ravine again.")
    assert "\n" not in told


@pytest.mark.parametrize("value", ["-0.1", "nan", "inf", "0.0"])
def test_a_value_that_a_hyper_parameter_may_not_have_is_a_damaged_file(atlas, value):
    path = atlas_of.FOLDER / "leaderboard.csv"
    lr = settings_in(atlas)["adam", "toy"]["lr"]
    path.write_text(path.read_text().replace(f",{lr!r},", f",{value},"))
    with pytest.raises(DataError, match=r"leaderboard.csv is damaged \(ValueError: .lr of "):
        planned_against()


# The plan


def test_the_best_of_each_problem_stand_beside_with_the_settings_that_the_atlas_found(atlas):
    plan, optimizers = planned_against()
    assert plan.problems == PROBLEMS
    assert plan.labels == ["mine", "adam", "sgd"] == list(optimizers)
    assert plan.entries[0].tuned == {}
    assert plan.entries[0].space == space_of(mine)
    for entry in plan.entries[1:]:
        assert entry.tuned == {name: settings_in(atlas)[entry.label, name] for name in ("toy", "wide", "slow")}


@pytest.mark.parametrize(
    ("problems", "labels"),
    [
        (["wide"], ["sgd"]),
        (["wide", "toy"], ["sgd", "adam"]),
        (["slow", "toy"], ["adam"]),
        ([SLOW], ["adam"]),
        ([msgspec.structs.replace(WIDE, layers=[784, 50, 10])], ["sgd"]),
    ],
)
def test_some_problems_of_the_atlas(atlas, problems, labels):
    plan, _ = planned_against(problems=problems)
    names = [one if isinstance(one, str) else one.name for one in problems]
    assert [problem.name for problem in plan.problems] == names
    assert set(plan.problems) <= set(PROBLEMS)
    assert plan.labels == ["mine", *labels]
    assert all(list(entry.tuned) == names for entry in plan.entries[1:])


def test_those_that_are_named_stand_beside_in_their_order(atlas):
    assert planned_against("atlas:lion, sgd")[0].labels == ["mine", "lion", "sgd"]
    assert planned_against("atlas:lion", [mine, other])[0].labels == ["mine", "other", "lion"]


def test_the_budget_is_that_of_the_atlas_and_other_numbers_may_be_given(atlas):
    protocol = planned_against()[0].protocol
    usual = ravine.comparison.plan.Protocol()
    same = ("trials", "contenders", "tuning_seeds", "extensions", "objective", "margin", "level", "power", "seed")
    for name in same:
        assert getattr(protocol, name) == getattr(PROTOCOL, name)
    for name in set(protocol.__struct_fields__) - set(same):
        assert getattr(protocol, name) == getattr(usual, name)
    given = {"finals": 7, "most_finals": 9, "looks": 5, "controls": 1, "level": 0.01, "power": 0.9, "margin": 0.1,
             "seed": 4}  # fmt: skip
    changed = planned_against(given=given)[0].protocol
    assert changed == msgspec.structs.replace(protocol, **given)


def test_a_users_optimizer_may_have_the_name_of_one_of_the_atlas(atlas, tmp_path):
    (tmp_path / "own.py").write_text("import ravine\n\n@ravine.rule\ndef adam(g, *, lr=0.1):\n    return lr * g\n")
    plan, optimizers = planned_against("atlas:adam", [f"{tmp_path}/own.py:adam"])
    assert plan.labels == ["own.py:adam", "adam"]
    assert optimizers["adam"] is OPTIMIZERS["adam"]
    assert optimizers["own.py:adam"] is not OPTIMIZERS["adam"]
    assert [bool(entry.tuned) for entry in plan.entries] == [False, True]


def test_axes_and_variants_are_those_of_the_users_optimizers_alone(atlas):
    falling = Variant(label="adam falling", optimizer="adam", settings={"schedule": "linear", "final_lr": 0.0})
    plan, _ = planned_against("atlas:adam", [mine, falling], spaces={"mine": {"lr": log(0.01, 1)}})
    by_label = {entry.label: entry for entry in plan.entries}
    assert by_label["mine"].space["lr"] == log(0.01, 1)
    assert by_label["adam falling"].settings["schedule"] == "linear"
    assert by_label["adam"].settings == {}
    assert by_label["adam"].space == space_of(OPTIMIZERS["adam"])


def test_a_plan_tells_what_is_searched_and_what_was_tuned_before(atlas):
    plan, _ = planned_against("atlas:adam", problems=["toy"])
    assert [row[:2] for row in space_rows(plan)] == [("mine", "lr"), ("mine", "alpha")]
    [(label, problem, told)] = tuned_rows(plan)
    assert (label, problem) == ("adam", "toy")
    for value in settings_in(atlas)["adam", "toy"].values():
        assert f"={value:.4g}" in told
    assert "no pair of two optimizers that an earlier" in protocol_words(plan.protocol, tuned=True)["pairs"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"against": "atlas:"}, "names no optimizer"),
        ({"against": "atlas: , "}, "names no optimizer"),
        ({"against": "atlas:adam,"}, "unknown optimizer of the atlas ''"),
        ({"against": "atlas:adma"}, "unknown optimizer of the atlas 'adma'; did you mean 'adam'?"),
        ({"against": "atlas:muon"}, "unknown optimizer of the atlas 'muon'"),
        ({"against": "atlas:adam,adam"}, "two optimizers are called adam"),
        ({"against": "atlass"}, "against is 'atlass'; it must be atlas"),
        ({"against": ""}, "against is ''; it must be atlas"),
        ({"against": "adam"}, "it must be atlas"),
        ({"against": 5}, "against is 5; it must be atlas"),
        ({"against": ["atlas"]}, "it must be atlas"),
        ({"optimizers": []}, "no optimizers are given; give one or more"),
        ({"optimizers": ["adam"]}, "adam is in the atlas"),
        ({"optimizers": [mine, "momentum"]}, "momentum is in the atlas"),
        ({"optimizers": [OPTIMIZERS["lion"]]}, "name it in against, as atlas:lion"),
        ({"optimizers": [Variant(label="", optimizer="sgd", settings={})]}, "sgd is in the atlas"),
        ({"optimizers": [Variant(label="adam", optimizer="adam", settings={"beta2": 0.9})]}, "two optimizers are call"),
        ({"optimizers": [mine, mine]}, "two optimizers are called"),
        ({"optimizers": ["nonsense"]}, "unknown optimizer 'nonsense'"),
        ({"optimizers": [5]}, "5 is no optimizer"),
        ({"problems": ["mnist-mlp"]}, "unknown problem of the atlas 'mnist-mlp'"),
        ({"problems": ["mnist-mlp"]}, "Known: slow, toy, wide"),
        ({"problems": ["toy", "toy"]}, "a problem stands there twice"),
        ({"problems": []}, "no problem is given"),
        ({"problems": [5]}, "unknown problem of the atlas '5'"),
        ({"problems": [["toy"]]}, "unknown problem of the atlas"),
        ({"problems": ["mine.toml"]}, "unknown problem of the atlas 'mine.toml'"),
        ({"problems": [msgspec.structs.replace(TOY, epochs=9)]}, "none of the atlas's: name some of those, toy, wide"),
        ({"problems": [msgspec.structs.replace(TOY, batch_size=10)]}, "problem 'toy' is none of the atlas's"),
        ({"spaces": {"adam": {"lr": log(0.1, 1)}}}, "search of adam: it is tuned already"),
        ({"spaces": {"lion": {"lr": log(0.1, 1)}}}, "unknown optimizer of the comparison 'lion'"),
        ({"given": {"trials": 8}}, "trials cannot be given against the atlas: it gave each optimizer 8 trials"),
        ({"given": {"contenders": 3}}, "it gave each optimizer 2 contenders"),
        ({"given": {"tuning_seeds": 3}}, "it gave each optimizer 2 tuning seeds"),
        ({"given": {"extensions": 1}}, "it gave each optimizer 0 extensions"),
        ({"given": {"objective": "loss"}}, "tuned for the accuracy"),
        ({"given": {"schedule": ["cosine"]}}, "schedule cannot be given against the atlas"),
        ({"given": {"batch_size": [10]}}, "batch_size cannot be given against the atlas"),
        ({"given": {"budget": "1h"}}, "budget cannot be given against the atlas: it gave each optimizer 8 trials"),
        ({"given": {"pairs": "best"}}, "judged beside each of the atlas's"),
        ({"given": {"--all": True}}, "--all cannot be given against the atlas"),
        ({"given": {"finals": 501}}, "finals is 501; it must be at most 500"),
        ({"given": {"finals": 101, "looks": 5}}, "finals is 101; it must be at most 100 at 5 looks"),
        ({"given": {"finals": 1}}, "finals is 1"),
        ({"given": {"speed": 1}}, "speed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_refused(atlas, change, words):
    with pytest.raises(ConfigError) as caught:
        planned_against(**change)
    told = str(caught.value)
    assert words in told
    assert told.endswith(".")
    assert "\n" not in told


def test_the_text_of_an_optimizer_that_is_not_searched_has_a_part_in_the_id_too(tmp_path):
    file = tmp_path / "own.py"
    text = "import ravine\n\n@ravine.rule\ndef quick(g, *, lr=0.1):\n    return lr * g\n"
    tuned = {TOY.name: {"lr": 0.1}}
    ids = []
    for written in (text, text.replace("lr * g", "2 * lr * g"), text):
        file.write_text(written)
        [_, entry] = make_plan(["sgd", f"{file}:quick"], [TOY], PROTOCOL)[0].entries
        plan, found = make_plan([mine], [TOY], PROTOCOL, beside=[msgspec.structs.replace(entry, tuned=tuned)])
        ids.append(id_of(plan, first_runs(entrants_of(plan, found), plan)))
    assert ids[0] == ids[2] != ids[1]


# The course


def whole(against="atlas:adam,sgd", given=None, best=0.95):
    """Follow a plan against the atlas on the first problem with made-up scores."""
    plan, optimizers = planned_against(against, problems=["toy"], given=given)
    entrants = entrants_of(plan, optimizers)["toy"]

    def score(trial):
        top = {"mine": best, "adam": 0.97, "sgd": 0.94}[trial.optimizer]
        distance = abs(math.log10(trial.settings["lr"] / 0.01)) if trial.stage != "final" else 0
        return top - 0.01 * distance + noise(trial, 0.0005)

    done, results, stages = played(entrants, plan.protocol, score)
    return plan, done, stages, outcome_of(plan, "0" * 16, {"toy": entrants}, {"toy": done}, results, {})


def test_the_users_optimizer_gets_the_search_of_the_atlas_and_no_other_one_is_searched(atlas):
    _, done, stages, _ = whole()
    assert {trial.optimizer for stage in stages for trial in stage if trial.stage != "final"} == {"mine"}
    theirs = [row for row in atlas.trials if (row.problem, row.optimizer) == ("toy", "adam")]
    for stage in ("search", "default", "extension", "seeds"):
        assert len(done.of("mine", stage)) == sum(row.stage == stage for row in theirs), stage
    assert [trial.seed for trial in done.of("mine", "search")] == [r.seed for r in theirs if r.stage == "search"]
    for label in ("adam", "sgd"):
        assert {trial.stage for trial in done.of(label, *{t.stage for t in done.trials})} == {"final"}
        for trial in done.of(label, "final"):
            assert trial.settings == settings_in(atlas)[label, "toy"]
    assert [(pair.a, pair.b) for pair in done.pairs] == [("mine", "adam"), ("mine", "sgd")]


@pytest.mark.parametrize("given", [{}, {"seed": 0}, {"seed": 1, "looks": 5, "finals": 100}])
def test_finals_have_seeds_that_the_atlas_did_not_have(atlas, given):
    plan, done, _, _ = whole(given=given, best=0.9695 if given.get("looks") else 0.95)
    seeds = {trial.seed for trial in done.trials if trial.stage == "final"}
    first = SEEDS * plan.protocol.seed + FIRST_FINAL
    assert min(seeds) == first + FRESH
    assert max(seeds) < first - FIRST_FINAL + SEEDS
    assert not seeds & {row.seed for row in atlas.trials}
    for label in plan.labels:
        assert {trial.seed for trial in done.of(label, "final")} == seeds


def test_controls_lie_near_the_settings_that_the_atlas_found(atlas):
    plan, done, _, found = whole()
    assert plan.entries[0].contains == {"sgd": {"alpha": 0.0}}
    near = settings_in(atlas)["sgd", "toy"]["lr"]
    controls = [trial for trial in done.of("mine", "control") if trial.seed % SEEDS == 0]
    assert len(controls) == plan.protocol.controls == 4
    for trial in controls:
        assert trial.near == "sgd"
        assert near / 2 <= trial.settings["lr"] <= near * 2
        assert 0 <= trial.settings["alpha"] <= 0.5
    assert "mine" in {row.optimizer for row in found.trials if row.stage == "control"}
    assert planned_against("atlas:lion")[0].entries[0].contains == {}


def test_an_optimizer_that_loses_against_what_it_contains_is_called_under_tuned(atlas):
    lost = whole(best=0.93)[3]
    assert {one.optimizer: one.under_tuned for one in lost.leaderboard} == {"adam": (), "sgd": (), "mine": ("sgd",)}
    won = whole(best=0.96)[3]
    assert all(one.under_tuned == () for one in won.leaderboard)


def test_the_page_tells_what_was_tuned_before_and_draws_what_was_searched(atlas):
    plan, _, _, found = whole(given={"looks": 5})
    comparison = Comparison(found)
    sentence = "adam and sgd were tuned by an earlier comparison; this one made their final runs alone."
    assert sentence in comparison.sentences
    svgs = {(name, "toy"): '<svg viewBox="0 0 9 9"></svg>' for name in CAPTIONS}
    html = page(comparison, svgs)
    assert sentence in html
    assert html.count("It was tuned by an earlier comparison: lr=") == 2
    assert "no pair of two optimizers that an earlier comparison tuned" in html
    for draw in (score_by_rate, best_of_k, curves):
        [axes] = draw(found).axes
        assert {line.get_label() for line in axes.lines if not line.get_label().startswith("_")} == {"mine"}
    dashes = {one.optimizer: (one.validation, one.default, one.decades) for one in found.leaderboard}
    assert dashes["adam"] == dashes["sgd"] == (None, None, None)
    assert len(plan.entries) == 3


# In Python


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trials": 32}, "trials cannot be given"),
        ({"contenders": 1}, "contenders cannot be given"),
        ({"tuning_seeds": 1}, "tuning_seeds cannot be given"),
        ({"extensions": 0}, "extensions cannot be given"),
        ({"objective": "loss"}, "objective cannot be given"),
        ({"pairs": "best"}, "pairs cannot be given"),
        ({"schedule": "cosine"}, "schedule cannot be given"),
        ({"batch_size": 10}, "batch_size cannot be given"),
        ({"budget": "1h"}, "budget cannot be given"),
        ({"problem": "mnist-mlp"}, "unknown problem of the atlas 'mnist-mlp'"),
        ({"against": "atlas:adma"}, "did you mean 'adam'"),
        ({"against": False}, "it must be atlas"),
        ({"optimizers": "adam"}, "adam is in the atlas"),
        ({"optimizers": []}, "no optimizers are given"),
        ({"seed": -1}, "seed is -1"),
        ({"at_most": "1h"}, "until_decided"),
        ({"search": {"mine": {"alpha": linear(0, 2)}}}, "bounds"),
    ],
    ids=str,
)
def test_the_same_is_refused_in_python(atlas, runs, settings, words):
    given = {"optimizers": [mine], "against": "atlas", "runs": runs, **settings}
    with pytest.raises(ConfigError, match=words):
        compare(given.pop("optimizers"), **given)
    assert not runs.exists()


def test_the_doubts_of_the_atlas_are_told_again(tmp_path, monkeypatch):
    outcome = made_up()
    changed = {
        ("toy", "adam"): {"under_tuned": ("sgd",)},
        ("wide", "adam"): {"default": 0.99, "validation": 0.98},
        ("slow", "adam"): {"edges": (Edge(axis="lr", end="high"),)},
        ("wide", "sgd"): {"default": 0.981, "validation": 0.98},  # by less than the margin
    }
    board = [
        msgspec.structs.replace(one, **changed.get((one.problem, one.optimizer), {})) for one in outcome.leaderboard
    ]
    folder = write_atlas(tmp_path / "atlas", msgspec.structs.replace(outcome, leaderboard=tuple(board)))
    monkeypatch.setattr(atlas_of, "FOLDER", folder)
    plan, _ = plan_against("atlas:adam,sgd", [mine], None, {}, {})
    assert atlas_of.notes_of(plan) == (
        "The settings of adam and sgd are those of the atlas, plan 0123456789abcdef.",
        "toy: adam may do better than here, since in the atlas it was under-tuned beside sgd, which it contains.",
        "wide: adam may do better than here, since in the atlas it did better at its defaults.",
        "slow: adam may do better than here, since in the atlas its best trials lay at the end of lr high.",
    )
    assert atlas_of.notes_of(msgspec.structs.replace(plan, entries=plan.entries[:1])) == ()


def test_the_notes_of_an_outcome_are_among_its_warnings(atlas):
    *_, found = whole(given={})
    noted = msgspec.structs.replace(found, notes=("the atlas says so.",))
    assert warnings(noted)[0] == "the atlas says so."
    assert msgspec.json.decode(msgspec.json.encode(noted), type=type(noted)) == noted
