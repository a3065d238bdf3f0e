"""Controls: an optimizer that contains another one must not do worse than it near that point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ravine.comparison.plan import Protocol
from ravine.comparison.trials import Entrant, Settings, Trial, at_point
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.space import bound_of
from ravine.search import Axis, Choice, linear, log

NEAR = 2.0
"""The factor by which the learning rate of a control may differ from that of the other optimizer's winner."""


def control_trials(entrant: Entrant, other: Entrant, winner: Settings, protocol: Protocol) -> list[Trial]:
    """Return trials near the winner of an optimizer that this one contains; none if its bounds do not reach there.

    What makes this optimizer the other one lies between that value and the nearest end of this one's axis, or has that
    value if it is not searched; the learning rate lies within a factor of two of the winner's; all else is that of the
    winner.
    """
    axes = neighborhood(entrant, other, winner)
    if axes is None:
        return []
    return [at_point(entrant, axes, number, protocol, "control", other.label) for number in range(protocol.controls)]


def neighborhood(entrant: Entrant, other: Entrant, winner: Settings) -> dict[str, Axis] | None:
    """Return the axes of the controls of an optimizer near another one's winner; None if its bounds do not reach it."""
    point, space = entrant.entry.contains[other.label], entrant.entry.space
    own = entrant.optimizer.defaults
    # What the other one is at its default counts too, where this one's default differs.
    unlike = {name: value for name, value in other.optimizer.defaults.items() if value != own[name]}
    values = {**unlike, **winner, **point}
    if any(not _reaches(entrant.optimizer, name, value) for name, value in values.items() if name != "lr"):
        return None
    least, most = entrant.entry.bounds["lr"]
    assert least is not None
    assert most is not None
    low, high = max(winner["lr"] / NEAR, least), min(winner["lr"] * NEAR, most)
    if not low < high:
        return None
    axes: dict[str, Axis] = {"lr": log(low, high)}
    for name in (*space, *values):
        if name in point and name in space:
            axes[name] = _between(point[name], space[name])
        elif name in values and name != "lr":
            axes[name] = Choice((values[name],))
    return axes


def _reaches(optimizer: Optimizer, name: str, value: Any) -> bool:
    """Tell whether a hyper-parameter may have a value; settings that all optimizers share may."""
    return name not in optimizer.defaults or (
        bound_of(optimizer, name, "low") <= value <= bound_of(optimizer, name, "high")
    )


def _between(value: float, axis: Axis) -> Axis:
    """Return the axis from a value to the nearest end of an axis; from one inside to the middle of the longer part."""
    if isinstance(axis, Choice):
        return Choice((value,))
    low, high = axis.ends
    if value < low:
        return linear(value, low)
    if value > high:
        return linear(high, value)
    place = axis.place(value)
    return linear(value, axis.at((place + 1) / 2)) if place <= 0.5 else linear(axis.at(place / 2), value)


def under_tuned(near: Mapping[int, float], own: float, margin: float) -> bool:
    """Tell whether a control, by its mean score over seeds, is above the optimizer's own winner by the margin."""
    return max(near.values(), default=own) > own + margin


def contained(entrants: Sequence[Entrant]) -> list[tuple[Entrant, Entrant]]:
    """Return each optimizer that is searched with another one that takes part and that it contains."""
    by_label = {entrant.label: entrant for entrant in entrants}
    return [
        (entrant, by_label[other])
        for entrant in entrants
        if not entrant.entry.tuned
        for other in entrant.entry.contains
        if other in by_label
    ]
