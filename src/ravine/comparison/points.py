"""Points of a search that fill its space evenly: scrambled Sobol points."""

from __future__ import annotations

import hashlib
from functools import cache

import msgspec
import numpy as np
from scipy.stats import qmc

from ravine.arrays import Array
from ravine.spec.problem import Problem

MOST_AXES = 16
"""The most axes of a space. Points have as many coordinates, so that a further axis leaves those of the others."""

SMALLEST, MOST_TRIALS = 4, 4096
"""The numbers of trials that a search may have, with its extensions."""


def points(problem: Problem, seed: int) -> Array:
    """Return the points of all searches on a problem, (trials, axes), each coordinate in [0, 1).

    A point is a function of the problem and the seed alone, so that optimizers get the same coordinates on the axes
    that they share.

    Source: Owen, "Scrambling Sobol' and Niederreiter-Xing points", Journal of Complexity 14 (1998), 466-489; SciPy's
    form with a linear matrix scramble and a digital shift.
    """
    digest = hashlib.sha256(msgspec.json.encode(problem.settings, order="sorted")).digest()
    return _scrambled(int.from_bytes(digest[:8], "big"), seed)


@cache
def _scrambled(problem: int, seed: int) -> Array:
    rng = np.random.default_rng(np.random.SeedSequence([problem, seed]))
    found: Array = qmc.Sobol(MOST_AXES, scramble=True, rng=rng).random(MOST_TRIALS)
    found.flags.writeable = False
    return found
