"""The problems to compare optimizers on, one a file."""
