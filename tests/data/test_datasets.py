"""Loaded data sets: what the arrays hold, that the files fit together, and the real MNIST."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
from tiny_data import make_tiny, write_idx

import ravine.data
from ravine.data import DATASETS, dataset, datasets, load, locate, scaled, sources
from ravine.errors import ConfigError, DataError


@pytest.mark.parametrize(("form", "hashed"), [("plain", "plain"), ("packed", "plain"), ("packed", "packed")])
def test_the_arrays_are_what_the_files_hold(register, isolated, form, hashed):
    tiny = register(hashed=hashed)
    loaded = load("tiny", tiny.write(isolated / "given", form))
    assert loaded.info is tiny.info
    for half, split in (("train", loaded.train), ("t10k", loaded.test)):
        images = tiny.arrays[f"{half}-images-idx3-ubyte"]
        np.testing.assert_array_equal(split.features, [image.ravel() for image in images])
        np.testing.assert_array_equal(split.targets, tiny.arrays[f"{half}-labels-idx1-ubyte"])
        for array in (split.features, split.targets):
            assert array.dtype == np.uint8
            assert array.flags.c_contiguous
            assert not array.flags.writeable


def test_a_path_as_text_is_fine(register, isolated):
    tiny = register()
    assert len(load("tiny", str(tiny.write(isolated / "given"))).test.targets) == 3


@pytest.mark.parametrize("function", [load, locate, datasets.info_of])
def test_an_unknown_name(function):
    with pytest.raises(ConfigError, match=r"unknown data set 'minst'; did you mean 'mnist'\? Known: fashion-mnist"):
        function("minst")


def test_locate_asks_no_one(register, isolated, cache, mirror):
    tiny = register(mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    assert locate("tiny") is None
    tiny.write(cache / "tiny")
    assert locate("tiny") == cache / "tiny"
    assert locate("tiny", tiny.write(isolated / "given")) == isolated / "given"
    assert mirror.asked == []


# ------------------------------------------------------------------------------------------------------------
# Files that do not fit together


def u1(*shape):
    return np.zeros(shape, dtype=np.uint8)


MISFITS = {
    "other image shape": ("images-idx3-ubyte", u1(7, 3, 2), "shape (7, 3, 2)"),
    "flat images": ("images-idx3-ubyte", u1(7, 6), "shape (7, 6)"),
    "wide images": ("images-idx3-ubyte", u1(7, 2, 3).astype(np.int16), "int16"),
    "no images": ("images-idx3-ubyte", u1(0, 2, 3), "shape (0, 2, 3)"),
    "too many images": ("images-idx3-ubyte", u1(8, 2, 3), "8 images"),
    "too few labels": ("labels-idx1-ubyte", u1(6), "6 labels"),
    "labels in a table": ("labels-idx1-ubyte", u1(7, 1), "shape (7, 1)"),
    "signed labels": ("labels-idx1-ubyte", u1(7).astype(np.int8), "int8"),
    "a label too large": (
        "labels-idx1-ubyte",
        np.array([0, 1, 2, 3, 4, 0, 0], np.uint8),
        "label 4; tiny has labels 0 to 3",
    ),
}


@pytest.mark.parametrize(("kind", "array", "words"), MISFITS.values(), ids=MISFITS.keys())
def test_misfits(kind, array, words):
    tiny = make_tiny("tiny", 1)
    contents = {**tiny.plain, f"train-{kind}": write_idx(array)}
    files = {name: sources.Content(f"folder/{name}", data) for name, data in contents.items()}
    with pytest.raises(DataError) as caught:
        datasets._split(tiny.info, files, "train")
    assert words in str(caught.value)
    assert "folder/train-" in str(caught.value)


# ------------------------------------------------------------------------------------------------------------
# Scaling


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble, np.complex128])
def test_scaled_is_the_quotient_rounded_once(dtype):
    pixels = np.arange(256, dtype=np.uint8)
    result = scaled(pixels, dtype)
    assert result.dtype == dtype
    assert result[0] == 0
    assert result[255] == 1
    expected = np.array([dtype(value) / dtype(255) for value in range(256)])
    np.testing.assert_array_equal(result, expected)


def test_scaled_refuses_what_is_no_pixel():
    with pytest.raises(TypeError, match="not float64"):
        scaled(np.zeros(3), np.float64)
    with pytest.raises(TypeError):
        scaled(np.zeros(3, dtype=np.uint8), np.int64)


# ------------------------------------------------------------------------------------------------------------
# Start-up, and the real thing


def test_importing_the_package_is_light():
    code = """
import sys, ravine.data
print([name for name in ("requests", "pooch", "rich", "filelock", "platformdirs") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_everything_public_has_a_docstring():
    assert all(getattr(ravine.data, name).__doc__ for name in ravine.data.__all__)


def test_the_real_mnist():
    # From wherever this machine has it, by a download if nowhere: that is how a newcomer runs the tests.
    mnist = load("mnist")
    assert locate("mnist") is not None
    assert mnist.info is DATASETS["mnist"]
    assert mnist.train.features.shape == (60_000, 784)
    assert mnist.test.features.shape == (10_000, 784)
    # The published counts of each digit, and the mean and deviation that the field normalizes with.
    digits = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(mnist.train.targets).tolist() == digits
    assert np.bincount(mnist.test.targets).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.train.features.mean() / 255 == pytest.approx(0.1306604763, abs=1e-9)
    assert mnist.train.features.std() / 255 == pytest.approx(0.3081078039, abs=1e-9)
    assert np.count_nonzero(mnist.train.features.max(axis=0) == 0) == 67


def test_what_is_shown_of_data_is_one_line_and_no_array(small):
    assert repr(small) == "Dataset(small, 10 classes, train=Split(230 x 64 uint8), test=Split(70 x 64 uint8))"
    held = repr(small.held_out(0.1))
    assert held.startswith("Dataset(small, 10 classes, train=Split(207 x 64 uint8), validation=Split(23 x 64 uint8)")
    given = dataset(scipy.sparse.csr_array(np.eye(3, 5)), [[1.5, 0], [2, 1], [0, 1]], sample_weights=[1, 2, 0])
    shown = f"Dataset(given {given.info.digest[:8]}, 2 numbers a sample, train=Split(3 x 5 sparse float64, weighted))"
    assert repr(given) == shown
