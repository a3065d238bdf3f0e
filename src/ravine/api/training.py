"""Train a network, or find a stored run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from ravine.api.watching import watching
from ravine.arrays import Array
from ravine.data import Dataset, value_of
from ravine.errors import ConfigError, shortened
from ravine.formulas.activation import Activation
from ravine.formulas.loss import Loss
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.schedule import Schedule
from ravine.formulas.shelves import LOSSES
from ravine.formulas.stage import Stage
from ravine.inputs import convert, path_of, plain
from ravine.settings import BY_NAME as SETTINGS_BY_NAME
from ravine.settings import SETTINGS
from ravine.spec import ResolvedRun, RunSpec, from_settings, resolve
from ravine.storage.store import RunStore
from ravine.training import Given, Outcome, Silent, Watcher, with_given
from ravine.training import train as train_run
from ravine.training.data import data_of, require_fitting, runs_on
from ravine.training.run import Run

LAYERS = (784, 300, 100, 100, 10)
"""The layers of a run unless others are given."""

_log = logging.getLogger("ravine")


def train(
    *,
    optimizer: str | Optimizer = "sgd",
    stages: Sequence[str | Stage] = (),
    lr: float | None = None,
    final_lr: float | None = None,
    schedule: str | Schedule | None = None,
    schedule_by: str = "epoch",
    warmup: float = 0,
    batch_size: int = 10,
    largest_batch: int | None = None,
    per_layer: Mapping[str, Sequence[float]] = MappingProxyType({}),
    epochs: int = 10,
    seed: int = 0,
    layers: Sequence[int] = LAYERS,
    activation: str | Activation | Sequence[str | Activation] = "relu",
    bias: bool = False,
    softmax: str = "shifted",
    loss: str | Loss = "cross-entropy",
    label_smoothing: float = 0,
    init: str = "glorot-uniform",
    dataset: str = "mnist",
    validation: int | float = 0,
    validation_seed: int = 0,
    test: str | None = None,
    engine: str = "fused",
    dtype: DTypeLike = "float32",
    data_dir: Path | str | None = None,
    out: Path | str | None = None,
    fresh: bool = False,
    quiet: bool = False,
    data: Dataset | tuple[Any, ...] | None = None,
    initial_weights: ArrayLike | None = None,
    order: ArrayLike | None = None,
    watcher: Watcher | None = None,
    **hyperparameters: float,
) -> Run:
    """Train a network and return the stored run; a run that is stored already is not trained again.

    The defaults are plain SGD at rate 0.1 in batches of 10, ten epochs. Further keyword arguments are hyper-parameters
    of the optimizer and of stages, such as `alpha=0.5` for momentum, or `nesterov=True` for a flag, and settings of the
    schedule, such as `decay_factor=0.5` for step. Numbers, strings and arrays of NumPy's are accepted in place of
    Python's numbers, strings and lists.

    Args:
        optimizer: a name that `ravine optimizers` lists, a file as "my_rule.py:my_rule", or an optimizer of your own.
        stages: stages of your own, as "my_stage.py:my_stage" or as `ravine.stage` makes them. To put in a stage of
            ravine's own, give its hyper-parameter, such as weight_decay.
        lr: learning rate; the optimizer's default if None.
        final_lr: the rate at the end of the schedule; without `schedule` it means linear decay.
        schedule: how the rate changes: a name such as "cosine", a file such as "my_file.py:mine", or a schedule.
        schedule_by: whether the rate changes by "epoch" or by "step"; settings of schedules count epochs either way.
        warmup: epochs at the start in which the rate climbs to the schedule.
        batch_size: samples in a batch: 1 is on-line learning, all samples batch learning.
        largest_batch: grow the batch, up to this size, when the schedule would lower the rate.
        per_layer: by the name of a hyper-parameter, or lr, its factor in each layer of weights, as in
            {"lr": [1, 1, 1, 0.1]}; for optimizers that step layer by layer.
        epochs, seed: passes over the data; the seed of all random numbers: initial weights, shuffles and noise.
        layers, bias, softmax, init: the network; see `ravine.networks`. With `data`, the first and the last of the
            default layers are those of the data.
        activation: that of all hidden layers, or a list with one for each: a name such as "gelu", a file such as
            "my_file.py:mine", or what `ravine.activation` makes of a function.
        loss: a name such as "squared-error", a file such as "my_file.py:mine", or what `ravine.loss` makes of a
            function. Classes become targets of 0 and 1, unless the loss is cross-entropy.
        label_smoothing: with cross-entropy, the share s of the target that all classes have alike, from 0 to below 1:
            of C classes the target of the sample's own is 1 - s + s / C, and that of each other one s / C. Every loss
            of the run, in training, validation and test, is that with these targets.
        dataset, data_dir: which data, and a folder to take the files from.
        data: data of your own in place of these: (X, y), or (X, y, X_test, y_test), or what `ravine.dataset` returns,
            which says what X and y may be. To a loss of numbers, such as "poisson", whole numbers in y are numbers.
            Without a test set, test is "never".
        validation: how many training samples are held out to choose settings on, or a share of them below 1. The run
            trains on the others, and has the loss and the accuracy of these after each epoch.
        validation_seed: the seed that draws them, each class in its share.
        test: when the test set is looked at: after each "epoch", once at the "end", or "never". None means "epoch"
            without validation and "never" with it, so that no choice among runs is made on the test set.
        engine, dtype: "fused" in float32 or float64, "reference" in longdouble too. A dtype is given by its name, or as
            NumPy has it, such as np.float64.
        out: folder of runs; `RAVINE_HOME` or `runs` if None.
        fresh: train anew even if the run is stored, and from the beginning even if it was interrupted.
        quiet: show no progress. Otherwise a notebook shows a bar, and the logger "ravine" tells what a long run costs.
        initial_weights: the flat weight vector, shape (n,), in place of a seeded draw.
        order: sample numbers in training order, (k,) or (epochs, k), in place of seeded shuffles. With validation they
            count the samples that are left to train on.
        watcher: an object whose methods the training loop calls to report progress, in place of the bar.

    Raises:
        ConfigError, DataError, DownloadError, StorageError: with one clear sentence each.
        KeyboardInterrupt: Ctrl-C; a checkpoint is left, and the same call goes on from it bit for bit.

    >>> run = train(optimizer="sgd", lr=0.1, batch_size=100, epochs=1, layers=(784, 16, 10))
    >>> run.status, len(run.history), run.weights.shape
    ('done', 1, (12704,))
    """
    keywords = locals()  # before anything else is named here
    settings = {setting.name: keywords[setting.name] for setting in SETTINGS if setting.name != "hyperparameters"}
    if layers is LAYERS:
        del settings["layers"]
    value = None if data is None else data_at_hand(data, data_dir, numbers=takes_numbers(loss))
    if value is not None and plain(dataset) == SETTINGS_BY_NAME["dataset"].default:
        del settings["dataset"]
    make = from_settings if value is None else runs_on(value)
    run = make({**settings, **hyperparameters})
    given = Given(_array("initial_weights", initial_weights, "iuf"), _array("order", order, "iu"))
    with watching(watcher, quiet, run.spec.epochs) as chosen:
        return finished(run_spec(run, given=given, data_dir=data_dir, out=out, fresh=fresh, watcher=chosen, data=value))


def takes_numbers(loss: object) -> bool:
    """Tell whether whole numbers are numbers to a loss, and not classes."""
    found = LOSSES.find(plain(loss))
    return found.formula is not None and not found.decides


def had_numbers(spec: RunSpec) -> bool:
    """Tell whether whole numbers were numbers to a run when it was trained; on given data its spec says so."""
    return takes_numbers(spec.loss) if spec.data is None else spec.targets != "classes"


def data_at_hand(data: Any, data_dir: Path | str | None, numbers: bool) -> Dataset:
    """Return the data that a caller gives in place of a data set; with `numbers`, whole numbers are no classes."""
    if data_dir is not None:
        raise ConfigError(f"data_dir is {shortened(str(data_dir))}, and data are given: leave one of the two out.")
    return value_of(data, numbers=numbers)


def finished(outcome: Run | Outcome) -> Run:
    """Return a run that has ended; one that a signal interrupted is a KeyboardInterrupt."""
    if isinstance(outcome, Run):
        return outcome
    words = outcome.next.replace("command", "call").replace("--fresh", "fresh")
    raise KeyboardInterrupt(f"run {outcome.result.id} was interrupted; {words}")


def run_spec(
    run: RunSpec | ResolvedRun,
    *,
    given: Given = Given(),  # noqa: B008  frozen, shared on purpose
    data_dir: Path | str | None = None,
    out: Path | str | None = None,
    fresh: bool = False,
    watcher: Watcher | None = None,
    data: Dataset | None = None,
) -> Run | Outcome:
    """Train a run, or return it if it is stored; an interrupted run comes back as an `Outcome`.

    If you have loaded the data set already, pass it in as `data`; those of a run on given data must be passed in.
    """
    watcher = watcher or Silent()
    fresh = convert(plain(fresh), bool, "fresh")
    run = with_given(resolve(run) if isinstance(run, RunSpec) else run, given)
    folder_of_data = path_of("data_dir", data_dir)
    store = RunStore(path_of("out", out))
    stored = None if fresh else store.load(run.id)
    if stored is not None:
        stored.weights()  # raises if they are damaged
        _log.info("run %s is stored in %s and shown as it is; --fresh trains it anew", run.id, stored.folder)
        return Run(stored, run)
    data = data_of(run.spec, data, folder_of_data, quiet=isinstance(watcher, Silent))
    require_fitting(data, run.loss, run.spec.dtype)
    outcome = train_run(run, data, store, given=given, fresh=fresh, watcher=watcher)
    return outcome if outcome.stored is None else Run(outcome.stored, run)


def load_run(run: Path | str, out: Path | str | None = None) -> Run:
    """Return a stored run by the first digits of its id, or by the path of its folder."""
    where = path_of("run", run)
    if where is None:
        raise ConfigError("run is None; it must be the first digits of a run's id, or the path of its folder.")
    folder = where.absolute()
    named = (folder / "result.json").is_file()
    store = RunStore(folder.parent) if named else RunStore(path_of("out", out))
    stored = store.load(folder.name if named else store.find(str(run)))
    if stored is None:
        raise ConfigError(f"there is no run {shortened(run)} in {store.root}.")
    return Run(stored)


def _array(name: str, value: ArrayLike | None, kinds: str) -> Array | None:
    if value is None:
        return None
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigError(f"{name} is not an array of numbers: {error}.") from error
    if array.dtype.kind not in kinds:
        numbers = "numbers" if "f" in kinds else "whole numbers"
        raise ConfigError(f"{name} has dtype {array.dtype} and shape {array.shape}; give an array of {numbers}.")
    return array
