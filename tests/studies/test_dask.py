"""Studies on Dask: real schedulers and workers, which die, hang, and have the wrong version."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from study_cases import SMALL_STUDY, StudyRecorder, assert_as_single_runs, ids, small_plan, study_of

from dask_cases import process_ids, scheduler, until, worker, worker_environment
from ravine.data import load
from ravine.errors import ConfigError, StorageError
from ravine.storage.store import RunStore
from ravine.studies import plan, run_study
from ravine.studies.runners import Job, OnDask, Session, connection, crew, dask, on_worker, runner_of
from ravine.studies.runners.connection import connected
from ravine.training.interruption import Interruption
from small_data import small_files

MANY = SMALL_STUDY.replace("epochs = 3", "epochs = 12").replace('title = "Six', 'seeds = [0, 1, 2]\ntitle = "Six')
"""18 runs, long enough to be killed."""


@pytest.fixture
def planned(small):
    return small_plan()


@pytest.fixture
def store(runs):
    return RunStore(runs)


@pytest.fixture
def environment(small, monkeypatch):
    """Let workers that this process starts know the small data set."""
    for name, value in worker_environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Start two workers for the tests of this file, and name a folder: they die of the runs that have a file there."""
    deadly = tmp_path_factory.mktemp("deadly")
    data = tmp_path_factory.mktemp("files") / "small"
    data.mkdir()
    for name, content in small_files().items():
        (data / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in worker_environment(SMALL_DEADLY=str(deadly), RAVINE_DATA=str(data.parent)).items():
            patch.setenv(name, value)
        with connected("local", 2) as client:
            yield client, deadly


@pytest.fixture
def client(cluster, small):
    """Return the client of two workers that live, also after a test that has killed some."""
    client, _ = cluster
    until(lambda: len(client.nthreads()) == 2)
    return client


def kill(process: int, number: int = signal.SIGKILL) -> None:
    os.kill(process, number)


class At(StudyRecorder):
    """Does something once, when so many runs have ended."""

    def __init__(self, count, what):
        super().__init__()
        self.count, self.what = count, what

    def ended(self, run, result, error):
        super().ended(run, result, error)
        if len(self.results) == self.count:
            self.what()


class Both:
    """Two watchers."""

    def __init__(self, *watchers):
        self.watchers = watchers

    def __getattr__(self, name):
        return lambda *told: [getattr(watcher, name)(*told) for watcher in self.watchers]


def test_every_run_is_as_it_is_alone(client, planned, store, small, tmp_path):
    recorder = StudyRecorder()
    outcome = run_study(planned, store, runner=OnDask(client), watcher=recorder)
    assert (outcome.failed, outcome.signal) == ({}, None)
    assert recorder.results == outcome.results
    assert set(recorder.begun) == set(outcome.results) == set(ids(planned))
    assert_as_single_runs(planned, store, small, tmp_path / "alone")
    assert sorted(path.name for path in store.root.iterdir()) == sorted(ids(planned))
    until(lambda: not any(client.has_what().values()))  # nothing stays on the workers


def test_workers_that_are_killed_change_nothing(client, store, small, tmp_path):
    planned = plan(study_of(MANY))
    first, second = process_ids(client).values()
    recorder = At(3, lambda: kill(first))
    later = At(9, lambda: kill(second))
    outcome = run_study(planned, store, runner=OnDask(client, patience=30), watcher=Both(recorder, later))
    assert outcome.failed == {}
    assert_as_single_runs(planned, store, small, tmp_path / "alone")
    until(lambda: len(client.nthreads()) == 2)
    assert {first, second}.isdisjoint(process_ids(client).values())


def test_a_run_that_kills_its_workers_is_reported_and_no_other(client, cluster, planned, store):
    deadly = ids(planned)[2]
    (cluster[1] / deadly).touch()
    outcome = run_study(planned, store, runner=OnDask(client, patience=30))
    assert set(outcome.failed) == {deadly}
    assert "died twice" in outcome.failed[deadly]
    assert set(outcome.results) == set(store.ids()) == set(ids(planned)) - {deadly}
    (cluster[1] / deadly).unlink()
    assert run_study(planned, store, runner=OnDask(client, patience=30)).failed == {}


def test_a_deadly_run_of_another_study_is_blamed_there_alone(client, cluster, planned, small, tmp_path):
    deadly = ids(planned)[2]
    (cluster[1] / deadly).touch()
    mine, others = plan(study_of(MANY)), planned
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run_study, others, RunStore(tmp_path / "others"), runner=OnDask(client))
        second = pool.submit(run_study, mine, RunStore(tmp_path / "mine"), runner=OnDask(client))
        assert set(first.result().failed) == {deadly}
        assert second.result().failed == {}
    (cluster[1] / deadly).unlink()


def test_a_worker_that_hangs_loses_its_runs_to_others(client, store, small, tmp_path, monkeypatch):
    monkeypatch.setattr(crew, "SILENCE", 2.0)
    monkeypatch.setattr(crew, "_BEAT", 0.3)
    planned = plan(study_of(MANY))
    hung = next(iter(process_ids(client).values()))
    recorder = At(3, lambda: kill(hung, signal.SIGSTOP))
    try:
        outcome = run_study(planned, store, runner=OnDask(client), watcher=recorder)
    finally:
        kill(hung, signal.SIGCONT)
    assert outcome.failed == {}
    assert_as_single_runs(planned, store, small, tmp_path / "alone")


def test_a_signal_stops_the_runs_on_the_workers_too(client, store):
    planned = plan(study_of(SMALL_STUDY.replace("epochs = 3", "epochs = 100000")))
    began = threading.Event()

    class Watcher(StudyRecorder):
        def progress(self, run, share, loss):
            if not began.is_set():
                began.set()
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    outcome = run_study(planned, store, runner=OnDask(client), watcher=Watcher())
    assert outcome.signal == signal.SIGINT
    assert (outcome.results, outcome.failed) == ({}, {})
    assert not store.root.exists() or list(store.root.iterdir()) == []
    for address in client.nthreads():  # their only threads are free
        assert client.submit(int, workers=[address], pure=False).result(timeout=20) == 0


def test_a_run_that_fails_does_not_stop_the_rest(client, small, store):
    planned = plan(study_of(SMALL_STUDY.replace("batch_size = [20, 50]", "batch_size = [20, 231]")))
    outcome = run_study(planned, store, runner=OnDask(client))
    assert set(outcome.failed) == {planned[1].id, planned[3].id}
    assert "batch size is 231" in outcome.failed[planned[1].id]
    assert len(outcome.results) == 4


def test_threads_and_dask_share_the_runs_of_one_study(client, store, small, tmp_path):
    planned = plan(study_of(MANY))
    recorders = StudyRecorder(), StudyRecorder()
    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(run_study, planned, store, runner=runner, watcher=recorder)
            for runner, recorder in zip((OnDask(client), runner_of(1)), recorders, strict=True)
        ]
        for each in both:
            assert set(each.result().results) == set(ids(planned))
    assert all(set(recorder.results) == set(ids(planned)) for recorder in recorders)
    assert_as_single_runs(planned, store, small, tmp_path / "alone")


RULE = """
from helper import scaled
import ravine

@ravine.rule
def mine(g, v, *, lr=0.1, beta=0.5):
    v = beta * v + g
    return lr * v, v

@ravine.matrix_rule
def whole(gradients, weights, state, t, *, lr=0.1):
    return [lr * scaled(g) for g in gradients], {}

@ravine.stage
def smaller(step, *, factor=0.5):
    return factor * step

@ravine.schedule
def falling(share, *, power=1.0):
    return 1 - share**power
"""


def test_what_is_the_user_s_own_travels_with_the_runs(client, small, store, tmp_path):
    (tmp_path / "rules.py").write_text(RULE)
    (tmp_path / "helper.py").write_text("def scaled(g):\n    return 0.5 * g\n")
    groups = [
        f'[[groups]]\nname = "{name}"\nrows = [{{ {row} }}]\n'
        for name, row in {
            "rule": f'optimizer = "{tmp_path}/rules.py:mine", beta = 0.25',
            "matrix": f'optimizer = "{tmp_path}/rules.py:whole"',
            "stage": f'stages = ["{tmp_path}/rules.py:smaller"], lr = 0.1',
            "schedule": f'schedule = "{tmp_path}/rules.py:falling", lr = 0.1',
        }.items()
    ]
    planned = plan(study_of(SMALL_STUDY.partition("[[groups]]")[0] + "\n".join(groups)))
    for name in ("rules.py", "helper.py"):
        (tmp_path / name).unlink()  # workers on other machines do not have them
    assert run_study(planned, store, runner=OnDask(client)).failed == {}
    assert_as_single_runs(planned, store, small, tmp_path / "alone")
    assert "beta * v" in store.load(planned[0].id).optimizer_text


def test_a_run_that_another_process_has_taken_over_is_not_stored_here(client, planned, store):
    job = Job(planned[0].run, 1.0)
    session = Session(store, load, None, Interruption())
    driver = dask._Driver(client, [job], session, None, None)
    trained = on_worker.Trained(job.id, {"result.json": b"{}"})
    assert list(driver._trained(job, trained)) == []
    assert not store.root.exists()
    assert driver.left == {job.id}


def test_a_scheduler_that_dies_ends_the_study_and_loses_nothing(environment, store, small, tmp_path):
    planned = plan(study_of(MANY))
    with scheduler(tmp_path) as (file, process), worker(file), connected(file, 1) as client:
        recorder = At(4, process.kill)
        with pytest.raises(StorageError, match=r"scheduler of the Dask cluster is gone.*the same command goes on"):
            run_study(planned, store, runner=OnDask(client), watcher=recorder)
    assert 4 <= len(store.ids()) < len(ids(planned))
    assert store.unfinished() == ([], {})
    before = set(store.ids())
    outcome = run_study(planned, store)
    assert outcome.reused == before
    assert_as_single_runs(planned, store, small, tmp_path / "alone")


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"SMALL_WORKER": "no ravine"}, r"it has no ravine \(Python 3.*\); install version"),
        ({"SMALL_WORKER": "another version"}, r"it has ravine 0\.0\.1, and this is .*; install the same version there"),
        ({"RAVINE_DATA": "nowhere", "XDG_CACHE_HOME": "nowhere"}, r"RAVINE_DATA=nowhere is not a folder"),
    ],
)
def test_workers_that_cannot_train(environment, planned, store, tmp_path, caplog, monkeypatch, fault, told):
    monkeypatch.setattr(crew, "_GRACE", 0.2)
    with ExitStack() as stack:
        file, _ = stack.enter_context(scheduler(tmp_path))
        stack.enter_context(worker(file, **fault))
        client = stack.enter_context(connected(file, 1))
        until(lambda: len(client.nthreads()) == 1)
        began = time.monotonic()
        with pytest.raises(ConfigError, match=rf"^no worker of the cluster can train: .*{told}"):
            run_study(planned, store, runner=OnDask(client))
        assert time.monotonic() - began < 20
        assert not store.root.exists()

        stack.enter_context(worker(file))
        until(lambda: len(client.nthreads()) == 2)
        assert run_study(planned, store, runner=OnDask(client)).failed == {}
        assert f"takes no part: {'it' if 'SMALL_WORKER' in fault else ''}" in caplog.text


def slowed(address: tuple[str, int], delay: float, stack: ExitStack) -> int:
    """Return the port of a proxy that passes on each piece of a connection after a delay."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    ended = threading.Event()
    stack.callback(ended.set)

    def passing(source, target):
        with source, target:
            while not ended.is_set():
                try:
                    piece = source.recv(1 << 16)
                    time.sleep(delay)
                    target.sendall(piece)
                except OSError:
                    return
                if not piece:
                    return

    def accepting():
        while True:
            try:
                source = listener.accept()[0]
            except OSError:
                return
            target = socket.create_connection(address)
            for pair in ((source, target), (target, source)):
                threading.Thread(target=passing, args=pair, daemon=True).start()

    threading.Thread(target=accepting, daemon=True).start()
    return listener.getsockname()[1]


def test_over_a_slow_network(client, planned, store, small, tmp_path):
    host, port = client.scheduler.address.removeprefix("tcp://").split(":")
    with ExitStack() as stack:
        near = slowed((host, int(port)), 0.05, stack)
        with connected(f"tcp://127.0.0.1:{near}", 1) as far:
            assert run_study(planned, store, runner=OnDask(far)).failed == {}
    assert_as_single_runs(planned, store, small, tmp_path / "alone")


def test_worker_processes_end_with_their_context(environment):
    with connected("local", 2) as client:
        until(lambda: len(client.nthreads()) == 2)
        processes = list(process_ids(client).values())
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def open_clients():
    """Return the numbers of the clients of Dask that are not closed; the garbage collector would close them."""
    from distributed import Client

    return {
        id(it) for it in gc.get_objects() if isinstance(it, Client) and it.status not in ("closed", "newly-created")
    }


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("tcp://127.0.0.1:9", r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 .*`dask scheduler` starts one"),
        ("nowhere", r"--dask is 'nowhere': give local, the address of a scheduler as tcp://HOST:8786"),
        ("tls://127.0.0.1:9", r"tls://127\.0\.0\.1:9 takes certificates alone, and Dask's settings name none"),
        ("nothing://127.0.0.1:9", "no Dask scheduler answers at nothing:"),
        ("http://127.0.0.1:8787", r"this is the address of its page; that of the scheduler is as tcp://HOST:8786"),
        ("tcp://127.0.0.1", r"an address is as tcp://HOST:8786, with a port"),
        ("tcp://127.0.0.1:port", r"an address is as tcp://HOST:8786, with a port"),
        ("missing.json", r"cannot read missing\.json: No such file"),
    ],
)
def test_an_address_where_nobody_listens(monkeypatch, where, told):
    monkeypatch.setattr(connection, "_TIMEOUT", 1.0)
    began, threads, clients = time.monotonic(), set(threading.enumerate()), open_clients()
    with pytest.raises(ConfigError, match=told), connected(where, 1):
        pass
    assert time.monotonic() - began < 20
    assert set(threading.enumerate()) <= threads
    assert not open_clients() - clients


def test_certificates_that_are_not_there():
    import dask

    settings = {"distributed.comm.tls.ca-file": "missing.pem", "distributed.comm.tls.client.cert": "missing.pem"}
    told = "cannot be read .No such file or directory.; Dask's settings name them as distributed.comm.tls.ca-file"
    with dask.config.set(settings), pytest.raises(ConfigError, match=told), connected("tls://127.0.0.1:9", 1):
        pass


@pytest.mark.parametrize("content", ["", "{}", '{"address": 3}', "[]"])
def test_a_file_of_no_scheduler(tmp_path, content):
    file = tmp_path / "scheduler.json"
    file.write_text(content)
    with pytest.raises(ConfigError, match=r"scheduler"), connected(str(file), 1):
        pass


def test_clients_that_cannot_be_used(environment):
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster:
        with pytest.raises(ConfigError, match=r"a LocalCluster: give client=distributed\.Client\(cluster\)"):
            runner_of(client=cluster)
        client = Client(cluster, set_as_default=False)
        with pytest.raises(ConfigError, match=r"jobs and client are given"):
            runner_of(2, client)
        client.close()
        with pytest.raises(ConfigError, match=r"the client is closed"):
            runner_of(client=client)
    with pytest.raises(ConfigError, match=r"client is a str: give a distributed\.Client"):
        runner_of(client="local")
    with pytest.raises(ConfigError, match=r"runner is 'local'; give a function"):
        runner_of(runner="local")


def test_a_cluster_without_workers_is_told(environment, planned, store, caplog, monkeypatch):
    monkeypatch.setattr(crew, "_SOON", 0.5)
    with connected("local", 0) as client:
        with pytest.raises(StorageError, match="has had no worker for 2 s"):
            run_study(planned, store, runner=OnDask(client, patience=2))
        assert "this waits for one" in caplog.text
    assert not store.root.exists()


def test_a_client_that_is_closed_meanwhile(environment, store, tmp_path):
    with scheduler(tmp_path) as (file, _), worker(file), connected(file, 1) as client:
        closing = At(2, client.close)
        with pytest.raises(StorageError, match=r"(client of the Dask cluster was closed|scheduler .* is gone)"):
            run_study(plan(study_of(MANY)), store, runner=OnDask(client), watcher=closing)
    assert len(store.ids()) >= 2
    assert store.unfinished() == ([], {})


def test_a_scheduler_with_encryption():
    import dask

    with (
        dask.config.set({"distributed.comm.require-encryption": True}),
        pytest.raises(
            ConfigError, match=r"settings ask for encryption, and tcp://127\.0\.0\.1:9 has none: give tls://"
        ),
        connected("tcp://127.0.0.1:9", 1),
    ):
        pass
