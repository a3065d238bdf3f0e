"""The text of a function has whatever decides what the function computes: another effect is another text."""

from __future__ import annotations

import pytest

from ravine import schedule
from ravine.errors import ConfigError
from ravine.formulas.identity import function_text
from ravine.formulas.shelves import OPTIMIZERS
from ravine.spec import from_settings

HEAD = """
import functools
from collections import defaultdict, namedtuple
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import NamedTuple
import numpy as np
import ravine
"""
RULE = """
@ravine.matrix_rule
def tried(gradients, weights, state, t, *, lr=0.1):
    return [lr * {uses} * g for g in gradients], {{}}
"""


def found(folder, above, uses):
    folder.mkdir()
    (folder / "tried.py").write_text(HEAD + above + RULE.format(uses=uses), encoding="utf-8")
    return OPTIMIZERS.find(f"{folder}/tried.py:tried")


def texts_of(tmp_path, above, uses, one, other):
    """Return the texts of a rule that uses what stands above it, with one value and another in place of @."""
    assert "@@" in above
    return [
        found(tmp_path / name, above.replace("@@", value), uses).text
        for name, value in (("one", one), ("other", other), ("again", one))
    ]


@pytest.mark.parametrize(
    ("above", "uses", "one", "other"),
    [
        ("BIG = @@\nF = (lambda g: g) if BIG else (lambda g: 3 * g)\n", "F(1)", "True", "False"),
        ("I = @@\nF = [lambda g: g, lambda g: 3 * g][I]\n", "F(1)", "0", "1"),
        ("F = dict(\n    a=1,\n    f=lambda g:\n    (g *\n    @@))['f']\n", "F(1)", "4.0", "5.0"),
        ("A, F = (lambda ä: 'ä'), (lambda g: @@ * g)\n", "F(1)", "4.0", "5.0"),
        ("F = (lambda a: lambda b: a * b)(@@)\n", "F(1)", "4.0", "5.0"),
        ("class C:\n    f, g = (lambda: 4), (lambda: 5)\nF = C.@@\n", "F()", "f", "g"),
    ],
)
def test_a_lambda_is_told_from_those_beside_it(tmp_path, above, uses, one, other):
    first, second, again = texts_of(tmp_path, above, uses, one, other)
    assert first != second
    assert first == again


def test_a_lambda_s_text_is_its_own_alone():
    doubled, tripled = [lambda w: 2 * w, lambda w: 3 * w]
    assert (function_text(doubled), function_text(tripled)) == ("lambda w: 2 * w", "lambda w: 3 * w")


def test_a_lambda_that_cannot_be_told_from_another_one_is_refused(tmp_path):
    (tmp_path / "moved.py").write_text("F = lambda w: 4 * w\n", encoding="utf-8")
    space = {"__name__": "moved"}
    exec(compile("F = lambda w: 4 * w", str(tmp_path / "moved.py"), "exec"), space)
    (tmp_path / "moved.py").write_text("A, F = 1, lambda w: 4 * w\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"moved\.py:1: which lambda of this line is meant .* write it as a `def`"):
        function_text(space["F"])


SELF = """
@ravine.matrix_rule
def tried(gradients, weights, state, t, *, lr=0.1):
    return [lr * len(tried.name) * @@ * g for g in gradients], {}
"""
ONE_ANOTHER = """
@ravine.matrix_rule
def tried(gradients, weights, state, t, *, lr=0.1):
    return other(gradients, weights, state, t, lr=lr)

@ravine.matrix_rule
def other(gradients, weights, state, t, *, lr=0.1):
    return ([@@ * g for g in gradients], {}) if t else tried(gradients, weights, state, t, lr=lr)
"""
EVALUATED = """
@ravine.rule(evaluated=lambda w: w * tried.defaults["lr"] * @@)
def tried(g, *, lr=0.1):
    return lr * g
"""


@pytest.mark.parametrize("text", [SELF, ONE_ANOTHER, EVALUATED])
def test_the_text_of_a_rule_that_uses_itself_ends(tmp_path, text):
    texts = []
    for factor in (4.0, 5.0, 4.0):
        (tmp_path / "tried.py").write_text(HEAD + text.replace("@@", str(factor)), encoding="utf-8")
        texts.append(OPTIMIZERS.find(f"{tmp_path}/tried.py:tried").texts())
    assert texts[0] != texts[1]
    assert texts[0] == texts[2]


def test_a_schedule_that_calls_itself_without_end_is_told_at_its_line():
    @schedule
    def endless(share):
        return endless(share)

    with pytest.raises(ConfigError, match=r"test_function_text\.py:\d+: schedule endless fails with RecursionError"):
        from_settings({"schedule": endless})


def test_a_list_that_holds_itself_is_refused(tmp_path):
    rule = found(tmp_path / "one", "L = [1.0]\nL.append(L)\n", "L[0]")
    with pytest.raises(ConfigError, match="tried uses a list or a dictionary that holds itself"):
        rule.texts()
