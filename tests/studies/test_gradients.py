"""Gradient checks of a study: made once, stored beside the runs, and read again."""

from __future__ import annotations

import math

import msgspec
import pytest
from study_cases import SMALL_STUDY, study_of

from ravine.api.network_gradient import check_network_gradient
from ravine.errors import StorageError
from ravine.spec import RunSpec
from ravine.storage.store import RunStore
from ravine.studies import gradients, plan, run_study
from ravine.studies.gradients import check_runs, load_checks, runs_to_check

FIGURES = """
[[figures]]
name = "curves"
rows = ["rates:2"]

[[figures]]
name = "errors"
rows = ["momenta:1"]
kind = "gradient-errors"

[[figures]]
name = "v-curve"
rows = ["momenta:1"]
kind = "v-curve"
"""

STUDY = SMALL_STUDY + FIGURES


@pytest.fixture
def store(runs):
    return RunStore(runs)


@pytest.fixture
def trained(small, store):
    """Run what the figures need, with two seeds; return the two runs whose gradients they show."""
    study = study_of(STUDY, seeds=[0, 1])
    planned = plan(study, ["errors"])
    assert run_study(planned, store).failed == {}
    return runs_to_check(study, planned)


def without_times(check):
    """Return a check as plain data but for the seconds."""
    plain = msgspec.to_builtins(check)
    for method in plain["agreement"]["methods"].values():
        del method["seconds"]
    if plain["digits"]:
        del plain["digits"]["seconds"]
    return plain


def refuse(*arguments, **options):
    raise AssertionError("a gradient was checked")


def test_the_runs_are_those_of_the_figures(small):
    study = study_of(STUDY, seeds=[0, 1])
    found = runs_to_check(study, plan(study))
    assert [(run.group, run.row, run.spec.seed) for run in found] == [("momenta", 0, 0), ("momenta", 0, 1)]
    assert runs_to_check(study, plan(study, ["rates"])) == []
    assert runs_to_check(study_of(), plan(study_of())) == []


def test_checks_are_those_of_the_stored_weights(trained, store, runs):
    checks, faults = check_runs(trained, store)
    assert faults == {}
    for run, digits in zip(trained, (60, None), strict=True):
        alone = check_network_gradient(RunSpec(), run=run.id, digits=digits, out=runs)
        assert without_times(checks[run.id]) == without_times(alone)
        assert checks[run.id].agreement.passed
        assert checks[run.id].agreement.weights == 64 * 12 + 12 * 10


def test_only_the_first_seed_has_many_digits(trained, store):
    for order in (trained, trained[:1]):
        checks, _ = check_runs(order, store)
        assert [checks[run.id].digits is not None for run in order] == [True, False][: len(order)]


def test_a_check_that_is_stored_is_not_made_again(trained, store, runs, monkeypatch):
    checks, _ = check_runs(trained, store)
    files = sorted((runs / "gradients").iterdir())
    assert [path.stem for path in files] == sorted(run.id for run in trained)
    monkeypatch.setattr(gradients, "check_network", refuse)
    assert check_runs(trained, store) == (checks, {})
    assert load_checks(store, [run.id for run in trained]) == checks
    assert load_checks(store, ["none"]) == {}
    # The folder of checks is no run.
    assert sorted(store.ids()) == sorted(run.id for run in trained)


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\xfe", b"{}", b"\x80"])
def test_a_damaged_check_is_made_anew(trained, store, runs, content):
    checks, _ = check_runs(trained, store)
    (path,) = (runs / "gradients").glob(f"{trained[0].id}.*")
    whole = path.read_bytes()
    for damage in (content, whole[:-20]):
        path.write_bytes(damage)
        assert set(load_checks(store, checks)) == {trained[1].id}
        again, _ = check_runs(trained, store)
        assert {run: without_times(check) for run, check in again.items()} == {
            run: without_times(check) for run, check in checks.items()
        }
        assert load_checks(store, checks) == again


def test_a_number_that_is_not_finite_is_stored_as_it_is(trained, store, monkeypatch):
    checks, _ = check_runs(trained[:1], store)
    curve = checks[trained[0].id].curve
    nowhere = msgspec.structs.replace(
        checks[trained[0].id], curve=msgspec.structs.replace(curve, best_median={"central": math.nan})
    )
    monkeypatch.setattr(gradients, "check_network", lambda *arguments, **options: nowhere)
    check_runs(trained[1:], store)
    stored = load_checks(store, [trained[1].id])[trained[1].id]
    assert math.isnan(stored.curve.best_median["central"])


def test_a_run_that_is_not_stored_has_no_check(small, store, runs):
    study = study_of(STUDY)
    assert check_runs(runs_to_check(study, plan(study)), store) == ({}, {})
    assert not runs.exists()


@pytest.mark.parametrize(("name", "words"), [("weights.safetensors", "checksum"), ("result.json", "is damaged")])
def test_a_damaged_run_is_told_and_the_others_are_checked(trained, store, runs, name, words):
    (runs / trained[0].id / name).write_bytes(b"garbage")
    checks, faults = check_runs(trained, store)
    assert set(checks) == {trained[1].id}
    assert set(faults) == {trained[0].id}
    assert words in faults[trained[0].id]


def test_a_folder_that_cannot_be_written(trained, store, runs):
    (runs / "gradients").write_text("in the way")
    with pytest.raises(StorageError, match="cannot make the folder"):
        check_runs(trained, store)


def test_progress_is_told(trained, store):
    told = []
    check_runs(trained, store, progress=lambda *what: told.append(what))
    assert {what for what, _ in told} == {"differences", "V-curve", "60 digits"}
    assert all(moved > 0 for _, moved in told)
