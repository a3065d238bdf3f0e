"""`ravine predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ravine.cli.command import EXIT_CODES, Command
from ravine.cli.notes import hear
from ravine.cli.options import OUTPUT, RunIds, data_dir_option, json_option, option, store_option
from ravine.cli.output import print_json, print_table

if TYPE_CHECKING:
    import numpy as np

    from ravine.spec import RunSpec

    Pixels = np.ndarray[Any, np.dtype[Any]]


@click.command(
    cls=Command,
    examples=[
        ("ravine predict 3f9c test:0 test:1", "The first two test images of the run's data set."),
        ("ravine predict 3f9c seven.png --json", "A picture of yours, and the probability of each class."),
    ],
    exits={4: EXIT_CODES[4]},
)
@click.argument("run", metavar="RUN", type=RunIds())
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path())
@data_dir_option
@store_option
@json_option
@option("--quiet", "-q", is_flag=True, callback=hear, group=OUTPUT,
        help="Do not say how pictures were prepared, or what is downloaded.")  # fmt: skip
def predict(
    run: str, images: tuple[str, ...], data_dir: Path | None, out: str | None, as_json: bool, quiet: bool
) -> None:
    """Classify images with the weights of a stored run.

    RUN is the first digits of the run's id, or its folder. An IMAGE is a picture of any size, such as a PNG or a JPEG
    file, which ravine prepares like the pictures of the run's data set; an image of that data set, such as test:0 or
    train:0; or an image in an IDX file, such as FILE:0.
    """
    import numpy as np

    from ravine.api import load_run
    from ravine.data import info_of

    found = load_run(run, out)
    names = info_of(found.spec.dataset).class_names
    pictures = [_picture(image, found.spec, data_dir) for image in images]
    probabilities = found.probabilities(np.stack([pixels for pixels, _ in pictures]))
    classes = [names[k] for k in probabilities.argmax(axis=1)]
    steps = [done for _, done in pictures]
    for image, done in zip(images, steps, strict=True):
        if done and not quiet:
            click.echo(f"{image}: {'; '.join(done)}", err=True)
    answers = list(zip(images, classes, steps, probabilities.tolist(), strict=True))
    if as_json:
        described = [
            {"image": i, "class": c, "prepared": done, "probabilities": dict(zip(names, p, strict=True))}
            for i, c, done, p in answers
        ]
        print_json({"images": described})
    else:
        print_table(("image", "class", *names), [(i, c, *(f"{share:.4f}" for share in p)) for i, c, _, p in answers])


def _picture(image: str, spec: RunSpec, data_dir: Path | None) -> tuple[Pixels, tuple[str, ...]]:
    """Return the uint8 pixels of one IMAGE argument, and what was done to get them."""
    from ravine.data import info_of, load
    from ravine.data.picture import read_picture
    from ravine.errors import DataError

    info = info_of(spec.dataset)
    source, colon, number = image.rpartition(":")
    if not (colon and number.isdecimal()):
        picture = read_picture(image, info.name)
        return picture.pixels, picture.done
    if source in ("test", "train"):
        split = getattr(load(info.name, data_dir), source)
        pixels = _image(split.features.reshape(-1, *info.shape), int(number), f"{source} images of {info.name}")
    else:
        pixels = _image(_idx(Path(source)), int(number), f"images in {source}")
    if pixels.shape != info.shape:
        size, wanted = (" x ".join(map(str, shape)) for shape in (pixels.shape, info.shape))
        raise DataError(f"{image} has {size} pixels; the network takes {wanted}, light on dark.")
    return pixels, ()


def _image(pictures: Pixels, number: int, where: str) -> Pixels:
    from ravine.errors import DataError

    if number >= len(pictures):
        raise DataError(f"image {number} does not exist: there are {len(pictures)} {where}, counted from 0.")
    return pictures[number]  # type: ignore[no-any-return]


def _idx(path: Path) -> Pixels:
    from ravine.data.idx import parse, unpack
    from ravine.errors import DataError

    pictures = parse(unpack(_content(path), str(path)), str(path))
    if pictures.dtype != "uint8" or pictures.ndim != 3:
        raise DataError(
            f"{path} holds {pictures.dtype} of shape {pictures.shape}; images are uint8, (N, rows, columns)."
        )
    return pictures


def _content(path: Path) -> bytes:
    from ravine.errors import DataError

    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}. Give a picture, test:NUMBER, train:NUMBER or IDX-FILE:NUMBER."
        ) from error
