"""A run in a few words, for people."""

from __future__ import annotations

from ravine.formulas.kinds import shown
from ravine.spec.run_spec import RunSpec


def describe(spec: RunSpec, usual_epochs: int | None = None) -> str:
    """Describe a run in a few words, without its number of epochs if that is `usual_epochs`.

    >>> from ravine.spec import from_settings
    >>> describe(from_settings({"optimizer": "momentum", "lr": 0.1, "final_lr": 0.001, "softmax": "naive"}).spec)
    'momentum lr 0.1 to 0.001, alpha 0.9, m 10, 10 epochs, naive softmax'
    """
    usual = RunSpec()
    final = spec.schedule_settings.get("final_lr")
    parts = [f"{spec.optimizer_name} lr {spec.lr:g}" + (f" to {final:g}" if final is not None else "")]
    if spec.schedule not in ("constant", "linear"):
        parts.append(f"{spec.schedule_name} schedule")
    parts += [f"with {name}" for name in spec.stage_names]
    parts += [f"{name} {shown(value)}" for name, value in spec.hyperparameters.items()]
    if spec.schedule_by == "step" and spec.schedule != "constant":
        parts.append("by step")
    parts += [f"{name} times {','.join(f'{f:g}' for f in factors)}" for name, factors in spec.per_layer.items()]
    parts.append(f"m {spec.batch_size}" + (f" to at most {spec.largest_batch}" if spec.largest_batch else ""))
    if spec.epochs != usual_epochs:
        parts.append("1 epoch" if spec.epochs == 1 else f"{spec.epochs} epochs")
    if spec.softmax != usual.softmax:
        parts.append(f"{spec.softmax} softmax")
    names = ("activation", "init", "dtype")
    return ", ".join([*parts, *(getattr(spec, name) for name in names if getattr(spec, name) != getattr(usual, name))])
