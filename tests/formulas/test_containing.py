"""Which optimizers an optimizer contains: what is declared is true of its steps, and is found by name."""

from __future__ import annotations

import numpy as np
import pytest

from ravine import ConfigError, rule
from ravine.formulas.containing import contained, containing, setting_of
from ravine.formulas.noise import noise_for
from ravine.formulas.shelves import OPTIMIZERS
from ravine.optimizers.momentum import momentum
from rule_files import write_rules

DECLARED = [(outer, inner) for outer, optimizer in OPTIMIZERS.items() for inner in optimizer.contains]

KNOWN = {
    ("adamw", "adam"),
    ("ademamix", "adam"),
    ("asgd", "sgd"),
    ("heavy_ball", "sgd"),
    ("lion", "signsgd"),
    ("momentum", "sgd"),
    ("nesterov", "sgd"),
    ("nesterov_buffered", "sgd"),
    ("perturbed_gd", "sgd"),
    ("radam", "sgd"),
    ("rmsprop_momentum", "rmsprop"),
    ("sgld", "sgd"),
    ("signum", "signsgd"),
}


def test_every_pair_that_is_known_is_declared():
    assert set(DECLARED) == KNOWN


def walked(optimizer, hyper, rates):
    """Return the weights after steps on a ravine of 30 numbers that curves, with noise, and those to evaluate."""
    curvature = np.geomspace(0.01, 5, 30)
    w = np.random.default_rng(1).normal(size=30)
    each = [hyper]
    state = optimizer.start([w], each)
    for t, rate in enumerate(rates, 1):
        each = [{**hyper, "lr": rate}]
        gradient = curvature * w + 0.3 * np.sin(3 * w) + 0.05 * np.cos(t)
        (step,), state = optimizer.step([gradient], [w], state, t, each, noise=noise_for([w], 5, t))
        w = w - step
    return np.concatenate([w, optimizer.evaluate([w], state, len(rates), each)[0]])


@pytest.mark.parametrize(("outer", "inner"), DECLARED)
@pytest.mark.parametrize("share", [1.0, 0.1])
def test_it_is_the_other_one_at_any_other_hyper_parameters_and_while_the_rate_changes(outer, inner, share):
    rng = np.random.default_rng(3)
    whole, part = OPTIMIZERS[outer], OPTIMIZERS[inner]

    def drawn(name, default):
        kind, interval = whole.kinds[name], whole.bounds.get(name, "")
        return (
            3.0 if kind == "whole number" else rng.uniform(0.2, 0.8) if interval[-2:] in ("1)", "1]") else 3 * default
        )

    hyper = {name: drawn(name, part.defaults[name]) for name in part.defaults}
    free = {name: drawn(name, value) for name, value in whole.defaults.items() if name not in hyper}
    rates = share * whole.defaults["lr"] * np.linspace(1, 0, 80)
    given = setting_of(whole, inner, {**free, **hyper})
    one, other = walked(whole, given, rates), walked(part, hyper, rates)
    assert np.abs(other[:30] - walked(part, hyper, rates[:1])[:30]).max() > 1e-4  # it moves
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_setting_has_what_is_fixed_and_what_is_shared():
    assert setting_of(OPTIMIZERS["rmsprop_momentum"], "rmsprop", {"lr": 0.5, "rho": 0.2}) == {
        "lr": 0.5, "rho": 0.2, "alpha": 0.0, "eps": 1e-8,
    }  # fmt: skip


def test_it_is_told_in_a_sentence():
    assert containing(momentum) == "At alpha 0 it is sgd."
    assert containing(OPTIMIZERS["sgd"]) == ""

    @rule(contains={"sgd": {}, "mine": {"flag": False, "k": 2}})
    def same(g, *, lr=0.1, flag=True, k: int = 1):
        return lr * g

    assert containing(same) == "At any setting it is sgd; at flag false and k 2 it is mine."


FILE = """
@rule(bounds={"alpha": "[0, 1)"}, contains={"later": {"alpha": 0}, "sgd": {"alpha": 0}, "OTHER:there": {"alpha": 0},
      "lte": {}, "strange": {}, "both": {"alpha": 0.5}, "bad": {}})
def first(g, v, *, lr=0.1, alpha=0.5):
    v = alpha * v + lr * g
    return v, v


@rule
def later(g, *, lr=0.2):
    return lr * g


@rule
def strange(g, *, lr=0.2, beta=0.1, gamma=0.2):
    return lr * g


@rule
def both(g, *, lr=0.2, alpha=0.1):
    return lr * g


@rule
def bad(v, *, lr=0.2):
    return lr * v
"""


@pytest.fixture
def first(tmp_path):
    other = write_rules(tmp_path / "other.py", "@rule\ndef there(g, *, lr=0.3):\n    return lr * g\n")
    file = write_rules(tmp_path / "mine.py", FILE.replace("OTHER", str(other)))
    return OPTIMIZERS.find(f"{file}:first"), other


def test_a_name_may_be_of_the_same_file_of_ravine_or_of_another_file(first):
    optimizer, other = first
    assert contained(optimizer, "later").defaults == {"lr": 0.2}
    assert contained(optimizer, "sgd") is OPTIMIZERS["sgd"]
    assert contained(optimizer, f"{other}:there").defaults == {"lr": 0.3}


FAULTS = {
    "lte": "first is said to contain lte: unknown optimizer 'lte'; did you mean 'later'?",
    "strange": "first is said to contain strange, but has no beta and gamma, which strange takes: leave strange out of",
    "both": "first is said to be both at one value of alpha, which both takes itself: it is then one setting of both",
    "bad": "first is said to contain bad: FILE:26: rule bad takes no g: its gradient must be",
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_contained_is_told_when_it_is_looked_up(name, first):
    with pytest.raises(ConfigError) as caught:
        contained(first[0], name)
    assert str(caught.value).startswith(FAULTS[name].replace("FILE", str(first[1].parent / "mine.py")))
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):
        setting_of(first[0], name, {})
