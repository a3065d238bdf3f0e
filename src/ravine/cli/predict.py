"""`ravine predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ravine.cli.output import print_json, print_table

if TYPE_CHECKING:
    import numpy as np

    from ravine.spec import RunSpec

    Pixels = np.ndarray[Any, np.dtype[Any]]


@click.command()
@click.argument("run")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder with the data files.")
@click.option("--out", type=click.Path(), help="Folder of runs.  [default: $RAVINE_HOME or runs]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def predict(run: str, images: tuple[str, ...], data_dir: Path | None, out: str | None, as_json: bool) -> None:
    """Classify images with the weights of a stored run.

    RUN is the first digits of its id, or its folder. An IMAGE is a PNG file of the size that the network takes, light
    on dark as in MNIST; an entry of the run's data set, test:0 or train:0; or an entry of an IDX file, FILE:0.
    """
    import numpy as np

    from ravine.api import load_run
    from ravine.data import info_of

    found = load_run(run, out)
    names = info_of(found.spec.dataset).class_names
    probabilities = found.probabilities(np.stack([_pixels(image, found.spec, data_dir) for image in images]))
    classes = [names[k] for k in probabilities.argmax(axis=1)]
    answers = list(zip(images, classes, probabilities.tolist(), strict=True))
    if as_json:
        print_json([{"image": i, "class": c, "probabilities": dict(zip(names, p, strict=True))} for i, c, p in answers])
    else:
        print_table(("image", "class", *names), [(i, c, *(f"{share:.4f}" for share in p)) for i, c, p in answers])


def _pixels(image: str, spec: RunSpec, data_dir: Path | None) -> Pixels:
    """Return the flattened uint8 pixels of one IMAGE argument."""
    from ravine.data import info_of, load
    from ravine.errors import DataError

    info = info_of(spec.dataset)
    source, colon, entry = image.rpartition(":")
    if not (colon and entry.isdecimal()):
        picture = _png(Path(image))
    elif source in ("test", "train"):
        split = getattr(load(info.name, data_dir), source)
        picture = _entry(split.images.reshape(-1, *info.shape), int(entry), f"{source} images of {info.name}")
    else:
        picture = _entry(_idx(Path(source)), int(entry), f"entries of {source}")
    if picture.shape != info.shape:
        size, wanted = (" x ".join(map(str, shape)) for shape in (picture.shape, info.shape))
        raise DataError(f"{image} has {size} pixels; the network takes {wanted}, light on dark.")
    return picture.reshape(-1)


def _entry(pictures: Pixels, entry: int, where: str) -> Pixels:
    from ravine.errors import DataError

    if entry >= len(pictures):
        raise DataError(f"entry {entry} does not exist: there are {len(pictures)} {where}, counted from 0.")
    return pictures[entry]  # type: ignore[no-any-return]


def _idx(path: Path) -> Pixels:
    from ravine.data.idx import parse, unpack
    from ravine.errors import DataError

    pictures = parse(unpack(_content(path), str(path)), str(path))
    if pictures.dtype != "uint8" or pictures.ndim != 3:
        raise DataError(
            f"{path} holds {pictures.dtype} of shape {pictures.shape}; images are uint8, (N, rows, columns)."
        )
    return pictures


def _png(path: Path) -> Pixels:
    import io

    import numpy as np
    from PIL import Image, UnidentifiedImageError

    from ravine.errors import DataError

    try:
        with Image.open(io.BytesIO(_content(path)), formats=["PNG"]) as picture:
            if picture.mode.startswith("I"):
                raise DataError(f"{path} has 16 bits a pixel; save it with 8.")
            return np.asarray(picture.convert("L"))
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not a PNG file.") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path} is a damaged PNG file ({error}).") from error


def _content(path: Path) -> bytes:
    from ravine.errors import DataError

    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}. An image is a PNG file, test:0, train:0 or IDX:0."
        ) from error
