"""Many runs at once give what each gives alone, whatever fails or stops on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from study_cases import (
    SMALL_STUDY,
    Interrupter,
    StudyRecorder,
    assert_as_single_runs,
    begun,
    ids,
    small_plan,
    study_of,
)
from threadpoolctl import threadpool_info, threadpool_limits

from ravine.data import load
from ravine.errors import DataError, StorageError
from ravine.storage.store import RunStore
from ravine.studies import plan, run_study
from ravine.studies.runners import Ending, LostWorker, protocol, threads
from ravine.training import train

PROGRAM = str(Path(__file__).parent / "small_ravine.py")


@pytest.fixture
def planned(small):
    return small_plan()


@pytest.fixture
def store(runs):
    return RunStore(runs)


def times(store: RunStore) -> dict[str, int]:
    """Return when each finished folder and file was written."""
    return {str(path): path.stat().st_mtime_ns for path in store.root.rglob("*")}


def assert_nothing_left_over(store: RunStore) -> None:
    """No working folder and no temporary one remains."""
    assert sorted(path.name for path in store.root.iterdir()) == sorted(store.ids())


@pytest.mark.parametrize("jobs", [1, 2, 5, 10_000])
def test_every_run_is_as_it_is_alone(planned, store, small, tmp_path, jobs):
    recorder = StudyRecorder()
    outcome = run_study(planned, store, jobs=jobs, watcher=recorder)
    assert (outcome.failed, outcome.reused, outcome.signal) == ({}, set(), None)
    assert set(outcome.results) == set(ids(planned))
    assert sorted(recorder.begun) == sorted(ids(planned))
    assert recorder.results == outcome.results
    assert set(recorder.errors.values()) == {None}
    for run, result in outcome.results.items():
        assert result == store.load(run).result
        assert (result.status, result.spec) == ("done", recorder.specs[run])
        assert recorder.shares[run] == sorted(recorder.shares[run])
        assert recorder.shares[run][-1] == 1
    assert_as_single_runs(planned, store, small, tmp_path / "alone")
    assert_nothing_left_over(store)


def test_the_environment_names_the_folder(planned, runs):
    run_study(planned, RunStore())
    assert sorted(RunStore(runs).ids()) == sorted(ids(planned))


def test_what_is_stored_is_not_run_again(planned, store):
    some = planned[2:5]
    run_study(some, store)
    assert sorted(store.ids()) == sorted(ids(some))
    before = times(store)
    recorder = StudyRecorder()
    outcome = run_study(planned, store, watcher=recorder)
    assert outcome.reused == set(ids(some))
    assert set(recorder.begun) == set(recorder.results) == set(ids(planned)) - set(ids(some))
    assert set(outcome.results) == set(ids(planned))
    assert before.items() <= times(store).items()

    before = times(store)
    again = run_study(planned, store, watcher=recorder)
    assert again.results == outcome.results
    assert again.reused == set(ids(planned))
    assert len(recorder.begun) == 4 - 1
    assert times(store) == before


def test_a_study_that_is_done_needs_no_data(planned, store, monkeypatch):
    run_study(planned, store)
    monkeypatch.setenv("RAVINE_DATA", "nowhere")
    assert set(run_study(planned, store, load_data=None).results) == set(ids(planned))


def test_longest_first(planned, store):
    costs = {run: cost for cost, run in enumerate([ids(planned)[number] for number in (3, 1, 5, 0, 4, 2)])}
    assert begun(planned, store, jobs=1, costs=costs) == sorted(costs, key=lambda run: -costs[run])


def test_many_epochs_and_small_batches_first_if_costs_are_unknown(small, store):
    text = SMALL_STUDY.replace("batch_size = [20, 50]", "batch_size = [50, 5, 20], epochs = [1, 2]")
    planned = plan(study_of(text.replace("[0.1, 0.01]", "[0.1]")))[:6]
    first = begun(planned, store, jobs=1)
    specs = {run.id: run.spec for run in planned}
    assert [(specs[run].epochs, specs[run].batch_size) for run in first] == [
        (2, 5), (1, 5), (2, 20), (1, 20), (2, 50), (1, 50),
    ]  # fmt: skip


def test_a_run_that_diverges_is_a_result(small, store):
    planned = plan(study_of(SMALL_STUDY.replace("[0.1, 0.01]", "[0.1, 1e30]")))
    outcome = run_study(planned, store)
    assert outcome.failed == {}
    assert [outcome.results[run.id].status for run in planned[:4]] == ["done", "done", "diverged", "diverged"]


def fail_for(monkeypatch, faults: dict[str, Exception]) -> None:
    """Let the training of some runs raise."""
    real = protocol.train_in

    def train_in(folder, run, *arguments, **options):
        if run.id in faults:
            raise faults[run.id]
        return real(folder, run, *arguments, **options)

    monkeypatch.setattr(protocol, "train_in", train_in)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_run_that_fails_does_not_stop_the_rest(planned, store, monkeypatch, jobs):
    first, second = ids(planned)[0], ids(planned)[3]
    faults = {first: StorageError("the disk is full."), second: KeyError("bug")}
    fail_for(monkeypatch, faults)
    recorder = StudyRecorder()
    outcome = run_study(planned, store, jobs=jobs, watcher=recorder)
    assert outcome.failed == {first: "the disk is full.", second: "KeyError: 'bug'"}
    assert {run: error for run, error in recorder.errors.items() if error} == outcome.failed
    assert (recorder.results[first], recorder.results[second]) == (None, None)
    rest = set(ids(planned)) - {first, second}
    assert set(outcome.results) == set(store.ids()) == rest

    faults.clear()
    recorder = StudyRecorder()
    assert run_study(planned, store, watcher=recorder).failed == {}
    assert set(recorder.begun) == {first, second}


def test_a_batch_that_does_not_fit_the_data_fails_alone(small, store):
    planned = plan(study_of(SMALL_STUDY.replace("batch_size = [20, 50]", "batch_size = [20, 231]")))
    outcome = run_study(planned, store)
    assert set(outcome.failed) == {planned[1].id, planned[3].id}
    assert "batch size is 231" in outcome.failed[planned[1].id]
    assert len(outcome.results) == 4


def test_a_damaged_run_fails_and_is_left_alone(planned, store):
    run_study(planned, store)
    damaged, missing = ids(planned)[1], ids(planned)[2]
    (store.root / damaged / "result.json").write_text("{")
    (store.root / missing).rename(store.root.parent / "elsewhere")
    outcome = run_study(planned, store)
    assert list(outcome.failed) == [damaged]
    assert "is damaged" in outcome.failed[damaged]
    assert set(outcome.results) == set(ids(planned)) - {damaged}
    assert (store.root / damaged / "result.json").read_text() == "{"


def test_data_that_are_not_there_are_said_before_anything_runs(planned, store, tmp_path):
    recorder = StudyRecorder()
    with pytest.raises(DataError):
        run_study(planned, store, load_data=lambda name: load(name, tmp_path / "nowhere"), watcher=recorder)
    assert recorder.begun == []
    assert not store.root.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupted_and_gone_on(planned, store, small, tmp_path, jobs, number):
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    recorder = Interrupter(8, number)
    outcome = run_study(planned, store, jobs=jobs, watcher=recorder)
    assert outcome.signal == number
    assert outcome.failed == {}
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers
    stopped = [run for run in recorder.begun if run not in recorder.results]
    assert 1 <= len(stopped) <= jobs
    assert {item.id for item in store.unfinished()[0]} == set(stopped)
    assert set(outcome.results) == set(recorder.results) == set(store.ids())
    assert len(recorder.begun) < len(ids(planned))

    second = StudyRecorder()
    outcome = run_study(planned, store, jobs=jobs, watcher=second)
    assert outcome.signal is None
    for run in stopped:  # it goes on where it was
        reached = max(recorder.shares.get(run, [0]))
        assert all(share > reached for share in second.shares.get(run, []))
    assert_as_single_runs(planned, store, small, tmp_path / "alone")
    assert_nothing_left_over(store)


def test_one_thread_for_blas_as_long_as_the_study_runs(planned, store, monkeypatch):
    def numbers() -> set[int]:
        # Threads of OpenMP, which PyTorch brings into a process, are counted for each thread by itself.
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    seen = []
    real = protocol.train_in

    def train_in(*arguments, **options):
        seen.append(numbers())
        return real(*arguments, **options)

    monkeypatch.setattr(protocol, "train_in", train_in)
    with threadpool_limits(3):
        before = numbers()
        run_study(planned, store, jobs=2)
        assert numbers() == before
    assert seen == [{1}] * 6


def test_the_watcher_is_told_one_thing_at_a_time(planned, store):
    class Jealous(StudyRecorder):
        inside, met = 0, 0

        def progress(self, run, share, loss):
            self.inside += 1
            self.met = max(self.met, self.inside)
            time.sleep(0.001)
            self.inside -= 1

    watcher = Jealous()
    run_study(planned, store, jobs=6, watcher=watcher)
    assert watcher.met == 1


def test_as_many_at_once_as_jobs(planned, store, monkeypatch):
    running, most, lock = set(), [], threading.Lock()
    real = protocol.train_in

    def train_in(folder, run, *arguments, trained, **options):
        def discard():
            with lock:
                running.discard(run.id)
            trained()

        with lock:
            running.add(run.id)
            most.append(len(running))
        time.sleep(0.05)
        return real(folder, run, *arguments, trained=discard, **options)

    monkeypatch.setattr(protocol, "train_in", train_in)
    run_study(planned, store, jobs=3)
    assert max(most) == 3


def test_a_run_that_waits_for_the_disk_keeps_no_core(planned, store, monkeypatch):
    first, trained = ids(planned)[0], threading.Event()
    save = RunStore.save

    def slow(self, result, *arguments):
        if result.id == first:
            assert trained.wait(20)  # for the second run, though one at a time is trained
        else:
            trained.set()
        return save(self, result, *arguments)

    monkeypatch.setattr(RunStore, "save", slow)
    costs = {run: -place for place, run in enumerate(ids(planned))}
    assert run_study(planned, store, jobs=1, costs=costs).failed == {}
    assert sorted(store.ids()) == sorted(ids(planned))


def test_a_slow_disk_stops_the_training_when_as_many_runs_wait_as_are_trained(planned, store, monkeypatch):
    begun, saving, go_on = [], threading.Semaphore(0), threading.Event()
    save = RunStore.save

    def slow(self, *arguments):
        saving.release()
        assert go_on.wait(20)
        return save(self, *arguments)

    class Waiter(StudyRecorder):
        def started(self, run, spec):
            super().started(run, spec)
            begun.append(run)

    monkeypatch.setattr(RunStore, "save", slow)
    with ThreadPoolExecutor(1) as pool:
        study = pool.submit(run_study, planned, store, jobs=1, watcher=Waiter())
        assert saving.acquire(timeout=20)
        assert saving.acquire(timeout=20)
        time.sleep(0.1)
        assert len(begun) == 2
        go_on.set()
        assert set(study.result().results) == set(ids(planned))


@pytest.mark.parametrize("attempt", range(3))
def test_two_studies_at_once_in_two_threads(planned, store, small, tmp_path, attempt):
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run_study, planned, store, jobs=2) for _ in range(2)]
        outcomes = [each.result() for each in both]
    for outcome in outcomes:
        assert outcome.failed == {}
        assert set(outcome.results) == set(ids(planned))
    assert_as_single_runs(planned, store, small, tmp_path / "alone")
    assert_nothing_left_over(store)


def test_two_studies_at_once_share_the_runs(planned, store):
    recorders = [StudyRecorder(), StudyRecorder()]
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run_study, planned, store, jobs=1, watcher=recorder) for recorder in recorders]
        for each in both:
            assert set(each.result().results) == set(ids(planned))
    first, second = (set(recorder.begun) for recorder in recorders)
    assert first | second == set(ids(planned))
    assert not first & second
    for recorder in recorders:
        assert set(recorder.results) == set(ids(planned))  # each tells of all


def in_this_thread(jobs, session):
    """A runner of the user's own."""
    for job in jobs:
        yield session.train(job)


def test_a_runner_of_the_user_s_own(planned, store, small, tmp_path):
    recorder = StudyRecorder()
    outcome = run_study(planned, store, runner=in_this_thread, watcher=recorder)
    assert (outcome.failed, set(outcome.results)) == ({}, set(ids(planned)))
    assert recorder.results == outcome.results
    assert_as_single_runs(planned, store, small, tmp_path / "alone")


def test_a_runner_that_tells_nothing_or_what_is_not_so_is_not_believed(planned, store):
    lost, unstored, twice = ids(planned)[:3]

    def careless(jobs, session):
        for job in jobs:
            if job.id == unstored:
                yield Ending(job.id, session.train(jobs[0]).result)
            elif job.id != lost:
                yield session.train(job)
            if job.id == twice:
                yield Ending(job.id, error=RuntimeError("too late"))
                yield Ending("unknown")

    costs = {run: -place for place, run in enumerate(ids(planned))}
    outcome = run_study(planned, store, runner=careless, costs=costs)
    assert set(outcome.failed) == {lost, unstored}
    assert "without a word" in outcome.failed[lost]
    assert "has not stored it" in outcome.failed[unstored]
    assert set(outcome.results) == set(ids(planned)) - {lost, unstored}


def test_a_run_fails_when_its_process_died_twice_while_it_did_nothing_else(planned, store):
    deadly, unlucky = ids(planned)[:2]
    asked = []

    def dying(jobs, session):
        for job in jobs:
            asked.append((job.id, job.alone))
            if job.id == deadly or (job.id == unlucky and not job.alone):
                yield Ending(job.id, error=LostWorker("the process died.", alone=job.alone))
            else:
                yield session.train(job)

    recorder = StudyRecorder()
    outcome = run_study(planned, store, runner=dying, watcher=recorder)
    assert outcome.failed == {deadly: "the process died."}
    assert set(outcome.results) == set(ids(planned)) - {deadly}
    assert recorder.errors[deadly] == "the process died."
    assert [alone for run, alone in asked if run == deadly] == [False, True, True]
    assert [alone for run, alone in asked if run == unlucky] == [False, True]
    assert len(asked) == 6 + 2 + 1


def test_a_runner_that_confuses_runs_or_says_nothing_of_them_is_not_believed(planned, store):
    first, second, third = ids(planned)[:3]

    def confused(jobs, session):
        endings = {job.id: session.train(job) for job in jobs}
        endings[first] = Ending(first, endings[second].result)
        endings[third] = Ending(third)
        yield from endings.values()

    outcome = run_study(planned, store, runner=confused)
    assert set(outcome.failed) == {first, third}
    assert set(outcome.results) == set(ids(planned)) - {first, third}


def test_a_process_that_died_too_often_fails_its_run_whatever_else_it_did(planned, store):
    def dying(jobs, session):
        for job in jobs:
            yield Ending(job.id, error=LostWorker("the process died.", alone=False))

    outcome = run_study(planned, store, runner=dying)
    assert outcome.failed == dict.fromkeys(ids(planned), "the process died.")


def test_what_a_process_left_that_was_killed_when_it_had_stored_a_run_is_removed(planned, store):
    run_study(planned, store)
    left = store.root / f"{planned[0].id}.partial"
    left.mkdir()
    (left / "claim-000001").write_bytes(b"")
    os.utime(left / "claim-000001", (0, 0))
    (left / "checkpoint.safetensors").write_bytes(b"")
    run_study(planned, store)
    assert_nothing_left_over(store)


def test_a_runner_cleans_up_when_the_study_ends_with_an_error(planned, store):
    cleaned = []

    def runner(jobs, session):
        try:
            yield session.train(jobs[0])
        finally:
            cleaned.append(True)

    class Broken(StudyRecorder):
        def ended(self, run, result, error):
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_study(planned, store, runner=runner, watcher=Broken())
    assert cleaned == [True]


def test_a_run_that_another_study_trains_is_waited_for(planned, store, small, tmp_path, monkeypatch):
    alone = train(planned[0].run, small, RunStore(tmp_path / "alone")).stored
    monkeypatch.setattr(threads, "PAUSE", 0.01)
    run, others = planned[0], [each for each in planned if each.id != planned[0].id]
    done = threading.Event()

    class Waiter(StudyRecorder):
        def ended(self, run, result, error):
            super().ended(run, result, error)
            if len(self.results) == len(ids(others)):
                done.set()

    recorder = Waiter()
    with ThreadPoolExecutor(1) as pool:
        with store.working_folder(run.id):
            study = pool.submit(run_study, planned, store, jobs=2, watcher=recorder)
            assert done.wait(20)  # the others go on meanwhile
            assert run.id not in recorder.results
            store.save(alone.result, alone.environment, alone.weights())
            time.sleep(0.3)
        outcome = study.result()
    assert outcome.failed == {}
    assert store.load(run.id).result == outcome.results[run.id] == alone.result  # with its times: not trained again


def start(folder: Path, runs: Path, kill: int) -> subprocess.Popen[bytes]:
    """Start the small study in a process that kills itself at its n-th rename."""
    path = folder / "six.toml"
    path.write_text(SMALL_STUDY, encoding="utf-8")
    command = [sys.executable, PROGRAM, str(kill), "study", "run", str(path), "--jobs", "2", "--out", str(runs), "-q"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_killed_again_and_again(planned, store, small, tmp_path):
    for number in (2, 10, 6):
        process = start(tmp_path, store.root, number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, err
    assert 0 < len(store.ids()) < 6
    assert run_study(planned, store).failed == {}
    assert_as_single_runs(planned, store, small, tmp_path / "alone")


def test_two_studies_at_once_in_two_processes(planned, store, small, tmp_path):
    processes = [start(tmp_path, store.root, 0) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
        assert b"6 of 6 runs are stored." in out
    assert_as_single_runs(planned, store, small, tmp_path / "alone")
    assert_nothing_left_over(store)
