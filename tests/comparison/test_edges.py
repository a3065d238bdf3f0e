"""The edge rule: it sees a space that is too narrow, and seldom anything in one that is not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from comparison_cases import TOY, noise, planned, played
from scipy import stats

from ravine.comparison.edges import AT_EDGE, BEST, LEAST_TRIALS, Edge, beyond, edges, joined, outermost
from ravine.comparison.plan import Entry, Protocol
from ravine.comparison.points import points
from ravine.comparison.trials import Trial
from ravine.search import choice, linear, log, one_minus_log

AXES = {"lr": log(1e-4, 1), "alpha": one_minus_log(0.001, 0.5), "decay": linear(0.2, 0.8), "eps": log(1e-9, 1e-3)}
ENTRY = Entry(
    label="any",
    optimizer="sgd",
    space=AXES,
    bounds={"lr": (1e-38, 3e38), "alpha": (0.0, 0.9999999), "decay": (0.0, 1.0), "eps": (1e-38, 3e38)},
)


def trial(number, settings):
    return Trial("toy", "any", "search", number, settings, None)


def searched(seed, count, axes=AXES):
    """Return the trials of a search, and their coordinates."""
    coordinates = points(TOY, seed)[:count]
    made = [
        trial(k, {name: axis.at(u) for (name, axis), u in zip(axes.items(), row, strict=False)})
        for k, row in enumerate(coordinates)
    ]
    return made, coordinates[:, : len(axes)]


@pytest.mark.parametrize("count", [16, 32, 64, 256])
def test_axes_that_do_not_matter_are_at_an_edge_in_at_most_5_of_100_searches(count):
    rng = np.random.default_rng(count)
    repetitions = 400
    fired = 0
    for seed in range(repetitions):
        made, _ = searched(seed, count)
        best = [made[k] for k in rng.permutation(count)]  # the score has nothing to do with the point
        fired += bool(edges(best, AXES, ENTRY))
    # the probability of more than this is below 1 in 1,000 if the rate is 5 %
    assert fired <= stats.binom.ppf(0.999, repetitions, 0.05)
    assert fired / repetitions <= 0.05


def test_the_rate_of_one_axis_is_that_of_drawing_five_of_sixteen():
    # Each quarter of an axis has four of 16 Sobol points. Four of a random five lie in one of the two outer quarters
    # with this probability, by the hypergeometric distribution.
    expected = 2 * stats.hypergeom.sf(AT_EDGE - 1, 16, 4, BEST)
    rng = np.random.default_rng(1)
    fired = 0
    for seed in range(200):
        made, _ = searched(seed, 16, {"lr": AXES["lr"]})
        for _ in range(20):
            best = [made[k] for k in rng.permutation(16)]
            fired += bool(edges(best, {"lr": AXES["lr"]}, ENTRY))
    assert expected == pytest.approx(0.0055, abs=1e-4)
    assert stats.binom.ppf(0.0005, 4000, expected) <= fired <= stats.binom.ppf(0.9995, 4000, expected)


@pytest.mark.parametrize("count", [16, 32, 64, 256])
@pytest.mark.parametrize("end", ["low", "high"])
@pytest.mark.parametrize("name", list(AXES))
def test_a_score_that_rises_to_an_end_is_seen(count, end, name):
    place = list(AXES).index(name)
    for seed in range(10):
        made, coordinates = searched(seed, count)
        toward = coordinates[:, place] if end == "high" else -coordinates[:, place]
        best = [made[k] for k in np.argsort(-toward)]
        assert Edge(name, end) in edges(best, AXES, ENTRY)


def test_an_optimum_beyond_the_range_is_seen_among_other_axes_and_one_inside_is_not():
    beyond_it = inside = 0
    for seed in range(100):
        made, u = searched(seed, 16)
        others = 0.3 * ((u[:, 1:] - 0.5) ** 2).sum(axis=1)
        for optimum in (1.5, 0.7):
            best = [made[k] for k in np.argsort((u[:, 0] - optimum) ** 2 + others)]
            found = Edge("lr", "high") in edges(best, AXES, ENTRY)
            beyond_it, inside = beyond_it + (found and optimum > 1), inside + (found and optimum < 1)
    assert beyond_it >= 85
    assert inside <= 3


def test_it_takes_four_of_the_best_five():
    places = np.linspace(0.03125, 0.96875, 16)  # 16 equal parts
    made = {k: trial(k, {"lr": AXES["lr"].at(u)}) for k, u in enumerate(places)}
    for outside, fires in (([8], True), ([8, 7], False), ([11], True)):
        first = [*outside, 15, 14, 13, 12][:BEST] if len(outside) < 2 else [*outside, 15, 14, 13]
        rest = [k for k in made if k not in first]
        found = edges([made[k] for k in (*first, *rest)], {"lr": AXES["lr"]}, ENTRY)
        assert found == ([Edge("lr", "high")] if fires else [])


def test_a_natural_bound_is_no_edge():
    bounded = replace_bounds(alpha=(0.5, 0.9999999), decay=(0.2, 0.8))
    made, u = searched(0, 16)
    for place, end, name in ((1, -1, "alpha"), (2, -1, "decay"), (2, 1, "decay")):
        best = [made[k] for k in np.argsort(-end * u[:, place])]
        assert any(edge.axis == name for edge in edges(best, AXES, ENTRY))
        assert not any(edge.axis == name for edge in edges(best, AXES, bounded))
    best = [made[k] for k in np.argsort(-u[:, 1])]
    assert edges(best, AXES, bounded) == [Edge("alpha", "high")]


def replace_bounds(**bounds):
    return Entry(label="any", optimizer="sgd", space=AXES, bounds={**ENTRY.bounds, **bounds})


def test_choices_have_no_edge():
    axes = {"lr": AXES["lr"], "schedule": choice("constant", "cosine"), "batch_size": choice(10, 20, 50)}
    entry = Entry(label="any", optimizer="sgd", space=axes, bounds=dict.fromkeys(axes, (None, None)))
    made, u = searched(0, 16, axes)
    for place in (1, 2):
        best = [made[k] for k in np.argsort(u[:, place])]
        assert not any(edge.axis != "lr" for edge in edges(best, axes, entry))


@pytest.mark.parametrize("count", [4, 8])
def test_small_searches_show_no_edge(count):
    assert count < LEAST_TRIALS
    for seed in range(50):
        made, u = searched(seed, count)
        for place in range(len(AXES)):
            assert edges([made[k] for k in np.argsort(u[:, place])], AXES, ENTRY) == []


def test_trials_that_all_diverged_show_no_edge():
    for seed in range(50):
        made, _ = searched(seed, 16)
        assert edges(made, AXES, ENTRY) == []  # all are equal, so they stay in their order


def test_how_many_trials_are_an_end():
    assert [outermost(n) for n in (16, 32, 64, 100, 1000)] == [4, 6, 8, 10, 100]


def test_trials_of_one_value_show_no_edge():
    made = [trial(k, {"lr": 0.01}) for k in range(16)]
    assert edges(made, {"lr": AXES["lr"]}, ENTRY) == []


def test_a_search_goes_on_beyond_its_edges_alone():
    found = beyond(AXES, [Edge("lr", "high"), Edge("decay", "low")], ENTRY)
    assert found["lr"].ends == pytest.approx((1, 100))
    assert found["decay"].ends == pytest.approx((0.0, 0.2))  # half of its width is 0.3, and the bound is 0
    assert found["alpha"] == AXES["alpha"]
    assert found["eps"] == AXES["eps"]
    whole = joined(AXES, found)
    assert whole["lr"].ends == pytest.approx((1e-4, 100))
    assert whole["decay"].ends == pytest.approx((0.0, 0.8))
    momentum = joined(AXES, beyond(AXES, [Edge("alpha", "high")], ENTRY))["alpha"]
    assert momentum.ends[0] == 0.5
    assert 1 - momentum.ends[1] == pytest.approx(0.001 / math.sqrt(500))
    assert momentum.width == pytest.approx(1.5 * AXES["alpha"].width)


def crippled(range_of_lr, optimum, extensions, trials=16):
    """Return the course of a search whose best learning rate is elsewhere."""
    protocol = Protocol(extensions=extensions, trials=trials, finals=6)
    _, entrants = planned("sgd", "momentum", protocol=protocol, spaces={"sgd": {"lr": log(*range_of_lr)}})

    def score(one):
        aim = optimum if one.optimizer == "sgd" else 0.01
        return 0.95 - 0.02 * abs(math.log10(one.settings["lr"] / aim)) + noise(one, 0.0005)

    return played(entrants, protocol, score)


@pytest.mark.parametrize("trials", [16, 32])
@pytest.mark.parametrize(("extensions", "at_edge"), [(0, True), (1, True), (3, False)])
def test_a_space_that_ends_far_from_the_best_rate_ends_at_the_edge(extensions, at_edge, trials):
    done, _, stages = crippled((1e-5, 1e-3), 1.0, extensions, trials)
    assert done.edges["sgd"] == ([Edge("lr", "high")] if at_edge else [])
    assert not any(edge.axis == "lr" for edge in done.edges["momentum"])
    extended = [stage for stage in stages if stage and stage[0].stage == "extension"]
    assert len(extended) <= extensions
    for stage in extended:
        for label in ("sgd", "momentum"):
            assert sum(one.optimizer == label for one in stage) == trials  # as many for every optimizer
    searched_points = [one.id for one in done.trials if one.stage in ("search", "extension")]
    assert len(set(searched_points)) == len(searched_points)  # also without an edge they are new points


def test_an_extension_that_suffices_is_no_edge():
    done, _, _ = crippled((1e-3, 1e-1), 0.4, 1)
    assert done.edges["sgd"] == []
    assert done.axes["sgd"]["lr"].ends == pytest.approx((1e-3, 1))
    assert done.winners["sgd"].stage == "extension"
    assert 0.1 < done.winners["sgd"].settings["lr"] < 1


def test_extensions_stop_where_float32_does():
    protocol = Protocol(extensions=12, finals=2)
    _, entrants = planned("sgd", "momentum", protocol=protocol)

    def score(one):
        lr, alpha = one.settings["lr"], one.settings.get("alpha", 0.5)
        return 0.5 + 0.002 * math.log10(lr) - 0.002 * math.log10(1 - alpha)

    done, _, _ = played(entrants, protocol, score)
    # The score grows without end, and so do the ranges, up to what a run can have.
    assert done.axes["sgd"]["lr"].ends[1] == pytest.approx(float(np.finfo(np.float32).max))
    assert done.axes["momentum"]["alpha"].ends[1] <= float(np.nextafter(np.float32(1), np.float32(0)))
    assert done.edges["sgd"] == []  # there is nothing beyond
