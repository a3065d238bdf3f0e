"""The shelf of learning-rate schedules, one a file; a new file that declares a `Schedule` is found by itself."""
