"""ravine: a laboratory for gradient-based optimization.

>>> import ravine
>>> run = ravine.train(optimizer="momentum", lr=0.01, alpha=0.5, epochs=1, layers=(784, 16, 10))
>>> run.status
'done'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ravine._version import __version__

if TYPE_CHECKING:
    from ravine.api import load_run, train
    from ravine.checking import gradcheck
    from ravine.conformance import check_optimizer
    from ravine.conformance.schedule import check_schedule
    from ravine.conformance.surface import check_surface
    from ravine.data.picture import Picture, read_picture
    from ravine.errors import ConfigError, DataError, DownloadError, RavineError, StorageError
    from ravine.formulas.schedule import Schedule, schedule
    from ravine.formulas.shelves import SCHEDULES, SURFACES
    from ravine.formulas.surface import Surface, surface
    from ravine.gradients import check_gradient
    from ravine.networks import Network
    from ravine.optimizers import RULES, WHOLE_RULES, Rule, WholeRule, rule, whole_rule
    from ravine.reproduction import reproduce
    from ravine.spec import RunSpec
    from ravine.training import epoch_order, start_weights
    from ravine.training.run import Run
    from ravine.trajectories import draw_paths

_HOMES = {
    "ravine.api": ("load_run", "train"),
    "ravine.checking": ("gradcheck",),
    "ravine.conformance": ("check_optimizer",),
    "ravine.conformance.schedule": ("check_schedule",),
    "ravine.conformance.surface": ("check_surface",),
    "ravine.data.picture": ("Picture", "read_picture"),
    "ravine.errors": ("ConfigError", "DataError", "DownloadError", "RavineError", "StorageError"),
    "ravine.formulas.schedule": ("Schedule", "schedule"),
    "ravine.formulas.shelves": ("SCHEDULES", "SURFACES"),
    "ravine.formulas.surface": ("Surface", "surface"),
    "ravine.gradients": ("check_gradient",),
    "ravine.networks": ("Network",),
    "ravine.trajectories": ("draw_paths",),
    "ravine.reproduction": ("reproduce",),
    "ravine.optimizers": ("RULES", "WHOLE_RULES", "Rule", "WholeRule", "rule", "whole_rule"),
    "ravine.spec": ("RunSpec",),
    "ravine.training": ("epoch_order", "start_weights"),
    "ravine.training.run": ("Run",),
}


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "RULES",
    "SCHEDULES",
    "SURFACES",
    "WHOLE_RULES",
    "ConfigError",
    "DataError",
    "DownloadError",
    "Network",
    "Picture",
    "RavineError",
    "Rule",
    "Run",
    "RunSpec",
    "Schedule",
    "StorageError",
    "Surface",
    "WholeRule",
    "__version__",
    "check_gradient",
    "check_optimizer",
    "check_schedule",
    "check_surface",
    "draw_paths",
    "epoch_order",
    "gradcheck",
    "load_run",
    "read_picture",
    "reproduce",
    "rule",
    "schedule",
    "start_weights",
    "surface",
    "train",
    "whole_rule",
]


def __getattr__(name: str) -> Any:
    # Names are imported when first used, so that `ravine --help` need not wait for NumPy.
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'ravine' has no attribute {name!r}")
