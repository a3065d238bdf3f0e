"""`ravine predict` on pictures as people have them, made from digits of MNIST that the run knows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ravine
from picture_cases import GUISES, photographed
from ravine.cli.main import run as command
from ravine.data import load


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> ravine.Run:
    """A small network, trained on the real MNIST for two epochs."""
    return ravine.train(layers=(784, 64, 10), lr=0.1, epochs=2, out=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def known(trained) -> tuple[np.ndarray, np.ndarray]:
    """A test digit of each class that the run is sure of: (10, 28, 28), and their classes."""
    test = load("mnist").test
    shares = trained.probabilities(test.features)
    sure = shares[np.arange(len(test.targets)), test.targets] > 0.99
    chosen = np.concatenate([np.flatnonzero(sure & (test.targets == k))[:1] for k in range(10)])
    return test.features[chosen].reshape(-1, 28, 28), test.targets[chosen]


def enlarged(pixels: np.ndarray, times: int = 3) -> np.ndarray:
    size = (times * pixels.shape[1], times * pixels.shape[0])
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def predicted(trained: ravine.Run, capsys, *images: Path, options: tuple[str, ...] = ("--quiet",)) -> list[dict]:
    assert command(["predict", str(trained.folder), *map(str, images), "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)["images"]


@pytest.mark.parametrize("name", [*GUISES, "photo.jpg"])
def test_the_class_is_that_of_the_digit(name, trained, known, tmp_path, capsys):
    digits, labels = known
    paths = [tmp_path / f"{number}-{name}" for number in range(len(digits))]
    for digit, path in zip(digits, paths, strict=True):
        ink = enlarged(digit)
        photographed(ink).save(path, quality=80) if name == "photo.jpg" else GUISES[name](ink, path)
    classes = [int(answer["class"]) for answer in predicted(trained, capsys, *paths)]
    assert (classes == labels).sum() >= 9


def test_every_guise_of_the_very_size_is_read_too(trained, known, tmp_path, capsys):
    for digit, label in zip(*known, strict=True):
        for name in ("white-on-nothing.png", "dark-on-light.png", "palette.png", "gray-16-bit.png"):
            GUISES[name](digit, tmp_path / name)
        answers = predicted(trained, capsys, *(tmp_path / name for name in ("white-on-nothing.png", "gray-16-bit.png")))
        wanted = trained.probabilities(digit)[0].tolist()
        for answer in answers:  # laid on black, these are MNIST's own pixels
            assert list(answer["probabilities"].values()) == pytest.approx(wanted, abs=1e-6)
        others = predicted(trained, capsys, tmp_path / "dark-on-light.png", tmp_path / "palette.png")
        assert [int(answer["class"]) for answer in others] == [label, label]


def test_what_was_done_is_said(trained, known, tmp_path, capsys):
    digit = known[0][0]
    own, page = tmp_path / "own.png", tmp_path / "page.png"
    Image.fromarray(digit).save(own)
    Image.fromarray(255 - enlarged(digit)).save(page)
    arguments = ["predict", str(trained.folder), str(own), str(page)]
    assert command(arguments) == 0
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith(f"{page}: dark on light, inverted; cropped to ")
    assert line.endswith(", centered")
    assert "inverted" not in out
    answers = predicted(trained, capsys, own, page)
    assert answers[0]["prepared"] == []
    assert "; ".join(answers[1]["prepared"]) == line.removeprefix(f"{page}: ")
    assert command([*arguments, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_python_reads_a_picture_as_the_command_does(trained, known, tmp_path, capsys):
    Image.fromarray(255 - enlarged(known[0][7])).save(tmp_path / "page.png")
    (answer,) = predicted(trained, capsys, tmp_path / "page.png")
    picture = ravine.read_picture(tmp_path / "page.png")
    assert trained.predict(picture.pixels).tolist() == [int(answer["class"])]


def test_one_picture_that_is_refused_stops_all(trained, tmp_path, capsys):
    Image.new("L", (40, 40), 200).save(tmp_path / "blank.png")
    assert command(["predict", str(trained.folder), "test:0", str(tmp_path / "blank.png")]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert "blank.png shows nothing that stands out from its background" in err
    assert err.count("\n") == 1
