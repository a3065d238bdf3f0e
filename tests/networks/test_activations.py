"""Activations: each against its formula in many digits and, for derivatives, the complex step."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import ravine
from ravine.errors import ConfigError
from ravine.formulas.shelves import ACTIVATIONS

DTYPES = ["float32", "float64", "longdouble", "complex128"]
POINTS = [-20.0, -3.0, -1.5, -1e-3, -1e-9, 0.0, 1e-9, 1e-3, 0.7, 2.5, 20.0]


def normal(z):
    return mpmath.ncdf(z)


BY_HAND = {
    "relu": lambda z: max(0, z),
    "leaky-relu": lambda z: z if z > 0 else mpmath.mpf(0.01) * z,
    "tanh": lambda z: (mpmath.exp(z) - mpmath.exp(-z)) / (mpmath.exp(z) + mpmath.exp(-z)),
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "identity": lambda z: z,
    "softplus": lambda z: mpmath.log(1 + mpmath.exp(z)),
    "elu": lambda z: z if z > 0 else mpmath.exp(z) - 1,
    "gelu": lambda z: z * normal(z),
    "gelu-tanh": lambda z: z * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf(0.044715) * z**3))) / 2,
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "sine": lambda z: (mpmath.exp(1j * z) - mpmath.exp(-1j * z)).imag / 2,
}


@pytest.fixture(params=ACTIVATIONS)
def activation(request):
    return ACTIVATIONS[request.param]


@pytest.mark.parametrize("z", POINTS)
def test_value_and_slope_are_those_in_the_book(activation, z):
    by_hand = BY_HAND[activation.name]
    value, slope = activation.value_and_slope(np.array([z]))
    with mpmath.workdps(50):
        exact = by_hand(mpmath.mpf(z))
        derivative = mpmath.diff(by_hand, mpmath.mpf(z)) if z or not activation.kinks else slope[0]
    # Where terms of the size of 1 cancel, their round-off is left.
    assert value[0] == pytest.approx(float(exact), rel=1e-14, abs=3e-16)
    assert slope[0] == pytest.approx(float(derivative), rel=1e-14, abs=3e-15)
    assert activation.value(np.array([z]))[0] == value[0]


@pytest.mark.parametrize("z", POINTS)
def test_in_many_digits(activation, z):
    with mpmath.workdps(60):
        value, slope = activation.formula.in_digits(mpmath.mpf(z))
        assert abs(value - BY_HAND[activation.name](mpmath.mpf(z))) < 1e-50
        step = mpmath.mpf(10) ** -25
        if z or not activation.kinks:
            moved = [activation.formula.in_digits(mpmath.mpf(z) + sign * step)[0] for sign in (1, -1)]
            assert abs((moved[0] - moved[1]) / (2 * step) - slope) < 1e-20


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dtype_stays(activation, dtype):
    z = np.array([-2, -0.5, 0, 0.5, 2]).astype(dtype)
    if activation.name == "gelu" and dtype == "longdouble":
        with pytest.raises(ConfigError, match=r"erf takes float32 and float64, and these"):
            activation.value(z)
        return
    value, slope = activation.value_and_slope(z)
    assert value.dtype == slope.dtype == z.dtype
    assert value.shape == slope.shape == z.shape


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_nan_stays_nan(activation, dtype):
    a = activation.value(np.array([np.nan, 1]).astype(dtype))
    assert np.isnan(a[0])
    assert not np.isnan(a[1])


def test_the_slope_is_the_derivative(activation):
    # The step 1e-30 is far below round-off, so the imaginary part is the derivative to the last digit.
    z = np.array([-3.0, -0.7, -1e-6, 1e-6, 0.4, 2.5])
    derivative = activation.value(z + 1e-30j).imag / 1e-30
    assert activation.value_and_slope(z)[1] == pytest.approx(derivative, rel=1e-13)


@pytest.mark.parametrize(("name", "left"), [("relu", 0.0), ("leaky-relu", 0.01)])
def test_a_kink_belongs_to_its_left_side(name, left):
    activation = ACTIVATIONS[name]
    assert activation.kinks == (0.0,)
    assert activation.value_and_slope(np.array([0.0, -0.0]))[1].tolist() == [left, left]
    assert activation.side(np.array([-1.0, -0.0, 0.0, 1e-300])).tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(("name", "left"), [("relu", 0.0), ("leaky-relu", 0.01)])
def test_a_complex_number_takes_the_branch_of_its_real_part(name, left):
    z = np.array([-1 + 5j, 0 + 5j, 1 - 5j])
    assert ACTIVATIONS[name].value(z).tolist() == [left * z[0], left * z[1], z[2]]


def test_nothing_overflows(activation):
    ends = activation.value_and_slope(np.array([-1e4, 1e4]))
    assert np.isfinite(ends).all()


def test_only_relu_gates():
    assert [name for name, f in ACTIVATIONS.items() if f.gates] == ["relu"]


def test_one_that_gates_elsewhere():
    @ravine.activation(kinks=[0.5])
    def later(z):
        return np.where(z < 0.5, 0, z), np.where(z < 0.5, 0, 1)

    @ravine.activation(kinks=[0.5])
    def wider(z):
        return np.where(z < 0.5, 0, z), np.where(z <= 0.5, 0, 1)

    assert later.off == "z < 0.5"
    assert not wider.gates


def test_functions_that_numpy_has_for_real_numbers_alone():
    @ravine.activation(kinks=[0, 1])
    def hard(z):
        return np.minimum(np.maximum(z, 0), 1) + 0 * abs(z), np.where((z > 0) & (z < 1), 1.0, 0.0)

    z = np.array([-1.0, 0.3, 2.0])
    assert hard.value(z).tolist() == [0.0, 0.3, 1.0]
    assert (hard.value(z + 1e-30j).imag / 1e-30).tolist() == [0.0, 1.0, 0.0]
    with mpmath.workdps(30):
        assert [float(hard.formula.in_digits(mpmath.mpf(v))[0]) for v in z] == [0.0, 0.3, 1.0]


def test_every_function_of_a_formula_in_many_digits():
    from ravine.formulas.digits import IN_DIGITS
    from ravine.formulas.given import FUNCTIONS

    for name in FUNCTIONS:
        function = getattr(np, name)
        truths = name.startswith("logical")
        for pair in ((0.3, 2.0), (-1.75, 0.4), (2.5, -0.25)):
            given = [value > 0 for value in pair] if truths else pair
            with np.errstate(all="ignore"):
                exact = function(*given[: function.nin])
            if not np.isfinite(exact):
                continue
            of_mp = [bool(v) if truths else mpmath.mpf(v) for v in given[: function.nin]]
            found = getattr(IN_DIGITS, name)(*of_mp)
            assert float(found) == pytest.approx(float(exact), rel=1e-14), (name, pair)


WRONG = {
    "derivative": (
        "return z * z, z",
        r"says that its derivative at z = -0.648404 is -0.6484035989, and that of its value is -1",
    ),
    "one result": ("return z", r"returns 1 value; it must return the value, its derivative, in this order"),
    "nothing": ("z * 2", r"which is neither `name = expression` nor `return`"),
    "a branch": ("if z > 0:\n        return z, 1\n    return 0, 0", r"has an `if`; a formula has one text"),
    "a sum": ("return z / np.sum(z), z", r"calls np\.sum; losses and activations compute with one number, one output"),
    "a mean": ("return z - z.mean(), z", r"calls `\.mean\(\)` of `z`; losses and activations compute with one number"),
    "erf of scipy": ("return scipy.special.erf(z), z", r"calls scipy\.special\.erf"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(tmp_path, name):
    body, told = WRONG[name]
    file = tmp_path / "mine.py"
    file.write_text(
        f"import numpy as np\nimport scipy.special\nimport ravine\n\n@ravine.activation\ndef mine(z):\n    {body}\n"
    )
    with pytest.raises(ConfigError, match=told):
        ACTIVATIONS.find(f"{file}:mine")


def test_arguments_that_are_refused():
    with pytest.raises(ConfigError, match=r"activation of_two takes \(z, y\); it must take \(z\)"):

        @ravine.activation
        def of_two(z, y):
            return z, 1

    with pytest.raises(ConfigError, match=r"kinks of activation endless are \[inf\]; give finite numbers"):

        @ravine.activation(kinks=[np.inf])
        def endless(z):
            return z, 1

    with pytest.raises(ConfigError, match="a lambda"):
        ravine.activation(lambda z: (z, 1))
