"""The text of a function has whatever decides what it computes: what has another effect has another text."""

from __future__ import annotations

import functools

import pytest

from ravine import matrix_rule, schedule, stage
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
    space = {}
    exec(compile("F = lambda w: 4 * w", str(tmp_path / "moved.py"), "exec"), space)
    (tmp_path / "moved.py").write_text("A, F = 1, lambda w: 4 * w\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"moved\.py:1: which lambda of this line is meant .* write it as a `def`"):
        function_text(space["F"])


@pytest.mark.parametrize(
    ("above", "uses"),
    [
        ("class P(NamedTuple):\n    a: float = 3.0\n    def s(self):\n        return self.a * @@\nP = P()\n", "P.s()"),
        ("P = namedtuple('P', 'a b', defaults=[3.0, @@])\n", "P().b"),
        ("class L(list):\n    def s(self):\n        return @@\nL = L([3.0])\n", "L.s()"),
        ("class L(dict):\n    def s(self):\n        return @@\nL = L(a=3.0)\n", "L.s()"),
        ("class L(float):\n    def s(self):\n        return @@\nL = L(3.0)\n", "L.s()"),
        ("class L(float):\n    def __repr__(self):\n        return 'L'\nL = L(@@)\n", "L"),
        ("class L(np.ndarray):\n    pass\nL = np.array([@@]).view(L)\n", "L[0]"),
        ("class C:\n    @functools.cached_property\n    def s(self):\n        return @@\n", "C().s"),
        ("class C:\n    @functools.cache\n    def s(self):\n        return @@\n", "C().s()"),
        ("class C:\n    @functools.lru_cache(7)\n    def s(self):\n        return @@\n", "C().s()"),
        ("class C:\n    s = functools.singledispatchmethod(lambda self, x: @@)\n", "C().s(0)"),
        ("class C:\n    s = functools.partialmethod(lambda self, x: x, @@)\n", "C().s()"),
        ("class C:\n    s = functools.partial(max, @@)\n", "C.s(0)"),
        ("class C:\n    s = property(lambda self: 3.0, lambda self, v: setattr(self, 'v', v * @@))\n", "C().s"),
        ("class C:\n    S = frozenset([@@])\n", "max(C.S)"),
        ("class C:\n    class D:\n        s = @@\n", "C.D.s"),
        ("class D:\n    def __init__(self, s):\n        self.s = s\nclass C:\n    d = D(@@)\n", "C.d.s"),
        ("class D:\n    def __get__(self, *given):\n        return @@\nclass C:\n    s = D()\n", "C.s"),
        ("class M(type):\n    def s(cls):\n        return @@\nclass C(metaclass=M):\n    pass\n", "C.s()"),
        ("class A:\n    __slots__ = ('s',)\nclass B(A):\n    pass\nP = B()\nP.s = @@\n", "P.s"),
        ("@dataclass(slots=True)\nclass C:\n    s: float\nP = C(@@)\n", "P.s"),
        ("@dataclass\nclass C:\n    s: float = field(default_factory=lambda: @@)\n", "C().s"),
        ("class C(Enum):\n    A = 3.0\n    B = @@\n", "C.B.value"),
        (
            "class C(Enum):\n    A = 3.0\n    @classmethod\n    def _missing_(cls, given):\n"
            "        return cls.A if given > @@ else None\n",
            "C(4.5).value",
        ),
        ("class C(IntEnum):\n    A = 3\n    def s(self):\n        return self * @@\nP = C.A\n", "P.s()"),
        ("D = defaultdict(lambda: @@)\n", "D['a']"),
        ("def h():\n    return h.k\nh.k = @@\n", "h()"),
        ("@functools.singledispatch\ndef h(x):\n    return 3.0\nh.register(int, lambda x: @@)\n", "h(1)"),
        (
            "class T:\n    def __init__(self, f):\n        functools.update_wrapper(self, f)\n"
            "    def __call__(self, x):\n        return @@ * x\n@T\ndef h(x):\n    return x\n",
            "h(1)",
        ),
        ("@ravine.stage\ndef st(g, *, k=3.0):\n    return k * g * @@\n", "st(1.0, k=2.0)"),
        ("X = np.ma.masked_array([1.0, 2.0], mask=[0, @@ > 4.5])\n", "X.sum()"),
        ("def make(k):\n    return lambda: k\nF = [make(4.0), make(5.0), make(@@)]\n", "F[2]()"),
        (
            "class C:\n    def __init__(self, k):\n        self.k = k\nA, B = C(4.0), C(5.0)\n"
            "F = [A, B, A if @@ > 4.5 else B]\n",
            "F[2].k",
        ),
    ],
)
def test_what_decides_what_a_value_does_is_in_the_text(tmp_path, above, uses):
    first, second, again = texts_of(tmp_path, above, uses, "4.0", "5.0")
    assert first != second
    assert first == again


@pytest.mark.parametrize(
    ("above", "uses", "one", "other"),
    [
        (
            "@ravine.matrix_rule\ndef a(gradients, weights, state, t, *, lr=0.1, k@@=2):\n    return gradients, {}\n",
            "len(repr(a.typed({'k': 2.0})['k']))",
            "",
            ": int",
        ),
        (
            "@ravine.rule\ndef a(g, @@, *, lr=0.1):\n    return lr * g * w ** t\n",
            "a(1.0, 2.0, 3.0, lr=4.0)",
            "w, t",
            "t, w",
        ),
        ("class C(@@):\n    pass\n", "len(repr(C()))", "list", "tuple"),
        ("class C:\n    @@\n    def s(*given):\n        return len(given)\n", "C().s()", "", "@staticmethod"),
        ("class C:\n    f, g = (lambda s: 4), (lambda s: 5)\nC.h = C.@@\n", "C().h()", "f", "g"),
        ("X = np.@@(0.1 * np.ones((3, 5)))\n", "X.sum()", "ascontiguousarray", "asfortranarray"),
    ],
)
def test_what_decides_how_a_value_is_used_is_in_the_text(tmp_path, above, uses, one, other):
    first, second, again = texts_of(tmp_path, above, uses, one, other)
    assert first != second
    assert first == again


class Called:
    """An object that may be called, and that no source shows as a function."""

    def __call__(self, weights):
        return {"m": weights[0]}


@pytest.mark.parametrize(
    "start", [Called(), functools.partial(Called.__call__, None), functools.cache(lambda weights: {})]
)
def test_a_start_that_is_no_function_is_refused(start):
    with pytest.raises(ConfigError, match=r"the start of begun is .*; give a function, such as a `def` makes\."):

        @matrix_rule(start=start)
        def begun(gradients, weights, state, t, *, lr=0.1):
            return gradients, state


def test_a_penalty_that_is_no_function_is_refused():
    with pytest.raises(ConfigError, match="stage pulled has a penalty: this must be a function"):

        @stage(penalty=Called())
        def pulled(g):
            return g


def test_what_a_cached_property_or_a_dispatch_keeps_is_not_in_the_text(tmp_path):
    above = (
        "class C:\n    @functools.cached_property\n    def s(self):\n        return 4.0\nP = C()\n"
        "@functools.singledispatch\ndef h(x):\n    return 3.0\n"
    )
    rule = found(tmp_path / "one", above, "P.s * h(0)")
    before = rule.text
    rule([1.0], [1.0], {}, 1)
    assert rule.text == before


@pytest.mark.parametrize(
    ("above", "uses", "told"),
    [
        ("import threading\nclass C:\n    s = threading.Lock()\n", "C.s.locked()", "C.s, a lock, cannot be part of"),
        ("from collections import deque\nclass D(deque):\n    pass\nD = D([4.0])\n", "D[0]", "D, a D, cannot be part"),
        ("import threading\ndef h():\n    return h.k\nh.k = threading.Lock()\n", "h()", "h.k, a lock, cannot be"),
        ("X = np.array([(4.0, {})], dtype=[('a', float), ('b', object)])\n", "X['a']", "X, a ndarray, cannot be part"),
    ],
)
def test_what_has_no_text_is_refused_wherever_it_stands(tmp_path, above, uses, told):
    with pytest.raises(ConfigError, match=told):
        found(tmp_path / "one", above, uses).texts()


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
