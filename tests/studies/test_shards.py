"""Shards have each run once and cost about the same, whoever computes them."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from study_cases import ids, small_plan

from ravine.errors import ConfigError
from ravine.spec import from_settings
from ravine.studies import Planned, Shard, read_shard, shard_of

SLURM, PBS, LSF, KUBERNETES = "SLURM_ARRAY_TASK_ID", "PBS_ARRAY_INDEX", "LSB_JOBINDEX", "JOB_COMPLETION_INDEX"


def planned(*settings: dict) -> list[Planned]:
    """Return a run for each of some settings, on small layers."""
    runs = [from_settings({"layers": (784, 10), **each}) for each in settings]
    return [Planned("all", row, run, None) for row, run in enumerate(runs)]


def equal_runs(count: int) -> list[Planned]:
    """Return runs that cost the same."""
    return planned(*({"seed": seed} for seed in range(count)))


@pytest.mark.parametrize("count", [1, 2, 3, 6, 7, 40])
def test_each_run_is_in_one_shard(small, count):
    everything = small_plan()
    shards = [shard_of(everything, index, count) for index in range(1, count + 1)]
    assert sorted(itertools.chain(*map(ids, shards))) == sorted(ids(everything))
    assert sum(map(len, shards)) == len(everything)  # the run of two groups is there with both
    for shard in shards:
        assert shard == [run for run in everything if run in shard]
        assert bool(shard) == (count <= 6 or shards.index(shard) < 6)


def test_shards_are_the_same_in_whatever_order_the_runs_stand(small):
    everything = small_plan()
    shards = [set(ids(shard_of(everything, index, 3))) for index in (1, 2, 3)]
    for seed in range(5):
        shuffled = random.Random(seed).sample(everything, len(everything))
        assert [set(ids(shard_of(shuffled, index, 3))) for index in (1, 2, 3)] == shards


def test_shards_are_the_same_in_another_process():
    program = Path(__file__).with_name("printed_shards.py")
    printed = {
        subprocess.run(
            [sys.executable, str(program)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(printed) == 1


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_equal_runs_are_dealt_out_evenly(count):
    everything = equal_runs(19)
    sizes = [len(shard_of(everything, index, count)) for index in range(1, count + 1)]
    assert max(sizes) - min(sizes) <= 1
    assert sorted(ids(shard_of(everything, 1, count)))[0] == min(ids(everything))  # equal runs by id


def test_the_longest_run_has_a_shard_of_its_own_where_it_costs_as_much_as_the_rest():
    long, *short = planned({"epochs": 30}, *({"epochs": 10, "seed": seed} for seed in (1, 2, 3)))
    assert shard_of([*short, long], 1, 2) == [long]
    assert shard_of([*short, long], 2, 2) == short


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"epochs": 10}, {"epochs": 11}),
        ({"validation": 30_000}, {}),
        ({}, {"layers": (784, 30, 10)}),
        ({"batch_size": 100, "optimizer": "adam"}, {"batch_size": 10, "optimizer": "adam"}),
        ({"optimizer": "sgd"}, {"optimizer": "momentum"}),
        ({"optimizer": "adagrad"}, {"optimizer": "adam"}),
        ({"optimizer": "adam"}, {"optimizer": "muon"}),
        ({"optimizer": "sgd"}, {"optimizer": "sgd", "weight_average": 0.5}),
        ({}, {"engine": "reference"}),
        ({"engine": "reference"}, {"engine": "reference", "optimizer": "adam"}),
    ],
)
def test_what_makes_a_run_longer(less, more):
    """The longest run is dealt out first, to the first shard."""
    for seed in range(6):  # of equal runs the id would decide
        short, long = planned({**less, "seed": seed}, {**more, "seed": seed})
        assert shard_of([short, long], 1, 2) == [long]
        assert shard_of([short, long], 2, 2) == [short]


def test_the_shards_of_runs_of_several_lengths():
    """By hand: with costs 5, 4, 3, 3, 3 the longest first gives 5 + 3 and 4 + 3 + 3."""
    runs = planned(
        *({"epochs": epochs, "seed": epochs} for epochs in (5, 4)), *({"epochs": 3, "seed": s} for s in (7, 8, 9))
    )
    first, second = (shard_of(runs, index, 2) for index in (1, 2))
    assert [sum(run.spec.epochs for run in shard) for shard in (first, second)] == [8, 10]


def test_more_shards_than_anyone_could_count_cost_nothing():
    everything = equal_runs(2)
    assert [len(shard_of(everything, index, 999_999_999)) for index in (1, 2, 3, 999_999_999)] == [1, 1, 0, 0]
    assert shard_of([], 1, 3) == []


@pytest.mark.parametrize(
    ("index", "count", "words"),
    [
        (0, 3, "there is no shard 0 of 3; shards are counted from 1 to 3"),
        (4, 3, "there is no shard 4 of 3"),
        (-1, 3, "there is no shard -1 of 3"),
        (1, 0, "the number of shards is 0; it must be 1 or more"),
        (True, 3, "a shard is True; its number and their count are whole numbers"),
        (1, 3.0, "a shard is 3.0; its number and their count are whole numbers"),
        ("1", 3, "a shard is '1'"),
    ],
)
def test_a_shard_that_does_not_exist(index, count, words):
    with pytest.raises(ConfigError, match=words):
        shard_of(equal_runs(1), index, count)


@pytest.mark.parametrize(
    "text", ["3", "a/b", "-1/3", "1/-3", "1/3/5", "", "/", "1/", "/3", "1.0/3", " 1/3", "auto", "Auto/3"]
)
def test_what_is_no_shard(text):
    with pytest.raises(ConfigError, match=r"the shard is .*; write it as 3/64, the third of 64, or as auto/64"):
        read_shard(text, {})


def test_a_long_number_is_no_shard():
    for text in (f"1/{'9' * 5000}", f"{'9' * 5000}/1", "1/٣"):
        with pytest.raises(ConfigError, match="the shard is"):
            read_shard(text, {})


@pytest.mark.parametrize(
    ("text", "words"), [("0/3", "no shard 0 of 3"), ("4/3", "no shard 4 of 3"), ("1/0", "is 0"), ("auto/0", "is 0")]
)
def test_a_shard_outside_the_count(text, words):
    with pytest.raises(ConfigError, match=words):
        read_shard(text, {SLURM: "1"})


@pytest.mark.parametrize(
    ("environment", "index"),
    [
        ({SLURM: "1"}, 1),
        ({SLURM: "7", "SLURM_ARRAY_TASK_MIN": "3", "SLURM_ARRAY_TASK_COUNT": "2"}, 7),
        ({PBS: "3"}, 3),
        ({LSF: "64"}, 64),
        ({KUBERNETES: "0"}, 1),
        ({KUBERNETES: "63"}, 64),
        ({KUBERNETES: "6", SLURM: "7"}, 7),
        ({SLURM: "007", PBS: ""}, 7),
    ],
)
def test_the_shard_of_a_job_in_an_array(environment, index):
    assert read_shard("auto/64", environment) == Shard(index, 64)
    assert read_shard("3/64", environment) == Shard(3, 64)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, f"auto/64 needs the number of a job in {SLURM}, {PBS}, {LSF} or {KUBERNETES}, and none of them is set"),
        ({SLURM: "0"}, f"{SLURM} is 0; the jobs of 64 shards have the numbers 1 to 64: submit .* --array=1-64"),
        ({SLURM: "65"}, f"{SLURM} is 65; .* --array=1-64"),
        ({PBS: "0"}, f"{PBS} is 0; .* -J 1-64"),
        ({LSF: "0"}, rf"{LSF} is 0; .* -J .name\[1-64\]"),
        ({KUBERNETES: "64"}, f"{KUBERNETES} is 64; the jobs of 64 shards have the numbers 0 to 63: .*completions: 64"),
        ({SLURM: "one"}, f"{SLURM} is 'one', which is not the number of a job"),
        ({PBS: "-1"}, f"{PBS} is '-1', which is not"),
        ({SLURM: "3", KUBERNETES: "x{y}"}, f"{KUBERNETES} is 'x{{y}}', which is not"),
        ({SLURM: "3", KUBERNETES: "3"}, f"{SLURM} is 3 and {KUBERNETES} is 3, which are different shards of 64"),
    ],
)
def test_a_job_that_has_no_shard(environment, words):
    with pytest.raises(ConfigError, match=words):
        read_shard("auto/64", environment)
