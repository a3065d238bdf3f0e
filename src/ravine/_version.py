"""The version of ravine, read by the build and by `ravine --version`."""

__version__ = "0.1.0"
