"""One drawing of a seven in many guises, as files that people have."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

Pixels = np.ndarray


def strokes(rows: int = 120, columns: int = 100, shift: tuple[int, int] = (0, 0)) -> Pixels:
    """Draw a seven, light on dark with soft edges, uint8; it lies in rows 20 to 98 and columns 25 to 77."""
    (down, right), fine = shift, 4
    page = Image.new("L", (fine * columns, fine * rows))
    corners = [(25, 24), (75, 24), (42, 97)]
    ImageDraw.Draw(page).line(
        [(fine * (x + right), fine * (y + down)) for x, y in corners], fill=255, width=fine * 8, joint="curve"
    )
    return np.asarray(page.resize((columns, rows), Image.Resampling.BOX))


def write_png(path: Path, samples: Pixels, color_type: int) -> None:
    """Write 16 bits a sample, (rows, columns, samples) uint16, which Pillow writes for gray only."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows, columns = samples.shape[:2]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
    header = struct.pack(">IIBBBBB", columns, rows, 16, color_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    )


def transparent(ink: Pixels, color: tuple[int, int, int], share: float = 1) -> Image.Image:
    """Draw in one color on nothing."""
    picture = Image.new("RGBA", ink.shape[::-1], (*color, 0))
    picture.putalpha(Image.fromarray((ink * share).astype(np.uint8)))
    return picture


def colored(ink: Pixels, ink_color: tuple[int, int, int], ground: tuple[int, int, int]) -> Image.Image:
    """Draw in one color on another."""
    share = ink[..., np.newaxis] / 255
    return Image.fromarray(np.round(share * np.array(ink_color) + (1 - share) * np.array(ground)).astype(np.uint8))


def photographed(ink: Pixels) -> Image.Image:
    """Draw dark on a yellowish page, lit from one side and darker to its edges, with noise."""
    rows, columns = (np.linspace(-1, 1, length) for length in ink.shape)
    light = 205 + 25 * columns - 20 * rows[:, np.newaxis] - 20 * columns**2 - 15 * rows[:, np.newaxis] ** 2
    page = light * (1 - 0.7 * ink / 255) + np.random.default_rng(4).normal(0, 6, ink.shape)
    return Image.fromarray(np.clip(page[..., np.newaxis] * [1, 0.97, 0.88], 0, 255).astype(np.uint8))


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _palette(ink: Pixels) -> tuple[Image.Image, int]:
    """Return a picture of 16 colors and the color of its ground."""
    picture = Image.fromarray(255 - ink).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    return picture, picture.getpixel((0, 0))


def _page_in_a_window(ink: Pixels) -> Image.Image:
    """A white page with round corners, on nothing, as a screenshot of a window is."""
    size = (ink.shape[1] + 20, ink.shape[0] + 20)
    corners = Image.new("L", size)
    ImageDraw.Draw(corners).rounded_rectangle((10, 10, size[0] - 11, size[1] - 11), 8, fill=255)
    picture = Image.new("RGBA", size, (255, 255, 255, 0))
    picture.paste(Image.fromarray(255 - ink).convert("RGBA"), (10, 10))
    picture.putalpha(corners)
    return picture


def _stencil(ink: Pixels) -> Image.Image:
    """A white page with a hole."""
    picture = Image.new("RGBA", ink.shape[::-1], (255, 255, 255, 255))
    picture.putalpha(Image.fromarray(255 - ink))
    return picture


GUISES: dict[str, Callable[[Pixels, Path], None]] = {
    "light-on-dark.png": lambda ink, to: Image.fromarray(ink).save(to),
    "dark-on-light.png": lambda ink, to: Image.fromarray(255 - ink).save(to),
    "color.png": lambda ink, to: Image.fromarray(255 - ink).convert("RGB").save(to),
    "opaque.png": lambda ink, to: Image.fromarray(255 - ink).convert("RGBA").save(to),
    "white-on-nothing.png": lambda ink, to: transparent(ink, (255, 255, 255)).save(to),
    "black-on-nothing.png": lambda ink, to: transparent(ink, (0, 0, 0)).save(to),
    "thin-paint.png": lambda ink, to: transparent(ink, (0, 0, 90), 0.4).save(to),
    "stencil.png": lambda ink, to: _stencil(ink).save(to),
    "window.png": lambda ink, to: _page_in_a_window(ink).save(to),
    "palette.png": lambda ink, to: _palette(ink)[0].save(to),
    "palette-transparent.png": lambda ink, to: _palette(ink)[0].save(to, transparency=_palette(ink)[1]),
    "palette-transparent.gif": lambda ink, to: _palette(ink)[0].save(to, transparency=_palette(ink)[1]),
    "gray-16-bit.png": lambda ink, to: Image.fromarray(ink.astype(np.uint16) * 257).save(to),
    "gray-16-bit.tif": lambda ink, to: Image.fromarray(65535 - ink.astype(np.uint16) * 257).save(to),
    "gray-32-bit.tif": lambda ink, to: Image.fromarray(ink.astype(np.int32) * 3 - 200).save(to),
    "gray-float.tif": lambda ink, to: Image.fromarray(ink.astype(np.float32) / 255).save(to),
    "color-16-bit.png": lambda ink, to: write_png(to, np.stack([65535 - ink.astype(np.uint16) * 257] * 3, 2), 2),
    "alpha-16-bit.png": lambda ink, to: write_png(
        to, np.stack([ink.astype(np.uint16) * 0, ink * np.uint16(257)], 2), 4
    ),
    "cmyk.jpg": lambda ink, to: Image.fromarray(255 - ink).convert("RGB").convert("CMYK").save(to, quality=95),
    "gray.jpg": lambda ink, to: Image.fromarray(255 - ink).save(to, quality=90),
    "turned.jpg": lambda ink, to: Image.fromarray(255 - np.rot90(ink)).save(to, quality=95, exif=_exif(6)),
    "mirrored.png": lambda ink, to: Image.fromarray(255 - ink[:, ::-1]).save(to, exif=_exif(2)),
    "plain.bmp": lambda ink, to: Image.fromarray(255 - ink).save(to),
    "plain.gif": lambda ink, to: Image.fromarray(255 - ink).save(to),
    "plain.webp": lambda ink, to: Image.fromarray(255 - ink).save(to, lossless=True),
    "plain.tif": lambda ink, to: Image.fromarray(255 - ink).save(to),
    "plain.ppm": lambda ink, to: Image.fromarray(255 - ink).convert("RGB").save(to),
    "red-on-green.png": lambda ink, to: colored(ink, (200, 40, 40), (40, 122, 40)).save(to),
    "yellow-on-blue.png": lambda ink, to: colored(ink, (255, 240, 120), (20, 30, 160)).save(to),
    "pencil.png": lambda ink, to: colored(ink, (205, 205, 210), (250, 250, 250)).save(to),
}
"""How to write the ink (light on dark) to a file that shows it, by the name of the file."""
