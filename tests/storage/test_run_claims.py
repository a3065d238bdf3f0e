"""Claims: one owner at a time, and no claim outlives its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from ravine.errors import BusyError
from ravine.storage import claims
from ravine.storage.store import RunStore
from ravine.training import train
from training_cases import Recorder, assert_same_run, interrupt_at, named_run, train_small

HOLDER = """
import sys, time
from pathlib import Path
from ravine.storage import claims
claim = claims.take(Path(sys.argv[1]))
print(type(claim).__name__, flush=True)
time.sleep(60)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def holder(tmp_path):
    """Start a process that claims the folder and sleeps."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "Claim\n"
    yield process
    process.kill()
    process.communicate()


def of_another_machine(folder, monkeypatch, age=0.0):
    """Claim a folder as a process of another machine would, whose last sign of life was `age` seconds ago."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(claims, "_machine", lambda: "another")
        claim = claims.take(folder)
    assert isinstance(claim, claims.Claim)
    os.utime(claim.path, (time.time() - age,) * 2)
    return claim


def test_one_owner_at_a_time(tmp_path):
    first = claims.take(tmp_path)
    assert isinstance(first, claims.Claim)
    second = claims.take(tmp_path)
    assert isinstance(second, claims.Owner)
    assert (second.token, second.process, second.here) == (first.token, os.getpid(), True)
    assert claims.is_claimed(tmp_path)
    first.release()
    assert not claims.is_claimed(tmp_path)
    assert names(tmp_path) == []
    claims.take(tmp_path).release()


def test_of_many_that_ask_at_once_one_gets_it(tmp_path):
    for number in range(30):
        folder = tmp_path / str(number)
        folder.mkdir()
        ready = threading.Barrier(8)

        def ask(folder=folder, ready=ready):
            ready.wait()
            return claims.take(folder)

        with ThreadPoolExecutor(8) as pool:
            taken = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
        owners = [one for one in taken if isinstance(one, claims.Claim)]
        assert len(owners) == 1
        owners[0].release()


def test_a_claim_lasts_as_long_as_its_process(tmp_path, holder):
    owner = claims.take(tmp_path)
    assert (owner.process, owner.here) == (holder.pid, True)
    os.kill(holder.pid, signal.SIGSTOP)  # it stands still, and lives
    assert isinstance(claims.take(tmp_path), claims.Owner)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert not claims.is_claimed(tmp_path)
    claim = claims.take(tmp_path)
    assert isinstance(claim, claims.Claim)
    assert claim.path.name == "claim-000002"
    claim.release()
    assert names(tmp_path) == []  # that of the dead process is gone too


def test_a_process_that_got_the_number_of_a_dead_one_is_not_its_owner(tmp_path, holder):
    path = tmp_path / "claim-000001"
    owner = msgspec.json.decode(path.read_bytes(), type=claims.Owner)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(owner, begun=str(int(owner.begun) - 1))))
    assert not claims.is_claimed(tmp_path)


@pytest.mark.parametrize(("age", "alive"), [(0.0, True), (claims.LEASE - 5, True), (claims.LEASE + 5, False)])
def test_of_another_machine_signs_of_life_tell(tmp_path, monkeypatch, age, alive):
    lost = of_another_machine(tmp_path, monkeypatch, age)
    assert claims.is_claimed(tmp_path) == alive
    claim = claims.take(tmp_path)
    assert isinstance(claim, claims.Owner if alive else claims.Claim)
    assert lost.held() == alive
    lost.release()
    if not alive:
        assert claim.held()  # an owner that wakes up removes its own claim alone
        claim.release()
    assert names(tmp_path) == []


def test_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "BEAT", 0.01)
    claim = of_another_machine(tmp_path, monkeypatch, age=claims.LEASE + 5)
    deadline = time.monotonic() + 20
    while not claims.is_claimed(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    claim.release()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]"])
def test_a_claim_that_cannot_be_read_expires_too(tmp_path, content):
    path = tmp_path / "claim-000003"
    path.write_bytes(content)
    assert claims.take(tmp_path) is None
    os.utime(path, (time.time() - claims.LEASE - 5,) * 2)
    claim = claims.take(tmp_path)
    assert isinstance(claim, claims.Claim)
    claim.release()
    assert names(tmp_path) == []


def test_the_clock_of_the_file_system_counts(tmp_path, monkeypatch):
    claim = of_another_machine(tmp_path, monkeypatch)
    monkeypatch.setattr(time, "time", lambda: 4e9)  # this machine's clock is wrong by years
    assert claims.is_claimed(tmp_path)
    claim.release()


def test_the_error_names_the_owner(tmp_path, monkeypatch):
    store = RunStore(tmp_path)
    told = rf"being trained by another process, {os.getpid()}; wait for it\.$"
    with store.working_folder("run"), pytest.raises(BusyError, match=told):
        store.working_folder("run").__enter__()
    (tmp_path / "run.partial").mkdir()
    claim = of_another_machine(tmp_path / "run.partial", monkeypatch)
    with pytest.raises(BusyError, match=r"on \S+; wait for it\. If that machine is gone, the run is free 60 s after"):
        store.working_folder("run").__enter__()
    claim.release()


def test_who_goes_on_with_a_run_of_a_dead_machine(small, runs, monkeypatch, tmp_path):
    run = named_run(epochs=3)
    interrupt_at(run, small, RunStore(runs), 2)
    claim = of_another_machine(runs / f"{run.id}.partial", monkeypatch, age=claims.LEASE + 5)
    stored = train(run, small, RunStore(runs)).stored
    assert_same_run(stored, train_small(small, tmp_path / "alone", epochs=3))
    assert names(runs) == [run.id]
    claim.release()


def test_who_stood_still_for_too_long_writes_nothing_more(small, runs):
    """Another process takes the run over after the first epoch, and ends it; the first one wakes up after that."""
    run, other = named_run(epochs=3), []

    class Sleeper(Recorder):
        def epoch(self, record):
            super().epoch(record)
            if not other:
                (claim,) = (runs / f"{run.id}.partial").glob("claim-*")
                owner = msgspec.json.decode(claim.read_bytes(), type=claims.Owner)
                claim.write_bytes(msgspec.json.encode(msgspec.structs.replace(owner, machine="another")))
                os.utime(claim, (time.time() - claims.LEASE - 5,) * 2)
                other.append(train(run, small, RunStore(runs)).stored)

    with pytest.raises(BusyError, match=r"has taken run .* over"):
        train(run, small, RunStore(runs), watcher=Sleeper())
    assert names(runs) == [run.id]
    assert RunStore(runs).load(run.id).result == other[0].result


@pytest.mark.parametrize("name", ["claim-000001 (copy)", "claim-1", "claim-abc", "claims"])
def test_files_that_are_no_claims(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    claim = claims.take(tmp_path)
    assert isinstance(claim, claims.Claim)
    assert claim.held()
    claim.release()
    assert names(tmp_path) == [name]


def test_a_number_that_is_used_again_is_another_claim(tmp_path, monkeypatch):
    lost = of_another_machine(tmp_path, monkeypatch, age=claims.LEASE + 5)
    second = claims.take(tmp_path)
    second.release()
    third = claims.take(tmp_path)
    assert third.path == lost.path
    assert not lost.held()
    lost.release()
    assert third.held()
    third.release()


def test_of_a_stale_look_comes_no_second_owner(tmp_path, monkeypatch):
    first = claims.take(tmp_path)
    looks = [tmp_path / "claim-000001", None]  # the owner of that claim seems dead at the first look
    real = claims._look

    def stale(path):
        return (False, None) if looks and looks.pop(0) == path else real(path)

    monkeypatch.setattr(claims, "_look", stale)
    assert isinstance(claims.take(tmp_path), claims.Owner)
    assert first.held()
    assert names(tmp_path) == ["claim-000001"]
    first.release()


def test_a_full_disk_leaves_no_claim(tmp_path, monkeypatch):
    def encode(owner):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(claims.msgspec.json, "encode", encode)
    with pytest.raises(OSError, match="No space"):
        claims.take(tmp_path)
    monkeypatch.undo()
    assert names(tmp_path) == []
    assert isinstance(claims.take(tmp_path), claims.Claim)


def test_a_process_that_the_system_hides_lives(tmp_path, holder, monkeypatch):
    begun = claims._begun
    monkeypatch.setattr(claims, "_begun", lambda process: begun(process) if process == os.getpid() else "")
    assert claims.is_claimed(tmp_path)
    holder.kill()
    holder.wait()
    assert not claims.is_claimed(tmp_path)
