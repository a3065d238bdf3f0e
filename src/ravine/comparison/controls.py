"""Controls: an optimizer that contains another one must not do worse than it near that point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ravine.comparison.plan import Protocol
from ravine.comparison.trials import Entrant, Settings, Trial, at_point
from ravine.search import Axis, Choice, linear, log

NEAR = 2.0
"""The factor by which the learning rate of a control may differ from that of the other optimizer's winner."""


def control_trials(entrant: Entrant, other: str, winner: Settings, protocol: Protocol) -> list[Trial]:
    """Return trials near the winner of an optimizer that this one contains.

    What makes this optimizer the other one lies between that value and the nearest end of this one's axis; the
    learning rate within a factor of two of the winner's; other axes that both have are those of the winner.
    """
    axes = neighborhood(entrant, other, winner)
    trials = [at_point(entrant, axes, number, protocol, "control", other) for number in range(protocol.controls)]
    return trials


def neighborhood(entrant: Entrant, other: str, winner: Settings) -> dict[str, Axis]:
    """Return the axes of the controls of an optimizer near another one's winner."""
    point = entrant.entry.contains[other]
    axes: dict[str, Axis] = {}
    for name, axis in entrant.entry.space.items():
        if name in point:
            axes[name] = _between(point[name], axis)
        elif name == "lr":
            axes[name] = log(winner[name] / NEAR, winner[name] * NEAR)
        elif name in winner:
            axes[name] = Choice((winner[name],))
    return axes


def _between(value: float, axis: Axis) -> Axis:
    """Return the axis from a value to the nearest end of an axis, or of its lower half if the value lies inside."""
    assert not isinstance(axis, Choice)
    low, high = axis.ends
    if value <= low:
        return linear(value, low)
    return linear(high, value) if value >= high else linear(value, axis.at((axis.place(value) + 1) / 2))


def under_tuned(near: Mapping[int, float], own: float, margin: float) -> bool:
    """Tell whether a control, by its mean score over seeds, is above the optimizer's own winner by the margin."""
    return max(near.values(), default=own) > own + margin


def contained(entrants: Sequence[Entrant]) -> list[tuple[Entrant, str]]:
    """Return each optimizer with another one that takes part and that it contains."""
    labels = {entrant.label for entrant in entrants}
    return [(entrant, other) for entrant in entrants for other in entrant.entry.contains if other in labels]
