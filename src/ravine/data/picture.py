"""Make any picture like those of a data set: find the ink on its background, scale it and center it.

The ground is the background of a picture, and the ink is what stands out from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ravine.data.catalog import DatasetInfo, Preparation
from ravine.data.datasets import info_of
from ravine.data.picture_file import Floats, Seen, as_seen, border, extent, gray
from ravine.errors import ConfigError, DataError
from ravine.inputs import path_of

Mask = NDArray[np.bool_]

VISIBLE = 10
"""A smaller difference of color, out of 255, counts as ground."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture as a network takes it.

    Attributes:
        pixels: (rows, columns) uint8, of the shape of the data set's images, light on dark.
        done: the changes that were made to the file's picture, in words; empty if its pixels are taken as they are.
    """

    pixels: NDArray[np.uint8]
    done: tuple[str, ...]


def read_picture(path: Path | str, dataset: str = "mnist") -> Picture:
    """Read a picture file and prepare it like the pictures of a data set, for `Run.predict`.

    If a file looks like the data set's pictures, its pixels are taken as they are. Any other file is read as a person
    sees it, and prepared as the data set's pictures were. For MNIST (LeCun et al., Proc. IEEE 86, 1998, section III.A):

    1. The ground, or background, has the color of the border; uneven light makes it a surface of second degree.
    2. The ink of a pixel is its largest difference from the ground in red, green and blue, so that ink is light.
    3. The ink is cropped, specks are left out, and its longer side is scaled to 20 pixels, with antialiasing.
    4. It is placed in 28 x 28 pixels, with its center of mass in the middle.

    Args:
        path: a PNG, JPEG, GIF, BMP, WebP, TIFF or PPM file of any size, depth, palette and transparency. Transparent
            parts are laid on white or on black, whichever shows more of the picture.
        dataset: the data set whose pictures are the model.

    Raises:
        ConfigError: there is no such data set.
        DataError: the file is not a picture or is damaged; nothing, or more than one thing, stands out from the ground;
            there is no single ground; the ink covers nearly all.

    >>> import tempfile
    >>> from PIL import ImageDraw
    >>> page = Image.new("RGB", (60, 100), "white")
    >>> ImageDraw.Draw(page).line([(15, 20), (45, 20), (25, 80)], fill="navy", width=6)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page.save(f"{folder}/seven.png")
    ...     seven = read_picture(f"{folder}/seven.png")
    >>> seven.pixels.shape, seven.pixels.dtype, int(seven.pixels.max())
    ((28, 28), dtype('uint8'), 255)
    >>> seven.done[0]
    'dark on light, inverted'
    """
    info, file = info_of(dataset), path_of("the picture", path)
    if file is None:
        raise ConfigError("the picture is None; it must be a path, as text or as a pathlib.Path.")
    seen = as_seen(file)
    try:
        if _is_one_of_its_own(seen.colors, info):
            return Picture(_whole(seen.colors.max(axis=2)), seen.done)
        if info.preparation is None:
            raise DataError(_wrong_size(seen, info))
        pixels, done = _prepared(seen, info.shape, info.preparation)
    except DataError as error:
        raise DataError(f"{file} {error}") from None
    return Picture(pixels, (*seen.done, *done))


def _wrong_size(seen: Seen, info: DatasetInfo) -> str:
    takes = _by(info.shape)
    return f"has {_by(seen.colors.shape[:2])} pixels; a picture for {info.name} has {takes}, light on black."


def _is_one_of_its_own(colors: Floats, info: DatasetInfo) -> bool:
    """Tell whether a picture looks like the data set's own: of their size, light on black, and centered as they are."""
    if colors.shape[:2] != info.shape or np.median(colors[border(info.shape)], axis=0).max() > VISIBLE:
        return False
    if info.preparation is None:
        return True
    ink = colors.max(axis=2)
    if ink.max() < VISIBLE:
        return False
    if info.preparation.center == "box":
        return True  # in some pictures of these data sets the sign lies far from the middle
    marked = ink > ink.max() / 5
    longer = max(_size(extent(marked)))
    off = [abs(_mean_place(ink, axis) - length // 2) for axis, length in enumerate(info.shape)]
    return info.preparation.box * 0.7 <= longer <= info.preparation.box + 1 and max(off) <= 1


def _prepared(
    seen: Seen, shape: tuple[int, int], preparation: Preparation
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    if min(seen.colors.shape[:2]) < 3 or max(seen.colors.shape[:2]) < 5:
        raise DataError(f"has {_by(seen.colors.shape[:2])} pixels; too few to show anything.")
    ground, noise = _ground(seen.colors)
    ink = _ink(seen.colors, ground, noise)
    marked = ink > 0.2
    _check_shape(marked)
    marked, near = _without_specks(marked)
    place = extent(marked)
    ink = np.where(near, ink, 0)[place]
    if max(_size(place)) < 5:
        raise DataError(f"shows {_by(_size(place))} pixels of ink; too few to show anything.")
    if preparation.alone:
        _check_alone(ink)
    small = _scaled(ink, preparation.box)
    pixels = _whole(_placed(small, shape, preparation.center) * (255 / small.max()))
    size = tuple(seen.reduced * side for side in _size(place))
    steps = f"cropped to {_by(size)}, scaled to {_by(small.shape)}, centered"
    return pixels, (_how_it_stands_out(seen.colors, ground, ink=marked), steps)


def _ground(colors: Floats) -> tuple[Floats, float]:
    """Return the color of the ground at each pixel, (rows, columns, 3), and the standard deviation of its noise.

    A surface of second degree is fitted to the border by least trimmed squares, so that ink on less than half of the
    border does not move it (Rousseeuw, Least median of squares regression, J. Am. Stat. Assoc. 79, 1984). Small
    pictures have one color for a ground: they have too few pixels to tell uneven light from ink.
    """
    height, width = colors.shape[:2]
    rows, columns = np.linspace(-1, 1, height, dtype=np.float32), np.linspace(-1, 1, width, dtype=np.float32)
    edge = np.argwhere(border((height, width)))
    edge = edge[:: 1 + len(edge) // 5000]  # 5,000 places are enough to fit six numbers
    v, u = rows[edge[:, 0]], columns[edge[:, 1]]
    curved = [u, v, u * u, u * v, v * v] if min(height, width) >= 28 else []
    values, terms = colors[edge[:, 0], edge[:, 1]], np.stack([np.ones_like(u), *curved], axis=1)
    off = np.abs(values - np.median(values, axis=0)).max(axis=1)
    for _ in range(8):
        near = off <= np.median(off)
        off = np.abs(values - terms @ np.linalg.lstsq(terms[near], values[near], rcond=None)[0]).max(axis=1)
    # A quarter of a normal distribution lies within 0.3186 standard deviations of its mean.
    noise = float(np.quantile(off, 0.25)) / 0.3186
    kept = off <= max(VISIBLE, 3 * noise)
    if kept.mean() < 0.5:
        raise DataError(
            "has no single background: its border is of many colors; cut out what is meant, on a plain background."
        )
    factors = np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0]
    if not curved:
        return np.broadcast_to(factors[0], colors.shape), noise
    c, by_u, by_v, by_uu, by_uv, by_vv = factors
    u, v = columns[:, np.newaxis], rows[:, np.newaxis, np.newaxis]
    return (c + u * (by_u + u * by_uu)) + v * (by_v + u * by_uv + v * by_vv), noise


def _ink(colors: Floats, ground: Floats, noise: float) -> Floats:
    """Return how much of each pixel is ink, 0 to 1."""
    far = np.maximum(np.abs(colors - ground).max(axis=2) - max(3 * noise, 1), 0)
    marked = far > _otsu(far)
    if not marked.any() or far[marked].mean() < max(VISIBLE, noise):
        raise DataError(
            "shows nothing that stands out: its background is uneven or noisy; cut out what is meant, "
            "on a plain background."
            if noise > VISIBLE
            else "shows nothing that stands out from its background; give a picture with more contrast."
        )
    full = np.quantile(far[marked], 0.95)
    ink: Floats = np.minimum(far / full, 1)
    return ink


def _otsu(values: Floats) -> float:
    """Return the threshold that parts values into the two classes with the largest variance between them.

    Source: Otsu, A threshold selection method from gray-level histograms, IEEE Trans. SMC 9 (1979).
    """
    counts, edges = np.histogram(values, bins=256)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    sums = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    return float(edges[1:-1][np.nanargmax(between)]) if np.isfinite(between).any() else float(edges[0])


def _check_shape(marked: Mask) -> None:
    """Refuse ink that covers too much of the picture, or that is noise."""
    if marked[border(marked.shape)].mean() > 0.4 or marked.mean() > 0.75:
        raise DataError("has too little plain background; leave some around what is meant, evenly lit.")
    if marked.size >= 256 and _relatedness(marked) < 0.1:
        raise DataError("shows noise: whether a pixel is ink does not depend on its neighbors; give a clearer picture.")


def _relatedness(marked: Mask) -> float:
    """Return the correlation between neighboring pixels, 1 for ink and 0 for ground, over all eight directions."""
    share = marked.mean()
    height, width = marked.shape
    pairs = []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        first = marked[: height - down, max(0, -right) : width - max(0, right)]
        second = marked[down:, max(0, right) : width + min(0, right)]
        pairs.append((first & second).mean())
    return float((np.mean(pairs) - share**2) / (share - share**2))


def _without_specks(marked: Mask) -> tuple[Mask, Mask]:
    """Return the ink without parts much smaller than the largest one, and the area in which the other parts lie.

    A part is a connected set of cells with ink, on a grid of at most 64 x 64 cells.
    """
    cell = -(-max(marked.shape) // 64)
    height, width = marked.shape
    padded = np.pad(marked, ((0, -height % cell), (0, -width % cell)))
    masses = padded.reshape(padded.shape[0] // cell, cell, -1, cell).sum(axis=(1, 3))
    parts = _parts(masses > 0)
    weights = [sum(int(masses[place]) for place in part) for part in parts]
    kept = np.zeros(masses.shape, dtype=np.bool_)
    for part, weight in zip(parts, weights, strict=True):
        if weight >= 0.03 * max(weights):
            kept[tuple(np.transpose(part))] = True
    near = np.kron(kept, np.ones((cell, cell), dtype=np.bool_))[:height, :width]
    return marked & near, near


def _parts(filled: Mask) -> list[list[tuple[int, int]]]:
    """Return the connected parts of a grid, each as the places of its cells; touching corners connect.

    >>> _parts(np.array([[1, 0, 0, 1], [0, 1, 0, 1]], dtype=bool))
    [[(0, 0), (1, 1)], [(0, 3), (1, 3)]]
    """
    left = {(int(row), int(column)) for row, column in np.argwhere(filled)}
    parts = []
    for start in sorted(left):
        if start not in left:
            continue
        left.remove(start)
        part = [start]
        for row, column in part:  # grows while it is walked
            around = {(row + r, column + c) for r in (-1, 0, 1) for c in (-1, 0, 1)} & left
            left -= around
            part.extend(sorted(around))
        parts.append(part)
    return parts


def _check_alone(ink: Floats) -> None:
    """Refuse ink that is not one sign: wider than any sign, a full rectangle, or two halves with a gap between them.

    Of MNIST's 70,000 pictures, which are one digit each, 27 would be refused if they came in another size.
    """
    height, width = ink.shape
    marked = ink > 0.2
    beside, above = _gap(marked, ink, axis=0), _gap(marked, ink, axis=1)
    if width > 2 * height or beside > 0 or above > 0.1 * height:
        raise DataError("shows several characters; cut them apart and give one picture for each.")
    if width > 0.6 * height and marked.mean() > 0.9:
        raise DataError("shows a full rectangle, not a character.")


def _gap(marked: Mask, ink: Floats, axis: int) -> int:
    """Return the longest run of empty columns (axis 0) or rows (axis 1) with a fifth of the ink on either side."""
    share = np.cumsum(ink.sum(axis=axis)) / ink.sum()
    places = np.flatnonzero(marked.any(axis=axis))
    gaps = [int(b - a) - 1 for a, b in pairwise(places) if 0.2 < share[a] < 0.8]
    return max(gaps, default=0)


def _scaled(ink: Floats, box: int) -> Floats:
    """Scale the longer side to `box` pixels, with antialiasing."""
    factor = box / max(ink.shape)
    height, width = (max(1, round(side * factor)) for side in ink.shape)
    resized = Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float32)


def _placed(small: Floats, shape: tuple[int, int], center: str) -> Floats:
    """Place ink in a dark picture: with its center of mass, or the center of its box, in the middle."""
    placed = np.zeros(shape, dtype=np.float32)
    starts = []
    for axis, (side, room) in enumerate(zip(small.shape, shape, strict=True)):
        start = round(room // 2 - _mean_place(small, axis)) if center == "mass" else (room - side) // 2
        starts.append(min(max(start, 0), room - side))
    (row, column), (height, width) = starts, small.shape
    placed[row : row + height, column : column + width] = small
    return placed


def _mean_place(ink: Floats, axis: int) -> float:
    """Return the row (axis 0) or the column (axis 1) of the center of mass."""
    mass = ink.sum(axis=1 - axis, dtype=np.float64)
    return float(mass @ np.arange(len(mass)) / mass.sum())


def _how_it_stands_out(colors: Floats, ground: Floats, ink: Mask) -> str:
    lighter = float((gray(colors) - gray(ground))[ink].mean())
    if abs(lighter) < VISIBLE:
        return "told from its background by color"
    return "light on dark" if lighter > 0 else "dark on light, inverted"


def _whole(values: Floats) -> NDArray[np.uint8]:
    return np.round(values).astype(np.uint8)


def _size(place: tuple[slice, slice]) -> tuple[int, int]:
    rows, columns = place
    return rows.stop - rows.start, columns.stop - columns.start


def _by(size: tuple[int, ...]) -> str:
    """Word a size as width x height."""
    height, width = size
    return f"{width} x {height}"
