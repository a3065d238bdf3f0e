"""The functions of `import ravine` for whole runs: training, stored runs, and the gradient check of a network."""

from ravine.api.training import checked_watcher, load_run, run_spec, train

__all__ = ["checked_watcher", "load_run", "run_spec", "train"]
