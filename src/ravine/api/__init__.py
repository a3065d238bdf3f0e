"""The functions of `import ravine` for whole runs: training, stored runs, and the gradient check of a network."""

from ravine.api.extension import extend, extend_run
from ravine.api.training import load_run, run_spec, train

__all__ = ["extend", "extend_run", "load_run", "run_spec", "train"]
