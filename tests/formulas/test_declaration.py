"""What can be declared as a rule, and what the error says where it cannot."""

from __future__ import annotations

import math

import pytest

from optimizer_cases import ELEMENTWISE
from ravine.errors import ConfigError
from ravine.formulas.elementwise import rule
from ravine.formulas.shelves import OPTIMIZERS
from ravine.optimizers.adam import adam
from ravine.optimizers.momentum import momentum
from ravine.optimizers.sgd import sgd


def test_a_signature_is_a_declaration():
    @rule(name="mine", bounds={"beta": "[0, 1]"})
    def function(t, g, m, w, v, *, lr=0.5, beta, power=2):
        """Mine: an example.

        More of it.
        """
        return lr * g, m, v

    assert function.name == "mine"
    assert function.formula.arguments == ("t", "g", "m", "w", "v")
    assert function.formula.slots == ("m", "v")
    assert dict(function.defaults) == {"lr": 0.5, "beta": None, "power": 2}
    assert function.bounds == {"lr": "[0, inf)", "beta": "[0, 1]"}
    assert function.summary == "Mine: an example."
    assert function.formula.lazy is function.formula.evaluated is None
    assert not function.formula.inert


def test_the_decorator_works_without_arguments_and_leaves_the_function_callable():
    @rule
    def plain(g, *, lr=0.1):
        return lr * g

    assert plain.name == "plain"
    assert plain(3.0, lr=2.0) == 6
    assert plain.summary == ""


def test_a_rule_may_bound_its_rate_differently():
    @rule(bounds={"lr": "(0, 1]"})
    def bounded(g, *, lr=0.1):
        return lr * g

    with pytest.raises(ConfigError, match=r"lr of bounded is 0; .* in \(0, 1\]"):
        bounded.hyperparameters({"lr": 0})


def no_gradient(v, *, lr): ...
def no_rate(g, v): ...
def rate_is_positional(g, lr): ...
def slot_before_g(v, g, *, lr): ...
def any_number(g, *slots, lr): ...
def any_name(g, *, lr, **others): ...
def takes_w_twice(g, *, lr, w=1): ...
def takes_t_twice(g, *, lr, t=1): ...
def private_slot(g, _v, *, lr): ...
def slot_that_counts(g, n, *, lr): ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_gradient, "no_gradient takes no g"),
        (no_rate, "no_rate takes no lr: declare the learning rate after *"),
        (rate_is_positional, "takes no lr"),
        (slot_before_g, "slot_before_g has slots before g: v"),
        (any_number, r"any_number takes \*slots: name each parameter"),
        (any_name, "name each parameter"),
        (takes_w_twice, "w of rule takes_w_twice"),
        (takes_t_twice, "t of rule takes_t_twice"),
        (private_slot, "_v of rule private_slot"),
        (slot_that_counts, "n of rule slot_that_counts"),
    ],
)
def test_what_is_no_rule_is_refused(function, message):
    with pytest.raises(ConfigError, match=message):
        rule(function)


def test_bounds_of_a_hyperparameter_that_does_not_exist_are_refused():
    with pytest.raises(ConfigError, match="did you mean 'alpha'"):

        @rule(bounds={"alhpa": "[0, 1)"})
        def misspelt(g, *, lr, alpha):
            return lr * alpha * g


def drifting(g, v, *, lr, alpha=0.9):
    return v, alpha * v + lr * g


@pytest.mark.parametrize(
    "wrong",
    [
        lambda v, *, alpha: (0, v),  # no n
        lambda v, n, *, beta: (0, v),
        lambda v, u, n: (0, v),
        lambda v, g, n: (0, v),
        lambda v, t, n: (0, v),  # the sum may not depend on the step number
        lambda v, n, norm: (0, v),
    ],
)
def test_a_lazy_update_may_ask_for_what_exists_alone(wrong):
    with pytest.raises(ConfigError, match=r"lazy update of rule drifting may ask for n, v, w and, after \*, for lr,"):
        rule(lazy=wrong)(drifting)


@pytest.mark.parametrize(
    "wrong", [lambda v: v, lambda w, u: w, lambda w, n: w, lambda w, *, beta: w, lambda w, g: w, lambda *, lr: lr]
)
def test_evaluated_weights_may_ask_for_what_exists_alone(wrong):
    with pytest.raises(ConfigError, match=r"evaluated form of rule drifting may ask for t, v, w and, after \*, for lr"):
        rule(evaluated=wrong)(drifting)


def test_forms_are_written_above_the_rule_and_handed_to_it():
    def idle(v, n, *, alpha):
        return v, v

    def mean(w, v, t, *, alpha):
        return w

    formula = rule(lazy=idle, evaluated=mean)(drifting).formula
    assert (formula.lazy, formula.evaluated) == (idle, mean)
    for form, words in (("lazy", "lazy update"), ("evaluated", "evaluated form")):
        with pytest.raises(ConfigError) as caught:
            rule(**{form: 3})(drifting)
        assert str(caught.value) == f"the {words} of rule drifting is 3; give a function."


def test_hyperparameters_come_in_declared_order_over_the_defaults():
    assert list(adam.hyperparameters({"eps": 1e-3, "lr": 1}).items()) == [
        ("lr", 1.0),
        ("beta1", 0.9),
        ("beta2", 0.999),
        ("eps", 1e-3),
    ]
    assert sgd.hyperparameters({"lr": "0.25"}) == {"lr": 0.25}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", -1e-9])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_rate_is_a_finite_number_of_zero_or_more(name, value):
    with pytest.raises(ConfigError, match=rf"lr of {name} is .*; it must be a finite number in \[0, inf\)"):
        ELEMENTWISE[name].hyperparameters({"lr": value})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"alpha": 1.0}, r"alpha of momentum is 1; it must be a finite number in \[0, 1\)"),
        ({"alpha": -0.1}, r"alpha of momentum is -0.1"),
        ({"alpha": "fast"}, r"alpha of momentum is 'fast'; it must be a number in \[0, 1\)"),
        ({"alpha": [0.9]}, "must be a number"),
        ({"lr": None}, "momentum needs a value for lr: give one, for example lr=0.1"),
        ({"alhpa": 0.9}, "unknown hyper-parameter of momentum 'alhpa'; did you mean 'alpha'"),
        ({"beta": 0.9}, "unknown hyper-parameter of momentum 'beta'.* Known: alpha, lr"),
    ],
)
def test_a_wrong_hyperparameter_is_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        momentum.hyperparameters(given)


def test_both_ends_of_an_interval_count_as_written():
    assert momentum.hyperparameters({"alpha": 0})["alpha"] == 0
    assert adam.hyperparameters({"lr": 0})["lr"] == 0
    with pytest.raises(ConfigError, match=r"eps of adam is 0; .* in \(0, inf\)"):
        adam.hyperparameters({"eps": 0})


def test_an_unknown_name_gets_the_nearest_suggested():
    assert OPTIMIZERS.find("sgd") is sgd
    with pytest.raises(ConfigError, match="unknown optimizer 'adma'; did you mean 'adam'"):
        OPTIMIZERS.find("adma")
