"""The gradient check of a network at its initial weights, after some epochs, or at the weights of a stored run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from numpy.typing import DTypeLike

from ravine.api.training import data_at_hand, had_numbers, load_run, run_spec
from ravine.api.watching import checked_watcher
from ravine.arrays import Array
from ravine.data import Dataset, GivenInfo
from ravine.errors import ConfigError, shortened
from ravine.gradients.methods import METHODS, require_methods
from ravine.gradients.networks.check import NetworkCheck, Progress, check_network, require_samples
from ravine.gradients.networks.derivatives import DEFAULT_STEP, require_step
from ravine.gradients.networks.digits import require_digits
from ravine.inputs import convert, dtype_name, path_of, plain
from ravine.spec import ResolvedRun, RunSpec, resolve
from ravine.spec.values import MOST, check_data
from ravine.training import Watcher, start_weights
from ravine.training.data import data_of, kind_of, require_fitting
from ravine.training.run import Run


def check_network_gradient(
    spec: RunSpec,
    *,
    run: Path | str | None = None,
    epochs: int = 1,
    samples: Sequence[int] = (0,),
    weights: int | None = None,
    methods: Sequence[str] = METHODS,
    h: float = DEFAULT_STEP,
    digits: int | None = 60,
    dtype: DTypeLike = "float64",
    data_dir: Path | str | None = None,
    out: Path | str | None = None,
    watcher: Watcher | None = None,
    progress: Progress | None = None,
    data: Dataset | tuple[Any, ...] | None = None,
) -> NetworkCheck:
    """Check the gradient of a spec's network on some training samples, against numerical ones, weight by weight.

    Args:
        spec: the network, and its training before the check.
        run: a stored run, whose network and weights are checked instead; the spec is then not looked at.
        epochs: the number of epochs of training before the check; with 0, the check is at the initial weights.
        samples: numbers of the training samples; the loss is their mean, in which each counts once, whatever its sample
            weight.
        weights: how many weights to check, a seeded subset, or None for all. Weights of an input that is 0 in all
            samples cannot change the loss: they are not drawn, and None checks them too.
        methods, h: see `ravine.gradients.methods`.
        digits: digits of the high-precision check of a seeded subset of weights; None leaves that check out.
        dtype: float64 or float32, in which gradients and differences are computed; by name, or as NumPy has it.
        data: data of your own in place of the spec's data set, as for `ravine.train`; the layers must fit them. A run
            on given data needs these again.

    Raises:
        ConfigError, UsageError: a sample is outside the data, h is not a step, a method is unknown, a run is not there.
    """
    if not isinstance(spec, RunSpec):
        raise ConfigError(f"spec is {shortened(spec)}; it must be a ravine.RunSpec.")
    methods = convert(plain(methods), tuple[str, ...], "methods")
    samples = convert(plain(samples), tuple[int, ...], "samples")
    h, epochs = convert(plain(h), float, "h"), convert(plain(epochs), int, "epochs")
    weights, digits = convert(plain(weights), int | None, "weights"), convert(plain(digits), int | None, "digits")
    watcher = checked_watcher(watcher)
    require_methods(tuple(methods))
    require_step(h)
    if digits is not None:
        require_digits(digits)
    precision = dtype_name(dtype, ("float64", "float32"), "dtype of a gradient check")
    if weights is not None and not 1 <= weights <= MOST:
        raise ConfigError(f"weights is {shortened(weights)}; it must be all or a whole number from 1 to {MOST}.")
    if epochs < 0:
        raise ConfigError(f"epochs is {epochs}; it must be a whole number of 0 or more.")
    stored = None if run is None else load_run(run, out)
    trained = spec if stored is None else stored.spec
    given = None if data is None else data_at_hand(data, data_dir, numbers=had_numbers(trained))
    if stored is None and given is not None:
        spec = _on(given, spec)
    wanted = resolve(msgspec.structs.replace(spec, epochs=max(1, epochs))) if stored is None else stored
    dataset, network = data_of(wanted.spec, given, path_of("data_dir", data_dir), quiet=False), wanted.network
    check_data(network.layers, dataset.info, network.objective)
    require_fitting(dataset, network.objective, precision)
    require_samples(samples, dataset.train)
    flat = wanted.weights if isinstance(wanted, Run) else _trained(wanted, epochs, dataset, out, watcher)
    return check_network(
        network,
        flat,
        dataset.train,
        samples=samples,
        weights=weights,
        methods=methods,
        h=h,
        digits=digits,
        dtype=precision,
        seed=wanted.spec.seed,
        progress=progress,
    )


def _on(data: Dataset, spec: RunSpec) -> RunSpec:
    """Return a spec on data that are at hand."""
    if spec.data is not None or not isinstance(data.info, GivenInfo):
        return spec  # `data_of` compares them
    test = "never" if data.test is None else spec.test
    changes = {"dataset": data.info.name, "data": data.info.digest, "targets": kind_of(data), "test": test}
    return msgspec.structs.replace(spec, **changes)


def _trained(run: ResolvedRun, epochs: int, dataset: Dataset, out: Path | str | None, watcher: Watcher | None) -> Array:
    """Return the flat weights after `epochs` epochs of the spec."""
    if epochs == 0:
        return start_weights(run.spec)
    outcome = run_spec(run, data=dataset, out=out, watcher=watcher)
    if not isinstance(outcome, Run):
        raise KeyboardInterrupt
    return outcome.weights
