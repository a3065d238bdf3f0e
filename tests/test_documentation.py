"""What the documentation shows must work: commands parse, studies can be planned, examples run."""

from __future__ import annotations

import linecache
import re
import textwrap
from pathlib import Path

import click
import numpy as np
import pandas
import pytest
import scipy.sparse

from ravine.cli.main import ravine, run
from ravine.comparison.file import read_comparison
from ravine.comparison.finding import PROBLEMS, find_problem
from ravine.conformance import findings_of
from ravine.conformance.schedule import check_schedule
from ravine.conformance.surface import check_surface
from ravine.data import dataset
from ravine.errors import DataError
from ravine.formulas.compose import with_stages
from ravine.formulas.shelves import OPTIMIZERS, SCHEDULES, STAGES
from ravine.formulas.space import space_of
from ravine.studies import StudyOutcome, load_study, plan

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BUILT_PAGES = {"schedules/index.md", "stages/index.md", *(f"optimizers/{name}.md" for name in ("index", *OPTIMIZERS))}
"""Pages that exist only where the documentation was built, relative to docs/."""


def commands() -> list[str]:
    """Return every `ravine ...` line of the pages, without comment and without what is before `&&`."""
    lines = [line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
    shown = [re.search(r"(?:^ {4}(?:\$ )?|^.*&& )(ravine [a-z].*)$", line) for line in lines]
    return [found[1].split("  #")[0].strip() for found in shown if found]


def test_the_commands_are_found():
    assert len(commands()) >= 12


@pytest.mark.parametrize("command", commands())
def test_every_command_that_is_shown_parses(command):
    _, *words = command.split()
    target: click.Command = ravine
    context = click.Context(ravine, **ravine.context_settings)
    while isinstance(target, click.Group):
        name = words.pop(0)
        found = target.get_command(context, name)
        assert found is not None, name
        target = found
    target.make_context(target.name, words, parent=context)  # raises a usage error if an option does not exist


def test_the_study_of_the_page_can_be_planned(tmp_path):
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "rates.toml").write_text(text, encoding="utf-8")
    assert len(plan(load_study(tmp_path / "rates.toml"))) == (4 + 2) * 3


def test_the_studies_in_python_of_the_page_run():
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    code, on_data = [code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "run_study" in code]
    names: dict[str, object] = {"__name__": __name__}
    file = str(ROOT / "docs" / "studies.md")
    lines = code.splitlines(keepends=True)
    linecache.cache[file] = len(code), None, lines, file  # ravine reads the text of a rule
    exec(compile(code, file, "exec"), names)
    outcome = names["outcome"]
    assert isinstance(outcome, StudyOutcome)
    labels = [(result.spec.optimizer_name, result.spec.lr) for result in outcome.results.values()]
    assert labels == [("sgd", 0.1), ("sgd", 0.2), ("halved", 0.1), ("halved", 0.2)]
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    names.update(X=X[:30], y=y[:30], X_test=X[30:], y_test=y[30:])
    exec(on_data, names)
    mine = names["mine"]
    assert isinstance(mine, StudyOutcome)
    assert [(result.spec.lr, result.spec.seed) for result in mine.results.values()] == [
        (lr, seed) for lr in (0.1, 0.01) for seed in (0, 1, 2)
    ]


def test_the_examples_of_the_gradient_page_run():
    page = (ROOT / "docs" / "gradients.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), names)
    assert names["check"].passed
    assert names["network"].passed
    parts = re.findall(r"^\| (`network\.[^|]*`) \|", page, re.MULTILINE)
    assert len(parts) == 5
    for part in ", ".join(parts).split(", "):
        eval(part.strip("`"), names)
    for name in ("errors", "verdict", "worst"):
        getattr(names["network"].agreement.methods["central"], name)
    for name in ("right", "wrong", "unseen", "cause", "mend"):
        getattr(names["network"].agreement.verdict, name)
    for name in ("best_step", "best_median", "predicted_step"):
        getattr(names["network"].curve, name)


def seen_in(folder, monkeypatch):
    """Run the Python of the page about seeing runs in a folder of its own, and return what it names."""
    monkeypatch.chdir(folder)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "runs.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec("\n".join(blocks), names)
    return names


def test_the_page_about_seeing_runs(tmp_path, monkeypatch, capsys):
    seen = seen_in(tmp_path, monkeypatch)
    assert {file.name for file in tmp_path.glob("*.png")} == {"both.png", "confusion.png", "errors.png", "weights.png"}
    images = len(seen["test"].targets)
    assert seen["matrix"].sum() == images
    assert len(seen["wrong"]) == images - np.trace(seen["matrix"])
    assert (seen["shares"].argmax(axis=1) != seen["test"].targets[seen["wrong"]]).all()
    assert len(seen["run"].history["test_loss"]) == 3
    assert (len(seen["longer"].history), seen["longer"].spec.extends) == (4, None)
    assert seen["slower"].spec.extends == seen["short"].id
    ids = {"3f9c": seen["slow"].id, "81d2": seen["fast"].id}
    page = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
    shown = re.findall(r"^ {4}ravine (runs plot [^#\n]*?) *(?:#.*)?$", page, re.MULTILINE)
    assert len(shown) == 5
    for line in shown:
        assert run([ids.get(word, word) for word in line.split()]) == 0
    slow = seen["slow"].id
    wanted = {f"{name}-{slow}.png" for name in ("run", "confusion", "errors", "weights")} | {"both.svg"}
    assert {file.name for file in tmp_path.iterdir()} >= wanted


def test_the_page_about_data(tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "runs"))
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), names)
    assert names["run"].class_names == ("other", "same")
    w, each = names["w"], [names["w"][names["numbers"] == k].sum() for k in (0, 1)]
    assert (w.mean(), each[0]) == (pytest.approx(1), pytest.approx(each[1]))
    assert names["run_even"].train_loss != names["run"].train_loss
    rng = np.random.default_rng(0)
    x = rng.normal(size=(13, 10))
    frame = pandas.DataFrame(x, columns=[*"0123456", "age", *"89"])
    frame.iloc[3, 7] = np.nan
    matrix = scipy.sparse.csr_array(x)
    matrix.indices[[124, 129]] = [9, 4]
    matrix.indices[125:129] = [4, 5, 6, 7]
    calls = [
        lambda: dataset(frame, range(13)),
        lambda: dataset(matrix, range(13)),
        lambda: dataset(x, [*"abcabcabcabca"], test=(x[:6], [*"abcabz"])),
    ]
    shown = " ".join(page.rpartition("the value and the mend:")[2].split())
    for call in calls:
        with pytest.raises(DataError) as found:
            call()
        assert str(found.value) in shown


def test_the_surface_of_the_page_passes_its_checks(tmp_path):
    page = (ROOT / "docs" / "paths.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^    # bowl.py\n((?:(?:    .*)?\n)*?)(?=    ravine)", page, re.MULTILINE)
    (tmp_path / "bowl.py").write_text(textwrap.dedent(code), encoding="utf-8")
    assert len(textwrap.dedent(code).strip().splitlines()) <= 15
    assert check_surface(f"{tmp_path / 'bowl.py'}:bowl").passed


def test_the_schedule_of_the_page_passes_its_checks(tmp_path):
    page = (ROOT / "docs" / "schedules.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    assert check_schedule(f"{tmp_path / 'mine.py'}:slowing").passed


def test_the_schedules_that_the_page_names_are_there():
    page = (ROOT / "docs" / "schedules.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert len(named) > 10
    assert set(named) <= set(SCHEDULES)


def test_every_link_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert target in BUILT_PAGES or (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize(
    "name", ["my_rule", *(pytest.param(name, marks=pytest.mark.slow) for name in ("started", "velocity", "normalized"))]
)
def test_the_optimizers_of_the_page_pass_their_checks(tmp_path, name):
    page = (ROOT / "docs" / "your-own-optimizer.md").read_text(encoding="utf-8")
    parts = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (matrix,) = re.findall(r"^    import numpy as np\n.*?\n\n(?! )", page, re.DOTALL | re.MULTILINE)
    path = tmp_path / "my_rule.py"
    path.write_text("\n\n".join([*parts, textwrap.dedent(matrix)]), encoding="utf-8")
    findings = [finding.outcome for finding in findings_of(OPTIMIZERS.find(f"{path}:{name}"), speed=False)]
    assert "failed" not in findings
    assert findings.count("passed") >= 9


def test_the_search_space_of_the_page_can_be_declared():
    page = (ROOT / "docs" / "your-own-optimizer.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^    from ravine\.search import .*?^    \}\)\n", page, re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    function = "def mine(g, *, lr=0.1, decay=0.9, share=0.5, steps: int = 5, beta=0.5):\n    return lr * g\n"
    exec(compile(f"import ravine\n{textwrap.dedent(code)}{function}", "page", "exec"), names)
    assert list(space_of(names["mine"])) == ["lr", "decay", "share", "steps"]


def test_the_page_tells_the_space_by_kind():
    page = (ROOT / "docs" / "your-own-optimizer.md").read_text(encoding="utf-8")
    space = space_of(OPTIMIZERS["adamw"])
    lr, beta1, decay = space["lr"], space["beta1"], space["weight_decay"]
    assert (lr.width, lr.place(0.001)) == (pytest.approx(5), pytest.approx(0.5))
    assert "five decades, with the default in the middle" in page
    assert f"from {beta1.low:g} to {beta1.high:g}: x from {beta1.ends[0]:g} to {beta1.ends[1]:g} |" in page
    assert f"| log-uniform from {decay.low:.5f} to {decay.high:g} |" in page


def test_the_page_names_stages_in_order():
    page = (ROOT / "docs" / "your-own-optimizer.md").read_text(encoding="utf-8")
    stages = sorted(STAGES.values(), key=lambda stage: (stage.formula.first == "step", stage.order))
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", page, re.MULTILINE)
    named = [row.replace("`", "").split(", ") for row in rows]
    assert named == [list(stage.defaults) for stage in stages if list(stage.defaults) in named]


def test_the_stage_of_the_page_shortens_each_layer_s_step(tmp_path):
    page = (ROOT / "docs" / "your-own-optimizer.md").read_text(encoding="utf-8")
    path = tmp_path / "my_rule.py"
    path.write_text("\n\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), encoding="utf-8")
    sgd = with_stages(OPTIMIZERS["sgd"], {"most": 0.05}, [STAGES.find(f"{path}:short")])
    weights, gradients = [np.ones((2, 2)), np.full((1, 1), 7.0)], [np.full((2, 2), 3.0), np.full((1, 1), 0.1)]
    (long, short), _ = sgd.step(gradients, weights, {}, 1, sgd.everywhere({"lr": 1.0, "most": 0.05}, weights))
    assert np.linalg.norm(long) == pytest.approx(0.05 * (2 + 1e-3))
    assert short.tolist() == [[0.1]]


def test_the_page_about_comparing(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(
        'name = "tiny"\ndataset = "small"\nlayers = [64, 10]\nbatch_size = 20\nepochs = 1\nvalidation = 50\n'
    )
    page = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    comparing, _, problem = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert 'problem="mnist-small"' in comparing
    names: dict[str, object] = {}
    exec(comparing.replace('"mnist-small"', '"tiny.toml"'), names)
    assert [len(rows) for rows in (names["found"].leaderboard, names["found"].pairs)] == [2, 1]
    assert (tmp_path / "comparison" / "index.html").exists()
    assert (tmp_path / "rates.png").exists()
    (tmp_path / "my_problems.py").write_text(problem, encoding="utf-8")
    assert find_problem("my_problems.py:wide").layers == (784, 1000, 10)
    table = re.findall(r"^\| (mnist-\w+|fashion-\w+) \| .* \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    assert {name: (int(size), int(epochs)) for name, size, epochs in table} == {
        name: (problem.batch_size, problem.epochs) for name, problem in PROBLEMS.items()
    }


def test_the_comparison_of_the_page_can_be_read(tmp_path):
    page = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "comparison.toml").write_text(text, encoding="utf-8")
    file = read_comparison(str(tmp_path / "comparison.toml"))
    assert file.protocol == {"trials": 32}
    assert [getattr(one, "label", one) for one in file.taking_part][:2] == ["sgd", "momentum"]
    assert str(file.search["momentum"]["alpha"]) == "linear 0 to 0.95"
