from __future__ import annotations

import math
import threading

import numpy as np
import pytest

from ravine.engines.stepping import SteppingEngine
from ravine.errors import ConfigError
from ravine.storage.store import RunStore
from ravine.training import Given, epoch_order, loop, start_weights
from training_cases import LAYERS, Recorder, assert_same_run, permutations, small_run, train_small, without_times


@pytest.fixture
def small(arrays):
    return arrays


def by_hand(data, weights, order, lrs, sizes, factor=1.0):
    """Train a 64-12-10 network by plain SGD: two matrices, ReLU, softmax; return weights and each epoch's loss.

    `lrs` holds the rates of each epoch's steps, or one for all of them; `factor` is that of the second matrix.
    """
    one, two = weights[: 64 * 12].reshape(64, 12).copy(), weights[64 * 12 :].reshape(12, 10).copy()
    losses = []
    for samples, lr_of_epoch, m in zip(order, lrs, sizes, strict=True):
        total = 0.0
        for step, batch in enumerate(samples[k : k + m] for k in range(0, len(samples), m)):
            lr = lr_of_epoch if np.isscalar(lr_of_epoch) else lr_of_epoch[step]
            x, t = data.train.features[batch] / 255, np.eye(10)[data.train.targets[batch]]
            hidden = np.maximum(x @ one, 0)
            p = np.exp(hidden @ two)
            p /= p.sum(axis=1, keepdims=True)
            total -= np.log((p * t).sum(axis=1)).sum()
            error = (p - t) / len(batch)
            step_two, step_one = hidden.T @ error, x.T @ ((error @ two.T) * (hidden > 0))
            one, two = one - lr * step_one, two - factor * lr * step_two
        losses.append(total / len(samples))
    hits = (np.maximum(data.test.features / 255 @ one, 0) @ two).argmax(axis=1) == data.test.targets
    return np.concatenate([one.ravel(), two.ravel()]), losses, hits.mean()


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize("m", [1, 20, 230])
def test_a_loop_written_by_hand_gives_the_same_weights(small, runs, engine, m):
    weights = np.random.default_rng(3).normal(0, 0.2, 64 * 12 + 12 * 10)
    order = permutations(230, 3)
    wanted, losses, accuracy = by_hand(small, weights, order, [0.3, 0.2, 0.1], [m] * 3)
    stored = train_small(
        small,
        runs,
        Given(weights, order),
        batch_size=m,
        lr=0.3,
        schedule="linear",
        schedule_settings={"final_lr": 0.0},
        engine=engine,
        dtype="float64",
    )
    assert stored.weights() == pytest.approx(wanted, rel=1e-9, abs=1e-11)
    assert [record.train_loss for record in stored.result.history] == pytest.approx(losses, rel=1e-10)
    assert [record.lr for record in stored.result.history] == pytest.approx([0.3, 0.2, 0.1])
    assert stored.result.test_accuracy == accuracy


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_rates_by_step_growing_batches_and_factors_by_hand(small, runs, engine, monkeypatch):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 1e-4)  # several calls of the engine an epoch
    weights, order = np.random.default_rng(3).normal(0, 0.2, 64 * 12 + 12 * 10), permutations(230, 3)
    # By epoch the rate would fall from 0.2 to 0.1 and 0.05; batches of 20 grow to 40, and then to no more than 50.
    sizes, started = [20, 40, 50], [0.2, 0.2, 0.05 * 50 / 20]
    lrs = [[lr * 0.5 ** (k * m / 230) for k in range(230)] for lr, m in zip(started, sizes, strict=True)]
    wanted, losses, _ = by_hand(small, weights, order, lrs, sizes, factor=0.3)
    stored = train_small(
        small,
        runs,
        Given(weights, order),
        lr=0.2,
        schedule="exponential",
        schedule_settings={"decay_factor": 0.5},
        schedule_by="step",
        largest_batch=50,
        per_layer={"lr": (1.0, 0.3)},
        engine=engine,
        dtype="float64",
    )
    assert stored.weights() == pytest.approx(wanted, rel=1e-9, abs=1e-11)
    history = stored.result.history
    assert [record.train_loss for record in history] == pytest.approx(losses, rel=1e-10)
    assert [record.lr for record in history] == pytest.approx(started)
    assert [record.batch_size for record in history] == sizes
    assert [record.steps for record in history] == [12, 12 + 6, 12 + 6 + 5]


def test_a_largest_batch_that_the_data_cannot_fill_is_refused(small, runs):
    with pytest.raises(ConfigError, match="largest_batch is 231; it must be at most 230"):
        train_small(small, runs, schedule="linear", schedule_settings={"final_lr": 0.0}, largest_batch=231)


def test_the_seed_s_weights_and_order_as_arrays_give_the_seed_s_run(small, runs):
    run = small_run(dtype="float64")
    order = np.stack([epoch_order(run.spec.seed, epoch, 230) for epoch in range(3)])
    wanted, *_ = by_hand(small, start_weights(run.spec), order, [0.1] * 3, [20] * 3)
    assert train_small(small, runs, dtype="float64").weights() == pytest.approx(wanted, rel=1e-9, abs=1e-11)


def test_every_epoch_is_a_fresh_shuffle_of_all_samples():
    orders = [epoch_order(seed, epoch, 230) for seed in (0, 1) for epoch in range(4)]
    for order in orders:
        assert sorted(order) == list(range(230))
    assert len({order.tobytes() for order in orders}) == 8
    assert epoch_order(0, 2, 230).tolist() == orders[2].tolist()


def test_each_sample_is_used_once_an_epoch_and_the_last_batch_is_smaller(small, runs, monkeypatch):
    batches = []
    take = SteppingEngine.train

    def spy(self, split, order, first, stop, hyper, *rest):
        batches.extend(order[k : min(k + 20, len(order))].tolist() for k in range(first, stop, 20))
        return take(self, split, order, first, stop, hyper, *rest)

    monkeypatch.setattr(SteppingEngine, "train", spy)
    train_small(small, runs)
    assert [len(batch) for batch in batches] == ([20] * 11 + [10]) * 3
    for epoch in range(3):
        drawn = [sample for batch in batches[12 * epoch : 12 * epoch + 12] for sample in batch]
        assert sorted(drawn) == list(range(230))


def test_an_epoch_s_record(small, runs):
    result = train_small(small, runs, epochs=8, dtype="float64").result
    assert [record.epoch for record in result.history] == [*range(1, 9)]
    last = result.history[-1]
    assert (result.test_loss, result.test_accuracy) == (last.test_loss, last.test_accuracy)
    assert result.train_loss == last.train_loss < result.history[0].train_loss < math.log(10) * 1.2
    assert last.test_accuracy > 0.5  # the data set can be learned
    assert result.parameters == 64 * 12 + 12 * 10


def test_times_are_told_apart(small, runs, monkeypatch):
    slow = {"compile": 0.02, "train": 0.03, "evaluate": 0.05}
    clock = [0.0]
    monkeypatch.setattr(loop.time, "perf_counter", lambda: clock[0])
    for method, seconds in slow.items():
        plain = getattr(SteppingEngine, method)

        def timed(self, *arguments, plain=plain, seconds=seconds):
            clock[0] += seconds
            return plain(self, *arguments)

        monkeypatch.setattr(SteppingEngine, method, timed)
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)  # one step a call: twelve an epoch
    result = train_small(small, runs).result
    seconds = result.seconds
    assert seconds.compile == pytest.approx(0.02)
    assert seconds.train == pytest.approx(36 * 0.03)
    assert seconds.evaluate == pytest.approx(3 * 0.05)
    assert seconds.total == pytest.approx(0.02 + 36 * 0.03 + 3 * 0.05)
    assert [record.seconds for record in result.history] == pytest.approx([12 * 0.03] * 3)


@pytest.mark.parametrize("engine", ["reference", "fused"])
def test_how_often_progress_is_shown_changes_no_bit(small, tmp_path, monkeypatch, engine):
    # The chunks' lengths follow the clock, so nothing that is stored may depend on them.
    stored = []
    for seconds in (0.0, 1e-4, 10.0):
        monkeypatch.setattr(loop, "_CHUNK_SECONDS", seconds)
        stored.append(train_small(small, tmp_path / str(seconds), engine=engine, batch_size=3))
    assert_same_run(stored[0], stored[1])
    assert_same_run(stored[0], stored[2])


def test_progress_covers_each_epoch(small, runs, monkeypatch):
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)
    watcher = Recorder()
    loop.train(small_run(), small, RunStore(runs), watcher=watcher)
    steps = [min(20 * k, 230) / 230 for k in range(1, 13)]
    assert watcher.shares == [(epoch, share) for epoch in (1, 2, 3) for share in steps]
    assert [record.epoch for record in watcher.epochs] == [1, 2, 3]


def test_the_same_seed_gives_the_same_bits_with_other_runs_beside_it(small, tmp_path):
    alone = train_small(small, tmp_path / "alone", engine="fused", epochs=20)
    stored = {}

    def train_beside(seed: int, copy: int) -> None:
        stored[seed, copy] = train_small(small, tmp_path / f"{copy}", engine="fused", epochs=20, seed=seed)

    threads = [threading.Thread(target=train_beside, args=(seed, copy)) for seed in (0, 1) for copy in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_same_run(stored[0, 1], alone)
    assert_same_run(stored[0, 2], alone)
    assert_same_run(stored[1, 1], stored[1, 2])
    assert without_times(stored[1, 1].result) != without_times(alone.result)


def test_given_arrays_are_part_of_the_id(small):
    weights = start_weights(small_run().spec)
    orders = [np.arange(230), np.arange(230)[::-1], permutations(230, 3)]
    given = [*(Given(order=order) for order in orders), Given(weights), Given(2 * weights)]
    others = [loop.with_given(small_run(), each) for each in given]
    assert len({run.id for run in [small_run(), *others]}) == 6


def test_one_order_for_every_epoch_and_shorter_than_the_data(small, runs):
    order = np.arange(50)
    once = train_small(small, runs / "once", Given(order=order), dtype="float64")
    each = train_small(small, runs / "each", Given(order=np.stack([order] * 3)), dtype="float64")
    assert once.weights().tobytes() == each.weights().tobytes()
    _, losses, _ = by_hand(small, start_weights(small_run().spec), [order] * 3, [0.1] * 3, [20] * 3)
    assert [record.train_loss for record in once.result.history] == pytest.approx(losses, rel=1e-10)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Given(weights=np.zeros(7)), r"give 888 numbers"),
        (Given(weights=np.full(888, np.nan)), r"initial_weights has nan at index 0"),
        (Given(weights=np.zeros((64, 12))), r"shape \(64, 12\)"),
        (Given(order=np.array([0, 230])), "from 0 to 229"),
        (Given(order=np.array([-1, 3])), "from 0 to 229"),
        (Given(order=np.array([0.0, 1.0])), "dtype float64"),
        (Given(order=np.zeros((2, 5), int)), r"\(3, k\)"),
        (Given(order=np.zeros((0,), int)), r"shape \(0,\)"),
        (Given(order=np.zeros((1, 1, 1), int)), r"shape \(1, 1, 1\)"),
        (Given(order=np.arange(19)), "batch size is 20; it must be at most 19"),
    ],
)
def test_given_arrays_that_do_not_fit(small, runs, given, words):
    with pytest.raises(ConfigError, match=words):
        train_small(small, runs, given)
    assert not runs.exists()


def test_a_batch_larger_than_the_data(small, runs):
    with pytest.raises(ConfigError, match="batch size is 231; it must be at most 230, the number of training samples"):
        train_small(small, runs, batch_size=231)


def test_long_doubles_are_stored_whole(small, runs):
    stored = train_small(small, runs, dtype="longdouble", epochs=1)
    weights = stored.weights()
    assert weights.dtype == np.longdouble
    assert weights.shape == (np.dot(LAYERS[:-1], LAYERS[1:]),)
    assert (weights != weights.astype(np.float64)).any() or np.finfo(np.longdouble).nmant == 52
