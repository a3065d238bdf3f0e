"""Performance profiles: on how many of all problems an optimizer is how near to the best one.

The cost t_ps of optimizer s on problem p is the mean test error of its final runs, 1 - accuracy, or their mean test
loss. Its ratio to the best cost, and the share of the P problems on which this ratio is at most tau, are

    r_ps = t_ps / min_s t_ps        rho_s(tau) = |{p: r_ps <= tau}| / P

Intervals are bootstrap percentiles. Each of 1,000 resamples draws P problems with replacement and, for each problem
that it draws, seeds with replacement; all optimizers that have the same final seeds get the same draw of them, so that
pairs by seed stay pairs.

Sources: Dolan and More, "Benchmarking optimization software with performance profiles", Mathematical Programming 91
(2002), 201-213; Dahl et al., "Benchmarking neural network training algorithms", arXiv:2306.07179, who score by them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from ravine.comparison.plan import Objective

FEWEST = 4
"""The fewest problems for which there are profiles."""

GRID = (1.0, 1.01, 1.02, 1.03, 1.05, 1.07, 1.1, 1.15, 1.2, 1.3, 1.4, 1.5, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0)
"""The ratios tau at which a profile has its shares."""

RESAMPLES = 1000
"""How often problems and seeds are drawn anew."""

TAIL = 0.025
"""The share of the resamples that lie below an interval, and above it."""

SLACK = 1e-9
"""Ratios that differ by less differ by round-off."""

_SEED = 0

Array = npt.NDArray[np.float64]

FinalScores = Mapping[str, Mapping[str, Mapping[int, float]]]
"""By problem, optimizer and seed, the score of a final run."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """The share of problems on which an optimizer's ratio is at most `tau`, and the ends of its 95 % interval."""

    tau: float
    share: float
    low: float
    high: float


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The performance profile of one optimizer.

    Attributes:
        optimizer: its name.
        ratios: by problem, its cost as a multiple of the best one's; None, which stands for an infinite ratio, if the
            best cost is 0 and its own is not.
        largest: the largest of them; None if it is infinite.
        interval: the 95 % interval of the largest; an end that is infinite is None.
        shares: one for each tau of `GRID`.
    """

    optimizer: str
    ratios: dict[str, float | None]
    largest: float | None
    interval: tuple[float | None, float | None]
    shares: tuple[Share, ...]

    @property
    def worst(self) -> str | None:
        """The problem with the largest ratio, the first one of several; None if it does best on all problems."""
        if self.largest is not None and self.largest <= 1 + SLACK:
            return None
        return next(problem for problem, ratio in self.ratios.items() if ratio == self.largest)

    def within(self, tau: float) -> Share:
        """Return the share at a tau of `GRID`."""
        return self.shares[GRID.index(tau)]


def profiles(scores: FinalScores, objective: Objective) -> tuple[Profile, ...]:
    """Return a profile for each optimizer, that of the smallest largest ratio first; none for fewer than four problems.

    Args:
        scores: of the final runs; every problem has the same optimizers, each with one seed or more. A run that
            diverged has the score of chance.
        objective: what the scores are: accuracies, or losses with their sign turned round.

    >>> scores = {name: {"a": {0: 0.98, 1: 0.96}, "b": {0: 0.94, 1: 0.94}} for name in ("w", "x", "y", "z")}
    >>> a, b = profiles(scores, "accuracy")
    >>> b.optimizer, round(b.largest, 3), b.within(1.5).share, b.within(2.0).share
    ('b', 2.0, 0.0, 1.0)
    """
    if len(scores) < FEWEST:
        return ()
    costs = [_costs(own, objective) for own in scores.values()]
    ratios = np.stack([_ratios(np.nanmean(of, axis=0)) for of in costs])
    resampled = _resampled(costs)
    largest, largest_ends = ratios.max(axis=0), _ends(resampled.max(axis=1))
    shares = [(tau, _share(ratios, tau), _ends(_share(resampled, tau))) for tau in GRID]
    found = [
        Profile(
            optimizer=optimizer,
            ratios={problem: _finite(ratio) for problem, ratio in zip(scores, ratios[:, place], strict=True)},
            largest=_finite(largest[place]),
            interval=(_finite(largest_ends[0][place]), _finite(largest_ends[1][place])),
            shares=tuple(
                Share(tau=tau, share=float(share[place]), low=float(low[place]), high=float(high[place]))
                for tau, share, (low, high) in shares
            ),
        )
        for place, optimizer in enumerate(next(iter(scores.values())))
    ]
    return tuple(sorted(found, key=lambda profile: math.inf if profile.largest is None else profile.largest))


def _costs(scores: Mapping[str, Mapping[int, float]], objective: Objective) -> Array:
    """Return the costs of final runs on one problem, (seeds, optimizers); nan where an optimizer has no such run."""
    seeds = sorted({seed for own in scores.values() for seed in own})
    found = np.array([[own.get(seed, math.nan) for own in scores.values()] for seed in seeds])
    return 1 - found if objective == "accuracy" else -found


def _ratios(costs: Array) -> Array:
    """Return the ratios of costs, (.., optimizers), to the smallest of them; 0 / 0 is 1."""
    best = costs.min(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(costs == best, 1.0, costs / best)


def _resampled(costs: Sequence[Array]) -> Array:
    """Return the ratios of all resamples, (resamples, problems, optimizers)."""
    generator = np.random.default_rng(_SEED)
    drawn = generator.integers(len(costs), size=(RESAMPLES, len(costs)))
    ratios = np.empty((*drawn.shape, costs[0].shape[1]))
    for number, of in enumerate(costs):
        places = drawn == number
        seeds = _seeds(of, int(places.sum()), generator)
        ratios[places] = _ratios(np.nanmean(of[seeds], axis=1))
    return ratios


def _seeds(costs: Array, count: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return `count` draws of as many rows of the costs as there are.

    Seeds that the same optimizers have are drawn among themselves, so that each optimizer keeps its number of runs.
    """
    _, group = np.unique(np.isnan(costs), axis=0, return_inverse=True)
    drawn = [_draws(np.flatnonzero(group.ravel() == number), count, generator) for number in range(group.max() + 1)]
    return np.concatenate(drawn, axis=1)


def _draws(rows: npt.NDArray[np.int64], count: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    return generator.choice(rows, size=(count, len(rows)))


def _share(ratios: Array, tau: float) -> Array:
    """Return the share of the problems, the last axis but one, on which the ratio is at most tau."""
    found: Array = np.mean(ratios <= tau + SLACK, axis=-2)
    return found


def _ends(values: Array) -> tuple[Array, Array]:
    """Return the ends of the 95 % intervals over the first axis: values that occur, since some may be infinite."""
    low, high = np.quantile(values, (TAIL, 1 - TAIL), axis=0, method="inverted_cdf")
    return low, high


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
