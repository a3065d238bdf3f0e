"""Runs on disk: whole or not at all, and damage is noticed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from safetensors.numpy import load_file

from ravine.errors import BusyError, ConfigError, DataError, StorageError
from ravine.formulas.elementwise import rule
from ravine.storage.store import RunStore
from ravine.training import train
from training_cases import Recorder, assert_same_run, interrupt_at, named_run, train_small

FILES = ("result.json", "environment.json", "weights.safetensors")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_a_stored_run_consists_of(small, runs):
    stored = train_small(small, runs)
    assert names(runs) == [stored.result.id] == [named_run().id]
    assert names(stored.folder) == [
        "environment.json",
        "result.json",
        "spec.json",
        "state.safetensors",
        "weights.safetensors",
    ]
    assert {"ravine", "python", "numpy", "numba", "processor", "cores", "threads"} <= set(stored.environment)
    assert stored.environment["threads"] == 1
    # Anyone can read the weights with the library that is meant for it.
    weights = load_file(stored.folder / "weights.safetensors")
    assert weights["weights"].tobytes() == stored.weights().tobytes()


@rule
def of_a_user(g, v, *, lr, beta=0.5):
    """Momentum."""
    v = beta * v + g
    return lr * v, v


def test_the_text_of_a_user_s_optimizer_is_stored_with_its_stages(small, runs):
    plain = train_small(small, runs, optimizer=of_a_user, lr=0.1)
    decayed = train_small(small, runs, optimizer=of_a_user, lr=0.1, hyperparameters={"weight_decay": 0.1})
    assert train_small(small, runs).optimizer_text is None
    assert plain.optimizer_text == "v = beta * v + g\nreturn (lr * v, v)\n\nv = 0.0\n"
    assert "lr * weight_decay * w" in decayed.optimizer_text
    assert RunStore(runs).load(plain.result.id).optimizer_text == plain.optimizer_text


def test_others_may_read_a_run_if_the_umask_lets_them(small, runs):
    before = os.umask(0o022)
    try:
        stored = train_small(small, runs)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in stored.folder.iterdir()}
    assert set(modes.values()) == {0o644}
    assert stat.S_IMODE(stored.folder.stat().st_mode) == 0o755


def test_loading_gives_what_was_saved(small, runs):
    stored = train_small(small, runs)
    again = RunStore(runs).load(stored.result.id)
    assert again is not None
    assert again.environment == stored.environment
    assert again.result == stored.result
    assert_same_run(again, stored)


def test_training_anew_replaces_the_stored_run(small, runs):
    first = train_small(small, runs)
    (first.folder / "spec.json").write_text("spoilt")
    second = train_small(small, runs)
    assert names(runs) == [first.result.id]
    assert (second.folder / "spec.json").read_text() != "spoilt"
    assert_same_run(first, second)


def test_ids_come_oldest_first_and_name_finished_runs_only(small, runs):
    expected = []
    for age, seed in enumerate((5, 1, 3)):
        folder = train_small(small, runs, seed=seed).folder
        os.utime(folder, (1e9 + age, 1e9 + age))
        expected.append(folder.name)
    interrupt_at(named_run(seed=9), small, RunStore(runs), 1)
    (runs / "notes").mkdir()
    (runs / ".hidden").mkdir()
    assert RunStore(runs).ids() == expected
    assert RunStore(runs / "nowhere").ids() == []


def test_a_working_folder_that_another_is_about_to_remove_is_made_again(tmp_path):
    def hold(count):
        held = 0
        for _ in range(count):
            with contextlib.suppress(BusyError), RunStore(tmp_path).working_folder("run"):
                held += 1
        return held

    with ThreadPoolExecutor(6) as pool:
        held = list(pool.map(hold, [300] * 6))
    assert sum(held) > 0
    assert list(tmp_path.iterdir()) == []


def test_the_first_digits_of_an_id_are_enough(small, runs):
    ids = [train_small(small, runs, seed=seed).result.id for seed in range(17)]  # two of them start with the same digit
    for run in ids:
        assert RunStore(runs).find(run) == RunStore(runs).find(run[:12]) == run
    digit = next(run[0] for run in ids if sum(other[0] == run[0] for other in ids) > 1)
    with pytest.raises(ConfigError, match=f"'{digit}' fits .* Give more digits"):
        RunStore(runs).find(digit)
    for wrong in ("x", ""):
        with pytest.raises(ConfigError, match="there is no run"):
            RunStore(runs).find(wrong)


def test_where_runs_go(monkeypatch, tmp_path):
    monkeypatch.delenv("RAVINE_HOME", raising=False)
    assert str(RunStore().root) == "runs"
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "home"))
    assert RunStore().root == tmp_path / "home"
    assert RunStore(tmp_path / "out").root == tmp_path / "out"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_noticed(small, runs, name):
    stored = train_small(small, runs)
    (stored.folder / name).unlink()
    with pytest.raises(DataError, match=f"is damaged: {name} is missing. Train it anew with --fresh"):
        RunStore(runs).load(stored.result.id)


@pytest.mark.parametrize("name", ["result.json", "environment.json"])
@pytest.mark.parametrize("damage", [b"", b"garbage", b"{}", b"[1, 2]", b"\xff\xfe\x00", None])
def test_a_damaged_record_is_noticed(small, runs, name, damage):
    stored = train_small(small, runs)
    path = stored.folder / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage is None else damage)
    with pytest.raises(DataError, match=f"{stored.folder} is damaged: {name} cannot be read") as refusal:
        RunStore(runs).load(stored.result.id)
    assert "\n" not in str(refusal.value)


def test_damaged_weights_are_noticed_at_every_byte(small, runs):
    stored = train_small(small, runs)
    path = stored.folder / "weights.safetensors"
    whole = path.read_bytes()
    damaged = [whole[:-1], whole + b"\0", b"", b"garbage"]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), len(whole) // 50)]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"weights.safetensors does not match its checksum"):
            stored.weights()


def test_a_folder_with_another_run_s_result_is_noticed(small, runs):
    stored = train_small(small, runs)
    stored.folder.rename(runs / "0123456789abcdef")
    with pytest.raises(DataError, match=f"result.json is that of run {stored.result.id}"):
        RunStore(runs).load("0123456789abcdef")


class Disk:
    """A disk that is full from the n-th write on; 0 is a disk with room for everything."""

    def __init__(self, monkeypatch) -> None:
        self.full_from, self.writes = 0, 0
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self.write)

    def write(self, handle: int) -> None:
        self.writes += 1
        if 0 < self.full_from <= self.writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._fsync(handle)


def test_a_full_disk_at_every_write_leaves_nothing_that_a_later_run_believes(small, tmp_path, monkeypatch):
    disk = Disk(monkeypatch)
    undisturbed = train_small(small, tmp_path / "undisturbed")
    writes = disk.writes
    assert writes == 8  # a spec, two checkpoints, five files of the finished run
    for full_from in range(1, writes + 1):
        root = tmp_path / f"full from {full_from}"
        disk.writes, disk.full_from = 0, full_from
        with pytest.raises(StorageError, match="No space left on device") as refusal:
            train_small(small, root)
        assert "\n" not in str(refusal.value)
        assert RunStore(root).ids() == []
        left = [path.name for path in root.rglob("*") if path.is_file()]
        assert set(left) <= {"lock", "spec.json", "checkpoint.safetensors"}
        disk.full_from = 0
        watcher = Recorder()
        outcome = train(named_run(), small, RunStore(root), watcher=watcher)
        assert_same_run(outcome.stored, undisturbed)
        assert len(watcher.epochs) == 3 - min(max(full_from - 2, 0), 2)  # what was saved is not trained again


def test_a_full_disk_does_not_cost_the_stored_run(small, runs, monkeypatch):
    stored = train_small(small, runs)
    disk = Disk(monkeypatch)
    disk.full_from = 6
    with pytest.raises(StorageError):
        train_small(small, runs)
    assert_same_run(RunStore(runs).load(stored.result.id), stored)


def test_a_folder_that_cannot_be_written(small, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write .* Choose another folder with --out"):
        train_small(small, tmp_path / "file" / "runs")


def test_a_claim_that_cannot_be_made(small, runs, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ravine.storage.claims.take", full)
    with pytest.raises(StorageError, match="cannot write"):
        train_small(small, runs)


def test_a_working_folder_that_another_process_removes_while_it_is_made(runs, monkeypatch):
    # What os.mkdir says when the other one's folder is there still, and is gone when pathlib looks what it is.
    make, answers = os.mkdir, [FileExistsError(17, "File exists")]

    def mkdir(path, *arguments):
        if answers and str(path).endswith(".partial"):
            raise answers.pop()
        make(path, *arguments)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with RunStore(runs).working_folder("abc") as folder:
        assert folder.path.is_dir()
    assert not answers


def test_a_file_where_the_working_folder_should_be(runs):
    runs.mkdir(exist_ok=True)
    (runs / "abc.partial").write_text("in the way")
    with pytest.raises(StorageError, match=r"abc\.partial"), RunStore(runs).working_folder("abc"):
        pass


def test_a_working_folder_is_let_go_when_training_fails(small, runs):
    class Broken(Recorder):
        def epoch(self, record):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        train(named_run(), small, RunStore(runs), watcher=Broken())
    assert train(named_run(), small, RunStore(runs)).result.status == "done"
