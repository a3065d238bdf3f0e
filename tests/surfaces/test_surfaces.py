from __future__ import annotations

import re

import numpy as np
import pytest

from ravine.conformance.surface import CHECKS, check_surface
from ravine.errors import ConfigError
from ravine.formulas.shelves import SURFACES

EACH = pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)

# Values that can be worked out by hand, or stand in the sources.
KNOWN = {
    "ravine": [((2, 1), 39.5), ((-4, 0), 8)],
    "rosenbrock": [((-1.2, 1), 24.2), ((0, 0), 1)],
    "beale": [((0, 0), 14.203125), ((1, 1), 14.203125)],
    "saddle": [((0, 0), 0), ((3, 0), 9), ((0, 2), 0)],
    "himmelblau": [((0, 0), 170), ((-0.270845, -0.923039), 181.617)],
}


def inside(surface, count=200):
    """Draw points of the map, (count,) each."""
    return (np.random.default_rng(1).uniform(low, high, count) for low, high in surface.view)


@EACH
def test_the_values_are_known(surface):
    for (x, y), value in KNOWN[surface.name]:
        assert surface.f(x, y) == pytest.approx(value, rel=1e-5)


@EACH
def test_it_passes_every_check(surface):
    assert [finding.outcome for finding in check_surface(surface).findings] == ["passed"] * len(CHECKS)


@EACH
def test_its_file_has_its_name_and_its_docstring_a_formula(surface):
    assert surface.function.__module__ == f"ravine.surfaces.{surface.name}"
    assert surface.summary.endswith((".", "?"))
    assert surface.formula


@EACH
def test_the_formula_of_the_docstring_is_the_function(surface):
    text = surface.formula.replace("^", "**")
    text = re.sub(r"(?<=[\w)]) (?=[\w(])", " * ", text)
    for x, y in zip(*inside(surface, 5), strict=True):
        assert eval(text, {"x": x, "y": y}) == pytest.approx(surface.f(x, y), rel=1e-12)


@EACH
def test_the_gradient_is_that_of_the_complex_step(surface):
    x, y = inside(surface)
    wanted = np.array([surface.f(x + 1e-30j, y).imag, surface.f(x, y + 1e-30j).imag]) / 1e-30
    np.testing.assert_allclose(np.array(surface.gradient(x, y)), wanted, rtol=1e-11, atol=1e-11)


@EACH
def test_the_minima_are_minima(surface):
    x, y = inside(surface, 10_000)
    assert (surface.f(x, y) >= surface.lowest).all()
    for minimum in surface.minima:
        assert surface.f(*minimum) == pytest.approx(surface.lowest, abs=1e-14)
        assert np.abs(surface.gradient(*minimum)).max() < 1e-13
        angles = np.linspace(0, 2 * np.pi, 50)
        around = surface.f(minimum[0] + 1e-3 * np.cos(angles), minimum[1] + 1e-3 * np.sin(angles))
        assert (around > surface.lowest).all()


@EACH
def test_the_map_shows_start_and_some_minimum(surface):
    def shown(point):
        return all(low < at < high for at, (low, high) in zip(point, surface.view, strict=True))

    assert shown(surface.start)
    assert any(shown(minimum) for minimum in surface.minima)


def test_the_condition_number_of_the_ravine():
    surface = SURFACES["ravine"]
    hessian = np.array([surface.gradient(1.0, 0.0), surface.gradient(0.0, 1.0)])
    assert np.linalg.cond(hessian) == 75


def test_the_nearest_minimum():
    assert SURFACES["saddle"].nearest_minimum(np.array([3.0, -np.sqrt(2) - 4])) == (
        (0.0, -np.sqrt(2)),
        pytest.approx(5.0),
    )


def test_an_unknown_surface():
    with pytest.raises(ConfigError, match=r"unknown surface 'rosenbrok'; did you mean 'rosenbrock'\?"):
        SURFACES.find("rosenbrok")
