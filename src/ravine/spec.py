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
from ravine.formulas.identity import function_text
from ravine.formulas.kinds import Value
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.precision import check_precision
from ravine.formulas.schedule import Schedule, grown_batch_size, learning_rates
from ravine.formulas.shelves import OPTIMIZERS, SCHEDULES, STAGES
from ravine.formulas.stage import Stage, placed
from ravine.inputs import convert, dtype_name, folded_keys, plain
from ravine.networks import INITIALIZERS, Network
from ravine.settings import BY_NAME, ENGINES

_LARGEST_SEED = 2**63 - 1


_STEPS = 100
"""At how many times of an epoch rates by step are checked before it is known how many steps there are."""

_TIMES = 100_000
"""At how many times of a run at most."""


class RunSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One training run.

    The defaults are plain SGD in batches of 10, ten epochs on MNIST. `optimizer` and `schedule` are names, or
    FILE.py:NAME, and so are `stages`, those of the user's own. `hyperparameters` holds those of the optimizer and of
    stages but for the learning rate, numbers, whole numbers and flags; what is not given takes the default.
    `schedule_settings` are the schedule's. `per_layer` has factors of some hyper-parameters, or of lr, one a layer.
    With a `largest_batch` batches grow where the schedule would lower the rate, see
    `formulas.schedule.grown_batch_size`, and the rate falls by what the batch cannot grow. `initial_weights` and
    `order` are the SHA-256 of arrays that the caller gave in place of those that the seed makes.
    tests/test_settings.py holds the fields to `ravine.settings`.
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
    schedule: str = "constant"
    schedule_settings: dict[str, Value] = msgspec.field(default_factory=dict)
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
        return _label(self.optimizer)

    @property
    def schedule_name(self) -> str:
        """The schedule's name without the path of its file."""
        return self.schedule.rpartition(":")[2]

    @property
    def schedule_label(self) -> str:
        """The schedule's name, and before it that of its file if it has one, without the folder."""
        return _label(self.schedule)


def _label(reference: str) -> str:
    """Return a name without the folder of its file.

    >>> _label("/home/me/mine.py:mine"), _label("adam")
    ('mine.py:mine', 'adam')
    """
    file, colon, name = reference.rpartition(":")
    return f"{PurePath(file).name}{colon}{name}"


@dataclass(frozen=True, eq=False)
class ResolvedRun:
    """A run in which every name has become the thing that it names, and every default a value.

    Nothing behind it looks a name up again: a run goes on with what it was made with, though its user edits a file.

    Attributes:
        spec: the run by its names, with every default filled in.
        base: the optimizer that was named.
        stages: the stages of users that were named, in the order in which they stand.
        schedule: the schedule.
        optimizer: `base` with those stages and with those whose hyper-parameters are given; a lazy update that does not
            hold, since one of its hyper-parameters varies, is left out.
        network: the network.
        id: sixteen hexadecimal digits, see `identity`.
    """

    spec: RunSpec
    base: Optimizer
    stages: tuple[Stage, ...]
    schedule: Schedule
    optimizer: Optimizer
    network: Network
    id: str

    def replaced(self, **changes: Any) -> ResolvedRun:
        """Return the run with other settings and the same things."""
        return resolve(msgspec.structs.replace(self.spec, **changes), Things(self.base, self.stages, self.schedule))

    def identity(self) -> str:
        """Return what the id is now; it is another one if something that the run was made of has changed since."""
        return identity(self.spec, self.optimizer, self.schedule)

    @property
    def optimizer_text(self) -> str | None:
        """The text of an optimizer or a stage that is not ravine's own, with all that goes with it."""
        own = self.base in OPTIMIZERS.values() and all(stage in STAGES.values() for stage in self.stages)
        return None if own else "\n\n".join(self.optimizer.texts())

    @property
    def schedule_text(self) -> str | None:
        """The text of a schedule that is not ravine's own."""
        return _text_of(self.schedule)

    @property
    def _settings(self) -> dict[str, float]:
        return {name: float(value) for name, value in self.spec.schedule_settings.items()}

    def batch_size_in(self, epoch: int) -> int:
        """Return the batch size of an epoch, counted from 0."""
        spec = self.spec
        if spec.largest_batch is None:
            return spec.batch_size
        assert spec.lr is not None
        return grown_batch_size(
            self.schedule, self._settings, spec.lr, epoch, spec.epochs, spec.batch_size, spec.largest_batch
        )

    def rates_in(self, epoch: int, steps: Array, count: int) -> Array:
        """Return the learning rates of some steps, counted from 0, of an epoch that takes `count` samples."""
        spec = self.spec
        assert spec.lr is not None
        size = self.batch_size_in(epoch)
        unit = size / count if spec.schedule_by == "step" else 1.0
        times = epoch + steps * unit if spec.schedule_by == "step" else np.full(len(steps), float(epoch))
        rates = learning_rates(self.schedule, self._settings, spec.lr, times, spec.epochs, spec.warmup, unit)
        return self._checked(times, rates * (size / spec.batch_size))

    def check_rates(self, count: int) -> None:
        """Check the rates of all steps of a run by step whose epochs take `count` samples, before it begins.

        Raises:
            ConfigError: one is negative, or not finite in the run's dtype.
        """
        if self.spec.schedule_by == "epoch":  # `resolve` has checked them
            return
        for epoch in range(self.spec.epochs):
            self.rates_in(epoch, np.arange(math.ceil(count / self.batch_size_in(epoch))), count)

    def check_some_rates(self) -> None:
        """Check the rates of a run before its data are known: of each epoch, by step at times between them too."""
        spec = self.spec
        assert spec.lr is not None
        every = _STEPS if spec.schedule_by == "step" else 1
        count = spec.epochs * every
        numbers = np.arange(count) if count <= _TIMES else np.linspace(0, count - 1, _TIMES).round()
        times = numbers / every
        rates = learning_rates(self.schedule, self._settings, spec.lr, times, spec.epochs, spec.warmup, 1 / every)
        self._checked(times, rates)

    def _checked(self, times: Array, rates: Array) -> Array:
        """Return rates at some times, which must be finite in the run's dtype and not negative."""
        with np.errstate(over="ignore"):
            fits = np.isfinite(rates.astype(self.spec.dtype)) & (rates >= 0)
        if not fits.all():
            first = int(np.argmin(fits))
            raise ConfigError(
                f"{self.schedule.title} gives a learning rate of {rates[first]:g} at epoch {times[first]:g} of "
                f"{self.spec.epochs}, counted from 0; it must be 0 or more, and a number that {self.spec.dtype} has."
            )
        return rates


@dataclass(frozen=True)
class Things:
    """What the names of a spec stand for.

    Attributes:
        optimizer: that of `RunSpec.optimizer`.
        stages: those of `RunSpec.stages`.
        schedule: that of `RunSpec.schedule`.
    """

    optimizer: Optimizer
    stages: tuple[Stage, ...]
    schedule: Schedule


def _text_of(schedule: Schedule) -> str | None:
    return None if schedule in SCHEDULES.values() else function_text(schedule.function)


def identity(spec: RunSpec, optimizer: Optimizer, schedule: Schedule) -> str:
    """Return sixteen hexadecimal digits: a hash of all that decides the result of a resolved run.

    They are the settings that differ from the defaults, so that a new setting leaves the ids of old runs as they are
    (and a default must never change); the texts of the optimizer, and of a schedule that is not ravine's own; and the
    checksums of the data. The texts count, and not in which folder a file lies.
    """
    defaults = msgspec.to_builtins(RunSpec())
    settings = {name: value for name, value in msgspec.to_builtins(spec).items() if value != defaults[name]}
    settings |= {
        "optimizer": spec.optimizer_name,
        "stages": [stage.rpartition(":")[2] for stage in spec.stages],
        "hyperparameters": {name: float(value) for name, value in spec.hyperparameters.items()},
        "schedule": spec.schedule_name,
        "schedule_settings": {name: float(value) for name, value in spec.schedule_settings.items()},
    }
    decisive = {
        "settings": settings,
        "schedule": _text_of(schedule),
        "optimizer": optimizer.texts(),
        "data": sorted(DATASETS[spec.dataset].sha256.values()),
    }
    return hashlib.sha256(msgspec.json.encode(decisive, order="sorted")).hexdigest()[:16]


_NAMES = frozenset(BY_NAME) - {"hyperparameters"}
"""What `from_settings` takes beside hyper-parameters and the schedule's settings, which must have other names."""


def check_names(optimizer: Optimizer) -> None:
    """Check that no hyper-parameter but lr has the name of a setting of a run, which would get its value."""
    taken = sorted((_NAMES - {"lr"}).intersection(optimizer.defaults))
    if taken:
        raise ConfigError(
            f"{optimizer.name} has a hyper-parameter with the name of a setting of a run, {taken[0]}: choose another "
            "one."
        )


def _check_names_of(schedule: Schedule, optimizer: Optimizer, stages: Sequence[Stage]) -> None:
    """Check that no setting of a schedule has the name of something else, which would get its value."""
    for name in schedule.defaults:
        if name in _NAMES - {"final_lr"}:
            raise ConfigError(
                f"{schedule.title} has a setting with the name of a setting of a run, {name}: choose another one."
            )
        if name in allowed(optimizer, stages):
            owner = optimizer.name if name in optimizer.defaults else "a stage"
            raise ConfigError(
                f"{name} is a setting of {schedule.title} and a hyper-parameter of {owner}, and one value cannot be "
                "meant for both: choose another schedule or optimizer, or another name in your own."
            )


def from_settings(settings: Mapping[str, Any]) -> ResolvedRun:
    """Make a run from flat settings, the keywords of `ravine.train` and the keys of a study file.

    They are those of `ravine.settings`, where `per_layer` may hold lists, and `optimizer`, `stages` and `schedule`
    things in place of names; the hyper-parameters of the optimizer and of stages and the schedule's settings by their
    own names; and `final_lr`, a setting of some schedules, which alone means linear decay.

    >>> spec = from_settings({"optimizer": "momentum", "alpha": 0.5, "lr": 0.1, "final_lr": 0.001}).spec
    >>> spec.schedule, spec.schedule_settings, spec.hyperparameters
    ('linear', {'final_lr': 0.001}, {'alpha': 0.5})
    """
    flat = folded_keys(settings)
    if flat.get("final_lr") is None:
        flat.pop("final_lr", None)
    if flat.get("schedule") is None:
        flat["schedule"] = "linear" if "final_lr" in flat else "constant"
    flat["schedule"], schedule = SCHEDULES.resolve(plain(flat["schedule"]))
    own = {name: flat.pop(name) for name in schedule.defaults if name in flat}
    if "final_lr" in flat:
        raise ConfigError(f"final_lr is given, and {schedule.takes}.")
    chosen = {name: flat.pop(name) for name in _NAMES if name in flat}
    chosen["optimizer"], base = OPTIMIZERS.resolve(chosen.get("optimizer", "sgd"))
    given = [STAGES.resolve(stage) for stage in _listed(chosen.get("stages", ()))]
    chosen["stages"], stages = tuple(name for name, _ in given), tuple(stage for _, stage in given)
    check_names(base)
    _check_names_of(schedule, base, stages)
    known = _NAMES | allowed(base, stages) | set(schedule.defaults)
    for name in flat:
        if name not in known:
            others = [other.name for other in SCHEDULES.values() if name in other.defaults]
            if others:
                raise ConfigError(f"{name} is a setting of the schedule {' or '.join(others)}, and {schedule.takes}.")
            raise ConfigError(unknown(f"setting of a run with {base.name}", name, known))
    if "layers" in chosen:
        chosen["layers"] = _sizes(chosen["layers"])
    if "per_layer" in chosen:
        chosen["per_layer"] = _factors(chosen["per_layer"])
    spec = RunSpec(**chosen, hyperparameters=_values(flat), schedule_settings=_values(own))
    return resolve(spec, Things(base, stages, schedule))


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


def _values(given: Any, field: str = "hyperparameters") -> dict[str, Value]:
    values = plain(given)
    if not isinstance(values, dict):
        raise ConfigError(f'{field} is {shortened(given)}; it must be values by name, as {{"alpha": 0.5}}.')
    for name, value in values.items():
        if not isinstance(value, (bool, int, float)):
            raise ConfigError(f"{name} is {shortened(value)}; it must be a number, true or false.")
    return folded_keys(values)


def resolve(spec: RunSpec, things: Things | None = None) -> ResolvedRun:
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
    if things is None:
        spec, things = _found(spec)
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
    optimizer = with_stages(things.optimizer, spec.hyperparameters, things.stages)
    check_names(optimizer)
    _check_names_of(things.schedule, optimizer, things.stages)
    settings = things.schedule.hyperparameters(spec.schedule_settings)
    values = optimizer.hyperparameters(given)
    check_precision(optimizer, values, spec.dtype)
    _check_layers(spec, optimizer, things.optimizer, values)
    lr = values.pop("lr")
    named = _of_users(dict(zip(things.stages, spec.stages, strict=True)))
    things = Things(things.optimizer, tuple(named), things.schedule)
    full = {"hyperparameters": optimizer.typed(values), "schedule_settings": things.schedule.typed(settings)}
    spec = _simplest(msgspec.structs.replace(spec, lr=lr, stages=tuple(named.values()), **full))
    varying = frozenset({*spec.per_layer, *(["lr"] if spec.schedule_by == "step" else [])})
    run = ResolvedRun(
        spec,
        things.optimizer,
        things.stages,
        things.schedule,
        optimizer.varying(varying),
        network,
        identity(spec, optimizer.varying(varying), things.schedule),
    )
    run.check_some_rates()
    return run


def _found(spec: RunSpec) -> tuple[RunSpec, Things]:
    """Return what the names of a spec stand for, and the spec with names by which that is found again."""
    optimizer, stages = OPTIMIZERS.resolve(spec.optimizer), [STAGES.resolve(stage) for stage in spec.stages]
    schedule = SCHEDULES.resolve(spec.schedule)
    names = {"optimizer": optimizer[0], "stages": tuple(name for name, _ in stages), "schedule": schedule[0]}
    things = Things(optimizer[1], tuple(stage for _, stage in stages), schedule[1])
    return msgspec.structs.replace(spec, **names), things


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
    changes = spec.schedule != "constant" or spec.warmup > 0
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
        "schedule_settings": _values(spec.schedule_settings, "schedule_settings"),
    }
    _known("engine", given["engine"], ENGINES)
    _known("schedule_by", given["schedule_by"], ("epoch", "step"))
    kind = f"dtype of the {given['engine']} engine"
    given["dtype"] = dtype_name(given["dtype"], ENGINES[given["engine"]], kind)
    typed: RunSpec = convert(given, RunSpec)
    return typed


def _check_growing_batch(spec: RunSpec) -> None:
    if spec.largest_batch is None:
        return
    if spec.schedule == "constant":
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
