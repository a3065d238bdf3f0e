"""Stages of a user's own: how they are declared, come into a run, stand in order, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import ravine
from ravine import STAGES, rule, stage
from ravine.errors import ConfigError
from ravine.formulas.compose import compose
from ravine.formulas.matrix import matrix_rule
from ravine.optimizers.adam import adam
from ravine.optimizers.momentum import momentum
from ravine.optimizers.sgd import sgd
from ravine.spec import from_settings, resolve
from rule_files import write_rules
from small_data import small_arrays

SMALL = {"data": small_arrays(), "layers": (64, 12, 10), "batch_size": 20, "epochs": 1, "dtype": "float64"}
FILE = """
from ravine import stage
@stage(bounds={"shrink": "[0, inf)"})
def shrink(g, w, *, shrink):
    return g + shrink * w
"""


@stage(bounds={"shrink": "[0, inf)"})
def shrink(g, w, *, shrink):
    """Add shrink w to the gradient."""
    return g + shrink * w


@stage(order=1)
def doubled(g, *, factor=2.0):
    """Multiply the gradient."""
    return factor * g


@stage(order=2)
def shifted(g, *, shift=0.5):
    """Add to the gradient."""
    return g + shift


@stage(start={"total": 1.0})
def adds_up(step, total, *, share=0.25):
    """Add a share of all steps before, which begin at 1."""
    return step + share * total, total + step


@matrix_rule(by_layer=True)
def plain(gradients, weights, state, t, *, lr=0.1):
    """Go down the gradient."""
    return [lr * g for g in gradients], {}


def weights_of(**settings):
    return ravine.train(**{**SMALL, **settings}).weights


def steps_of(optimizer, gradients, **hyper):
    """Return the way of two weights that start at 1 and -2."""
    hyper, w = optimizer.hyperparameters(hyper), np.array([1.0, -2.0])
    state, way = optimizer.start([w], [hyper]), []
    for t, g in enumerate(gradients, start=1):
        (step,), state = optimizer.step([np.full(2, g)], [w], state, t, [hyper])
        w = w - step
        way.append(w)
    return np.array(way)


# --- into a run ---


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("optimizer", ["momentum", "muon"])
def test_one_from_a_file_does_what_the_same_one_of_ravine_s_does(tmp_path, engine, optimizer):
    path = write_rules(tmp_path / "mine.py", FILE)
    settings = {"optimizer": optimizer, "engine": engine, "lr": 0.05}
    ours = ravine.train(**SMALL, **settings, stages=[f"{path}:shrink"], shrink=0.3)
    assert ours.weights.tobytes() == weights_of(**settings, l2=0.3).tobytes()
    assert ours.weights.tobytes() != weights_of(**settings).tobytes()
    assert ours.spec.stages == (f"{path}:shrink",)
    assert ours.spec.hyperparameters["shrink"] == 0.3


def test_one_from_python_is_that_of_a_file_and_keeps_its_text(tmp_path):
    path = write_rules(tmp_path / "mine.py", FILE)
    named = ravine.train(**SMALL, stages=[str(path)], shrink=0.3, engine="reference")
    made = ravine.train(**SMALL, stages=[shrink], shrink=0.3, engine="reference")
    assert made.id == named.id  # the text counts, and not where it lies
    assert from_settings({"stages": [shrink], "shrink": 0.3}).optimizer_text == (
        from_settings({"stages": [str(path)], "shrink": 0.3}).optimizer_text
    )
    assert "shrink * w" in from_settings({"stages": [shrink], "shrink": 0.3}).optimizer_text


def test_its_text_and_its_values_change_the_id(tmp_path):
    def made(text, **given):
        path = write_rules(tmp_path / "mine.py", text)
        return from_settings({"stages": [str(path)], "shrink": 0.3, **given}).id

    first = made(FILE)
    assert made(FILE.replace("@stage", "# a remark\n@stage")) == first
    assert len({first, made(FILE, shrink=0.4), made(FILE.replace("g + ", "g - ")), from_settings({}).id}) == 4


def test_a_run_goes_on_with_the_stage_that_it_was_made_with(tmp_path):
    path = write_rules(tmp_path / "mine.py", FILE)
    run = from_settings({"stages": [str(path)], "shrink": 0.3})
    path.write_text("raise SystemExit\n")
    assert run.replaced(epochs=3).stages == run.stages
    with pytest.raises(ConfigError, match="SystemExit"):
        resolve(run.spec)


def test_layers_may_have_values_of_their_own():
    per_layer = {"shrink": [1, 0]}
    for engine in ("fused", "reference"):
        first, bare, everywhere = (
            weights_of(engine=engine, batch_size=230, stages=[shrink], shrink=value, **more)
            for value, more in ((0.3, {"per_layer": per_layer}), (0.0, {}), (0.3, {}))
        )
        np.testing.assert_array_equal(first[: 64 * 12], everywhere[: 64 * 12])
        np.testing.assert_array_equal(first[64 * 12 :], bare[64 * 12 :])


# --- order and side ---


def test_they_stand_in_the_order_of_their_numbers_however_they_are_given():
    for given in ([doubled, shifted], [shifted, doubled]):
        (first, *_) = steps_of(from_settings({"stages": given}).optimizer, [3.0], lr=0.1)
        np.testing.assert_allclose(first, [1 - 0.1 * (2 * 3 + 0.5), -2 - 0.1 * (2 * 3 + 0.5)])
    (first, *_) = steps_of(compose(sgd, (shifted, doubled)), [3.0], lr=0.1)
    np.testing.assert_allclose(first, [1 - 0.1 * 2 * (3 + 0.5), -2 - 0.1 * 2 * (3 + 0.5)])


def test_one_without_a_number_comes_after_ravine_s_own():
    # Clipped to 1 first, and then multiplied by 4.
    @stage
    def late(g, *, factor=4.0):
        return factor * g

    run = from_settings({"stages": [late], "clip_value": 1.0})
    np.testing.assert_allclose(steps_of(run.optimizer, [3.0], lr=0.1, clip_value=1.0)[0], [1 - 0.4, -2 - 0.4])


@pytest.mark.parametrize("optimizer", [sgd, plain], ids=["single weights", "matrices"])
def test_one_of_the_step_stands_behind_and_has_slots_that_start_where_it_says(optimizer):
    # total = 1, then 1 + 0.1 and 1.1 + 0.2: the steps are 0.1 + 0.25, 0.2 + 0.25 * 1.1 and 0.3 + 0.25 * 1.3.
    way = steps_of(compose(optimizer, (adds_up,)), [1.0, 2.0, 3.0], lr=0.1)
    np.testing.assert_allclose(way[:, 0], 1 - np.cumsum([0.35, 0.475, 0.625]), rtol=1e-14)
    np.testing.assert_allclose(way[:, 1], way[:, 0] - 3, rtol=1e-14)


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_in_a_run_both_kinds_of_optimizers_are_changed_alike(engine):
    settings = {"engine": engine, "stages": [adds_up, shrink], "share": 0.01, "shrink": 0.1, "lr": 0.05, "bias": True}
    one, other = (weights_of(optimizer=each, **settings) for each in (sgd, plain))
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)


def test_it_may_take_the_learning_rate():
    @stage
    def sinks(step, *, lr, pull=2.0):
        return step + lr * pull

    assert dict(sinks.defaults) == {"pull": 2.0}
    np.testing.assert_allclose(steps_of(compose(sgd, (sinks,)), [0.0, 0.0], lr=0.25)[:, 0], [0.5, 0.0])


@stage
def by_trust(step, weight_norm, step_norm, *, trust=0.01):
    """Let each layer's step be a share of the norm of its weights."""
    return trust * weight_norm / (step_norm + 1e-30) * step


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "muon"])
@pytest.mark.parametrize("bias", [False, True])
def test_norms_of_a_layer_s_weights_and_of_its_step_are_those_of_the_whole_layer(optimizer, bias):
    # One step over all samples: each layer, with its bias, moves by a hundredth of its norm.
    settings = {**SMALL, "batch_size": 230, "bias": bias, "optimizer": optimizer, "stages": [by_trust]}
    fused, plain_ = (ravine.train(**settings, engine=engine) for engine in ("fused", "reference"))
    np.testing.assert_allclose(fused.weights, plain_.weights, rtol=1e-9, atol=1e-13)
    start = ravine.start_weights(fused.spec)
    layers = [slice(0, (64 + bias) * 12), slice((64 + bias) * 12, None)]
    for layer in layers:
        moved = np.linalg.norm(fused.weights[layer] - start[layer])
        assert moved == pytest.approx(0.01 * np.linalg.norm(start[layer]), rel=1e-9)


# --- what is refused, in one sentence ---


def refused(call):
    with pytest.raises(ConfigError) as caught:
        call()
    words = str(caught.value)
    assert "\n" not in words
    assert words.endswith(".")
    return words


def test_a_hyper_parameter_that_is_missing_is_asked_for():
    needs = "sgd needs a value for shrink: give one, for example shrink=0.1."
    assert refused(lambda: from_settings({"stages": [shrink]})) == needs
    assert refused(lambda: ravine.train(stages=[shrink])) == needs
    assert refused(lambda: from_settings({"stages": ["l2"]})).startswith("sgd needs a value for l2: ")


@stage
def half(step):
    """Halve each step."""
    return step / 2


@stage
def rate_again(step, *, lr):
    """Multiply each step by the rate once more."""
    return lr * step


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize(("alone", "rate"), [(half, 0.125), (rate_again, 0.0625)])
def test_a_stage_needs_no_hyper_parameter(alone, rate, engine):
    staged = ravine.train(**SMALL, stages=[alone], lr=0.25, engine=engine)
    plain = ravine.train(**SMALL, lr=rate, engine=engine)
    np.testing.assert_array_equal(staged.weights, plain.weights)
    assert staged.id != plain.id


def test_a_hyper_parameter_of_a_stage_that_is_not_there_is_unknown():
    assert refused(lambda: from_settings({"shrink": 0.3})).startswith("unknown setting of a run with sgd 'shrink'")
    assert "did you mean 'shrink'?" in refused(lambda: from_settings({"stages": [shrink], "shrnk": 0.3}))
    beyond = refused(lambda: from_settings({"stages": [shrink], "shrink": -1}))
    assert beyond == "shrink of sgd is -1; it must be a finite number in [0, inf)."


@pytest.mark.parametrize("stages", ["l2", 3, {"l2": 0.1}, None])
def test_stages_are_a_list(stages):
    assert refused(lambda: from_settings({"stages": stages})).startswith("stages is ")


def weight_first(w, *, size): ...
def nothing_at_all(): ...
def both_sides(step, g, *, size): ...
def slot(g, a, *, size=1.0): ...
def given_below(g, *, size, norm): ...
def any_number(g, *more, size): ...


@pytest.mark.parametrize(
    ("function", "declaration", "words"),
    [
        (
            weight_first,
            {},
            "stage weight_first takes w first; it must be g, for a stage before the optim",
        ),
        (nothing_at_all, {}, "stage nothing_at_all takes nothing first; it must be g"),
        (both_sides, {}, "stage both_sides takes g and step; it stands on one side of the optimizer: take one."),
        (given_below, {}, "norm of stage given_below is given: write it before the *, after g."),
        (any_number, {}, "stage any_number takes *more: name each parameter."),
        (slot, {"order": "first"}, "order of stage slot is 'first'; it must be a number, such as 25."),
        (slot, {"order": float("nan")}, "order of stage slot is nan; it must be a number"),
        (slot, {"order": True}, "order of stage slot is True; it must be a number"),
        (slot, {"inert": 1}, "inert of stage slot is 1; it is True or False."),
        (
            slot,
            {"penalty": lambda w, *, size: 0.0},
            "stage slot has a penalty: this must be a function of an array of weig",
        ),
        (shrink.function, {"penalty": 3}, "stage shrink has a penalty: this must be a function"),
        (
            adds_up.function,
            {"penalty": lambda w, *, share: 0.0},
            "stage adds_up has a penalty: this must be a function",
        ),
        (slot, {"start": {"b": 1.0}}, "stage slot has no slot 'b' to start; its slots: a."),
        (slot, {"bounds": {"sise": "[0, 1]"}}, "unknown hyper-parameter of slot 'sise'; did you mean 'size'?"),
        (3, {}, "a stage is a function defined with `def`, and this is a int: write it as one."),
    ],
)
def test_what_is_no_stage_is_refused(function, declaration, words):
    assert refused(lambda: stage(**declaration)(function)).startswith(words)


def test_a_stage_s_fault_is_told_at_its_line():
    @stage
    def sums(g, *, size=1.0):
        return g.sum() * size

    line = sums.function.__code__.co_firstlineno + 2
    told = refused(lambda: from_settings({"stages": [sums]}))
    assert told.startswith(f"{__file__}:{line}: stage sums calls `.sum()` of `g`; a formula computes with one weight")


def test_names_that_two_things_have_are_refused_and_not_mixed_up():
    @stage
    def tempered(g, *, alpha=2.0):
        return alpha * g

    @stage(order=1)
    def muted(g, *, momentum=0.5):
        return momentum * g

    both = "both have a hyper-parameter {}: choose another name in one of them."
    assert refused(lambda: compose(momentum, (tempered,))) == f"stage tempered and rule momentum {both.format('alpha')}"
    assert refused(lambda: from_settings({"optimizer": "muon", "stages": [muted]})) == (
        f"stage muted and rule muon {both.format('momentum')}"
    )
    assert refused(lambda: compose(sgd, (STAGES["l2"], stage(_l2_again)))) == (
        f"stage _l2_again and stage l2 {both.format('l2')}"
    )


def _l2_again(g, w, *, l2):
    return g + l2 * w


def test_two_stages_of_one_name_are_refused():
    def made(factor):
        @stage
        def keeps(g, a, *, size=1.0):
            return g + size * a, factor * a + g

        return keeps

    one, other = made(0.5), made(0.6)
    for optimizer in (adam, plain):
        assert refused(lambda optimizer=optimizer: compose(optimizer, (one, other))) == (
            "there are two stages named keeps: give one of them another name."
        )
    assert from_settings({"stages": [one, one]}).optimizer is from_settings({"stages": [one]}).optimizer


def test_values_of_two_formulas_never_have_one_name():
    @stage(order=1)
    def a(g, b_c, *, one=1.0):
        return g + one * b_c, b_c + g

    @stage(order=2)
    def a_b(g, c, *, two=1.0):
        return g + two * c, c + g

    def named_rule():
        @stage
        def rule(g, *, size=1.0):
            return size * g

        return rule

    @stage(order=3)
    def trailing(g, a, a_, *, three=1.0):
        a = a + g
        return g + three * a, a, a_

    told = refused(lambda: from_settings({"stages": [a, a_b]}))
    assert told == "stage a_b and stage a both have a_b_c: choose another name in one of them."
    assert "both have trailing_a_" in refused(lambda: from_settings({"stages": [trailing]}))
    assert "both have rule_0" in refused(lambda: from_settings({"stages": [named_rule()]}))

    @rule
    def takes_it(g, shrink_0, *, lr=0.1):
        return lr * g, shrink_0

    told = refused(lambda: from_settings({"optimizer": takes_it, "stages": [shrink], "shrink": 0.1}))
    assert told == "rule takes_it and stage shrink both have shrink_0: choose another name in one of them."


def norm_too_early(g, step_norm): ...
def rate_of_its_own(step, *, lr=0.5): ...


@pytest.mark.parametrize(
    ("function", "declaration", "words"),
    [
        (norm_too_early, {}, "stage norm_too_early asks for step_norm, but takes g"),
        (rate_of_its_own, {}, "lr of stage rate_of_its_own is the optimizer's: give it no default."),
        (both_sides, {"bounds": {"lr": "[0, 1]"}}, "lr is the optimizer's: leave it out of the bounds of a stage."),
        (slot, {"order": 10**400}, "order of stage slot is "),
        (slot, {"order": np.inf}, "order of stage slot is inf"),
    ],
)
def test_what_only_the_optimizer_has_is_refused(function, declaration, words):
    assert refused(lambda: stage(**declaration)(function)).startswith(words)


def test_a_place_may_be_a_number_of_numpy():
    assert stage(order=np.int64(7))(slot).order == 7


STAGES_WITH_STATE = [
    {"lookahead": 3},
    {"weight_average": 0.9},
    {"gradient_average": 0.5},
    {"uniform_weight_average": 1},
]


@pytest.mark.parametrize("settings", STAGES_WITH_STATE, ids=str)
@pytest.mark.parametrize("name", [name for name, each in ravine.OPTIMIZERS.items() if each.formula is None])
def test_a_matrix_optimizer_sees_its_own_state_alone(name, settings):
    if ravine.OPTIMIZERS[name].searches and "gradient_average" in settings:
        words = refused(lambda: ravine.train(**SMALL, optimizer=name, **settings))
        assert "gradient_average" in words
        return
    run = ravine.train(**SMALL, optimizer=name, **settings)
    assert run.status == "done"


@matrix_rule
def first_step_alone(gradients, weights, state, t, *, lr=0.1):
    """Do nothing but at the first step, which has no state."""
    return [(0 if state else lr) * g for g in gradients], {"seen": 1.0}


@pytest.mark.parametrize("settings", STAGES_WITH_STATE[1:2] + STAGES_WITH_STATE[3:], ids=str)
def test_the_state_is_empty_at_the_first_step_with_stages_too(settings):
    plain_, staged = (ravine.train(**SMALL, optimizer=first_step_alone, **more) for more in ({}, settings))
    assert staged.history[0].train_loss == plain_.history[0].train_loss


def halves(weights, state, t, *, share):
    return [share * w for w in weights]


@matrix_rule(evaluated=halves)
def shown_in_part(gradients, weights, state, t, *, lr=0.1, share=0.5):
    """SGD whose weights are evaluated in part."""
    return [lr * g for g in gradients], state


def test_evaluated_weights_of_a_matrix_rule_go_with_a_stage():
    settings = {**SMALL, "weight_decay": 0.01, "engine": "reference"}
    whole, part = ravine.train(**settings), ravine.train(**settings, optimizer=shown_in_part)
    np.testing.assert_allclose(part.weights, whole.weights / 2, rtol=1e-12)


@matrix_rule(start={"lookahead_slow": 0.0})
def namesake(gradients, weights, state, t, *, lr=0.1):
    """Keep a state of the name that a stage has."""
    return [lr * g for g in gradients], {f"lookahead_slow.{k}": w for k, w in enumerate(weights)}


def test_a_state_of_one_name_in_a_matrix_rule_and_a_stage_is_refused():
    words = refused(lambda: ravine.train(**SMALL, optimizer=namesake, lookahead=3))
    assert words.startswith("rule namesake and a stage both have the state lookahead_slow.0")


@pytest.mark.parametrize("name", ["order", "out", "fresh", "quiet", "watcher", "data_dir", "initial_weights"])
def test_a_hyper_parameter_has_no_name_of_a_keyword_of_train(name, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"from ravine import rule\n@rule\ndef mine(g, *, lr=0.1, {name}=1.0):\n    return lr * g\n")
    told = refused(lambda: from_settings({"optimizer": str(path)}))
    assert told == f"mine has a hyper-parameter with the name of a keyword of ravine.train, {name}: choose another one."


@pytest.mark.parametrize("name", ["extends", "run"])
def test_nor_of_a_part_of_extended_runs(name, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"from ravine import rule\n@rule\ndef mine(g, *, lr=0.1, {name}=1.0):\n    return lr * g\n")
    told = refused(lambda: from_settings({"optimizer": str(path)}))
    assert told == f"mine has a hyper-parameter with the name of a part of extended runs, {name}: choose another one."


@stage
def times_rate(g, *, lr):
    """Multiply the gradient by the learning rate."""
    return lr * g


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("optimizer", [sgd, "muon"])
def test_a_stage_before_the_optimizer_gets_the_rate_that_the_optimizer_has(optimizer, engine):
    settings = {**SMALL, "optimizer": optimizer, "lr": 0.25, "engine": engine}
    with_rate = ravine.train(**settings, stages=[times_rate])
    quarter = ravine.train(**settings, stages=[doubled], factor=0.25)
    np.testing.assert_allclose(with_rate.weights, quarter.weights, rtol=1e-9, atol=1e-12)


def back_at_once(w, m, t):
    return w + 0 * m * (1 / t)


@stage(evaluated=back_at_once)
def kept_in_m(step, m):
    """Keep the steps, and divide by t in the evaluated weights, before the first step too."""
    return step, m + step


@pytest.mark.parametrize("engine", ["fused", "reference"])
def test_the_evaluated_form_of_a_stage_computes_as_ieee_754_says(engine):
    run = ravine.train(**{**SMALL, "batch_size": 200}, lr=1e300, stages=[kept_in_m], engine=engine)
    assert run.status == "diverged"


def test_the_text_of_a_stage_with_evaluated_weights_is_the_user_s_alone():
    texts = from_settings({"optimizer": "sgd", "stages": [kept_in_m]}).optimizer.texts()
    assert "def back_at_once(w, m, t):\n    return w + 0 * m * (1 / t)" in texts
    assert not any("ravine" in text or "ConfigError" in text for text in texts)
    average = from_settings({"optimizer": "sgd", "weight_average": 0.9}).optimizer.texts()
    assert len(average) == 3
    assert average[1].startswith("def _averaged(w, a, t, *, weight_average):\n    return")
