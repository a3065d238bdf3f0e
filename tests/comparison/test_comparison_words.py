"""Sentences about a comparison: the leader, and never more than the pairs show."""

from __future__ import annotations

import itertools
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outcome_cases import all_better, outcome, pair, problem

from ravine.comparison.edges import Edge
from ravine.comparison.plan import Protocol
from ravine.comparison.words import interval_text, seen_sentence, turned, verdict_sentence, warnings


def sentence(*arguments, **settings) -> str:
    made = outcome(*arguments, **settings)
    return verdict_sentence(made, made.verdicts[0])


def test_of_two_the_better_one_is_named_with_both_scores_and_the_difference():
    assert sentence(("adam", "sgd"), {("adam", "sgd"): "better"}) == (
        "adam (test accuracy 98.00 %) is better than sgd (97.60 %): the difference is +0.30 to +0.50 points."
    )
    assert sentence(("adam", "sgd"), {("adam", "sgd"): "better"}, objective="loss") == (
        "adam (test loss 0.1000) is better than sgd (0.1300): the difference is +0.003 to +0.005."
    )


def test_of_two_the_verdict_is_turned_if_the_pair_names_the_worse_one_first():
    said = sentence(("adam", "sgd"), {("sgd", "adam"): "worse"}, order=("sgd", "adam"))
    assert said.startswith("adam (test accuracy 98.00 %) is better than sgd (97.60 %)")


def test_of_two_equivalent_ones_neither_is_called_the_better():
    assert sentence(("adam", "sgd"), {("adam", "sgd"): "equivalent"}) == (
        "adam and sgd are equivalent: in test accuracy they differ by less than 0.2 points."
    )


def test_two_undecided_ones_have_the_number_of_runs():
    assert sentence(("adam", "sgd")) == (
        "Undecided: 6 final runs each do not tell adam (test accuracy 98.00 %) from sgd (97.60 %)."
    )


def test_an_edge_is_named_where_the_runs_would_have_decided():
    said = sentence(("adam", "sgd"), notes={("adam", "sgd"): "sgd is at the edge of lr"})
    assert said == "Undecided: sgd is at the edge of lr, so nothing is said of adam and sgd."
    said = sentence(("adam", "lion", "sgd"), notes={("adam", "sgd"): "sgd is at the edge of lr"})
    assert said.startswith(
        "Undecided: adam has the highest test accuracy 98.00 %, but 6 final runs each do not tell it"
    )
    assert "from lion" in said
    assert "Nothing is said of adam beside sgd: sgd is at the edge of lr." in said


def test_one_that_is_better_than_all_others_is_so_in_one_sentence():
    labels = ("adam", "lion", "sgd")
    assert sentence(labels, all_better(labels)) == "adam is better than lion and sgd: test accuracy 98.00 %."
    many = [f"o{place}" for place in range(9)]
    assert sentence(many, all_better(many)) == "o0 is better than all 8 others: test accuracy 98.00 %."


def test_many_names_are_counted():
    many = [f"o{place}" for place in range(12)]
    said = sentence(many, {("o0", "o11"): "better"})
    assert "do not tell it from 10 of the 11 others" in said
    assert "It is better than o11" in said
    assert "o4" not in said


def test_the_others_are_not_called_equivalent_to_each_other():
    said = sentence(("a", "b", "c"), {("a", "b"): "equivalent", ("a", "c"): "equivalent", ("b", "c"): "better"})
    assert "It is equivalent to b and c: within 0.2 points" in said
    assert "Undecided" not in said


def test_one_that_is_worse_than_another_never_leads():
    said = sentence(("first", "second", "third"), {("first", "second"): "worse", ("second", "third"): "better"})
    assert said.startswith("second is better than first and third")
    said = sentence(("first", "second", "third"), {("first", "second"): "worse"})
    assert said.startswith("Undecided: second, than which none is found better, has test accuracy 97.60 %, but")


def test_a_circle_has_no_leader():
    circle = {("a", "b"): "better", ("b", "c"): "better", ("c", "a"): "better"}
    assert sentence(("a", "b", "c"), circle) == "Undecided: each optimizer is worse than some other one."


def only(made, *kept):
    """Return the sentence about an outcome with some of its pairs."""
    pairs = tuple(pair for pair in made.verdicts[0].pairs if (pair.a, pair.b) in kept)
    made = msgspec.structs.replace(made, verdicts=(msgspec.structs.replace(made.verdicts[0], pairs=pairs),))
    return verdict_sentence(made, made.verdicts[0])


def test_beside_the_best_one_alone_that_one_is_spoken_of_even_if_it_lost():
    verdicts = {("adam", "sgd"): "better", ("adam", "lion"): "worse", ("adam", "asgd"): "undecided"}
    made = outcome(("lion", "asgd", "adam", "sgd"), verdicts, protocol=Protocol(pairs="best"))
    kept = [("lion", "adam"), ("asgd", "adam"), ("adam", "sgd")]
    assert only(made, *kept) == (
        "Undecided: adam, which did best while tuning, has test accuracy 97.20 %, but 6 final runs each do not tell it "
        "from asgd. It is better than sgd. lion is better than adam."
    )
    labels = ("adam", "lion", "sgd")
    made = outcome(labels, all_better(labels), protocol=Protocol(pairs="best"))
    assert only(made, ("adam", "lion"), ("adam", "sgd")) == ("adam is better than lion and sgd: test accuracy 98.00 %.")


def test_pairs_that_are_not_judged_are_claimed_in_no_way():
    made = outcome(("new", "old", "older"), {("new", "old"): "better"})
    assert only(made, ("new", "old")) == (
        "new has the highest test accuracy 98.00 %. It is better than old. It is not judged beside older."
    )


def test_different_numbers_of_seeds_are_both_named():
    made = outcome(("a", "b", "c"))
    pairs = [msgspec.structs.replace(p, seeds=5 if p.b == "b" else 10) for p in made.verdicts[0].pairs]
    verdicts = msgspec.structs.replace(made.verdicts[0], pairs=tuple(pairs))
    assert "5 to 10 final runs each" in verdict_sentence(made, verdicts)


LABELS = ("ant", "bee", "cat", "dog")
PAIRS = list(itertools.combinations(LABELS, 2))


@given(st.lists(st.sampled_from(["better", "worse", "equivalent", "undecided"]), min_size=6, max_size=6))
def test_no_sentence_claims_more_than_the_pairs_show(said):
    verdicts = dict(zip(PAIRS, said, strict=True))
    text = sentence(LABELS, verdicts)
    given_ = {
        **verdicts,
        **{(b, a): {"better": "worse", "worse": "better"}.get(v, v) for (a, b), v in verdicts.items()},
    }
    leader = re.search("|".join(LABELS), text)
    claims = {"better": r"is better than ([^:.]*)", "equivalent": r"is equivalent to ([^:.]*)",
              "undecided": r"do not tell it from ([^:.]*)"}  # fmt: skip
    for verdict, pattern in claims.items():
        for match in re.finditer(pattern, text):
            named = re.findall("|".join(LABELS), match[1]) or (
                [] if "all 3" not in match[1] else set(LABELS) - {leader[0]}
            )
            for other in named:
                assert given_[leader[0], other] == verdict, text
    if leader:
        assert all(given_[leader[0], other] != "worse" for other in LABELS if other != leader[0])
        assert text.startswith("Undecided") == any(
            given_[leader[0], other] == "undecided" for other in LABELS if other != leader[0]
        )


def test_a_pair_is_turned_with_all_of_its_numbers():
    first = pair("a", "b", "better", 0.004)
    second = turned(first, "b")
    assert (second.a, second.b, second.verdict) == ("b", "a", "worse")
    assert (second.difference, second.wins) == (-0.004, 0.25)
    assert second.interval == pytest.approx((-0.005, -0.003))
    assert turned(first, "a") == first
    assert turned(second, "a") == first


def test_warnings_name_the_problem_only_where_there_are_several():
    edges, under = {"sgd": Edge("lr", "high")}, {"adam": "sgd"}
    enough = Protocol(trials=16)
    one, two = warnings(outcome(edges=edges, under_tuned=under, protocol=enough))
    assert one.startswith("adam is under-tuned: some of its settings make it sgd")
    assert two.startswith("The best trials of sgd lie at the high end of lr")
    assert "nothing says that sgd is worse" in two
    problems = (problem("p"), problem("q"))
    several = warnings(outcome(edges=edges, under_tuned=under, problems=problems, protocol=enough))
    assert [line.partition(": ")[0] for line in several] == ["p", "p", "q", "q"]


def test_a_search_too_small_to_show_an_edge_is_told_once():
    problems = (problem("p"), problem("q"))
    (said,) = warnings(outcome(problems=problems, protocol=Protocol(trials=8)))
    assert said.startswith("With 8 trials a search cannot show that its best trials lie at an edge")
    assert warnings(outcome(problems=problems, protocol=Protocol(trials=16))) == []


def test_numbers_have_their_units():
    assert interval_text((-0.0001, 0.002), "accuracy") == "-0.01 to +0.20 points"
    made = outcome()
    assert seen_sentence(made, made.verdicts[0]) == (
        "With 6 final runs each, a true difference of 0.35 points between two settings is found in 80 % of "
        "comparisons. Verdicts are about the settings that these searches found: another search of the same size may "
        "find others."
    )
