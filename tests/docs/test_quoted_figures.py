"""Figures in the documentation: a test prints those of quick commands again; others name machine, date and commit."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import ravine
from ravine.cli.main import run
from ravine.data import load

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
STAMP = re.compile(r"(AMD EPYC|Intel Xeon).{0,150}?\b20\d\d-\d\d-\d\d, commit `[0-9a-f]{7}`")
"""Where, when and from what a figure was measured, as "two cores of an AMD EPYC, 2026-11-24, commit `9298ca8`"."""

RUN_HERE = {"ravine gradcheck --quiet"}
"""Commands whose quoted output a test below compares with what they print."""


def sections(page: Path) -> list[str]:
    """Return the parts of a page, each from a title to the next."""
    return re.split(r"^(?=#)", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def quoted(page: Path) -> dict[str, str]:
    """Return by command the outputs that a page quotes below "$ command"."""
    blocks = re.findall(r"^    \$ (.*)\n((?:(?:    .*)?\n)*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {command: textwrap.dedent(output).strip() for command, output in blocks}


EVERY = [(page, section) for page in PAGES for section in sections(page)]


def named(case) -> str:
    page, section = case
    return f"{page.stem}: {section.splitlines()[0] if section else ''}"


@pytest.mark.parametrize("case", EVERY, ids=map(named, EVERY))
def test_a_section_with_figures_of_a_benchmark_says_where_and_when_they_were_measured(case):
    _, section = case
    if "benchmarks" in section and re.search(r"\d", re.sub(r"`[^`]*`|^    .*", "", section, flags=re.MULTILINE)):
        assert STAMP.search(" ".join(section.split()))


@pytest.mark.parametrize("case", EVERY, ids=map(named, EVERY))
def test_a_quoted_output_is_compared_below_or_dated(case):
    page, section = case
    shown = [command for command in quoted(page) if f"    $ {command}\n" in section]
    if not set(shown) <= RUN_HERE:
        assert STAMP.search(" ".join(section.split())), shown


def test_the_dates_are_looked_for():
    dated = [named(case) for case in EVERY if STAMP.search(" ".join(case[1].split()))]
    assert len([name for name in dated if name.startswith("speed: ")]) >= 8
    assert {"reproduction", "gradients", "engines", "studies", "schedules"} <= {name.split(":")[0] for name in dated}


def number(text: str) -> float:
    return float(text.replace(",", ""))


def assert_alike(shown: str, printed: str) -> None:
    """Compare two outputs: words and layout exactly, counts to a twentieth, errors to a factor of 2, no seconds."""
    form = re.compile(r"(?<![\w.-])\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?(?![\w.])")
    for ours, theirs in zip(shown.splitlines(), printed.splitlines(), strict=True):
        first, second = (re.sub(r"\b\d+\.\d+ s$|(?<= )\d\.\d\d$", "SECONDS", line.strip()) for line in (ours, theirs))
        words = [re.sub(r" +", " ", form.sub("#", line)) for line in (first, second)]
        assert words[0] == words[1]
        for one, other in zip(form.findall(first), form.findall(second), strict=True):
            error = "e" in one or "." in one
            assert number(one) == pytest.approx(number(other), rel=0.5 if error else 0.05), (ours, theirs)


def test_outputs_that_differ_are_seen():
    shown = "central   1e-08  3.7e-05        980     0.11\nin 60 digits, 200 weights: 2.6e-72, 9.6 s"
    assert_alike(shown, "central  1e-08  3.6e-05       1,001     0.55\nin 60 digits, 200 weights: 2.7e-72, 12.1 s")
    with pytest.raises(ValueError, match="shorter"):
        assert_alike(shown, shown.splitlines()[0])
    for word, other in (("3.7e-05", "3.7e-04"), ("980", "1,101"), ("200 weights", "200 weight"), ("60 d", "40 d")):
        with pytest.raises(AssertionError):
            assert_alike(shown, shown.replace(word, other))


@pytest.mark.slow
def test_the_gradient_check_prints_what_the_page_shows(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path))
    page = DOCS / "gradients.md"
    assert run(["gradcheck", "--quiet"]) == 0
    printed = capsys.readouterr().out.strip()
    shown = quoted(page)["ravine gradcheck --quiet"]
    assert_alike(shown, printed)
    (unseen,) = re.findall(r"some ([\d,]+) weights have derivatives so small", page.read_text(encoding="utf-8"))
    for table in (shown, printed):
        counts = [
            number(line.split()[-2])
            for line in table.splitlines()
            if re.match("(forward|backward|central) +1e-08", line)
        ]
        assert counts == pytest.approx([number(unseen)] * 3, rel=0.05)
    commands = re.findall(
        r"^    ravine (gradcheck --methods .*?)(?: +#.*)?$", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(commands) == 4
    unseen = []
    for command in commands:
        assert run([*command.split(), "--digits", "0", "--quiet"]) == 6, command
        shown = capsys.readouterr().out
        assert "CANNOT TELL" in shown
        unseen.append(number(re.search(r"^([\d,]+) weights are not seen", shown, re.MULTILINE)[1]))
    assert unseen[1] < unseen[0] / 10  # h = 1e-5 sees more, and not yet all


def path(capsys, tmp_path, *arguments: str) -> list[dict]:
    assert run(["paths", *arguments, "--json", "--out", str(tmp_path / "paths.png")]) == 0
    return json.loads(capsys.readouterr().out)["paths"]


def test_the_paths_down_the_ravine_are_as_the_page_says(capsys, tmp_path):
    text = " ".join((DOCS / "paths.md").read_text(encoding="utf-8").split())
    sgd, momentum, adam = path(capsys, tmp_path, "sgd", "momentum", "adam", "--surface", "ravine")
    assert f"at {sgd['hyperparameters']['lr']:g} it overshoots the floor at every step" in text
    sides = np.sign([y for _, y in sgd["points"]])
    assert np.all(sides[1:] == -sides[:-1])
    (times,) = re.findall(r"its loss is about (\d+) times lower than that of sgd after 100 steps", text)
    assert sgd["value"] / momentum["value"] == pytest.approx(float(times), rel=0.1)
    along, across = np.abs(np.subtract(adam["points"][1], adam["points"][0]))
    assert along == pytest.approx(across, rel=1e-3)
    assert "above 2/75 sgd diverges" in text
    for rate, grows in ((0.99 * 2 / 75, False), (1.01 * 2 / 75, True)):
        (found,) = path(capsys, tmp_path, f"sgd,lr={rate}", "--surface", "ravine", "--steps", "400")
        assert (abs(found["points"][-1][1]) > abs(found["points"][0][1])) == grows


def test_lbfgs_needs_as_many_steps_as_the_page_says(capsys, tmp_path):
    text = " ".join((DOCS / "paths.md").read_text(encoding="utf-8").split())
    bent, straight = re.findall(
        r"within 1e-6 of the minimum after (\d+) steps, and in the straight ravine after (\d+)", text
    )[0]
    for surface, steps in (("rosenbrock", int(bent)), ("ravine", int(straight))):
        (found,) = path(capsys, tmp_path, "lbfgs", "--surface", surface)
        minimum = ravine.SURFACES[surface].minima[0]
        distances = np.hypot(*np.subtract(found["points"], minimum).T)
        assert int(np.argmax(distances <= 1e-6)) == pytest.approx(steps, abs=1)


def test_the_surfaces_that_the_page_lists_are_there(capsys):
    (names,) = re.findall(r"ravine paths --list +# (.*)", (DOCS / "paths.md").read_text(encoding="utf-8"))
    assert run(["paths", "--list"]) == 0
    assert names.split(", ") == re.findall(r"^(\w+)$", capsys.readouterr().out, re.MULTILINE)


def test_a_growing_batch_has_the_sizes_and_steps_of_the_page():
    text = (DOCS / "schedules.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    ravine train (--lr 0.1 .*--largest-batch 1250)$", text, re.MULTILINE)
    settings = {
        "lr": 0.1,
        "schedule": "step",
        "decay_factor": 0.2,
        "decay_every": 3,
        "epochs": 12,
        "largest_batch": 1250,
    }
    assert command == (
        "--lr 0.1 --schedule step --set decay_factor=0.2 --set decay_every=3 --epochs 12 --largest-batch 1250"
    )
    history = ravine.train(layers=(784, 10), **settings).history
    (sizes,) = re.findall(r"trains in batches of (.*), three epochs each", text)
    assert [str(epoch.batch_size) for epoch in history[::3]] == re.findall(r"\d+", sizes)
    steps = re.findall(r"\| ([\d,]+) \|$", text, re.MULTILINE)
    assert [number(count) for count in steps] == [72_000, 72_000, 28_800, history[-1].steps, 4_494] * 2


def test_so_many_pixels_are_zero():
    share = np.mean(load("mnist").train.features == 0)
    pages = [page for page in PAGES if "of MNIST's pixels" in page.read_text(encoding="utf-8")]
    assert len(pages) >= 2
    for page in pages:
        for percent in re.findall(r"(\d+) % of MNIST's pixels", page.read_text(encoding="utf-8")):
            assert float(percent) == pytest.approx(100 * share, abs=0.5)


def python_of_studies(name: str) -> str:
    """Return the one example in Python of the page about studies that uses a name."""
    codes = re.findall(r"```python\n(.*?)```", (DOCS / "studies.md").read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [code for code in codes if name in code]
    return code


def test_the_data_frames_of_the_page(small, runs, capsys):
    ravine.train(dataset="small", layers=(64, 12, 10), epochs=2, batch_size=20, engine="reference")
    code = python_of_studies("epoch_rows")
    names: dict[str, pandas.DataFrame] = {}
    exec(code, names)
    assert (len(names["runs"]), len(names["epochs"])) == (1, 2)


def test_the_split_of_the_page(tmp_path, monkeypatch):
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path))
    code = python_of_studies("held_out")
    names: dict[str, Any] = {}
    exec(code, names)
    run, data = names["run"], names["data"]
    assert (run.validation_accuracy > 0.9, run.test_accuracy, run.tested) == (True, None, False)
    assert (len(data.train.targets), len(data.validation.targets)) == (50_000, 10_000)
    assert run.validation_accuracy == (run.predict(data.validation.features) == data.validation.targets).mean()
