"""Looks at growing data: when a test is decided, which rows want seeds, and how often the looks are wrong."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from stored_cases import DEAD, result, study_of

from ravine.paper.measures import ACCURACY
from ravine.report.best import Contender, best_row
from ravine.report.claims import Cause, Claim, judge, rows_wanted
from ravine.report.findings import every, finding, higher, like_published, none_above
from ravine.report.looks import LOOKS, Looking, find, wants
from ravine.report.stored_study import StoredStudy
from ravine.statistics import spending
from ravine.statistics.means import mean
from ravine.studies import Group, Study, plan

MOST = LOOKS[-1].seeds
STUDY = Study(
    name="s", groups=[Group(name="g", rows=[{"lr": 0.1}, {"lr": 0.01}, {"lr": 0.001}])], seeds=list(range(MOST))
)
PLANNED = plan(STUDY)
HIGHER = higher(ACCURACY, "g:1", "g:2")


def stored(*rows) -> StoredStudy:
    """Return a study in which each row has these accuracies, as many seeds as are given."""
    given = [
        [result(run, value) for run, value in zip(PLANNED[MOST * k :], values, strict=False)]
        for k, values in enumerate(rows)
    ]
    ids = {each.id for row in given for each in row}
    return replace(
        study_of(PLANNED, dict(zip("abc", given, strict=False))), planned=[r for r in PLANNED if r.id in ids]
    )


def apart(values):
    """Return a study whose first two rows differ by these."""
    return stored([0.9 + value for value in values], [0.9] * len(values))


def test_the_looks():
    assert [look.seeds for look in LOOKS] == [1, 3, 5, 8, 12, 16, 24]
    levels = [look.level for look in LOOKS[1:]]
    assert levels == list(spending.looks([n / 24 for n in (3, 5, 8, 12, 16, 24)], 0.044, "pocock"))
    assert all(0.005 < level < 0.02 for level in levels)


def test_a_test_is_decided_at_the_first_look_that_can():
    # At three seeds t is 10.8 (level 0.0086), and a mean of 1 with s = 0.1 has an interval of 0.62: decided.
    clear = [0.009, 0.010, 0.011]
    found = find(HIGHER, apart([*clear, -0.5, -0.5]), LOOKS[:3])
    assert found.holds is True
    half = float(stats.t.isf(LOOKS[1].level / 2, 2)) * 0.001 / math.sqrt(3)
    assert found.measured == f"91.00 % against 90.00 %: +1.00 ± {100 * half:.2f} points (3 seeds)"
    # One look fewer, and nothing is decided; and what only more seeds show is found at the look that has them.
    assert find(HIGHER, apart(clear), LOOKS[:1]).undecided == "one seed"
    late = [0.01, 0.02, 0.03, 0.02, 0.02]
    assert find(HIGHER, apart(late), LOOKS[:2]).undecided == "too few seeds"
    assert find(HIGHER, apart(late), LOOKS[:3]).measured.endswith(" (5 seeds)")


def test_the_interval_of_a_look_is_wider_than_that_of_a_single_judgment():
    values = [0.006, 0.010, 0.014]
    assert HIGHER(apart(values)).holds is True  # t = 4.3
    found = find(HIGHER, apart(values), LOOKS[:2])
    assert (found.holds, found.undecided) == (None, "too few seeds")


def test_without_looks_a_test_is_put_to_the_whole_study():
    study = apart([0.009, 0.010, 0.011, -0.5, -0.5])
    assert find(HIGHER, study, ()) == HIGHER(study)


def test_a_row_with_fewer_seeds_is_judged_at_the_last_look_that_it_has():
    study = stored([0.91, 0.92, 0.93, 0.92, 0.92], [0.9] * 4)  # the second row has no five seeds
    found = find(HIGHER, study, LOOKS[:3])
    assert found.undecided == "too few seeds"
    assert found.measured.endswith(" (3 seeds)")
    assert wants(HIGHER, study, LOOKS[:3]) == set()  # its runs failed: more looks give no more
    assert wants(HIGHER, study, LOOKS[:2]) == {"g:1", "g:2"}


def test_rows_that_want_seeds_are_those_of_undecided_tests_of_undecided_claims():
    study = stored([0.9, 0.91, 0.9], [0.9, 0.9, 0.91], [0.5, 0.5, 0.5])
    alike, clear = HIGHER, higher(ACCURACY, "g:1", "g:3")
    fails = every("never", "g:3", lambda run: False)
    cannot = finding(lambda _: "q", lambda _: ("m", "the check cannot tell"))
    part = Claim("part", "1", "Decided.", (alike, clear, fails), (Cause("c", alike),))
    claims = [
        part,
        Claim("open", "1", "Undecided.", (clear, alike)),
        Claim("cannot", "1", "No seeds help.", (cannot, clear)),
    ]
    assert judge(part, study, LOOKS[:2]).verdict == "reproduced in part"
    assert rows_wanted(claims, study, LOOKS[:2]) == {"g:1", "g:2"}
    assert rows_wanted(claims[:1] + claims[2:], study, LOOKS[:2]) == set()
    assert rows_wanted(claims, replace(study, quick=True), LOOKS[:2]) == set()


def test_all_rows_of_a_test_want_seeds():
    study = stored([0.9], [0.9], [0.5])
    assert wants(none_above(ACCURACY, ["g:1", "g:3"], 0.95), study, LOOKS[:1]) == {"g:1", "g:3"}
    assert wants(like_published(ACCURACY, "g:2", 0.9, 0.001), study, LOOKS[:1]) == {"g:2"}


def test_what_counts_runs_is_decided_with_one_seed():
    study = stored([0.9], [0.9])
    found = find(every("high", "g:1", lambda run: run.test_accuracy > 0.8), study, LOOKS)
    assert (found.holds, found.measured) == (True, "1 of 1 run")


def test_causes_are_judged_by_the_seeds_that_their_rows_have():
    study = stored([0.9, 0.9, 0.9], [0.9, 0.9, 0.9], [0.5])
    claim = Claim("c", "1", "s", (higher(ACCURACY, "g:1", "g:2"),), (Cause("x", higher(ACCURACY, "g:1", "g:3")),))
    found = judge(claim, study, LOOKS[:2])
    assert (found.verdict, found.causes[0].undecided) == ("not reproduced", "one seed")


def test_runs_that_diverged_do_not_end_the_search():
    dead = [result(run, 0.098, cause=DEAD) for run in PLANNED[:3]]
    found = find(every("x", "g:1", lambda run: run.cause is None), study_of(PLANNED, {"a": dead}), LOOKS[:2])
    assert found.holds is False


def test_looking_in_words():
    assert Looking(LOOKS[:1], "decided").sentences == (
        "Rows got seeds while a claim needed them, with looks at 1 seed. No claim that is undecided wants more."
    )
    assert Looking(LOOKS[:3], "time").sentences.endswith(
        "looks at 1, 3 and 5 seeds. More seeds may decide more claims."
    )
    assert Looking(LOOKS[:3], "looks").sentences == Looking(LOOKS[:3], "time").sentences
    assert Looking(LOOKS, "seeds").sentences.endswith("16 and 24 seeds. That is the last look.")
    looking = Looking(LOOKS[:3], "looks")
    assert looking.document == {"seeds": [1, 3, 5], "ended": "looks"}
    assert [looking.latest(seeds).seeds for seeds in (1, 2, 3, 4, 5, 24)] == [1, 1, 3, 3, 5, 5]


# How often the looks are wrong. Standard errors of the shares are below 0.0006.

DRAWS = 150_000


@pytest.fixture(scope="module")
def draws():
    return np.random.default_rng(11).normal(size=(DRAWS, MOST))


def excluded(values, level):
    """Return where Student's interval of the mean of each row excludes 0."""
    count = values.shape[1]
    half = stats.t.isf(level / 2, count - 1) * values.std(axis=1, ddof=1) / math.sqrt(count)
    return np.abs(values.mean(axis=1)) > half


def test_all_intervals_of_a_difference_are_right_at_once_in_95_of_100_studies(draws):
    for digits in (None, 0.1):  # as drawn, and rounded to a tenth of the standard deviation
        values = draws if digits is None else digits * np.round(draws / digits)
        wrong = np.any([excluded(values[:, : look.seeds], look.level) for look in LOOKS[1:]], axis=0)
        assert 0.047 < wrong.mean() < 0.0505
    single = np.any([excluded(draws[:, : look.seeds], 0.05) for look in LOOKS[1:]], axis=0)
    assert single.mean() == pytest.approx(0.18, abs=0.005)  # what the looks are for


def test_the_interval_of_the_simulation_is_that_of_the_report(draws):
    for look in LOOKS[1:]:
        for row in draws[:20, : look.seeds]:
            found = mean(list(row), look.level)
            assert (abs(found.value) > found.half_width) == excluded(row[None], look.level)[0]


def test_a_published_number_that_is_one_more_seed_is_refused_in_fewer_than_5_of_100_studies(draws):
    published = np.random.default_rng(12).normal(size=DRAWS)
    refused = np.zeros(DRAWS, bool)
    for look in LOOKS[1:]:
        own = draws[:, : look.seeds]
        half = stats.t.isf(look.level / 2, look.seeds - 1) * own.std(axis=1, ddof=1) * math.sqrt(1 + 1 / look.seeds)
        refused |= np.abs(published - own.mean(axis=1)) > half
    assert refused.mean() == pytest.approx(0.037, abs=0.003)


def test_of_two_equal_rows_one_is_named_the_best_in_at_most_5_of_100_studies(draws):
    named = np.any([excluded(draws[:, : look.seeds], look.level) for look in LOOKS[1:]], axis=0)
    assert named.mean() < 0.0505
    # What is counted is what `best_row` says.
    for row in draws[:100]:
        for look in LOOKS[1:]:
            values = tuple(float(x) for x in row[: look.seeds])
            said = best_row([Contender("a", values), Contender("b", (0.0,) * look.seeds)], "Best row", look.level)
            assert ("undecided" not in said) == excluded(row[None, : look.seeds], look.level)[0]
