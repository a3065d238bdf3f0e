"""What a run on numbers or flags says at its end if it did not learn: each cause is planted, and each remedy tried."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy import sparse

import ravine
from ravine.formulas.elementwise import rule
from ravine.formulas.loss import loss
from ravine.storage.record import Epoch
from ravine.training import loop
from ravine.training.baselines import Compared
from ravine.training.data_hints import without_bias
from ravine.training.facts import last_targets
from ravine.training.hints import hint
from ravine.training.learned import failure, fell, highest, plainly_learned, rose, went_back

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 5))
NOISE = RNG.normal(size=400)
SIGNAL = X @ [1.0, -2.0, 0.5, 0.0, 1.0] / 2.5  # of variance 1
Y = SIGNAL + 0.3 * NOISE
FLAGS = (X[:, :3] + 0.2 * NOISE[:, None] > 0).astype(int)
NAMES = ["a", "b", "c", "income", "e"]
SETTINGS = {
    "loss": "squared-error", "layers": (5, 12, 1), "bias": True, "batch_size": 10, "epochs": 5, "lr": 0.02,
    "engine": "reference", "quiet": True,
}  # fmt: skip
BAD = "It did not learn: the loss of 100 test samples is "


@rule
def uphill(g, *, lr=0.05):
    """Goes up the gradient."""
    return -lr * g


@loss
def shifted(z, y):
    """The squared error less 7: its least value is -7."""
    d = z - y
    return d * d - 7, 2 * d


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "runs"))


def cut(x, y, count=300):
    """Return data whose first samples are those to train on."""
    return x[:count], y[:count], x[count:], y[count:]


def run_of(x=X, y=Y, *, count=300, **changes):
    settings = {**SETTINGS, "layers": (x.shape[1], 12, 1 if y.ndim == 1 else y.shape[1]), **changes}
    data = settings.pop("data", None)
    return ravine.train(data=cut(x, y, count) if data is None else data, **settings)


def hint_of(x=X, y=Y, **changes):
    return run_of(x, y, **changes).hint


def proposed(hint):
    """Return the learning rate that a hint tells the user to try."""
    return float(re.search(r"try (?:lr )?([\d.e+-]*\d)", hint)[1])


def number(pattern, hint):
    return float(re.search(pattern + r", (-?[\d.,e+-]*\d)", hint)[1].replace(",", ""))


def large(column=3, mean=52_000.0, spread=41_000.0):
    x = X.copy()
    x[:, column] = mean + spread * x[:, column]
    return x


# ------------------------------------------------------------------------------------------------------------
# Runs that learned


@pytest.mark.parametrize("name", ["squared-error", "absolute-error", "huber"])
@pytest.mark.parametrize("noise", [0.3, 1.5])  # R^2 of 0.9 and of 0.3
def test_nothing_is_said_of_a_sound_run(name, noise):
    y = (SIGNAL + noise * NOISE) / np.hypot(1, noise)
    run = run_of(y=y, loss=name, epochs=20)
    assert run.hint is None
    assert (0.15 if noise > 1 else 0.8) < run.test_r2 < (0.45 if noise > 1 else 1)


def test_nothing_is_said_of_several_outputs_of_counts_and_of_flags():
    assert hint_of(y=np.stack([Y, X[:, 0], 3 * X[:, 1] ** 2], axis=1), lr=0.1, epochs=20) is None
    counts = RNG.poisson(np.exp(SIGNAL)).astype(float)
    assert hint_of(y=counts, loss="poisson") is None
    for name in ("logistic", "hinge", "squared-hinge"):
        assert hint_of(y=FLAGS, loss=name, lr=0.2) is None


def test_a_run_that_learned_pays_for_no_closer_look(monkeypatch):
    monkeypatch.setattr(loop._Trainer, "_facts", None)  # would fail if it were called
    for engine in ("reference", "fused"):
        assert hint_of(engine=engine) is None
        assert hint_of(engine=engine, data=(X, Y), validation=0.2) is None
    assert hint_of(data=(X, Y)) is None
    assert hint_of(y=FLAGS, loss="logistic", lr=0.2) is None
    with pytest.raises(TypeError):
        hint_of(lr=1e-7)
    with pytest.raises(TypeError):
        hint_of(y=FLAGS, loss="logistic", lr=1e-7)


def test_little_that_few_samples_tell_is_no_failure():
    y = SIGNAL / 3 + NOISE  # the best R^2 is 0.1
    for seed in range(3):
        for test in (20, 100):
            assert hint_of(X[: 300 + test], y[: 300 + test], seed=seed, epochs=8) is None


def test_a_lower_absolute_error_is_learning_whatever_r_squared_says():
    y = 2 * SIGNAL + np.random.default_rng(5).exponential(1.0, 400) ** 3  # whose mean is far above the median
    run = run_of(y=y, loss="absolute-error", lr=0.05, epochs=20)
    assert run.test_r2 < 0.02
    assert run.test_mean_absolute_error < 0.9 * np.abs(y[300:] - np.median(y[300:])).mean()
    assert run.hint is None


def test_rare_flags_may_be_learned_though_no_flag_is_answered_better():
    y = (RNG.random(400) < 0.25 / (1 + np.exp(-3 * X[:, 0]))).astype(int)[:, None]
    run = run_of(y=y, loss="logistic", lr=0.1, epochs=20)
    assert run.test_accuracy <= 1 - y[300:].mean() + 1e-9
    assert run.hint is None


# ------------------------------------------------------------------------------------------------------------
# Sizes of features


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lr": 1e-11},
        {"optimizer": "adam", "lr": 0.001},
        {"activation": "tanh"},
        {"y": FLAGS, "loss": "logistic", "lr": 0.2},
        {"y": FLAGS[:, 0] + FLAGS[:, 1], "loss": "cross-entropy", "layers": (5, 12, 3), "lr": 0.1},
        {"y": FLAGS[:, 0] + FLAGS[:, 1], "loss": "cross-entropy", "layers": (5, 12, 3), "activation": "tanh"},
    ],
    ids=str,
)
def test_a_column_that_is_too_large_is_named_and_brought_to_its_size(settings):
    x, y = large(), settings.pop("y", Y)
    hint = hint_of(x, y, data=ravine.dataset(*cut(x, y)[:2], test=cut(x, y)[2:], feature_names=NAMES), **settings)
    assert "Column 3 ('income') is about 6" in hint
    mean, spread = number("subtract its mean", hint), number("divide it by its standard deviation", hint)
    assert mean == pytest.approx(x[:300, 3].mean(), rel=1e-3)
    assert spread == pytest.approx(x[:300, 3].std(), rel=1e-3)
    x[:, 3] = (x[:, 3] - mean) / spread
    assert hint_of(x, y, **{**settings, "lr": max(0.02, settings.get("lr", 0)), "epochs": 10}) is None


def test_a_column_that_is_far_from_0_and_one_that_is_not():
    hint = hint_of(large(1, 2019.0, 6.0))
    assert "Column 1 (counted from 0) is about 2,000 in size, and most other columns about " in hint
    assert re.search(r": subtract its mean, 2,0\d\d, and divide it by its standard deviation, [56]\.\d+\.$", hint)
    assert re.search(r": divide it by its standard deviation, 39,\d+\.$", hint_of(large(1, 0.0)))


def test_a_column_that_does_not_vary_has_no_spread_to_divide_by():
    assert hint_of(large(2, 5000.0, 0.0)).endswith(": subtract its mean, 5,000.")


def test_all_columns_large_and_all_small():
    hint = hint_of(300 * X + 500)
    assert re.match(r"5 of 5 columns are large; the largest, column \d \(counted from 0\), is about 6\d0 in size", hint)
    mend = "subtract from each column its mean, and divide it by its standard deviation."
    assert hint.endswith(mend)
    hint = hint_of(1e-4 * X)
    assert "All features are small; the largest, column " in hint
    assert hint.endswith(mend)


def test_a_column_that_dwarfs_the_others():
    x = X * [1e-4, 1e-4, 1e-4, 1.0, 1e-4]
    hint = hint_of(x)  # column 3 tells nothing of the target
    assert "Column 3 (counted from 0) is about 1" in hint
    assert hint.endswith("subtract from each column its mean, and divide it by its standard deviation.")


@pytest.mark.parametrize(("pixels", "scale", "mend"), [(255, 1, "255"), (1, 255, "1")])
def test_bytes_of_another_scale(pixels, scale, mend):
    x = np.where(X > 0, pixels, 0).astype(np.uint8)
    y = (x.sum(axis=1) > 2 * pixels).astype(int)
    settings = {"loss": "cross-entropy", "layers": (5, 12, 2), "lr": 0.1}
    hint = hint_of(x, y, data=ravine.dataset(x, y, scale=scale), **settings)
    assert f"give scale={mend} to ravine.dataset, by which its bytes are divided." in hint
    assert hint_of(x, y, data=ravine.dataset(x, y, scale=float(mend)), **settings, epochs=20) is None


def test_a_sparse_matrix_is_measured_as_it_is(monkeypatch):
    rng = np.random.default_rng(2)
    x = sparse.random_array((400, 3000), density=2e-3, format="csr", rng=rng)
    x = sparse.csr_array(sparse.hstack([x, sparse.csr_array(5e4 * np.abs(X[:, :1]))]))
    data = (x, Y)
    hint = hint_of(x, Y, data=data)
    assert re.search(
        r"Column 3000 \(counted from 0\) is about [45]\d,\d+ in size, and most other columns about 0", hint
    )
    largest = number("divide it by its largest size", hint)
    assert largest == pytest.approx(x[:, 3000].max(), rel=1e-3)
    assert hint_of(x * 1e4, Y, data=(sparse.csr_array(x * 1e4), Y)).endswith("divide each column by its largest size.")
    # Rare ones are of size 1: nothing is wrong with such columns.
    ones = (x[:, :3000] != 0).astype(float)
    assert "lr is too small" in hint_of(ones, Y, data=(sparse.csr_array(ones), Y), lr=1e-6)


def test_features_of_a_good_size_are_not_the_cause():
    assert "size" not in hint_of(X * 30, lr=30.0).replace("batch", "")
    assert "column" not in hint_of(X * 30 + 10, lr=1e-9)


# ------------------------------------------------------------------------------------------------------------
# Targets


@pytest.mark.parametrize(
    "settings", [{}, {"optimizer": "adam", "lr": 0.001}, {"loss": "absolute-error"}, {"loss": shifted}], ids=str
)
def test_targets_that_are_far_from_0(settings):
    hint = hint_of(y=200_000 + 52_000 * Y, **settings)
    mean, spread = (number_in(hint, words) for words in ("The targets are about", "a standard deviation of"))
    assert hint.endswith("subtract the mean and divide by the standard deviation, and undo both in what is predicted.")
    y = (200_000 + 52_000 * Y - mean) / spread
    assert (y.mean(), y.std()) == pytest.approx((0, 1), abs=0.1)
    assert hint_of(y=y, **{**settings, "lr": 0.02}) is None


def number_in(hint, words):
    return float(re.search(words + r" (-?[\d.,e+-]*\d)", hint)[1].replace(",", ""))


def test_targets_that_are_small_or_narrow_and_an_output_among_others():
    assert re.search(
        r"The targets are about -?[\d.e-]+ in the mean, with a standard deviation of 9.\d+e-05: ", hint_of(y=1e-4 * Y)
    )
    assert re.search(
        r"The targets are about 50\.?\d* in the mean, with a standard .* 0\.0\d+: ", hint_of(y=50 + 0.1 * Y)
    )
    both = np.stack([Y, 3000 * Y], axis=1)
    assert "The targets of output 1 (counted from 0) are about " in hint_of(y=both)


def test_counts_that_are_large_are_divided():
    y = np.round(np.exp(SIGNAL / 3 + 9))
    hint = hint_of(y=y, loss="poisson")
    assert hint.endswith(" in the mean: divide them by that.")
    assert hint_of(y=y / number_in(hint, "The targets are about"), loss="poisson") is None


def test_features_and_targets_are_both_named():
    hint = hint_of(large(), 1e6 * Y)
    assert "Column 3 (counted from 0) is about" in hint
    assert "The targets are about" in hint


def test_a_mean_that_no_network_without_biases_reaches():
    hint = hint_of(y=10 + Y, bias=False)
    assert hint.startswith(BAD)
    zero, best = number_in(hint, "Outputs of 0 have a loss of"), number_in(hint, "the best constant ones")
    assert zero == pytest.approx(np.square(10 + Y[:300]).mean(), rel=0.01)
    assert best == pytest.approx(Y[:300].var(), rel=0.01)
    assert hint.endswith("which a network without biases hardly gives; train with bias=True.")
    assert hint_of(y=10 + Y, lr=0.01, epochs=20) is None
    assert "lr is too small" in hint_of(y=10 + Y, bias=False, lr=1e-5)
    assert "bias" not in hint_of(y=Y, bias=False, lr=1e-7)


@pytest.mark.parametrize("settings", [{}, {"data": (X, np.full(400, 2.5))}], ids=["test", "none"])
def test_targets_that_are_all_the_same(settings):
    hint = hint_of(y=np.where(np.arange(400) < 300, 2.5, Y), **settings)
    assert hint.startswith("It did not learn: the loss of ")
    assert hint.endswith("All training samples have the target 2.5: there is nothing to tell apart. Train on several.")


def test_targets_that_are_nearly_all_the_same():
    hint = hint_of(y=np.where(np.arange(400) % 25 > 0, 0.0, Y), lr=1e-5)
    assert hint.endswith("96 % of the training samples have the target 0; give others a larger share.")
    both = np.where(np.arange(400)[:, None] % 25 > 0, [1, 0], FLAGS[:, :2])
    hint = hint_of(y=both, loss="logistic", lr=1e-5)
    assert re.search(r"9\d % of the training samples have the targets 1, 0; give others a larger share\.$", hint)


@pytest.mark.parametrize("side", [1, -1])
def test_an_order_that_is_sorted_by_target(side):
    order = np.argsort(side * Y[:300])
    settings = {"batch_size": 5, "lr": 0.05, "epochs": 1}
    hint = hint_of(order=order, **settings)
    edge = np.quantile(Y[:300], 0.8 if side == 1 else 0.2)
    assert hint.startswith(BAD)
    assert hint.endswith(
        f"The last training samples nearly all have targets of {edge:.3g} or {'more' if side == 1 else 'less'}, as "
        "only a fifth of all samples have, which pushes out the others; shuffle the order."
    )
    assert hint_of(order=np.random.default_rng(0).permutation(order), **settings) is None
    assert "The steps are too large" in hint_of(order=order, **{**settings, "lr": 5.0})


def test_an_order_that_is_sorted_by_one_of_two_targets():
    y = np.stack([X[:, 4], 4 * Y], axis=1)
    hint = hint_of(y=y, order=np.argsort(Y[:300]), batch_size=1, lr=0.05, epochs=1)
    assert re.search(r"have targets of [\d.]+ or more in output 1, as only a fifth", hint)


# ------------------------------------------------------------------------------------------------------------
# Steps, weights and what is learned by heart


@pytest.mark.parametrize("name", ["squared-error", "absolute-error", "huber", "poisson", shifted, "logistic"], ids=str)
def test_a_rate_that_is_far_too_small_and_the_one_that_is_proposed(name):
    y = {"poisson": RNG.poisson(np.exp(SIGNAL + 1)).astype(float), "logistic": FLAGS}.get(name, Y)
    hint = hint_of(y=y, loss=name, lr=1e-6)
    assert hint.startswith("It did not learn: ")
    assert "It goes down the gradient, but 150 steps moved the weights by only" in hint
    assert proposed(hint) >= 1e-3
    assert hint_of(y=y, loss=name, lr=proposed(hint), epochs=20) is None


def test_a_rate_that_is_far_too_large_and_the_one_that_is_proposed():
    for settings in ({}, {"activation": "tanh"}, {"loss": "absolute-error", "activation": "tanh", "lr": 30.0}):
        settings = {"lr": 3.0, **settings}
        hint = hint_of(**settings)
        assert "The steps are too large, it seems: try lr " in hint
        assert proposed(hint) < settings["lr"] / 9
        assert hint_of(**{**settings, "lr": proposed(hint) / 3, "epochs": 20}) is None


def test_flags_say_what_answering_the_commonest_gives():
    hint = hint_of(y=FLAGS, loss="logistic", lr=1e-7)
    chance = np.maximum(FLAGS[300:].mean(axis=0), 1 - FLAGS[300:].mean(axis=0)).mean()
    assert f"and always answering each output's commonest flag gives {100 * chance:.2f} %." in hint


@pytest.mark.parametrize("x", [X, large()], ids=["good", "large"])
@pytest.mark.parametrize("settings", [{}, {"y": FLAGS, "loss": "logistic"}], ids=["numbers", "flags"])
def test_an_optimizer_with_the_wrong_sign(x, settings):
    hint = hint_of(x, **{"optimizer": uphill, "activation": "tanh", **settings})
    assert hint.endswith("first step goes up the gradient, not down; is the sign of what it returns right?")


def test_a_deep_network_of_sigmoids_a_decay_and_few_steps():
    assert "The gradient fades on its way back" in hint_of(layers=(5, *[8] * 6, 1), activation="sigmoid")
    hint = hint_of(lr=0.1, bias=False, weight_decay=5.0, activation="tanh")
    assert hint.endswith("The weights shrank to less than 0.001 of their size; lower weight_decay.")
    assert hint_of(epochs=1, batch_size=100, lr=1e-3).endswith(" 3 steps are few; train longer, or in smaller batches.")


def test_weights_that_do_not_move():
    assert hint_of(lr=0.0) == "No weight moved. lr is 0; give a larger one."
    settings = {"activation": "tanh", "initial_weights": np.zeros(5 * 12 + 12 + 12 + 1)}
    assert hint_of(y=np.zeros(400), **settings) == (
        "No weight moved. The loss is the least that there is at the initial weights already: there is nothing to "
        "learn."
    )
    settings = {"activation": "tanh", "bias": False, "initial_weights": np.zeros(5 * 12 + 12)}
    assert hint_of(**settings).startswith(
        "No weight moved. The gradient at the initial weights is 0 in every layer; dr"
    )
    huge = np.where(X > 0, 1e5, -1e5)
    settings = {"activation": "tanh", "bias": False, "lr": 1e-30, "layers": (5, 12, 12, 1)}
    assert hint_of(huge, Y, **settings).startswith("No weight moved. 5 of 5 columns are large; ")


@pytest.mark.parametrize("judged", ["validation", "test"])
def test_samples_that_are_learned_by_heart(judged):
    wide = np.hstack([X, np.random.default_rng(4).normal(size=(400, 40))])
    settings = {"layers": (45, 60, 1), "epochs": 120, "y": SIGNAL + 3 * NOISE, "engine": "fused"}
    given = {"count": 100} if judged == "test" else {"data": (wide, settings["y"]), "validation": 300}
    run = run_of(wide, **settings, **given)
    assert run.hint.startswith(f"It did not learn: the loss of 300 {judged} samples is ")
    assert "What it learned holds for its training samples alone, whose loss is " in run.hint
    y = np.where(NOISE > 0, "yes", "no")
    settings = {**settings, "y": y, "loss": "cross-entropy", "layers": (45, 60, 2), "lr": 0.1}
    given = {"count": 100} if judged == "test" else {"data": (wide, y), "validation": 300}
    hint = hint_of(wide, **settings, **given)
    assert "What it learned holds for its training samples alone, whose loss is " in hint


def test_a_run_that_went_back_as_its_rate_grew():
    hint = hint_of(lr=0.1, schedule="exponential", decay_factor=2, epochs=5, activation="tanh", loss="huber")
    assert re.match(r"It was better before: test R\^2 0\.\d+ after epoch \d, -?[\d.e+]+ at the end\. ", hint)
    assert re.search(r"The learning rate grew meanwhile from 0.2 to 1.6; keep it near the former\.$", hint)


def test_a_dead_network_of_numbers_has_no_logits():
    run = run_of(np.abs(X), Y, initial_weights=-np.ones(5 * 12 + 12), bias=False)
    assert run.cause.message.endswith("no gradient passes it. The outputs are the same for every sample.")
    assert run.hint == "That layer is dead at the initial weights already; give other ones."


def test_numbers_of_any_size_are_measured_without_a_warning():
    for scale in (1e-300, 1e150, 1e300):
        assert hint_of(X * scale, Y, dtype="float64") is not None
        assert hint_of(X, Y * scale, dtype="float64") is not None


@pytest.mark.parametrize("weight", [1 / 64, 64.0])
@pytest.mark.parametrize("settings", [{"lr": 2.0**-20}, {"lr": 4.0}, {"loss": "poisson", "lr": 2.0**-20}], ids=str)
def test_equal_weights_with_the_rate_divided_by_them_have_the_same_hint(settings, weight):
    y = np.exp(SIGNAL) if "loss" in settings else Y
    plain = hint_of(y=y, **settings, activation="tanh")
    data = ravine.dataset(X[:300], y[:300], test=(X[300:], y[300:]), sample_weights=np.full(300, weight))
    hint = hint_of(data=data, activation="tanh", **{**settings, "lr": settings["lr"] / weight})
    assert plain is not None
    assert [re.sub(r"[\d.e+-]*\d", "", one) for one in (hint, plain)] == [re.sub(r"[\d.e+-]*\d", "", plain)] * 2


def test_weights_say_what_is_to_be_learned():
    few = X[:, 0] > 1.3
    y = np.where(few, 100.0, Y)  # of the test set too, where they count
    run = run_of(data=ravine.dataset(X[:300], y[:300], test=(X[300:], y[300:]), sample_weights=1.0 - few[:300]))
    assert run.test_r2 < 0.02
    assert run.hint is None
    assert hint_of(data=ravine.dataset(X[:300], Y[:300], test=(X[300:], y[300:]))) is not None
    hint = hint_of(data=ravine.dataset(X[:300], np.where(few, 0.0, Y)[:300], sample_weights=few[:300] + 0.0))
    assert hint.endswith(
        "All training samples with a weight above 0 have the target 0: there is nothing to tell apart. "
        "Train on several."
    )
    mostly = ravine.dataset(X[:300], np.where(few, 0.0, Y)[:300], sample_weights=few[:300] + 1e-3)
    assert re.search(
        r"9\d % of the weight of the training samples is that of those with the target 0; g",
        hint_of(data=mostly, lr=1e-5),
    )


# ------------------------------------------------------------------------------------------------------------
# From facts that are put together


@pytest.fixture
def facts(monkeypatch):
    """Return the facts of a run whose rate is far too small."""
    found = []
    monkeypatch.setattr(loop.hints, "hint", found.append)
    run_of(lr=1e-7, epochs=2)
    return found[0]


def losses_of(mean, spread=0.0, count=200):
    return mean + spread * np.tile([-1.0, 1.0], count // 2)


def compared(own, spread=0.0, constant=1.0, count=200):
    return Compared(losses_of(own, spread, count), losses_of(constant, count=count), np.zeros(count))


def test_negative_losses_rise_and_fall_beside_the_least_one(facts):
    start = replace(facts.start, losses=losses_of(-5), least=-7.0)
    for end, has_risen in ((-4.9, False), (-4.7, True)):
        seen = replace(facts, start=start, end=replace(start, losses=losses_of(end)))
        assert rose(seen) == has_risen
        assert fell(seen) == pytest.approx((-5 - end) / 2)
    history = [epoch(0.0, train_loss=loss) for loss in (-5.5, -4.0)]
    assert highest(replace(facts, start=start, history=history)) == pytest.approx(3 / 2)
    noisy = replace(start, losses=losses_of(-5, 5.0))
    assert highest(replace(facts, start=noisy, history=history)) == pytest.approx(3 / (2 + 15 / np.sqrt(200)))


def test_numbers_are_near_a_constant_only_where_chance_does_not_hide_a_gain(facts):
    bad, good = compared(0.99), compared(0.7)
    assert failure(replace(facts, score=0.01, judged=bad, trained=bad)).startswith("It did not learn: ")
    noisy = compared(0.99, 0.9)
    assert noisy.skill == pytest.approx(bad.skill)
    wide = compared(0.7, 3.0)
    for judged, trained, score in ((noisy, bad, 0.01), (bad, wide, 0.01), (good, bad, 0.01), (bad, bad, 0.3)):
        assert failure(replace(facts, score=score, judged=judged, trained=trained)) is None


def test_what_fell_in_training_while_the_score_fell_is_no_fault_of_the_steps(facts):
    best, last = epoch(0.8, 0.2, train_loss=0.3), epoch(0.3, 0.7, train_loss=0.1)
    seen = replace(
        facts, score=0.3, history=[best, last], judged=compared(0.7), trained=compared(0.1), judged_count=900
    )
    assert hint(seen) == (
        "It was better before: test R^2 0.8 after epoch 1, 0.3 at the end. What it learned holds for its training "
        "samples alone, whose loss is 0.1: train on more of them, or take a smaller network, weight decay or fewer "
        "epochs."
    )
    # The weights at the end are no better on the training samples: so they are not learned by heart.
    seen = replace(seen, trained=compared(0.4), moved=1.0)
    assert hint(seen) == "It was better before: test R^2 0.8 after epoch 1, 0.3 at the end."
    seen = replace(seen, history=[best, replace(last, train_loss=0.5)])
    assert "The steps are too large, it seems" in hint(seen)


def test_biases_that_are_there_are_not_missed(facts):
    far = replace(facts, zero_loss=100.0, trained=compared(0.99))
    assert without_bias(far) is None
    without = replace(far, spec=msgspec.structs.replace(facts.spec, bias=False))
    assert without_bias(without).startswith("Outputs of 0 have a loss of 100, and the best constant ones 1, which a ")
    assert without_bias(replace(without, zero_loss=1.5)) is None
    assert without_bias(replace(without, kind="classes")) is None
    assert without_bias(replace(without, history=[epoch(0.8, 0.2), epoch(0.3, 0.7)])) is None


def test_many_equal_targets_at_the_end_are_no_sorted_order():
    targets = np.concatenate([np.zeros(850), np.arange(1, 151)])[:, None]
    assert last_targets(targets, np.zeros((100, 1)))[1] == 0
    assert last_targets(np.arange(100.0)[:, None], np.arange(20.0)[:, None]) == ("19.8 or less", 1.0)


# ------------------------------------------------------------------------------------------------------------
# From the history alone


def epoch(r2, test_loss=None, train_loss=0.5):
    return Epoch(1, 1, 0.1, 1, train_loss, test_loss, None, 1.0, test_r2=r2)


def test_what_counts_as_going_back_in_r_squared():
    best = epoch(0.8, 0.2)
    assert went_back([best, epoch(0.69, 0.31)]) is best
    assert went_back([best, epoch(0.71, 0.29)]) is None
    assert went_back([best, epoch(0.6, 0.1)]) is None  # the loss, which is not the squared error, fell
    assert went_back([best, epoch(None)]) is best
    assert went_back([epoch(-1.0, 2.0), epoch(0.05, 1.0), epoch(-3.0, 4.0)]) is None  # it never was good
    assert went_back([best, epoch(0.5, 0.5)], samples=20) is None
    assert went_back([best, epoch(0.5, 0.5)], samples=200) is best


def test_what_counts_as_plainly_learned():
    assert plainly_learned([epoch(0.3)], 0.3, 0.0, zero_loss=1.0)
    assert not plainly_learned([epoch(0.05)], 0.05, 0.0, zero_loss=1.0)
    assert not plainly_learned([epoch(0.3)], 0.3, 0.0, zero_loss=0.4)
    assert not plainly_learned([], 0.3, 0.0, zero_loss=1.0)


def test_classes_with_a_loss_of_single_outputs_are_compared_with_outputs_of_0():
    y = FLAGS[:, 0] + FLAGS[:, 1]
    data = ravine.dataset(X, y, test=(X, y))
    settings = {"layers": (5, 12, 3), "data": data, "lr": 0.02}
    good = run_of(**settings, loss="squared-error", epochs=20)
    assert good.hint is None
    # Of squared errors, those of outputs of 0 are 1/3, and ln 3 says nothing.
    spoilt = run_of(**settings, loss="squared-error", initial_weights=good.weights, optimizer=uphill, epochs=3)
    assert spoilt.hint is not None
    assert "goes up the gradient" in spoilt.hint
    assert run_of(**settings, loss="hinge", epochs=20).hint is None
