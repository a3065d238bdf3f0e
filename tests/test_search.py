"""The axes of search spaces: where their values lie, and which axes are refused."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

import ravine
from ravine.errors import ConfigError
from ravine.search import Axis, Choice, Linear, Log, OneMinusLog, choice, linear, log, one_minus_log

AXES = [
    log(1e-4, 1),
    log(3, 4),
    log(1e-300, 1e300),
    one_minus_log(0.001, 0.5),
    one_minus_log(1e-9, 1),
    linear(-2, 5),
    linear(0, 1e-9),
]
SHARES = np.linspace(0, 1, 33)


def quantile(axis, u):
    """Return the value below which a share u of the uniform draws lies, as the definition of each kind has it."""
    if isinstance(axis, Log):
        return float(np.exp((1 - u) * np.log(axis.low) + u * np.log(axis.high)))
    if isinstance(axis, OneMinusLog):
        return 1 - float(np.exp(u * np.log(axis.low) + (1 - u) * np.log(axis.high)))
    return axis.low + u * (axis.high - axis.low)


@pytest.mark.parametrize("axis", AXES, ids=str)
def test_a_range_is_uniform_in_its_own_scale(axis):
    for u in SHARES:
        assert axis.at(u) == pytest.approx(quantile(axis, u), rel=1e-12, abs=1e-12 * axis.ends[1])
        assert axis.place(axis.at(u)) == pytest.approx(u, abs=1e-6)
    values = [axis.at(u) for u in SHARES]
    assert values == sorted(set(values))
    assert (values[0], values[-1]) == axis.ends
    assert axis.place(axis.ends[0] - 1) == 0
    assert axis.place(2 * axis.ends[1] + 1) == 1


def test_one_minus_log_has_one_minus_x_between_its_numbers():
    axis = one_minus_log(0.001, 0.5)
    assert axis.ends == (0.5, 0.999)
    drawn = np.array([axis.at(u) for u in np.random.default_rng(0).random(20_000)])
    assert np.mean(drawn > 0.99) == pytest.approx(1 / math.log10(500), abs=0.02)  # the last of 2.7 decades


def test_a_choice_gives_each_value_the_same_share():
    axis = choice("a", "b", "c")
    drawn = [axis.at(u) for u in np.random.default_rng(0).random(30_000)]
    for value in "abc":
        assert drawn.count(value) / 30_000 == pytest.approx(1 / 3, abs=0.02)
        assert axis.at(axis.place(value)) == value
    assert (axis.at(0), axis.at(1)) == ("a", "c")
    with pytest.raises(ConfigError, match="'d' is no value of this axis: one of a, b, c"):
        axis.place("d")


def test_widths_are_in_decades():
    assert log(1e-4, 1).width == pytest.approx(4)
    assert one_minus_log(0.001, 0.1).width == pytest.approx(2)
    assert linear(0, 1).width is None
    assert choice(1, 2).width is None


EXTENDED = [
    (log(0.01, 1), "high", math.inf, log(1, 10)),
    (log(0.01, 1), "low", 0.0, log(0.001, 0.01)),
    (log(0.01, 1), "low", -math.inf, log(0.001, 0.01)),
    (log(0.01, 1), "high", 2.0, log(1, 2)),
    (log(0.01, 1), "low", 0.01, None),
    (log(0.01, 1), "high", 1.0, None),
    (one_minus_log(0.001, 0.1), "high", 1.0, one_minus_log(0.0001, 0.001)),
    (one_minus_log(0.001, 0.1), "low", 0.0, one_minus_log(0.1, 1)),
    (one_minus_log(0.001, 0.5), "low", 0.0, one_minus_log(0.5, 1)),
    (one_minus_log(0.001, 0.5), "low", -5.0, one_minus_log(0.5, 1)),
    (one_minus_log(0.001, 1), "low", 0.0, None),
    (one_minus_log(0.001, 1), "low", -math.inf, None),
    (one_minus_log(0.001, 0.5), "high", 0.9995, one_minus_log(0.0005, 0.001)),
    (linear(0, 1), "high", math.inf, linear(1, 1.5)),
    (linear(0, 1), "low", -math.inf, linear(-0.5, 0)),
    (linear(0, 1), "low", 0.0, None),
    (linear(2, 4), "low", 1.5, linear(1.5, 2)),
    (choice(1, 2), "high", math.inf, None),
]


@pytest.mark.parametrize(("axis", "end", "bound", "wanted"), EXTENDED, ids=str)
def test_an_extension_is_the_neighboring_range_half_as_wide(axis, end, bound, wanted):
    found = axis.extended(end, bound)
    assert axis.is_bound(end, bound) == (wanted is None)
    if wanted is None:
        assert found is None
        return
    assert type(found) is type(axis)
    assert found.ends == pytest.approx(wanted.ends, rel=1e-12, abs=1e-15)
    # It begins where the axis ends.
    assert found.ends[end == "low"] == pytest.approx(axis.ends[end == "high"], rel=1e-15)


def test_extensions_come_to_an_end():
    for axis, end in [(axis, end) for axis in AXES for end in ("low", "high")]:
        count, now = 0, axis
        while (now := now.extended(end, -math.inf if end == "low" else math.inf)) is not None:
            count += 1
            assert count < 10_000


@pytest.mark.parametrize("axis", [*AXES, choice(True, 3, 2.5, "cosine")], ids=str)
def test_an_axis_is_a_value_that_is_stored_as_json(axis):
    class Plan(msgspec.Struct):
        space: dict[str, Axis]

    text = msgspec.json.encode(Plan({"a": axis}))
    assert msgspec.json.decode(text, type=Plan).space == {"a": axis}
    assert isinstance(axis, Axis)
    assert hash(axis) == hash(msgspec.json.decode(text, type=Plan).space["a"])
    with pytest.raises(AttributeError):
        axis.low = 3


def test_what_is_stored_tells_the_kind():
    assert msgspec.to_builtins(log(1, 10)) == {"axis": "log", "low": 1.0, "high": 10.0}
    assert msgspec.to_builtins(choice(5, "x")) == {"axis": "choice", "values": (5, "x")}
    for text in ('{"axis": "log", "low": 0, "high": 1}', '{"axis": "choice", "values": []}'):
        with pytest.raises(ConfigError):
            msgspec.json.decode(text, type=Axis)


def test_texts_are_short():
    assert str(log(1e-4, 1)) == "log 0.0001 to 1"
    assert str(one_minus_log(0.001, 0.5)) == "log in 1 - x, 0.5 to 0.999"
    assert str(linear(0, 1)) == "linear 0 to 1"
    assert str(choice(10, 0.5, True, "cosine")) == "one of 10, 0.5, true, cosine"


def test_numbers_of_numpy_are_numbers():
    assert log(np.float32(0.5), np.int64(2)) == log(0.5, 2)
    assert choice(np.int64(5), np.bool_(True), np.str_("x")).values == (5, True, "x")
    assert type(linear(0, 1).low) is float
    assert math.copysign(1, linear(-0.0, 1).low) == 1


BAD = {
    "log(0, 1)": "log(0, 1) starts at 0; it must start above 0.",
    "log(-1, 1)": "log(-1, 1) starts at -1; it must start above 0.",
    "log(2, 1)": "log(2, 1) holds no range: its low end must be below its high end.",
    "log(1, 1)": "log(1, 1) holds no range: its low end must be below its high end.",
    "log(math.nan, 1)": "the low end of log is nan; it must be a finite number.",
    "log(1, math.inf)": "the high end of log is inf; it must be a finite number.",
    "log(1, 10**400)": "the high end of log is 1000",
    "log(True, 10)": "the low end of log is True; it must be a finite number.",
    "log(1, True)": "the high end of log is True; it must be a finite number.",
    "log('1', 10)": "the low end of log is '1'; it must be a finite number.",
    "log(None, 10)": "the low end of log is None; it must be a finite number.",
    "log(np.bool_(True), 10)": "the low end of log is True; it must be a finite number.",
    "linear(1, 0)": "linear(1, 0) holds no range: its low end must be below its high end.",
    "linear(0, -math.inf)": "the high end of linear is -inf; it must be a finite number.",
    "linear(False, 1)": "the low end of linear is False; it must be a finite number.",
    "one_minus_log(0.5, 0.001)": "one_minus_log(0.5, 0.001) holds no range: its low end must be below its high end.",
    "one_minus_log(0, 0.5)": "one_minus_log(0, 0.5) leaves (0, 1]: it takes the smallest and the largest 1 - x, as in",
    "one_minus_log(0.5, 1.5)": "one_minus_log(0.5, 1.5) leaves (0, 1]",
    "one_minus_log(1e-20, 0.5)": "one_minus_log(1e-20, 0.5) reaches a value that rounds to 1: give a larger low end.",
    "choice()": "choice() has no values: give one at least, as in choice(10, 50).",
    "choice(1, 2, 1)": "choice has 1 twice: leave one out.",
    "choice(1, True)": "choice has True twice: leave one out.",
    "choice('a', 'a')": "choice has 'a' twice: leave one out.",
    "choice(1, math.nan)": "choice has nan: give finite numbers, True or False, or texts.",
    "choice(math.inf)": "choice has inf: give finite numbers, True or False, or texts.",
    "choice(None)": "choice has None: give finite numbers, True or False, or texts.",
    "choice([1, 2])": "choice has [1, 2]: give finite numbers, True or False, or texts.",
    "log(1, 2).at(1.5)": "an axis has no value at 1.5: give a number from 0 to 1.",
    "choice(1).at(-0.1)": "an axis has no value at -0.1: give a number from 0 to 1.",
    "linear(0, 1).at(math.nan)": "an axis has no value at nan: give a number from 0 to 1.",
    "log(1, 2).extended('upper', 9)": "unknown end of an axis 'upper'",
    "choice(1).is_bound('hihg', 9)": "unknown end of an axis 'hihg'; did you mean 'high'?",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_axis_is_told_in_one_sentence(text):
    with pytest.raises(ConfigError) as caught:
        eval(text)
    assert str(caught.value).startswith(BAD[text])
    assert "\n" not in str(caught.value)


def test_ravine_gives_the_module():
    assert ravine.search.log(1, 2) == Log(1, 2)
    assert (Linear(0, 1), Choice((1,)), OneMinusLog(0.1, 0.5)) == (linear(0, 1), choice(1), one_minus_log(0.1, 0.5))
