"""Signals sent to a real process that trains on MNIST."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest
from command_cases import MNIST, ravine

EPOCHS = 15
TRAIN = [*MNIST, "-m", "1", "--epochs", str(EPOCHS), "--json"]


def wait_for_epoch(process, epoch: int) -> None:
    """Return when the line of an epoch was printed."""
    for line in process.stderr:
        if re.match(rf"epoch +{epoch}/", line):
            return
    raise AssertionError("the process ended early")


def weights(root) -> bytes:
    (path,) = root.glob("*/weights.safetensors")
    return path.read_bytes()


def bare(document: dict) -> dict:
    """Return a result without its times."""
    records = [{key: value for key, value in r.items() if key != "seconds"} for r in document["history"]]
    return {**document, "seconds": None, "history": records}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Train once with nobody interfering; return the document and the bytes of the weights."""
    root = tmp_path_factory.mktemp("undisturbed")
    process = ravine({**os.environ, "RAVINE_HOME": str(root)}, *TRAIN)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return json.loads(out), weights(root)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_and_gone_on_with(mnist_environment, undisturbed, tmp_path, number, code):
    process = ravine(mnist_environment, *TRAIN)
    wait_for_epoch(process, 1)
    time.sleep(0.1)  # into the second epoch
    sent = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - sent < 2
    assert process.returncode == code
    document = json.loads(out)
    assert document["status"] == "interrupted"
    assert 1 <= len(document["history"]) < EPOCHS
    assert "interrupted; the same command goes on from here" in err
    assert "Traceback" not in err
    assert not list((tmp_path / "runs").glob("*/result.json"))

    process = ravine(mnist_environment, *TRAIN)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0
    assert "goes on in epoch" in err
    assert bare(json.loads(out)) == bare(undisturbed[0])
    assert weights(tmp_path / "runs") == undisturbed[1]
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_a_second_process_is_told_clearly(mnist_environment, tmp_path):
    arguments = [*MNIST, "-m", "1", "--epochs", "200"]
    with ravine(mnist_environment, *arguments) as first:
        try:
            wait_for_epoch(first, 1)
            second = ravine(mnist_environment, *arguments)
            out, err = second.communicate(timeout=60)
        finally:
            first.send_signal(signal.SIGINT)
        first.communicate(timeout=20)
    assert first.returncode == 130
    assert second.returncode == 3
    assert out == ""
    assert err.count("\n") == 1
    assert "is being trained by another process" in err


def test_ctrl_c_before_training_has_begun(mnist_environment):
    process = ravine(mnist_environment, *TRAIN)
    time.sleep(0.15)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    # Python itself ends so while it is still starting.
    assert process.returncode in (130, -signal.SIGINT, 1)
    assert "ravine: interrupted." in err or process.returncode != 130
