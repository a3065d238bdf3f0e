"""A run as a value: its settings, the things that these name, and its id."""

from ravine.spec.names import check_names
from ravine.spec.resolved import ResolvedRun, Things, resolve
from ravine.spec.run_spec import RunSpec
from ravine.spec.settings import from_settings

__all__ = ["ResolvedRun", "RunSpec", "Things", "check_names", "from_settings", "resolve"]
