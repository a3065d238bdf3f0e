"""The resolved run: a run in which every name has become the thing that it names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from ravine.arrays import Array
from ravine.data import DATASETS
from ravine.errors import ConfigError
from ravine.formulas.activation import Activation
from ravine.formulas.compose import with_stages
from ravine.formulas.loss import Loss
from ravine.formulas.names import allowed_names, of_other_schedules
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.precision import check_precision
from ravine.formulas.repeatable import refuse_uneven
from ravine.formulas.schedule import Schedule, grown_batch_size, learning_rates
from ravine.formulas.shelves import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES, STAGES
from ravine.formulas.stage import Stage, placed
from ravine.inputs import plain
from ravine.networks import INITIALIZERS, Network
from ravine.spec.identity import activation_text, identity, loss_text, text_of
from ravine.spec.names import check_names, check_names_of, no_setting
from ravine.spec.run_spec import RunSpec
from ravine.spec.values import (
    check_data,
    check_dataset,
    check_growing_batch,
    check_layers,
    check_seeds,
    counted_validation,
    normalized,
    require_at_least,
    require_known,
    simplest,
    with_targets,
)

_STEPS = 100
"""How many points of an epoch stand for its steps in a schedule by step, while the number of steps is not known."""

_TIMES = 100_000
"""The largest number of such points in a run."""


@dataclass(frozen=True)
class Things:
    """The things that the names of a spec stand for.

    Attributes:
        optimizer: that of `RunSpec.optimizer`.
        stages: those of `RunSpec.stages`.
        schedule: that of `RunSpec.schedule`.
        activations: those of `RunSpec.activation`: one for all hidden layers, or one for each.
        loss: that of `RunSpec.loss`.
    """

    optimizer: Optimizer
    stages: tuple[Stage, ...]
    schedule: Schedule
    activations: tuple[Activation, ...]
    loss: Loss

    def network(self, spec: RunSpec) -> Network:
        """Return the network of a spec."""
        activation = self.activations[0] if len(self.activations) == 1 else self.activations
        return Network(spec.layers, activation, spec.bias, spec.softmax, self.loss, spec.label_smoothing)


@dataclass(frozen=True, eq=False)
class ResolvedRun:
    """A run in which every name has become the thing that it names, and every default a value.

    No later code looks a name up again: if the user edits a file, a run that goes on keeps the things that it has.

    Attributes:
        spec: the run by its names, with every default filled in.
        base: the optimizer that was named.
        stages: the user's own stages, in the order in which they stand.
        schedule: the schedule.
        activations: one for all hidden layers, or one for each.
        loss: the loss.
        optimizer: `base` with these stages and with ravine's own whose hyper-parameters are given. If a hyper-parameter
            of its lazy update varies, the lazy update is left out.
        network: the network.
        id: sixteen hexadecimal digits, see `identity`.
    """

    spec: RunSpec
    base: Optimizer
    stages: tuple[Stage, ...]
    schedule: Schedule
    activations: tuple[Activation, ...]
    loss: Loss
    optimizer: Optimizer
    network: Network
    id: str

    def replaced(self, **changes: Any) -> ResolvedRun:
        """Return the run with other settings and the same things."""
        return resolve(msgspec.structs.replace(self.spec, **changes), self.things)

    @property
    def things(self) -> Things:
        """The things that its names stand for."""
        return Things(self.base, self.stages, self.schedule, self.activations, self.loss)

    def identity(self) -> str:
        """Compute the id again; it differs from `id` if something that the run is made of has changed since."""
        return identity(self.spec, self.optimizer, self.schedule, self.activations, self.loss)

    @property
    def optimizer_text(self) -> str | None:
        """The text of the optimizer and its stages, with everything that they use; None if all are ravine's own."""
        own = self.base in OPTIMIZERS.values() and all(stage in STAGES.values() for stage in self.stages)
        return None if own else "\n\n".join(self.optimizer.texts())

    @property
    def activation_text(self) -> str | None:
        """The texts of the activations that are not ravine's own; None if all are."""
        return activation_text(self.activations)

    @property
    def loss_text(self) -> str | None:
        """The text of the loss if it is not ravine's own."""
        return loss_text(self.loss)

    @property
    def schedule_text(self) -> str | None:
        """The text of a schedule that is not ravine's own."""
        return text_of(self.schedule)

    @property
    def _settings(self) -> dict[str, float]:
        return {name: float(value) for name, value in self.spec.schedule_settings.items()}

    def batch_size_in(self, epoch: int) -> int:
        """Return the batch size of an epoch, counted from 0."""
        spec = self.spec
        if spec.largest_batch is None:
            return spec.batch_size
        assert spec.lr is not None
        # A batch is chosen for a whole epoch, and a rate may rise within it.
        times = epoch + (np.arange(_STEPS) / _STEPS if spec.schedule_by == "step" else np.zeros(1))
        return grown_batch_size(
            self.schedule, self._settings, spec.lr, times, spec.epochs, spec.batch_size, spec.largest_batch
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
            ConfigError: one is negative, or not finite in the run's dtype; or the user's schedule gives other rates
                when it is asked again, or asked for other numbers of them.
        """
        spec = self.spec
        assert spec.lr is not None
        if self.schedule not in SCHEDULES.values():
            refuse_uneven(self.schedule, self._settings, spec.lr, spec.epochs, spec.schedule_by)
        if spec.schedule_by == "epoch":  # `resolve` has checked them
            return
        for epoch in range(spec.epochs):
            self.rates_in(epoch, np.arange(math.ceil(count / self.batch_size_in(epoch))), count)

    def check_some_rates(self) -> None:
        """Check rates of a run before its data are known.

        They are the rates at the start of each epoch and, in a schedule by step, at points within the epochs; in a long
        run, those at `_TIMES` points.
        """
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


def resolve(spec: RunSpec, things: Things | None = None) -> ResolvedRun:
    """Check a spec, fill in every default and find the things that its names stand for, unless `things` are given.

    Equal runs have equal resolved specs.

    Raises:
        ConfigError: a name does not exist, or a value is not allowed; the message says what is allowed.

    >>> resolve(RunSpec(optimizer="momentum")).spec.hyperparameters
    {'alpha': 0.9}
    """
    spec = normalized(spec)
    check_dataset(spec)
    require_known("initializer", spec.init, INITIALIZERS)
    spec = counted_validation(spec)
    if things is None:
        spec, things = _found(spec)
    network = things.network(spec)
    spec = with_targets(spec, things.loss)
    if spec.data is None:  # layers for data that were given are checked where the data are at hand
        check_data(spec.layers, DATASETS[spec.dataset], things.loss)
    require_at_least("batch size", spec.batch_size, 1)
    require_at_least("epochs", spec.epochs, 1)
    if not 0 <= spec.warmup < math.inf:
        raise ConfigError(f"warmup is {spec.warmup:g}; it must be a number of epochs, 0 or more.")
    check_growing_batch(spec)
    check_seeds(spec)
    given = dict(spec.hyperparameters)
    if "lr" in given:
        raise ConfigError("lr is given among the hyperparameters; give it as lr, on the command line --lr.")
    if spec.lr is not None:
        given["lr"] = spec.lr
    known = allowed_names(things.optimizer, things.stages)
    for name in given:
        if name not in known:
            raise ConfigError(no_setting(name, things.optimizer, things.stages, things.schedule))
    for name in spec.schedule_settings:
        other = None if name in things.schedule.defaults else of_other_schedules(name, things.schedule)
        if other is not None:
            raise ConfigError(other)
    optimizer = with_stages(things.optimizer, spec.hyperparameters, things.stages)
    check_names(optimizer)
    check_names_of(things.schedule, optimizer, things.stages)
    settings = things.schedule.hyperparameters(spec.schedule_settings)
    values = optimizer.hyperparameters(given)
    check_precision(optimizer, values, spec.dtype)
    check_layers(spec, optimizer, things.optimizer, values)
    lr = values.pop("lr")
    named = _of_users(dict(zip(things.stages, spec.stages, strict=True)))
    things = Things(things.optimizer, tuple(named), things.schedule, things.activations, things.loss)
    full = {"hyperparameters": optimizer.typed(values), "schedule_settings": things.schedule.typed(settings)}
    spec = simplest(msgspec.structs.replace(spec, lr=lr, stages=tuple(named.values()), **full))
    varying = frozenset({*spec.per_layer, *(["lr"] if spec.schedule_by == "step" else [])})
    run = ResolvedRun(
        spec,
        things.optimizer,
        things.stages,
        things.schedule,
        things.activations,
        things.loss,
        optimizer.varying(varying),
        network,
        identity(spec, optimizer.varying(varying), things.schedule, things.activations, things.loss),
    )
    run.check_some_rates()
    return run


def _found(spec: RunSpec) -> tuple[RunSpec, Things]:
    """Return the things that the names of a spec stand for, and the spec with names by which to find them again."""
    optimizer, stages = OPTIMIZERS.resolve(spec.optimizer), [STAGES.resolve(stage) for stage in spec.stages]
    schedule = SCHEDULES.resolve(spec.schedule)
    activation, activations = activations_of(spec.activation)
    loss = LOSSES.resolve(spec.loss)
    names = {
        "optimizer": optimizer[0],
        "stages": tuple(name for name, _ in stages),
        "schedule": schedule[0],
        "activation": activation,
        "loss": loss[0],
    }
    things = Things(optimizer[1], tuple(stage for _, stage in stages), schedule[1], activations, loss[1])
    return msgspec.structs.replace(spec, **names), things


def activations_of(given: Any) -> tuple[str, tuple[Activation, ...]]:
    """Return activations, and their names in one text, as a spec has them; equal ones for all layers are one.

    Args:
        given: an activation or its name, or a list of these; or a text in which commas separate names.
    """
    each = given.split(",") if isinstance(given, str) else given if isinstance(given, (list, tuple)) else [given]
    found = [ACTIVATIONS.resolve(plain(one.strip() if isinstance(one, str) else one)) for one in each or [given]]
    if len({name for name, _ in found}) == 1:
        found = found[:1]
    return ",".join(name for name, _ in found), tuple(thing for _, thing in found)


def _of_users(names: Mapping[Stage, str]) -> dict[Stage, str]:
    """Return the stages that are not ravine's own, with their names, in the order in which they stand.

    ravine's own are left out: their hyper-parameters, all of which a resolved run has, put them in again.
    """
    own = set(STAGES.values())
    return {stage: names[stage] for stage in sorted(names, key=placed) if stage not in own}
