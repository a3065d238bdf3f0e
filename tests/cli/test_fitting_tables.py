"""Tables fit the terminal: nothing is lost, and no id or number breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ravine as package
from ravine.cli.layout import paragraph, prose, table, terminal_width
from rule_files import write_rules
from studies.study_cases import SMALL_STUDY

HEAD = ("name", "loss", "what it does")
ROWS = [
    ("sgd", "0.5", "one step of 0.1 against the gradient"),
    ("lbfgs", "12.25", "looks along the line for a step"),
]


def shown(width: int | None) -> str:
    return "\n".join(table(HEAD, ROWS, width))


def test_a_table_that_fits_is_as_wide_as_its_cells():
    assert shown(None) == shown(200) == shown(50) == (
        "name    loss  what it does\n"
        "sgd      0.5  one step of 0.1 against the gradient\n"
        "lbfgs  12.25  looks along the line for a step"
    )  # fmt: skip


def test_sentences_wrap_in_their_column():
    assert shown(38) == (
        "name    loss  what it does\n"
        "sgd      0.5  one step of 0.1 against\n"
        "              the gradient\n"
        "lbfgs  12.25  looks along the line for\n"
        "              a step"
    )


def test_rows_become_blocks_where_columns_do_not_fit():
    assert shown(30) == (
        "name:          sgd\n"
        "loss:          0.5\n"
        "what it does:  one step of 0.1\n"
        "    against the gradient\n"
        "\n"
        "name:          lbfgs\n"
        "loss:          12.25\n"
        "what it does:  looks along the\n"
        "    line for a step"
    )


def test_numbers_stay_with_their_names_and_signs():
    assert paragraph("alpha beta 0.5 or 12 % and eps 1e-08", 12) == ["alpha", "beta 0.5", "or 12 % and", "eps 1e-08"]


TEXT = """\
Mine: a rule that does one thing and then another thing.

    v_t = alpha v_(t-1) + g

It has words that go on and
on.
Source: nobody, 2017.
"""


def test_a_docstring_is_filled_anew_and_its_equations_stay():
    assert prose(TEXT, None) == prose(TEXT, 80) == TEXT.splitlines()
    assert prose(TEXT, 34) == [
        "Mine: a rule that does one thing",
        "and then another thing.",
        "",
        "    v_t = alpha v_(t-1) + g",
        "",
        "It has words that go on and on.",
        "Source: nobody, 2017.",
    ]


WORDS = st.text("ab0.-%é", min_size=1, max_size=9)
CELLS = st.lists(WORDS, max_size=12).map(" ".join)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), max_size=4), st.integers(1, 130))
def test_no_word_is_lost_or_broken_and_no_line_is_too_long(rows, width):
    head = ("id", "test accuracy", "what", "")
    lines = table(head, rows, width)
    words = Counter(word for row in rows for cell in row for word in cell.split())
    found = Counter(word for line in lines for word in line.split())
    assert not words - found
    # A name and a number stay together, and where no column fits, a word stands behind its label.
    longest = max((len(word) for word in words), default=0)
    assert max(map(len, lines), default=0) <= max(width, 15 + 12 * (longest + 1))
    wide = table(head, rows, None)
    if width >= max(map(len, wide)) + 2:  # the last column may be empty, behind its gap
        assert lines == wide


@pytest.mark.parametrize(
    ("columns", "width"), [("60", 60), ("", None), ("0", None), ("wide", None), ("-5", None), ("9" * 5000, None)]
)
def test_the_width_of_what_is_no_terminal(monkeypatch, capsys, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal_width() == width
    monkeypatch.delenv("COLUMNS")
    assert terminal_width() is None


# --- the commands, on a real terminal ---

COMMANDS = [
    ["optimizers"],
    ["optimizers", "adam"],
    ["datasets"],
    ["datasets", "--data-dir", "."],
    ["runs", "list"],
    ["runs", "show", "RUN"],
    ["study", "status", "six.toml"],
    ["study", "report", "six.toml"],
    ["study", "run", "six.toml", "--dry-run"],
    ["predict", "RUN", "test:0", "test:1"],
    ["check-optimizer", "mine.py:mine", "--no-speed"],
    ["paths", "sgd", "adam", "--steps", "5", "--out", "p.svg"],
]

PROGRAM = str(Path(__file__).parents[1] / "studies" / "small_ravine.py")


@pytest.fixture
def start(small, tmp_path, monkeypatch):
    """Return the function that starts a command beside a small study, a run and a rule."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "six.toml").write_text(SMALL_STUDY)
    rule = "@rule\ndef mine(g, v, *, lr=0.1):\n    v = v + g * g\n    return lr * g / np.sqrt(v), v\n"
    write_rules(tmp_path / "mine.py", rule)
    settings = {"dataset": "small", "layers": (64, 10), "epochs": 1, "engine": "reference", "optimizer": "adan"}
    stored = package.train(**settings).id
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}

    def begin(arguments, **options):
        words = [word.replace("RUN", stored) for word in arguments]
        options = {"env": environment, "stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        return subprocess.Popen([sys.executable, PROGRAM, "0", *words], **options)

    return begin, environment


def on_a_terminal(begin, arguments, columns: int) -> str:
    """Run a command whose stdout is a terminal of some columns; return what it shows."""
    pty = pytest.importorskip("pty", reason="there are no terminals of this kind")
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = begin(arguments, stdout=theirs)
    os.close(theirs)
    out = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        out += part
    os.close(ours)
    process.wait(timeout=100)
    return out.decode().replace("\r\n", "\n")


def words_of(text: str) -> Counter[str]:
    return Counter(word.strip(":") for word in text.split())


@pytest.mark.slow
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_every_table_fits_the_terminal(start, arguments):
    begin, environment = start
    timed = "--dry-run" in arguments

    def piped(**variables):
        process = begin(arguments, stdout=subprocess.PIPE, text=True, env={**environment, **variables})
        return process.communicate(timeout=100)[0]

    plain = piped()
    assert plain
    longest = max(map(len, plain.split()))
    for columns in (60, 80, 120):
        seen = on_a_terminal(begin, arguments, columns)
        lines = (seen.rpartition("\n\n")[0] if arguments == ["optimizers", "adam"] else seen).splitlines()
        assert all(len(line) <= max(columns, longest + 20) for line in lines), seen  # code stays as it is written
        assert timed or not words_of(plain) - words_of(seen)
        if columns == 60 and not timed:  # what is piped has the words of a terminal of the same width
            assert words_of(piped(COLUMNS=str(columns))) == words_of(seen)
