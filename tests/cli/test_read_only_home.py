"""A home and a cache that cannot be written: each thing that is not kept is told in one sentence, and all works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import ravine

PROGRAM = str(Path(__file__).parents[1] / "studies" / "small_ravine.py")
NETWORK = ["--dataset", "small", "--layers", "64,10", "-m", "20", "--epochs", "1"]
KERNELS = "cannot write compiled kernels to"
FONTS = "matplotlib cannot keep its list of fonts"


@pytest.fixture
def stored(small) -> str:
    return ravine.train(dataset="small", layers=(64, 10), batch_size=20, epochs=1, engine="reference").id


@pytest.fixture
def environment(small, tmp_path) -> dict[str, str]:
    """Return an environment in which no folder of the user's can be made, and warnings of Python are errors."""
    (tmp_path / "file").write_text("a file where the folder should be")
    place = str(tmp_path / "file")
    kept = {name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "COLUMNS")}
    folders = {"HOME": place, "XDG_CACHE_HOME": place, "XDG_CONFIG_HOME": place, "XDG_DATA_HOME": place}
    return {**kept, **folders, "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize(
    ("arguments", "told", "code"),
    [
        pytest.param(["train", *NETWORK], [KERNELS, "compiling sgd"], 0, marks=pytest.mark.slow),
        (["train", *NETWORK, "--engine", "reference", "--seed", "1"], [], 0),
        (["predict", "RUN", "test:0"], [], 0),
        (["runs", "show", "RUN"], [], 0),
        (["datasets"], [], 0),
        (["optimizers"], [], 0),
        (["gradcheck", "--run", "RUN", "--digits", "0", "--figures", "drawn"], [FONTS], 0),
        (["paths", "sgd", "--steps", "3", "--out", "p.png"], [FONTS], 0),
        (["compile", "sgd"], [KERNELS], 3),
        (["compile", "sgd", "--quiet"], [KERNELS], 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_not_kept_is_told_in_one_sentence(stored, environment, tmp_path, arguments, told, code):
    words = [word.replace("RUN", stored) for word in arguments]
    command = [sys.executable, PROGRAM, "0", *words]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert ended.returncode == code, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("epoch ")]
    assert len(lines) == len(told), ended.stderr
    for line, beginning in zip(lines, told, strict=True):
        assert line.startswith(f"ravine: {beginning}")
    assert (tmp_path / "file").read_text() == "a file where the folder should be"


def test_python_is_told_too(environment, tmp_path):
    code = "import logging, ravine; ravine.draw_paths(['sgd'], steps=3); print(logging.getLogger('matplotlib').level)"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert (ended.returncode, ended.stdout) == (0, "0\n")
    assert ended.stderr.startswith(FONTS)
    assert ended.stderr.count("\n") == 1
