"""The command that makes a run again."""

from __future__ import annotations

import shlex

import msgspec

from ravine.formulas.kinds import shown
from ravine.spec import RunSpec

_PLAIN = ("softmax", "init", "activation", "dataset", "dtype", "warmup", "schedule_by", "largest_batch")


def command_of(spec: RunSpec) -> str:
    """Return the `ravine train` command of a resolved spec; what is the default is left out, but for the method.

    >>> from ravine.spec import from_settings
    >>> command_of(from_settings({"optimizer": "momentum", "lr": 0.1, "final_lr": 0.001, "seed": 3}).spec)
    'ravine train --optimizer momentum --lr 0.1 --set alpha=0.9 --final-lr 0.001 --batch-size 10 --epochs 10 --seed 3'
    """
    plain = RunSpec()
    words = ["ravine", "train", "--optimizer", spec.optimizer]
    if spec.lr is not None:
        words += ["--lr", repr(spec.lr)]
    for name, value in spec.hyperparameters.items():
        words += ["--set", f"{name}={shown(value) if isinstance(value, bool) else repr(value)}"]
    schedule = msgspec.to_builtins(spec.schedule)
    kind = schedule.pop("kind")
    if kind not in ("constant", "linear"):  # a final rate alone means linear decay
        words += ["--schedule", kind]
    for name, value in schedule.items():
        words += [f"--{name.replace('_', '-')}", repr(value)]
    words += ["--batch-size", str(spec.batch_size), "--epochs", str(spec.epochs)]
    if spec.layers != plain.layers:
        words += ["--layers", ",".join(map(str, spec.layers))]
    if spec.bias:
        words += ["--bias"]
    for name in _PLAIN:
        if getattr(spec, name) != getattr(plain, name):
            words += [f"--{name.replace('_', '-')}", str(getattr(spec, name))]
    for name, factors in spec.per_layer.items():
        words += ["--per-layer", f"{name}={','.join(map(repr, factors))}"]
    if spec.engine == "reference":
        words += ["--engine", spec.engine]
    return shlex.join([*words, "--seed", str(spec.seed)])
