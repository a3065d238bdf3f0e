"""Every kind of finding on results that are made up, against intervals worked out here by hand."""

from __future__ import annotations

import math

import pytest
from stored_cases import DEAD, T4, around, epochs, result, study_of

from ravine.paper.measures import (
    ACCURACY,
    LOSS,
    SECONDS,
    accuracy_at,
)
from ravine.report.findings import (
    every,
    finding,
    grows,
    higher,
    like_published,
    lower,
    mean_at_least,
    no_gain,
    none_above,
    some,
)
from ravine.studies import Group, Study, plan

ROWS = [{"lr": 0.1, "label": "a"}, {"lr": 0.01, "label": "b"}, {"lr": 0.001, "epochs": 20, "label": "c"}]
STUDY = Study(name="s", groups=[Group(name="g", rows=ROWS)], seeds=[0, 1, 2, 3, 4])
PLANNED = plan(STUDY)
SINGLE = plan(Study(name="s", groups=STUDY.groups))
A, B, C = (PLANNED[5 * k : 5 * k + 5] for k in range(3))


def accuracies(row, values):
    return [result(run, value) for run, value in zip(row, values, strict=True)]


def losses(row, values):
    """Return results with these losses; None is a network that died."""
    return [
        result(run, 0.098, 2.3, cause=DEAD) if value is None else result(run, 0.97, value)
        for run, value in zip(row, values, strict=True)
    ]


def differences(values):
    """Return a study in which a's accuracies are above b's by these, while both scatter widely."""
    base = [0.91, 0.95, 0.93, 0.97, 0.92]
    return study_of(
        PLANNED,
        {"a": accuracies(A, [x + d for x, d in zip(base, values, strict=True)]), "b": accuracies(B, base)},
    )


# Half the width of the interval of a mean of five values of standard deviation k.
HALF = T4 / math.sqrt(5)


@pytest.mark.parametrize(
    ("mean", "deviation", "holds"),
    [
        (0.03, 0.01, True),
        (0.0012 * 1.02 * HALF, 0.0012, True),
        (0.0012 * 0.98 * HALF, 0.0012, "too few seeds"),
        (0.0, 0.01, "too few seeds"),
        # Up to the margin, 0.14 points, nothing matters.
        (0.0014 - 0.0007 * HALF - 1e-5, 0.0007, False),
        (0.0014 - 0.0007 * HALF + 1e-5, 0.0007, "too few seeds"),
        (0.0, 0.0, False),
        (-0.03, 0.01, False),
        (-0.03, 0.03, "too few seeds"),
        # The interval is clear of zero, however small the difference.
        (0.0001, 0.00001, True),
    ],
)
def test_a_comparison_rests_on_the_paired_interval(mean, deviation, holds):
    study = differences(around(mean, deviation))
    found = higher(ACCURACY, "g:a", "g:b")(study)
    mirrored = lower(ACCURACY, "g:b", "g:a")(study)
    for each in (found, mirrored):
        assert (each.holds, each.undecided) == ((holds, None) if isinstance(holds, bool) else (None, holds))
        assert not each.impossible


def test_a_comparison_in_words():
    found = higher(ACCURACY, "g:a", "g:b")(differences([0.01, 0.02, 0.03, 0.04, 0.05]))
    assert found.quantity == "test accuracy of sgd lr 0.1, m 10 is above that of sgd lr 0.01, m 10"
    # s = sqrt(0.00025), and 2.776 s / sqrt(5) = 0.0196.
    assert found.measured == "96.60 % against 93.60 %: +3.00 ± 1.96 points"
    found = lower(LOSS, "g:a", "g:b")(
        study_of(PLANNED, {"a": losses(A, around(0.02, 0.001)), "b": losses(B, [0.03] * 5)})
    )
    assert found.quantity == "training loss of sgd lr 0.1, m 10 is below that of sgd lr 0.01, m 10"
    assert found.measured == "0.0200 against 0.0300: -0.0100 ± 0.0012"
    assert found.holds is True


def test_no_minus_stands_before_a_zero():
    assert ACCURACY.show_difference(-1e-9, 1e-9) == "+0.00 ± 0.00 points"
    assert SECONDS.show_difference(-2.04, None) == "-2.0 s"


def test_seeds_of_which_one_diverged_are_left_out_of_a_pair():
    rows = {"a": losses(A, [0.1, None, 0.2, 0.3, 0.9]), "b": losses(B, [0.2, 0.2, 0.3, 0.4, None])}
    found = lower(LOSS, "g:a", "g:b")(study_of(PLANNED, rows))
    assert found.measured == "0.2000 against 0.3000: -0.1000 ± 0.0000 (of 3 seeds; the others diverged)"
    assert found.holds is True


def test_all_seeds_diverged():
    study = study_of(PLANNED, {"a": losses(A, [None] * 5), "b": losses(B, [0.1] * 5)})
    tests = [
        lower(LOSS, "g:a", "g:b"),
        no_gain(LOSS, "g:b", LOSS, "g:a"),
        like_published(LOSS, "g:a", 0.02, 0.01),
        none_above(LOSS, ["g:a"], 0.5),
        mean_at_least(LOSS, "g:a", 0.0),
    ]
    for test in tests:
        found = test(study)
        assert found.holds is False
        assert "diverged" in found.measured


def test_one_seed_decides_no_comparison():
    a, b, c = SINGLE
    study = study_of(SINGLE, {"a": [result(a, 0.98)], "b": [result(b, 0.97)], "c": [result(c, 0.9)]})
    tests = {
        higher(ACCURACY, "g:a", "g:b"): "98.00 % against 97.00 %: +1.00 points",
        lower(ACCURACY, "g:a", "g:b"): "98.00 % against 97.00 %: +1.00 points",
        no_gain(ACCURACY, "g:a", ACCURACY, "g:b"): "98.00 % against 97.00 %: +1.00 points",
        like_published(ACCURACY, "g:a", 0.5, 0.001): "98.00 %",
        none_above(ACCURACY, ["g:b", "g:a"], 0.5): "best 98.00 %",
    }
    for test, words in tests.items():
        found = test(study)
        assert (found.holds, found.undecided) == (None, "one seed")
        # sqrt(0.98 0.02 / 10,000) = 0.0014.
        assert found.measured.startswith(f"{words} (one seed; binomial error of an accuracy 0.14 points)")
    found = lower(LOSS, "g:a", "g:b")(study)
    assert (found.measured, found.undecided) == ("0.0200 against 0.0200: +0.0000 (one seed)", "one seed")


TESTS = [
    (higher(ACCURACY, "g:a", "g:b"), "ab"),
    (lower(LOSS, "g:a", "g:b"), "ab"),
    (grows("g:a", accuracy_at(1), accuracy_at(5)), "a"),
    (no_gain(ACCURACY, "g:a", ACCURACY, "g:b"), "ab"),
    (every("it is done", ["g:a", "g:b"], lambda r: True), "ab"),
    (some("it is done", "g:b", lambda r: True), "b"),
    (like_published(ACCURACY, "g:b", 0.97, 0.001), "b"),
    (none_above(ACCURACY, ["g:a", "g:b"], 0.98), "ab"),
    (mean_at_least(ACCURACY, "g:b", 0.98), "b"),
]
"""A test of each kind, and the rows that it needs."""


@pytest.mark.parametrize(("asked", "needs"), TESTS)
@pytest.mark.parametrize(("missing", "seeds"), [("a", 0), ("b", 0), ("b", 4), ("ab", 0)])
def test_what_is_not_stored_is_not_judged(asked, needs, missing, seeds):
    rows = {name: accuracies(row, [0.9] * 5) for name, row in (("a", A), ("b", B))}
    for name in missing:
        rows[name] = rows[name][:seeds]
    found = asked(study_of(PLANNED, rows))
    if set(needs) & set(missing):
        assert (found.measured, found.holds, found.undecided) == ("-", None, "not run")
    else:
        assert found.holds is not None


@pytest.mark.parametrize("asked", [asked for asked, _ in TESTS])
def test_a_quick_look_judges_no_whole_run(asked):
    rows = {"a": accuracies(A, [0.9] * 5), "b": accuracies(B, [0.9] * 5)}
    for stored in (rows, {}):
        found = asked(study_of(PLANNED, stored, quick=True))
        assert (found.measured, found.holds, found.undecided) == ("-", None, "quick look")


def test_what_needs_no_whole_run_is_judged_in_a_quick_look_too():
    asked = finding(lambda _: "what", lambda e: (f"{len(e.of('g:a'))} runs", True), whole=False)
    rows = {"a": accuracies(A, [0.9] * 5)}
    assert asked(study_of(PLANNED, rows, quick=True)).measured == "5 runs"
    assert asked(study_of(PLANNED, {}, quick=True)).undecided == "not run"


@pytest.mark.parametrize(
    ("gain", "deviation", "holds"),
    [
        (0.0, 0.0001, True),
        (-0.02, 0.01, True),
        (0.0014 - 0.0005 * HALF - 1e-5, 0.0005, True),
        (0.0014 - 0.0005 * HALF + 1e-5, 0.0005, False),  # sure to be above zero, and perhaps above the margin
        (0.0, 0.002, "too few seeds"),
        (0.001, 0.001, "too few seeds"),
        (0.02, 0.01, False),
    ],
)
def test_no_gain(gain, deviation, holds):
    history = [epochs([0.5] * 9 + [0.97] + [0.5] * 9 + [0.97 + step], [0.1] * 20) for step in around(gain, deviation)]
    rows = {"c": [result(run, history=each) for run, each in zip(C, history, strict=True)]}
    found = no_gain(accuracy_at(20), "g:c", accuracy_at(10), "g:c")(study_of(PLANNED, rows))
    assert found.quantity.startswith("test accuracy after epoch 20 is not above test accuracy after epoch 10: sgd")
    assert (found.holds, found.undecided) == ((holds, None) if isinstance(holds, bool) else (None, holds))


@pytest.mark.parametrize(("gain", "holds"), [(0.01, True), (-0.01, False), (0.001, None)])
def test_growth(gain, holds):
    rows = {"a": [result(run, history=epochs([0.9] * 9 + [0.9 + d])) for run, d in zip(A, around(gain, 0.002))]}  # noqa: B905
    found = grows("g:a", accuracy_at(1), accuracy_at(10))(study_of(PLANNED, rows))
    assert found.holds is holds
    assert found.quantity == "test accuracy after epoch 10 is above test accuracy after epoch 1: sgd lr 0.1, m 10"


def test_all_and_some_runs():
    rows = {"a": accuracies(A, [0.9, 0.91, 0.92, 0.93, 0.94]), "b": accuracies(B, [0.5] * 5)}
    study = study_of(PLANNED, rows)

    def above(bound):
        return lambda r: r.test_accuracy > bound

    found = every("accuracy above 0.9", ["g:a", "g:b"], above(0.9))(study)
    assert found.quantity == "accuracy above 0.9: every run of sgd lr 0.1, m 10; sgd lr 0.01, m 10"
    assert (found.measured, found.holds) == ("4 of 10 runs", False)
    assert every("", "g:a", above(0.89))(study).holds is True
    found = some("accuracy above 0.93", "g:a", above(0.93))(study)
    assert found.quantity == "accuracy above 0.93: some run of sgd lr 0.1, m 10"
    assert (found.measured, found.holds) == ("1 of 5 runs", True)
    assert some("", ["g:a", "g:b"], above(0.94))(study).holds is False
    assert every("many", ["g:a", "g:b"] * 2, above(0))(study).quantity == "many: every run of 4 rows"


# Half the width of the interval of one more value, beside five of standard deviation k.
NEXT = T4 * math.sqrt(6 / 5)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    ("gap", "holds"), [(0.0, True), (NEXT * 0.001 + 0.00049, True), (NEXT * 0.001 + 0.00051, False)]
)
def test_a_published_value_as_one_more_seed(gap, sign, holds):
    rows = {"a": accuracies(A, around(0.97, 0.001))}
    found = like_published(ACCURACY, "g:a", 0.97 + sign * gap, 0.001)(study_of(PLANNED, rows))
    assert found.holds is holds
    # 2.776 sqrt(1.2) 0.1 points = 0.30 points.
    assert found.measured == "another seed would lie in 96.70 % to 97.30 %"


def test_a_published_value_in_words():
    rows = {"a": losses(A, [None, 0.02, 0.03, 0.02, None])}
    found = like_published(LOSS, "g:a", 0.027, 0.001)(study_of(PLANNED, rows))
    assert found.quantity == "training loss 0.0270 could be one more seed of sgd lr 0.1, m 10"
    # Three values with s = sqrt(1/3) 0.01, and 4.303 sqrt(4/3) s = 0.0287.
    assert found.measured == "another seed would lie in -0.0054 to 0.0520"
    assert (found.holds, found.undecided) == (None, "too few seeds")  # such an interval admits nearly everything
    rows = {"a": losses(A, [None, 0.022, 0.023, 0.022, None])}
    assert like_published(LOSS, "g:a", 0.024, 0.001)(study_of(PLANNED, rows)).holds is True
    assert like_published(LOSS, "g:a", 0.027, 0.001)(study_of(PLANNED, rows)).holds is False


@pytest.mark.parametrize(("mean", "holds"), [(0.967, True), (0.97, None), (0.99, None), (0.995, False)])
def test_none_above_a_bound(mean, holds):
    rows = {"a": accuracies(A, around(mean, 0.01)), "b": accuracies(B, [0.9] * 5)}
    for names in (["g:a", "g:b"], ["g:b", "g:a"]):
        found = none_above(ACCURACY, names, 0.98)(study_of(PLANNED, rows))
        assert found.holds is holds
        assert found.undecided == (None if holds is not None else "too few seeds")
        assert found.quantity == "none of 2 rows has a test accuracy above 98.00 %"
        assert found.measured == f"best {100 * mean:.2f} % ± {100 * HALF * 0.01:.2f} %: sgd lr 0.1, m 10"


def test_a_row_below_the_best_may_be_surely_above_the_bound():
    rows = {"a": accuracies(A, around(0.99, 0.02)), "b": accuracies(B, around(0.985, 0.0001))}
    assert none_above(ACCURACY, ["g:a"], 0.98)(study_of(PLANNED, rows)).holds is None
    assert none_above(ACCURACY, ["g:a", "g:b"], 0.98)(study_of(PLANNED, rows)).holds is False


def test_a_mean_is_at_least():
    rows = {"a": accuracies(A, [0.97, 0.98, 0.975, 0.976, 0.974])}
    found = mean_at_least(ACCURACY, "g:a", 0.975)(study_of(PLANNED, rows))
    assert (found.measured, found.holds) == ("97.50 %", True)
    assert found.quantity == "mean test accuracy of sgd lr 0.1, m 10 is at least 97.50 %"
    assert mean_at_least(ACCURACY, "g:a", 0.9751)(study_of(PLANNED, rows)).holds is False


def test_epochs_are_named_where_they_are_not_the_usual_ones():
    assert study_of(PLANNED, {}).name("g:c") == "sgd lr 0.001, m 10, 20 epochs"
    assert study_of(PLANNED, {}).name("g:none") == "g:none"
