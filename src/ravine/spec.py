"""A run as a value: everything that decides its result, and the id that is the hash of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Literal

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.data import DATASETS
from ravine.errors import ConfigError, beginning, shortened, unknown
from ravine.formulas import loading
from ravine.formulas.compose import allowed, with_stages
from ravine.formulas.identity import texts
from ravine.formulas.kinds import Value
from ravine.formulas.precision import check_precision
from ravine.inputs import convert, dtype_name, folded_keys, plain
from ravine.networks import INITIALIZERS, Network
from ravine.optimizers import RULES, WHOLE_RULES, AnyRule, Rule, WholeRule, declared_rule, reference, settled
from ravine.schedules import Constant, Schedule, grown_batch_size, learning_rates, make_schedule
from ravine.settings import BY_NAME, ENGINES

_LARGEST_SEED = 2**63 - 1


_OF_SCHEDULES = ("final_lr", "decay_factor", "decay_every")


class RunSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One training run.

    The defaults are the run of the paper's Figure 2. `optimizer` is a name, or FILE.py:RULE. `hyperparameters` holds
    those of the optimizer but for the learning rate, numbers, whole numbers and flags; what is not given takes the
    rule's default. `per_layer` has factors of some of them, or of lr, one a layer. With a `largest_batch` batches grow
    where the schedule would lower the rate, see `schedules.grown_batch_size`, and the rate falls by what the batch
    cannot grow. `initial_weights` and `order` are the SHA-256 of arrays that the caller gave in place of those that the
    seed makes. tests/test_settings.py holds the fields to `ravine.settings`.
    """

    dataset: str = "mnist"
    layers: tuple[int, ...] = (784, 300, 100, 100, 10)
    activation: str = "relu"
    bias: bool = False
    softmax: str = "shifted"
    init: str = "glorot-uniform"
    optimizer: str = "sgd"
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
    def rule(self) -> AnyRule:
        """The optimizer's rule, with the stages whose hyper-parameters are given.

        An idle form holds for hyper-parameters that stay; where one of its own varies, the rule goes without.
        """
        rule = with_stages(settled(self.optimizer), self.hyperparameters)
        varying = {*self.per_layer, *(["lr"] if self.schedule_by == "step" else [])}
        return rule if isinstance(rule, WholeRule) else rule.varying(frozenset(varying))

    @property
    def optimizer_name(self) -> str:
        """The optimizer's name without the path of its file."""
        return self.optimizer.rpartition(":")[2]

    @property
    def optimizer_label(self) -> str:
        """The optimizer's name, and before it that of its file if it has one, without the folder."""
        file, colon, name = self.optimizer.rpartition(":")
        return f"{PurePath(file).name}{colon}{name}"

    @property
    def optimizer_text(self) -> str | None:
        """The text of an optimizer that is not ravine's own, with its stages."""
        return None if self.optimizer in {**RULES, **WHOLE_RULES} else "\n\n".join(_source(self))

    def batch_size_in(self, epoch: int) -> int:
        """Return the batch size of an epoch, counted from 0, of a resolved spec."""
        if self.largest_batch is None:
            return self.batch_size
        assert self.lr is not None
        return grown_batch_size(self.schedule, self.lr, epoch, self.epochs, self.batch_size, self.largest_batch)

    def rates_in(self, epoch: int, steps: Array, count: int) -> Array:
        """Return the learning rates of some steps, counted from 0, of an epoch that takes `count` samples."""
        assert self.lr is not None
        size = self.batch_size_in(epoch)
        unit = size / count if self.schedule_by == "step" else 1.0
        times = epoch + steps * unit if self.schedule_by == "step" else np.full(len(steps), float(epoch))
        rates = learning_rates(self.schedule, self.lr, times, self.epochs, self.warmup, unit)
        return rates * (size / self.batch_size)

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits: a hash of the resolved spec, the rule's source and the data's checksums.

        A rule's source counts, and not in which folder its file lies.
        """
        resolved = resolve(self)
        numbers = {name: float(value) for name, value in resolved.hyperparameters.items()}
        given = {"optimizer": resolved.optimizer_name, "hyperparameters": numbers}
        decisive = {
            "spec": {**msgspec.to_builtins(resolved), **given},
            "rule": _source(resolved),
            "data": sorted(DATASETS[self.dataset].sha256.values()),
        }
        text = msgspec.json.encode(decisive, order="sorted")
        return hashlib.sha256(text).hexdigest()[:16]


_NAMES = frozenset(BY_NAME) - {"hyperparameters"}
"""What `from_settings` takes beside the optimizer's own hyper-parameters, which must have other names."""


def check_names(rule: AnyRule) -> None:
    """Check that no hyper-parameter of a rule but lr has the name of a setting of a run, which would get its value."""
    taken = sorted((_NAMES - {"lr"}).intersection(rule.defaults))
    if taken:
        raise ConfigError(
            f"{rule.name} has a hyper-parameter with the name of a setting of a run, {taken[0]}: choose another one."
        )


def from_settings(settings: Mapping[str, Any]) -> RunSpec:
    """Make a spec from flat settings, the keywords of `ravine.train` and the keys of a study file.

    They are those of `ravine.settings`, where `per_layer` may hold lists, and the optimizer's hyper-parameters by their
    own names. The schedule is given by its name, and by its settings as `final_lr`.

    >>> from_settings({"optimizer": "momentum", "alpha": 0.5, "lr": 0.1, "final_lr": 0.001}).schedule
    Linear(final_lr=0.001)
    """
    fields = _NAMES - set(_OF_SCHEDULES)
    flat = folded_keys(settings)
    schedule = make_schedule(
        flat.pop("schedule", None),
        final_lr=flat.pop("final_lr", None),
        decay_factor=flat.pop("decay_factor", None),
        decay_every=flat.pop("decay_every", None),
    )
    chosen = {name: flat.pop(name) for name in fields if name in flat}
    given = chosen.get("optimizer", "sgd")
    chosen["optimizer"] = reference(given if isinstance(given, str) else declared_rule(given))
    rule = settled(chosen["optimizer"])
    check_names(rule)
    known = _NAMES | allowed(rule)
    for name in flat:
        if name not in known:
            raise ConfigError(unknown(f"setting of a run with {rule.name}", name, known))
    if "layers" in chosen:
        chosen["layers"] = _sizes(chosen["layers"])
    if "per_layer" in chosen:
        chosen["per_layer"] = _factors(chosen["per_layer"])
    return RunSpec(**chosen, hyperparameters=_values(flat), schedule=schedule)


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


def resolve(spec: RunSpec) -> RunSpec:
    """Check a spec and fill in the optimizer's defaults, so that equal runs have equal specs.

    Raises:
        ConfigError: a name does not exist, or a value is not allowed; the message says which are.

    >>> resolve(RunSpec(optimizer="momentum")).hyperparameters
    {'alpha': 0.9}
    """
    spec = _typed(spec)
    _known("data set", spec.dataset, DATASETS)
    _known("initializer", spec.init, INITIALIZERS)
    if loading.recall(spec.optimizer) is None:
        spec = msgspec.structs.replace(spec, optimizer=reference(spec.optimizer))
    info = DATASETS[spec.dataset]
    network = spec.network
    pixels = math.prod(info.shape)
    if network.layers[0] != pixels or network.layers[-1] != info.classes:
        sizes = beginning(",".join(map(str, spec.layers)))
        raise ConfigError(
            f"layers {sizes} do not fit {spec.dataset}: the first must be {pixels}, its pixels, and the last "
            f"{info.classes}, its classes."
        )
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
    check_names(spec.rule)
    rule = spec.rule
    values = rule.hyperparameters(given)
    check_precision(rule, values, spec.dtype)
    _check_layers(spec, values)
    lr = values.pop("lr")
    _check_growth(spec, lr)
    return _simplest(msgspec.structs.replace(spec, lr=lr, hyperparameters=rule.typed(values)))


def _simplest(spec: RunSpec) -> RunSpec:
    """Take out what says nothing: factors of 1, a batch that cannot grow, and by what a rate changes that does not."""
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


def _check_layers(spec: RunSpec, values: Mapping[str, float]) -> None:
    """Check the factors of each layer, and that what they give is allowed."""
    if not spec.per_layer:
        return
    rule, layers = spec.rule, len(spec.layers) - 1
    if isinstance(rule, WholeRule) and not rule.by_layer:
        alone = settled(spec.optimizer)
        stage = isinstance(alone, WholeRule) and alone.by_layer
        cause = " with a stage that takes the norm of all layers" if stage else ""
        raise ConfigError(f"{rule.name}{cause} takes one step for all together: leave out per_layer.")
    for name, factors in spec.per_layer.items():
        if name not in values:
            raise ConfigError(f"per_layer of the run: {unknown(f'hyper-parameter of {rule.name}', name, values)}")
        if len(factors) != layers:
            raise ConfigError(
                f"per_layer has {len(factors)} factors of {name}; give one for each of the {layers} layers of weights."
            )
        for layer, factor in enumerate(factors, start=1):
            try:
                check_precision(rule, rule.hyperparameters({**values, name: values[name] * factor}), spec.dtype)
            except ConfigError as error:
                raise ConfigError(f"per_layer, layer {layer} of weights: {error}") from None


def _known(kind: str, name: Any, allowed: Any) -> None:
    if not isinstance(name, str) or name not in allowed:
        raise ConfigError(unknown(kind, name, allowed))


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name} is {value}; it must be a whole number of {least} or more.")


def _source(spec: RunSpec) -> list[str]:
    rule = spec.rule
    # What is returned goes to the slots in the order of the signature. Ravine's own rules keep theirs.
    if isinstance(rule, Rule) and spec.optimizer not in RULES:
        return [*texts(rule), ", ".join(rule.slots)]
    return texts(rule)
