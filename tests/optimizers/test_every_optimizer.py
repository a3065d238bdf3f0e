"""What an element-wise optimizer declares of itself must be true. One is found by its file on the shelf."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

from optimizer_cases import ELEMENTWISE
from ravine.formulas.intervals import contains

LAZY = [name for name, rule in ELEMENTWISE.items() if rule.formula.lazy]
INERT = [name for name, rule in ELEMENTWISE.items() if rule.formula.inert]


def defaults(rule):
    return {name: 0.5 if value is None else value for name, value in rule.defaults.items()}


NORMS = ("norm", "layer_norm", "weight_norm")


def settings(rule):
    """Return the defaults, and for each bounded hyper-parameter its ends, or near them where they are open."""
    cases = [defaults(rule)]
    for name, interval in rule.bounds.items():
        low, high = (float(end) for end in interval[1:-1].split(","))
        ends = [low if interval[0] == "[" else low + 1e-6]
        if np.isfinite(high):
            ends.append(high if interval[-1] == "]" else high - 1e-3)
        cases += [{**cases[0], name: end} for end in ends]
    return cases


def random_state(rule, count=50):
    # Some rules take the root of a slot, which their own updates keep at or above 0.
    rng = np.random.default_rng(5)
    return {f"{name}.0": rng.random(count) for name in rule.formula.slots}


def step(rule, g, w, t, state, hyper):
    """Return the step of one array of weights, without noise, and the state afterwards."""
    (change,), after = rule.step([g], [w], state, t, [hyper], noise=lambda draw=0: [np.zeros_like(w)])
    return change, after


@pytest.fixture(params=ELEMENTWISE)
def rule(request):
    return ELEMENTWISE[request.param]


def test_its_name_is_its_file_and_its_place_in_the_package(rule):
    assert inspect.getmodule(rule.function).__name__ == f"ravine.optimizers.{rule.function.__name__}"


def test_its_docstring_has_a_summary_a_source_its_defaults_and_where_others_differ(rule):
    assert rule.summary.endswith(".")
    text = inspect.getdoc(rule.function)
    assert re.search(r"^    w +=", text, re.MULTILINE)
    for heading in ("Source: ", "Defaults: ", "Elsewhere: "):
        assert heading in text


def test_its_defaults_lie_within_its_bounds(rule):
    assert rule.hyperparameters(defaults(rule)) == defaults(rule)
    assert contains(rule.bounds["lr"], 0.0)


def test_its_first_step_from_rest_is_downhill(rule):
    g = np.array([-2.0, -0.1, 0.1, 2.0])
    state = rule.start([np.zeros(4)], [defaults(rule)])
    change, state = step(rule, g, np.zeros(4), 1, state, defaults(rule))
    if not change.any():  # adopt looks at the first gradient and waits
        change, _ = step(rule, g, np.zeros(4), 2, state, defaults(rule))
    assert (np.sign(change) == np.sign(g)).all()


def test_a_rate_of_zero_stands_still(rule):
    hyper = {**defaults(rule), "lr": 0.0}
    state = rule.start([np.ones(3)], [hyper])
    change, _ = step(rule, np.array([-1.0, 0.0, 1.0]), np.ones(3), 1, state, hyper)
    assert not change.any()


def test_it_changes_no_array_that_it_was_given(rule):
    state, g, w = random_state(rule), np.linspace(-1, 1, 50), np.ones(50)
    copies = [array.copy() for array in (g, w, *state.values())]
    step(rule, g, w, 3, state, defaults(rule))
    for array, copy in zip((g, w, *state.values()), copies, strict=True):
        assert array.tobytes() == copy.tobytes()


def test_a_weight_of_zero_that_never_has_a_gradient_stays_there(rule):
    # So does the padding of the rows of weights in the fused engine.
    zeros = np.zeros(3)
    for hyper in settings(rule):
        state = rule.start([zeros], [hyper])
        for t in range(1, 9):
            change, state = step(rule, zeros, zeros, t, state, hyper)
            assert not np.any(change)
            assert all(np.isfinite(slot).all() for slot in state.values())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_computes_in_the_precision_of_the_weights(rule, dtype):
    # The formula itself; what it returns would be brought to this dtype by the step.
    like = np.ones(50, dtype)
    given = {**dict.fromkeys(("g", "w", "noise", *rule.formula.slots), like), **dict.fromkeys(NORMS, like[0])}
    for t in (1.0, 2.0):
        change, after = rule.formula.taker()({**given, "t": t}, defaults(rule))
        for array in (change, *after.values()):
            assert array.dtype == dtype


def test_it_claims_one_of_inert_and_lazy_at_most(rule):
    assert not (rule.formula.inert and rule.formula.lazy)


@pytest.mark.parametrize("name", INERT)
def test_an_inert_rule_changes_nothing_where_the_gradient_is_zero(name):
    rule = ELEMENTWISE[name]
    for hyper in settings(rule):
        state = random_state(rule)
        for t in (1, 2, 1000):
            change, after = step(rule, np.zeros(50), np.ones(50), t, state, hyper)
            assert not np.any(change)
            for slot in state:
                assert after[slot].tobytes() == state[slot].tobytes()


@pytest.mark.parametrize("n", [1, 2, 3, 17, 2000])
@pytest.mark.parametrize("name", LAZY)
def test_the_lazy_update_of_n_missed_steps_is_n_real_steps_without_a_gradient(name, n):
    rule = ELEMENTWISE[name]
    for hyper in settings(rule):
        state = after = random_state(rule)
        w, total = np.ones(50), np.zeros(50)
        for t in range(1, n + 1):
            change, after = step(rule, np.zeros(50), w - total, t, after, hyper)
            total = total + change
        known = {"w": w, "n": n, **{slot: state[f"{slot}.0"] for slot in rule.formula.slots}}
        positional, keywords = [], {}
        for p in inspect.signature(rule.formula.lazy).parameters.values():
            if p.kind is p.KEYWORD_ONLY:
                keywords[p.name] = hyper[p.name]
            else:
                positional.append(known[p.name])
        closed_step, *closed = rule.formula.lazy(*positional, **keywords)
        np.testing.assert_allclose(np.broadcast_to(closed_step, 50), total, rtol=1e-10, atol=1e-300)
        for slot, value in zip(rule.formula.slots, closed, strict=True):
            np.testing.assert_allclose(value, after[f"{slot}.0"], rtol=1e-10, atol=1e-300)
