r"""The equations of docstrings, which are plain text that a terminal can show, as LaTeX.

A block is lines such as

    m_t = beta1 m_(t-1) + (1 - beta1) g
    w   = w - lr m_t / (sqrt(v_t) + eps)  where t > 5

and this is all there is to the notation:

    line     = sum relation sum .. [","] [remark]      relation: = < > <= >=
    sum      = ["-"] term, and more of them behind + or -
    term     = product ["/" factor]
    product  = factor factor ..                        side by side, with or without a space
    factor   = atom ["^" exponent]                     exponent: a number, a name or (sum); T is the transpose
    atom     = number | name | "..." | (sum) | function(sum, ..) | |sum| | <sum, sum>
    remark   = words and sums, from one of `REMARKS` on

A name is a letter, a Greek name, or a hyper-parameter of the rule. A subscript, of a name or a norm, is a letter, a
number or (sum) behind _. f'(w) is a function, f (w) a product. What cannot be read, or can be read in two ways as
a / b c can, is an `EquationError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

_LETTERS = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"

GREEK = {"eps": r"\epsilon", **{name: rf"\{name}" for name in _LETTERS.split()}}

SIGNS = {"lr": r"\eta", "momentum": r"\mu", "weight_decay": r"\lambda"}
"""What sources write in the place of some long names."""

SUBSCRIPTS = {"plus": "+", "minus": "-"}

FUNCTIONS = {"exp": r"\exp", "log": r"\log", "max": r"\max", "min": r"\min", "sign": r"\operatorname{sign}"}
"""Functions beside sqrt, a single letter, and names in capitals, such as NS."""

REMARKS = ("where", "elsewhere", "before", "for", "and", "if", "otherwise")
"""Words that a remark behind an equation may begin with."""

RELATIONS = {"=": "=", "<": "<", ">": ">", "<=": r"\le", ">=": r"\ge"}

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<dots>\.\.\.)
  | (?P<number>\d+(?:\.\d+)?(?![\w.]))
  | (?P<name>[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*)
  | (?P<open><(?![\s=]))                # <a, b> hugs what is in it; a < b does not
  | (?P<close>(?<!\s)>(?!=))
  | (?P<relation><=|>=|[=<>])
  | (?P<sign>[-+/^_|(),'])
    )""",
    re.VERBOSE,
)


class EquationError(ValueError):
    """An equation that is not in the notation, or a name that nobody knows."""


@dataclass(frozen=True)
class Token:
    """A piece of a line: its kind, its text, whether a space is before it, and where it begins."""

    kind: str
    text: str
    apart: bool
    start: int


def latex(block: str, hyperparameters: Iterable[str] = ()) -> str:
    r"""Translate a block; several lines become rows that are aligned at their relation, with remarks apart.

    >>> latex("w = w - lr g / (sqrt(s_t) + eps)", ["lr", "eps"])
    'w = w - \\frac{\\eta\\, g}{\\sqrt{s_{t}} + \\epsilon}'
    >>> print(latex("b_1 = g\nw   = w - 0.5 b_1^2 where t > 1"))
    b_{1} &= g \\
    w &= w - 0.5\, b_{1}^{2} & \text{where }t > 1
    """
    names = signs(hyperparameters)
    rows = [_Line(line, names).read() for line in block.splitlines() if line.strip()]
    if len(rows) == 1:
        # One equation has nothing to be aligned with.
        equation, remark = rows[0]
        return equation.replace("&", "", 1) + (rf" \qquad {remark}" if remark else "")
    return " \\\\\n".join(equation + (f" & {remark}" if remark else "") for equation, remark in rows)


def signs(hyperparameters: Iterable[str]) -> dict[str, str]:
    r"""Return what stands for each hyper-parameter in equations: no two of them the same.

    >>> signs(["lr", "beta1", "eta_plus", "max_size"])
    {'lr': '\\eta', 'beta1': '\\beta_{1}', 'eta_plus': '\\eta_{+}', 'max_size': '\\text{max\\_size}'}
    """
    found: dict[str, str] = {}
    for name in hyperparameters:
        sign = SIGNS.get(name) or _greek(name) or (name if len(name) == 1 else _text(name))
        if sign in found.values():
            # As lr and eta in one rule: then both are written out.
            sign = _text(name)
        found[name] = sign
    return found


def _greek(name: str) -> str | None:
    """Return the sign of beta1, eps_root and the like, and of a letter with a number as d0."""
    parts = re.fullmatch(r"([A-Za-z]+?)(\d*)(?:_([a-z]+))?", name)
    if not parts:
        return None
    head, digits, word = parts.groups()
    known = head in GREEK or (len(head) == 1 and digits)
    if not known or (digits and word):
        return None
    below = digits or (SUBSCRIPTS.get(word, rf"\mathrm{{{word}}}") if word else "")
    return GREEK.get(head, head) + (f"_{{{below}}}" if below else "")


def _text(words: str) -> str:
    return rf"\text{{{words}}}".replace("_", r"\_")


# The parts of an equation. Each gives its LaTeX; `small` asks for fractions with a slash, as they are written inside
# other fractions and in exponents, where those with a bar would be too small to read.


@dataclass(frozen=True)
class Plain:
    """LaTeX that stands as it is, with what hangs on it: a subscript, primes, and an exponent."""

    text: str
    below: str = ""
    primes: int = 0
    power: str = ""

    def latex(self, small: bool) -> str:
        above = r"\prime " * self.primes + self.power
        return self.text + (f"_{{{self.below}}}" if self.below else "") + (f"^{{{above.strip()}}}" if above else "")


@dataclass(frozen=True)
class Fenced:
    """Something in brackets or bars, with a function's name before it, and a subscript or an exponent behind it."""

    left: str
    parts: tuple[Sum, ...]
    right: str
    function: Plain | None = None
    below: str = ""
    power: str = ""

    def latex(self, small: bool) -> str:
        inside = ", ".join(part.latex(small) for part in self.parts)
        name = self.function.latex(small) if self.function else ""
        above = f"^{{{self.power}}}" if self.power else ""
        if self.function == _ROOT:
            return rf"\sqrt{{{inside}}}{above}"
        if self.below:  # that of a norm, which has two bars then
            return rf"\left\lVert {inside} \right\rVert_{{{self.below}}}{above}"
        return rf"{name}\left{self.left} {inside} \right{self.right}{above}"

    @property
    def bare(self) -> Sum | None:
        """What is in plain parentheses that a fraction makes needless."""
        plain = self.left == "(" and not self.function and not self.power
        return self.parts[0] if plain else None


_ROOT = Plain("sqrt")

Factor = Plain | Fenced


@dataclass(frozen=True)
class Term:
    """A product, or a product over one factor."""

    factors: tuple[Factor, ...]
    divisor: Factor | None = None

    def latex(self, small: bool) -> str:
        product = r"\, ".join(factor.latex(small or self.divisor is not None) for factor in self.factors)
        if self.divisor is None:
            return product
        if small:
            return f"{product} / {self.divisor.latex(True)}"
        above = _bare(self.factors[0]) if len(self.factors) == 1 else product
        return rf"\frac{{{above}}}{{{_bare(self.divisor)}}}"


@dataclass(frozen=True)
class Sum:
    """Terms with the signs before them."""

    terms: tuple[tuple[str, Term], ...]

    def latex(self, small: bool) -> str:
        (first, term), *others = self.terms
        return first + term.latex(small) + "".join(f" {sign} {other.latex(small)}" for sign, other in others)


def _bare(factor: Factor) -> str:
    """Return what stands above or below the bar of a fraction, without the parentheses that the bar replaces."""
    inside = factor.bare if isinstance(factor, Fenced) else None
    return (inside or factor).latex(True)


class _Line:
    """One line, read from left to right."""

    def __init__(self, line: str, names: Mapping[str, str]) -> None:
        self.line, self.names = line.strip(), names
        self.tokens = list(self._cut())
        self.at = 0
        self._bars = False

    def _cut(self) -> Iterator[Token]:
        start = 0
        while start < len(self.line):
            found = _TOKEN.match(self.line, start)
            if not found or found.lastgroup is None:
                self._fail("this is not in the notation", start)
            begin = found.start(found.lastgroup)
            yield Token(found.lastgroup, found[found.lastgroup], begin > start, begin)
            start = found.end()
        yield Token("end", "", False, start)

    def _fail(self, why: str, start: int | None = None) -> NoReturn:
        start = self.next.start if start is None else start
        rest = self.line[start:].strip()
        raise EquationError(f"{why}, at {f'`{rest}`' if rest else 'the end'} of `{self.line}`")

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def _take(self, *texts: str) -> bool:
        """Step over the next token if it is one of these."""
        found = self.next.kind in ("sign", "open", "close") and self.next.text in texts
        self.at += found
        return found

    def _need(self, text: str) -> None:
        if not self._take(text):
            self._fail(f"`{text}` is missing")

    def read(self) -> tuple[str, str]:
        """Return the equation, with & before its relation, and the remark."""
        left = self._sum().latex(False)
        if self.next.kind != "relation":
            self._word_or("a relation, such as =, is missing")
        right = self._relations()
        comma = self._take(",")
        remark = self._remark() if self._is_word(self.at) and self.next.text in REMARKS else ""
        if self.next.kind != "end" or (comma and not remark):
            self._word_or("nothing more was to come")
        return f"{left} &{right}", remark

    def _relations(self) -> str:
        text = []
        while self.next.kind == "relation":
            text.append(RELATIONS[self.next.text])
            self.at += 1
            text.append(self._sum().latex(False))
        return " ".join(text)

    def _remark(self) -> str:
        r"""Return words as text, and what is between them as mathematics."""
        parts = []
        while self.next.kind != "end":
            begin = self.at
            while self._is_word(self.at):
                self.at += 1
            words = " ".join(token.text for token in self.tokens[begin : self.at])
            if words:
                before, after = " " * bool(parts), " " * (self.next.kind != "end" and self.next.text != ",")
                parts.append(_text(before + words + after))
            elif self._take(","):
                parts.append(",")
            else:
                parts.append(" ".join(filter(None, (self._sum().latex(False), self._relations()))))
        return "".join(parts)

    def _is_word(self, at: int) -> bool:
        """Tell whether a token is a word of English: not a letter, no name that is known, and no function."""
        token = self.tokens[at]
        called = self.tokens[at + 1].text == "(" and not self.tokens[at + 1].apart if token.kind == "name" else False
        return token.kind == "name" and not called and token.text.isalpha() and self._name(token.text) is None

    def _name(self, text: str) -> Plain | None:
        """Return a name's sign, None if it is not known."""
        if text in self.names:
            return Plain(self.names[text])
        parts = re.fullmatch(r"([A-Za-z]+?)(?:(\d+)|_([A-Za-z]|\d+))?", text)
        head = parts[1] if parts else ""
        known = self.names.get(head) or GREEK.get(head) or (head if len(head) == 1 else None)
        if not parts or known is None or (known in self.names.values() and head not in self.names):
            return None  # not known, or it would look like a hyper-parameter, as eta like lr
        return Plain(known, parts[2] or parts[3] or "")

    def _sum(self) -> Sum:
        sign = "-" if self._take("-") else ""
        terms = [(sign, self._term())]
        while self.next.text in ("+", "-"):
            sign = self.next.text
            self.at += 1
            terms.append((sign, self._term()))
        return Sum(tuple(terms))

    def _term(self) -> Term:
        factors = [self._factor()]
        while self._is_factor():
            factors.append(self._factor())
        if not self._take("/"):
            return Term(tuple(factors))
        divisor = self._factor()
        if self._is_factor() or self.next.text == "/":
            self._fail("what is divided here can be read in two ways: put parentheses, or the factor before the /")
        return Term(tuple(factors), divisor)

    def _is_factor(self) -> bool:
        """Tell whether a factor begins here; a bar does unless it ends the norm that is being read."""
        token = self.next
        if token.kind == "name":
            return not self._is_word(self.at)
        return token.kind in ("number", "dots", "open") or token.text == "(" or (token.text == "|" and not self._bars)

    def _factor(self) -> Factor:
        token = self.next
        atom = self._atom()
        below = self._script() if self._take("_") else ""
        if below and (atom.below or (isinstance(atom, Fenced) and atom.left != "|")):
            self._fail("there is a second subscript, or one of what cannot have it", token.start)
        power = self._script() if self._take("^") else ""
        if self.next.text in ("^", "_"):
            self._fail("there is a second exponent or subscript")
        return replace(atom, below=below or atom.below, power=power)

    def _script(self) -> str:
        r"""Read what stands behind ^ or _: a number, a name, or a sum in parentheses, which are then left out."""
        if self._take("("):
            return self._inside(")").latex(True)
        minus = "-" if self._take("-") else ""
        if self.next.text == "T":
            self.at += 1
            return minus + r"\top"
        if self.next.kind not in ("number", "name") or self._is_word(self.at):
            self._fail("a number, a name or parentheses are missing")
        return minus + self._atom().latex(True)

    def _inside(self, end: str) -> Sum:
        """Read a sum up to its closing sign. A bar ends the norm that is being read; in brackets it opens another."""
        outer, self._bars = self._bars, end == "|"
        inside = self._sum()
        self._need(end)
        self._bars = outer
        return inside

    def _several(self, end: str) -> tuple[Sum, ...]:
        outer, self._bars = self._bars, False
        parts = [self._sum()]
        while self._take(","):
            parts.append(self._sum())
        self._need(end)
        self._bars = outer
        return tuple(parts)

    def _atom(self) -> Factor:
        token = self.next
        self.at += 1
        match token.kind, token.text:
            case "number", text:
                return Plain(text)
            case "dots", _:
                return Plain(r"\cdots")
            case "sign", "(":
                return Fenced("(", (self._inside(")"),), ")")
            case "sign", "|":
                return Fenced("|", (self._inside("|"),), "|")
            case "open", _:
                return Fenced(r"\langle", self._several(">"), r"\rangle")
            case "name", text:
                return self._named(token)
        self.at -= 1
        self._fail("a number, a name or an opening bracket is missing")

    def _named(self, token: Token) -> Factor:
        text = token.text
        primes = 0
        while self._take("'"):
            primes += 1
        called = self.next.text == "(" and not self.next.apart
        if called and text not in self.names:
            function = self._function(text, primes)
            if function is not None:
                self.at += 1
                return Fenced("(", self._several(")"), ")", function)
        name = self._name(text)
        if called:
            self._fail(f"{text} is no function: write a space before what it is multiplied by")
        if name is None:
            self._fail(f"{text} is neither a letter, a Greek name nor a hyper-parameter", token.start)
        return Plain(name.text, name.below, primes)

    def _function(self, text: str, primes: int) -> Plain | None:
        if text == "sqrt":
            return _ROOT
        if text in FUNCTIONS:
            return Plain(FUNCTIONS[text])
        if len(text) > 1 and text.isupper() and text.isalpha():
            return Plain(rf"\operatorname{{{text}}}")
        return Plain(text, primes=primes) if len(text) == 1 else None

    def _word_or(self, why: str) -> NoReturn:
        if self._is_word(self.at):
            why = (
                f"{self.next.text} is neither a letter, a Greek name, a hyper-parameter nor a word that begins a remark"
            )
        self._fail(why)
