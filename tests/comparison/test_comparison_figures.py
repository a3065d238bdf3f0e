"""Pictures of a comparison: what is drawn where, and that many optimizers can be read."""

from __future__ import annotations

import html
import itertools
import re

import numpy as np
import pytest
from msgspec.structs import replace
from outcome_cases import FOUR, NASTY, many, on_four, outcome, problem

from ravine.comparison.figures import TOGETHER, best_of_k, curves, profiles, score_by_rate
from ravine.pictures import png, svg


def named(axes) -> dict:
    """Return the curves of a panel by their names."""
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def rings(axes) -> list:
    return [line for line in axes.lines if line.get_markerfacecolor() == "none"]


def test_every_trial_of_the_searches_is_a_point_at_its_rate():
    (axes,) = score_by_rate(outcome()).axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert set(named(axes)) == {"adam", "lion", "sgd"}
    points = named(axes)["adam"]
    assert list(points.get_xdata()) == [0.002, 0.02, 0.2, 0.9]  # the finals and the controls are none of these
    assert list(points.get_ydata()) == pytest.approx([0.03, 0.02, 0.03, 0.04])  # 1 - accuracy
    low, high = axes.get_ylim()
    assert low > high  # so accuracies grow upwards
    assert axes.yaxis.get_major_formatter()(0.02, None) == "98 %"


def test_the_chosen_settings_are_ringed_in_the_color_of_their_optimizer():
    (axes,) = score_by_rate(outcome()).axes
    found = [(ring.get_xdata()[0], ring.get_ydata()[0], ring.get_markeredgecolor()) for ring in rings(axes)]
    assert [(x, pytest.approx(y)) for x, y, _ in found] == [(0.02, 0.02), (0.02, 0.024), (0.02, 0.028)]
    assert [color for _, _, color in found] == [named(axes)[label].get_color() for label in ("adam", "lion", "sgd")]


def test_the_band_is_the_margin_below_the_best_trial():
    (axes,) = score_by_rate(outcome()).axes
    (band,) = axes.patches
    ends = band.get_extents().transformed(axes.transData.inverted())
    assert sorted((ends.y0, ends.y1)) == pytest.approx([0.02, 0.022])


def test_trials_that_diverged_lie_as_crosses_at_the_border_and_do_not_stretch_the_axis():
    made = outcome(("a", "b"), diverged=("b",))
    rows = [row if row.status == "done" else replace(row, score=0.1) for row in made.trials]
    (axes,) = score_by_rate(replace(made, trials=tuple(rows))).axes
    crosses = [line for line in axes.lines if line.get_marker() == "x" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in crosses] == [[0.9]]
    assert len(named(axes)["b"].get_xdata()) == 3
    border, best = axes.get_ylim()
    assert crosses[0].get_ydata()[0] <= border
    assert border / best < 6  # chance, 0.9, would be at 45 times the best


def test_losses_keep_their_numbers_and_grow_upwards():
    (axes,) = score_by_rate(outcome(objective="loss")).axes
    assert list(named(axes)["adam"].get_ydata()) == pytest.approx([0.11, 0.1, 0.11, 0.12])
    low, high = axes.get_ylim()
    assert low < high
    assert axes.get_ylabel() == "validation loss"


def test_a_perfect_score_can_be_drawn():
    made = outcome()
    figure = score_by_rate(replace(made, trials=tuple(replace(row, score=1.0) for row in made.trials)))
    assert len(png(figure)) > 1000


def test_each_problem_has_its_picture():
    made = outcome(problems=(problem("one"), problem("two")))
    assert set(named(score_by_rate(made, "two").axes[0])) == {"adam", "lion", "sgd"}
    assert svg(score_by_rate(made), "x") == svg(score_by_rate(made, "one"), "x")


def test_an_optimizer_looks_the_same_wherever_it_stands():
    first = named(score_by_rate(outcome(("a", "b"), order=("a", "b"))).axes[0])
    second = named(score_by_rate(outcome(("b", "a"), order=("a", "b"))).axes[0])
    assert {label: line.get_color() for label, line in first.items()} == {
        label: line.get_color() for label, line in second.items()
    }


def test_the_best_of_k_grows_with_k_on_an_axis_of_powers_of_two():
    made = outcome()
    (axes,) = best_of_k(made).axes
    assert axes.get_xscale() == "log"
    line = named(axes)["adam"]
    assert list(line.get_xdata()) == [1, 2, 3, 4]
    errors = [1 - best.mean for best in made.leaderboard[0].best_of]
    assert list(line.get_ydata()) == pytest.approx(errors)
    assert np.all(np.diff(line.get_ydata()) < 0)
    assert len(axes.collections) == 3  # a band for each


def test_curves_have_bands_over_epochs_and_over_seconds():
    made = outcome()
    (epochs,), (seconds,) = curves(made).axes, curves(made, over="seconds").axes
    assert list(named(epochs)["adam"].get_xdata()) == [1, 2, 3]
    assert list(named(seconds)["lion"].get_xdata()) == pytest.approx([0.5, 1.0, 1.6])
    assert (epochs.get_xlabel(), seconds.get_xlabel()) == ("epoch", "seconds of training")
    assert len(epochs.collections) == 3
    heights = epochs.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(1 - 1.001 * 0.98)
    assert heights.max() == pytest.approx(1 - 0.999 * made.leaderboard[0].curve.mean[0])


def test_a_curve_ends_where_a_run_diverged():
    (axes,) = curves(outcome(("a", "b"), diverged=("b",))).axes
    assert [len(named(axes)[label].get_xdata()) for label in ("a", "b")] == [3, 2]


def height_at(line, ratio: float) -> float:
    """Return the height of a line of steps just behind a ratio."""
    return max(y for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True) if x <= ratio)


def test_profiles_are_steps_from_none_to_all_problems():
    made = on_four()
    (axes,) = profiles(made).axes
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("ratio to the best test error", "share of problems")
    assert set(named(axes)) == {"adam", "sgd", "lion"}
    for profile in made.profiles:
        line = named(axes)[profile.optimizer]
        for share in profile.shares:
            if share.tau <= axes.get_xlim()[1]:
                assert height_at(line, share.tau) == share.share
        x, y = line.get_xdata(), line.get_ydata()
        assert all((a == b) != (c == d) for a, b, c, d in zip(x, x[1:], y, y[1:], strict=False) if (a, c) != (b, d))
        marked = [(x[k], y[k]) for k in line.get_markevery()]
        assert marked == list(zip(sorted(profile.ratios.values()), (0.25, 0.5, 0.75, 1.0), strict=True))
    low, high = axes.get_xlim()
    assert low < 1 < max(profile.largest for profile in made.profiles) < high < 2


@pytest.mark.parametrize("count", [3, 5])
def test_the_band_has_the_intervals_and_a_profile_never_leaves_it(count):
    made = on_four(count)
    (axes,) = profiles(made).axes
    for profile, band in zip(made.profiles, axes.collections, strict=True):
        line, corners = named(axes)[profile.optimizer], {tuple(corner) for corner in band.get_paths()[0].vertices}
        for before, after in itertools.pairwise(profile.shares):
            assert {(before.tau, before.low), (before.tau, after.high)} <= corners
            assert {(after.tau, before.low), (after.tau, after.high)} <= corners
            for ratio in np.linspace(before.tau, 0.9999 * after.tau, 9):
                assert before.low <= height_at(line, ratio) <= after.high


def test_a_profile_with_ratios_beyond_the_axis_or_infinite_ones_ends_lower():
    made = on_four()
    far = replace(made.profiles[0], ratios={"p": 1.0, "q": 1.2, "r": 45.0, "s": None}, largest=None)
    (axes,) = profiles(replace(made, profiles=(far, *made.profiles[1:]))).axes
    assert axes.get_xlim()[1] == 5
    assert max(named(axes)[far.optimizer].get_ydata()) == 0.5
    assert axes.get_xticks().tolist() == [1, 1.5, 2, 3, 5]


def test_profiles_of_one_best_everywhere_and_of_losses_can_be_drawn():
    same = [replace(p, ratios=dict.fromkeys(FOUR, 1.0), largest=1.0) for p in on_four().profiles]
    (axes,) = profiles(replace(on_four(objective="loss"), profiles=tuple(same))).axes
    assert axes.get_xlabel() == "ratio to the best test loss"
    assert axes.get_xlim()[1] == pytest.approx(1.1)
    assert len(png(profiles(on_four(objective="loss")))) > 1000


def test_profiles_of_many_optimizers_have_a_panel_each_with_the_others_in_gray():
    made = on_four(9)
    figure = profiles(made)
    assert [axes.get_title() for axes in figure.axes] == [profile.optimizer for profile in made.profiles]
    for axes in figure.axes:
        gray, own = axes.lines
        assert gray.get_color() == "#9aa1a8"
        assert sum(np.isnan(gray.get_xdata())) == 8
        assert own.get_label() == axes.get_title()
    assert figure.get_supylabel() == "share of problems"
    assert figure.get_supxlabel() == "ratio to the best test error"


@pytest.mark.parametrize("draw", [score_by_rate, best_of_k, curves])
def test_many_optimizers_have_a_panel_each_with_the_others_in_gray(draw):
    made = many(9).outcome
    figure = draw(made)
    assert [axes.get_title() for axes in figure.axes] == [standing.optimizer for standing in made.leaderboard]
    for axes in figure.axes:
        gray, *own = axes.lines
        assert gray.get_color() == "#9aa1a8"
        assert {line.get_color() for line in own if len(line.get_xdata())} == {"#0072B2"}
        assert list(named(axes)) == [axes.get_title()]
        assert sum(np.isnan(gray.get_xdata())) == 8 * (4 if draw is score_by_rate else 1)
        assert axes.get_ylim() == figure.axes[0].get_ylim()
    assert figure.get_supylabel() == "validation accuracy"
    assert len(draw(many(6).outcome).axes) == 1


def test_rates_have_labels_below_every_column():
    figure = score_by_rate(many(9).outcome)
    figure.draw_without_rendering()
    shown = [any(label.get_visible() for label in axes.get_xticklabels()) for axes in figure.axes]
    assert shown == [False] * 5 + [True] * 4


def test_names_of_any_letters_are_drawn_as_they_are():
    labels = [NASTY, r"$\nonsense{$", "_hidden", "50%", "one $ only"]
    for count in (len(labels), TOGETHER + 1):
        names = [*labels, "adam", "sgd"][:count]
        for draw in (score_by_rate, best_of_k, curves):
            texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg(draw(outcome(names)), "names").decode())
            assert {html.escape(name, quote=False) for name in names} <= {text.strip() for text in texts}
        on_all = svg(profiles(outcome(names, problems=[problem(name) for name in FOUR])), "names").decode()
        texts = re.findall(r"<text[^>]*>([^<]*)</text>", on_all)
        assert {html.escape(name, quote=False) for name in names} <= {text.strip() for text in texts}
