"""The checks of search spaces and of what an optimizer contains: each sees the fault that it is meant for."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ravine
from ravine.cli.main import run
from ravine.conformance import COMPARED, MATRIX_TRAINED, TRAINED
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.shelves import OPTIMIZERS
from ravine.search import choice, linear, log
from rule_files import write_rules

space, contains = COMPARED["search space"], COMPARED["contains"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_ravine_s_own_pass(name):
    optimizer = OPTIMIZERS[name]
    assert space(optimizer).outcome == "passed"
    assert contains(optimizer).outcome == ("passed" if optimizer.contains else "left out")


def test_both_kinds_of_optimizers_are_checked():
    assert set(COMPARED) <= set(TRAINED)
    assert set(COMPARED) <= set(MATRIX_TRAINED)


def test_the_space_is_told():
    assert str(space(OPTIMIZERS["momentum"])).endswith(
        "lr log 3.16228e-05 to 3.16228; alpha log in 1 - x, 0.5 to 0.999"
    )
    assert space(OPTIMIZERS["lbfgs"]).detail == "memory one of 3, 5, 10, 20"


def test_without_a_rate_to_search_around_the_check_is_left_out_and_says_so():
    @ravine.rule
    def rateless(g, *, lr):
        return lr * g

    found = space(rateless)
    assert found.outcome == "left out"
    assert "search={" in found.detail
    assert ravine.check_optimizer(rateless, speed=False).passed


def test_a_declared_axis_stands_for_the_default():
    @ravine.rule(search={"lr": log(0.01, 1)})
    def declared(g, *, lr):
        return lr * g

    assert (space(declared).outcome, space(declared).detail) == ("passed", "lr log 0.01 to 1")


def test_nothing_to_search_is_a_space_too():
    @ravine.rule(search={"lr": None})
    def fixed(g, *, lr=0.1):
        return lr * g

    assert (space(fixed).outcome, space(fixed).detail) == (
        "passed",
        "none: all hyper-parameters stay at their defaults",
    )


def test_a_network_whose_weights_are_not_finite_in_the_middle_fails():
    @ravine.rule(bounds={"share": "[0, 1]"}, search={"share": linear(0, 1)})
    def halves(g, *, lr=0.1, share=0.9):
        return lr * g / (share - 0.5)

    found = space(halves)
    assert found.outcome == "failed"
    assert found.detail == (
        "in the middle of the space, lr 0.1, share 0.5, a network's weights are not finite after 2 steps"
    )
    assert "search={...}" in found.mend


def test_an_end_that_float32_does_not_have_fails():
    @ravine.rule(bounds={"eps": "(0, inf)"}, search={"eps": log(1e-60, 1)})
    def tiny(g, *, lr=0.1, eps=1e-8):
        return lr * g / (np.abs(g) + eps)

    found = space(tiny)
    assert found.outcome == "failed"
    assert found.detail.startswith("eps of tiny is 1e-60, which is 0 in float32")
    assert found.mend == "Narrow its axis in search={'eps': ...}, which is log 1e-60 to 1."


def test_a_choice_of_flags_and_whole_numbers_is_tried():
    @ravine.rule(bounds={"k": "[1, 9]"}, search={"k": choice(1, 5, 9), "flag": choice(True, False)})
    def chosen(g, *, lr=0.1, k: int = 3, flag=True):
        return lr * g * np.where(flag, 1.0, k)

    assert space(chosen).outcome == "passed"


def velocity(**given):
    @ravine.rule(bounds={"alpha": "[0, 1)"}, **given)
    def velocity(g, v, *, lr=0.01, alpha=0.9):
        v = alpha * v + lr * g
        return v, v

    return velocity


@ravine.rule(bounds={"alpha": "[0, 1)"}, contains={"momentum": {}})
def buffered(g, b, *, lr=0.01, alpha=0.9):
    b = alpha * b + g
    return lr * b, b


@ravine.rule(contains={"sgd": {"late": 30}})
def too_early(g, t, *, lr=0.1, late=1.0):
    return lr * g * np.where(t > late, 1.5, 1.0)


@ravine.rule(evaluated=lambda w: 0.5 * w, contains={"sgd": {}})
def shown_elsewhere(g, *, lr=0.1):
    return lr * g


@ravine.rule(contains={"sgd": {"a": 0.0}})
def other_free(g, *, lr=0.1, a=1.0, b=0.0):
    return lr * g * (1 + a + b)


@ravine.rule(contains={"adam": {"mix": 0}}, bounds={"beta1": "[0, 1)", "beta2": "[0, 1)", "eps": "(0, inf)"})
def forgets_eps(g, m, v, t, *, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, mix=1.0):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    return lr / (1 - beta1**t) * m * (1 + mix) / (np.sqrt(1 / (1 - beta2**t) * v) + 1e-8), m, v


@ravine.rule(contains={"still": {}})
def moves_not(g, *, lr=0.1):
    return 0 * lr * g


@ravine.rule
def still(g, *, lr=0.1):
    return 0 * lr * g


@ravine.rule(contains={"runs_off": {}})
def runs_too(g, *, lr=1e100):
    return lr * g


@ravine.rule
def runs_off(g, *, lr=1e100):
    return lr * g


def of_matrices(factor):
    @matrix_rule(contains={"sgd": {"a": 0.0}})
    def of_matrices(gradients, weights, state, t, *, lr=0.1, a=1.0):
        return [(1 + a + factor) * lr * g for g in gradients], {}

    return of_matrices


WRONG = [
    (velocity(contains={"sgd": {"alpha": 0.1}}), "at alpha 0.1 and lr 0.01 its weights differ from those of sgd by "),
    (velocity(contains={"nesterov": {}}), "at lr 0.01 its weights differ from those of nesterov by "),
    (
        velocity(contains={"sgd": {"alpha": 0.0}, "signsgd": {"alpha": 0.0}}),
        "at alpha 0 and lr 0.01 its weights differ",
    ),
    (buffered, "at lr 0.01 its weights differ from those of momentum by "),  # they are the same at a constant rate
    (too_early, "at late 30 and lr 0.1 its weights differ from those of sgd by "),
    (shown_elsewhere, "at lr 0.1 its weights differ from those of sgd by "),
    (other_free, "at a 0 and lr 0.1 its weights differ from those of sgd by "),
    (forgets_eps, "at mix 0 and lr 0.001 its weights differ from those of adam by "),
    (moves_not, "at lr 0.1 still does not move the weights of a network, or they are not finite: the claim cannot"),
    (runs_too, "at lr 1e+100 runs_off does not move the weights of a network, or they are not finite: the claim"),
    (
        velocity(contains={"sgdd": {"alpha": 0.0}}),
        "velocity is said to contain sgdd: unknown optimizer 'sgdd'; did you ",
    ),
    (velocity(contains={"rmsprop": {}}), "velocity is said to contain rmsprop, but has no rho and eps, which rmsprop"),
    (of_matrices(1e-9), "at a 0 and lr 0.1 its weights differ from those of sgd by "),
]


@pytest.mark.parametrize(("optimizer", "told"), WRONG, ids=lambda value: getattr(value, "name", ""))
def test_a_wrong_claim_fails(optimizer, told):
    found = contains(optimizer)
    assert found.outcome == "failed"
    assert found.detail.startswith(told)
    assert found.mend.startswith("Correct contains={")


@pytest.mark.parametrize("optimizer", [of_matrices(0.0), velocity(contains={"momentum": {}})], ids=lambda o: o.name)
def test_a_right_claim_passes(optimizer):
    assert contains(optimizer).outcome == "passed"


def test_the_command_fails_for_a_wrong_claim_and_names_the_nearest_optimizer(tmp_path, capsys):
    body = "def mine(g, v, *, lr=0.01, alpha=0.9):\n    v = alpha * v + lr * g\n    return v, v\n"
    for claim, told in (
        ({"sgd": {"alpha": 0.1}}, "at alpha 0.1 and lr 0.01 its weights differ from those of sgd by "),
        ({"sgdd": {"alpha": 0.0}}, "mine is said to contain sgdd: unknown optimizer 'sgdd'; did you mean 'sgd'?"),
    ):
        file = write_rules(tmp_path / "mine.py", f"@rule(bounds={{'alpha': '[0, 1)'}}, contains={claim})\n{body}")
        assert run(["check-optimizer", str(file), "--no-speed", "--json"]) == 1
        findings = {finding["check"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
        assert [name for name, finding in findings.items() if finding["outcome"] == "failed"] == ["contains"]
        assert findings["contains"]["detail"].startswith(told)
