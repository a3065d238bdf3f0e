"""Data sets as values: `load` reads one of the catalog, `dataset` makes one from arrays; all arrays are read-only."""

from ravine.data.catalog import DATASETS, DatasetInfo
from ravine.data.datasets import Dataset, Split, info_of, inputs_of, load, locate, rows_at_once, scaled
from ravine.data.given import dataset, value_of
from ravine.data.info import GIVEN, GivenInfo

__all__ = [
    "DATASETS",
    "GIVEN",
    "Dataset",
    "DatasetInfo",
    "GivenInfo",
    "Split",
    "dataset",
    "info_of",
    "inputs_of",
    "load",
    "locate",
    "rows_at_once",
    "scaled",
    "value_of",
]
