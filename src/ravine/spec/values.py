"""The values of a spec: each of its type, and of those that are allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from ravine.data import DATASETS, GIVEN, DatasetInfo, GivenInfo
from ravine.data.validation import samples_of
from ravine.errors import ConfigError, beginning, shortened, unknown
from ravine.formulas.kinds import Value
from ravine.formulas.loss import Loss
from ravine.formulas.names import no_hyperparameter, stage_of
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.precision import check_precision
from ravine.inputs import convert, dtype_name, folded_keys, plain
from ravine.settings import ENGINES, TESTS
from ravine.spec.run_spec import RunSpec
from ravine.words import several

_LARGEST_SEED = 2**63 - 1

MOST = 2**31 - 1
"""The most epochs, samples in a batch, or units in a layer."""


def sizes(layers: Any) -> tuple[int, ...]:
    """Return the sizes of layers, which are whole numbers."""
    sizes = plain(layers)
    if not isinstance(sizes, (list, tuple)) or not all(type(size) is int for size in sizes):
        raise ConfigError(
            f"layers is {shortened(layers)}; it must be a list of whole numbers, for example [784, 300, 10]."
        )
    for size in sizes:
        if size > MOST:
            raise ConfigError(f"layers has a layer of {shortened(size)} units; it must have at most {MOST:,}.")
    return tuple(sizes)


def factors_of(per_layer: Any) -> dict[str, tuple[float, ...]]:
    """Return factors by name, each one or more numbers; -0.0 becomes 0.0."""
    factors = plain(per_layer)
    if not isinstance(factors, dict) or not all(_are_numbers(each) for each in factors.values()):
        raise ConfigError(
            f'per_layer is {shortened(per_layer)}; it must be numbers by name, for example {{"lr": [1, 1, 0.5]}}.'
        )
    return {name: tuple(float(factor) + 0.0 for factor in each) for name, each in folded_keys(factors).items()}


def _are_numbers(values: Any) -> bool:
    if not isinstance(values, (list, tuple)):
        return False
    # A whole number may be too large for a float.
    return all(type(value) is float or (type(value) is int and abs(value) < 2**1023) for value in values)


def values_of(given: Any, field: str = "hyperparameters") -> dict[str, Value]:
    """Return hyper-parameters, or settings of a schedule, by name: numbers and flags."""
    values = plain(given)
    if not isinstance(values, dict):
        raise ConfigError(f'{field} is {shortened(given)}; it must be values by name, as {{"alpha": 0.5}}.')
    for name, value in values.items():
        if not isinstance(value, (bool, int, float)):
            raise ConfigError(f"{name} is {shortened(value)}; it must be a number, true or false.")
    return folded_keys(values)


def normalized(spec: RunSpec) -> RunSpec:
    """Check the type of every field, and bring names and NumPy's values into the form that ravine works with.

    Two specs that train alike get one form: -0.0 becomes 0.0.
    """
    given = {field: plain(getattr(spec, field)) for field in spec.__struct_fields__}
    given |= {
        "stages": tuple(given["stages"]) if isinstance(given["stages"], list) else given["stages"],
        "layers": sizes(spec.layers),
        "hyperparameters": values_of(spec.hyperparameters),
        "per_layer": factors_of(spec.per_layer),
        "schedule_settings": values_of(spec.schedule_settings, "schedule_settings"),
    }
    require_known("engine", given["engine"], ENGINES)
    require_known("schedule_by", given["schedule_by"], ("epoch", "step"))
    if given["test"] is not None:
        require_known("test", given["test"], TESTS)
    kind = f"dtype of the {given['engine']} engine"
    given["dtype"] = dtype_name(given["dtype"], ENGINES[given["engine"]], kind)
    checked: RunSpec = convert(given, RunSpec)
    return msgspec.structs.replace(checked, warmup=checked.warmup + 0.0, label_smoothing=checked.label_smoothing + 0.0)


def simplest(spec: RunSpec) -> RunSpec:
    """Drop settings that have no effect, so that equal runs get equal ids."""
    changes = spec.schedule != "constant" or spec.warmup > 0
    return msgspec.structs.replace(
        spec,
        per_layer={name: factors for name, factors in spec.per_layer.items() if set(factors) != {1.0}},
        largest_batch=None if spec.largest_batch == spec.batch_size else spec.largest_batch,
        schedule_by=spec.schedule_by if changes else "epoch",
        validation_seed=spec.validation_seed if spec.validation else 0,
        test=None if spec.test_time == msgspec.structs.replace(spec, test=None).test_time else spec.test,
    )


def check_data(layers: Sequence[int], info: DatasetInfo | GivenInfo, loss: Loss) -> None:
    """Check that a network takes the data's samples and has an output for each class."""
    outputs = info.outputs if loss.formula is not None else info.outputs[:1]
    if layers[0] != info.width or layers[-1] not in outputs:
        sizes = beginning(",".join(map(str, layers)))
        given = isinstance(info, GivenInfo)
        data, their, inputs = ("the data", "their", "features") if given else (info.name, "its", "pixels")
        raise ConfigError(
            f"layers {sizes} do not fit {data}: the first must be {info.width}, {their} {inputs}, and the last "
            f"{outputs[0]}, {their} {'targets' if given and not info.classes else 'classes'}."
        )


def with_targets(spec: RunSpec, loss: Loss) -> RunSpec:
    """Return a spec whose targets are called flags if the loss takes them so; refuse targets that it does not take."""
    if spec.targets == "classes":
        if loss.formula is not None and not loss.allows(np.array([0.0, 1.0])).all():
            raise ConfigError(
                f"the targets of classes are 0 and 1, and the loss {loss.name} takes targets in {loss.targets}: choose "
                "another loss."
            )
        return spec
    if loss.formula is None:
        one = spec.layers[-1] == 1
        classes = "np.ravel(y) of one column" if one else "y.argmax(axis=1) of rows with a 1 for the class"
        raise ConfigError(
            "the targets are numbers, and cross-entropy takes classes: choose another loss, such as "
            "loss=squared-error or, for flags, loss=logistic. For classes, give one whole number, flag or text a "
            f"sample, as {classes} is."
        )
    flags = spec.targets == "flags" and loss.decides
    return msgspec.structs.replace(spec, targets="flags" if flags else "numbers")


def check_dataset(spec: RunSpec) -> None:
    """Check that the data are in the catalog, or are given and have a digest."""
    if spec.data is None:
        require_known("data set", spec.dataset, DATASETS)
    elif spec.dataset != GIVEN:
        raise ConfigError(f"dataset is {shortened(spec.dataset)}, and data are given: leave one of the two out.")


def check_seeds(spec: RunSpec) -> None:
    """Check that the seeds fit into 63 bits."""
    for name, seed in (("seed", spec.seed), ("validation_seed", spec.validation_seed)):
        if not 0 <= seed <= _LARGEST_SEED:
            raise ConfigError(f"{name} is {seed}; it must be a whole number from 0 to {_LARGEST_SEED}.")


def counted_validation(spec: RunSpec) -> RunSpec:
    """Return a spec with its validation split as a number of samples, in place of a share of them."""
    if spec.data is not None:
        if not isinstance(spec.validation, int) or spec.validation < 0:
            raise ConfigError(
                f"validation is {shortened(spec.validation)}; in the spec of a run on given data it must be a number "
                "of samples, or 0 for none."
            )
        return spec
    return msgspec.structs.replace(spec, validation=samples_of(spec.validation, DATASETS[spec.dataset].train_count))


def check_growing_batch(spec: RunSpec) -> None:
    """Check that a batch that grows has a schedule to follow, and can grow."""
    if spec.largest_batch is None:
        return
    if spec.schedule == "constant":
        raise ConfigError(
            "largest_batch is given, but a constant schedule never lowers the rate: choose another schedule."
        )
    require_at_least("largest_batch", spec.largest_batch, spec.batch_size)


def check_layers(spec: RunSpec, optimizer: Optimizer, alone: Optimizer, values: Mapping[str, float]) -> None:
    """Check the factors of each layer, and the values that they lead to; `alone` is the optimizer without stages."""
    if not spec.per_layer:
        return
    layers = len(spec.layers) - 1
    if not optimizer.by_layer:
        cause = " with a stage that takes the norm of all layers" if alone.by_layer else ""
        raise ConfigError(f"{optimizer.name}{cause} takes one step for all layers together: leave out per_layer.")
    for name, factors in spec.per_layer.items():
        if name not in values:
            raise ConfigError(f"per_layer of the run: {_no_factor(name, optimizer)}")
        if len(factors) != layers:
            raise ConfigError(
                f"per_layer has {several(len(factors), 'factor')} of {name}; give one for each of the "
                f"{several(layers, 'layer')} of weights."
            )
        for layer, factor in enumerate(factors, start=1):
            try:
                factored = optimizer.hyperparameters({**values, name: values[name] * factor})
                check_precision(optimizer, factored, spec.dtype)
            except ConfigError as error:
                raise ConfigError(f"per_layer, layer {layer} of weights: {error}") from None


def _no_factor(name: str, optimizer: Optimizer) -> str:
    stage = stage_of(name)
    if stage is not None:
        return f"{name} is of the stage {stage.name}, which is not part of the run: give {name} a value too."
    return no_hyperparameter(f"hyper-parameter of {optimizer.name}", name, optimizer)


def require_known(kind: str, name: Any, names: Any) -> None:
    """Refuse a name that is not among the known ones."""
    if not isinstance(name, str) or name not in names:
        raise ConfigError(unknown(kind, name, names))


def require_at_least(name: str, value: int, least: int) -> None:
    """Refuse a number that is too small, or too large for any run."""
    if value < least:
        raise ConfigError(f"{name} is {value}; it must be a whole number of {least} or more.")
    if value > MOST:
        raise ConfigError(f"{name} is {shortened(value)}; it must be a whole number of at most {MOST:,}.")
