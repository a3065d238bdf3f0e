"""The shelf of stages, one a file; a new file that declares a stage is found by itself."""
