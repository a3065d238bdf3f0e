"""Levels of repeated looks against printed tables, against SciPy's multivariate normal, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ravine.errors import ConfigError
from ravine.statistics import spending
from ravine.statistics.spending import looks

FIFTHS = [0.2, 0.4, 0.6, 0.8, 1.0]

# Bounds z_k of five equal looks, two-sided alpha 0.05, as programs and books print them.
LAN_DEMETS = {
    "obrien-fleming": (4.877, 3.357, 2.680, 2.290, 2.031),
    "pocock": (2.438, 2.427, 2.410, 2.397, 2.386),
}

# Jennison and Turnbull (2000), Tables 2.1 and 2.3: constants of Pocock's and O'Brien and Fleming's tests, alpha 0.05.
POCOCK = {2: 2.178, 3: 2.289, 4: 2.361, 5: 2.413, 10: 2.555}
OBRIEN_FLEMING = {2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 10: 2.087}


def bounds(levels):
    return [float(stats.norm.isf(level / 2)) for level in levels]


def crossing(times, z):
    """Return the probability that a Brownian motion without drift has passed each look's bounds up to each look."""
    covariance = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    z = np.array(z)
    inside = [
        stats.multivariate_normal.cdf(z[:k], None, covariance[:k, :k], lower_limit=-z[:k], abseps=1e-7, maxpts=10**6)
        for k in range(1, len(z) + 1)
    ]
    return 1 - np.array(inside)


@pytest.mark.parametrize(("name", "printed"), LAN_DEMETS.items())
def test_bounds_are_those_of_the_tables(name, printed):
    assert bounds(looks(FIFTHS, spending=name)) == pytest.approx(printed, abs=6e-4)


@pytest.mark.parametrize(("constants", "power"), [(POCOCK, 0.0), (OBRIEN_FLEMING, 0.5)])
def test_what_the_classical_bounds_spend_gives_the_classical_bounds(constants, power, monkeypatch):
    for count, constant in constants.items():
        if count > 5:
            continue  # SciPy's integral over ten looks is too coarse
        times = np.arange(1, count + 1) / count
        z = constant * (1 / times) ** power
        spent = dict(zip(times, crossing(times, z) / 2, strict=True))
        monkeypatch.setitem(spending.SPENDING, "classical", lambda t, alpha, spent=spent: spent[t])
        assert bounds(looks(times, spending="classical")) == pytest.approx(list(z), abs=2e-3)
        assert 2 * spent[1.0] == pytest.approx(0.05, abs=2e-4)


def test_ten_looks_of_pocock_keep_the_error():
    # Each look at the constant's level spends what it spends; after ten looks that is 5 %.
    times = [k / 10 for k in range(1, 11)]
    rng = np.random.default_rng(5)
    scores = np.cumsum(rng.normal(size=(400_000, 10)), axis=1) / np.sqrt(np.arange(1, 11))
    for name in spending.SPENDING:
        z = bounds(looks(times, spending=name))
        assert np.mean((np.abs(scores) > z).any(axis=1)) == pytest.approx(0.05, abs=0.0014)  # four standard errors


@pytest.mark.parametrize("name", ["obrien-fleming", "pocock"])
@pytest.mark.parametrize("times", [[0.1, 0.15, 0.7, 0.75], [0.3, 0.301, 1.0], [1 / 3, 0.99, 1.0]])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.2])
def test_each_look_spends_its_share_exactly(name, times, alpha):
    shares = {
        "obrien-fleming": lambda t: 4 * stats.norm.sf(stats.norm.isf(alpha / 4) / math.sqrt(t)),
        "pocock": lambda t: alpha * math.log(1 + (math.e - 1) * t),
    }
    spent = crossing(np.array(times), bounds(looks(times, alpha, name)))
    assert spent == pytest.approx([shares[name](t) for t in times], abs=1e-5)


@pytest.mark.parametrize("name", ["obrien-fleming", "pocock"])
def test_one_look_at_everything_has_the_whole_level(name):
    for alpha in (0.05, 0.01, 0.5):
        assert looks([1.0], alpha, name) == pytest.approx((alpha,), abs=1e-12)


def test_later_looks_do_not_change_the_levels_of_earlier_ones():
    assert looks(FIFTHS)[:3] == looks(FIFTHS[:3])


def test_the_first_look_may_be_so_early_that_it_decides_nothing():
    first, last = looks([1e-4, 1.0])
    assert first == 0.0
    assert last == pytest.approx(0.05, abs=1e-9)


def test_close_and_many_looks_are_exact_too():
    spent = crossing(np.array([0.3, 0.301]), bounds(looks([0.3, 0.301], 0.2, "pocock")))
    assert spent[1] - spent[0] == pytest.approx(
        0.2 * math.log((1 + (math.e - 1) * 0.301) / (1 + (math.e - 1) * 0.3)), rel=1e-3
    )
    # A look that adds next to nothing spends next to nothing.
    assert looks([0.5, 0.50002, 1.0])[-1] == pytest.approx(looks([0.5, 1.0])[-1], abs=1e-5)
    many = looks([k / 100 for k in range(1, 101)], spending="pocock")
    rng = np.random.default_rng(6)
    scores = np.cumsum(rng.normal(size=(40_000, 100)), axis=1) / np.sqrt(np.arange(1, 101))
    assert np.mean((np.abs(scores) > bounds(many)).any(axis=1)) == pytest.approx(0.05, abs=0.0044)


def test_no_looks_have_no_levels():
    assert looks([]) == ()


@pytest.mark.parametrize(
    "fractions",
    [[0.0, 1.0], [0.5, 0.5], [0.6, 0.5], [0.5, 1.1], [-0.5], [math.nan], [0.5, math.nan], [math.inf], [0.5, 0.5000001]],
)
def test_fractions_must_grow_up_to_one(fractions):
    with pytest.raises(ConfigError, match="must grow, from 0 to 1, by 1e-05 or more"):
        looks(fractions)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_alpha_lies_between_zero_and_one(alpha):
    with pytest.raises(ConfigError, match="must lie between 0 and 1"):
        looks([1.0], alpha)


def test_an_unknown_spending_function_is_named():
    with pytest.raises(ConfigError, match="unknown spending function 'pokock'; did you mean 'pocock'"):
        looks([1.0], spending="pokock")
