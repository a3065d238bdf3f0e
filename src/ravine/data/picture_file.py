"""Reading a picture file as a person sees it: any format, depth and palette, upright, transparent parts on a page."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ravine.errors import DataError

Floats = NDArray[np.float32]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
"""The formats that are read, by Pillow's names; JPEG includes CMYK."""

WORKING_SIZE = 512
"""A picture with a side of more than twice this is reduced by a whole factor first."""

_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Seen:
    """The picture that a person sees of a file.

    Attributes:
        colors: (rows, columns, 3) float32, red, green and blue from 0 to 255.
        reduced: the factor by which each side of the file's picture was reduced.
        done: the changes that were made, in words.
    """

    colors: Floats
    reduced: int
    done: tuple[str, ...]


def as_seen(path: Path) -> Seen:
    """Read a picture file.

    Raises:
        DataError: the file cannot be read, is not a picture, is damaged, too large, or all transparent.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; give the path of a picture, such as a PNG file."
        ) from error
    picture, done = _decoded(content, path)
    reduced = max(1, max(picture.size) // WORKING_SIZE)
    pixels = np.asarray(picture.reduce(reduced), dtype=np.float32)
    if pixels.shape[2] == 3:
        return Seen(pixels, reduced, done)
    colors, alpha = pixels[..., :3], pixels[..., 3] / np.float32(255)
    if not alpha.any():
        raise DataError(f"{path} is transparent all over; give a picture that shows something.")
    colors, page = _on_a_page(colors, alpha)
    return Seen(colors, reduced, (*done, page))


def _decoded(content: bytes, path: Path) -> tuple[Image.Image, tuple[str, ...]]:
    """Return the first frame, upright, as 8 bits of RGB, or of RGBA if a part of it is transparent."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata that nobody asked for
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                frames = getattr(picture, "n_frames", 1)
                turned = picture.getexif().get(_ORIENTATION, 1) in range(2, 9)
                shown, stretched = _in_8_bits(ImageOps.exif_transpose(picture))
    except UnidentifiedImageError as error:
        raise DataError(f"{path} is not a picture of a known format; give one of {', '.join(FORMATS)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        millions = (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise DataError(f"{path} has more than {millions} million pixels; scale it down.") from error
    except Exception as error:  # Pillow's decoders raise whatever the damaged bytes lead to
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path} is damaged or of a rare kind ({reason}); save it anew, as PNG.") from error
    first = (f"the first of {frames} frames",) if frames > 1 else ()
    return shown, (*first, *(("turned upright",) if turned else ()), *stretched)


def _in_8_bits(picture: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """Convert any mode to RGB or RGBA, and tell what was lost on the way."""
    if picture.mode.startswith("I;16"):
        numbers = np.asarray(picture)
        gray = Image.fromarray(np.round(numbers / 257).astype(np.uint8))
        hidden = picture.info.get("transparency")
        if hidden is None:
            return gray.convert("RGB"), ()
        gray.putalpha(Image.fromarray(np.where(numbers == hidden, 0, 255).astype(np.uint8)))
        return gray.convert("RGBA"), ()
    if picture.mode in ("I", "F"):
        return _stretched(np.asarray(picture, dtype=np.float64))
    if picture.has_transparency_data:
        converted = picture.convert("RGBA")
        if converted.getchannel("A").getextrema() != (255, 255):
            return converted, ()
    return picture.convert("RGB"), ()


def _stretched(numbers: NDArray[np.float64]) -> tuple[Image.Image, tuple[str, ...]]:
    """Show numbers without a scale of their own: the least is black, the greatest white."""
    least, greatest = float(numbers.min()), float(numbers.max())
    if not np.isfinite(greatest - least):
        raise ValueError("it holds numbers that are not finite")
    gray = np.round(255 * (numbers - least) / max(greatest - least, 1e-300)).astype(np.uint8)
    return Image.fromarray(gray).convert("RGB"), (f"numbers from {least:g} to {greatest:g} shown as black to white",)


def _on_a_page(colors: Floats, alpha: Floats) -> tuple[Floats, str]:
    """Put a partly transparent picture on a background that shows it, and say which.

    An opaque page with transparent margins is cut out, and its transparent parts get the color of its border. Any
    other drawing has no page of its own, and is put on white or on black, whichever contrasts with it.
    """
    opaque = alpha > alpha.max() / 2
    rows, columns = extent(opaque)
    inner, solid = colors[rows, columns], opaque[rows, columns]
    if solid.mean() > 0.9 and np.ptp(inner[solid], axis=0).max() >= 64:
        edge = solid & border(solid.shape)
        page = np.median(inner[edge], axis=0)
        return _laid(inner, alpha[rows, columns], page), "transparent parts filled with the color of its border"
    lightness = float(np.average(gray(colors), weights=alpha))
    dark = lightness < 128
    return _laid(colors, alpha, np.full(3, 255.0 * dark)), f"transparent, put on {'white' if dark else 'black'}"


def _laid(colors: Floats, alpha: Floats, page: NDArray[Any]) -> Floats:
    laid: Floats = (page + alpha[..., np.newaxis] * (colors - page)).astype(np.float32)
    return laid


def gray(colors: Floats) -> Floats:
    """Return the lightness of colors (.., 3), (..), by the weights of ITU-R BT.601, which Pillow uses."""
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    lightness: Floats = colors @ weights
    return lightness


def border(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Mark the outermost pixels of a picture of this shape, a thirty-second of its shorter side wide.

    >>> border((4, 4)).astype(int)
    array([[1, 1, 1, 1],
           [1, 0, 0, 1],
           [1, 0, 0, 1],
           [1, 1, 1, 1]])
    """
    width = max(1, min(shape) // 32)
    marked = np.ones(shape, dtype=np.bool_)
    marked[width:-width, width:-width] = False
    return marked


def extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the rows and the columns from the first to the last that hold a marked pixel; there is one at least.

    >>> extent(np.array([[0, 0, 0], [0, 1, 0], [0, 1, 1]], dtype=bool))
    (slice(1, 3, None), slice(1, 3, None))
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
