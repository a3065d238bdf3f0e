"""Bad input gets one clear sentence on stderr and the right exit code, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from command_cases import SMALL

from ravine.cli.main import run
from ravine.data import sources
from ravine.errors import DownloadError

BAD_SETTINGS = [
    (["--lr", "-1"], "lr of sgd is -1; it must be a finite number in [0, inf)"),
    (["--lr", "nan"], "lr of sgd is nan"),
    (["--lr", "inf"], "lr of sgd is inf"),
    (["-m", "0"], "batch size is 0"),
    (["-m", "-5"], "batch size is -5"),
    (["-m", "231"], "batch size is 231; it must be at most 230"),
    (["--epochs", "0"], "epochs is 0"),
    (["--seed", "-1"], "seed is -1"),
    (["--seed", str(2**64)], f"seed is {2**64}"),
    (["--warmup", "-1"], "warmup is -1"),
    (["--largest-batch", "50"], "constant schedule never lowers the rate"),
    (["--per-layer", "lr=1,2,3"], "3 factors of lr"),
    (["--per-layer", "rl=1,1,1,1"], "did you mean 'lr'"),
    (["--layers", "784,10"], "layers 784,10 do not fit small: the first must be 64"),
    (["--layers", "64,9"], "the last 10"),
    (["--layers", "64,0,10"], "do not make a network"),
    (["--layers", "64"], "do not make a network"),
    (["--optimizer", "adma"], "unknown optimizer 'adma'; did you mean 'adam'?"),
    (["--activation", "rleu"], "did you mean 'relu'?"),
    (["--softmax", "shift"], "did you mean 'shifted'?"),
    (["--label-smoothing", "1"], "label_smoothing is 1.0; it must be a number from 0 to below 1, such as 0.1"),
    (["--label-smoothing", "nan"], "label_smoothing is nan; it must be a number"),
    (["--label-smoothing", "-0.1"], "label_smoothing is -0.1; it must be a number"),
    (["--label-smoothing", "0.1", "--softmax", "naive"], "0.1, and the naive softmax takes none: leave one of the two"),
    (["--label-smoothing", "0.1", "--loss", "huber"], "0.1, and the loss huber takes each output by itself: leave it"),
    (["--label-smoothing", "0.1", "--loss", "logistic"], "give targets such as 0.05 and 0.95 in place of 0 and 1"),
    (["--init", "he"], "unknown initializer 'he'"),
    (["--dataset", "smal"], "did you mean 'small'?"),
    (["--engine", "fuse"], "did you mean 'fused'?"),
    (["--dtype", "float46"], "did you mean 'float64'?"),
    (["--schedule", "cosin"], "did you mean 'cosine'?"),
    (["--schedule", "linear"], "the linear schedule needs a value for final_lr: give one, for example final_lr=0.1"),
    (["--final-lr", "-1"], "final_lr of the linear schedule is -1; it must be a finite number in [0, inf)"),
    (["--final-lr", "nan"], "final_lr of the linear schedule is nan"),
    (["--schedule", "step", "--set", "decay_factor=inf"], "decay_factor of the step schedule is inf"),
    (["--schedule", "exponential", "--set", "decay_factor=1e300"], "gives a learning rate of 1e+299 at epoch 1 of"),
    (
        ["--set", "decay_every=2"],
        "decay_every is a setting of the step schedule, and the constant schedule takes no settings: give",
    ),
    (
        ["--schedule", "step", "--final-lr", "0.1"],
        "final_lr is given, and the step schedule takes decay_factor, decay_e",
    ),
    (["--set", "alpha=0.5"], "sgd has no alpha; momentum, nesterov, nesterov_buffered and others have it"),
    (["--set", "lr=0.5"], "lr is given with --set; give it with its own option, --lr"),
    (["--set", "batch_size=5"], "give it with its own option, --batch-size"),
    (["--optimizer", "momentum", "--set", "alhpa=0.5"], "did you mean 'alpha'?"),
    (["--optimizer", "momentum", "--set", "alpha=1.5"], "alpha of momentum is 1.5"),
    (["--optimizer", "momentum", "--set", "alpha=true"], "alpha of momentum is true; it must be a number in [0, 1)"),
    (["--optimizer", "lbfgs", "--set", "memory=false"], "memory of lbfgs is false; it must be a whole number in"),
    (["--schedule", "step", "--set", "decay_every=TRUE"], "decay_every of the step schedule is true; it must be a "),
    (["--optimizer", "momentum", "--set", "alpha=nan"], "alpha of momentum is nan"),
    (["--data-dir", "nowhere"], "--data-dir=nowhere is not a folder"),
]
BAD_USAGE = [
    (["--lr", "fast"], "--lr"),
    (["--epochs", "1.5"], "--epochs"),
    (["--layers", "64,,10"], "is not a list of whole numbers"),
    (["--layers", "big"], "is not a list of whole numbers"),
    (["--layers", ""], "is not a list of whole numbers"),
    (["--set", "alpha"], "'alpha' is not NAME=VALUE, with a number, true or false, for example alpha=0.5"),
    (["--set", "alpha=high"], "'alpha=high' is not NAME=VALUE"),
    (["--set", "=0.5"], "'=0.5' is not NAME=VALUE"),
    (["--learning-rate", "0.1"], "--learning-rate"),
    (["--lr"], "--lr"),
    (["now"], "now"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_SETTINGS)
def test_bad_settings_end_with_3(small, capsys, runs, arguments, words):
    assert run(["train", *SMALL, *arguments]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ravine: ")
    assert words in err
    assert err.count("\n") == 1
    assert not runs.exists()


@pytest.mark.parametrize(("arguments", "words"), BAD_USAGE)
def test_bad_usage_ends_with_2(small, capsys, runs, arguments, words):
    assert run(["train", *SMALL, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err.splitlines()[-1]
    assert err.count("Error: ") == 1
    assert not runs.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "unknown command 'trian'; did you mean 'train'?"),
        (["runs", "shwo"], "shwo"),
        (["--sede", "3"], "--sede"),
        (["runs", "show"], "RUN"),
        (["predict"], "RUN"),
    ],
)
def test_bad_commands_end_with_2(capsys, arguments, words):
    assert run(arguments) == 2
    assert words in capsys.readouterr().err


def test_no_source_of_data_ends_with_4(small, capsys, monkeypatch):
    def nowhere(info, data_dir, *, quiet):
        raise DownloadError("No source has a good copy of small.")

    monkeypatch.setattr(sources, "obtain", nowhere)
    assert run(["train", *SMALL]) == 4
    assert capsys.readouterr().err == "ravine: No source has a good copy of small.\n"


def test_damaged_data_end_with_3(small, capsys, tmp_path, runs):
    labels = tmp_path / "files" / "small" / "train-labels-idx1-ubyte"
    content = bytearray(labels.read_bytes())
    content[100] ^= 1
    labels.write_bytes(content)
    assert run(["train", *SMALL]) == 3
    err = capsys.readouterr().err
    assert str(labels) in err
    assert err.count("\n") == 1
    assert not runs.exists()


def test_a_full_disk_ends_with_3(small, capsys, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert run(["train", *SMALL, "--quiet"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "No space left on device" in err
    assert err.count("\n") == 1
    monkeypatch.undo()


def test_a_folder_that_cannot_be_written_ends_with_3(small, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert run(["train", *SMALL, "--out", str(tmp_path / "file")]) == 3
    err = capsys.readouterr().err
    assert f"cannot write {tmp_path / 'file'}" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage"])
@pytest.mark.parametrize("name", ["result.json", "environment.json", "weights.safetensors"])
def test_a_damaged_run_ends_with_3_and_can_be_trained_anew(small, capsys, runs, name, damage):
    assert run(["train", *SMALL]) == 0
    (folder,) = runs.iterdir()
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes({"missing": b"", "truncated": whole[:-9], "garbage": b"garbage"}[damage])
    if damage == "missing":
        path.unlink()
    capsys.readouterr()
    codes = [run(["train", *SMALL]), run(["predict", folder.name, "test:0"])]
    out, err = capsys.readouterr()
    assert codes == [3, 3]
    assert "ravine: " in err
    assert "\nravine: " not in out
    assert run(["train", *SMALL, "--fresh", "--quiet"]) == 0
    assert run(["predict", folder.name, "test:0"]) == 0


def test_a_damaged_checkpoint_ends_with_3_and_says_what_to_do(small, capsys, runs):
    from ravine.spec import RunSpec, resolve

    spec = RunSpec(dataset="small", layers=(64, 12, 10), batch_size=20, epochs=3, engine="reference")
    folder = runs / f"{resolve(spec).id}.partial"
    folder.mkdir(parents=True)
    (folder / "checkpoint.safetensors").write_bytes(b"garbage")
    assert run(["train", *SMALL]) == 3
    err = capsys.readouterr().err
    assert "Delete its folder, or train the run with --fresh" in err
    assert err.count("\n") == 1
    assert run(["train", *SMALL, "--fresh"]) == 0


def test_a_reader_that_went_away_gets_no_traceback():
    command = f"{sys.executable} -m ravine optimizers | true"
    process = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert process.stderr == ""
