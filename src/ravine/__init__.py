"""ravine: a laboratory for gradient-based optimization."""

from ravine._version import __version__

__all__ = ["__version__"]
