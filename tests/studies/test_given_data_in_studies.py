"""Studies on data that were given as arrays: each run is the one that `ravine.train(data=...)` makes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from study_cases import Interrupter, StudyRecorder

import ravine
from ravine.errors import ConfigError, DataError
from ravine.gradients.networks.check import check_network
from ravine.storage.store import RunStore
from ravine.studies import Study, plan, run_study, shard_of
from ravine.studies.gradients import load_checks
from ravine.studies.runners import Ending
from ravine.studies.runners.orders import order_of
from training_cases import assert_same_run

RNG = np.random.default_rng(4)
X = RNG.normal(size=(60, 5)) * (RNG.random((60, 5)) < 0.7)
CLASSES = np.array(["no", "yes"])[(X[:, 0] > X[:, 1]).astype(int)]
COUNTS = RNG.poisson(np.exp(0.3 * X[:, 0]))
TEST = slice(40, 60)

QUICK = {"epochs": 2, "batch_size": 8, "engine": "reference"}


def study_of(rows, **changes):
    """Return a study of some rows with two seeds."""
    return {"name": "mine", "seeds": [0, 1], "settings": QUICK, "groups": [{"name": "all", "rows": rows}], **changes}


CASES = {
    "classes": ((X, CLASSES, X[TEST], CLASSES[TEST]), [{"lr": 0.1}, {"optimizer": "momentum", "layers": [5, 4, 2]}]),
    "sparse, without a test set": ((sparse.csr_array(X), CLASSES), [{"lr": 0.1, "validation": 0.25}, {"lr": 0.02}]),
    "numbers": ((X, X @ RNG.normal(size=(5, 2))), [{"loss": "huber", "lr": 0.05}, {"loss": "squared-error"}]),
    "counts": ((X, COUNTS), [{"loss": "poisson", "lr": 0.01, "layers": [5, 3, 1]}]),
    "bytes": (ravine.dataset((X > 0).astype(np.uint8), CLASSES, scale=1), [{"engine": "fused"}, {"test": "never"}]),
}


@pytest.mark.parametrize("case", CASES)
def test_every_run_is_that_of_train(case, tmp_path, monkeypatch):
    data, rows = CASES[case]
    outcome = ravine.run_study(study_of(rows), data=data, runs=tmp_path / "study", jobs=2, quiet=True)
    assert outcome.failed == {}
    alone = [
        ravine.train(data=data, seed=seed, out=tmp_path / "alone", quiet=True, **{**QUICK, **row})
        for row in rows
        for seed in (0, 1)
    ]
    assert list(outcome.results) == [run.id for run in alone]
    for run in alone:
        assert_same_run(RunStore(tmp_path / "study").load(run.id), run.stored)
    # The data count, and not where they lie; other data make other runs.
    again = ravine.run_study(study_of(rows), data=data, runs=tmp_path / "study", quiet=True)
    assert again.reused == set(outcome.results)
    if isinstance(data, tuple):
        others = ravine.run_study(study_of(rows), data=(data[0] * 2, *data[1:]), runs=tmp_path / "study", quiet=True)
        assert not set(others.results) & set(outcome.results)


def test_a_data_set_of_the_catalog_makes_the_runs_that_name_it(small, runs):
    outcome = ravine.run_study(study_of([{"lr": 0.1, "layers": [64, 5, 10]}]), data=small, quiet=True)
    named = study_of([{"lr": 0.1, "layers": [64, 5, 10], "dataset": "small"}])
    for more in ({}, {"data": small}):
        assert ravine.run_study(named, quiet=True, **more).reused == set(outcome.results)


def test_interrupted_and_gone_on_bit_for_bit(tmp_path):
    study = study_of([{"lr": 0.1}, {"lr": 0.02}], settings={**QUICK, "epochs": 4})
    first, second = Interrupter(2), StudyRecorder()
    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        ravine.run_study(study, data=(X, CLASSES), runs=tmp_path / "study", jobs=1, watcher=first)
    (stopped,) = set(first.begun) - set(first.results)
    outcome = ravine.run_study(study, data=(X.copy(), list(CLASSES)), runs=tmp_path / "study", watcher=second)
    assert min(second.shares[stopped]) > max(first.shares[stopped])
    whole = ravine.run_study(study, data=(X, CLASSES), runs=tmp_path / "whole", quiet=True)
    assert list(outcome.results) == list(whole.results)
    for run in whole.results:
        assert_same_run(*(RunStore(tmp_path / folder).load(run) for folder in ("study", "whole")))


@pytest.mark.parametrize(("y", "loss"), [(CLASSES, "cross-entropy"), (CLASSES, "hinge"), (X[:, :2] * 3, "huber")])
def test_gradients_are_checked_at_the_first_sample(tmp_path, y, loss):
    study = study_of(
        [{"loss": loss, "layers": [5, 3, 2]}],
        figures=[{"name": "errors", "rows": ["all"], "kind": "gradient-errors"}],
    )
    outcome = ravine.run_study(study, data=(X, y), runs=tmp_path, quiet=True)
    assert outcome.failed == {}
    store, data = RunStore(tmp_path), ravine.dataset(X, y)
    checks = load_checks(store, outcome.results)
    assert set(checks) == set(outcome.results)
    for run, check in checks.items():
        stored = ravine.load_run(run, tmp_path)
        wanted = check_network(stored.network, stored.weights, data.train, digits=None, seed=stored.spec.seed)
        assert check.agreement.verdict == wanted.agreement.verdict
        assert check.agreement.loss == pytest.approx(single_loss(stored, data), rel=1e-6)
        assert check.agreement.verdict.answer != "fails"
        if check.digits is not None:
            assert check.digits.max_relative_error < 1e-40


def single_loss(run, data):
    """Return the loss of the first sample, written anew."""
    z = run.outputs(X[:1])[0].astype(float)
    y = data.train.targets[0]
    if run.spec.loss == "cross-entropy":
        return np.log(np.exp(z).sum()) - z[y]
    if run.spec.loss == "hinge":
        return np.maximum(0, 1 - np.where(np.arange(2) == y, 1, -1) * z).mean()
    d = np.abs(z - y)
    return np.where(d <= 1, d * d / 2, d - 0.5).mean()


def one_by_one(jobs, session):
    for job in jobs:
        yield session.train(job)


def test_a_place_of_ones_own_in_this_process_has_the_data(tmp_path):
    study = study_of([{"lr": 0.1}])
    outcome = ravine.run_study(study, data=(X, CLASSES), runs=tmp_path / "own", runner=one_by_one, quiet=True)
    threads = ravine.run_study(study, data=(X, CLASSES), runs=tmp_path / "threads", quiet=True)
    assert list(outcome.results) == list(threads.results)


STAY = "the data that were given stay in the memory of this process, and .* cannot read them there"


def test_places_that_cannot_get_at_the_data(tmp_path):
    def elsewhere(jobs, session):
        for job in jobs:
            try:
                order_of(job.run)
            except ConfigError as error:
                yield Ending(job.id, error=error)

    outcome = ravine.run_study(study_of([{}]), data=(X, CLASSES), runs=tmp_path, runner=elsewhere, quiet=True)
    assert all(told.startswith("the data that were given stay in the memory") for told in outcome.failed.values())
    assert len(outcome.failed) == 2
    planned = plan(ravine_study([{}]), data=ravine.dataset(X, CLASSES))
    with pytest.raises(ConfigError, match=STAY):
        shard_of(planned, 1, 2)
    assert not list(tmp_path.iterdir())


def test_the_workers_of_a_cluster_cannot(tmp_path):
    distributed = pytest.importorskip("distributed")
    from ravine.studies.runners import OnDask

    with distributed.Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        with pytest.raises(ConfigError, match=STAY):
            ravine.run_study(study_of([{}]), data=(X, CLASSES), runs=tmp_path, client=client)
        planned = plan(ravine_study([{}]), data=ravine.dataset(X, CLASSES))
        with pytest.raises(ConfigError, match=STAY):
            run_study(planned, RunStore(tmp_path), runner=OnDask(client))
    assert not list(tmp_path.iterdir())


def ravine_study(rows) -> Study:
    import msgspec

    return msgspec.convert(study_of(rows), Study)


@pytest.mark.parametrize(
    ("rows", "more", "told"),
    [
        ([{"dataset": "mnist"}], {}, "row 1 of group all in study mine: dataset is 'mnist', and data are given: leave"),
        ([{}, {"dataset": "kmnist"}], {}, "row 2 .*: dataset is 'kmnist', and data are given: leave one of the two"),
        ([{}], {"data_dir": "files"}, "data_dir is 'files', and data are given: leave one of the two out"),
        ([{"layers": [6, 2]}], {}, "row 1 .*: layers 6,2 do not fit the data: the first must be 5"),
        ([{"layers": [5, 4]}], {}, "row 1 .*: layers 5,4 do not fit the data: .* the last 2"),
        ([{"test": "end"}], {}, "row 1 .*: test is 'end', and the data have no test set"),
        ([{}], {"data": (X,)}, r"data is tuple of 1 part; it must be \(X, y\)"),
        ([{}], {"data": "mnist"}, "data is 'mnist'; it must be"),
        ([{"data": 3}], {}, "row 1 .*: data is no setting: give data to ravine.train or to ravine.run_study"),
        ([{"loss": "poison"}], {}, "row 1 .*: unknown loss 'poison'; did you mean 'poisson'"),
        ([{"loss": "poisson"}, {"loss": 3}], {"data": (X, COUNTS)}, "row 2 .*: 3 is no loss"),
        ([{"loss": "poisson"}, {"loss": "logistic"}], {"data": (X, COUNTS)}, "numbers to others: say which they are"),
        ([{}], {"data": (X, X[:, :2])}, "row 1 .*: .*cross-entropy"),
    ],
)
def test_bad_input(tmp_path, rows, more, told):
    with pytest.raises(ConfigError, match=told):
        ravine.run_study(study_of(rows), runs=tmp_path / "runs", **{"data": (X, CLASSES), **more})
    assert not (tmp_path / "runs").exists()


def test_targets_that_a_loss_cannot_have_are_told_with_the_row(tmp_path):
    with pytest.raises(ConfigError, match=r"row 2 of group all .*: y has -?[0-9.]+ in row .*the loss poisson takes"):
        ravine.run_study(study_of([{"loss": "huber"}, {"loss": "poisson"}]), data=(X, X[:, 0]), runs=tmp_path / "runs")
    with pytest.raises(DataError, match="X has nan in row 0, column 0"):
        ravine.run_study(study_of([{}]), data=(np.full((3, 2), np.nan), [0, 1, 0]), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_losses_that_agree_what_whole_numbers_are_share_a_study(tmp_path):
    rows = [{"loss": "poisson", "lr": 0.01}, {"loss": "huber", "lr": 0.01}]
    outcome = ravine.run_study(study_of(rows), data=(X, COUNTS), runs=tmp_path, quiet=True)
    assert {result.spec.targets for result in outcome.results.values()} == {"numbers"}
    # Floats are numbers to every loss, and texts are classes.
    mixed = [{"loss": "huber", "lr": 0.01}, {"loss": "logistic", "lr": 0.01}]
    for y in ((X[:, 0] > 0).astype(float), CLASSES):
        assert ravine.run_study(study_of(mixed), data=(X, y), runs=tmp_path, quiet=True).failed == {}


def test_arrays_that_change_meanwhile_are_noticed(tmp_path):
    features = X.copy()

    class Changes(StudyRecorder):
        def started(self, run, spec):
            super().started(run, spec)
            features[0, 0] += len(self.begun) == 2

    study, data = study_of([{"lr": 0.1}]), (features, CLASSES)
    outcome = ravine.run_study(study, data=data, runs=tmp_path, runner=one_by_one, watcher=Changes())
    assert len(outcome.results) == len(outcome.failed) == 1
    assert "the arrays that the data were made of have been changed" in next(iter(outcome.failed.values()))
