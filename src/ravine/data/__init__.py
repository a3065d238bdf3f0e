"""Data sets: `load` finds or fetches the files, verifies them, and returns read-only uint8 arrays."""

from ravine.data.catalog import DATASETS, DatasetInfo
from ravine.data.datasets import Dataset, Split, info_of, load, locate, scaled

__all__ = ["DATASETS", "Dataset", "DatasetInfo", "Split", "info_of", "load", "locate", "scaled"]
