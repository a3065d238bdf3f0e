"""Stages before and behind a rule, beside plain loops that compute the same."""

from __future__ import annotations

import numpy as np
import pytest

from ravine.errors import ConfigError
from ravine.formulas.compose import with_stages
from ravine.formulas.elementwise import rule
from ravine.formulas.names import stage_of
from ravine.formulas.shelves import STAGES
from ravine.optimizers.adam import adam
from ravine.optimizers.momentum import momentum
from ravine.optimizers.schedule_free_adamw import schedule_free_adamw
from ravine.optimizers.sgd import sgd
from ravine.spec import RunSpec, from_settings, resolve

COUNT, STEPS = 6, 23


def gradient(w, t):
    """Return a gradient that depends on the weights and on the step."""
    return np.array([1.0, 0.5, 2.0, 1.0, 0.1, 3.0]) * w + np.sin(t + np.arange(COUNT))


def start():
    return np.linspace(-1, 2, COUNT)


def path(declared, hyper):
    """Return the weights after each step, and the state in the end."""
    w, state, weights = start(), declared.start([start()], [hyper]), []
    for t in range(1, STEPS + 1):
        (change,), state = declared.step([gradient(w, t)], [w], state, t, [hyper])
        w = w - change
        weights.append(w)
    return np.array(weights), state


def composed(declared, **hyper):
    """Return the path of a rule with the stages of some hyper-parameters."""
    together = with_stages(declared, hyper)
    return path(together, together.hyperparameters(hyper))


def loop(advance):
    w, weights = start(), []
    for t in range(1, STEPS + 1):
        w = advance(w, gradient(w, t), t)
        weights.append(w)
    return np.array(weights)


def test_weight_decay_shrinks_the_weights_beside_the_step():
    weights, _ = composed(sgd, lr=0.1, weight_decay=0.2)
    np.testing.assert_allclose(weights, loop(lambda w, g, t: (1 - 0.1 * 0.2) * w - 0.1 * g), rtol=1e-12)


def test_l2_passes_through_the_momentum():
    v = np.zeros(COUNT)

    def advance(w, g, t):
        nonlocal v
        v = 0.9 * v + 0.05 * (g + 0.3 * w)
        return w - v

    np.testing.assert_allclose(composed(momentum, lr=0.05, l2=0.3)[0], loop(advance), rtol=1e-12)


@pytest.mark.parametrize("stage", ["clip_norm", "clip_layer_norm"])
def test_a_gradient_beyond_the_norm_keeps_its_direction_and_a_smaller_one_its_length(stage):
    def advance(w, g, t):
        norm = np.linalg.norm(g)
        return w - 0.1 * (g if norm <= 1.7 else 1.7 * g / norm)

    weights, _ = composed(sgd, lr=0.1, **{stage: 1.7})
    np.testing.assert_allclose(weights, loop(advance), rtol=1e-12)
    together = with_stages(sgd, {stage: 1.7})
    (change,), _ = together.step([np.zeros(COUNT)], [start()], {}, 1, [together.hyperparameters({stage: 1.7})])
    assert not change.any()


def test_clip_value_clips_number_by_number():
    weights, _ = composed(sgd, lr=0.1, clip_value=0.4)
    np.testing.assert_allclose(weights, loop(lambda w, g, t: w - 0.1 * np.sign(g) * np.minimum(np.abs(g), 0.4)))


def test_gradient_average_is_the_weighted_mean_of_all_gradients_so_far():
    seen = []

    def advance(w, g, t):
        seen.append(g)
        shares = 0.7 ** np.arange(len(seen))[::-1]
        return w - 0.1 * (shares[:, None] * seen).sum(axis=0) / shares.sum()

    np.testing.assert_allclose(composed(sgd, lr=0.1, gradient_average=0.7)[0], loop(advance), rtol=1e-11)


def test_lookahead_goes_back_part_of_the_way_every_k_steps():
    slow = start()

    def advance(w, g, t):
        nonlocal slow
        w = w - 0.1 * g
        if t % 5 == 0:
            slow = slow + 0.3 * (w - slow)
            w = slow
        return w

    weights, _ = composed(sgd, lr=0.1, lookahead=5, lookahead_alpha=0.3)
    np.testing.assert_allclose(weights, loop(advance), rtol=1e-12)


def test_weight_average_trains_as_before_and_evaluates_the_weighted_mean_of_all_weights():
    together = with_stages(adam, {"weight_average": 0.8})
    hyper = together.hyperparameters({"weight_average": 0.8})
    weights, state = path(together, hyper)
    np.testing.assert_array_equal(weights, path(adam, adam.hyperparameters({}))[0])
    shares = 0.8 ** np.arange(STEPS)[::-1]
    mean = (shares[:, None] * weights).sum(axis=0) / shares.sum()
    np.testing.assert_allclose(together.evaluate([weights[-1]], state, STEPS, [hyper])[0], mean, rtol=1e-12)
    begun = together.start([start()], [hyper])
    np.testing.assert_array_equal(together.evaluate([start()], begun, 0, [hyper])[0], start())


@pytest.mark.parametrize(("first", "every"), [(1, 1), (4, 1), (4, 3), (STEPS, 2), (STEPS + 1, 1)])
def test_uniform_weight_average_evaluates_the_plain_mean_from_a_step_on(first, every):
    given = {"uniform_weight_average": first, "average_every": every}
    together = with_stages(adam, given)
    hyper = together.hyperparameters(given)
    weights, state = path(together, hyper)
    np.testing.assert_array_equal(weights, path(adam, adam.hyperparameters({}))[0])
    taken = weights[first - 1 :: every]
    mean = taken.mean(axis=0) if len(taken) else weights[-1]
    np.testing.assert_allclose(together.evaluate([weights[-1]], state, STEPS, [hyper])[0], mean, rtol=1e-12)


def test_trust_ratio_makes_a_step_as_long_as_its_share_of_the_weights():
    def advance(w, g, t):
        return w - 0.1 * 0.3 * np.linalg.norm(w) * g / np.linalg.norm(g)

    np.testing.assert_allclose(composed(sgd, lr=0.1, trust_ratio=0.3)[0], loop(advance), rtol=1e-12)


@pytest.mark.parametrize("weights", [np.zeros(COUNT), start()])
def test_trust_ratio_leaves_the_step_where_the_weights_or_the_step_are_zero(weights):
    together = with_stages(sgd, {"trust_ratio": 0.3})
    hyper = together.hyperparameters({"lr": 0.1, "trust_ratio": 0.3})
    g = np.zeros(COUNT) if weights.any() else start()
    (change,), _ = together.step([g], [weights], {}, 1, [hyper])
    np.testing.assert_allclose(change, 0.1 * g, rtol=1e-15)


def test_stages_stand_in_one_order_however_they_are_given():
    some = {"weight_decay": 0.1, "l2": 0.2, "clip_value": 0.3}
    assert with_stages(adam, some) is with_stages(adam, dict(reversed(some.items())))
    v = np.zeros(COUNT)

    def advance(w, g, t):
        nonlocal v
        v = 0.9 * v + 0.05 * (np.clip(g, -0.3, 0.3) + 0.2 * w)
        return w - v - 0.05 * 0.1 * w

    np.testing.assert_allclose(composed(momentum, lr=0.05, **some)[0], loop(advance), rtol=1e-12)


def test_each_hyperparameter_of_a_stage_leads_to_it_and_its_first_has_its_name():
    for name, stage in STAGES.items():
        assert name == next(iter(stage.defaults))
        assert all(stage_of(hyperparameter) is stage for hyperparameter in stage.defaults)
        assert stage.summary.endswith(".")
    assert stage_of("alpha") is None


def test_a_rule_without_stages_is_itself_and_an_own_hyperparameter_stays_its_own():
    assert with_stages(adam, {"beta1": 0.8}) is adam
    assert with_stages(schedule_free_adamw, {"weight_decay": 0.1}) is schedule_free_adamw


def test_clipping_alone_leaves_a_rule_inert():
    assert with_stages(sgd, {"clip_norm": 1}).formula.inert
    assert not with_stages(sgd, {"weight_decay": 1}).formula.inert
    assert not with_stages(adam, {"clip_norm": 1}).formula.inert
    assert with_stages(momentum, {"clip_norm": 1}).formula.lazy is None


def test_a_stage_s_first_hyperparameter_is_needed():
    with pytest.raises(ConfigError, match=r"sgd needs a value for lookahead: give one, for example lookahead=5"):
        from_settings({"optimizer": "sgd", "lookahead_alpha": 0.5})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weight_decay": -1}, "weight_decay of adam is -1; it must be a finite number in [0, inf)."),
        ({"clip_norm": 0}, "clip_norm of adam is 0; it must be a finite number in (0, inf)."),
        ({"lookahead": 0}, "lookahead of adam is 0; it must be a whole number in [1, inf)."),
    ],
)
def test_hyperparameters_of_stages_have_bounds(given, message):
    with pytest.raises(ConfigError) as caught:
        from_settings({"optimizer": "adam", **given})
    assert str(caught.value) == message


@rule
def greedy_of_names(g, v, w, *, lr=0.1):
    """Assigns to w, g and what a composed text might call its own."""
    rule_0 = 0.5 * v + g
    w = 1 + w * w
    l2 = lr * g
    g = w * l2
    return g, rule_0


@rule
def sparing_of_names(g, v, w, *, lr=0.1):
    """The same, with each value under a name of its own."""
    return (1 + w * w) * (lr * g), 0.5 * v + g


@pytest.mark.parametrize(
    "given",
    [{"weight_decay": 0.05}, {"lookahead": 5}, {"weight_average": 0.8}, {"l2": 0.1, "clip_norm": 1.0}, {"l2": 0.1}],
    ids=lambda given: next(iter(given)),
)
def test_what_a_rule_calls_its_values_changes_nothing(given):
    for ours, theirs in zip(composed(greedy_of_names, **given), composed(sparing_of_names, **given), strict=True):
        assert str(ours) == str(theirs)


FACTOR = 1.0


def test_a_number_of_the_module_that_changes_changes_the_composed_rule(monkeypatch):
    @rule
    def scaled(g, *, lr=0.1):
        return FACTOR * lr * g

    before = with_stages(scaled, {"l2": 0.1})
    assert with_stages(scaled, {"l2": 0.2}) is before
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    assert "2.0 * lr" in with_stages(scaled, {"l2": 0.1}).text


def test_slots_of_a_rule_must_not_have_the_names_of_a_stage_s_own():
    @rule
    def own_slot(g, lookahead_slow, *, lr=0.1):
        return lr * g, lookahead_slow

    with pytest.raises(ConfigError, match="stage lookahead and rule own_slot both have lookahead_slow"):
        with_stages(own_slot, {"lookahead": 5})


def test_one_kind_of_evaluated_weights_is_enough():
    with pytest.raises(
        ConfigError, match="more than one of the optimizer and its stages chooses the weights to evaluate"
    ):
        with_stages(schedule_free_adamw, {"weight_average": 0.9})


def test_a_composed_rule_s_function_is_its_text():
    together = with_stages(adam, {"l2": 1, "lookahead": 3, "clip_norm": 1})
    assert together.formula.slots == ("m", "v", "lookahead_slow")
    assert together.formula.arguments == ("g", "m", "v", "lookahead_slow", "w", "t", "norm")
    scope = {"np": np}
    body = "\n".join(f"    {line}" for line in together.text.splitlines())
    exec(f"def again({', '.join(together.formula.arguments)}, *, {', '.join(together.defaults)}):\n{body}", scope)
    hyper = together.hyperparameters({"l2": 0.1, "lookahead": 3, "clip_norm": 1})
    arguments = [np.full(3, 0.5), *np.random.default_rng(0).random((3, 3)), np.ones(3), 4, 0.9]
    for one, other in zip(together(*arguments, **hyper), scope["again"](*arguments, **hyper), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_stage_changes_the_id_of_a_run_and_the_spec_says_it():
    plain = resolve(RunSpec(optimizer="adam"))
    decayed = from_settings({"optimizer": "adam", "weight_decay": 0.0})
    assert plain.id != decayed.id
    assert decayed.spec.hyperparameters["weight_decay"] == 0
    assert resolve(decayed.spec).spec == decayed.spec
    assert resolve(decayed.spec).id == decayed.id


def test_trust_ratio_of_tiny_steps_and_large_weights_is_finite():
    together = with_stages(sgd, {"trust_ratio": 1.0})
    hyper = together.hyperparameters({"lr": 0.1, "trust_ratio": 1.0})
    weights, g = np.full(COUNT, 100, np.float32), np.full(COUNT, 1e-22, np.float32)
    (change,), _ = together.step([g], [weights], {}, 1, [hyper])
    np.testing.assert_allclose(change, 10.0, rtol=1e-2)
