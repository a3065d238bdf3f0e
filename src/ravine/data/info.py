"""The facts about data that were given in Python: what `DatasetInfo` is for a data set of the catalog."""

from __future__ import annotations

import msgspec

from ravine.data.catalog import DatasetInfo

GIVEN = "given"
"""The name of all data that were given; their digest tells them apart."""


class GivenInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about given data, which a run keeps as data.json.

    Attributes:
        digest: the SHA-256 of everything that decides a result or its words, see `ravine.data.digest`.
        width: the number of features of a sample.
        class_names: one name a class; the place of a name is the number of its class.
        train_count, test_count: how many samples there are to train on, before any are held out, and to test on.
        dtype, sparse: of the features that are trained on: uint8, float32 or float64, and whether they are CSR.
        scale: an input of the network is a feature over this number.
        shape: rows and columns of an image, if the samples are images.
        feature_names: one name a feature, if they have names.
        numbers: how many numbers are the targets of a sample; 0 if its target is a class.
        weighted: whether the samples to train on have weights; the training loss is then the weighted one.
    """

    digest: str
    width: int
    class_names: tuple[str, ...]
    train_count: int
    test_count: int
    dtype: str
    sparse: bool
    scale: float
    shape: tuple[int, int] | None = None
    feature_names: tuple[str, ...] | None = None
    numbers: int = 0
    weighted: bool = False

    @property
    def name(self) -> str:
        """What stands in a spec for the name of a data set."""
        return GIVEN

    @property
    def outputs(self) -> tuple[int, ...]:
        """How many outputs a network may have; the first is the usual number."""
        return (self.numbers,) if self.numbers else (self.classes, 1) if self.classes == 2 else (self.classes,)

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)


def sample_word(info: DatasetInfo | GivenInfo) -> str:
    """Return the word for a sample: image, if it has a shape."""
    return "sample" if info.shape is None else "image"
