"""Values of a wrong kind from Python, and damaged files: one documented error that says what came."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import ravine
from ravine.cli.main import run
from ravine.data import load
from ravine.errors import ConfigError, DataError, RavineError
from ravine.inputs import convert, path_of, plain
from ravine.storage.files import check_writable, no_empty_folders
from ravine.studies import load_study
from ravine.studies.study import with_seeds

SMALL = {"dataset": "small", "layers": (64, 5, 10), "batch_size": 20, "epochs": 1, "engine": "reference"}
WEIGHTS = 64 * 5 + 5 * 10
LONG = "q" * 2999


def refused(call, *words):
    """Return the one line with which a call is refused, which has these words and comes without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RavineError) as caught:
            call()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 700
    for word in words:
        assert word in message
    return caught.value


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"initial_weights": np.where(np.arange(WEIGHTS) == 9, np.nan, 0)}, ["initial_weights has nan at index 9"]),
        ({"initial_weights": np.full(WEIGHTS, 1e200)}, ["1e+200 at index 0", "finite in float32"]),
        ({"initial_weights": [0, [1, 2]]}, ["initial_weights is not an array of numbers"]),
        ({"order": np.array([3, math.nan])}, ["order has dtype float64", "whole numbers"]),
        ({"order": [[1], [2, 3]]}, ["order is not an array"]),
        ({"layers": (64, 2 * 10**9, 10)}, ["layers 64,2000000000,10 make 1.48e+11 weights", "memory"]),
        ({"layers": (64, 10**40, 10)}, ["layers has a layer of 1000", "at most 2,147,483,647"]),
        ({"watcher": print}, ["watcher is <built-in function print>", "note, progress and epoch"]),
        ({"quiet": 3}, ["quiet is 3; it must be true or false"]),
        ({"fresh": np.zeros(2)}, ["fresh is [0.0, 0.0]; it must be true or false"]),
        ({"activation": object()}, ["<object object>", "no activation"]),
        ({"dtype": LONG}, ["unknown dtype", "qqq..."]),
        ({"batch_size": "\udc80"}, ["there is a text", "no Unicode"]),
        ({"out": LONG}, ["out is 'qqq", "File name too long"]),
        ({"data_dir": "a\0b"}, ["data_dir is 'a", "null byte"]),
    ],
)
def test_train_refuses_odd_values(small, runs, settings, words):
    refused(lambda: ravine.train(**{**SMALL, **settings}), *words)
    assert not runs.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"steps": 10**7}, ["steps is 10000000; it must be at least 1, and at most 1000000"]),
        ({"steps": {8}}, ["steps is {8}; it must be a whole number"]),
        ({"lr": "fast"}, ["lr is 'fast'; it must be a number"]),
        ({"start": 4}, ["start is 4; it must be a list"]),
        ({"start": (1, 2, 3)}, ["start is (1, 2, 3); it must be a list of 2"]),
        ({"surface": {}}, ["{} is no surface: give a name"]),
        ({"optimizers": "sgd"}, ["optimizers is 'sgd'; it must be a list"]),
        ({"optimizers": []}, ["optimizers is []"]),
        ({"optimizers": [None]}, ["None is no optimizer"]),
    ],
)
def test_draw_paths_refuses_odd_values(arguments, words):
    refused(lambda: ravine.draw_paths(**arguments), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"spec": None}, ["spec is None; it must be a ravine.RunSpec"]),
        ({"h": "small"}, ["h is 'small'; it must be a number"]),
        ({"epochs": [1]}, ["epochs is [1]; it must be a whole number"]),
        ({"weights": "all"}, ["weights is 'all'"]),
        ({"digits": {}}, ["digits is {}"]),
        ({"samples": 3}, ["samples is 3; it must be a list"]),
        ({"methods": [1]}, ["methods[0] is 1; it must be text"]),
    ],
)
def test_gradcheck_refuses_odd_values(small, arguments, words):
    spec = ravine.RunSpec(**SMALL)
    refused(lambda: ravine.check_network_gradient(**{"spec": spec, "epochs": 0, **arguments}), *words)


@pytest.mark.parametrize("given", [None, 5, b"seven.png", ["seven.png"], "seven\0.png", LONG])
def test_a_picture_is_named_by_a_path(given):
    refused(lambda: ravine.read_picture(given), "the picture is ")
    refused(lambda: ravine.read_picture("seven.png", {}), "unknown data set '{}'")


def test_predict_refuses_what_is_no_array(small):
    trained = ravine.train(**SMALL)
    refused(lambda: trained.predict([[1], [2, 3]]), "images are no array of numbers")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("environment.json", b'{"values": {"python": "\xf7"}}'),
        ("result.json", b"\xff\xff"),
        ("weights.safetensors", None),
        ("environment.json", None),
    ],
)
def test_a_damaged_run_is_told(small, runs, name, content):
    trained = ravine.train(**SMALL)
    path = trained.folder / name
    path.unlink()
    path.mkdir() if content is None else path.write_bytes(content)
    error = refused(lambda: ravine.load_run(trained.id).weights, "is damaged", name, "--fresh")
    assert isinstance(error, DataError)


@pytest.mark.parametrize(
    "arguments",
    [
        ["runs", "show", LONG],
        ["runs", "list", "--out", LONG],
        ["predict", LONG, "seven.png"],
        ["predict", "abc", "seven.png", "--out", LONG],
        ["train", "--out", LONG],
        ["train", "--data-dir", LONG],
        ["datasets", "--data-dir", LONG],
        ["study", "status", LONG],
        ["study", "run", "paper", "--seeds", str(10**24), "--dry-run"],
        ["reproduce", "--seeds", str(10**24)],
        ["optimizers", LONG],
        ["optimizers", f"{LONG}.py:x"],
        ["optimizers", "~nobody-of-this-name/x.py"],
        ["train", "--data-dir", "~nobody-of-this-name/x"],
        ["predict", "abc", f"{LONG}/x:0"],
        ["paths", "sgd", "--steps", "2", "--out", f"{LONG}.svg"],
        ["paths", "sgd", "--steps", "2", "--out", f"{LONG}/x.svg"],
        ["paths", "sgd", "--surface", f"{LONG}.py"],
        ["gradcheck", "--run", LONG],
        ["study", "run", f"{LONG}/x.toml"],
        ["study", "report", "batch-size", "--out", LONG],
        ["check-optimizer", f"{LONG}/x.py"],
        ["check-optimizer", "sgd", "--stage", f"{LONG}.py:x"],
        ["compile", f"{LONG}.py"],
        ["reproduce", "--out", LONG],
        ["reproduce", "--runs", f"{LONG}/x"],
        ["reproduce", "--data-dir", LONG],
        ["runs", "convert", "--out", LONG],
    ],
)
def test_what_the_system_refuses_is_told_in_one_line(capsys, arguments):
    assert run(arguments) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ravine: ")
    assert err.count("\n") == 1
    assert len(err) < 700


@pytest.mark.parametrize(
    "arguments",
    [
        ["paths", "sgd", "--steps", "2", "--out", "FILE/x.svg"],
        ["paths", "sgd", "--surface", "FILE/x.py"],
        ["gradcheck", "--run", "FILE/x"],
        ["predict", "FILE/x", "test:0"],
        ["study", "run", "FILE/x.toml"],
        ["study", "status", "FILE/x.toml"],
        ["check-optimizer", "FILE/x.py:x"],
        ["compile", "FILE/x.py"],
        ["train", "--out", "FILE/x", "--epochs", "1"],
        ["train", "--data-dir", "FILE/x"],
        ["reproduce", "--out", "FILE/x"],
        ["reproduce", "--runs", "FILE"],
        ["runs", "show", "FILE/x"],
    ],
)
def test_a_file_where_a_folder_should_be_is_told_in_one_line(capsys, tmp_path, arguments):
    (tmp_path / "file").write_text("in the way")
    assert run([word.replace("FILE", str(tmp_path / "file")) for word in arguments]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ravine: ")
    assert err.count("\n") == 1


CALLS = {
    "load_run": ravine.load_run,
    "load_run from a folder": lambda path: ravine.load_run("abc", path),
    "read_picture": ravine.read_picture,
    "load_study": load_study,
    "load": lambda path: load("mnist", path),
    "optimizer": lambda path: ravine.check_optimizer(f"{path}.py:x"),
    "stage": lambda path: ravine.check_optimizer("sgd", stages=[f"{path}.py"]),
    "schedule": lambda path: ravine.check_schedule(f"{path}.py"),
    "surface": lambda path: ravine.draw_paths(["sgd"], surface=f"{path}.py:x"),
    "optimizer of a path": lambda path: ravine.draw_paths([f"{path}.py:x,lr=0.1"]),
    "out": lambda path: ravine.train(**SMALL, out=path),
    "data_dir": lambda path: ravine.train(**SMALL, data_dir=path),
    "reproduce": lambda path: ravine.reproduce(out=path),
    "run of a check": lambda path: ravine.check_network_gradient(ravine.RunSpec(**SMALL), run=path),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("path", [LONG, f"{LONG}/x", "a\0b", "FILE/x", "~nobody-of-this-name/x\0"])
def test_python_is_told_of_a_path_that_is_none(small, tmp_path, call, path):
    (tmp_path / "file").write_text("in the way")
    refused(lambda: CALLS[call](path.replace("FILE", str(tmp_path / "file"))))


def test_a_long_word_on_a_malformed_line_is_cut(capsys):
    assert run(["train", LONG]) == 2
    err = capsys.readouterr().err
    assert "qqq..." in err
    assert len(err) < 700


def test_a_study_has_a_sensible_count_of_seeds():
    assert with_seeds(load_study("batch-size"), 3).seeds == [0, 1, 2]
    for count in (0, 10_001, 10**24, "many"):
        with pytest.raises(ConfigError, match="seeds is "):
            with_seeds(load_study("batch-size"), count)


def test_a_run_of_many_short_epochs_ends(small):
    # Each epoch is over sooner than the clock of the chunks expects, hundreds of times.
    order = np.arange(5)
    assert len(ravine.train(**{**SMALL, "batch_size": 5, "epochs": 400}, order=order).history) == 400


def test_folders_that_were_made_in_vain_are_removed(tmp_path):
    new = tmp_path / "new" / "newer"
    check_writable(new)
    assert not (tmp_path / "new").exists()
    with no_empty_folders(new):
        new.mkdir(parents=True)
    assert not (tmp_path / "new").exists()
    with no_empty_folders(new):
        new.mkdir(parents=True)
        (tmp_path / "new" / "file").write_text("kept")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
    with no_empty_folders(tmp_path):
        pass
    assert tmp_path.exists()


def test_a_folder_of_runs_is_not_made_for_a_run_that_does_not_begin(small, runs, monkeypatch):
    def stop(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("ravine.training.loop._Trainer.compile", stop)
    with pytest.raises(KeyboardInterrupt):
        ravine.train(**SMALL, out=runs / "deep")
    assert not runs.exists()


def test_values_that_have_no_end():
    endless: list[object] = []
    endless.append(endless)
    refused(lambda: plain({"layers": endless}), "holds itself")
    refused(lambda: convert(1 << 20_000, float, "lr"), "lr is a value of type int")
    assert plain(range(3)) == [0, 1, 2]


def test_path_of_takes_what_may_not_exist(tmp_path):
    assert path_of("out", str(tmp_path / "new")) == tmp_path / "new"
    assert path_of("out", None) is None
