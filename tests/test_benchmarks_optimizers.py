"""What `benchmarks.optimizers` does without training: which figures are up to date, and what is kept."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
from pathlib import Path

import pytest

from optimizer_cases import ELEMENTWISE, MATRIX
from ravine.formulas.compose import with_stages
from ravine.formulas.elementwise import rule
from ravine.formulas.shelves import OPTIMIZERS
from ravine.optimizers.adam import adam
from ravine.optimizers.adamw import adamw
from ravine.optimizers.lbfgs import lbfgs
from ravine.optimizers.momentum import momentum
from ravine.optimizers.muon import muon
from ravine.optimizers.rprop import rprop
from ravine.optimizers.sgd import sgd

ROOT = Path(__file__).parents[1]
FIGURES = {"microseconds_per_sample": {"1": 70.0}, "times_sgd": {"1": 8.0}}


@pytest.fixture
def optimizers(monkeypatch, tmp_path):
    """The module, with a file of its own."""
    monkeypatch.syspath_prepend(ROOT)
    module = importlib.import_module("benchmarks.optimizers")
    monkeypatch.setattr(module, "FILE", tmp_path / "docs" / "measured.json")
    return module


@pytest.fixture
def run(optimizers, monkeypatch):
    """Run the command with other figures than measured ones; return the names that were measured."""

    def measured(*words):
        curves, speeds = [], []
        curve = {"engine": "fused", "lr": 0.1, "rates": [{"lr": 0.1, "train_loss": 1 / 3}], "history": []}
        monkeypatch.setattr(optimizers, "curve", lambda name: curves.append(name) or curve)
        monkeypatch.setattr(optimizers, "speeds", lambda name: speeds.append(name) or FIGURES)
        monkeypatch.setattr(sys, "argv", ["optimizers", *words])
        optimizers.main()
        return curves, speeds

    return measured


def test_every_rule_has_a_row_and_is_measured_once(optimizers, run, capsys, monkeypatch):
    every = sorted([*ELEMENTWISE, *MATRIX])
    assert run() == (every, every)
    assert run() == ([], [])
    assert all(optimizers.up_to_date(name) for name in every)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[-len(every) :]] == every
    assert run("--json", "sgd", "adam") == (["sgd", "adam"], ["sgd", "adam"])
    document = json.loads(capsys.readouterr().out)
    assert document == optimizers.load()
    assert document["optimizers"]["adam"]["rates"] == [{"lr": 0.1, "train_loss": 0.3333}]
    monkeypatch.setattr(optimizers, "machine", lambda: "another machine")
    assert run("--speed", "muon") == ([], ["muon"])
    machines = {name: entry["machine"] for name, entry in optimizers.load()["optimizers"].items()}
    assert machines.pop("muon") == "another machine"
    assert "another machine" not in machines.values()
    assert run("--speed") == ([], every)


def test_a_rule_with_another_text_or_default_is_measured_again(optimizers, run, monkeypatch):
    run()

    @rule(name="sgd")
    def other(g, *, lr=0.1):
        return lr * g / 2

    changed = dataclasses.replace(momentum, defaults={**momentum.defaults, "alpha": 0.8})
    now = {**optimizers.EVERY, "sgd": other, "momentum": changed}
    monkeypatch.setattr(optimizers, "EVERY", now)
    assert not optimizers.up_to_date("sgd")
    assert run()[0] == ["momentum", "sgd"]
    monkeypatch.setattr(optimizers, "EVERY", {name: now[name] for name in ("adam", "sgd")})
    run("sgd")
    assert list(optimizers.load()["optimizers"]) == ["adam", "sgd"]


def test_docstrings_and_bounds_are_not_part_of_the_text(optimizers):
    @rule(inert=True, bounds={"lr": "[0, 1]"})
    def documented(g, *, lr=0.1):
        """Say something else."""
        return lr * g  # and comment on it

    assert optimizers.source(documented) == optimizers.source(sgd)
    assert len({optimizers.source(found) for found in (sgd, momentum, adam, adamw, muon, lbfgs)}) == 6


def test_the_rates(optimizers):
    assert optimizers.rates(adam) == [0.0001, 0.0003, 0.001, 0.003, 0.01]
    assert optimizers.rates(lbfgs) == [1.0]
    assert optimizers.rates(muon) == [0.002, 0.006, 0.02, 0.06, 0.2]


def test_those_for_batches_of_all_samples_say_so():
    assert [name for name, found in OPTIMIZERS.items() if found.full_batch] == ["lbfgs", "rprop"]
    assert with_stages(rprop, {"clip_norm": 1}).full_batch


def test_a_name_that_does_not_exist_is_told_before_anything_is_measured(run, capsys):
    with pytest.raises(SystemExit):
        run("adma")
    assert "did you mean 'adam'" in capsys.readouterr().err
