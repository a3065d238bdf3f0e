"""The text of a rule: what is refused, at its line and with what to write instead, and the plain form of the rest."""

from __future__ import annotations

import inspect
import itertools
import math
import types
from pathlib import Path

import numpy
import numpy as np
import numpy as xp
import pytest
from numpy import pi, sqrt

from ravine.errors import ConfigError
from ravine.formulas.elementwise import rule
from ravine.formulas.given import FUNCTIONS
from ravine.formulas.shelves import OPTIMIZERS
from rule_files import write_rules

HYPER = {"lr": 0.3, "alpha": 0.6}
_numbers = itertools.count()


def plain(declared):
    """Return the rule's plain text as a function, with nothing around it but NumPy."""
    body = "\n".join(f"    {line}" for line in declared.text.splitlines())
    scope = {"np": np}
    exec(f"def plain({', '.join(declared.formula.arguments)}, *, {', '.join(declared.defaults)}):\n{body}", scope)
    return scope["plain"]


def assert_plain_form_is_the_function(declared):
    rng = np.random.default_rng(5)
    for t in (1, 2, 7):
        known = {name: rng.normal(size=50) for name in ("g", "w", *declared.formula.slots)}
        known["t"] = t
        given = {name: HYPER[name] for name in declared.defaults}
        arguments = [known[name] for name in declared.formula.arguments]
        with np.errstate(all="ignore"):
            ours, theirs = (f(*arguments, **given) for f in (plain(declared), declared))
        as_tuple = [r if isinstance(r, tuple) else (r,) for r in (ours, theirs)]
        for one, other in zip(*as_tuple, strict=True):
            np.testing.assert_array_equal(one, other)


# --- the plain form ---

WHOLE, REAL, DOUBLE, SINGLE, FLAG, TRUTH = 3, 0.25, np.float64(0.75), np.float32(0.5), True, np.True_
BELOW, BELOW_WHOLE, COUNT, MINUS_ZERO, ENDLESS, NOTHING = -0.5, -3, np.int64(-2), -0.0, math.inf, math.nan


def helper(x):
    return 2 * x


class Setting:
    beta = 0.5


class Doubles:
    __hash__ = None

    def __call__(self, x):
        return 2 * x


double_it = Doubles()


@rule
def constants(g, v, *, lr, alpha):
    v = WHOLE * v + REAL * g / DOUBLE - SINGLE * COUNT + g**WHOLE
    x = BELOW**2 * g + g**BELOW_WHOLE + 2**BELOW_WHOLE + BELOW_WHOLE**2 + math.pi * np.e + math.tau
    low = x * np.minimum(v, ENDLESS) + np.maximum(g, -ENDLESS) + np.copysign(1.0, MINUS_ZERO) * v
    y = lr if FLAG else alpha
    return y * g + low, np.where(TRUTH, v, g)


@rule
def not_a_number(g, *, lr):
    return np.where(g > 0, NOTHING, lr * g)


@rule
def other_names(g, v, *, lr):
    v = xp.maximum(v, numpy.fabs(g)) + sqrt(np.square(g)) * pi
    return np.clip(lr * g, -0.1, v), v


@rule
def truth(g, v, t, w, *, lr, alpha):
    """Say nothing."""
    early = t < 3 and lr > 0
    small = abs(g) < alpha
    both = np.logical_and(small, v > 0) | ~small & (w > 0)
    either = np.logical_or(both, early) ^ np.logical_not(np.isnan(g)) & early & FLAG
    rate = lr if not early else lr * alpha if 0 < alpha <= 1 else 0.0
    count = t % 3 + t // 2 + max(t, 2) * min(lr, alpha, 0.1) + abs(lr - alpha)
    return rate * np.where(either, g, 0.5 * v) + small * v * (both == early), count * v


@rule
def large_numbers(g, v, *, lr):
    v = v * 2**100 / 10**20 + 1 / 3 + 7 // 2 - 10**-8 + (-2) ** 65 + 12345678901234567890123 % 1000 * 0
    return lr * g / 1e300, v


@rule
def changing(g, v, w, *, lr, alpha):
    x = lr
    y = -x if x > alpha else x
    x = g * y
    x = x > 0
    g = np.where(x & (g > 1), g, w)
    x = 2.0
    return min(x, 3) * g, -v


@rule(
    name="laid-out",
    bounds={
        "lr": "(0, 1)",
    },
)
# a comment between
def laid_out(
    g,
    v,
    *,
    lr=0.1,
    alpha=(0.9),
):
    """One line.

    At the margin.
    """
    v = (
        alpha * v
        # at the margin too
        + lr * g  # a remark
    )

    "a string on its own"
    return (
        v,
        v,
    )  # fmt: skip


def within():
    beta = 0.5

    @rule
    def inner(g, v, *, lr):
        v = beta * v + g
        return lr * v, v

    return inner


class Holder:
    @rule
    def of_a_class(g, *, lr):
        return lr * g * Holder_scale


Holder_scale = 2.0


@pytest.mark.parametrize(
    "declared",
    [
        constants,
        not_a_number,
        other_names,
        truth,
        large_numbers,
        changing,
        laid_out,
        within(),
        Holder.of_a_class,
    ],
    ids=lambda declared: declared.name,
)
def test_the_plain_form_computes_what_the_function_computes(declared):
    assert_plain_form_is_the_function(declared)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_a_plain_form(tmp_path, name):
    of_conditions = name.startswith("logical")
    arguments = ["g > 0", "v < 1"] if of_conditions else ["g", "v"]
    called = ", ".join(arguments[: getattr(np, name).nin])
    path = write_rules(
        tmp_path / "functions.py", f"@rule\ndef all_of_it(g, v, *, lr):\n    return lr * np.{name}({called}) * g, v\n"
    )
    declared = OPTIMIZERS.find(str(path))
    assert f"np.{name}(" in declared.text
    assert_plain_form_is_the_function(declared)


def test_the_plain_form_is_written_plainly():
    assert other_names.text == (
        "v = np.maximum(v, np.fabs(g)) + np.sqrt(np.square(g)) * 3.141592653589793\n"
        "return (np.minimum(np.maximum(lr * g, -0.1), v), v)"
    )
    assert within().text == "v = 0.5 * v + g\nreturn (lr * v, v)"
    assert laid_out.text == "v = alpha * v + lr * g\nreturn (v, v)"
    assert "(-0.5) ** 2 * g" in constants.text


def test_a_number_is_read_when_it_is_asked_for(monkeypatch):
    before = constants.text
    assert "+ 0.25 * g" in before
    monkeypatch.setitem(globals(), "REAL", 0.125)
    assert "+ 0.125 * g" in constants.text
    assert_plain_form_is_the_function(constants)
    monkeypatch.undo()
    assert constants.text == before


MARGIN = """
def make(beta):
    @rule
    def inner(g, v, *, lr):
        \'\'\'Say
at the margin.
        \'\'\'
        v = beta * v + g
# at the margin
        u = LINE
    # left of the body
        return (lr
* u, v)
    return inner
inner = make(0.5)
"""


@pytest.mark.parametrize("number", [2, 2.0, -0.0, 0.0, True, np.float32(2), math.inf])
def test_the_text_is_read_again_only_if_a_name_stands_for_something_else(number):
    scale = 1
    away = types.ModuleType("away")
    away.factor = 1

    @rule
    def mine(g, *, lr):
        return lr * scale * away.factor * g

    first = mine.formula.body()
    scale = int("1")
    assert mine.formula.body() is first
    for changed in ("scale", "factor"):
        if changed == "scale":
            scale = number
        else:
            away.factor = number
        body = mine.formula.body()
        assert body is not first
        assert mine.formula.body() is body
        told = mine.formula.taker()({"g": np.ones(1)}, {"lr": 1.0})[0]
        np.testing.assert_array_equal(told, scale * away.factor * np.ones(1))
        assert np.signbit(told) == np.signbit(float(scale) * float(away.factor))
        first = body


def test_what_stands_at_the_margin_does_not_matter(tmp_path):
    declared = OPTIMIZERS.find(f"{write_rules(tmp_path / 'margin.py', MARGIN.replace('LINE', 'v'))}:inner")
    assert declared.text == "v = 0.5 * v + g\nu = v\nreturn (lr * u, v)"
    declared = OPTIMIZERS.find(f"{write_rules(tmp_path / 'margin.py', MARGIN.replace('LINE', 'v % 2  # here'))}:inner")
    assert "computes `v % 2`" in fault(declared.function, declared)


def drifting(g, v, *, lr, alpha):
    return v, alpha * v


def test_the_lazy_update_is_read_as_the_rule_is():
    assert rule(drifting).formula.lazy_body() is None

    def form(v, n, *, alpha):
        return v * n**WHOLE, np.clip(v, 0, alpha)

    lazy = rule(lazy=form)(drifting).formula.lazy_body()
    assert lazy.text == "return (v * n ** 3, np.minimum(np.maximum(v, 0), alpha))"


# --- faults ---


def fault(function, declared, marker="# here"):
    """Return the words of the refusal, after a check that it names the file and the marked line."""
    lines, first = inspect.getsourcelines(function)
    (marked,) = [number for number, line in enumerate(lines, start=first) if marker in line]
    with pytest.raises(ConfigError) as caught:
        (declared.formula.body if declared.function is function else declared.formula.lazy_body)()
    place, words = str(caught.value).split(f": rule {declared.name} ", maxsplit=1)
    assert place == f"{inspect.getsourcefile(function)}:{marked}"
    assert "\n" not in words
    assert words.endswith((".", "?"))
    assert not words.endswith(("..", "?."))
    return words


@rule
def augments(g, v, *, lr):
    """Line 2."""
    v += lr * g  # here
    return v, v


@rule(
    bounds={"lr": "(0, 1)"},
)
def branches(g, *, lr):
    if lr > 1:  # here
        return g
    return lr * g


@rule
def returns_nothing(g, *, lr):  # here
    step = lr * g  # noqa: F841


@rule
def is_laid_out(
    g,
    *,
    lr,
):
    return (
        lr + g + helper(g)  # here
    )


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (augments, "changes v in place, which would change the caller's: write v = v + lr * g."),
        (branches, "has an `if`; a formula has one text for all numbers: write np.where(condition, this, that)."),
        (returns_nothing, "returns nothing; it must return the step."),
        (is_laid_out, "calls helper; write it out in the rule's own body."),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_fault_in_this_file_names_the_rule_the_file_and_the_line(declared, message):
    assert fault(declared.function, declared) == message


STATEMENTS = {
    "for k in range(3):\n        g = g * lr": "has a loop; a formula is computed once from top to bottom",
    "while lr > 1:\n        lr = 2": "has a loop",
    "u -= g / (lr + 1)": "write u = u - g / (lr + 1)",
    "u **= 2": "write u = u ** 2",
    "u *= 0.9 + lr": "write u = u * (0.9 + lr)",
    "u -= lr - 1": "write u = u - (lr - 1)",
    "u, v = g, lr": "assigns to something else than one name; write one line for each",
    "x = y = g": "assigns to something else than one name; write one line for each",
    "u[0] = g": "assigns to something else than one name",
    "u.x = g": "assigns to something else than one name",
    "_j = lr * g": "assigns to _j; names that start with _ are the kernel's own",
    "alpha = 2 * lr": "assigns to alpha, the name of a given value; choose another name",
    "t = 2": "assigns to t, the name of a given value",
    "n = 2": "assigns to n, the name of a given value",
    "float = 2 * lr": "assigns to float, a name that the kernel needs itself; choose another name",
    "max = 2 * lr": "assigns to max, a name that the kernel needs itself",
    "x: float = g": "has `x: float = g`, which is neither `name = expression` nor `return`",
    "def inner(x):\n        return x": "has `def inner(x):`, which is neither",
    "import math": "has `import math`, which is neither",
    "pass": "has `pass`, which is neither",
    "print(g)": "has `print(g)`, which is neither",
    "assert lr": "has `assert lr`, which is neither",
    "return": "returns nothing; it must return the step and the new slots",
    "return lr * g": "returns 1 value; it must return the step, u, v, in this order",
    "return u, v": "returns 2 values; it must return the step, u, v, in this order",
    "return [lr * g, u, v]": "returns 1 value;",
    "return g, *u, v": "uses `*u`; a formula is made of names, numbers, + - * / ** and np functions",
}


EXPRESSIONS = {
    "aplha * g": "uses aplha, which is not defined; did you mean alpha? Known here: alpha, fine, g, lr, t, u, v.",
    "zzzzzz * g": "uses zzzzzz, which is not defined. Known here: alpha, fine, g, lr, t, u, v.",
    "w * g": "uses w, which is not defined.",
    "late * g": "uses late before it is assigned",
    "g if g > 0 else u": "chooses between arrays with `if`; write np.where(g > 0, g, u)",
    "g if lr > 0 else 1.0": "chooses between arrays with `if`; write np.where(lr > 0, g, 1.0)",
    "1.0 if u > 0 else 2.0": "write np.where(u > 0, 1.0, 2.0)",
    "(g > 0 and u > 0) * g": "uses `and` on arrays; write np.logical_and(a, b)",
    "(lr > 0 or u > 0) * g": "uses `or` on arrays; write np.logical_or(a, b)",
    "(not g) * u": "uses `not` on an array; write np.logical_not(a)",
    "(0 < g < 1) * u": "compares three arrays at once; write np.logical_and(a < b, b < c)",
    "g is u": "uses `g is u`; compare with < <= > >= == !=",
    "g in u": "uses `g in u`; compare with",
    "np.where(g > 0 & u > 0, g, u)": "computes `0 & u`; & | ^ combine conditions, each in parentheses",
    "g ^ 2": "computes `g ^ 2`; & | ^ combine conditions, each in parentheses, as in (a > 0) & (b > 0), and a power",
    "(t & 1) * g": "computes `t & 1`; & | ^ combine conditions",
    "~g": "uses `~`",
    "~(t > 3) * g": "uses `~`, which negates conditions of weights; to negate one of numbers, write `not`",
    "-(g > 0) * g": "computes `-(g > 0)` of a condition; write ~a for its opposite",
    "((g > 0) + (u > 0)) * g": "computes `(g > 0) + (u > 0)` with conditions alone; combine them with & | ^",
    "((g > 0) < (u > 0)) * g": "computes `(g > 0) < (u > 0)` with conditions alone",
    "np.where(g > 0, g > 1, u > 1) * g": "chooses between conditions; write np.where(condition, 1.0, 0.0)",
    "np.sqrt(g > 0)": "takes np.sqrt of a condition; write np.where(condition, 1.0, 0.0) for its number",
    "abs(g > 0)": "takes abs of a condition",
    "np.logical_and(g, u) * g": "gives np.logical_and a number; it takes conditions, such as a > 0",
    "np.logical_not(lr) * g": "gives np.logical_not a number",
    "math.sqrt(g)": "calls math.sqrt; write np.sqrt",
    "root(g)": "calls root; write np.sqrt",
    "math.pow(g, 2)": "calls math.pow; write g ** 2.",
    "math.fabs(g)": "calls math.fabs; write np.fabs(g).",
    "math.erf(g)": "calls math.erf; a formula may call np.where, np.clip, abs and, of NumPy, absolute, arcsinh",
    "min(g, u)": "calls min; write np.minimum(g, u).",
    "max(g, lr)": "calls max; write np.maximum(g, lr).",
    "min(lr) * g": "calls min with 1 argument; give two or more",
    "max() * g": "calls max with 0 arguments; give two or more",
    "pow(g, 2)": "calls pow; write g ** 2.",
    "round(g)": "calls round; write np.rint(g).",
    "float(g)": "calls float; write the number itself",
    "int(lr) * g": "calls int; write np.trunc(lr).",
    "sum(g)": "calls sum; a formula computes with one weight; write a rule for whole",
    "helper(g)": "calls helper; write it out in the rule's own body",
    "helper(lr) * g": "calls helper; write it out in the rule's own body",
    "double_it(g)": "calls double_it; a formula may call",
    "Setting(g)": "calls Setting; a formula may call",
    "np.mean(g)": "calls np.mean; a formula computes with one weight",
    "np.zeros_like(g)": "calls np.zeros_like; write 0",
    "g.sum()": "calls `.sum()` of `g`; a formula computes with one weight; write a rule for whole",
    "np.linalg.norm(g) * g": "calls np.linalg.norm; take `norm` as a parameter after g",
    "np.random.normal(lr) * g": "calls np.random.normal; take `noise`, standard normal numbers",
    "random.gauss(0, 1) * g": "calls random.gauss; take `noise`, standard normal numbers",
    "time.time() * g": "calls time.time; take `t`, the number of the step",
    "np.float32(lr) * g": "calls np.float32; write lr.",
    "np.sqrt(g, u)": "calls np.sqrt with 2 arguments; it takes 1",
    "np.maximum(g)": "calls np.maximum with 1 argument; it takes 2",
    "np.where(g > 0)": "calls np.where with 1 argument; it takes 3",
    "np.clip(g, 1)": "calls np.clip with 2 arguments; it takes 3",
    "abs(g, u)": "calls abs with 2 arguments; it takes 1",
    "abs()": "calls abs with 0 arguments; it takes 1",
    "np.sqrt(g, dtype=float)": "gives `dtype=float` to np.sqrt; give arguments by position",
    "np.clip(g, min=0, max=1)": "gives `min=0` to np.clip; give arguments by position",
    "np.sqrt(**u)": "gives `**u` to np.sqrt; give arguments by position",
    "np.sqrt(*u)": "uses `*u`; a formula is made of names",
    "np.sqrtt(g)": "uses np.sqrtt, which does not exist; did you mean np.sqrt?",
    "np.qqqqqq(g)": "uses np.qqqqqq, which does not exist",
    "np.random.zzz(g)": "uses np.random.zzz, which does not exist",
    "Setting.beta * g": "uses Setting.beta, a part of a type",
    "g.mean()": "calls `.mean()` of `g`; a formula computes with one weight; write a rule",
    "lr(g)": "calls lr, which is a number; write a product as lr * (..).",
    "g.real": "takes `.real` of `g`; to a formula it is one number, without shape or dtype: write g alone.",
    "np.abs(g).max()": "calls `.max()` of `np.abs(g)`; a formula computes with one weight; write a rule",
    "(g * u).sum(axis=0)": "calls `.sum()` of `g * u`; a formula computes with one weight",
    "np.sqrt(g).mean()": "or take `norm`, the norm of the whole gradient, as a parameter after g.",
    "np.abs(g)[0]": "uses `np.abs(g)[0]`; a formula computes with one weight, which has no parts",
    "g.T": "takes `.T` of `g`; to a formula it is one number, without shape or dtype: write g alone.",
    "g.T.copy()": "calls `.copy()` of `g.T`; to a formula it is one number",
    "(g + u).astype(float)": "calls `.astype()` of `g + u`; to a formula it is one number, without shape or dtype",
    "g.sign()": "calls `.sign()` of `g`; write np.sign(g).",
    "(g * u).clip(-1, 1)": "calls `.clip()` of `g * u`; write np.clip(g * u, -1, 1).",
    "g.clamp(0)": "calls `.clamp()` of `g`; write np.clip(a, b, c).",
    "g.mul(u + 1)": "calls `.mul()` of `g`; write g * (u + 1).",
    "g.hypot(u)": "calls `.hypot()` of `g`; write np.hypot(g, u).",
    "g.qqq": "takes `.qqq` of `g`; to a formula it is one number; a formula is made of names",
    "np.add.reduce(g)": "uses np.add.reduce; a formula computes with one weight",
    "np.sum(g, axis=0)": "calls np.sum; a formula computes with one weight",
    "np.multiply(g)": "calls np.multiply; write a * b.",
    "np.qqqqqq.max()": "uses np.qqqqqq, which does not exist",
    "g[0]": "uses `g[0]`; a formula computes with one weight, which has no parts: leave the index out.",
    "TENTH[0] * g": "uses `TENTH[0]`; give the number a name of its own.",
    "TENTH * g": "uses TENTH, which is not a number but a list; a formula may use numbers of its module",
    "ARRAY * g": "uses ARRAY, which is not a number but a ndarray",
    "COMPLEX * g": "uses COMPLEX, which is not a number but a complex",
    "1j * g": "uses 1j, which is not a number but a complex",
    "WORD * g": "uses WORD, which is not a number but a str",
    "'fast' * g": "uses 'fast', which is not a number but a str",
    "None": "uses None, which is not a number but a NoneType",
    "HUGE * g": "uses HUGE, which is too large for a floating-point number",
    "10**400 * g": "computes `10 ** 400`, which is not a number: Numerical result out of range",
    "1 / 0 * g": "computes `1 / 0`, which is not a number: float division by zero",
    "np.sqrt * g": "uses np.sqrt, which is not a number but a function: call it",
    "helper * g": "uses helper, which is not a number but a function: call it",
    "np * g": "uses np, which is not a number but a module",
    "(lambda x: x)(g)": "uses `lambda x: x`; a formula is made of",
    "(x := g)": "uses `(x := g)`",
    "[x for x in g]": "uses `[x for x in g]`",
    "f'{g}'": "uses `f'{g}'`",
    "(g, u)": "uses `(g, u)`",
    "g % 2": "computes `g % 2`; with weights, a formula may use + - * / ** & | ^",
    "2 // u": "computes `2 // u`; with weights",
    "g @ u": "computes `g @ u`",
    "(2 << t) * g": "computes `2 << t`",
}

MENDS = [
    "np.add(g, u)", "np.subtract(g, u - 1)", "np.multiply(g, lr + u)", "np.divide(g, u)", "np.true_divide(g, u)",
    "np.float_power(np.fabs(g), u)", "np.mod(g, u)", "np.remainder(g, u)", "np.fmod(g, u)", "np.floor_divide(g, u)",
    "np.positive(g)", "np.isinf(g / 0.0 * u) * u", "np.signbit(g) * u", "np.nan_to_num(np.sqrt(g))",
    "np.heaviside(g, u)", "np.round(g)", "np.fix(9 * g)", "np.tan(g)", "np.heaviside(t - 2, g)",
    "np.greater(g, u) * v",
    "np.greater_equal(g, u) * v", "np.less(g, u) * v", "np.less_equal(g, u) * v", "np.equal(g, u) * v",
    "np.not_equal(g, u) * v", "np.bitwise_and(g > 0, u > 0) * v", "np.bitwise_or(g > 0, u > 0) * v",
    "np.bitwise_xor(g > 0, u > 0) * v", "np.invert(g > 0) * v", "np.copy(g)",
    "np.ones_like(g) * u", "operator.mul(g, u)",
    "operator.sub(g, u - 1)", "operator.neg(g + u)", "pow(g, 2)", "round(t) * g", "math.tan(lr) * g",
    "math.atan2(lr, t) * g", "math.exp(lr) * g", "math.fmod(t, lr) * g", "math.sinh(lr) * g", "g.clip(-0.5, 0.5)",
    "(g + u).round()", "g.reshape(-1)", "abs(g).copy()",
]  # fmt: skip
"""Calls that a formula may not make, though NumPy can."""


@pytest.mark.parametrize("call", MENDS)
def test_the_mend_computes_what_the_call_would(tmp_path, call):
    text = """
    import math
    import operator
    @rule
    def mended(g, u, v, t, *, lr):
        return THIS, u, v
    """
    wrong = OPTIMIZERS.find(str(write_rules(tmp_path / "wrong.py", text.replace("THIS", call))))
    with pytest.raises(ConfigError) as caught:
        wrong.formula.body()
    mend = str(caught.value).rpartition("write ")[2].removesuffix(".").removesuffix(" alone")
    rest = next((part for part in (" * u", " * v", " * g") if call.endswith(part)), "")
    right = OPTIMIZERS.find(str(write_rules(tmp_path / "right.py", text.replace("THIS", f"({mend}){rest} * 1.0"))))
    rng = np.random.default_rng(3)
    g, u, v = rng.normal(size=(3, 40))
    g[:2], u[0] = 0.0, 0.0
    with np.errstate(all="ignore"):
        theirs, ours = wrong.function(g, u, v, 2.0, lr=0.3)[0], plain(right)(g, u, v, 2.0, lr=0.3)[0]
    np.testing.assert_allclose(np.broadcast_to(ours, 40), theirs, rtol=1e-12, atol=1e-15)


MODULE = """
import math
import random
import time
from math import sqrt as root
TENTH, ARRAY, COMPLEX, WORD, HUGE = [0.1], np.array([0.1]), 1j, '0.1', 10**400
def helper(x):
    return 2 * x
class Setting:
    beta = 0.5
class Doubles:
    __hash__ = None
    def __call__(self, x):
        return 2 * x
double_it = Doubles()
@rule
def faulty(g, u, v, t, *, lr, alpha=0.5):
    fine = np.sqrt(lr)
    HERE
    late = g
    return late, u, v
"""


@pytest.mark.parametrize(
    ("line", "message"),
    [*STATEMENTS.items(), *((f"x = {expression}", words) for expression, words in EXPRESSIONS.items())],
)
def test_what_goes_beyond_the_language_is_refused_at_its_line(tmp_path, line, message):
    head, _, rest = line.partition("\n")
    marked = f"{head}  # here" + (f"\n{rest}" if rest else "")
    declared = OPTIMIZERS.find(f"{write_rules(tmp_path / 'faulty.py', MODULE.replace('HERE', marked))}:faulty")
    assert message in fault(declared.function, declared)


def test_a_fault_in_what_is_returned_is_found_too(tmp_path):
    path = write_rules(
        tmp_path / "returned.py",
        """
        @rule
        def faulty(g, v, *, lr):
            return (
                lr * g,
                v % 2,  # here
            )
        """,
    )
    declared = OPTIMIZERS.find(str(path))
    assert "computes `v % 2`" in fault(declared.function, declared)


def test_a_fault_of_the_lazy_update_is_found_at_its_own_line():
    def form(v, n):
        return v  # here

    assert fault(form, rule(lazy=form)(drifting)).startswith("returns 1 value; it must return the step, v")

    def unasked(v, n):
        return v * alpha, v  # here  # noqa: F821

    assert "uses alpha, which is not defined" in fault(unasked, rule(lazy=unasked)(drifting))


def test_a_variable_around_the_rule_that_has_no_value_is_not_defined():
    def make():
        @rule
        def early(g, *, lr):
            return lr * g * later  # here

        yield early
        later = 2.0
        yield early, later

    making = make()
    declared = next(making)
    assert "uses later, which is not defined" in fault(declared.function, declared)
    next(making)
    assert declared.text == "return lr * g * 2.0"


def test_a_rule_without_a_source_is_refused():
    scope = {}
    exec("def typed_in(g, *, lr):\n    return lr * g\n", scope)
    with pytest.raises(ConfigError, match=r"source of rule typed_in cannot be read: define it in a file"):
        rule(scope["typed_in"]).formula.body()


def test_a_lambda_is_no_rule_and_no_lazy_update():
    with pytest.raises(ConfigError, match=r"a rule is a function defined with `def`, and this is a lambda: write it"):
        rule(lambda g, *, lr: lr * g)

    on_one_line = rule(lazy=lambda v, n: (v, v))(drifting)
    with pytest.raises(ConfigError, match=r"test_source.py:\d+: rule drifting is not a function defined with `def`"):
        on_one_line.formula.lazy_body()

    on_several = rule(
        lazy=lambda v, n: (
            v,
            v,
        )
    )(drifting)
    with pytest.raises(ConfigError, match="is not a function defined with `def`"):
        on_several.formula.lazy_body()


def test_a_second_decorator_that_hides_the_function_is_refused():
    import functools

    def doubled(function):
        @functools.wraps(function)
        def wrapper(g, *, lr):
            return 2 * function(g, lr=lr)

        return wrapper

    @rule
    @doubled
    def hidden(g, *, lr):
        return lr * g

    with pytest.raises(ConfigError, match="rule hidden has a second decorator, which hides the function that runs"):
        hidden.formula.body()


@pytest.mark.parametrize("thing", [math.sqrt, np.sqrt, Doubles(), Setting, "adam", types.SimpleNamespace()])
def test_only_functions_are_rules(thing):
    with pytest.raises(ConfigError, match="a rule is a function defined with `def`, and this is a "):
        rule(thing)


def test_a_file_that_changes_after_it_was_read_does_not_change_the_rule(tmp_path):
    path = write_rules(tmp_path / "mine.py", "@rule\ndef mine(g, *, lr):\n    return lr * g\n")
    declared = OPTIMIZERS.find(str(path))
    write_rules(path, "@rule\ndef mine(g, *, lr):\n    return lr * g * 2\n")
    assert declared.text == "return lr * g"
    assert OPTIMIZERS.find(str(path)).text == "return lr * g * 2"
    assert declared.text == "return lr * g"


def test_the_text_is_not_that_of_another_function(tmp_path):
    # What a file holds now need not be what runs: a script may be edited while it works.
    path = Path(tmp_path / "script.py")
    code = "def mine(g, *, lr):\n    return lr * g\n"
    scope = {"__name__": "script"}
    exec(compile(code, str(path), "exec"), scope)
    path.write_text("def other(g, *, lr):\n    return lr * g * 2\n")
    with pytest.raises(ConfigError, match=rf"{path}:1: rule mine is not a function defined with `def`"):
        rule(scope["mine"]).formula.body()
