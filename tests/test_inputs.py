"""What a caller gives, in the form in which ravine works with it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pytest

from ravine.errors import ConfigError
from ravine.inputs import convert, dtype_name, folded, folded_keys, path_of, plain, seconds_of, shortened, text_of

LUNATE, SMALL_EPSILON = "\u03f5", "\u03b5"
BOTH = ("float32", "float64")


def test_names_are_folded_as_python_folds_them():
    # Python itself is the oracle: what `def` makes of the name.
    for name in (LUNATE, "\u00b5", "x\u00b2", "\ufb01t", "\uff4cr", "alpha_1"):
        scope = {}
        try:
            exec(f"{name} = 1", scope)
        except SyntaxError:
            continue  # no identifier, as x with a superscript
        assert folded(name) in scope
    assert folded(LUNATE) == SMALL_EPSILON


def test_two_spellings_of_one_name_are_refused():
    assert folded_keys({LUNATE: 1, "beta": 2}) == {SMALL_EPSILON: 1, "beta": 2}
    with pytest.raises(ConfigError, match=f"{SMALL_EPSILON} is given twice"):
        folded_keys({LUNATE: 1, SMALL_EPSILON: 1})


def test_values_of_numpy_become_python_s_own():
    given = {
        "a": np.int64(3),
        "b": np.float32(0.5),
        "c": np.bool_(1),
        "d": np.str_("adam"),
        "e": np.array([784, 10]),
        "f": (np.uint8(1), [np.float64(2)]),
        "g": np.array(0.25),
        "h": np.longdouble(0.125),
        "i": None,
    }
    found = plain(given)
    assert found == {
        "a": 3, "b": 0.5, "c": True, "d": "adam", "e": [784, 10], "f": (1, [2.0]), "g": 0.25, "h": 0.125, "i": None,
    }  # fmt: skip
    kinds = {"a": int, "b": float, "c": bool, "d": str, "e": list, "f": tuple, "g": float, "h": float}
    assert {name: type(found[name]) for name in kinds} == kinds
    assert type(found["f"][1][0]) is float


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("float32", "float32"), (np.str_("float64"), "float64"), (np.float64, "float64"), (np.float32, "float32"),
        (np.dtype("float32"), "float32"), (float, "float64"), (np.dtype(">f8"), "float64"), (np.double, "float64"),
    ],
)  # fmt: skip
def test_a_dtype_may_be_given_as_numpy_has_it(given, name):
    assert dtype_name(given, BOTH) == name
    assert type(dtype_name(given, BOTH)) is str


def test_a_long_double_has_one_name_on_every_machine():
    if np.dtype(np.longdouble) == np.dtype(np.float64):
        pytest.skip("a long double is a double here")
    assert dtype_name(np.longdouble, ("longdouble",)) == "longdouble"


@pytest.mark.parametrize("given", [None, int, bool, object, np.float16, np.complex64, "f4", "", 3, "single", [], "a,b"])
def test_another_dtype_is_refused_with_those_that_are_allowed(given):
    with pytest.raises(ConfigError, match=r"unknown dtype .* Known: float32, float64\."):
        dtype_name(given, BOTH)


def test_paths():
    assert path_of("out", None) is None
    assert path_of("out", "a/b") == path_of("out", Path("a/b")) == Path("a", "b")
    for wrong in (3, True, b"runs", 0, ["a"]):
        with pytest.raises(ConfigError, match=r"out is .*; it must be a path, as text or as a pathlib.Path\."):
            path_of("out", wrong)


def test_texts():
    assert text_of("\ufeffa = 'é'\r\n".encode()) == "a = 'é'\r\n"
    assert text_of(b"") == ""
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        with pytest.raises(ConfigError, match=r"it is in UTF-16: save it in UTF-8\."):
            text_of("a = 1".encode(encoding))
    with pytest.raises(ConfigError, match=r"line 2 has the byte 0xe9, which is not UTF-8: save it in UTF-8\."):
        text_of("a = 1\nb = 'é'".encode("latin-1"))


def test_a_long_value_is_told_by_its_beginning():
    assert shortened("fast") == "'fast'"
    assert len(shortened(list(range(1000)))) == 60


class Part(msgspec.Struct, forbid_unknown_fields=True):
    size: int
    share: float = 0.5
    kind: Literal["one", "other"] = "one"
    sizes: dict[str, list[int]] = {}


class Whole(msgspec.Struct):
    parts: list[Part]
    last: Part | None = None


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"size": "many"}, "parts[1].size is 'many'; it must be a whole number."),
        ({"size": 1.5}, "parts[1].size is 1.5; it must be a whole number, written without a point."),
        ({"size": True}, "parts[1].size is true; it must be a whole number."),
        ({"size": 1, "share": "x"}, "parts[1].share is 'x'; it must be a number."),
        ({"size": 1, "share": 10**400}, "parts[1].share is 1000000000"),
        ({}, "size is missing in parts[1]."),
        (
            {"size": 1, "shar": 2},
            "unknown key in parts[1] 'shar'; did you mean 'share'? Known: kind, share, size, sizes.",
        ),
        ({"size": 1, "kind": "ohter"}, "unknown parts[1].kind 'ohter'; did you mean 'other'? Known: one, other."),
        ({"size": 1, "sizes": {"a": 3}}, "parts[1].sizes holds something that is not a list."),
        (3, "parts[1] is 3; it must be a table of settings."),
    ],
)
def test_what_does_not_fit_is_told_in_words(part, words):
    with pytest.raises(ConfigError) as caught:
        convert({"parts": [{"size": 1}, part]}, Whole)
    assert str(caught.value).startswith(words)
    assert "`" not in str(caught.value)


def test_the_name_of_what_is_converted_stands_in_front():
    with pytest.raises(ConfigError, match=r"^part\.size is 'many'; it must be a whole number\.$"):
        convert({"size": "many"}, Part | None, "part")
    with pytest.raises(ConfigError, match=r"^part is 3; it must be a table of settings\.$"):
        convert(3, Part, "part")
    assert convert({"size": 2}, Part).size == 2


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h0m5s", 3605),
        ("0.5s", 0.5),
        ("1.5h", 5400),
        (" 15m ", 900),
        (900, 900),
        (0.25, 0.25),
        (np.int64(60), 60),
        (np.float32(1.5), 1.5),
        ("87840h", 87_840 * 3600),
    ],
)
def test_a_time_in_seconds(given, seconds):
    found = seconds_of("budget", given)
    assert found == seconds
    assert type(found) is float


@pytest.mark.parametrize(
    "given",
    ["", " ", "15", "m", "h", "-3m", "0s", "0h0m", "1e9h", "1e9", "15 m", "15min", "30m1h", "5m5m", "1,5h", ".5h",
     "5.h", "\uff11\uff15m", "15M", "nan", "infs", "9" * 400 + "h", "87841h", "1h-3m", "a\0b",
     0, -1, float("nan"), float("inf"), 10**400, True, None, [15], b"15m"],
)  # fmt: skip
def test_what_is_no_time_is_refused_in_one_sentence(given):
    with pytest.raises(ConfigError) as refused:
        seconds_of("budget", given)
    message = str(refused.value)
    assert message.startswith(f"budget is {shortened(given)}; it must be a time with its units, as 90s, 15m")
    assert message.count(". ") == 0
    assert ("a number of seconds" in message) != isinstance(given, str)
