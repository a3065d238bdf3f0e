"""The command of a run, read by the command line itself, is the same run."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.cli.main import run
from ravine.formulas.intervals import contains, inside
from ravine.formulas.shelves import OPTIMIZERS, SCHEDULES
from ravine.paper.study import STUDIES
from ravine.report.commands import command_of
from ravine.spec import RunSpec, resolve
from ravine.studies import load_study, plan
from ravine.studies.study import BUILT_IN


class Caught(Exception):
    """Carries the spec that the command line would have run."""


def read_back(command: str) -> RunSpec:
    """Return the spec that `ravine train` makes of a command."""
    program, *words = shlex.split(command)
    assert program == "ravine"

    def caught(run, **options):
        raise Caught(run.spec, options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ravine.api.run_spec", caught)
        with pytest.raises(Caught) as found:
            run(words)
    spec, options = found.value.args
    assert {name for name, value in options.items() if value} == {"watcher"}
    return spec


def assert_reads_back(spec: RunSpec) -> None:
    run = resolve(spec)
    again = read_back(command_of(run.spec))
    assert again == run.spec
    assert resolve(again).id == run.id


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(name):
    assert_reads_back(RunSpec(optimizer=name))
    assert_reads_back(RunSpec(optimizer=name, engine="reference", dtype="longdouble"))
    optimizer, long = OPTIMIZERS[name], (0.3123456789012345, 1.3123456789012345)
    others = {
        key: {"whole number": 17, "flag": True}.get(kind)
        or next(value for value in long if contains(optimizer.bounds.get(key, "(-inf, inf)"), value))
        for key, kind in optimizer.kinds.items()
        if key != "lr"
    }
    assert_reads_back(RunSpec(optimizer=name, lr=1 / 3, hyperparameters=others))


SETTINGS_TO_TRY = {
    "constant": [{}],
    "linear": [{"final_lr": 0.0}, {"final_lr": 1e-5}],
    "step": [{}, {"decay_factor": 1 / 3, "decay_every": 2}],
    "cosine": [{}, {"final_lr": 1e-3}],
}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule(schedule):
    for settings in SETTINGS_TO_TRY.get(schedule, [{}]):
        assert_reads_back(RunSpec(schedule=schedule, schedule_settings=settings, warmup=2))
    declared = SCHEDULES[schedule]
    others = {
        name: 3.0 if declared.kinds[name] == "whole number" else inside(declared.bounds[name], declared.kinds[name]) / 3
        for name in declared.defaults
    }
    others = {name: value if contains(declared.bounds[name], value) else 1.7 for name, value in others.items()}
    assert_reads_back(RunSpec(schedule=schedule, schedule_settings=others))


@pytest.mark.parametrize(
    "settings",
    [
        {"softmax": "naive"},
        {"label_smoothing": 0.1},
        {"init": "he-normal"},
        {"activation": "leaky-relu"},
        {"bias": True},
        {"layers": (784, 10)},
        {"layers": (784, 5, 6, 7, 10)},
        {"dataset": "fashion-mnist"},
        {"dtype": "float64"},
        {"engine": "reference", "dtype": "longdouble"},
        {"batch_size": 1, "epochs": 1},
        {"seed": 2**63 - 1},
        {"lr": 1e-300, "dtype": "float64"},
        {"optimizer": "soap", "hyperparameters": {"precondition_frequency": 7}},
        {"lr": 0.1, "optimizer": "adagrad", "hyperparameters": {"eps": 1e-12}},
        {"schedule": "cosine", "schedule_by": "step", "warmup": 0.123},
        {"schedule": "step", "largest_batch": 500},
        {"per_layer": {"lr": (1.0, 1 / 3, 1e-5, 0.0), "alpha": (0.5, 1.0, 1.0, 1.0)}, "optimizer": "momentum"},
    ],
    ids=str,
)
def test_settings_other_than_the_defaults(settings):
    assert_reads_back(RunSpec(**settings))


@given(
    lr=st.floats(0, 1e300),
    final_lr=st.floats(0, 1e300),
    alpha=st.floats(0, 1, exclude_max=True),
    batch_size=st.integers(1, 60_000),
    epochs=st.integers(1, 10**6),
    seed=st.integers(0, 2**63 - 1),
)
def test_numbers_keep_every_bit(lr, final_lr, alpha, batch_size, epochs, seed):
    assert_reads_back(
        RunSpec(
            optimizer="momentum",
            lr=lr,
            hyperparameters={"alpha": alpha},
            schedule="linear",
            schedule_settings={"final_lr": final_lr},
            batch_size=batch_size,
            epochs=epochs,
            seed=seed,
            dtype="float64",
        )
    )


@pytest.mark.parametrize("study", BUILT_IN)
def test_every_run_of_the_built_in_studies(study):
    for planned in plan(load_study(study, STUDIES)):
        assert resolve(read_back(command_of(planned.spec))).id == planned.id


def test_no_default_is_named_but_the_method():
    command = "ravine train --optimizer sgd --lr 0.1 --batch-size 10 --epochs 10 --seed 0"
    assert command_of(resolve(RunSpec(lr=0.1)).spec) == command
