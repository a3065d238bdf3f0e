"""Runs on disk: the store, the records of runs, and checkpoints."""
