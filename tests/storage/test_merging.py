"""The runs of several folders in one: whole, byte for byte, and none lost where two differ."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from filelock import FileLock
from merging_cases import elsewhere, on_processor

from ravine.errors import ConfigError, StorageError
from ravine.storage import merging
from ravine.storage.merging import merge_runs
from ravine.storage.store import RunStore
from training_cases import interrupt_at, named_run, train_small

PROGRAM = Path(__file__).parents[1] / "studies" / "small_ravine.py"
EARLIER = Path(__file__).parent / "earlier_runs"
RATES = (0.1, 0.05, 0.2)


@pytest.fixture
def folders(small, tmp_path):
    """Two stores; both have the run at the second rate."""
    for name, rates in (("a", RATES[:2]), ("b", RATES[1:])):
        for lr in rates:
            train_small(small, tmp_path / name, lr=lr)
    return tmp_path / "a", tmp_path / "b"


def ids() -> list[str]:
    return [named_run(lr=lr).id for lr in RATES]


def content(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rewritten(folder: Path, change) -> None:
    """Change the stored result of a run."""
    record = json.loads((folder / "result.json").read_text())
    change(record["result"])
    (folder / "result.json").write_text(json.dumps(record))


def test_the_runs_of_two_folders_in_one(folders, tmp_path):
    a, b = folders
    one, two, three = ids()
    merged = merge_runs([a, b], tmp_path / "all")
    assert [(each.copied, each.there) for each in merged.stores] == [([one, two], []), ([three], [two])]
    assert (merged.differing, merged.damaged, merged.checks, merged.comparisons) == ({}, {}, [], [])
    files = content(tmp_path / "all")
    assert files == {**{name: file for name, file in content(b).items() if three in name}, **content(a)}
    for run in ids():
        stored = RunStore(tmp_path / "all").load(run)
        assert stored.result.id == run
        stored.weights()


def test_runs_are_as_old_as_they_were(folders, tmp_path):
    one, two, three = ids()
    for place, run in enumerate((three, one, two)):
        for folder in folders:
            if (folder / run).exists():
                os.utime(folder / run, (1e9 + place, 1e9 + place))
    merge_runs(folders, tmp_path / "all")
    assert RunStore(tmp_path / "all").ids() == [three, one, two]
    assert (tmp_path / "all" / one).stat().st_mtime == 1e9 + 1


def test_a_merge_can_be_repeated(folders, tmp_path):
    merge_runs(folders, tmp_path / "all")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "all").rglob("*")}
    again = merge_runs(folders, tmp_path / "all")
    assert [each.copied for each in again.stores] == [[], []]
    assert [sorted(each.there) for each in again.stores] == [sorted(ids()[:2]), sorted(ids()[1:])]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "all").rglob("*")} == before


def test_times_hints_and_paths_decide_nothing(folders, tmp_path):
    a, b = folders
    two = ids()[1]

    def change(result):
        result["seconds"]["total"] += 1
        result["history"][0]["seconds"] += 1
        result["hint"] = "another"
        result["spec"]["optimizer"] = "/elsewhere/mine.py:mine"

    rewritten(b / two, change)
    on_processor(b / two, "Other CPU")
    assert merge_runs([a, b], tmp_path / "all").differing == {}


def later(result):
    result["history"][1]["train_loss"] += 1e-12


CHANGES = {
    "weights": elsewhere,
    "history": lambda folder: rewritten(folder, later),
    "status": lambda folder: rewritten(folder, lambda result: result.update(status="diverged")),
    "results": lambda folder: rewritten(folder, lambda result: result.update(test_loss=1.0)),
    "cause": lambda folder: rewritten(
        folder,
        lambda result: result.update(
            cause={"kind": "non_finite", "epoch": 1, "step": 1, "layer": 1, "where": "weights", "message": "so"}
        ),
    ),
}


@pytest.mark.parametrize("part", CHANGES)
def test_runs_that_differ_are_both_kept(folders, tmp_path, part):
    a, b = folders
    two = ids()[1]
    on_processor(a / two, "First CPU")
    CHANGES[part](b / two)
    on_processor(b / two, "Other CPU")
    merged = merge_runs([a, b], tmp_path / "all")
    assert [each.differing for each in merged.stores] == [[], [two]]
    assert set(merged.differing) == {two}
    first, other = merged.differing[two]
    assert (first.kept, first.folders, first.processor, first.differs) == (
        tmp_path / "all" / two,
        [a / two],
        "First CPU",
        [],
    )
    assert (other.folders, other.processor, other.differs) == ([b / two], "Other CPU", [part])
    assert other.kept.parent == tmp_path / "all" / "differing" / two
    assert content(first.kept) == content(a / two)
    assert content(other.kept) == content(b / two)
    assert sorted(RunStore(tmp_path / "all").ids()) == sorted(ids())
    assert RunStore(tmp_path / "all").unfinished() == ([], {})

    before = content(tmp_path / "all")
    again = merge_runs([a, b], tmp_path / "all")
    assert again.differing == merged.differing
    assert content(tmp_path / "all") == before


def test_three_versions_and_a_folder_that_was_merged_before(folders, small, tmp_path):
    a, b = folders
    two = ids()[1]
    shutil.copytree(a, tmp_path / "c")
    elsewhere(b / two)
    elsewhere(tmp_path / "c" / two, "Third CPU", lambda weights: weights * 2)
    merge_runs([a, b], tmp_path / "first")
    merged = merge_runs([tmp_path / "c", tmp_path / "first"], tmp_path / "second")
    versions = merged.differing[two]
    assert [one.processor for one in versions[:1]] == ["Third CPU"]
    assert {one.processor for one in versions} == {
        "Third CPU",
        "Other CPU",
        RunStore(a).load(two).environment["processor"],
    }
    assert versions[1].folders == [tmp_path / "first" / two]
    assert content(versions[2].kept) == content(b / two)
    assert versions[2].folders == list((tmp_path / "first" / "differing" / two).iterdir())
    # The same again, in the other order: the versions of one folder are those of the other.
    merged = merge_runs([b, a], tmp_path / "second")
    assert len(list((tmp_path / "second" / "differing" / two).iterdir())) == 2
    assert {one.kept for one in merged.differing[two]} == {one.kept for one in versions}


def test_another_version_alone_is_not_lost(folders, tmp_path):
    a, b = folders
    two = ids()[1]
    elsewhere(b / two)
    merge_runs([a, b], tmp_path / "all")
    shutil.rmtree(tmp_path / "all" / two)
    merged = merge_runs([tmp_path / "all"], tmp_path / "next")
    (version,) = merged.differing[two]
    assert content(version.kept) == content(b / two)
    assert two not in RunStore(tmp_path / "next").ids()


def test_a_state_that_one_of_two_lacks_is_no_difference(folders, tmp_path):
    a, b = folders
    two = ids()[1]
    (b / two / "state.safetensors").unlink()
    record = json.loads((b / two / "result.json").read_text())
    record["state_sha256"] = None
    (b / two / "result.json").write_text(json.dumps(record))
    assert merge_runs([a, b], tmp_path / "all").differing == {}
    assert merge_runs([b, a], tmp_path / "other").differing == {}


def test_another_state_is_a_difference(folders, tmp_path):
    a, b = folders
    two = ids()[1]
    packed = (b / two / "state.safetensors").read_bytes()[:-1] + b"\x01"
    (b / two / "state.safetensors").write_bytes(packed)
    record = json.loads((b / two / "result.json").read_text())
    record["state_sha256"] = hashlib.sha256(packed).hexdigest()
    (b / two / "result.json").write_text(json.dumps(record))
    assert merge_runs([a, b], tmp_path / "all").differing[two][1].differs == ["state"]


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("weights.safetensors", lambda file: file.write_bytes(file.read_bytes()[:-1]), "does not match its checksum"),
        ("weights.safetensors", Path.unlink, "weights.safetensors is missing"),
        ("state.safetensors", lambda file: file.write_bytes(b"x"), "state.safetensors does not match its checksum"),
        ("state.safetensors", Path.unlink, "state.safetensors is missing"),
        ("result.json", lambda file: file.write_text("{"), "result.json cannot be read"),
        ("environment.json", Path.unlink, "environment.json is missing"),
    ],
)
def test_damaged_runs_are_left_out(folders, tmp_path, name, damage, words):
    a, b = folders
    one, two, three = ids()
    damage(a / one / name)
    merged = merge_runs([a, b], tmp_path / "all")
    assert list(merged.stores[0].left_out) == [one]
    assert words in merged.stores[0].left_out[one]
    assert str(a / one) in merged.stores[0].left_out[one]
    assert merged.stores[1].left_out == {}
    assert sorted(RunStore(tmp_path / "all").ids()) == sorted([two, three])


def test_a_run_that_one_folder_has_whole_is_merged(folders, tmp_path):
    a, b = folders
    two = ids()[1]
    (a / two / "weights.safetensors").write_bytes(b"x")
    merged = merge_runs([a, b], tmp_path / "all")
    assert list(merged.stores[0].left_out) == [two]
    assert content(tmp_path / "all" / two) == content(b / two)
    assert merged.differing == {}


def test_a_damaged_run_of_the_merged_folder_stays(folders, tmp_path):
    a, b = folders
    two = ids()[1]
    merge_runs([a], tmp_path / "all")
    (tmp_path / "all" / two / "weights.safetensors").write_bytes(b"x")
    before = content(tmp_path / "all" / two)
    merged = merge_runs([b], tmp_path / "all")
    assert list(merged.damaged) == [two]
    assert str(tmp_path / "all" / two) in merged.damaged[two]
    assert merged.stores[0].copied == [ids()[2]]
    assert content(tmp_path / "all" / two) == before


def test_nothing_but_damaged_runs_makes_no_folder(folders, tmp_path):
    for run in ids()[:2]:
        (folders[0] / run / "weights.safetensors").unlink()
    merged = merge_runs([folders[0]], tmp_path / "deep" / "all")
    assert sorted(merged.stores[0].left_out) == sorted(ids()[:2])
    assert not (tmp_path / "deep").exists()


def test_runs_of_an_earlier_version_are_told_with_the_mend(folders, tmp_path):
    shutil.copytree(EARLIER, tmp_path / "earlier")
    merged = merge_runs([tmp_path / "earlier", *folders], tmp_path / "all")
    faults = merged.stores[0].left_out
    assert len(faults) == len(list(EARLIER.glob("*/result.json")))
    assert all("`ravine runs convert` brings it up to date" in fault for fault in faults.values())
    assert sorted(RunStore(tmp_path / "all").ids()) == sorted(ids())


def test_runs_that_have_not_ended_stay_where_they_are(folders, small, tmp_path):
    a, b = folders
    interrupt_at(named_run(lr=0.3), small, RunStore(a), 1)
    interrupt_at(named_run(lr=0.2), small, RunStore(a), 1)  # another folder has it whole
    merged = merge_runs([a, b], tmp_path / "all")
    assert [each.unfinished for each in merged.stores] == [[named_run(lr=0.3).id], []]
    assert not list((tmp_path / "all").glob("*.partial"))


def with_checks(folder: Path, **checks: object) -> None:
    (folder / "gradients").mkdir()
    for run, check in checks.items():
        packed = check if isinstance(check, bytes) else msgspec.msgpack.encode(check)
        (folder / "gradients" / f"{run[1:]}.msgpack").write_bytes(packed)


def test_gradient_checks_come_with_their_runs(folders, tmp_path):
    a, b = folders
    one, two, three = ids()
    elsewhere(b / two)
    with_checks(a, **{f"_{one}": b"\x93\x01", "_0123456789abcdef": {"of": "no run"}})  # the first is cut off
    with_checks(b, **{f"_{two}": {"of": "other weights"}, f"_{three}": {"of": "three"}})
    assert merge_runs([a, b], tmp_path / "all").checks == [three]
    assert content(tmp_path / "all" / "gradients") == {f"{three}.msgpack": msgspec.msgpack.encode({"of": "three"})}
    (a / "gradients" / f"{one}.msgpack").write_bytes(msgspec.msgpack.encode({"of": "one"}))
    (b / "gradients" / f"{three}.msgpack").write_bytes(msgspec.msgpack.encode({"of": "three, later"}))
    assert merge_runs([a, b], tmp_path / "all").checks == [one]
    assert content(tmp_path / "all" / "gradients")[f"{three}.msgpack"] == msgspec.msgpack.encode({"of": "three"})


def test_comparisons_come_too(folders, tmp_path):
    for folder, plans in zip(folders, ({"p": "{}", "q": '{"of": "a"}'}, {"q": '{"of": "b"}', "r": "{"}), strict=True):
        for name, plan in plans.items():
            (folder / "comparisons" / name).mkdir(parents=True)
            (folder / "comparisons" / name / "plan.json").write_text(plan)
    (folders[1] / "comparisons" / "q" / "outcome.json").write_text("[]")
    merged = merge_runs(folders, tmp_path / "all")
    assert merged.comparisons == ["p", "q"]
    assert list(merged.stores[1].left_out) == ["comparisons/r"]
    assert content(tmp_path / "all" / "comparisons") == {
        "p/plan.json": b"{}",
        "q/plan.json": b'{"of": "a"}',
        "q/outcome.json": b"[]",
    }
    assert merge_runs(folders, tmp_path / "all").comparisons == []


def test_what_cannot_be_merged(folders, tmp_path, monkeypatch):
    a, b = folders
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(a, target_is_directory=True)
    monkeypatch.chdir(a)
    into = "{} is the folder into which runs are merged"
    for sources, out, words in (
        ([], "all", "there is nothing to merge"),
        ([a, tmp_path / "none"], "all", f"there is no folder {tmp_path / 'none'}"),
        ([a, tmp_path / "empty"], "all", f"there are no finished runs in {tmp_path / 'empty'}; leave it out"),
        ([a, tmp_path / "file"], "all", f"{tmp_path / 'file'} is a file; name folders of runs"),
        ([a], "file", f"{tmp_path / 'file'} is a file; runs are merged into a folder"),
        ([a / ids()[0]], "all", "is the folder of one run"),
        ([b, a], "a", into.format(a)),
        ([b, tmp_path / "link"], "a", into.format(tmp_path / "link")),
        ([b, a], "link", into.format(a)),
        ([b, Path()], "a", into.format(".")),
        ([b, tmp_path / "b" / ".." / "a"], "a", "is the folder into which"),
        ([a, b, tmp_path / "link"], "all", f"{a} and {tmp_path / 'link'} are the same folder; name it once"),
    ):
        with pytest.raises(ConfigError) as error:
            merge_runs(sources, tmp_path / out)
        assert words in str(error.value)
        assert not (tmp_path / "all").exists()


def test_a_folder_that_cannot_be_written(folders, tmp_path, monkeypatch):
    def full(path, files):
        raise OSError(28, "No space left on device")

    merge_runs([folders[0]], tmp_path / "all")
    before = content(tmp_path / "all")
    monkeypatch.setattr(merging, "write_folder", full)
    with pytest.raises(StorageError, match=r"No space left on device\. The runs merged until now are whole"):
        merge_runs([folders[1]], tmp_path / "all")
    assert content(tmp_path / "all") == before


def started_merge(number: int, *folders: Path, out: Path) -> subprocess.Popen[str]:
    """Start a merge that is killed at its n-th rename."""
    command = [sys.executable, str(PROGRAM), str(number), "runs", "merge", *map(str, folders), "--out", str(out)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}  # bytecode is renamed, too
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
def test_a_merge_that_is_killed(folders, tmp_path):
    with_checks(folders[1], **{f"_{ids()[2]}": {}})
    whole = tmp_path / "whole"
    merge_runs(folders, whole)
    for number in (1, 3, 4):  # two runs, the third, its check
        out = tmp_path / f"killed at {number}"
        process = started_merge(number, *folders, out=out)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        assert len(RunStore(out).ids()) == min(number - 1, 3)
        assert RunStore(out).unfinished() == ([], {})
        assert list(out.glob(".*.merging"))
        merge_runs(folders, out)
        assert content(out) == content(whole)
        assert not list(out.glob(".*.merging"))


def test_two_merges_into_one_folder(folders, tmp_path):
    elsewhere(folders[1] / ids()[1])
    started = [started_merge(0, *order, out=tmp_path / "all") for order in (folders, folders[::-1], folders)]
    for process in started:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1, err
    assert sorted(RunStore(tmp_path / "all").ids()) == sorted(ids())
    assert len(list((tmp_path / "all" / "differing" / ids()[1]).iterdir())) == 1
    assert not list((tmp_path / "all").glob(".*.merging"))


def test_a_merge_waits_for_another_and_says_so(folders, tmp_path, caplog):
    (tmp_path / "all").mkdir()
    with ThreadPoolExecutor() as pool:
        with FileLock(tmp_path / "all" / ".merging"):
            waiting = pool.submit(merge_runs, folders, tmp_path / "all")
            while not caplog.messages and not waiting.done():
                time.sleep(0.001)
            assert caplog.messages == [f"another merge into {tmp_path / 'all'} is under way; this one waits for it"]
            assert RunStore(tmp_path / "all").ids() == []
        waiting.result()
    assert len(RunStore(tmp_path / "all").ids()) == 3


def test_a_run_that_another_process_stores_meanwhile(folders, tmp_path, monkeypatch):
    """The place is free when the merge looks, and taken when it renames."""
    real = merging.write_folder

    def write_slowly(path, files):
        real(path, files)
        run = path.name.split(".")[1]
        if not (tmp_path / "all" / run).exists():
            shutil.copytree(folders[0] / run, tmp_path / "all" / run)
            elsewhere(tmp_path / "all" / run, "Fast CPU")

    monkeypatch.setattr(merging, "write_folder", write_slowly)
    merged = merge_runs([folders[0]], tmp_path / "all")
    assert set(merged.differing) == set(ids()[:2])
    assert merged.differing[ids()[0]][0].processor == "Fast CPU"
    assert merged.stores[0].copied == []
