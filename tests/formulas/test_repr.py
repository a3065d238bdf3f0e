"""How a loss and an activation show themselves: by their kind and their name."""

from __future__ import annotations

import ravine


def test_they_are_short():
    @ravine.loss
    def cubed(z, y):
        d = z - y
        return abs(d) ** 3, 3 * d * abs(d)

    @ravine.activation
    def halved(z):
        return z / 2, 0.5 + 0 * z

    assert (repr(cubed), repr(halved)) == ("Loss(cubed)", "Activation(halved)")
