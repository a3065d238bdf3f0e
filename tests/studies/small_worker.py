"""A preload of Dask's: the worker knows the small data set. The folder of the tests must be on its path."""

from __future__ import annotations

from typing import Any

from ravine.data import catalog
from small_data import small_files, small_info


def dask_setup(worker: Any) -> None:
    catalog.DATASETS["small"] = small_info(small_files())  # type: ignore[index]
