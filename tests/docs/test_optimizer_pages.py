"""The pages of optimizers: one is made for any rule, from what the rule says of itself."""

from __future__ import annotations

import ast
import re
import shlex
from xml.etree import ElementTree

import click
import pytest

from listing import listing
from optimizer_cases import ELEMENTWISE, MATRIX
from optimizer_pages import describe, index, page, write
from ravine.cli.main import ravine
from ravine.formulas.shelves import OPTIMIZERS
from rule_files import write_rules

MINE = """
HALF = 0.5
START = 1e-6


def resting(v, n, *, beta, lr, drag):
    return lr * drag * beta * (1 - beta**n) / (1 - beta) * v, beta**n * v


def small(w):
    return START + 0 * w


@rule(bounds={"beta": "[0, 1)"}, lazy=resting, start={"v": small}, torch="torch.optim.Mine(weights)",
      contains={"sgd_of_mine": {"beta": 0}})
def mine(g, v, *, lr=0.01, beta=0.9, drag=1.0):
    '''Mine: a rule of *nobody*'s, with v_t < 1.

        v_t = beta v_(t-1) + g
        w   = w - lr drag v_t

    There v is kept.

    Source: Nobody, Noone and Nemo, Journal of Nothing, 1999, eq. 1,
    and later.
    Defaults: none.
    Elsewhere: nowhere.
    '''
    v = beta * v + g
    return lr * drag * v * (2 * HALF), v
"""

ENTRY = {
    "machine": "a slow one, 1 core",
    "engine": "fused",
    "batch_size": 100,
    "epochs": 2,
    "lr": 0.03,
    "rates": [{"lr": 0.03, "train_loss": 0.123}, {"lr": 10.0, "train_loss": None}],
    "history": [
        {"epoch": 1, "train_loss": 0.5, "test_loss": 0.4, "test_accuracy": 0.91},
        {"epoch": 2, "train_loss": 0.123, "test_loss": 0.2, "test_accuracy": 0.9514},
    ],
    "microseconds_per_sample": {"1": 81.5, "100": 9.25},
    "times_sgd": {"1": 9.1, "100": 1.25},
}


@pytest.fixture
def mine(tmp_path):
    return OPTIMIZERS.find(f"{write_rules(tmp_path / 'my_rules.py', MINE)}:mine")


def test_a_rule_in_a_new_file_has_a_page_with_all_sections(mine):
    text = page(mine, ENTRY)
    assert re.findall(r"^#+ .*$", text, re.MULTILINE) == [
        "# Mine", "## Hyper-parameters", "## Run it", "## On MNIST", "## Down a ravine", "## Speed", "## Code",
    ]  # fmt: skip
    assert "A rule of \\*nobody\\*'s, with v\\_t \\< 1." in text
    assert "```{math}\nv_{t} &= \\beta\\, v_{t - 1} + g \\\\\nw &= w - \\eta\\, \\text{drag}\\, v_{t}\n```" in text
    assert "| name | in the equations | default | allowed | searched |" in text
    assert "| `beta` | {math}`\\beta` | 0.9 | [0, 1) | log in 1 - x, 0.5 to 0.999 |" in text
    assert "| `lr` | {math}`\\eta` | 0.01 | [0, ∞) | log 3.16228e-05 to 3.16228 |" in text
    assert "| `drag` | {math}`\\text{drag}` | 1 | (-∞, ∞) |  |" in text
    assert "\n\nAt beta 0 it is sgd\\_of\\_mine.\n\n" in text
    assert "**Source:** Nobody, Noone and Nemo, Journal of Nothing, 1999, eq. 1, and later." in text
    assert "**Defaults:** none." in text
    assert "**Elsewhere:** nowhere." in text
    assert "It keeps `v`, one number a weight." in text
    assert "in closed form" in text
    assert ":file: mine-curve.svg" in text
    assert ":file: mine-path.svg" in text
    assert "training loss 0.123, test accuracy 95.14 %" in text
    assert "| learning rate | 0.03 | 10 |" in text
    assert "| training loss | 0.123 | diverged |" in text
    assert "| microseconds per sample | 81.5 | 9.25 |" in text
    assert "| times sgd | 9.1 | 1.25 |" in text
    assert "`torch.optim.Mine(weights)`" in text


def test_the_code_is_that_of_the_file_with_what_it_uses_and_nothing_else(mine):
    names = [getattr(node, "name", None) or node.targets[0].id for node in ast.parse(listing(mine)).body]
    assert names == ["HALF", "START", "resting", "small", "mine"]
    assert "nobody" not in listing(mine)


@pytest.mark.parametrize("rule", [*ELEMENTWISE.values(), *MATRIX.values()], ids=lambda rule: rule.name)
def test_every_rule_has_a_page_whose_code_and_commands_can_be_read(rule):
    text = page(rule, ENTRY)
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert rule.name in [getattr(node, "name", None) for node in ast.parse(code).body]
    (commands,) = re.findall(r"```\n(ravine .*?)\n```", text, re.DOTALL)
    context = click.Context(ravine, **ravine.context_settings)
    for command in commands.splitlines():
        _, name, *words = shlex.split(command)
        ravine.get_command(context, name).make_context(name, words, parent=context)


def test_the_list_names_every_rule_and_its_source(mine):
    fast = {**ENTRY, "machine": "a fast one, 2 cores"}
    text = index([mine, ELEMENTWISE["adam"]], {"mine": ENTRY, "adam": fast, "sgd": fast}, "So.")
    assert "Here: a fast one, 2 cores; mine: a slow one, 1 core." in text
    assert (
        "| [mine](mine.md) | a rule of \\*nobody\\*'s, with v\\_t \\< 1 | Nobody et al., 1999 | element-wise | 1.25 |"
        in text
    )
    assert text.endswith("\n\nmine\nadam\n```\n")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("adam", "Kingma and Ba, 2015"),
        ("adadelta", "Zeiler, 2012"),
        ("adagrad", "Duchi et al., 2011"),
        ("lion", "Chen et al., 2023"),
        ("schedule_free_sgd", "Defazio et al., 2024"),
        ("lbfgs", "Nocedal and Wright, 2006"),
    ],
)
def test_a_source_is_shortened(name, source):
    assert describe(OPTIMIZERS.find(name)).source == source


def test_files_are_written_once_and_those_of_rules_that_are_no_more_are_taken_away(mine, tmp_path):
    rules, entries = [mine, MATRIX["muon"]], dict.fromkeys(("mine", "sgd", "muon"), ENTRY)
    folder = tmp_path / "optimizers"
    folder.mkdir()
    for name in ("gone.md", "gone-path.svg", "measured.json"):
        (folder / name).touch()
    write(folder, rules, entries, "So.")
    written = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    assert set(written) == {
        "index.md", "measured.json", "mine.md", "mine-curve.svg", "mine-path.svg", "muon.md", "muon-curve.svg",
        "muon-path.svg",
    }  # fmt: skip
    for picture in folder.glob("*.svg"):
        ElementTree.parse(picture)
    write(folder, rules, entries, "So.")
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == written


def test_a_rule_that_diverged_at_every_rate_has_a_page_too(mine, tmp_path):
    entry = {**ENTRY, "lr": None, "history": []}
    assert "It diverged at every learning rate" in page(mine, entry)
    write(tmp_path / "optimizers", [mine], {"mine": entry, "sgd": ENTRY}, "So.")
