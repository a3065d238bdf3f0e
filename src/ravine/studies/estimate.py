"""How long a study will take and how much disk it will need, from a short calibration on this machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ravine.data import Dataset, Split, load
from ravine.errors import ConfigError
from ravine.spec import ResolvedRun
from ravine.storage.store import RunStore
from ravine.studies.plan import Planned
from ravine.training import EVALUATION_SHARE, LONG_SECONDS, engine_of, epoch_order, start_weights
from ravine.words import duration, several

_log = logging.getLogger("ravine")

_CALIBRATION_SECONDS = 0.1
_FOLDER_BYTES = 12_000


@dataclass(frozen=True)
class Estimate:
    """The time and disk that the rest of a study needs.

    Attributes:
        seconds: by id, how long each run that is not stored yet will take, alone on one core.
        wall: how long all of them will take on the given number of cores.
        disk: bytes of their folders.
    """

    seconds: Mapping[str, float]
    wall: float
    disk: int


def tell_cost(costs: Estimate, jobs: int) -> None:
    """Tell the logger "ravine" how long a study will take, if that is long."""
    if costs.wall > LONG_SECONDS:
        runs = several(len(costs.seconds), "run")
        _log.warning("%s to do, %d at a time: this takes about %s", runs, jobs, duration(costs.wall))


def estimate(
    planned: Sequence[Planned],
    store: RunStore,
    jobs: int,
    load_data: Callable[[str], Dataset] = load,
) -> Estimate:
    """Time some steps of each kind of run (engine, network, optimizer, batch size) and multiply.

    `load_data` is called for each kind of run, so it should keep the data that it has loaded. A damaged run counts as
    stored: it is not run again.
    """
    results, faults = store.results({run.id for run in planned})
    runs = {one.id: one.run for one in planned if one.id not in results and one.id not in faults}
    kinds: dict[tuple[object, ...], tuple[float, int]] = {}
    seconds, disk = {}, 0
    for name, run in runs.items():
        spec = run.spec
        optimizer = (spec.optimizer, *spec.hyperparameters, *spec.per_layer, spec.schedule_by)
        split = (spec.dataset, spec.validation, spec.validation_seed)
        kind = (spec.engine, spec.dtype, spec.network, optimizer, spec.batch_size, split)
        if kind not in kinds:
            try:
                data = load_data(spec.dataset).held_out(spec.validation, spec.validation_seed)
                kinds[kind] = _cost(run, data.train)
            except ConfigError:  # the run itself will say what is wrong with the optimizer
                kinds[kind] = 0.0, 0
        epoch, state = kinds[kind]
        seconds[name] = epoch * spec.epochs
        disk += state + _FOLDER_BYTES
    longest = max(seconds.values(), default=0.0)
    return Estimate(seconds, max(longest, sum(seconds.values()) / jobs), disk)


def run_seconds(run: ResolvedRun, load_data: Callable[[str], Dataset]) -> float:
    """Return how long a run takes on one core, from some steps of it."""
    return run.spec.epochs * _cost(run, load_data(run.spec.dataset).train)[0]


def _cost(run: ResolvedRun, data: Split) -> tuple[float, int]:
    """Return the seconds that an epoch takes, and the bytes of the weights and the state that are stored at its end."""
    spec = run.spec
    engine = engine_of(run, start_weights(spec))
    engine.compile()
    # A batch that grows makes later epochs faster, which the estimate leaves out.
    size = spec.batch_size
    order = epoch_order(0, 0, len(data.targets))
    # At lr = 0 the weights stay where they are, and cannot diverge. A line search keeps its rate, since it takes its
    # usual time only if the weights move.
    numbers = {name: float(value) for name, value in spec.hyperparameters.items()}
    hyper = {**numbers, "lr": spec.lr if run.optimizer.searches and spec.lr is not None else 0.0}
    engine.prepare(data)
    steps, spent = 1, 0.0
    while not spent or (spent < _CALIBRATION_SECONDS and steps * size < len(order)):
        steps *= 4
        began = time.perf_counter()
        engine.train(data, order, 0, min(len(order), steps * size), hyper, batch_size=size)
        spent = time.perf_counter() - began
    bytes_kept = sum(array.nbytes for array in engine.state().values())
    return EVALUATION_SHARE * spent * len(order) / min(len(order), steps * size), bytes_kept
