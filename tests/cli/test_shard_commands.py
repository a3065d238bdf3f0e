"""`ravine study run --shard`: machines that do not talk to each other train a study, each its part."""

from __future__ import annotations

import json
import re
import shutil
import signal
from pathlib import Path

import pytest
from test_study_command import FIGURES

from ravine.cli.main import run
from ravine.storage.store import RunStore
from ravine.studies import plan, shard_of
from ravine.studies.gradients import load_checks, runs_to_check
from ravine.training import train
from storage.merging_cases import elsewhere
from studies.study_cases import SMALL_STUDY, ids, small_plan, study_of
from training_cases import Recorder, interrupt_at, named_run

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


def test_a_shard_checks_no_gradient_of_another(small, tmp_path, runs):
    path = tmp_path / "drawn.toml"
    path.write_text(SMALL_STUDY + FIGURES, encoding="utf-8")
    assert run(["study", "run", str(path), "--quiet"]) == 0
    shutil.rmtree(runs / "gradients")
    (checked,) = ids(runs_to_check(study_of(SMALL_STUDY + FIGURES), small_plan()))
    owner = next(index for index in (1, 2) if checked in ids(shard_of(small_plan(), index, 2)))
    for index in (3 - owner, owner):
        assert run(["study", "run", str(path), "--shard", f"{index}/2", "--quiet"]) == 0
        assert (runs / "gradients" / f"{checked}.msgpack").exists() == (index == owner)


# Shards in folders of their own


@pytest.fixture
def shards(study, tmp_path, capsys):
    """Train a study in two shards, each in a folder of its own; the second has the first run, too."""
    folders = [str(tmp_path / "first"), str(tmp_path / "second")]
    for index, folder in enumerate(folders, start=1):
        assert run(["study", "run", study, "--shard", f"{index}/2", "--out", folder, "--quiet"]) == 0
    shared = shard_of(small_plan(), 1, 2)[0].id
    shutil.copytree(tmp_path / "first" / shared, tmp_path / "second" / shared)
    capsys.readouterr()
    return folders, shared


def rows(text: str) -> list[list[str]]:
    """Split the first table of a text at two or more spaces."""
    return [re.split(r" {2,}", line.strip()) for line in text.split("\n\n")[0].splitlines()[1:]]


def test_the_shards_of_two_folders_are_one_study(study, shards, capsys, tmp_path, runs):
    folders, _ = shards
    assert run(["runs", "merge", *folders]) == 0
    out, err = capsys.readouterr()
    assert rows(out) == [[folders[0], "3", "0", "0", "0", "0"], [folders[1], "3", "1", "0", "0", "0"]]
    assert out.endswith(f"\n\n6 runs copied into {runs}.\n")
    assert err == ""
    assert run(["study", "status", study]) == 0
    assert "\n6 of 6 runs are stored.\n" in capsys.readouterr().out
    assert run(["study", "run", study, "--dry-run"]) == 0
    assert "\n0 runs to do: " in capsys.readouterr().out


def test_a_merge_as_json(shards, capsys, tmp_path):
    folders, shared = shards
    assert run(["runs", "merge", *folders, "--out", str(tmp_path / "all"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    first, second = shown.pop("folders")
    assert shown == {"out": str(tmp_path / "all"), "differing": {}, "damaged": {}, "checks": [], "comparisons": []}
    assert (first["root"], sorted(first["copied"])) == (folders[0], sorted(set(ids(shard_of(small_plan(), 1, 2)))))
    assert (second["root"], second["there"]) == (folders[1], [shared])
    assert (first["differing"], first["left_out"], first["unfinished"]) == ([], {}, [])


def test_runs_that_differ_end_with_1_and_damaged_ones_with_5(shards, capsys, tmp_path):
    folders, shared = shards
    other = shard_of(small_plan(), 2, 2)[0]
    (tmp_path / "second" / other.id / "weights.safetensors").write_bytes(b"x")
    command = ["runs", "merge", *folders, "--out", str(tmp_path / "all")]
    assert run(command) == 5
    out, err = capsys.readouterr()
    assert out.endswith(f"\n5 runs copied into {tmp_path / 'all'}.\n")
    assert rows(out)[1] == [folders[1], "2", "1", "0", "1", "0"]
    place = tmp_path / "second" / other.id
    assert err == f"ravine: the run in {place} is damaged: weights.safetensors does not match its checksum.\n"

    elsewhere(tmp_path / "second" / shared, "Other CPU")
    for _ in range(2):
        assert run(command) == 1
        out, err = capsys.readouterr()
        assert "is damaged" in err
        _, _, table, sentence = out.split("\n\n")
        first, second = (re.split(r" {2,}", line.strip()) for line in table.splitlines()[1:])
        assert first[0] == second[0] == shared
        assert (second[1], second[2], second[3]) == ("Other CPU", str(tmp_path / "second" / shared), "weights")
        assert first[2:] == [str(tmp_path / "first" / shared), "-", str(tmp_path / "all" / shared)]
        assert (tmp_path / "all" / "differing" / shared) in Path(second[4]).parents
        assert sentence == "1 run has different results in different folders.\n"
    assert run([*command, "--json"]) == 1
    (versions,) = json.loads(capsys.readouterr().out)["differing"].values()
    assert [one["processor"] for one in versions][1] == "Other CPU"


def test_runs_that_have_not_ended(shards, small, capsys, tmp_path):
    folders, _ = shards
    interrupt_at(named_run(lr=0.3), small, RunStore(folders[0]), 1)
    assert run(["runs", "merge", *folders]) == 0
    words = "1 run has not ended: the command that began it, with the same folder, goes on.\n"
    assert capsys.readouterr().out.endswith(words)


def test_a_merge_that_cannot_be(shards, capsys, tmp_path, runs):
    folders, _ = shards
    for bad, code, words in (
        (
            [*folders, str(tmp_path / "none")],
            3,
            f"ravine: there is no folder {tmp_path / 'none'}; name folders of runs.",
        ),
        ([*folders, "--out", folders[0]], 3, f"ravine: {folders[0]} is the folder into which runs are merged"),
        ([], 2, "Missing argument 'FOLDER...'"),
        (["x" * 300], 3, "ravine: "),
    ):
        assert run(["runs", "merge", *bad]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert words in err
        assert code == 2 or err.count("\n") == 1
    assert not runs.exists()


# The status of a study whose runs are in several folders


class StoppedAfterAnEpoch(Recorder):
    """A watcher that stops the run when its first epoch is done."""

    def epoch(self, record):
        signal.raise_signal(signal.SIGINT)


def states(text: str) -> list[str]:
    return [row[4] for row in rows(text)]


def test_a_run_counts_as_stored_if_one_folder_has_it(study, shards, capsys):
    folders, _ = shards
    first = set(ids(shard_of(small_plan(), 1, 2)))
    assert run(["study", "status", study, "--out", folders[0]]) == 0
    out = capsys.readouterr().out
    assert states(out) == ["done" if one.id in first else "to do" for one in small_plan()]
    assert "\n3 of 6 runs are stored.\n" in out
    assert run(["study", "status", study, "--out", folders[0], "--out", folders[1]]) == 0
    out, err = capsys.readouterr()
    assert (states(out), err) == (["done"] * 7, "")
    assert "\n6 of 6 runs are stored.\n" in out


def test_a_folder_that_is_not_there_is_told(study, shards, capsys, tmp_path):
    folders, _ = shards
    none = str(tmp_path / "none")
    assert run(["study", "status", study, "--out", folders[0], "--out", none]) == 0
    out, err = capsys.readouterr()
    assert "\n3 of 6 runs are stored.\n" in out
    assert err == f"ravine: there is no folder {none}; none of its runs is counted.\n"
    assert run(["study", "status", study, "--out", none]) == 0
    assert capsys.readouterr().err == err
    assert run(["study", "status", study]) == 0  # as before the first run
    assert capsys.readouterr().err == ""


def test_runs_that_are_under_way_and_stopped(study, small, capsys, tmp_path):
    one, two, three, four, *_ = small_plan()
    stores = [RunStore(tmp_path / "first"), RunStore(tmp_path / "second")]
    train(one.run, small, stores[0], watcher=StoppedAfterAnEpoch())
    interrupt_at(one.run, small, stores[1], 1)
    interrupt_at(two.run, small, stores[1], 1)
    interrupt_at(three.run, small, stores[0], 1)
    train(three.run, small, stores[1])
    interrupt_at(four.run, small, stores[0], 2)
    damaged = train(four.run, small, stores[1]).stored
    (damaged.folder / "result.json").write_text("{")
    command = ["study", "status", study, *(word for store in stores for word in ("--out", str(store.root)))]
    with stores[1].working_folder(two.id):
        assert run(command) == 0
        out = capsys.readouterr().out
        assert run([*command, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
    assert states(out) == [
        "stopped, 1 of 3 epochs",
        "running",
        "done",
        "failed",
        *["to do"] * 2,
        "stopped, 1 of 3 epochs",
    ]
    assert "\n1 of 6 runs are stored, 1 running, 1 stopped, 1 failed.\n" in out
    assert [(each["state"], each["epochs"]) for each in shown["runs"]] == [
        ("stopped", 1),
        ("running", 0),
        ("done", 3),
        ("failed", 0),
        ("to do", 0),
        ("to do", 0),
        ("stopped", 1),
    ]


def test_different_weights_in_two_folders_are_told(study, shards, capsys, tmp_path):
    folders, shared = shards
    elsewhere(tmp_path / "second" / shared)
    places = f"{tmp_path / 'first' / shared} and {tmp_path / 'second' / shared}"
    both = ["--out", folders[0], "--out", folders[1]]
    for command in ("status", "report"):
        assert run(["study", command, study, *both]) == 0
        assert f"ravine: run {shared} has different weights in {places}; the first counts." in capsys.readouterr().err


def test_a_damaged_run_that_another_folder_has_whole_is_stored(study, shards, capsys, tmp_path):
    folders, shared = shards
    (tmp_path / "first" / shared / "result.json").write_text("{")
    assert run(["study", "status", study, "--out", folders[0], "--out", folders[1]]) == 0
    out, err = capsys.readouterr()
    assert "\n6 of 6 runs are stored.\n" in out
    assert err == ""


def test_a_report_of_several_folders_is_that_of_one(small, tmp_path, capsys):
    path = tmp_path / "drawn.toml"
    path.write_text(SMALL_STUDY + FIGURES, encoding="utf-8")
    folders = [str(tmp_path / "first"), str(tmp_path / "second")]
    for index, folder in enumerate(folders, start=1):
        assert run(["study", "run", str(path), "--shard", f"{index}/2", "--out", folder, "--quiet"]) == 0
    both = ["--out", folders[0], "--out", folders[1]]
    assert run(["runs", "merge", *folders, "--out", str(tmp_path / "all")]) == 0
    assert capsys.readouterr().out.endswith(f"\n6 runs and 1 gradient check copied into {tmp_path / 'all'}.\n")
    shown = []
    for options in (both, ["--out", str(tmp_path / "all")]):
        assert run(["study", "report", str(path), *options, "--json"]) == 0
        shown.append(json.loads(capsys.readouterr().out))
    assert shown[0]["tables"] == shown[1]["tables"]
    assert shown[0]["figures"] == ["losses", "errors"]
    assert run(["study", "report", str(path), *both, "--into", str(tmp_path / "page")]) == 0
    page = re.sub("<[^>]*>", "", (tmp_path / "page" / "index.html").read_text(encoding="utf-8"))
    assert f"--out {folders[0]} --out {folders[1]} --into" in page


def test_a_run_without_a_checkpoint_is_running_while_a_process_has_it(study, capsys, runs):
    with RunStore(runs).working_folder(ids(small_plan())[0]):
        assert run(["study", "status", study]) == 0
        assert "\n0 of 6 runs are stored, 1 running.\n" in capsys.readouterr().out
    assert run(["study", "status", study]) == 0
    assert "\n0 of 6 runs are stored.\n" in capsys.readouterr().out
