"""Every command and every option explains itself, in any terminal, with examples, without waiting for NumPy."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ravine.cli.command import EXIT_CODES, Command, first_sentence
from ravine.cli.group import Group
from ravine.cli.main import ravine, run
from ravine.cli.options import OUTPUT, Option

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def commands(group: click.Group, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], click.Command]:
    """Return every command below a group by its path."""
    found: dict[tuple[str, ...], click.Command] = {path: group}
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        deeper = commands(command, (*path, name)) if isinstance(command, click.Group) else {(*path, name): command}
        found.update(deeper)
    return found


COMMANDS = commands(ravine)
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}
GROUPS = {path: command for path, command in COMMANDS.items() if isinstance(command, click.Group)}


def shown(path, capsys, monkeypatch, columns: int = 80) -> str:
    """Return the help of a command on a terminal of some columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run([*path, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_the_commands():
    names = {" ".join(path) for path in COMMANDS}
    assert names >= {"", "train", "predict", "runs", "runs list", "runs show", "optimizers", "datasets"}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_help_goes_to_stdout_and_fits_the_terminal(path, columns, capsys, monkeypatch):
    out = shown(path, capsys, monkeypatch, columns)
    assert out.startswith(f"Usage: {' '.join(('ravine', *path))} ")
    for line in out.splitlines():
        assert len(line) <= min(columns, 80)
        assert not line.endswith(" ")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_h_is_help(path, capsys, monkeypatch):
    out = shown(path, capsys, monkeypatch)
    assert run([*path, "-h"]) == 0
    assert capsys.readouterr().out == out


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("columns", [60, 80])
def test_the_help_has_every_word(path, columns, capsys, monkeypatch):
    words = " ".join(shown(path, capsys, monkeypatch, columns).split())
    command = COMMANDS[path]
    context = click.Context(command, info_name=" ".join(("ravine", *path)))
    assert " ".join((command.help or "").split()) in words
    for option in command.params:
        if isinstance(option, click.Option):
            term, meaning = option.get_help_record(context)
            assert term in words
            assert " ".join(meaning.split()) in words
    if isinstance(command, Command):
        for line, purpose in command.examples:
            assert line in words.replace(" \\ ", " ")
            assert purpose in words
        for code, meaning in command.exits.items():
            assert f" {code} {meaning}" in words
    if isinstance(command, Group):
        for title, entries in command.sections.items():
            assert f"{title}:" in words
            for name, entry in entries.items():
                assert f" {name} {entry.sentence}" in words


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_has_help(path):
    command = COMMANDS[path]
    assert (command.help or "").strip().endswith((".", "`."))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert re.search(r"\.(  \[default: .+\])?$", parameter.help or ""), parameter.name
            assert (parameter.help or "")[0].isupper()
        else:
            assert parameter.name is not None
            names = (parameter.metavar or parameter.name.upper()).strip("[].").removesuffix("]...").split("|")
            assert all(name in (command.help or "") for name in names)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_option_stands_under_a_title(path):
    for option in LEAVES[path].params:
        if isinstance(option, click.Option):
            assert isinstance(option, Option), option.name
            assert option.group
    assert all(option.group == OUTPUT for option in LEAVES[path].params if option.name in ("as_json", "quiet"))


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_a_value_has_a_name_that_says_what_it_is(path):
    context = click.Context(LEAVES[path])
    for option in LEAVES[path].params:
        if isinstance(option, click.Option) and not option.is_flag:
            assert option.make_metavar(context) not in ("TEXT", "FLOAT", "INTEGER", "PATH", "INTEGER RANGE"), (
                option.name
            )


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: " ".join(path) or "ravine")
def test_a_list_of_commands_has_the_first_sentence_of_each(path):
    group = GROUPS[path]
    assert isinstance(group, Group)
    for name, entry in group.entries.items():
        assert entry.sentence == first_sentence(COMMANDS[(*path, name)].help or "")


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_one_to_three_examples_that_parse(path):
    command = LEAVES[path]
    assert isinstance(command, Command)
    assert 1 <= len(command.examples) <= 3
    for line, purpose in command.examples:
        program, *words = shlex.split(line)
        assert (program, *words[: len(path)]) == ("ravine", *path)
        command.make_context(command.name, words[len(path) :])
        assert purpose.endswith(".")


def test_exit_codes_are_those_that_are_known():
    for command in LEAVES.values():
        assert isinstance(command, Command)
        assert set(command.exits) <= set(EXIT_CODES)
        assert {0, 2, 3} <= set(command.exits)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "ravine")
def test_help_imports_neither_numba_nor_numpy(path):
    code = (
        "import sys; from ravine.cli.main import run; code = run(sys.argv[1:]);"
        "sys.exit(code or any(name in sys.modules for name in ('numpy', 'numba', 'matplotlib', 'rich', 'PIL')))"
    )
    command = [sys.executable, "-c", code, *path, "--help"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert "ravine" in process.stdout


def test_the_page_has_every_command_and_every_exit_code():
    text = PAGE.read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `ravine ([a-z -]+)` \|", text, re.MULTILINE)) == {" ".join(path) for path in LEAVES}
    assert re.findall(r"^\| (\d+) \| (.+) \|$", text, re.MULTILINE) == [(str(c), m) for c, m in EXIT_CODES.items()]


def test_version(capsys):
    import ravine as package

    assert run(["--version"]) == 0
    assert package.__version__ in capsys.readouterr().out
