"""Every command and every option explains itself, without waiting for NumPy."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from ravine.cli.main import ravine, run


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


def test_the_commands():
    names = {" ".join(path) for path in COMMANDS}
    assert names >= {"", "train", "predict", "runs", "runs list", "runs show", "optimizers", "datasets"}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_goes_to_stdout(path, flag, capsys):
    assert run([*path, flag]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"Usage: {' '.join(('ravine', *path))} ")
    assert err == ""
    for line in out.splitlines():
        assert len(line) <= 80


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_option_has_help(path):
    command = COMMANDS[path]
    assert (command.help or "").strip().endswith((".", "`."))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
        else:
            assert parameter.name is not None
            names = (parameter.metavar or parameter.name.upper()).strip("[].").split("|")
            assert all(name in (command.help or "") for name in names)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"], ["predict", "--help"]])
def test_help_imports_neither_numba_nor_numpy(arguments):
    code = (
        "import sys; from ravine.cli.main import run; code = run(sys.argv[1:]);"
        "sys.exit(code or any(name in sys.modules for name in ('numpy', 'numba', 'matplotlib', 'rich', 'PIL')))"
    )
    process = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert "ravine" in process.stdout


def test_version(capsys):
    import ravine as package

    assert run(["--version"]) == 0
    assert package.__version__ in capsys.readouterr().out
