from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
from command_cases import SMALL
from PIL import Image

from data.tiny_data import write_idx
from ravine.api import load_run
from ravine.cli.main import run


@pytest.fixture
def trained(small, capsys):
    """Train a run and return it."""
    assert run(["train", *SMALL, "--json", "--quiet"]) == 0
    return load_run(json.loads(capsys.readouterr().out)["id"])


def predicted(capsys, trained, *images: str) -> list[dict]:
    assert run(["predict", trained.id, *images, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)["images"]


def test_the_same_image_in_every_form(trained, small, capsys, tmp_path):
    pixels = small.test.features[:4].reshape(4, 8, 8)
    (tmp_path / "four.idx").write_bytes(write_idx(pixels))
    (tmp_path / "four.gz").write_bytes(gzip.compress(write_idx(pixels)))
    Image.fromarray(pixels[3]).save(tmp_path / "gray.png")
    Image.fromarray(pixels[3]).convert("RGB").save(tmp_path / "color.png")
    images = ["test:3", *(f"{tmp_path}/{name}" for name in ("four.idx:3", "four.gz:3", "gray.png", "color.png"))]
    answers = predicted(capsys, trained, *images)
    assert [answer["image"] for answer in answers] == images
    wanted = trained.probabilities(small.test.features[3])[0].tolist()
    for answer in answers:
        assert list(answer["probabilities"]) == list("abcdefghij")
        assert list(answer["probabilities"].values()) == pytest.approx(wanted, rel=1e-6)
        assert answer["class"] == "abcdefghij"[int(np.argmax(wanted))]
    (other,) = predicted(capsys, trained, "train:3")
    expected = trained.probabilities(small.train.features[3])[0].tolist()
    assert list(other["probabilities"].values()) == pytest.approx(expected, rel=1e-6)


def test_the_table(trained, capsys):
    assert run(["predict", trained.id[:10], "test:0", "test:1"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["image", "class", *"abcdefghij"]
    assert [row.split()[0] for row in rows] == ["test:0", "test:1"]
    for row in rows:
        assert sum(float(cell) for cell in row.split()[2:]) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("nothing.png", "cannot read nothing.png: No such file or directory"),
        ("nothing.idx:0", "cannot read nothing.idx"),
        ("test:70", "image 70 does not exist: there are 70 test images of small"),
        ("train:99999999999999999999", "does not exist"),
        ("test:-1", "cannot read test:-1"),
        ("test:\N{SUPERSCRIPT TWO}", "cannot read"),
        ("text.png", "text.png is not a picture of a known format"),
        ("empty.png", "empty.png is not a picture of a known format"),
        ("half.png", "half.png is damaged"),
        ("wide.png", "wide.png has 9 x 8 pixels; a picture for small has 8 x 8, light on black"),
        ("two.idx:2", "image 2 does not exist: there are 2 images in two.idx"),
        ("wide.idx:0", "wide.idx:0 has 8 x 9 pixels"),
        ("labels.idx:0", "images are uint8"),
        ("floats.idx:0", "images are uint8"),
        ("short.idx:0", "truncated"),
        (".", "cannot read"),
        ("", "cannot read"),
    ],
)
def test_images_that_cannot_be_used(trained, capsys, tmp_path, monkeypatch, image, words):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8))
    picture.save("whole.png")
    Image.fromarray(np.zeros((8, 9), np.uint8)).save("wide.png")
    contents = {
        "text.png": b"hello",
        "empty.png": b"",
        "half.png": (tmp_path / "whole.png").read_bytes()[:60],
        "two.idx": write_idx(np.zeros((2, 8, 8), np.uint8)),
        "wide.idx": write_idx(np.zeros((2, 8, 9), np.uint8)),
        "labels.idx": write_idx(np.zeros(5, np.uint8)),
        "floats.idx": write_idx(np.zeros((1, 8, 8), np.float32)),
        "short.idx": write_idx(np.zeros((2, 8, 8), np.uint8))[:-1],
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    assert run(["predict", trained.id, "test:0", image]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ravine: ")
    assert words in err
    assert err.count("\n") == 1


def test_no_such_run(small, capsys):
    assert run(["predict", "abc", "test:0"]) == 3
    assert "there is no run 'abc'" in capsys.readouterr().err
