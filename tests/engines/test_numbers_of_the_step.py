"""What depends on hyper-parameters and the step alone is the same number in both engines, wherever it leads."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from ravine.conformance.trained import some_data
from ravine.engines import make_engine
from ravine.formulas.given import FUNCTIONS
from ravine.formulas.shelves import OPTIMIZERS
from ravine.networks import Network, initial_weights

NUMBERS = (0.0, -0.0, 1.0, -2.5, 0.5, 3.0, 1e300, 5e-324, math.inf, -math.inf, math.nan)
TOGETHER = 37
"""Expressions in one rule, each in a slot of its own."""


def of_functions():
    """Return a call of each function that a formula may call, of numbers a and b."""
    for name in FUNCTIONS:
        function = getattr(np, name)
        given = ["a > 0", "b > 0"] if name.startswith("logical") else ["a", "b"]
        call = f"np.{name}({', '.join(given[: function.nin])})"
        truth = function.types[0].endswith("?")
        yield f"np.where({call}, 1.0, 0.0)" if truth else call


EXPRESSIONS = (
    *of_functions(),
    *(f"a {sign} b" for sign in ("+", "-", "*", "/", "//", "%", "**")),
    *(f"(a > 1) {sign} (b > 1)" for sign in ("+", "-", "*", "/", "//", "%")),
    *(f"a ** {power}" for power in (2, 3, -1, 0.5, "(b > 1)")),
    *(f"{base} ** b" for base in (2, 0.5, "(a > 1)", "-a")),
    "min(a, b)", "max(a, b, 1)", "min(1.0, a) / (1 - min(1.0, b))", "abs(a) ** b", "a if b > 0 else 1 / b",
    "np.where(b > 0, a, a / b)", "np.clip(a, -1, b)", "1 / (2 - (a > 1) - (b > 1))", "(1 / a if not a > b else 0) / b",
)  # fmt: skip


@pytest.mark.parametrize("part", range(0, len(EXPRESSIONS), TOGETHER))
def test_both_engines_compute_the_same(tmp_path, part):
    expressions = EXPRESSIONS[part : part + TOGETHER]
    slots = [f"s{k}" for k in range(len(expressions))]
    file = tmp_path / "tried.py"
    file.write_text(
        "import numpy as np\nfrom ravine import rule\n\n\n@rule\n"
        f"def tried(g, {', '.join(slots)}, t, *, lr=0.1, a=1.0, b=1.0):\n"
        + "".join(f"    x{k} = {text}\n" for k, text in enumerate(expressions))
        + f"    return lr * g, {', '.join(f'0 * {slot} + x{k}' for k, slot in enumerate(slots))}\n"
    )
    rule, network = OPTIMIZERS.find(str(file)), Network((60, 3, 10))
    weights = initial_weights(network, "glorot-uniform", np.random.default_rng(1))
    engines = [make_engine(name, network, rule, weights, "float64", 5) for name in ("reference", "fused")]
    starts = [engine.state() for engine in engines]
    for a, b in itertools.product(NUMBERS, NUMBERS):
        found = []
        for engine, start in zip(engines, starts, strict=True):
            engine.restore(start)
            engine.train(some_data(300, 60), np.arange(5), 0, 5, {"lr": 0.1, "a": a, "b": b})
            state = engine.state()
            found.append([state[f"slot.{slot}.0"][0, 0] for slot in slots])
        for text, ours, theirs in zip(expressions, *found, strict=True):
            np.testing.assert_allclose(theirs, ours, rtol=1e-15, atol=0, equal_nan=True, err_msg=f"{text}, {a=}, {b=}")
