"""What several runs were made with, in one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def shared_environment(environments: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Return versions and machines by name, with several values where runs differ; their times are left out.

    >>> shared_environment([{"numpy": "2.0", "cores": 2, "time": "noon"}, {"numpy": "2.1", "cores": 2}])
    {'numpy': '2.0, 2.1', 'cores': '2'}
    """
    values: dict[str, dict[str, None]] = {}
    for environment in environments:
        for name, value in environment.items():
            values.setdefault(name, {})[str(value)] = None
    return {name: ", ".join(found) for name, found in values.items() if name != "time"}
