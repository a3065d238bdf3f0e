"""`ravine study run --shard`: machines that do not talk to each other train a study, each its part."""

from __future__ import annotations

import json

import pytest
from test_study_command import FIGURES

from ravine.cli.main import run
from ravine.storage.store import RunStore
from ravine.studies import plan, shard_of
from ravine.studies.gradients import load_checks, runs_to_check
from studies.study_cases import SMALL_STUDY, ids, small_plan, study_of

HINT = "If other shards are stored elsewhere, bring them together: ravine runs merge FOLDER.. --out FOLDER\n"


@pytest.fixture(autouse=True)
def no_scheduler(monkeypatch):
    """Forget the job in which the tests may run."""
    for name in ("SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "LSB_JOBINDEX", "JOB_COMPLETION_INDEX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def study(small, tmp_path):
    """Write the small study to a file."""
    path = tmp_path / "six.toml"
    path.write_text(SMALL_STUDY, encoding="utf-8")
    return str(path)


def test_shards_train_each_run_once(study, capsys, runs):
    everything, seen = small_plan(), []
    for index in (1, 2, 3, 4):
        assert run(["study", "run", study, "--shard", f"{index}/4", "--quiet"]) == 0
        own = shard_of(everything, index, 4)
        unique = len(set(ids(own)))
        out = capsys.readouterr().out
        assert [line.split()[-1] for line in out.split("\n\n")[0].splitlines()[1:]] == [one.id for one in own]
        verb = "run is" if unique == 1 else "runs are"
        assert f"\n\nshard {index} of 4: {unique} of 6 runs.\n{unique} of {unique} {verb} stored.\n" in out
        assert out.endswith(HINT)
        assert sorted(set(RunStore(runs).ids()) - set(seen)) == sorted(ids(own))
        seen += ids(own)
    assert sorted(seen) == sorted(ids(everything))


def test_the_number_of_the_job_in_an_array(study, capsys, runs, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    assert run(["study", "run", study, "--shard", "auto/3", "-q"]) == 0
    assert "\nshard 2 of 3: 2 of 6 runs.\n" in capsys.readouterr().out
    assert sorted(RunStore(runs).ids()) == sorted(ids(shard_of(small_plan(), 2, 3)))


def test_a_shard_without_runs_makes_nothing(study, capsys, runs):
    for more in ([], ["--dry-run"]):
        assert run(["study", "run", study, "--shard", "7/64", *more]) == 0
        assert capsys.readouterr() == ("shard 7 of 64 has no runs, of 6 runs.\n", "")
    assert run(["study", "run", study, "--shard", "7/64", "--json"]) == 0
    out, err = capsys.readouterr()
    shard = {"index": 7, "count": 64, "runs": 0, "of_runs": 6}
    assert json.loads(out) == {"study": "six", "shard": shard, "done": 0, "failed": {}, "runs": []}
    assert err == ""
    assert not runs.exists()


def test_a_dry_run_shows_the_runs_of_the_shard(study, capsys, runs):
    own = shard_of(small_plan(), 1, 3)
    assert run(["study", "run", study, "--shard", "1/3", "--dry-run", "--jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert [one.id in out for one in small_plan()] == [one.id in ids(own) for one in small_plan()]
    assert "\n\nshard 1 of 3: 2 of 6 runs.\n2 runs to do: about " in out
    assert HINT not in out
    assert run(["study", "run", study, "--shard", "1/3", "--dry-run", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["shard"] == {"index": 1, "count": 3, "runs": 2, "of_runs": 6}
    assert sorted(shown["runs"]) == sorted(ids(own))
    assert not runs.exists()


def test_a_shard_as_json(study, capsys):
    assert run(["study", "run", study, "--shard", "2/3", "--json", "-q"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["shard"] == {"index": 2, "count": 3, "runs": 2, "of_runs": 6}
    assert [one["id"] for one in shown["runs"]] == [one.id for one in shard_of(small_plan(), 2, 3)]
    assert shown["done"] == 2


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b", "-1/3", "1/0", "auto/3"])
def test_no_such_shard(study, capsys, runs, shard):
    assert run(["study", "run", study, "--shard", shard]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ravine: ")
    assert err.count("\n") == 1
    assert not runs.exists()


def test_shards_check_the_gradients_that_one_machine_would(small, tmp_path, capsys):
    path = tmp_path / "drawn.toml"
    path.write_text(SMALL_STUDY + FIGURES, encoding="utf-8")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    study = study_of(SMALL_STUDY + FIGURES, seeds=[0, 1, 2])
    command = ["study", "run", str(path), "--seeds", "3", "--quiet", "--out"]
    assert run([*command, str(whole)]) == 0
    checked: set[str] = set()
    for index in (1, 2, 3):
        assert run([*command, str(parts), "--shard", f"{index}/3"]) == 0
        now = {file.stem for file in (parts / "gradients").glob("*")}
        assert now - checked <= set(ids(shard_of(plan(study), index, 3)))
        checked |= now
    assert checked == set(ids(runs_to_check(study, plan(study))))
    one, other = load_checks(RunStore(whole), checked), load_checks(RunStore(parts), checked)
    for run_id in checked:
        assert (one[run_id].digits is None) == (other[run_id].digits is None)
        assert repr(one[run_id].curve) == repr(other[run_id].curve)
    assert [check.digits is None for check in other.values()].count(False) == 1
