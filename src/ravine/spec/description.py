"""A run in a few words, for people."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ravine.formulas.kinds import shown
from ravine.spec.run_spec import DIGITS, RunSpec

_USUAL = RunSpec()


def describe(spec: RunSpec, usual_epochs: int | None = None, usual: RunSpec = _USUAL) -> str:
    """Describe a run in a few words, without its seed, and without its number of epochs if that is `usual_epochs`.

    Hyper-parameters and settings of the schedule are always named; those of the network, the data and the engine where
    they are not as in `usual`, which has the defaults, or what the runs of a study share.

    >>> from ravine.spec import from_settings
    >>> describe(from_settings({"optimizer": "momentum", "lr": 0.1, "final_lr": 0.001, "softmax": "naive"}).spec)
    'momentum lr 0.1 to 0.001, alpha 0.9, m 10, 10 epochs, naive softmax'
    >>> describe(from_settings({"layers": [784, 10], "bias": True, "schedule": "step", "warmup": 1}).spec)
    'sgd lr 0.1, step schedule, decay_factor 0.1, decay_every 5, warmup 1, m 10, 10 epochs, layers 784,10, bias'
    """
    epochs = "1 epoch" if spec.epochs == 1 else f"{spec.epochs} epochs"
    around = [text for name, text in _around(spec).items() if getattr(spec, name) != getattr(usual, name)]
    return ", ".join([*_optimizer(spec), *([] if spec.epochs == usual_epochs else [epochs]), *around])


def shared_by(specs: Sequence[RunSpec]) -> RunSpec:
    """Return the defaults, with those settings of the network, the data and the engine that all specs share.

    >>> shared = shared_by([RunSpec(dataset="kmnist", lr=0.1), RunSpec(dataset="kmnist", lr=0.1, bias=True)])
    >>> shared.dataset, shared.bias, shared.lr
    ('kmnist', False, None)
    """
    values = {name: [getattr(spec, name) for spec in specs] for name in _around(_USUAL)}
    same = {name: each[0] for name, each in values.items() if each and each.count(each[0]) == len(each)}
    return msgspec.structs.replace(_USUAL, **same)


def _optimizer(spec: RunSpec) -> list[str]:
    settings = dict(spec.schedule_settings)
    final = settings.pop("final_lr", None)
    parts = [f"{spec.optimizer_name} lr {spec.lr:g}" + ("" if final is None else f" to {final:g}")]
    if spec.schedule not in ("constant", "linear"):
        parts.append(f"{spec.schedule_name} schedule")
    parts += [f"{name} {shown(value)}" for name, value in settings.items()]
    if spec.warmup:
        parts.append(f"warmup {spec.warmup:g}")
    if spec.schedule_by == "step":
        parts.append("by step")
    parts += [f"with {name}" for name in spec.stage_names]
    parts += [f"{name} {shown(value)}" for name, value in spec.hyperparameters.items()]
    parts += [f"{name} times {','.join(f'{f:g}' for f in factors)}" for name, factors in spec.per_layer.items()]
    return [*parts, f"m {spec.batch_size}" + (f" to at most {spec.largest_batch}" if spec.largest_batch else "")]


def _around(spec: RunSpec) -> dict[str, str]:
    """Return the settings of the network, the data and the engine in words."""
    return {
        "layers": f"layers {','.join(map(str, spec.layers))}",
        "activation": spec.activation_name,
        "bias": "bias" if spec.bias else "no bias",
        "softmax": f"{spec.softmax} softmax",
        "loss": f"{spec.loss_name} loss",
        "label_smoothing": f"label smoothing {spec.label_smoothing:g}",
        "init": spec.init,
        "dataset": spec.dataset if spec.data is None else f"given data {spec.data[:DIGITS]}",
        "validation": f"{spec.validation} validation samples" if spec.validation else "no validation",
        "validation_seed": f"validation seed {spec.validation_seed}",
        "test": {"epoch": "tested each epoch", "end": "tested at the end", "never": "not tested"}[spec.test_time],
        "engine": f"{spec.engine} engine",
        "dtype": spec.dtype,
        "initial_weights": "given initial weights",
        "order": "given order",
    }
