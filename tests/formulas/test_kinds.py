"""Hyper-parameters that are whole numbers or flags: how they are declared, given, refused, shown and computed with."""

from __future__ import annotations

import numpy as np
import pytest

import ravine
from optimizer_cases import ELEMENTWISE, MATRIX
from ravine.errors import ConfigError
from ravine.formulas.compose import with_stages
from ravine.formulas.elementwise import rule
from ravine.formulas.kinds import shown, value_of
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.shelves import OPTIMIZERS
from ravine.report.commands import command_of
from ravine.spec import RunSpec, from_settings, resolve
from rule_files import write_rules
from small_data import small_arrays

LUNATE = "\u03f5"
KINDS = """
@rule(bounds={"ahead": "[1, 9]"})
def switched(g, v, *, lr=0.1, one=1, heavy=True, slow: bool, ahead: int = 3, ϵ: float = 0.25):
    v = np.where(heavy, 0.5 * v, 0.0) + g
    return lr / ahead * v * (0.5 if slow else 1.0) + ϵ * np.where(heavy, 0.0, g), v
"""


@pytest.fixture(params=["", "from __future__ import annotations\n"], ids=["plain", "as text"])
def switched(request, tmp_path):
    head = f"{request.param}import numpy as np\nfrom ravine import rule\n"
    return OPTIMIZERS.find(str(write_rules(tmp_path / "switched.py", KINDS, head)))


def test_the_signature_declares_the_kinds(switched):
    assert switched.kinds == {
        "lr": "number",
        "one": "number",
        "heavy": "flag",
        "slow": "flag",
        "ahead": "whole number",
        "ε": "number",
    }
    assert switched.defaults["slow"] is None


def test_what_ravine_counts_is_whole():
    whole = {
        (name, key) for name, each in OPTIMIZERS.items() for key, kind in each.kinds.items()
        if kind == "whole number"
    }  # fmt: skip
    assert whole == {
        ("lbfgs", "memory"),
        ("ademamix", "mix_warmup"),
        ("asgd", "begin"),
        ("perturbed_gd", "interval"),
        ("shampoo", "precondition_frequency"),
        ("soap", "precondition_frequency"),
        ("sophia", "hessian_frequency"),
    }
    for each in (ELEMENTWISE["adam"], MATRIX["muon"]):
        staged = with_stages(each, {"lookahead": 5})
        assert (staged.kinds["lookahead"], staged.kinds["lookahead_alpha"]) == ("whole number", "number")


@pytest.mark.parametrize("flag", [True, 1, 1.0, np.True_, np.int64(1), "true", "TRUE"])
def test_a_flag_is_given_in_many_ways_and_is_one_number(switched, flag):
    values = switched.hyperparameters({"slow": flag, "ahead": np.int64(4)})
    assert (values["slow"], values["heavy"], values["ahead"]) == (1.0, 1.0, 4.0)
    assert {type(value) for value in values.values()} == {float}
    typed = switched.typed(values)
    assert (typed["slow"], typed["ahead"], typed["one"]) == (True, 4, 1.0)
    assert (type(typed["slow"]), type(typed["ahead"]), type(typed["one"])) == (bool, int, float)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"slow": 0.5}, "slow of switched is 0.5; it must be true or false."),
        ({"slow": "yes"}, "slow of switched is 'yes'; it must be true or false."),
        ({"slow": float("nan")}, "slow of switched is nan; it must be true or false."),
        ({"slow": 0, "ahead": 2.5}, "ahead of switched is 2.5; it must be a whole number in [1, 9]."),
        ({"slow": 0, "ahead": float("inf")}, "ahead of switched is inf; it must be a whole number in [1, 9]."),
        ({"slow": 0, "ahead": True}, "ahead of switched is true; it must be a whole number in [1, 9]."),
        ({"slow": 0, "ahead": 10}, "ahead of switched is 10; it must be a whole number in [1, 9]."),
        ({"slow": 0, "one": True}, "one of switched is true; it must be a number in (-inf, inf)."),
        ({"slow": 0, "one": 10**400}, "one of switched is 1000000"),
        ({}, "switched needs a value for slow: give one, for example slow=true."),
    ],
)
def test_a_value_of_another_kind_is_refused(switched, given, words):
    with pytest.raises(ConfigError) as caught:
        switched.hyperparameters(given)
    assert str(caught.value).startswith(words)


def lr_that_is_whole(g, *, lr: int = 1): ...
def lr_that_is_a_flag(g, *, lr=True): ...
def fraction(g, *, lr=0.1, steps: int = 2.5): ...
def truth(g, *, lr=0.1, steps: int = True): ...
def no_flag(g, *, lr=0.1, heavy: bool = 0.5): ...


@pytest.mark.parametrize(
    ("function", "bounds", "words"),
    [
        (lr_that_is_whole, {}, "lr of lr_that_is_whole is declared as a whole number: the learning rate is a number."),
        (lr_that_is_a_flag, {}, "lr of lr_that_is_a_flag is declared as a flag"),
        (fraction, {}, "the default of steps of fraction is 2.5; it is declared as a whole number"),
        (truth, {}, "the default of steps of truth is True; it is declared as a whole number"),
        (no_flag, {}, "the default of heavy of no_flag is 0.5; it is declared as a flag, and must be true or false."),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(function, bounds, words):
    with pytest.raises(ConfigError) as caught:
        rule(bounds=bounds)(function)
    assert str(caught.value).startswith(words)


def test_bounds_that_do_not_go_with_a_kind_are_refused():
    with pytest.raises(ConfigError, match=r"heavy of bounded is a flag, which is true or false: leave out its bounds"):

        @rule(bounds={"heavy": "[0, 1]"})
        def bounded(g, *, lr=0.1, heavy=False):
            return lr * g

    with pytest.raises(ConfigError, match=r"steps of empty is a whole number, and there is none in its bounds, \(0, 1"):

        @rule(bounds={"steps": "(0, 1)"})
        def empty(g, *, lr=0.1, steps: int):
            return lr * g


@pytest.mark.parametrize(
    "interval", ["[1, inf)", "(0, inf)", "(-inf, -7]", "(1.5, 2.5)", "[0, 1)", "(-3, 0)", "(-inf, inf)"]
)
def test_a_whole_number_without_a_default_gets_an_example_that_is_one(interval):
    @rule(bounds={"steps": interval})
    def counted(g, *, lr=0.1, steps: int):
        return lr * g * steps

    example = counted.example("steps")
    assert counted.hyperparameters({"steps": example})["steps"] == example


SMALL = {"data": small_arrays(), "layers": (64, 12, 10), "batch_size": 20, "epochs": 1, "dtype": "float64"}


def test_both_engines_compute_with_flags_and_whole_numbers(switched):
    weights = {}
    for heavy in (True, False):
        for slow in (False, True):
            given = {"optimizer": switched, **SMALL, "heavy": heavy, "slow": slow, "ahead": 2}
            fused, plain = (ravine.train(**given, engine=engine) for engine in ("fused", "reference"))
            np.testing.assert_allclose(fused.weights, plain.weights, rtol=0, atol=1e-12)
            assert fused.spec.hyperparameters == {"one": 1.0, "heavy": heavy, "slow": slow, "ahead": 2, "ε": 0.25}
            assert type(fused.spec.hyperparameters["heavy"]) is bool
            weights[heavy, slow] = fused.weights
    assert len({each.tobytes() for each in weights.values()}) == 4


def test_a_rule_of_whole_matrices_gets_an_int_and_a_bool():
    @matrix_rule(by_layer=True)
    def strict(gradients, weights, state, t, *, lr=0.1, steps: int = 3, heavy=False):
        fits = type(steps) is int and type(heavy) is bool and type(lr) is float
        return [lr * g * (steps + heavy if fits else np.nan) for g in gradients], {}

    first, second = (strict.step([np.ones(2)], [np.ones(2)], {}, 1, [{"lr": 1.0, **given}])[0][0][0]
                     for given in ({"steps": 3.0, "heavy": 0.0}, {"steps": 4, "heavy": True}))  # fmt: skip
    assert (first, second) == (3, 5)
    plain = ravine.train(optimizer=strict, **SMALL)
    varied = ravine.train(optimizer=strict, **SMALL, heavy=True, per_layer={"heavy": [1, 0], "steps": [1, 2]})
    staged = ravine.train(optimizer=strict, **SMALL, lookahead=2)
    assert [run.status for run in (plain, varied, staged)] == ["done"] * 3
    assert len({run.weights.tobytes() for run in (plain, varied, staged)}) == 3


def test_a_factor_that_makes_a_fraction_is_refused(switched):
    given = {"optimizer": switched, "slow": True, "layers": (784, 8, 10)}
    from_settings({**given, "per_layer": {"slow": [1, 0], "ahead": [1, 2]}})
    for name, words in (("slow", "slow of switched is 0.5; it must be true or false."),
                        ("ahead", "ahead of switched is 1.5; it must be a whole number in [1, 9].")):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            from_settings({**given, "per_layer": {name: [1, 0.5]}})
        assert str(caught.value) == f"per_layer, layer 2 of weights: {words}"


def test_lookahead_by_a_fraction_of_a_step_is_refused():
    with pytest.raises(ConfigError, match=r"lookahead of sgd is 2\.25; it must be a whole number in \[1, inf\)"):
        from_settings({"optimizer": "sgd", "lookahead": 2.25})
    assert from_settings({"optimizer": "sgd", "lookahead": 4.0}).spec.hyperparameters["lookahead"] == 4


def test_one_run_has_one_id_however_its_values_are_written(switched):
    def made(**given):
        return from_settings({"optimizer": switched, **given}).id

    first = made(slow=True, heavy=False, ahead=3)
    assert made(slow=1, heavy=np.False_, ahead=3.0) == first
    assert made(slow=False, heavy=False, ahead=3) != first
    assert made(**{LUNATE: 0.5, "slow": True}) == made(ε=0.5, slow=True) != made(slow=True)
    spec = RunSpec(optimizer="soap", hyperparameters={"precondition_frequency": 20.0})
    run = resolve(spec)
    assert run.id == resolve(RunSpec(optimizer="soap", hyperparameters={"precondition_frequency": 20})).id
    assert str(run.spec.hyperparameters["precondition_frequency"]) == "20"


def test_the_command_of_a_run_gives_flags_and_whole_numbers_as_they_are_read(switched):
    spec = from_settings({"optimizer": switched, "slow": True, "heavy": False, "ahead": 4}).spec
    assert "--set heavy=false --set slow=true --set ahead=4 --set 'ε=0.25'" in command_of(spec)


def test_a_name_and_bounds_are_folded_where_they_are_texts():
    @rule(name=f"{LUNATE}-rule", bounds={LUNATE: "(0, 1)"})
    def bounded(g, *, lr=0.1, ε=0.5):
        return lr * g * ε

    assert bounded.name == "ε-rule"
    with pytest.raises(ConfigError, match=r"ε of ε-rule is 2; it must be a finite number in \(0, 1\)"):
        bounded.hyperparameters({LUNATE: 2})


def test_texts_and_what_is_shown_go_both_ways():
    for text, value in (("true", True), ("False", False), (" TRUE ", True), ("1", 1.0), ("1e-8", 1e-8)):
        assert value_of(text) == value
        assert type(value_of(text)) is type(value)
    for text in ("yes", "", "on", "truee", "1,5"):
        with pytest.raises(ValueError, match="could not convert"):
            value_of(text)
    assert [shown(value) for value in (True, False, 3, 1_234_567, 0.001)] == ["true", "false", "3", "1234567", "0.001"]
