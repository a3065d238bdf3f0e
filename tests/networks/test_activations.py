from __future__ import annotations

import math

import numpy as np
import pytest

from ravine.formulas.shelves import ACTIVATIONS

DTYPES = ["float32", "float64", "longdouble", "complex128"]
BY_HAND = {
    "relu": lambda z: max(0.0, z),
    "leaky-relu": lambda z: z if z > 0 else 0.01 * z,
    "tanh": lambda z: (math.exp(z) - math.exp(-z)) / (math.exp(z) + math.exp(-z)),
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
}


@pytest.fixture(params=ACTIVATIONS)
def activation(request):
    return ACTIVATIONS[request.param]


@pytest.mark.parametrize("z", [-20.0, -1.5, -1e-3, 0.0, 1e-3, 0.7, 20.0])
def test_the_function_is_the_one_in_the_book(activation, z):
    assert activation.function(np.array([z]))[0] == pytest.approx(BY_HAND[activation.name](z), rel=1e-14, abs=1e-16)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dtype_stays(activation, dtype):
    z = np.array([-2, -0.5, 0, 0.5, 2]).astype(dtype)
    a = activation.function(z)
    assert a.dtype == z.dtype
    assert activation.slope(a).dtype == z.dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_stays_nan(activation, dtype):
    a = activation.function(np.array([np.nan, 1]).astype(dtype))
    assert np.isnan(a[0])
    assert not np.isnan(a[1])


def test_the_slope_is_the_derivative(activation):
    # The step 1e-30 is far below round-off, so the imaginary part is the derivative to the last digit.
    z = np.array([-3.0, -0.7, -1e-6, 1e-6, 0.4, 2.5])
    derivative = activation.function(z + 1e-30j).imag / 1e-30
    assert activation.slope(activation.function(z)) == pytest.approx(derivative, rel=1e-9)


@pytest.mark.parametrize(("name", "left"), [("relu", 0.0), ("leaky-relu", 0.01)])
def test_a_kink_belongs_to_its_left_side(name, left):
    activation = ACTIVATIONS[name]
    assert activation.has_kink
    assert activation.slope(activation.function(np.array([0.0, -0.0]))).tolist() == [left, left]


@pytest.mark.parametrize(("name", "left"), [("relu", 0.0), ("leaky-relu", 0.01)])
def test_a_complex_number_takes_the_branch_of_its_real_part(name, left):
    z = np.array([-1 + 5j, 0 + 5j, 1 - 5j])
    assert ACTIVATIONS[name].function(z).tolist() == [left * z[0], left * z[1], z[2]]


def test_smooth_functions_say_so_and_do_not_overflow():
    for name in ("tanh", "sigmoid"):
        assert not ACTIVATIONS[name].has_kink
    assert ACTIVATIONS["sigmoid"].function(np.array([-1e300, 1e300])).tolist() == [0, 1]
