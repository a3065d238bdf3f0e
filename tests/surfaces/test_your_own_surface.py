"""A surface of the user's: how it is declared, what is told of one that does not fit, and that it is drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ravine
from ravine.cli.main import run
from ravine.conformance.surface import require_sound
from ravine.errors import ConfigError
from ravine.formulas.shelves import SURFACES

VIEW = ((-3.0, 3.0), (-2.0, 2.0))
BOOTH = """
import ravine

@ravine.surface(start=(-8, 8), view=((-10, 10), (-10, 10)), minima=[(1, 3)])
def booth(x, y):
    '''A tilted bowl.

        f = (x + 2 y - 7)^2 + (2 x + y - 5)^2

    Source: Jamil and Yang, 2013.
    '''
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2
"""


@pytest.fixture
def booth(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(BOOTH)
    assert len(BOOTH.strip().splitlines()) <= 15
    return tmp_path / "mine.py"


def test_a_surface_of_a_file_goes_through_the_command_line(booth, capsys):
    assert run(["paths", "sgd,lr=0.1", "adam", "--surface", "mine.py:booth", "--steps", "50", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["surface"], document["source"]) == ("booth", "Jamil and Yang, 2013.")
    assert (document["lowest"], document["minima"]) == (0.0, [[1.0, 3.0]])
    # The Hessian is [[10, 8], [8, 10]], so that sgd multiplies (1, 1) by 1 - 0.1 * 18 and (1, -1) by 1 - 0.1 * 2.
    end = np.array([1.0, 3.0]) + (-0.8) ** 50 * np.array([-2.0, -2.0]) + 0.8**50 * np.array([-7.0, 7.0])
    np.testing.assert_allclose(document["paths"][0]["end"], end, rtol=1e-10)
    assert (booth.parent / "paths-booth.png").is_file()


def test_it_passes_the_checks_of_ravine_s_own(booth):
    found = ravine.check_surface("mine.py")
    assert found.passed
    assert "5 of 5 checks passed" in str(found)


@pytest.mark.parametrize("x", [0.3, np.linspace(-2, 2, 7)])
def test_the_complex_step_finds_the_gradient_of_what_numpy_has(x):
    @ravine.surface(start=(0, 0), view=VIEW)
    def waves(x, y):
        return np.exp(-(x**2)) * np.sin(3 * y) + np.sqrt(1 + y * y) / (2 + np.cos(x))

    y = x / 2 + 0.1
    dx = -2 * x * np.exp(-(x**2)) * np.sin(3 * y) + np.sqrt(1 + y * y) * np.sin(x) / (2 + np.cos(x)) ** 2
    dy = 3 * np.exp(-(x**2)) * np.cos(3 * y) + y / np.sqrt(1 + y * y) / (2 + np.cos(x))
    np.testing.assert_allclose(waves.gradient(x, y), (dx, dy), rtol=1e-13, atol=1e-15)


def test_minima_may_be_unknown(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hills.py").write_text(
        "import numpy as np\nfrom ravine import surface\n\n"
        "@surface(start=(1, 1), view=((-2, 2), (-2, 2)))\ndef hills(x, y):\n    return np.sin(3 * x) * np.cos(2 * y)\n"
    )
    surface = SURFACES.find("hills.py")
    assert (surface.minima, surface.lowest, surface.nearest_minimum(np.zeros(2))) == ((), None, None)
    assert [finding.outcome for finding in ravine.check_surface(surface).findings].count("left out") == 1
    assert run(["paths", "sgd", "momentum", "--surface", "hills.py"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("hills: the lowest seen -1\n")
    assert out.count("not known") == 2
    figure = ravine.draw_paths(["sgd", "momentum"], surface)
    assert figure.axes[1].get_ylabel().endswith("with the lowest seen")
    figure.draw_without_rendering()


def test_a_formula_that_is_no_mathematics_is_drawn_as_text():
    @ravine.surface(start=(1, 1), view=VIEW)
    def odd(x, y):
        """Odd.

        f = x^2^2 + $y_1_2 {
        """
        return x * x + y * y

    figure = ravine.draw_paths(["sgd"], odd)
    figure.draw_without_rendering()
    assert "x^2^2" in figure.get_suptitle()


def refusal(function, **settings):
    made = ravine.surface(**{"start": (1.0, 0.5), "view": VIEW, **settings})(function)
    with pytest.raises(ConfigError) as caught:
        require_sound(made)
    words = str(caught.value)
    assert "\n" not in words
    assert not ravine.check_surface(made).passed
    return words


def square(x, y):
    return x * x + y * y


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gradient": lambda x, y: (2 * x, 2.02 * y)}, "by finite differences. Correct the function"),
        ({"gradient": lambda x, y: (2 * y, 2 * x)}, "df/dx at"),
        ({"gradient": lambda x, y: 2 * x}, "must return two values"),
        ({"gradient": lambda x, y: (2.0, 2 * y)}, "one number for each point"),
        ({"minima": [(0.01, 0)]}, "seven digits"),
        ({"minima": [(1, 1)]}, "the gradient is (2, 2), and must be zero"),
        ({"minima": [(0, 0)], "lowest": -1}, "f is 0, and lowest is -1"),
        ({"lowest": 0.5}, "lowest is 0.5, and f is"),
    ],
)
def test_what_is_declared_wrong_is_refused(settings, words):
    assert words in refusal(square, **settings)


def test_a_saddle_is_no_minimum():
    assert "is lower" in refusal(lambda_named(lambda x, y: x * x - y * y + y**4), minima=[(0, 0)])


def lambda_named(function):
    def f(x, y):
        return function(x, y)

    return f


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x, y: abs(x) + y * y, "give the gradient as a second function"),
        (lambda x, y: y * y, "it does not depend on x, or drops"),
        (lambda x, y: x * y + abs(x) * 0.5, "something that is not analytic"),
        (lambda x, y: np.log(x) + y, "f is nan at"),
        (lambda x, y: "high", "it must return real numbers"),
        (lambda x, y: 1 / 0, "fails with ZeroDivisionError"),
        (lambda x, y: x if x > 0 else y, "The truth value of an array"),
        (lambda x, y: x + y + np.sum(x * x), "is not what each gives alone"),
        (lambda x, y: np.random.default_rng().normal() + x + y, "is not"),
        (lambda x, y: np.sum(x) + np.sum(y), "one number for each point"),
    ],
)
def test_a_function_that_does_not_do_is_refused(function, words):
    assert words in refusal(lambda_named(function))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"start": (9, 0)}, "start of square has x = 9"),
        ({"start": (np.nan, 0)}, "is no point"),
        ({"start": 1}, "start of square is 1"),
        ({"view": ((3, -3), (-2, 2))}, "shows x from 3 to -3"),
        ({"view": ((-3, np.inf), (-2, 2))}, "shows x from -3 to inf"),
        ({"minima": 3}, "minima"),
        ({"minima": [(0, np.inf)]}, "is no point"),
        ({"lowest": "low"}, "lowest of square is 'low'"),
        ({"name": "my surface"}, "is no name for a surface"),
        ({"gradient": lambda x: x}, "take two weights"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        ravine.surface(**{"start": (1, 1), "view": VIEW, **settings})(square)


def lifted(x, y):
    x += 0.25
    return x * x + y * y


def test_a_surface_that_writes_into_its_points_is_told():
    words = r"test_your_own_surface\.py:\d+: .*surface \w+ fails with ValueError: .*read-only.* write a = a \+ b"
    sunk = ravine.surface(start=(1, 1), view=VIEW)(lifted)
    points = np.array([[1.0, 0.5], [2.0, -1.0]])
    with pytest.raises(ConfigError, match=words):
        sunk.f(*points.T)
    sloped = ravine.surface(start=(1, 1), view=VIEW, gradient=lambda x, y: (lifted(x, y), y))(square)
    with pytest.raises(ConfigError, match=words):
        sloped.gradient(*points.T)
    assert points.tolist() == [[1.0, 0.5], [2.0, -1.0]]


def test_a_decorator_without_start_or_view_says_what_to_write(tmp_path):
    for settings in ({}, {"start": (1, 1)}, {"view": VIEW}):
        with pytest.raises(ConfigError, match=r"a surface needs a start and a view: write @ravine.surface"):
            ravine.surface(**settings)(lambda_named)
    (tmp_path / "bare.py").write_text("from ravine import surface\n\n@surface\ndef f(x, y):\n    return x * y\n")
    with pytest.raises(ConfigError, match=r"bare.py:3: a surface needs a start and a view"):
        SURFACES.find(f"{tmp_path / 'bare.py'}")


def test_what_is_no_function_of_two_weights_is_refused():
    for function in (lambda x, y: x, 3, lambda_named, refusal):
        with pytest.raises(ConfigError):
            ravine.surface(start=(1, 1), view=VIEW)(function)


def test_a_file_that_fails_its_checks_draws_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text(
        "from ravine import surface\n\n"
        "@surface(start=(1, 1), view=((0.5, 2), (0, 2)))\ndef bad(x, y):\n    return abs(x) + y\n"
    )
    assert run(["paths", "sgd", "--surface", "bad.py:bad"]) == 3
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "surface bad cannot be drawn" in err
    assert [file.name for file in tmp_path.iterdir()] == ["bad.py"]


def test_the_surface_is_not_finite_at_a_start_of_the_call():
    @ravine.surface(start=(1, 1), view=((0.5, 2), (0.5, 2)))
    def steep(x, y):
        return np.log(x) ** 2 + np.log(y) ** 2

    with pytest.raises(ConfigError, match="steep is not finite at the start"), np.errstate(all="ignore"):
        ravine.draw_paths(["sgd"], steep, start=(-1, 1))
