"""Losses of single outputs: each against its formula in many digits, and what a declaration refuses."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import ravine
from ravine.errors import ConfigError
from ravine.formulas.shelves import LOSSES

DTYPES = ["float32", "float64", "longdouble", "complex128"]
OUTPUTS = [-700.0, -40.0, -3.0, -1.5, -1.0, -1e-3, 0.0, 1e-9, 0.3, 0.5, 1.0, 1.25, 2.5, 20.0, 40.0, 700.0]
TARGETS = {
    "(-inf, inf)": [-2.5, -1.0, 0.0, 0.3, 1.0, 7.0],
    "{0, 1}": [0.0, 1.0],
    "[0, 1]": [0.0, 0.3, 0.5, 1.0],
    "[0, inf)": [0.0, 0.3, 1.0, 7.0],
}


def side(y):
    return 1 if y == 1 else -1


def shares(z):
    return 1 / (1 + mpmath.exp(-z)), 1 / (1 + mpmath.exp(z))


BY_HAND = {
    "squared-error": lambda z, y: (z - y) ** 2,
    "huber": lambda z, y: (z - y) ** 2 / 2 if abs(z - y) < 1 else abs(z - y) - mpmath.mpf(1) / 2,
    "absolute-error": lambda z, y: z - y if z > y else y - z,
    "logistic": lambda z, y: -y * mpmath.log(shares(z)[0]) - (1 - y) * mpmath.log(shares(z)[1]),
    "hinge": lambda z, y: max(mpmath.mpf(0), 1 - side(y) * z),
    "squared-hinge": lambda z, y: max(mpmath.mpf(0), 1 - side(y) * z) ** 2,
    "poisson": lambda z, y: mpmath.exp(z) - y * z,
}
"""As they stand in books. Logistic: -y log p - (1 - y) log(1 - p) with p = 1 / (1 + e^-z) and 1 - p = 1 / (1 + e^z)."""

AT_KINKS = {"absolute-error": {0.0: 0.0}, "hinge": {-1.0: 0.0, 0.0: 0.0}}
"""By the name of a loss, its kinks as values of z - y, and the derivative there."""


@pytest.fixture(params=BY_HAND)
def loss(request):
    return LOSSES[request.param]


def grid(loss):
    """Return pairs of an output and a target, among them a target met exactly, and each kink and both its sides."""
    pairs = [(z, y) for y in TARGETS[loss.targets] for z in (*OUTPUTS, y)]
    around = [-1.0, 0.0, 1.0]
    near = [(y + k + move, y) for y in (0.0, 1.0) for k in around for move in (-1e-9, 0.0, 1e-9)]
    return np.array(list(dict.fromkeys(pairs + near))).T


def in_digits(array):
    """Return mpmath's numbers, each digit of a longdouble among them."""
    high = array.astype(float)
    return [mpmath.mpf(float(a)) + mpmath.mpf(float(b)) for a, b in zip(high, array - high, strict=True)]


def exact(loss, z, y):
    """Return the value by hand, and its derivative where it has one."""
    by_hand = BY_HAND[loss.name]
    value = by_hand(z, y)
    at_kink = AT_KINKS.get(loss.name, {})
    if loss.name == "hinge":  # one kink for each side
        kinked = (z == 1 and y == 1) or (z == -1 and y == 0)
    else:
        kinked = float(z - y) in at_kink and z - y == float(z - y)
    return value, mpmath.mpf(0) if kinked else mpmath.diff(lambda at: by_hand(at, y), z)


def test_every_loss_of_outputs_is_in_the_book():
    assert set(BY_HAND) == {name for name, loss in LOSSES.items() if loss.formula is not None}
    assert set(LOSSES) == {*BY_HAND, "cross-entropy"}


@pytest.mark.parametrize("dtype", ["float64", "longdouble"])
def test_value_and_derivative_are_those_in_the_book(loss, dtype):
    z, y = grid(loss).astype(dtype)
    value, derivative = loss.formula(z, y)
    eps = mpmath.mpf(float(np.finfo(dtype).eps))
    with mpmath.workdps(350):  # 1 - p has no digits left in fewer
        for k, (at, target) in enumerate(zip(in_digits(z), in_digits(y), strict=True)):
            true, slope = exact(loss, at, target)
            found, found_slope = in_digits(value[k : k + 1])[0], in_digits(derivative[k : k + 1])[0]
            # An output and its target cancel, and what is left has their round-off.
            size = abs(at) * (1 + target if loss.name in ("logistic", "poisson") else 0)
            assert abs(found - true) <= 8 * eps * (abs(true) + size), (float(at), float(target))
            assert abs(found_slope - slope) <= 8 * eps * (abs(slope) + abs(target) + 1e-300), (float(at), float(target))


def test_in_many_digits(loss):
    with mpmath.workdps(350):
        for z, y in grid(loss).T:
            at, target = mpmath.mpf(float(z)), mpmath.mpf(float(y))
            value, derivative = loss.formula.in_digits(at, target)
            true, slope = exact(loss, at, target)
            assert abs(value - true) < mpmath.mpf(10) ** -30 * max(1, abs(true)), (z, y)
            assert abs(derivative - slope) < mpmath.mpf(10) ** -30 * max(1, abs(slope)), (z, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_a_logistic_loss_that_is_nearly_zero_keeps_its_digits(y, dtype):
    z = ((1 if y else -1) * np.array([1, 5, 17, 30, 80])).astype(dtype)
    value, derivative = LOSSES["logistic"].formula(z, np.full_like(z, y))
    missed = [mpmath.exp(-abs(mpmath.mpf(float(at)))) for at in z]
    with mpmath.workdps(60):
        values = [float(mpmath.log(1 + e)) for e in missed]
        slopes = [float((-1 if y else 1) * e / (1 + e)) for e in missed]
    assert value == pytest.approx(values, rel=4 * float(np.finfo(dtype).eps), abs=0)
    assert derivative == pytest.approx(slopes, rel=4 * float(np.finfo(dtype).eps), abs=0)


def test_the_complex_step_finds_the_derivative(loss):
    z, y = grid(loss)
    kinked = np.isin(z - y, loss.kinks)
    value, derivative = loss.formula(z + 1e-30j, y)
    np.testing.assert_allclose(value.real, loss.formula(z, y)[0], rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(derivative.real, loss.formula(z, y)[1], rtol=1e-14, atol=1e-14)
    found = value.imag[~kinked] / 1e-30
    np.testing.assert_allclose(found, derivative.real[~kinked], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_dtype_stays(loss, dtype):
    z = np.array([[-2, -0.5, 0], [0.5, 1, 2]]).astype(dtype)
    y = np.array([[1, 0, 0], [1, 1, 0]]).astype(z.real.dtype)
    value, derivative = loss.of_outputs(z, y)
    assert value.dtype == derivative.dtype == z.dtype
    assert (value.shape, derivative.shape) == ((2,), (2, 3))
    predicted = loss.predicted(z.real)
    assert predicted.dtype == y.dtype
    assert predicted.shape == z.shape


def test_the_loss_of_a_sample_is_the_mean_over_its_outputs(loss):
    z = np.array([[-2.0, 0.4, 1.5, 3.0], [0.1, 0.2, -0.3, 0.9]])
    y = np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    by_hand = BY_HAND[loss.name]
    value, derivative = loss.of_outputs(z, y)
    for b in range(2):
        each = [by_hand(mpmath.mpf(float(p)), float(q)) for p, q in zip(z[b], y[b], strict=True)]
        assert value[b] == pytest.approx(float(mpmath.fsum(each) / 4), rel=1e-14)
        for o in range(4):
            slope = mpmath.diff(lambda at, b=b, o=o: by_hand(at, float(y[b, o])), z[b, o])
            assert derivative[b, o] == pytest.approx(float(slope) / 4, rel=1e-13)


@pytest.mark.parametrize(("dtype", "far"), [("float32", 1e30), ("float64", 1e200)])
def test_nothing_overflows_where_it_need_not(loss, dtype, far):
    if loss.name in ("squared-error", "squared-hinge", "poisson"):
        far = 80.0  # their value overflows far out
    for z in (-far, far):
        for y in (0.0, 1.0):
            ends = loss.formula(np.array([z]).astype(dtype), np.array([y]).astype(dtype))
            assert np.isfinite(ends).all(), (z, y)


def test_what_overflows_is_infinite_and_warns_nobody():
    for name, z in (("poisson", 1000.0), ("squared-error", 1e200), ("squared-hinge", -1e200)):
        assert LOSSES[name].of_outputs(np.array([[z]]), np.ones((1, 1)))[0].tolist() == [np.inf]
    assert LOSSES["poisson"].predicted(np.array([1000.0])).tolist() == [np.inf]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_stays_nan(loss, dtype):
    value, _ = loss.of_outputs(np.array([[np.nan], [0.5]]).astype(dtype), np.ones((2, 1), dtype))
    assert np.isnan(value).tolist() == [True, False]


def test_kinks_have_the_derivative_zero_and_two_sides():
    for name, kinks in AT_KINKS.items():
        assert LOSSES[name].kinks == tuple(kinks)
    assert [name for name, loss in LOSSES.items() if loss.kinks] == sorted(AT_KINKS)
    absolute, hinge = LOSSES["absolute-error"], LOSSES["hinge"]
    z = np.array([2.0 - 1e-15, 2.0, 2.0 + 1e-15])
    assert absolute.formula(z, np.full(3, 2.0))[1].tolist() == [-1, 0, 1]
    assert absolute.side(z, np.full(3, 2.0)).tolist() == [0, 0, 1]
    for y, at in ((1.0, 1.0), (0.0, -1.0)):
        z = at + np.array([-1e-15, 0, 1e-15])
        slopes = [-1, 0, 0] if y else [0, 0, 1]
        assert hinge.formula(z, np.full(3, y))[1].tolist() == slopes
        sides = hinge.side(z, np.full(3, y))
        assert (sides - sides[0]).tolist() == [0, 0, 1]
        assert hinge.side(z + 5j, np.full(3, y)).tolist() == sides.tolist()


PREDICTED = {
    **dict.fromkeys(("squared-error", "huber", "absolute-error"), lambda z: z),
    "logistic": lambda z: 1 / (1 + mpmath.exp(-z)),
    **dict.fromkeys(("hinge", "squared-hinge"), lambda z: 1 if z > 0 else 0),
    "poisson": mpmath.exp,
}


def test_predictions(loss):
    z = np.array([-700.0, -20.0, -0.3, 0.0, 1e-9, 0.5, 3.0, 700.0])
    exact = [float(PREDICTED[loss.name](mpmath.mpf(float(at)))) for at in z]
    assert loss.predicted(z) == pytest.approx(exact, rel=1e-14, abs=1e-16)
    many = np.linspace(-30, 30, 6001)
    for y in (0.0, 1.0):  # the output of the least loss predicts the target
        best = many[loss.formula(many, np.full_like(many, y))[0].argmin()]
        assert loss.predicted(best[None])[0] == pytest.approx(y, abs=1e-9)


ALLOWED = {
    "(-inf, inf)": [True, True, True, True, True, True, False, False, False],
    "{0, 1}": [False, False, True, False, True, False, False, False, False],
    "[0, 1]": [False, False, True, True, True, False, False, False, False],
    "[0, inf)": [False, False, True, True, True, True, False, False, False],
}


def test_the_targets_that_a_loss_takes(loss):
    y = np.array([-2.0, -1e-300, 0.0, 0.3, 1.0, 7.0, np.inf, -np.inf, np.nan])
    assert loss.allows(y).tolist() == ALLOWED[loss.targets]
    assert loss.allows(y.reshape(3, 3)).shape == (3, 3)
    assert {name: LOSSES[name].targets for name in BY_HAND if LOSSES[name].targets != "(-inf, inf)"} == {
        "logistic": "[0, 1]", "hinge": "{0, 1}", "squared-hinge": "{0, 1}", "poisson": "[0, inf)",
    }  # fmt: skip
    assert loss.decides == (loss.name in ("logistic", "hinge", "squared-hinge"))


def test_open_ends_of_the_targets_are_left_out():
    @ravine.loss(targets="(0, 2)")
    def inverse(z, y):
        return z * z / y, 2 * z / y

    assert inverse.allows(np.array([0.0, 1e-300, 1.0, 2.0])).tolist() == [False, True, True, False]


def test_names(loss):
    assert LOSSES.find(loss.name) is LOSSES.find(loss) is loss
    with pytest.raises(ConfigError, match=r"unknown loss 'hubber'; did you mean 'huber'"):
        LOSSES.find("hubber")


HEAD = "import numpy as np\nimport math\nimport scipy.special\nimport ravine\nSCALE = 2.0\n\n"


def written(tmp_path, body, arguments="", parameters="z, y"):
    """Write a loss `mine` to a file, and return how to name it."""
    file = tmp_path / "mine.py"
    file.write_text(f"{HEAD}@ravine.loss{arguments}\ndef mine({parameters}):\n    {body}\n")
    return f"{file}:mine"


ONE_OUTPUT = (
    "losses and activations compute with one number, one output for one sample; the mean of a loss over outputs and "
    "samples is taken for it"
)

WRONG = {
    "derivative": (
        "return (z - y)**2, z - y",
        r"loss mine says that its derivative at z = -?[\d.e-]+, y = -2 is -?[\d.]+, and that of its value is "
        r"-?[\d.]+: correct the second number that it returns",
    ),
    "one result": ("return z - y", r"returns 1 value; it must return the value, its derivative, in this order"),
    "three results": ("return z, y, 1", r"returns 3 values; it must return the value, its derivative"),
    "nothing": ("z * 2", r"which is neither `name = expression` nor `return`"),
    "a branch": ("if z > y:\n        return z, 1\n    return 0, 0", r"has an `if`; a formula has one text"),
    "erf of scipy": ("return scipy.special.erf(z), z", r"calls scipy\.special\.erf"),
    "a mean": ("return np.mean((z - y)**2), 2 * (z - y)", f"calls np.mean; {ONE_OUTPUT}"),
    "a sum": ("return ((z - y)**2).sum(), 2 * (z - y)", rf"calls `\.sum\(\)` of `\(z - y\) \*\* 2`; {ONE_OUTPUT}"),
    "a norm": ("return np.linalg.norm(z - y), z", rf"calls np\.linalg\.norm; {ONE_OUTPUT}"),
    "an index": ("return z[0] - y, 1", r"uses `z\[0\]`; a formula computes with one number, which has no parts"),
    "a name of the kernel": ("_d = z - y\n    return _d, 1", r"assigns to _d; names that start with _ are the kernel"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(tmp_path, name):
    body, told = WRONG[name]
    with pytest.raises(ConfigError, match=told):
        LOSSES.find(written(tmp_path, body))


SQUARE = "d = z - y\n    return d * d, 2 * d"

FAULTY = {
    "targets": ("(targets='positive')", r"targets of loss mine are 'positive'; write them as \"\[0, inf\)\" or as"),
    "flags": ("(targets='{1, 2}')", r"targets of loss mine are '\{1, 2\}'; write them as"),
    "kinks": ("(kinks=[np.inf])", r"kinks of loss mine are \[inf\]; give finite numbers"),
    "kinks of words": ("(kinks='0')", r"kinks of loss mine"),
    "prediction": ("(prediction='exp')", r"prediction of loss mine is 'exp'; give a function of outputs"),
    "name": ("(name=3)", r"name"),
}


@pytest.mark.parametrize("name", FAULTY)
def test_arguments_of_the_decorator_that_are_refused(tmp_path, name):
    arguments, told = FAULTY[name]
    with pytest.raises(ConfigError, match=told):
        LOSSES.find(written(tmp_path, SQUARE, arguments))


@pytest.mark.parametrize("parameters", ["z", "y, z", "z, y, w", "z, target", "z, y, *, scale=1"])
def test_arguments_of_the_function_that_are_refused(tmp_path, parameters):
    with pytest.raises(ConfigError, match=r"loss mine takes \(.*\); it must take \(z, y\), and return the value and"):
        LOSSES.find(written(tmp_path, "return z, 1.0", parameters=parameters))


def test_a_lambda_is_refused():
    with pytest.raises(ConfigError, match="a lambda"):
        ravine.loss(lambda z, y: (z, 1))


def test_a_wrong_derivative_is_refused_where_it_shows():
    with pytest.raises(ConfigError, match=r"z = 1\.5\d*, y = 0\.3 is 0, and that of its value is 1: correct"):

        @ravine.loss(targets="[0.1, 0.5]")
        def flat_beyond(z, y):
            return z - y, np.where((z > 1.5) & (z < 2), 0, 1)

    with pytest.raises(ConfigError, match=r"y = 1 is"):  # wrong for one target alone

        @ravine.loss(targets="{0, 1}")
        def one_sided(z, y):
            return (1 - y) * z * z + y * z**3, (1 - y) * 2 * z + y * z**2


def test_a_loss_with_a_kink_and_a_name():
    @ravine.loss(name="pin-ball", kinks=[0])
    def pinball(z, y):
        """l(z, y) = 0.9 of the distance below the target, 0.1 of that above."""
        d = z - y
        return np.where(d < 0, -0.9 * d, 0.1 * d), np.where(d < 0, -0.9, 0.1)

    assert (pinball.name, pinball.kinks, pinball.formula.label) == ("pin-ball", (0.0,), "loss pin-ball")
    assert pinball.formula(np.array([1.0, 4.0]), np.array([2.0, 2.0]))[0].tolist() == [0.9, 0.2]


def test_a_loss_in_a_file_of_the_users(tmp_path):
    arguments = "(targets='[0, inf)', prediction=np.exp, kinks=[1, -1])"
    named = written(tmp_path, "d = z - SCALE * y\n    return math.erf(d) + d, 2 / SQRT * np.exp(-d * d) + 1", arguments)
    file = tmp_path / "mine.py"
    file.write_text(file.read_text().replace("SCALE = 2.0", "SCALE = 2.0\nSQRT = math.sqrt(math.pi)"))
    mine = LOSSES.find(named)
    assert (mine.name, mine.targets, mine.kinks) == ("mine", "[0, inf)", (-1.0, 1.0))
    value, derivative = mine.of_outputs(np.array([[2.5]]), np.array([[1.0]]))
    with mpmath.workdps(30):
        assert value[0] == pytest.approx(float(mpmath.erf(0.5) + 0.5), rel=1e-15)
        assert derivative[0, 0] == pytest.approx(float(mpmath.diff(mpmath.erf, 0.5) + 1), rel=1e-15)
    assert mine.predicted(np.array([1.0])).tolist() == [np.e]
    assert LOSSES.resolve(named)[0] == named
