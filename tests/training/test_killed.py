"""Killed with SIGKILL at any write, or at any moment, a run goes on bit for bit as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ravine.storage.store import RunStore
from ravine.training import train
from training_cases import assert_same_run, small_run, train_small, without_times

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("killed_run.py")


@pytest.fixture
def small(arrays):
    return arrays


def killed_run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_killed_at_every_write(small, tmp_path):
    undisturbed = train_small(small, tmp_path / "undisturbed")
    writes = int(killed_run(tmp_path / "counted", 0).stdout)
    assert writes >= 3 * 8  # eight files, each opened, flushed and renamed
    for number in range(1, writes + 1):
        root = tmp_path / f"write {number}"
        assert killed_run(root, number).returncode == -signal.SIGKILL
        store = RunStore(root)
        finished = store.load(small_run().id)
        if finished is None:
            finished = train(small_run(), small, store).stored
            assert store.unfinished() == ([], {})
        assert_same_run(finished, undisturbed)
        assert store.ids() == [small_run().id]


LAYERS = "784,300,100,100,10"
SETTINGS = ["train", "--layers", LAYERS, "--epochs", "4", "-m", "20", "--json"]


def start(environment: dict[str, str], *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ravine", *SETTINGS, *more]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors


def only_run(root: Path):
    store = RunStore(root)
    (run,) = store.ids()
    return store.load(run)


def test_killed_at_any_moment_on_mnist(mnist_environment, tmp_path, request):
    kills = request.config.getoption("--kills")
    undisturbed = {**mnist_environment, "RAVINE_HOME": str(tmp_path / "undisturbed")}
    finish(start(undisturbed))  # compiles, if need be, so that the time below is that of the run alone
    began = time.perf_counter()
    finish(start(undisturbed, "--fresh"))
    whole = time.perf_counter() - began
    wanted = only_run(tmp_path / "undisturbed")
    for kill in range(kills):
        root = tmp_path / f"kill {kill}"
        environment = {**mnist_environment, "RAVINE_HOME": str(root)}
        process = start(environment)
        # Multiples of the golden ratio spread over the run's length as evenly as any number of points can.
        time.sleep(whole * ((0.2 + kill * 0.618034) % 1))
        process.kill()
        process.communicate(timeout=60)
        finish(start(environment))
        found = only_run(root)
        assert found.weights().tobytes() == wanted.weights().tobytes()
        assert without_times(found.result) == without_times(wanted.result)
        assert [path.name for path in root.iterdir() if not path.name.startswith(".")] == [found.result.id]
