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
    from ravine.api.network_gradient import check_network_gradient
    from ravine.conformance import check_optimizer
    from ravine.data.picture import Picture, read_picture
    from ravine.errors import ConfigError, DataError, DownloadError, RavineError, StorageError
    from ravine.formulas.elementwise import rule
    from ravine.formulas.matrix import matrix_rule
    from ravine.formulas.optimizer import Optimizer
    from ravine.formulas.shelves import OPTIMIZERS, STAGES
    from ravine.formulas.stage import stage
    from ravine.gradients import check_gradient
    from ravine.networks import Network
    from ravine.paper.reproduction import reproduce
    from ravine.paths import draw_paths
    from ravine.spec import RunSpec
    from ravine.surfaces import SURFACES
    from ravine.training import epoch_order, start_weights
    from ravine.training.run import Run

_HOMES = {
    "ravine.api": ("load_run", "train"),
    "ravine.api.network_gradient": ("check_network_gradient",),
    "ravine.conformance": ("check_optimizer",),
    "ravine.data.picture": ("Picture", "read_picture"),
    "ravine.errors": ("ConfigError", "DataError", "DownloadError", "RavineError", "StorageError"),
    "ravine.gradients": ("check_gradient",),
    "ravine.networks": ("Network",),
    "ravine.paper.reproduction": ("reproduce",),
    "ravine.paths": ("draw_paths",),
    "ravine.formulas.elementwise": ("rule",),
    "ravine.formulas.matrix": ("matrix_rule",),
    "ravine.formulas.optimizer": ("Optimizer",),
    "ravine.formulas.shelves": ("OPTIMIZERS", "STAGES"),
    "ravine.formulas.stage": ("stage",),
    "ravine.spec": ("RunSpec",),
    "ravine.surfaces": ("SURFACES",),
    "ravine.training": ("epoch_order", "start_weights"),
    "ravine.training.run": ("Run",),
}


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "OPTIMIZERS",
    "STAGES",
    "SURFACES",
    "ConfigError",
    "DataError",
    "DownloadError",
    "Network",
    "Optimizer",
    "Picture",
    "RavineError",
    "Run",
    "RunSpec",
    "StorageError",
    "__version__",
    "check_gradient",
    "check_network_gradient",
    "check_optimizer",
    "draw_paths",
    "epoch_order",
    "load_run",
    "matrix_rule",
    "read_picture",
    "reproduce",
    "rule",
    "stage",
    "start_weights",
    "train",
]


def __getattr__(name: str) -> Any:
    # Names are imported when first used, so that `ravine --help` need not wait for NumPy.
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'ravine' has no attribute {name!r}")
