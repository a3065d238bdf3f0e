"""Every option that takes a whole number refuses what is no count, in one sentence."""

from __future__ import annotations

import click
import pytest
from command_cases import SMALL
from test_help import LEAVES

import ravine
from paper.reproduction_cases import use_small_paper
from ravine.cli.main import run
from ravine.errors import ConfigError
from ravine.inputs import jobs_of
from studies.study_cases import SMALL_STUDY

ARGUMENTS = {
    ("train",): SMALL,
    ("gradcheck",): ["--dataset", "small", "--layers", "64,10", "--digits", "15", "--epochs", "0", "--weights", "5"],
    ("paths",): ["sgd", "--out", "p.svg"],
    ("compile",): ["sgd"],
    ("study", "run"): ["six.toml"],
    ("study", "status"): ["six.toml"],
    ("study", "report"): ["six.toml"],
    ("reproduce",): [],
    ("runs", "extend"): ["RUN"],
    ("compare",): ["sgd", "momentum", "--dry-run"],
}
"""By command, arguments that it needs; RUN stands for the id of a stored run."""

ZERO_IS_ALLOWED = {"--seed", "--validation-seed", "--digits", "--sample", "--extensions", "--controls"}
MANY = [str(2**63), str(10**22), "1" + 5000 * "0"]


def options_of_counts() -> list[tuple[tuple[str, ...], str]]:
    """Return each option that takes a whole number, by its command: those whose type or callback reads one."""
    found = []
    for path, command in LEAVES.items():
        for option in command.params:
            reader = getattr(option.callback, "__name__", "")
            if isinstance(option.type, click.types.IntParamType) or reader in ("_count", "_samples"):
                found.append((path, option.opts[0]))
    return found


OPTIONS = options_of_counts()


def test_the_options_are_found():
    assert {path for path, _ in OPTIONS} == set(ARGUMENTS)
    assert {name for _, name in OPTIONS} >= {"--jobs", "--seeds", "--steps", "--weights", "--digits", "--sample"}


@pytest.mark.parametrize(
    ("path", "option"), OPTIONS, ids=lambda value: " ".join(value) if type(value) is tuple else value
)
def test_a_count_that_is_none_is_refused_in_one_sentence(path, option, small, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    use_small_paper(monkeypatch)
    (tmp_path / "six.toml").write_text(SMALL_STUDY)
    stored = ravine.train(dataset="small", layers=(64, 10), batch_size=20, epochs=1, engine="reference").id
    words = [*path, *(word.replace("RUN", stored) for word in ARGUMENTS[path])]
    before = set(tmp_path.rglob("*"))
    zero_is_allowed = option in ZERO_IS_ALLOWED or (path, option) == (("gradcheck",), "--epochs")
    for value in [*MANY, "-1", f"-{10**22}", "1.5", "many", *([] if zero_is_allowed else ["0"])]:
        code = run([*words, f"{option}={value}"])
        out, err = capsys.readouterr()
        lines = err.splitlines()
        assert (code, out) in ((2, ""), (3, "")), (value, err)
        assert lines[-1].startswith("Error: " if code == 2 else "ravine: "), err
        assert code == 2 or len(lines) == 1
        assert len(lines[-1]) < 600
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("jobs", [0, -1, 10_001, 10**22, 10**400, 1.5, "many", True])
def test_the_jobs_of_python(jobs, small, monkeypatch):
    use_small_paper(monkeypatch)
    for call in (lambda: jobs_of(jobs), lambda: ravine.reproduce(jobs=jobs)):
        with pytest.raises(ConfigError, match=r"^jobs is .*; it must be a whole number"):
            call()
