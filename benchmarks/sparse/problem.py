"""The samples, labels and initial weights of the benchmark of sparse data, all from one seed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NONZEROS, HIDDEN, CLASSES = 100, 64, 10


@dataclass(frozen=True, eq=False)
class Problem:
    """What all peers get.

    Attributes:
        columns: (b, k) int32, the columns of the nonzeros of each sample, in order and without repeats.
        values: (b, k) float32, none of them zero.
        labels: (b,) uint8.
        first, second: (i, 64) and (64, 10) float32, the initial weights.
        order: (b,) int64, the samples in the order in which all train on them.
    """

    columns: NDArray[np.int32]
    values: NDArray[np.float32]
    labels: NDArray[np.uint8]
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    order: NDArray[np.int64]

    def save(self, folder: Path) -> None:
        for each in fields(self):
            np.save(folder / f"{each.name}.npy", getattr(self, each.name))

    @classmethod
    def load(cls, folder: Path) -> Problem:
        return cls(**{each.name: np.load(folder / f"{each.name}.npy") for each in fields(cls)})


def draw(columns: int, samples: int, nonzeros: int = NONZEROS, seed: int = 0) -> Problem:
    """Draw samples whose columns follow Zipf's law: the k-th most frequent one is drawn with a probability of c / k.

    Frequent columns are scattered over the matrix. Values are uniform in [0.5, 1.5). The label of a sample is the class
    with the largest score of a random linear model. Weights are normal, with variance 2 / (nonzero inputs).
    """
    rng = np.random.default_rng(seed)
    reached = np.cumsum(1 / np.arange(1, columns + 1))
    place = rng.permutation(columns).astype(np.int32)
    found = np.stack([np.sort(place[_distinct(rng, reached, nonzeros)]) for _ in range(samples)])
    values = rng.uniform(0.5, 1.5, found.shape).astype(np.float32)
    first = rng.normal(0, np.sqrt(2 / nonzeros), (columns, HIDDEN)).astype(np.float32)
    second = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, CLASSES)).astype(np.float32)
    teacher = rng.normal(0, 1, (columns, CLASSES)).astype(np.float32)
    labels = np.array([(v @ teacher[c]).argmax() for v, c in zip(values, found, strict=True)], np.uint8)
    return Problem(found, values, labels, first, second, rng.permutation(samples))


def _distinct(rng: np.random.Generator, reached: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Draw numbers one after the other, each with its share of `reached`, until `count` different ones were drawn."""
    drawn = np.zeros(0, np.int64)
    while True:
        drawn = np.append(drawn, np.searchsorted(reached, reached[-1] * rng.random(3 * count), side="right"))
        _, at = np.unique(drawn, return_index=True)
        if len(at) >= count:
            return drawn[np.sort(at)[:count]]
