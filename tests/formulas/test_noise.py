"""Random numbers that a rule asks for: published values of their generator, their distribution, and their uses."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from ravine.errors import ConfigError
from ravine.formulas.elementwise import rule
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.noise import LOW, noise_for, normal_numbers, philox
from ravine.optimizers.perturbed_gd import perturbed_gd
from ravine.optimizers.sgld import sgld


# The known answers that the authors publish with Random123 1.09, kat_vectors.
@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((LOW,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0_A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_its_authors_numbers(counter, key, words):
    assert tuple(int(word) for word in philox(*map(np.uint64, counter), key)) == words


def box_and_muller(seed, t, row, columns):
    """Return the numbers of a row by the formula, with NumPy's functions and whole numbers of any size."""
    half = -(-columns // 2)
    cosines, sines = [], []
    for j in range(half):
        a, b, c, d = (int(word) for word in philox(*map(np.uint64, (j, row, t, 0)), seed))
        u, v = (((high << 32 | low) >> 12) + 0.5 for high, low in ((a, b), (c, d)))
        radius, angle = np.sqrt(-2 * np.log(u / 2**52)), 2 * np.pi * (v / 2**52)
        cosines.append(radius * np.cos(angle))
        sines.append(radius * np.sin(angle))
    return np.array([*cosines, *sines][:columns])


@pytest.mark.parametrize("columns", [1, 2, 7, 300])
def test_the_formula_holds(columns):
    ours = normal_numbers(2**50 + 11, 900, np.array([5, 6]), columns)
    np.testing.assert_allclose(ours[1], box_and_muller(2**50 + 11, 900, 6, columns), rtol=1e-12, atol=1e-14)


def test_they_are_normal_and_independent():
    z = normal_numbers(7, 3, np.arange(1000), 200)
    count = z.size
    ranks = np.array([NormalDist().cdf(one) for one in np.sort(z.ravel())[::40]])
    assert np.abs(ranks - (np.arange(0, count, 40) + 0.5) / count).max() < 1.95 / np.sqrt(count)  # Kolmogorov, 0.1 %
    for one, other in (
        (z[:, :100], z[:, 100:]),  # cosines and sines of the same pairs
        (z[:-1], z[1:]),
        (z, normal_numbers(7, 4, np.arange(1000), 200)),
        (z, normal_numbers(8, 3, np.arange(1000), 200)),
        (z, normal_numbers(7, 3, np.arange(1000), 200, draw=1)),
    ):
        for f in (np.asarray, np.square):
            assert abs(np.corrcoef(f(one).ravel(), f(other).ravel())[0, 1]) < 4 / np.sqrt(one.size)


def test_a_place_has_its_number_whatever_is_asked_for_beside_it():
    whole = normal_numbers(1, 2, np.arange(50), 31)
    np.testing.assert_array_equal(normal_numbers(1, 2, np.array([49, 3]), 31), whole[[49, 3]])
    arrays = noise_for([np.zeros((48, 31)), np.zeros(31)], 1, 2)()
    np.testing.assert_array_equal(arrays[0], whole[:48])
    np.testing.assert_array_equal(arrays[1], whole[48])


def test_a_rule_with_noise_is_never_idle():
    with pytest.raises(ConfigError, match="leave out inert=True"):

        @rule(inert=True)
        def still(g, noise, *, lr=0.1):
            return lr * g * noise

    def rests(n):
        return 0

    with pytest.raises(ConfigError, match="leave out its lazy update"):

        @rule(lazy=rests)
        def moves(g, noise, *, lr=0.1):
            return lr * (g + noise)


def test_what_a_matrix_rule_may_ask_for():
    with pytest.raises(ConfigError, match="loss, noise, or both"):

        @matrix_rule
        def swapped(gradients, weights, state, t, noise, loss, *, lr=0.1):
            return gradients, {}


@matrix_rule(by_layer=True)
def shaken(gradients, weights, state, t, noise, *, lr=0.1):
    return [lr * (g + z + 2 * y) for g, z, y in zip(gradients, noise(), noise(1), strict=True)], {}


def test_layer_by_layer_the_noise_is_the_same():
    weights = [np.ones((3, 4)), np.ones(4), np.ones((4, 2)), np.ones(2)]
    noise = noise_for(weights, 5, 9)
    together, _ = shaken.step(weights, weights, {}, 9, shaken.everywhere({"lr": 0.5}, weights), noise=noise)
    apart, _ = shaken.step(weights, weights, {}, 9, [{"lr": 0.5}, {"lr": 0.5}], noise=noise)
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one, other)


def test_sgld_ends_in_the_distribution_that_it_is_for():
    """On w^2 / 2 with a small rate, that is a normal distribution whose variance is the temperature."""
    lr, temperature = 0.05, 0.3
    w = np.zeros((40, 50))
    for t in range(1, 400):
        (noise,) = noise_for([w], 3, t)()
        w = w - sgld(w, noise, lr=lr, temperature=temperature)
    # The chain w' = (1 - lr) w + sqrt(2 lr T) z has the variance T / (1 - lr / 2).
    assert w.var() == pytest.approx(temperature / (1 - lr / 2), rel=4 * np.sqrt(2 / w.size))


def test_a_perturbation_leaves_a_saddle_where_gradient_descent_stays():
    w, rest = np.zeros(2), np.zeros(2)
    for t in range(1, 300):
        (noise,) = noise_for([w], 0, t)()
        g = np.array([w[0], -w[1] + w[1] ** 3])
        step, rest = perturbed_gd(g, rest, np.linalg.norm(g), noise, lr=0.1, radius=0.001, threshold=0.01, interval=100)
        w = w - step
    assert abs(w[1]) == pytest.approx(1, abs=0.01)
