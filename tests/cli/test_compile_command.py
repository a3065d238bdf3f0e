"""`ravine compile`, and that whatever waits for the compiler says so once."""

from __future__ import annotations

import logging
import re
import sys

import platformdirs
import pytest

import ravine
from ravine.cli.main import run
from ravine.engines.fused import cache, compilation

SMALL = ["--dataset", "small", "--layers", "64,12,10", "-m", "50", "--epochs", "1"]
MINE = """
from ravine import rule

@rule(inert=True)
def mine(g, *, lr=0.1):
    '''Mine: plain steps, with a number of its own.'''
    return {number} * lr * g
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Return a rule that was never compiled, in a cache of its own that has what all rules share."""
    for part in ("network", "rows"):
        compilation.compile_common("float32", part)
    shared = [compilation._network("float32"), compilation._rows("float32")]
    contents = {name: (cache._root() / name).read_bytes() for name in shared}
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "cache")
    for name, content in contents.items():
        (cache._root() / name).write_bytes(content)
    file = tmp_path / "mine.py"
    file.write_text(MINE.format(number=hash(tmp_path) % 1000 + 2), encoding="utf-8")
    return f"{file}:mine"


def kept():
    return [path.name for path in cache._root().iterdir() if path.name.startswith("mine-") and path.suffix != ".lock"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the place of the cache is set by XDG_CACHE_HOME")
def test_what_is_named_is_compiled_and_left_alone_the_next_time(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert run(["compile", "sgd", "lion"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(r"2 kernels in the cache after [\d.]+ (seconds?|minutes?)\.\n", out)
    first, *lines = err.splitlines()
    assert first == "ravine: looking for 2 kernels, compiling those that are not in the cache"
    assert {line.split(": ")[1] for line in lines} == {
        "sgd in float32 is in the cache",
        "lion in float32 is in the cache",
    }
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "ravine" / "kernels").iterdir()}
    assert sorted({path.name.split("-")[0] for path in files}) == ["lion", "network", "rows", "sgd"]
    assert run(["compile", "sgd", "lion", "lion", "muon", "--quiet"]) == 0  # muon has the gradients of sgd
    out, err = capsys.readouterr()
    assert out.startswith("2 kernels in the cache after ")
    assert err == ""
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "ravine" / "kernels").iterdir()} == files


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 3, "name the optimizers to compile, or ask for --all"),
        (["adma"], 3, "unknown optimizer 'adma'; did you mean 'adam'"),
        (["sgd", "--dtype", "float16"], 3, "unknown dtype of the fused engine 'float16'"),
        (["sgd", "--jobs", "0"], 2, "0 is not in the range"),
        (["missing.py:rule"], 3, "missing.py"),
    ],
)
def test_what_cannot_be_compiled_is_told(arguments, code, words, capsys):
    assert run(["compile", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err


def test_where_nothing_can_be_kept_that_is_an_error(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "file" / name)
    assert run(["compile", "sgd"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "cannot write compiled kernels to" in err
    assert err.endswith(": make this folder writable, or set XDG_CACHE_HOME to another.\n")
    assert err.count("\n") == 1


def test_a_command_that_waits_says_so_once(small, mine, capsys):
    for seed, expected in (
        ("0", ["ravine: compiling mine in float32 for this processor, once; about 1 second"]),
        ("1", []),
    ):
        assert run(["train", *SMALL, "--optimizer", mine, "--seed", seed]) == 0
        err = capsys.readouterr().err.splitlines()
        assert [line for line in err if "compiling" in line] == expected
    assert len(kept()) == 1


def test_quiet_is_quiet(small, mine, capsys):
    assert run(["train", *SMALL, "--optimizer", mine, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert len(kept()) == 1


def test_python_is_told_through_the_logger(small, mine, monkeypatch):
    told = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: told.append((record.levelname, record.getMessage())))
    monkeypatch.setattr(logging.getLogger("ravine"), "handlers", [handler])
    for seed in (0, 1):
        ravine.train(dataset="small", layers=(64, 12, 10), batch_size=50, epochs=1, optimizer=mine, seed=seed)
    assert told == [("WARNING", "compiling mine in float32 for this processor, once; about 1 second")]
