"""Runs that an earlier version stored come up to date; what cannot be shown to be the same run stays as it is.

The runs in `earlier_runs` were stored by ravine 0.1.0 as of 25 November 2026, before a schedule was a name: sgd with a
rate that falls, the rule in halved.py, muon with weight decay, sgd with an average of its weights, and yogi, whose text
is another one now.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from ravine.cli.main import run
from ravine.errors import DataError
from ravine.spec import resolve
from ravine.storage.conversion import convert_runs
from ravine.storage.store import RunStore
from ravine.training import train

EARLIER = Path(__file__).parent / "earlier_runs"
SGD, HALVED, MUON, YOGI = "a19c20b60d36b28f", "e77314ad647a502b", "e3021589350c9efc", "9bce669a1a7a4337"
AVERAGE = "6bfdb0b8baebca2c"
CHANGED = "its id is not that of its settings and of {} as it is now"


@pytest.fixture
def store(small, runs, tmp_path, monkeypatch):
    """A store with the earlier runs, beside the file with the rule that one of them names."""
    shutil.copytree(EARLIER, runs)
    (runs / "halved.py").rename(tmp_path / "halved.py")
    monkeypatch.chdir(tmp_path)
    return RunStore(runs)


def converted(store):
    return {run.old: run for run in convert_runs(store)}


@pytest.mark.parametrize("old", [SGD, HALVED, MUON, AVERAGE])
def test_a_converted_run_is_the_run_that_its_settings_give_today(old, store, small):
    weights = (EARLIER / old / "weights.safetensors").read_bytes()
    new = store.load(converted(store)[old].new)
    assert (new.folder / "weights.safetensors").read_bytes() == weights
    assert not (store.root / old).exists()
    again = train(resolve(new.result.spec), small, RunStore(store.root.parent / "again")).stored
    assert again.result.id == new.result.id
    # Another processor may round otherwise, so that only the same machine has the same bits.
    np.testing.assert_allclose(again.weights(), new.weights(), rtol=1e-4, atol=1e-6)
    assert [epoch.test_accuracy for epoch in again.result.history] == pytest.approx(
        [epoch.test_accuracy for epoch in new.result.history], abs=0.05
    )


def test_a_schedule_becomes_a_name_and_settings(store):
    spec = store.load(converted(store)[SGD].new).result.spec
    assert (spec.schedule, spec.schedule_settings, spec.lr) == ("linear", {"final_lr": 0.05}, 0.5)


def test_an_optimizer_with_another_text_is_left(store):
    found = converted(store)[YOGI]
    assert found.new is None
    assert found.why == f"{CHANGED.format('yogi')}; train it again"
    assert (store.root / YOGI / "result.json").read_bytes() == (EARLIER / YOGI / "result.json").read_bytes()


def test_a_rule_that_was_changed_is_left(store, tmp_path):
    text = (tmp_path / "halved.py").read_text()
    (tmp_path / "halved.py").write_text(text.replace("kept * v", "2 * kept * v"))
    assert (
        converted(store)[HALVED].why == "its id is not that of its settings and of halved as it is now; train it again"
    )


def test_a_rule_that_is_gone_is_told(store, tmp_path):
    (tmp_path / "halved.py").unlink()
    found = converted(store)[HALVED]
    assert found.new is None
    assert "halved.py" in found.why


@pytest.mark.parametrize(("name", "value"), [("lr", 0.4), ("seed", 4), ("layers", [64, 5, 10]), ("dtype", "float64")])
def test_settings_that_do_not_give_the_id_are_not_believed(name, value, store):
    for file in ("result.json", "spec.json"):
        path = store.root / SGD / file
        content = json.loads(path.read_text())
        (content if file == "spec.json" else content["result"]["spec"])[name] = value
        path.write_text(json.dumps(content))
    assert converted(store)[SGD].new is None
    assert (store.root / SGD).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"result": {}}', b'{"result": {"spec": {}}}'])
def test_a_damaged_run_is_left_and_the_others_are_converted(content, store):
    (store.root / SGD / "result.json").write_bytes(content)
    found = converted(store)
    assert found[SGD].new is None
    assert "cannot be read" in found[SGD].why
    assert found[MUON].new is not None
    assert (store.root / SGD / "result.json").read_bytes() == content


def test_a_conversion_that_was_stopped_before_the_old_folder_went_is_finished(store):
    new = converted(store)[SGD].new
    shutil.copytree(EARLIER / SGD, store.root / SGD)
    assert converted(store)[SGD].new == new
    assert not (store.root / SGD).exists()


def test_a_run_that_was_trained_again_with_another_result_stays(store, small):
    new = converted(store)[SGD].new
    shutil.copytree(EARLIER / SGD, store.root / SGD)
    (store.root / SGD / "weights.safetensors").write_bytes(b"others")
    before = (store.root / new / "result.json").read_bytes()
    found = converted(store)[SGD]
    assert found.new is None
    assert f"run {new}, which it would become, is stored already, with other weights" in found.why
    assert (store.root / new / "result.json").read_bytes() == before
    assert (store.root / SGD).exists()


@pytest.mark.parametrize("name", ["history", "status", "parameters"])
def test_a_record_that_could_not_be_read_after_conversion_is_left(name, store):
    path = store.root / SGD / "result.json"
    content = json.loads(path.read_text())
    del content["result"][name]
    path.write_text(json.dumps(content))
    found = converted(store)
    assert found[SGD].new is None
    assert found[SGD].damaged
    assert sorted(folder.name for folder in store.root.iterdir()) == sorted(
        [SGD, YOGI, *(run.new for run in found.values() if run.new)]
    )


@pytest.mark.parametrize("file", ["weights.safetensors", "environment.json"])
def test_a_run_without_one_of_its_files_is_left(file, store):
    (store.root / SGD / file).unlink()
    assert converted(store)[SGD].damaged
    assert sorted(path.name for path in (store.root / SGD).iterdir()) == sorted(
        {"weights.safetensors", "environment.json", "result.json", "spec.json"} - {file}
    )


@pytest.mark.parametrize(("file", "content"), [("weights.safetensors", b"cut"), ("environment.json", b"{")])
def test_a_damaged_file_is_told_where_it_lies(file, content, store):
    (store.root / SGD / file).write_bytes(content)
    found = converted(store)[SGD]
    assert f"the run in {store.root / SGD} is damaged: {file}" in found.why
    assert [path.name for path in store.root.iterdir() if path.name in found.why] == [SGD]


@pytest.mark.parametrize("schedule", [{}, {"kind": 3}, {"kind": "falling"}])
def test_a_schedule_that_never_was_is_told(schedule, store):
    path = store.root / SGD / "result.json"
    content = json.loads(path.read_text())
    content["result"]["spec"]["schedule"] = schedule
    path.write_text(json.dumps(content))
    assert converted(store)[SGD].new is None


def test_a_folder_that_cannot_be_written_is_told_of_each_run(store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ravine.storage.files.write_folder", full)
    found = converted(store)
    assert {run.why for run in found.values() if run.damaged} == {
        f"cannot write into {store.root}: No space left on device"
    }
    assert sorted(path.name for path in store.root.iterdir()) == sorted([SGD, HALVED, MUON, AVERAGE, YOGI])


def test_converting_twice_changes_nothing(store):
    converted(store)
    before = sorted(path.name for path in store.root.iterdir())
    assert set(converted(store)) == {YOGI}
    assert sorted(path.name for path in store.root.iterdir()) == before


def test_a_run_of_an_earlier_form_says_what_to_do(store):
    with pytest.raises(DataError, match="`ravine runs convert` brings it up to date"):
        store.load(SGD)


def test_the_command_tells_what_became_of_each(store, capsys):
    assert run(["runs", "convert"]) == 0
    out, err = capsys.readouterr()
    assert sum(" is now " in line for line in out.splitlines()) == 4
    assert f"run {YOGI} is left as it is: its id is not that of its settings" in err
    assert "4 of 5 runs of an earlier version updated" in out
    assert run(["runs", "list", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 4
    assert run(["runs", "convert", "--json"]) == 0
    assert [run["old"] for run in json.loads(capsys.readouterr().out)["converted"]] == [YOGI]
