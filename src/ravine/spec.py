"""A run as a value: everything that decides its result, and the id that is the hash of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.data import DATASETS
from ravine.errors import ConfigError, beginning, shortened, unknown
from ravine.formulas.compose import allowed, with_stages
from ravine.formulas.kinds import Value
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.precision import check_precision
from ravine.formulas.shelves import OPTIMIZERS, STAGES
from ravine.formulas.stage import Stage, placed
from ravine.inputs import convert, dtype_name, folded_keys, plain
from ravine.networks import INITIALIZERS, Network
from ravine.schedules import Constant, Schedule, grown_batch_size, learning_rates, make_schedule

ENGINES = {"fused": ("float32", "float64"), "reference": ("float32", "float64", "longdouble")}
"""Every engine, and the dtypes that it trains in."""

_LARGEST_SEED = 2**63 - 1


_OF_SCHEDULES = ("final_lr", "decay_factor", "decay_every")


class RunSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One training run.

    The defaults are plain SGD in batches of 10, ten epochs on MNIST. `optimizer` is a name, or FILE.py:RULE.
    `hyperparameters` holds those of the optimizer but for the learning rate, numbers, whole numbers and flags; what is
    not given takes the rule's default. `per_layer` has factors of some of them, or of lr, one a layer. With a
    `largest_batch` batches grow where the schedule would lower the rate, see `schedules.grown_batch_size`, and the rate
    falls by what the batch cannot grow. `engine` is one of `ENGINES`. `initial_weights` and `order` are the SHA-256 of
    arrays that the caller gave in place of those that the seed makes.
    """

    dataset: str = "mnist"
    layers: tuple[int, ...] = (784, 300, 100, 100, 10)
    activation: str = "relu"
    bias: bool = False
    softmax: str = "shifted"
    init: str = "glorot-uniform"
    optimizer: str = "sgd"
    stages: tuple[str, ...] = ()
    lr: float | None = None
    hyperparameters: dict[str, Value] = msgspec.field(default_factory=dict)
    per_layer: dict[str, tuple[float, ...]] = msgspec.field(default_factory=dict)
    schedule: Schedule = msgspec.field(default_factory=Constant)
    schedule_by: Literal["epoch", "step"] = "epoch"
    warmup: float = 0.0
    batch_size: int = 10
    largest_batch: int | None = None
    epochs: int = 10
    seed: int = 0
    engine: str = "fused"
    dtype: str = "float32"
    initial_weights: str | None = None
    order: str | None = None

    @property
    def network(self) -> Network:
        """The network that the spec describes."""
        return Network(self.layers, self.activation, self.bias, self.softmax)

    @property
    def optimizer_name(self) -> str:
        """The optimizer's name without the path of its file."""
        return self.optimizer.rpartition(":")[2]

    @property
    def optimizer_label(self) -> str:
        """The optimizer's name, and before it that of its file if it has one, without the folder."""
        file, colon, name = self.optimizer.rpartition(":")
        return f"{PurePath(file).name}{colon}{name}"


@dataclass(frozen=True, eq=False)
class ResolvedRun:
    """A run in which every name has become the thing that it names, and every default a value.

    Nothing behind it looks a name up again: a run goes on with what it was made with, though its user edits a file.

    Attributes:
        spec: the run by its names, with every default filled in.
        base: the optimizer that was named.
        stages: the stages of users that were named, in the order in which they stand.
        optimizer: `base` with those stages and with those whose hyper-parameters are given; a lazy update that does not
            hold, since one of its hyper-parameters varies, is left out.
        network: the network.
        id: sixteen hexadecimal digits, see `identity`.
    """

    spec: RunSpec
    base: Optimizer
    stages: tuple[Stage, ...]
    optimizer: Optimizer
    network: Network
    id: str

    def replaced(self, **changes: Any) -> ResolvedRun:
        """Return the run with other settings and the same things."""
        return resolve(msgspec.structs.replace(self.spec, **changes), self.base, self.stages)

    @property
    def optimizer_text(self) -> str | None:
        """The text of an optimizer or a stage that is not ravine's own, with all that goes with it."""
        own = self.base in OPTIMIZERS.values() and all(stage in STAGES.values() for stage in self.stages)
        return None if own else "\n\n".join(self.optimizer.texts())

    def batch_size_in(self, epoch: int) -> int:
        """Return the batch size of an epoch, counted from 0."""
        spec = self.spec
        if spec.largest_batch is None:
            return spec.batch_size
        assert spec.lr is not None
        return grown_batch_size(spec.schedule, spec.lr, epoch, spec.epochs, spec.batch_size, spec.largest_batch)

    def rates_in(self, epoch: int, steps: Array, count: int) -> Array:
        """Return the learning rates of some steps, counted from 0, of an epoch that takes `count` samples."""
        spec = self.spec
        assert spec.lr is not None
        size = self.batch_size_in(epoch)
        unit = size / count if spec.schedule_by == "step" else 1.0
        times = epoch + steps * unit if spec.schedule_by == "step" else np.full(len(steps), float(epoch))
        rates = learning_rates(spec.schedule, spec.lr, times, spec.epochs, spec.warmup, unit)
        return rates * (size / spec.batch_size)


def identity(spec: RunSpec, optimizer: Optimizer) -> str:
    """Return sixteen hexadecimal digits: a hash of all that decides the result of a resolved run.

    They are the settings that differ from the defaults, so that a new setting leaves the ids of old runs as they are
    (and a default must never change); the optimizer's texts; and the checksums of the data. The texts count, and not in
    which folder a file lies.
    """
    defaults = msgspec.to_builtins(RunSpec())
    settings = {name: value for name, value in msgspec.to_builtins(spec).items() if value != defaults[name]}
    settings |= {
        "optimizer": spec.optimizer_name,
        "stages": [stage.rpartition(":")[2] for stage in spec.stages],
        "hyperparameters": {name: float(value) for name, value in spec.hyperparameters.items()},
    }
    decisive = {
        "settings": settings,
        "optimizer": optimizer.texts(),
        "data": sorted(DATASETS[spec.dataset].sha256.values()),
    }
    return hashlib.sha256(msgspec.json.encode(decisive, order="sorted")).hexdigest()[:16]


SETTINGS = frozenset({*RunSpec.__struct_fields__, *_OF_SCHEDULES} - {"hyperparameters", "initial_weights", "order"})
"""What `from_settings` takes beside the optimizer's own hyper-parameters, which must have other names."""


def check_names(optimizer: Optimizer) -> None:
    """Check that no hyper-parameter but lr has the name of a setting of a run, which would get its value."""
    taken = sorted((SETTINGS - {"lr"}).intersection(optimizer.defaults))
    if taken:
        raise ConfigError(
            f"{optimizer.name} has a hyper-parameter with the name of a setting of a run, {taken[0]}: choose another "
            "one."
        )


def from_settings(settings: Mapping[str, Any]) -> ResolvedRun:
    """Make a run from flat settings, the keywords of `ravine.train` and the keys of a study file.

    They are the fields of `RunSpec`, where `per_layer` may hold lists, and `optimizer` and `stages` things in place of
    names; `final_lr`, `decay_factor` and `decay_every` for the schedule, which is given by its name; and the
    hyper-parameters of the optimizer and of stages by their own names.

    >>> from_settings({"optimizer": "momentum", "alpha": 0.5, "lr": 0.1, "final_lr": 0.001}).spec.schedule
    Linear(final_lr=0.001)
    """
    fields = SETTINGS - set(_OF_SCHEDULES)
    flat = folded_keys(settings)
    schedule = make_schedule(
        flat.pop("schedule", None),
        final_lr=flat.pop("final_lr", None),
        decay_factor=flat.pop("decay_factor", None),
        decay_every=flat.pop("decay_every", None),
    )
    chosen = {name: flat.pop(name) for name in fields if name in flat}
    chosen["optimizer"], base = OPTIMIZERS.resolve(chosen.get("optimizer", "sgd"))
    given = [STAGES.resolve(stage) for stage in _listed(chosen.get("stages", ()))]
    chosen["stages"], stages = tuple(name for name, _ in given), tuple(stage for _, stage in given)
    check_names(base)
    known = SETTINGS | allowed(base, stages)
    for name in flat:
        if name not in known:
            raise ConfigError(unknown(f"setting of a run with {base.name}", name, known))
    if "layers" in chosen:
        chosen["layers"] = _sizes(chosen["layers"])
    if "per_layer" in chosen:
        chosen["per_layer"] = _factors(chosen["per_layer"])
    return resolve(RunSpec(**chosen, hyperparameters=_values(flat), schedule=schedule), base, stages)


def _listed(stages: Any) -> Sequence[Any]:
    if isinstance(stages, (list, tuple)):
        return stages
    raise ConfigError(
        f'stages is {shortened(stages)}; it must be a list of names, files or stages, for example ["mine.py:decay"].'
    )


def _sizes(layers: Any) -> tuple[int, ...]:
    sizes = plain(layers)
    if not isinstance(sizes, (list, tuple)) or not all(type(size) is int for size in sizes):
        raise ConfigError(
            f"layers is {shortened(layers)}; it must be a list of whole numbers, for example [784, 300, 10]."
        )
    return tuple(sizes)


def _factors(per_layer: Any) -> dict[str, tuple[float, ...]]:
    factors = plain(per_layer)
    if not isinstance(factors, dict) or not all(_are_numbers(each) for each in factors.values()):
        raise ConfigError(
            f'per_layer is {shortened(per_layer)}; it must be numbers by name, for example {{"lr": [1, 1, 0.5]}}.'
        )
    return {name: tuple(map(float, each)) for name, each in folded_keys(factors).items()}


def _are_numbers(values: Any) -> bool:
    if not isinstance(values, (list, tuple)):
        return False
    # A whole number may be too large for a float.
    return all(type(value) is float or (type(value) is int and abs(value) < 2**1023) for value in values)


def _values(hyperparameters: Any) -> dict[str, Value]:
    values = plain(hyperparameters)
    if not isinstance(values, dict):
        raise ConfigError(
            f'hyperparameters is {shortened(hyperparameters)}; it must be values by name, as {{"alpha": 0.5}}.'
        )
    for name, value in values.items():
        if not isinstance(value, (bool, int, float)):
            raise ConfigError(f"{name} is {shortened(value)}; it must be a number, true or false.")
    return folded_keys(values)


def resolve(spec: RunSpec, optimizer: Optimizer | None = None, stages: tuple[Stage, ...] | None = None) -> ResolvedRun:
    """Check a spec, fill in every default and find what its names stand for, unless that is given.

    Equal runs have equal resolved specs.

    Raises:
        ConfigError: a name does not exist, or a value is not allowed; the message says which are.

    >>> resolve(RunSpec(optimizer="momentum")).spec.hyperparameters
    {'alpha': 0.9}
    """
    spec = _typed(spec)
    _known("data set", spec.dataset, DATASETS)
    _known("initializer", spec.init, INITIALIZERS)
    if optimizer is None:
        name, optimizer = OPTIMIZERS.resolve(spec.optimizer)
        spec = msgspec.structs.replace(spec, optimizer=name)
    if stages is None:
        found = [STAGES.resolve(stage) for stage in spec.stages]
        stages = tuple(stage for _, stage in found)
        spec = msgspec.structs.replace(spec, stages=tuple(name for name, _ in found))
    network = spec.network
    _check_data(spec, network)
    _at_least("batch size", spec.batch_size, 1)
    _at_least("epochs", spec.epochs, 1)
    if not 0 <= spec.warmup < math.inf:
        raise ConfigError(f"warmup is {spec.warmup:g}; it must be a number of epochs, 0 or more.")
    _check_growing_batch(spec)
    if not 0 <= spec.seed <= _LARGEST_SEED:
        raise ConfigError(f"seed is {spec.seed}; it must be a whole number from 0 to {_LARGEST_SEED}.")
    given = dict(spec.hyperparameters)
    if "lr" in given:
        raise ConfigError("lr is given among the hyperparameters; give it as lr, on the command line --lr.")
    if spec.lr is not None:
        given["lr"] = spec.lr
    whole = with_stages(optimizer, spec.hyperparameters, stages)
    check_names(whole)
    values = whole.hyperparameters(given)
    check_precision(whole, values, spec.dtype)
    _check_layers(spec, whole, optimizer, values)
    lr = values.pop("lr")
    _check_growth(spec, lr)
    named = _of_users(dict(zip(stages, spec.stages, strict=True)))
    stages = tuple(named)
    spec = msgspec.structs.replace(spec, lr=lr, stages=tuple(named.values()), hyperparameters=whole.typed(values))
    spec = _simplest(spec)
    varying = frozenset({*spec.per_layer, *(["lr"] if spec.schedule_by == "step" else [])})
    trained = whole.varying(varying)
    return ResolvedRun(spec, optimizer, stages, trained, network, identity(spec, trained))


def _check_data(spec: RunSpec, network: Network) -> None:
    info = DATASETS[spec.dataset]
    pixels = math.prod(info.shape)
    if network.layers[0] != pixels or network.layers[-1] != info.classes:
        sizes = beginning(",".join(map(str, spec.layers)))
        raise ConfigError(
            f"layers {sizes} do not fit {spec.dataset}: the first must be {pixels}, its pixels, and the last "
            f"{info.classes}, its classes."
        )


def _of_users(names: Mapping[Stage, str]) -> dict[Stage, str]:
    """Return those stages that are not ravine's own, with their names, in the order in which they stand.

    Ravine's own are put in by their hyper-parameters, of which a resolved run has all.
    """
    own = set(STAGES.values())
    return {stage: names[stage] for stage in sorted(names, key=placed) if stage not in own}


def _simplest(spec: RunSpec) -> RunSpec:
    """Drop settings that have no effect, so that equal runs get equal ids."""
    changes = not isinstance(spec.schedule, Constant) or spec.warmup > 0
    return msgspec.structs.replace(
        spec,
        per_layer={name: factors for name, factors in spec.per_layer.items() if set(factors) != {1.0}},
        largest_batch=None if spec.largest_batch == spec.batch_size else spec.largest_batch,
        schedule_by=spec.schedule_by if changes else "epoch",
    )


def _typed(spec: RunSpec) -> RunSpec:
    """Check the type of every field, and bring what NumPy made, and names, into the form that ravine works with."""
    given = {field: plain(getattr(spec, field)) for field in spec.__struct_fields__}
    given |= {
        "stages": tuple(given["stages"]) if isinstance(given["stages"], list) else given["stages"],
        "layers": _sizes(spec.layers),
        "hyperparameters": _values(spec.hyperparameters),
        "per_layer": _factors(spec.per_layer),
        "schedule": _schedule(spec.schedule),
    }
    _known("engine", given["engine"], ENGINES)
    _known("schedule_by", given["schedule_by"], ("epoch", "step"))
    kind = f"dtype of the {given['engine']} engine"
    given["dtype"] = dtype_name(given["dtype"], ENGINES[given["engine"]], kind)
    typed: RunSpec = convert(given, RunSpec)
    return typed


def _schedule(schedule: Any) -> Schedule:
    if not isinstance(schedule, Schedule):
        raise ConfigError(
            f"schedule is {shortened(schedule)}; it must be one of ravine.schedules, as Linear(final_lr=0.001)."
        )
    return make_schedule(str(schedule.__struct_config__.tag), **msgspec.structs.asdict(schedule))


def _check_growth(spec: RunSpec, lr: float) -> None:
    # A factor above 1 is a schedule too, and the last epoch has its largest rate.
    last = spec.epochs if spec.schedule_by == "step" else spec.epochs - 1
    with np.errstate(over="ignore"):
        rate = np.dtype(spec.dtype).type(spec.schedule.rate(lr, np.array(float(last)), spec.epochs))
    if not np.isfinite(rate):
        raise ConfigError(f"the learning rate grows beyond all numbers within {spec.epochs} epochs; lower the factor.")


def _check_growing_batch(spec: RunSpec) -> None:
    if spec.largest_batch is None:
        return
    if isinstance(spec.schedule, Constant):
        raise ConfigError("largest_batch is given, and a constant schedule has no decay in whose place a batch grows.")
    _at_least("largest_batch", spec.largest_batch, spec.batch_size)


def _check_layers(spec: RunSpec, optimizer: Optimizer, alone: Optimizer, values: Mapping[str, float]) -> None:
    """Check the factors of each layer, and that what they give is allowed; `alone` is the optimizer without stages."""
    if not spec.per_layer:
        return
    layers = len(spec.layers) - 1
    if not optimizer.by_layer:
        cause = " with a stage that takes the norm of all layers" if alone.by_layer else ""
        raise ConfigError(f"{optimizer.name}{cause} takes one step for all together: leave out per_layer.")
    for name, factors in spec.per_layer.items():
        if name not in values:
            raise ConfigError(f"per_layer of the run: {unknown(f'hyper-parameter of {optimizer.name}', name, values)}")
        if len(factors) != layers:
            raise ConfigError(
                f"per_layer has {len(factors)} factors of {name}; give one for each of the {layers} layers of weights."
            )
        for layer, factor in enumerate(factors, start=1):
            try:
                factored = optimizer.hyperparameters({**values, name: values[name] * factor})
                check_precision(optimizer, factored, spec.dtype)
            except ConfigError as error:
                raise ConfigError(f"per_layer, layer {layer} of weights: {error}") from None


def _known(kind: str, name: Any, allowed: Any) -> None:
    if not isinstance(name, str) or name not in allowed:
        raise ConfigError(unknown(kind, name, allowed))


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name} is {value}; it must be a whole number of {least} or more.")
