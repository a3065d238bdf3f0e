"""The validation split: each class in its share, counted by fractions, and a function of labels, count and seed."""

from __future__ import annotations

import hashlib
import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.data import datasets, load
from ravine.data.validation import held_out, samples_of
from ravine.errors import ConfigError
from ravine.training.seeds import seeded


def wanted_counts(labels: list[int], count: int) -> dict[int, int]:
    """Share `count` out among the classes by largest remainders, in fractions, a sample at a time."""
    shares = {k: Fraction(labels.count(k) * count, len(labels)) for k in sorted(set(labels))}
    wanted = {k: share.__floor__() for k, share in shares.items()}
    for k in sorted(shares, key=lambda k: (wanted[k] - shares[k], k)):
        if sum(wanted.values()) < count:
            wanted[k] += 1
    return wanted


@given(st.lists(st.integers(0, 9), min_size=2, max_size=80), st.integers(0, 2**40), st.data())
def test_each_class_has_its_share(labels, seed, data):
    count = data.draw(st.integers(1, len(labels) - 1))
    held = held_out(labels, count, seed)
    chosen = [label for label, out in zip(labels, held.tolist(), strict=True) if out]
    assert {k: chosen.count(k) for k in set(labels)} == wanted_counts(labels, count)
    assert len(chosen) == count
    assert all(abs(chosen.count(k) - labels.count(k) * count / len(labels)) < 1 for k in set(labels))
    np.testing.assert_array_equal(held_out(np.array(labels, np.uint8), count, seed), held)


def test_the_split_depends_on_its_seed_and_is_a_shuffle_of_its_own():
    labels = np.arange(5000) % 10
    found = [held_out(labels, 1000, seed) for seed in range(3)]
    assert all((a != b).any() for k, a in enumerate(found) for b in found[:k])
    # A sample is held out with a probability of a fifth, on its own: two seeds share about a fifth of 1,000.
    assert 150 < np.count_nonzero(found[0] & found[1]) < 250
    for stream in ((0,), (1, 0), (1, 1)):  # the run's own streams of the same seed
        shuffle = seeded(0, *stream).permutation(5000)
        assert 150 < np.count_nonzero(found[0][shuffle[:1000]]) < 250


def test_the_split_of_mnist_stays_what_it_is():
    labels = load("mnist").train.targets
    held = np.flatnonzero(held_out(labels, 10_000, 0))
    assert hashlib.sha256(held.astype("<i8").tobytes()).hexdigest()[:16] == "c7acf0f4d7d601bd"


@pytest.mark.parametrize(
    ("given_", "count"),
    [(0, 0), (0.0, 0), (-0.0, 0), (1, 1), (229, 229), (0.1, 23), (0.5, 115), (np.int64(7), 7), (np.float32(0.1), 23)],
)
def test_a_number_or_a_share(given_, count):
    found = samples_of(given_, 230)
    assert (found, type(found)) == (count, int)


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        (True, "validation is True; it must be a number of samples, 1 or more, a share of them below 1, or 0 for none"),
        ("0.1", "validation is '0.1'; it must be"),
        (None, "validation is None; it must be"),
        (-1, "validation is -1; it must be"),
        (-0.1, "validation is -0.1; it must be"),
        (float("nan"), "validation is nan; it must be"),
        (float("inf"), "validation is inf; it must be"),
        (1.0, "validation is 1.0; it must be a number of samples, 1 or more, written without a point"),
        (6000.0, "written without a point"),
        (1.5, "validation is 1.5; it must be a number of samples, 1 or more, a share of them below 1"),
        (230, "validation is 230, and of 230 training samples none would be left to train on; give less"),
        (10**40, "none would be left"),
        (0.999, "validation is 0.999, and of 230 training samples none would be left"),
        (0.001, "validation is 0.001, which is less than one of 230 samples; give more"),
    ],
)  # fmt: skip
def test_what_is_neither_is_refused(given_, told):
    with pytest.raises(ConfigError) as found:
        samples_of(given_, 230)
    assert told in str(found.value)


@pytest.mark.parametrize("count", [230, -1, 1.5, True])
def test_a_split_that_leaves_nothing_is_refused(count, small):
    with pytest.raises(ConfigError):
        held_out(small.train.targets, count, 0)
    with pytest.raises(ConfigError):
        small.held_out(count)


def test_fewer_samples_than_classes_leave_some_without():
    labels = np.repeat(np.arange(10), 5)
    assert np.bincount(labels[held_out(labels, 3, 0)], minlength=10).tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]


def test_both_parts_keep_the_order_of_the_files(small):
    cut = small.held_out(30, seed=4)
    held = held_out(small.train.targets, 30, 4)
    for part, numbers in ((cut.validation, np.flatnonzero(held)), (cut.train, np.flatnonzero(~held))):
        np.testing.assert_array_equal(part.features, np.stack([small.train.features[number] for number in numbers]))
        np.testing.assert_array_equal(part.targets, [small.train.targets[number] for number in numbers])
        assert not part.features.flags.writeable
        assert not part.targets.flags.writeable
    assert (len(cut.train.targets), len(cut.validation.targets)) == (200, 30)
    assert cut.test is small.test
    assert small.validation is None
    assert small.held_out(0) is small
    with pytest.raises(ConfigError, match="already"):
        cut.held_out(10)


def test_one_copy_for_all_runs_and_threads(small, monkeypatch):
    made = []
    plain = datasets.compact
    monkeypatch.setattr(datasets, "compact", lambda images, scale: made.append(len(images)) or plain(images, scale))
    found, start = [], threading.Barrier(8)

    def ask():
        start.wait()
        cut = small.held_out(0.1)
        found.append((cut, cut.train.compact, cut.validation.compact))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({tuple(map(id, one)) for one in found}) == 1
    assert sorted(made) == [23, 207]
    assert small.held_out(23) is found[0][0]
    assert small.held_out(23, seed=1) is not found[0][0]
