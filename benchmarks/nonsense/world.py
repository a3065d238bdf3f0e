"""What a case may meet, new for each: small data under MNIST's name, stored runs, rules, studies, pictures."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ravine.data import catalog

TINY: dict[str, Any] = {
    "layers": (784, 4, 10),
    "epochs": 2,
    "batch_size": 20,
    "engine": "reference",
}
"""A run of milliseconds."""

RULE = '''"""A rule of a user's."""

import ravine


@ravine.rule(bounds={"beta": "[0, 1)"})
def mine(g, m, *, lr=0.01, beta=0.9, steps: int = 3, nesterov=False):
    """mine: as momentum."""
    m = beta * m + g
    return lr * (m + nesterov * g), m
'''

STUDY = """name = "rates"
title = "Rates and batches"
seeds = [0, 1]

[settings]
layers = [784, 4, 10]
epochs = 1
engine = "reference"
batch_size = 20

[[groups]]
name = "sgd"
grid = { lr = [0.1, 0.01] }

[[groups]]
name = "momentum"
settings = { optimizer = "momentum" }
rows = [
  { lr = 0.01, alpha = 0.5, label = "half" },
  { lr = 0.01, alpha = 0.9, published = { train_loss = nan, test_accuracy = 0.975 } },
]

[[figures]]
name = "balance"
rows = ["sgd:2", "momentum"]
measures = ["test_accuracy"]
"""


@dataclass(frozen=True)
class World:
    """Where everything lies: the original, and the place where each case finds its copy and works in `here`."""

    original: Path
    place: Path
    runs: tuple[str, ...]

    @property
    def here(self) -> Path:
        """Return the folder in which a case works; what it may write to above it is watched too."""
        return self.place / "one" / "here"

    def renew(self) -> None:
        """Give the next case a copy as it was."""
        os.chdir(self.original)
        for folder, _, _ in os.walk(self.place):
            Path(folder).chmod(0o700)
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.original / "one", self.place / "one", symlinks=True)
        os.chdir(self.here)


def build(folder: Path) -> World:
    """Make the world, and let this process see it."""
    _small_data(folder / "files" / "mnist")
    os.environ.update(RAVINE_DATA=str(folder / "files"), RAVINE_HOME="runs")
    here = folder / "original" / "one" / "here"
    for name in ("rules", "studies", "pictures", "empty"):
        (here / name).mkdir(parents=True)
    (here / "rules" / "mine.py").write_text(RULE)
    (here / "rules" / "not_a_rule.py").write_text("answer = 42\n")
    (here / "studies" / "rates.toml").write_text(STUDY)
    (here / "notes.txt").write_bytes(b"no picture, no study, and \xff\xfe no UTF-8\n")
    (here / "nothing").write_bytes(b"")
    (here / "link").symlink_to("nowhere")
    _pictures(here / "pictures")
    shutil.copy(folder / "files" / "mnist" / "t10k-images-idx3-ubyte", here / "pictures" / "some.idx")
    _compile()
    return World(folder / "original", folder / "place", _runs(here / "runs"))


def _small_data(folder: Path) -> None:
    """Write data that look like MNIST's, and put them into the table in its place; nothing else can be found."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    prototypes = rng.integers(0, 256, (10, 28, 28)) * (rng.random((10, 28, 28)) < 0.2)
    sha256 = {}
    counts = {"train": 300, "t10k": 60}
    for half, count in counts.items():
        labels = rng.integers(0, 10, count)
        images = prototypes[labels] * (rng.random((count, 28, 28)) < 0.8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            content = head + array.astype(np.uint8).tobytes()
            (folder / f"{half}-{kind}-ubyte").write_bytes(content)
            sha256[f"{half}-{kind}-ubyte"] = hashlib.sha256(content).hexdigest()
    table: dict[str, Any] = catalog.DATASETS  # type: ignore[assignment]
    for name, info in table.items():
        table[name] = replace(info, mirrors=(), npm_package=None, system_folder=None)
    table["mnist"] = replace(table["mnist"], sha256=sha256, train_count=counts["train"])


def _compile() -> None:
    """Compile what the cases use, since a case that stops Numba in its first compilation breaks it for later cases."""
    import ravine

    with tempfile.TemporaryDirectory() as out:
        for dtype in ("float32", "float64"):
            for optimizer in ("sgd", "muon"):
                ravine.train(out=out, optimizer=optimizer, **{**TINY, "engine": "fused", "dtype": dtype})


def _pictures(folder: Path) -> None:
    page = Image.new("RGB", (60, 80), "white")
    ImageDraw.Draw(page).line([(15, 15), (45, 15), (25, 65)], fill="navy", width=6)
    for name in ("seven.png", "seven.jpg", "seven.gif", "seven.tif"):
        page.save(folder / name)
    page.convert("L").resize((28, 28)).save(folder / "small.bmp")
    Image.new("RGB", (30, 30), "gray").save(folder / "plain.png")
    Image.new("RGB", (1, 1), "gray").save(folder / "point.png")
    (folder / "damaged.png").write_bytes((folder / "seven.png").read_bytes()[:200])


def _runs(folder: Path) -> tuple[str, ...]:
    """Store a run that is done, one that diverged, one of a user's rule, and one that was stopped."""
    import ravine

    stored = [
        ravine.train(out=folder, **TINY),
        ravine.train(out=folder, **{**TINY, "lr": 1e30}),
        ravine.train(out=folder, optimizer=str(folder.parent / "rules" / "mine.py"), bias=True, **TINY),
    ]

    class Stops:
        def note(self, text: str) -> None:
            pass

        def progress(self, epoch: int, share: float, loss: float) -> None:
            pass

        def epoch(self, record: object) -> None:
            signal.raise_signal(signal.SIGINT)

    try:
        ravine.train(out=folder, seed=7, watcher=Stops(), **TINY)
    except KeyboardInterrupt:
        return tuple(run.id for run in stored)
    raise AssertionError("the run was not stopped")


def damage(rng: random.Random, here: Path, text: str) -> str:
    """Damage a file of a folder that a case names, or of any, and say which and how."""
    named = [here / name for name in ("rules", "studies", "pictures", "runs") if name in text]
    files = sorted(path for path in rng.choice([*named, here]).rglob("*") if path.is_file() and path.name != "lock")
    if not files:
        return "there is no file left"
    path = rng.choice(files)
    how, change = rng.choice(sorted(_DAMAGES.items()))
    change(path, rng)
    return f"{path.relative_to(here)}: {how}"


_WORDS = (
    b"nan", b"-1", b"[]", b"null", b'""', b"1e999", b"\xff", b"\0", b"10**400", b"{}", b",", b"true", b"\n", b"0",
    b"inf", b"[[]]", b"{a = 1}", b'"sgd"', b'"adam"', b"[1, 2]", b"2024-01-01", b"99999999999999999999999", b"1.5",
    b"lr", b"name", b"'", b"None", b"g", b"m", b"1 / 0", b"import os", b'"\\udcff"', b"print", b"return", b"=",
    b":", b"# ", b'"paper"',
)  # fmt: skip


def _flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def _fold(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _piece(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    first, last = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    path.write_bytes(content[:first] + content[min(last, first + 40) :])


def _word(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    place = rng.randrange(len(content) + 1)
    path.write_bytes(content[:place] + rng.choice(_WORDS) + content[place + rng.choice([0, 1, 5]) :])


def _value(path: Path, rng: random.Random) -> None:
    """Put another value, or none, in the place of a number or a text."""
    content = path.read_bytes()
    found = list(re.finditer(rb"-?[0-9][0-9.e+-]*|\"[^\"\n]*\"|\w+", content))
    if found:
        first, last = rng.choice(found).span()
        path.write_bytes(content[:first] + rng.choice(_WORDS) + content[last:])


def _line(path: Path, rng: random.Random) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    if lines:
        place, other = rng.randrange(len(lines)), rng.choice(lines)
        path.write_bytes(
            b"".join([*lines[:place], *rng.choice([[], [other], [lines[place], other]]), *lines[place + 1 :]])
        )


_DAMAGES: dict[str, Callable[[Path, random.Random], object]] = {
    "a bit is flipped": _flip,
    "half is gone": lambda path, rng: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "it is empty": lambda path, rng: path.write_bytes(b""),
    "it is gone": lambda path, rng: path.unlink(),
    "it is a folder": _fold,
    "it is {}": lambda path, rng: path.write_bytes(b"{}"),
    "it is null": lambda path, rng: path.write_bytes(b"null"),
    "it is Latin-1": lambda path, rng: path.write_bytes(b"\xe4\xf6\xfc" + path.read_bytes()),
    "a piece is gone": _piece,
    "a line is another": _line,
    "a value is another": _value,
    "a word is in it": _word,
}
