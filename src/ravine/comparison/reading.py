"""The words of a comparison's page that its readers may not know, each explained once."""

from __future__ import annotations

from ravine.comparison.edges import LEAST_TRIALS
from ravine.comparison.outcome import Outcome
from ravine.comparison.words import cost_word, margin_text


def terms(outcome: Outcome) -> dict[str, str]:
    """Return the words of the page and what they mean, in the order in which a reader meets them."""
    p = outcome.plan.protocol
    found = {
        "score": f"The mean test {p.objective} of the final runs. These have seeds that no trial had, train on the "
        "whole training set, and look at the test set once, at the end.",
        "±": "Half the width of Student's 95 % interval of the mean. It is about one optimizer; pairs are judged by "
        "their differences, seed by seed, so intervals that overlap decide no pair.",
        "rank": "The ranks that the verdicts leave open. A difference that was found counts, even below the margin, "
        "so two that are equivalent may have different ranks.",
        "lines beside the ranks": "A line joins, by its dots, optimizers of which none is found to be better than "
        "another: each pair of them that is judged is equivalent or undecided.",
        "tuned, default": "The mean validation score of the settings that the search chose, and of the optimizer's own "
        "default rate, over the same seeds. The first was chosen among many, so it is a little too good.",
        "better, worse": "Student's test of the differences within seeds finds a difference: its p-value is at most "
        "its level.",
        "equivalent": f"Two one-sided tests find that the difference is within the margin, {margin_text(p)}.",
        "undecided": "Neither was found. That is no sign of equality: more final runs may decide.",
        "p": "How often a difference so large, or larger, would be seen if there were none.",
        "level": "What p is compared with. Holm's correction makes it smaller, so that a difference that does not "
        f"exist is found among all pairs of a problem with a probability of at most {p.level:g}; so for equivalence.",
        "interval of a difference": "It misses the true difference with the probability that its level says.",
        "p of the signs": "The p-value of the sign-flip test, which supposes nothing about the distribution of scores. "
        "It decides nothing; a reader may check the other p with it.",
        "A beats B": "How often a final run of A scores above one of B, over all pairs of them; a tie counts half.",
        "best of k trials": "The mean score of the best of k trials, drawn from those that were made; the band has the "
        "middle 80 % of such draws. It shows how soon a search finds good settings.",
        "decades": "How many powers of ten of the learning rate lie within the margin of the best trial: the more, the "
        "easier an optimizer is to tune.",
        "edge": "Four of the five best trials lie near one end of an axis that could go on there, so better settings "
        "may lie beyond it. An optimizer at an edge is never called worse than another one; nor is one "
        "that does better at its defaults."
        + ("" if p.trials >= LEAST_TRIALS else f" With fewer than {LEAST_TRIALS} trials a search cannot show an edge."),
        "under-tuned": "Some settings of an optimizer make it another one of the comparison, and yet it does worse "
        "than that one, or than trials near that point: its search missed something.",
        "core-seconds": "Seconds of one core. All runs are timed as they ran, so that busy machines make them longer.",
        "diverged": "A run whose loss or weights became infinite or nan, or whose network died. It scores as chance.",
    }
    if p.looks > 1:
        found["look"] = "One judgment of the final runs. The levels of all looks together keep the level of the plan."
    if outcome.profiles:
        cost = cost_word(p.objective)
        found["ratio to the best"] = (
            f"The mean test {cost} of an optimizer on a problem, divided by the smallest such {cost} of all optimizers "
            "there. It is infinite, ∞, if the smallest one is 0 and its own is not."
        )
        found["performance profile, within 1.1"] = (
            "The share of the problems on which the ratio is at most so large, of Dolan and Moré. An optimizer that is "
            "the best everywhere has 100 % at a ratio of 1."
        )
        found["largest ratio"] = (
            "That on the problem on which an optimizer is the furthest behind the best one: what it may cost to use it "
            "on all of these problems. The table has the smallest one first; that order is no verdict."
        )
        found["interval of a share or of a ratio"] = (
            "The middle 95 % of 1,000 draws of as many problems, with repetition, and of as many seeds on each. It is "
            "about problems of the kind of these, and four of them say little."
        )
    if any(problem.target is not None for problem in outcome.plan.problems):
        found["target"] = (
            "A validation accuracy. The way to it is the median over seeds of the first epoch that ends there."
        )
    return found
