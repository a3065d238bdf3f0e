"""A run as a value: its settings, the things that these name, its id, and the run in words."""

from ravine.spec.description import describe, shared_by
from ravine.spec.differences import differing, labels_of, settings_of
from ravine.spec.identity import activation_text, loss_text
from ravine.spec.names import check_names
from ravine.spec.resolved import ResolvedRun, Things, activations_of, resolve
from ravine.spec.run_spec import RunSpec
from ravine.spec.settings import from_settings

__all__ = [
    "ResolvedRun",
    "RunSpec",
    "Things",
    "activation_text",
    "activations_of",
    "check_names",
    "describe",
    "differing",
    "from_settings",
    "labels_of",
    "loss_text",
    "resolve",
    "settings_of",
    "shared_by",
]
