"""`benchmarks.sparse` on little data: what is drawn, that ravine trains on it as NumPy does, and a row of the table."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ravine.networks import Network, gradient

ROOT = Path(__file__).parents[1]


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module


@pytest.fixture
def problem(benchmark):
    return benchmark("benchmarks.sparse.problem").draw(columns=30, samples=40, nonzeros=5)


def dense(problem):
    x = np.zeros((len(problem.labels), len(problem.first)), np.float32)
    np.put_along_axis(x, problem.columns, problem.values, axis=1)
    return x


def test_columns_do_not_repeat_within_a_sample_and_follow_zipfs_law(benchmark):
    draw = benchmark("benchmarks.sparse.problem").draw
    problem = draw(columns=1000, samples=2000, nonzeros=3)
    assert (np.diff(problem.columns) > 0).all()
    often = np.sort(np.bincount(problem.columns.ravel(), minlength=1000))[::-1]
    # With three draws a sample repeats are few, so that the shares are nearly 1 / k.
    assert often[0] / often[9] == pytest.approx(10, rel=0.35)
    assert often[:10].sum() / often.sum() == pytest.approx(
        (1 / np.arange(1, 11)).sum() / (1 / np.arange(1, 1001)).sum(), rel=0.1
    )
    again = draw(columns=1000, samples=2000, nonzeros=3)
    assert all(np.array_equal(getattr(problem, name), getattr(again, name)) for name in vars(problem))


@pytest.mark.parametrize("batch_size", [1, 8])
def test_ravine_trains_as_numpy_does(benchmark, problem, batch_size):
    peers, ours = benchmark("benchmarks.sparse.peers"), benchmark("benchmarks.sparse.peers.ravine")
    x, network = dense(problem), Network((30, 64, 10))
    w, losses = np.concatenate([problem.first.ravel(), problem.second.ravel()]).astype(float), []
    for batch in problem.order.reshape(-1, batch_size):
        loss, g = gradient(network, w, x[batch].astype(float), problem.labels[batch])
        losses.extend(loss)
        w = w - peers.LR["sgd"] * g
    train = ours.fused(peers.Task("sgd", batch_size, 1, problem))
    assert train(problem.order) == pytest.approx(np.mean(losses), rel=1e-4)


def test_a_row_of_the_table():
    words = "--columns 300 --optimizers momentum --batch-sizes 10 --peers ravine --samples 400 --repeats 1 --json"
    command = [sys.executable, "-m", "benchmarks.sparse", *words.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (row,) = json.loads(done.stdout)["rows"]
    assert row["left_out"] == {}
    assert row["bytes"] == 4 * 2 * (300 * 64 + 64 * 10) + 400 * 100 * (4 + 4) + 400
    assert row["floor"]["microseconds"] > 0
    assert row["peers"]["ravine"]["samples"] == 400
    assert row["peers"]["ravine"]["one_core"] > 0
