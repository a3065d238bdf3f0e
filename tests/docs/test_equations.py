"""Equations of docstrings as LaTeX; what is expected was written by hand."""

from __future__ import annotations

import re

import pytest

from equations import EquationError, latex, signs
from optimizer_cases import ELEMENTWISE, MATRIX
from optimizer_pages import describe
from ravine import rule

EVERY = [*ELEMENTWISE.values(), *MATRIX.values()]
ADAM = ("lr", "beta1", "beta2", "eps", "weight_decay", "momentum_decay")


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ("w = w - lr g", r"w = w - \eta\, g"),
        ("m_t = beta1 m_(t-1) + (1 - beta1) g", r"m_{t} = \beta_{1}\, m_{t - 1} + \left( 1 - \beta_{1} \right)\, g"),
        ("v_t = d_t^2 / (1 - beta2^t)", r"v_{t} = \frac{d_{t}^{2}}{1 - \beta_{2}^{t}}"),
        ("a = (b / c) / (sqrt(v_t / 2) + eps)", r"a = \frac{b / c}{\sqrt{v_{t} / 2} + \epsilon}"),
        ("a = b (c / 2) / d", r"a = \frac{b\, \left( c / 2 \right)}{d}"),
        ("a = sqrt(b / 2)", r"a = \sqrt{\frac{b}{2}}"),
        ("a = -b / c - d", r"a = -\frac{b}{c} - d"),
        ("W = (L + eps I)^(-1/4) G", r"W = \left( L + \epsilon\, I \right)^{-1 / 4}\, G"),
        ("N' = G'^2 X^T", r"N^{\prime} = G^{\prime 2}\, X^{\top}"),
        ("a = f'(w + d) f (w)", r"a = f^{\prime}\left( w + d \right)\, f\, \left( w \right)"),
        ("a = max(b, |g|) NS(X)", r"a = \max\left( b, \left| g \right| \right)\, \operatorname{NS}\left( X \right)"),
        ("a = r / |s_t|_1", r"a = \frac{r}{\left\lVert s_{t} \right\rVert_{1}}"),
        ("|a| |b| = |<g, (|d|)>|", r"\left| a \right|\, \left| b \right| = "
         r"\left| \left\langle g, \left( \left| d \right| \right) \right\rangle \right|"),
        ("a <= 10^-4 <g, w_0 - w>", r"a \le 10^{-4}\, \left\langle g, w_{0} - w \right\rangle"),
        ("q = 1 - mu_1 ... mu_(t+1)", r"q = 1 - \mu_{1}\, \cdots\, \mu_{t + 1}"),
        ("a = 0.96^(t momentum_decay)", r"a = 0.96^{t\, \text{momentum\_decay}}"),
        ("w = w - lr weight_decay w", r"w = w - \eta\, \lambda\, w"),
        ("p = 0, where g < 1 and t >= 2, elsewhere 1",
         r"p = 0 \qquad \text{where }g < 1\text{ and }t \ge 2,\text{ elsewhere }1"),
        ("p = sign(g) where it has the sign of b", r"p = \operatorname{sign}\left( g \right) \qquad "
         r"\text{where it has the sign of }b"),
    ],
)  # fmt: skip
def test_one_equation(plain, expected):
    assert latex(plain, ADAM) == expected


def test_rows_are_aligned_at_their_relation_and_remarks_stand_apart():
    assert latex("    a   = b\n    b_t <= c  before\n") == "a &= b \\\\\nb_{t} &\\le c & \\text{before}"


@pytest.mark.parametrize(
    ("plain", "complaint"),
    [
        ("w = w - lr bta1 g", "bta1 is neither a letter, a Greek name nor a hyper-parameter, at `bta1 g`"),
        ("w = w - rate g", "rate is neither a letter.* at `rate g`"),
        ("w = g rate", "rate is neither a letter.* remark, at `rate`"),
        ("a = b / c d", "two ways.* at `d`"),
        ("a = b / c / d", "two ways.* at `/ d`"),
        ("a = (b + c", r"`\)` is missing, at the end"),
        ("a = |b + c", r"`\|` is missing, at the end"),
        ("a = sqr(b)", r"sqr is no function.* at `\(b\)`"),
        ("a = lr(b)", r"lr is no function.* at `\(b\)`"),
        ("a = 2t", "not in the notation, at `2t`"),
        ("a = 1e-8", "not in the notation, at `1e-8`"),
        ("a : b", "not in the notation, at `: b`"),
        ("a + b", "a relation, such as =, is missing, at the end"),
        ("a = ", "a number, a name or an opening bracket is missing, at the end"),
        ("a = b + * c", r"not in the notation, at `\* c`"),
        ("a = b,   c = d", "nothing more was to come"),
        ("a = b^2^2", "second exponent"),
        ("a = m_t_1", "m_t_1 is neither"),
        ("a = (b)_1", "subscript"),
        ("a = eta g", "eta is neither"),  # it would look like lr
    ],
)
def test_what_is_not_in_the_notation_is_refused_at_its_place(plain, complaint):
    with pytest.raises(EquationError, match=complaint):
        latex(plain, ADAM)


def test_no_two_hyperparameters_have_the_same_sign():
    assert signs(["lr", "eta", "mu", "momentum"]) == {
        "lr": r"\eta",
        "eta": r"\text{eta}",
        "mu": r"\mu",
        "momentum": r"\text{momentum}",
    }


@pytest.mark.parametrize("each", EVERY, ids=lambda each: each.name)
def test_every_rule_has_equations_from_which_nothing_is_lost(each):
    blocks = [text for is_equation, text in describe(each).body if is_equation]
    assert blocks
    doc = re.findall(r"^ {8}(.*)$", each.function.__doc__, re.MULTILINE)
    names = sorted(signs(each.defaults).items(), key=lambda pair: -len(pair[0]))
    plain, written = " ".join(doc), " ".join(blocks)
    for number, (name, _) in enumerate(names):
        # A mark takes the place of each hyper-parameter, on both sides.
        plain = re.sub(rf"(?<![A-Za-z]){name}(?![A-Za-z0-9])", f" §{number}§ ", plain)
    for number, (_, sign) in sorted(enumerate(names), key=lambda each: -len(each[1][1])):
        written = written.replace(sign, f" §{number}§ ")
    layout = r"\\(?:left|right|frac|sqrt|text|operatorname|lVert|rVert|langle|rangle|qquad|,)"
    written = re.sub(layout, " ", written).replace(r"\top", "T").replace(r"\cdots", "...").replace(r"\prime", "'")
    symbols = r"§\d+§|[A-Za-z]+|\d+(?:\.\d+)?|'|\.\.\."
    expected = [symbol for symbol in re.findall(symbols, plain) if symbol != "sqrt"]
    assert re.findall(symbols, re.sub(r"\\([a-z]+)", r" \1 ", written).replace(" le ", " ")) == expected


@pytest.mark.parametrize(
    ("equations", "complaint"),
    [
        ("    w = w - lr gradient\n", "optimizer careless: gradient is neither"),
        ("", "optimizer careless: its docstring has no equations"),
    ],
)
def test_a_rule_that_cannot_be_read_is_named(equations, complaint):
    def careless(g, *, lr=0.1):
        return lr * g

    careless.__doc__ = f"Careless: of its equations.\n\n{equations}\nSource: nobody.\n"
    with pytest.raises(EquationError, match=complaint):
        describe(rule(careless))
