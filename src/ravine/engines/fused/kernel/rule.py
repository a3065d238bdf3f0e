"""What a rule gives the kernel: functions that `render.py` writes from the rule's text.

Declared here, and called by `update`, `alone` and `drift`, which are translated without knowing them, once for all
rules; `build.rule_code` supplies them. How many slots and constants a rule has is not known here either: states and
constants are passed on whole.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from ravine.engines.fused import pointers
from ravine.engines.fused.frame import Count, Doubles, Flag, Offset, Packed, Real, Reals
from ravine.engines.fused.pointers import DOUBLES, REALS, declared
from ravine.engines.fused.vectors import Vector

STATE, CONSTANTS, LAZY_CONSTANTS = 7001, 7013, 7019
"""Placeholders for how many vectors a state has, and how many constants a step and missed steps need.

`build.rule_code` puts the numbers of a rule in their place.
"""


def State(real: Any) -> Packed:
    """Return the type of the state of 16 weights: a vector of weights and one of each slot."""
    return pointers.Packed(Vector(real), STATE)


def Constants(real: Any) -> Packed:
    """Return the type of what a step needs that is the same for all weights of a layer."""
    return pointers.Packed(real, CONSTANTS)


def LazyConstants(real: Any) -> Packed:
    """Return the type of what missed steps need."""
    return pointers.Packed(real, LAZY_CONSTANTS)


@declared(types.boolean)
def lazy() -> Flag:
    """Tell whether rows without a gradient change in a closed form, which is applied when they are next needed."""


@declared(types.boolean)
def norms() -> Flag:
    """Tell whether the rule asks for norms of the gradient."""


@declared(types.boolean)
def noisy() -> Flag:
    """Tell whether the rule asks for random numbers."""


@declared(State, REALS, REALS, types.uint64, types.uint64)
def read(w: Reals, slots: Reals, length: Offset, at: Offset) -> Packed:
    """Return the state of the weights w[at : at + 16]; each slot is `length` numbers long."""


@declared(types.none, REALS, REALS, types.uint64, types.uint64, State)
def write(w: Reals, slots: Reals, length: Offset, at: Offset, state: Packed) -> None:
    """Write what `read` reads."""


@declared(State, State, Vector, Vector, Constants)
def step(state: Packed, g: Real, noise: Real, c: Packed) -> Packed:
    """Return the state after one step of the rule with the gradient g; most rules ask for no noise."""


@declared(State, State, LazyConstants)
def lazy_update(state: Packed, c: Packed) -> Packed:
    """Return the state after missed steps."""


@declared(Constants, REALS, DOUBLES, types.int64, types.float64, types.float64)
def step_constants(w: Reals, hyper: Doubles, t: Count, norm: float, layer_norm: float) -> Packed:
    """Return what step t needs; `w` only tells the dtype."""


@declared(LazyConstants, REALS, DOUBLES, types.int64)
def lazy_constants(w: Reals, hyper: Doubles, n: Count) -> Packed:
    """Return what n missed steps need; n = 0 changes nothing."""


@declared(types.none, REALS, DOUBLES)
def tabulate(table: Reals, hyper: Doubles) -> None:
    """Store lazy_constants(.., n) for all n below TABLE."""


@declared(LazyConstants, REALS, types.int64)
def tabulated(table: Reals, n: Count) -> Packed:
    """Return lazy_constants(.., n) from the table."""
