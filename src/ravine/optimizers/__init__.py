"""The shelf of optimizers, one a file; a new file that declares an optimizer is found by itself."""
