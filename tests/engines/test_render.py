"""From a formula's text to its functions over vectors: compiled one by one here, which takes a second and not ten."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from numba import njit

from optimizer_cases import ELEMENTWISE
from ravine.engines.fused import build
from ravine.engines.fused.frame import LANES, TABLE
from ravine.engines.fused.pointers import spread
from ravine.engines.fused.render import render
from ravine.engines.fused.vectors import load
from ravine.formulas.elementwise import rule

HYPER = {"lr": 0.3, "alpha": 0.6}
LAZY = [name for name, rule in ELEMENTWISE.items() if rule.formula.lazy]
FLAG, WHOLE, BELOW, ENDLESS = True, 3, -0.5, np.inf  # numbers of a module that rules below use
AT = np.uint64(LANES)  # where the state lies in the tests: behind one that must stay as it is
LENGTH = np.uint64(2 * LANES)  # of each slot


def functions_of(rule):
    """Return what the kernel asks of a formula, as functions that compiled code can call."""
    return build.executed(render(rule.formula))


def take_step(module, w, slots, hyper, t, g):
    """Call the rule's functions, which only compiled code can."""

    @njit
    def once(w, slots, hyper, t, g):
        constants = module.step_constants(w, hyper, t, 0.0, 0.0)
        state = module.read(w, slots, LENGTH, AT)
        module.write(w, slots, LENGTH, AT, module.step(state, load(g, np.uint64(0)), load(g, np.uint64(0)), constants))

    once(w, slots, np.array([*hyper.values()], np.float64), t, g)


def reference(rule, g, w, t, slots, hyper):
    known = {"g": g, "w": w, "t": t, **dict(zip(rule.formula.slots, slots, strict=True))}
    result = rule(*(known[name] for name in rule.formula.arguments), **hyper)
    change, *new = result if isinstance(result, tuple) else (result,)
    return w - change, new


def assert_kernel_is_the_function(rule, hyper=HYPER, t=3):
    hyper = {name: hyper[name] for name in rule.defaults}
    rng = np.random.default_rng(8)
    g, w, slots = rng.normal(size=16), rng.normal(size=32), rng.random((len(rule.formula.slots), 32))
    expected_w, expected_slots = reference(rule, g, w[16:], t, slots[:, 16:], hyper)
    before, slots_before = w[:16].copy(), slots[:, :16].copy()

    take_step(functions_of(rule), w, slots.ravel(), hyper, t, g)
    np.testing.assert_allclose(w[16:], expected_w, rtol=1e-14, atol=1e-15)
    for slot, expected in zip(slots[:, 16:], expected_slots, strict=True):
        np.testing.assert_allclose(slot, np.broadcast_to(expected, 16), rtol=1e-14, atol=1e-15)
    assert w[:16].tobytes() == before.tobytes()
    assert slots[:, :16].tobytes() == slots_before.tobytes()


def test_a_local_name_may_change_between_a_number_and_an_array():
    @rule
    def shifting(g, v, *, lr, alpha):
        rate = lr * 2
        first = rate * g
        rate = rate + alpha
        second = rate * g
        rate = rate * g
        third = rate * lr
        rate = alpha
        return first + second + third + rate * v, rate

    assert_kernel_is_the_function(shifting)


def test_the_gradient_and_the_weight_may_be_changed_before_they_are_used():
    @rule
    def decayed(w, g, v, t, *, lr, alpha):
        g = g + alpha * w
        w = 2 * w
        v = -v + g * np.sign(w) ** 3
        return lr / t * g + 0.001 * w, v

    assert_kernel_is_the_function(decayed)


def test_functions_of_numpy_and_whole_powers():
    @rule
    def busy(g, u, v, *, lr, alpha):
        u = np.maximum(u, np.abs(g)) + np.exp(-(g**2))
        v = np.where(g > 0, np.minimum(v, alpha), v**3) - np.where(u >= alpha, 1.0, lr)
        return lr * np.tanh(g) / np.sqrt(u + 1e-3) - np.maximum(g, -alpha) / (1 + u) ** 2, u, v

    assert_kernel_is_the_function(busy)


@pytest.mark.parametrize("t", [1, 5])
def test_a_choice_by_the_step_number(t):
    @rule
    def warming(g, v, t, *, lr, alpha):
        factor = np.where(t > 3, alpha, lr)
        v = np.where(t > 3, v, g)
        return factor * g, v

    assert_kernel_is_the_function(warming, t=t)


@pytest.mark.parametrize("t", [1, 5])
def test_conditions_on_numbers_and_on_arrays_together(t):
    @rule
    def choosing(g, v, t, *, lr, alpha):
        late = t > 3
        both = late & (g > 0)
        either = np.logical_or(v > 0.5, alpha < lr or late) ^ np.logical_not(g > 0)
        inside = np.logical_and(np.logical_and(v > 0.2, v < 0.8), late) & FLAG
        v = np.where(both, np.clip(g, -0.5, alpha), np.sign(g) * v) + np.where(either & ~inside, g, 0.5)
        return lr * g * both + (late == inside) * alpha, v

    assert_kernel_is_the_function(choosing, t=t)


def test_numbers_of_the_module_and_large_ones():
    @rule
    def numbers(g, v, *, lr):
        v = BELOW**2 * v + 2**100 / 10**30 * g + WHOLE**-2 * np.maximum(g, -ENDLESS)
        return lr * v + (7 // 2) * g, v

    assert_kernel_is_the_function(numbers)


@pytest.mark.parametrize("t", [1, 5])
def test_whole_numbers_have_fractions_and_no_end(t):
    @rule
    def whole(g, v, t, *, lr):
        k = 2
        large = 10000000000
        half = k**-1
        choice = 3 if t > 3 else k
        big = max(k, 3) ** 80 / choice**60 / (large * large * large)
        v = choice**-1 * v + 1e-9 * big * g + min(2, k) ** -1 * g + k**100 / 1e30 * g
        return lr * half * v + (7 // k) * g, v

    assert_kernel_is_the_function(whole, t=t)


def test_a_kernel_follows_the_numbers_of_the_module(monkeypatch):
    @rule
    def following(g, *, lr):
        return lr * g * WHOLE

    before = render(following.formula)
    assert render(following.formula) is before
    monkeypatch.setitem(globals(), "WHOLE", 5)
    assert render(following.formula).digest != before.digest


def test_a_rule_s_own_names_do_not_come_between_those_of_the_kernel():
    @rule
    def named(g, spread, load, *, lr, alpha):
        pack = 2 * g
        like = pack * alpha
        choose = lr
        store = spread + g
        u = load * 0.5
        spread = np.where(g > 0, store, like)
        return choose * pack + 0.1 * spread, spread, u

    assert_kernel_is_the_function(named)


def test_a_slot_may_be_left_at_zero_and_the_step_too():
    @rule
    def idle(g, u, v, *, lr):
        return 0, g, 0.0

    assert_kernel_is_the_function(idle)


@pytest.mark.parametrize("name", LAZY)
def test_a_lazy_update_of_no_steps_changes_nothing(name):
    module, rule = functions_of(ELEMENTWISE[name]), ELEMENTWISE[name]

    @njit
    def idle(w, slots, hyper, n):
        state = module.read(w, slots, LENGTH, AT)
        module.write(w, slots, LENGTH, AT, module.lazy_update(state, module.lazy_constants(w, hyper, n)))

    rng = np.random.default_rng(9)
    w, slots = rng.normal(size=32), rng.normal(size=32 * len(rule.formula.slots))
    before = w.tobytes(), slots.tobytes()
    hyper = np.array([*rule.hyperparameters({}).values()])
    idle(w, slots, hyper, 0)
    assert (w.tobytes(), slots.tobytes()) == before
    idle(w, slots, hyper, 1)
    assert (w.tobytes(), slots.tobytes()) != before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAZY)
def test_the_table_holds_the_constants_of_lazy_updates(name, dtype):
    module = functions_of(ELEMENTWISE[name])

    @njit
    def both(hyper, table, n):
        module.tabulate(table, hyper)
        return spread(module.tabulated(table, n)), spread(module.lazy_constants(table, hyper, n))

    hyper = np.array([*ELEMENTWISE[name].hyperparameters({}).values()])
    table = np.zeros(TABLE * render(ELEMENTWISE[name].formula).lazy_constants, dtype)
    for n in (0, 1, 2, 700, TABLE - 1):
        fetched, computed = both(hyper, table, n)
        assert fetched == computed == tuple(table.reshape(TABLE, -1)[n])


def test_single_precision_stays_single_inside_the_loop():
    @rule
    def halving(g, v, *, lr):
        v = 0.1 * v + g / 3
        return lr * v, v

    module = functions_of(halving)
    v, g = np.float32(0.7), np.float32(0.3)
    w, slots = np.zeros(32, np.float32), np.full(32, v)
    take_step(module, w, slots, {"lr": 0.1}, 1, np.full(16, g))
    rounded = np.float32(0.1) * v + g / np.float32(3)
    assert np.all(abs(slots[16:] - rounded) <= np.spacing(rounded))
    # `0.1 * float32` as Numba reads it would be computed in double precision: the loop would widen and narrow.
    code = module.step.inspect_llvm(module.step.signatures[0])
    assert "fmul" in code
    assert "fpext" not in code
    assert "double" not in code


@pytest.mark.parametrize("name", [name for name, each in ELEMENTWISE.items() if each.formula.compiles])
def test_what_depends_on_the_step_alone_is_computed_outside_the_loop(name):
    declared = ELEMENTWISE[name]
    tree = ast.parse(render(declared.formula).text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def names(function):
        return {node.id for node in ast.walk(functions[function]) if isinstance(node, ast.Name)}

    for inside in ("step", "lazy_update"):
        assert not names(inside) & {*declared.defaults, "t", "n"}
    for outside in ("step_constants", "lazy_constants"):
        assert not names(outside) & {"g", "w", *declared.formula.slots}


def test_rules_of_other_texts_have_other_digests():
    assert len({render(rule.formula).digest for rule in ELEMENTWISE.values()}) == len(ELEMENTWISE)
    assert render(ELEMENTWISE["sgd"].formula) == render(ELEMENTWISE["sgd"].formula)
