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
    from ravine import search
    from ravine.api import extend, load_run, train
    from ravine.api.comparison import compare
    from ravine.api.data import load_data
    from ravine.api.network_gradient import check_network_gradient
    from ravine.api.rows import epoch_rows, run_rows
    from ravine.api.studies import run_study
    from ravine.comparison.plan import Variant
    from ravine.conformance import check_optimizer
    from ravine.conformance.schedule import check_schedule
    from ravine.conformance.surface import check_surface
    from ravine.data import Dataset, Split, dataset
    from ravine.data.picture import Picture, read_picture
    from ravine.errors import ConfigError, DataError, DownloadError, RavineError, StorageError
    from ravine.formulas.activation import Activation, activation
    from ravine.formulas.elementwise import rule
    from ravine.formulas.loss import Loss, loss
    from ravine.formulas.matrix import matrix_rule
    from ravine.formulas.optimizer import Optimizer
    from ravine.formulas.schedule import Schedule, schedule
    from ravine.formulas.shelves import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES, STAGES, SURFACES
    from ravine.formulas.stage import Stage, stage
    from ravine.formulas.surface import Surface, surface
    from ravine.gradients import check_gradient
    from ravine.networks import Network
    from ravine.paper.reproduction import reproduce
    from ravine.spec import RunSpec
    from ravine.spec.problem import Problem
    from ravine.training import epoch_order, start_weights
    from ravine.training.run import Run
    from ravine.trajectories import draw_paths

_HOMES = {
    "ravine.api": ("extend", "load_run", "train"),
    "ravine.api.comparison": ("compare",),
    "ravine.api.data": ("load_data",),
    "ravine.api.network_gradient": ("check_network_gradient",),
    "ravine.api.rows": ("epoch_rows", "run_rows"),
    "ravine.api.studies": ("run_study",),
    "ravine.comparison.plan": ("Variant",),
    "ravine.conformance": ("check_optimizer",),
    "ravine.conformance.schedule": ("check_schedule",),
    "ravine.conformance.surface": ("check_surface",),
    "ravine.data": ("Dataset", "Split", "dataset"),
    "ravine.data.picture": ("Picture", "read_picture"),
    "ravine.errors": ("ConfigError", "DataError", "DownloadError", "RavineError", "StorageError"),
    "ravine.formulas.activation": ("Activation", "activation"),
    "ravine.formulas.loss": ("Loss", "loss"),
    "ravine.formulas.schedule": ("Schedule", "schedule"),
    "ravine.formulas.shelves": ("ACTIVATIONS", "LOSSES", "OPTIMIZERS", "SCHEDULES", "STAGES", "SURFACES"),
    "ravine.formulas.surface": ("Surface", "surface"),
    "ravine.gradients": ("check_gradient",),
    "ravine.networks": ("Network",),
    "ravine.paper.reproduction": ("reproduce",),
    "ravine.trajectories": ("draw_paths",),
    "ravine.formulas.elementwise": ("rule",),
    "ravine.formulas.matrix": ("matrix_rule",),
    "ravine.formulas.optimizer": ("Optimizer",),
    "ravine.formulas.stage": ("Stage", "stage"),
    "ravine.spec": ("RunSpec",),
    "ravine.spec.problem": ("Problem",),
    "ravine.training": ("epoch_order", "start_weights"),
    "ravine.training.run": ("Run",),
}


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "STAGES",
    "SURFACES",
    "Activation",
    "ConfigError",
    "DataError",
    "Dataset",
    "DownloadError",
    "Loss",
    "Network",
    "Optimizer",
    "Picture",
    "Problem",
    "RavineError",
    "Run",
    "RunSpec",
    "Schedule",
    "Split",
    "Stage",
    "StorageError",
    "Surface",
    "Variant",
    "__version__",
    "activation",
    "check_gradient",
    "check_network_gradient",
    "check_optimizer",
    "check_schedule",
    "check_surface",
    "compare",
    "dataset",
    "draw_paths",
    "epoch_order",
    "epoch_rows",
    "extend",
    "load_data",
    "load_run",
    "loss",
    "matrix_rule",
    "read_picture",
    "reproduce",
    "rule",
    "run_rows",
    "run_study",
    "schedule",
    "search",
    "stage",
    "start_weights",
    "surface",
    "train",
]


def __getattr__(name: str) -> Any:
    # Names are imported when first used, so that `ravine --help` need not wait for NumPy.
    if name == "search":
        return importlib.import_module("ravine.search")
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'ravine' has no attribute {name!r}")
