"""Images as lists of their non-zero pixels, the form that the fused engine reads: 81 % of MNIST is zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Compact:
    """The non-zero pixels of N images, image after image (compressed sparse rows); all arrays are read-only.

    Attributes:
        starts: (N + 1,) int64; the pixels of image b are nonzeros starts[b] to starts[b + 1].
        columns: (nonzeros,) uint16; where in the flattened image each stands.
        values: (nonzeros,) uint8; its value, 1 to 255.
    """

    starts: NDArray[np.int64]
    columns: NDArray[np.uint16]
    values: NDArray[np.uint8]


def compact(images: NDArray[np.uint8]) -> Compact:
    """List the non-zero pixels of `images`, (N, i) uint8 with i below 65,536.

    >>> form = compact(np.array([[0, 7, 0], [9, 0, 1]], dtype=np.uint8))
    >>> form.starts.tolist(), form.columns.tolist(), form.values.tolist()
    ([0, 1, 3], [1, 0, 2], [7, 9, 1])
    """
    count, width = images.shape
    if width > np.iinfo(np.uint16).max:
        raise ValueError(f"images of {width} pixels; the compact form numbers at most 65,535")
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.count_nonzero(images, axis=1), out=starts[1:])
    columns = np.empty(starts[-1], np.uint16)
    values = np.empty(starts[-1], np.uint8)
    numbers = np.tile(np.arange(width, dtype=np.uint16), _BLOCK)
    for first in range(0, count, _BLOCK):
        # A block at a time keeps the masks in the processor's cache.
        pixels = images[first : first + _BLOCK].ravel()
        kept = pixels != 0
        nonzeros = slice(starts[first], starts[min(first + _BLOCK, count)])
        columns[nonzeros] = numbers[: len(pixels)][kept]
        values[nonzeros] = pixels[kept]
    for array in (starts, columns, values):
        array.flags.writeable = False
    return Compact(starts, columns, values)
