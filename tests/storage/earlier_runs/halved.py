"""Momentum of which half is kept."""

from ravine import rule


@rule(bounds={"kept": "[0, 1)"})
def halved(g, v, *, lr, kept=0.5):
    """Keep a share of the step before."""
    v = kept * v + lr * g
    return v, v
