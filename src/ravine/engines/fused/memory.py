"""Whether the machine has the memory that an engine asks for."""

from __future__ import annotations

from pathlib import Path

from ravine.data.features import memory_of_machine
from ravine.errors import ConfigError

_SMALL = 1 << 26
"""So many bytes are asked for without a look at what is there."""


def require_memory(size: int, what: str, mend: str) -> None:
    """Refuse what the machine has no memory for.

    Memory that is not there would be missed only when it is written, and the system would then end the process.

    Raises:
        ConfigError: fewer bytes are available than `size`.
    """
    if size > _SMALL and size > (there := available_memory()):
        raise ConfigError(f"{what} need {size:,} bytes of memory, and {there:,} are available: {mend}.")


def available_memory() -> int:
    """Return the bytes that a process may still take; where the system does not say, those of the machine."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return memory_of_machine()
