"""The space of each optimizer: by kind, with what it declares, and which declarations are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ravine import ConfigError, matrix_rule, rule
from ravine.formulas.compose import composed, with_stages
from ravine.formulas.shelves import OPTIMIZERS
from ravine.formulas.space import bound_of, space_of
from ravine.optimizers.adam import adam
from ravine.optimizers.lbfgs import lbfgs
from ravine.optimizers.lion import lion
from ravine.optimizers.momentum import momentum
from ravine.search import choice, linear, log, one_minus_log
from ravine.spec import from_settings
from rule_files import write_rules

MOMENTUM = one_minus_log(0.001, 0.5)
DECAY = log(1e-5, 1e-1)

BY_KIND = {
    "sgd": {"lr": 0.1},
    "momentum": {"lr": 0.01, "alpha": MOMENTUM},
    "heavy_ball": {"lr": 0.01, "alpha": MOMENTUM},
    "adam": {"lr": 0.001, "beta1": MOMENTUM},
    "adamw": {"lr": 0.001, "beta1": MOMENTUM, "weight_decay": DECAY},
    "lamb": {"lr": 0.001, "beta1": MOMENTUM, "weight_decay": DECAY},
    "rmsprop": {"lr": 0.001},
    "adagrad": {"lr": 0.01},
    "adadelta": {"lr": 1.0},
    "asgd": {"lr": 0.01},  # its alpha is the power of a falling rate
    "muon": {"lr": 0.02, "momentum": MOMENTUM},
    "signum": {"lr": 0.001, "beta": MOMENTUM},
    "lars": {"lr": 1.0, "alpha": MOMENTUM},
    "lion": {"lr": 0.0001, "beta1": MOMENTUM, "beta2": MOMENTUM},
    "schedule_free_sgd": {"lr": 1.0, "beta": MOMENTUM},
    "ademamix": {"lr": 0.001, "beta1": MOMENTUM, "beta3": one_minus_log(1e-5, 1e-2)},
    "prodigy": {"lr": log(0.1, 10), "beta1": MOMENTUM, "weight_decay": DECAY},
    "lbfgs": {"memory": choice(3, 5, 10, 20)},
}


@pytest.mark.parametrize("name", BY_KIND)
def test_a_space_is_by_kind_where_nothing_is_declared(name):
    space, wanted = space_of(OPTIMIZERS[name]), BY_KIND[name]
    assert list(space) == list(wanted)
    for key, axis in wanted.items():
        if isinstance(axis, float):
            assert space[key].ends == pytest.approx((axis / 316.2277660168379, axis * 316.2277660168379))
            assert space[key].width == pytest.approx(5)
        else:
            assert space[key] == axis


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_a_space_with_its_defaults_inside(name):
    optimizer = OPTIMIZERS[name]
    space = space_of(optimizer)
    assert "lr" in space or optimizer.searches
    for key, axis in space.items():
        default = optimizer.defaults[key]
        if default == 0:  # off, which no logarithm reaches
            assert key == "weight_decay"
        else:
            assert axis.at(axis.place(default)) == pytest.approx(default)
        for u in np.linspace(0, 1, 9):
            optimizer.hyperparameters({key: axis.at(u)})


@pytest.mark.parametrize("name", ["alpha", "beta", "beta1", "momentum", "mu", "beta2", "rho", "gamma"])
def test_momenta_are_told_by_their_names(name, tmp_path):
    text = f"@rule(bounds={{'{name}': '[0,1)'}})\ndef mine(g, *, lr=0.1, {name}=0.9):\n    return lr * g\n"
    mine = OPTIMIZERS.find(f"{write_rules(tmp_path / 'mine.py', text)}:mine")
    assert space_of(mine).get(name) == (MOMENTUM if name not in ("beta2", "rho", "gamma") else None)


@rule(bounds={"lr": "[0, 0.5)", "weight_decay": "[0, 0.01]", "mu": "(0, 1)", "beta": "[0, 1]"})
def narrow(g, *, lr=0.1, weight_decay=0.0, mu=0.9, beta=0.5, beta1=0.9, momentum=0.9):
    return lr * g


def test_an_axis_by_kind_ends_where_the_bounds_do_and_needs_the_bounds_of_a_momentum():
    space = space_of(narrow)
    assert list(space) == ["lr", "weight_decay"]
    assert space["lr"].low == pytest.approx(0.1 / 10**2.5)
    assert 0.4999 < space["lr"].high < 0.5
    assert space["weight_decay"] == log(1e-5, 0.01)


@rule(bounds={"weight_decay": "[0.5, 1]", "momentum": "[0, 1)"}, search={"lr": log(0.1, 2)})
def odd(g, *, lr, weight_decay=0.5, momentum: int = 0, mu=True):
    return lr * g


def test_what_does_not_fit_its_kind_stays_at_its_default():
    assert space_of(odd) == {"lr": log(0.1, 2)}


def test_what_is_declared_adds_replaces_and_takes_out():
    @rule(
        bounds={"alpha": "[0, 1)", "power": "(0, 1]", "nesterov": "[0, 9]"},
        search={"alpha": None, "lr": linear(0.1, 0.2), "power": log(0.1, 1), "flag": choice(True, False)},
    )
    def declared(g, *, alpha=0.9, lr=0.1, power=0.5, flag=False, nesterov: int = 2, eps=1e-8):
        return lr * g

    assert space_of(declared) == {"lr": linear(0.1, 0.2), "power": log(0.1, 1), "flag": choice(True, False)}
    assert list(space_of(declared)) == ["lr", "power", "flag"]


@pytest.mark.parametrize(
    ("default", "told"), [(None, "no default"), (0.0, "the default 0"), (-0.1, "the default -0.1")]
)
def test_without_a_rate_to_search_around_an_axis_is_asked_for(default, told):
    if default is None:

        @rule
        def rateless(g, *, lr):
            return lr * g
    else:

        @rule
        def rateless(g, *, lr=default):
            return lr * g

    with pytest.raises(ConfigError) as caught:
        space_of(rateless)
    assert str(caught.value) == (
        f"lr of rateless has {told}, around which there is nothing to search: declare its axis, as in "
        'search={"lr": ravine.search.log(0.001, 1)}.'
    )


def test_an_optimizer_made_of_another_one_has_its_axes_where_the_defaults_are_the_same():
    @composed(lion, weight_decay=0.1, search={"weight_decay": log(0.01, 1)})
    def heavy_lion() -> None:
        """Lion with decay."""

    @composed(lbfgs, memory=4, l2=0.1)
    def short() -> None:
        """L-BFGS with another memory."""

    assert space_of(heavy_lion) == {**space_of(lion), "weight_decay": log(0.01, 1)}
    assert space_of(short) == {}
    assert (dict(heavy_lion.contains), dict(short.contains)) == ({}, {})


def test_with_stages_the_space_stays_and_what_it_contains_does_not():
    clipped = with_stages(momentum, {"clip_norm": 1.0})
    assert space_of(clipped) == space_of(momentum)
    assert momentum.contains
    assert dict(clipped.contains) == {}
    for optimizer in (lbfgs, lion):
        assert with_stages(optimizer, {"weight_decay": 0.1}).search == optimizer.search
    assert momentum.varying(frozenset({"alpha"})).contains == momentum.contains


def test_the_bound_of_an_extension():
    assert bound_of(momentum, "alpha", "low") == 0
    assert bound_of(momentum, "alpha", "high") == math.nextafter(1, 0)
    assert bound_of(momentum, "lr", "high") > 1e300
    assert bound_of(adam, "eps", "low") > 0
    space = space_of(momentum)
    lr, alpha = space["lr"], space["alpha"]
    assert not lr.is_bound("low", bound_of(momentum, "lr", "low"))
    lowest = alpha.extended("low", bound_of(momentum, "alpha", "low"))
    assert lowest.ends == (0, 0.5)
    assert lowest.extended("low", bound_of(momentum, "alpha", "low")) is None


def test_what_is_declared_for_comparisons_is_no_part_of_a_run_s_id(tmp_path):
    body = "def mine(g, v, *, lr=0.1, alpha=0.5):\n    v = alpha * v + g\n    return lr * v, v\n"
    text = f"@rule(bounds={{{{'alpha': '[0, 1)'}}}}{{}})\n{body}"
    more = ", search={'lr': log(0.1, 1), 'alpha': None}, contains={'sgd': {'alpha': 0}}"
    head = "import ravine\nfrom ravine import rule\nfrom ravine.search import log\n"
    ids = []
    for given in ("", more):
        file = write_rules(tmp_path / "mine.py", text.format(given), head)
        ids.append(from_settings({"optimizer": f"{file}:mine"}).id)
        ids.append(from_settings({"optimizer": f"{file}:mine", "clip_norm": 1.0}).id)
    assert ids[:2] == ids[2:]
    assert ids[0] != ids[1]


def of_matrices(**given):
    @matrix_rule(bounds={"beta": "[0, 1)"}, **given)
    def of_matrices(gradients, weights, state, t, *, lr=0.1, beta=0.5):
        return [lr * (1 - beta) * g for g in gradients], {}

    return of_matrices


def test_nor_is_it_for_a_matrix_optimizer_or_one_that_uses_it():
    plain = of_matrices()
    declared = of_matrices(search={"lr": None}, contains={"sgd": {"beta": 0}})
    assert (dict(plain.search), dict(declared.search)) == ({}, {"lr": None})
    assert from_settings({"optimizer": plain}).id == from_settings({"optimizer": declared}).id

    def using(inner):
        @matrix_rule
        def user(gradients, weights, state, t, *, lr=0.1):
            return inner.function(gradients, weights, state, t, lr=lr, beta=inner.defaults["beta"])

        return user

    assert from_settings({"optimizer": using(plain)}).id == from_settings({"optimizer": using(declared)}).id


HEAD = "import ravine\nfrom ravine.search import *\nBOUNDS = {'alpha': '[0, 1)', 'k': '[1, 9]'}\n"
FUNCTION = "def mine(g, *, lr=0.1, alpha=0.5, k: int = 3, flag=True):\n    return lr * g\n"
MATRIX = FUNCTION.replace("(g, *", "(gradients, weights, state, t, *").replace("lr * g", "gradients, state")

BAD = {
    "search=3": 'search of mine is 3; write axes by the names of hyper-parameters, as {"lr": ravine.search.log(',
    "search=None": "search of mine is None; write axes",
    "search=['lr']": "search of mine is ['lr']; write axes",
    "search={'lt': log(1, 2)}": "unknown hyper-parameter of mine 'lt'; did you mean 'lr'? Known: alpha, flag, k, lr.",
    "search={'weight_decay': None}": "unknown hyper-parameter of mine 'weight_decay'",
    "search={3: None}": "unknown hyper-parameter of mine '3'",
    "search={'lr': 0.1}": "the axis of lr of mine is 0.1; give one of ravine.search, as log(0.001, 1), or None",
    "search={'lr': (1, 2)}": "the axis of lr of mine is (1, 2); give one of ravine.search",
    "search={'lr': log}": "the axis of lr of mine is <function log>; give one of ravine.search",
    "search={'alpha': log(0.1, 1)}": "the axis of alpha of mine is log 0.1 to 1, and leaves its bounds, [0, 1): let it",
    "search={'alpha': linear(-0.1, 0.5)}": "the axis of alpha of mine is linear -0.1 to 0.5, and leaves its bounds",
    "search={'lr': linear(-1, 1)}": "the axis of lr of mine is linear -1 to 1, and leaves its bounds, [0, inf): let it",
    "search={'alpha': choice(0.5, 1)}": "the axis of alpha of mine has 1; alpha must be a finite number in [0, 1).",
    "search={'alpha': choice('0.5')}": "the axis of alpha of mine has '0.5'; alpha must be a finite number in [0, 1).",
    "search={'alpha': choice(True)}": "the axis of alpha of mine has True; alpha must be a finite number in [0, 1).",
    "search={'k': log(1, 9)}": "the axis of k of mine is log 1 to 9, and k is a whole number: list its values, as in",
    "search={'k': choice(1, 10)}": "the axis of k of mine has 10; k must be a whole number in [1, 9].",
    "search={'k': choice(1, 2.5)}": "the axis of k of mine has 2.5; k must be a whole number in [1, 9].",
    "search={'flag': linear(0, 1)}": "the axis of flag of mine is linear 0 to 1, and flag is a flag: list its values",
    "search={'flag': choice(1, 2)}": "the axis of flag of mine has 2; flag must be true or false.",
    "search={'lr': log(1, 0)}": "log(1, 0) holds no range",
    "contains=3": 'contains of mine is 3; write hyper-parameters by the names of optimizers, as {"sgd": {"',
    "contains='sgd'": "contains of mine is 'sgd'; write",
    "contains={'sgd'}": "contains of mine is {'sgd'}; write",
    "contains={3: {}}": "contains of mine names 3, no optimizer; write",
    "contains={'': {}}": "contains of mine names '', no optimizer; write",
    "contains={'sgd': 0.0}": "contains of mine gives 0.0 for 'sgd'; write",
    "contains={'sgd': {'alhpa': 0}}": "unknown hyper-parameter of mine 'alhpa'; did you mean 'alpha'?",
    "contains={'sgd': {'alpha': 1}}": "mine is said to be sgd at alpha = 1; alpha must be a finite number in [0, 1).",
    "contains={'sgd': {'alpha': '0'}}": "mine is said to be sgd at alpha = '0'; alpha must be a finite number in",
    "contains={'sgd': {'alpha': None}}": "mine is said to be sgd at alpha = None; alpha must be",
    "contains={'sgd': {'alpha': True}}": "mine is said to be sgd at alpha = true; alpha must be",
    "contains={'sgd': {'alpha': float('nan')}}": "mine is said to be sgd at alpha = nan; alpha must be",
    "contains={'sgd': {'k': 1.5}}": "mine is said to be sgd at k = 1.5; k must be a whole number in [1, 9].",
    "contains={'sgd': {'flag': 2}}": "mine is said to be sgd at flag = 2; flag must be true or false.",
}


@pytest.mark.parametrize("decorator", ["rule", "matrix_rule"])
@pytest.mark.parametrize("given", BAD)
def test_a_bad_declaration_is_told_at_its_line(given, decorator, tmp_path):
    function = FUNCTION if decorator == "rule" else MATRIX
    good = function.replace("mine", "good")
    text = f"@ravine.{decorator}\n{good}@ravine.{decorator}(bounds=BOUNDS, {given})\n{function}"
    file = write_rules(tmp_path / "mine.py", text, HEAD)
    line = HEAD.count("\n") + 4
    with pytest.raises(ConfigError) as caught:
        OPTIMIZERS.find(f"{file}:mine")
    told = str(caught.value)
    assert told.startswith(f"{file}:{line}: {BAD[given]}")
    assert "\n" not in told
    if "log(1, 0)" not in given:  # an axis that is none ends the file, as any other call that fails
        assert OPTIMIZERS.find(f"{file}:good").name == "good"


def test_a_bad_declaration_of_a_composed_one_is_told_too(tmp_path):
    head = "from ravine.formulas.compose import composed\nfrom ravine.optimizers.adam import adam\n"
    text = "@composed(adam, weight_decay=0.1, contains={'adam': {'decay': 0}})\ndef mine():\n    '''Mine.'''\n"
    file = write_rules(tmp_path / "mine.py", text, head)
    with pytest.raises(ConfigError, match=r"mine\.py:3: unknown hyper-parameter of mine 'decay'; did you mean"):
        OPTIMIZERS.find(f"{file}:mine")
    file = write_rules(tmp_path / "mine.py", text.replace("contains={'adam': {'decay': 0}}", "search=3"), head)
    with pytest.raises(ConfigError, match=r"mine\.py:3: search of mine is 3"):
        OPTIMIZERS.find(f"{file}:mine")
