"""Parse IDX, the format of the MNIST files: pure functions from bytes to arrays.

An IDX file is a magic number (two zero bytes, a type code, the number of dimensions), one big-endian 32-bit
unsigned integer for each dimension, and then the values, big-endian, in C order. There is nothing after them.
The format is described by LeCun, Cortes and Burges on the page of the MNIST database.

Every function takes the name of the file for its errors: bad input is always a `DataError` that names the file.
"""

from __future__ import annotations

import math
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ravine.errors import DataError

MAX_BYTES = 2**31
"""The most bytes of values that a file may announce; the training images of MNIST are 47 million."""

_MAX_DIMENSIONS = 32
_MAX_HEADER = 4 + 4 * 255
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31  # zlib's way to ask for a gzip wrapper, whose CRC-32 and length it then checks

_DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}


class Header(NamedTuple):
    """The type and the shape that the first bytes of an IDX file announce."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def length(self) -> int:
        """The number of bytes before the values."""
        return 4 + 4 * len(self.shape)

    @property
    def file_length(self) -> int:
        """The number of bytes of the whole file."""
        return self.length + math.prod(self.shape) * self.dtype.itemsize


def is_gzip(content: bytes) -> bool:
    """Tell whether `content` starts as gzip does."""
    return content[:2] == _GZIP_MAGIC


def read_header(content: bytes, name: str) -> Header:
    """Read the header from the first bytes of an uncompressed IDX file.

    Raises:
        DataError: `content` is empty, a web page, too short for its header, not IDX, or announces dimensions
            that no data set has.

    >>> read_header(bytes([0, 0, 8, 2, 0, 0, 0, 5, 0, 0, 0, 3]), "example").shape
    (5, 3)
    """
    if not content:
        raise DataError(f"{name} is empty.")
    if content[:64].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        raise DataError(f"{name} is a web page (HTML or XML), not IDX data: a server or a proxy answered with it.")
    if len(content) < 4:
        raise DataError(f"{name} is truncated: its {len(content)} bytes are too few for an IDX magic number.")
    dtype = _DTYPES.get(content[2])
    dimensions = content[3]
    if content[:2] != b"\x00\x00" or dtype is None or dimensions == 0:
        raise DataError(
            f"{name} is not IDX data: its magic number is 0x{content[:4].hex()}; it must be 0x0000TTDD, "
            f"with a type code TT from 08, 09, 0b, 0c, 0d, 0e and DD >= 1 dimensions."
        )
    if dimensions > _MAX_DIMENSIONS:
        raise DataError(f"{name} announces {dimensions} dimensions; at most {_MAX_DIMENSIONS} are allowed.")
    length = 4 + 4 * dimensions
    if len(content) < length:
        raise DataError(f"{name} is truncated: {len(content)} bytes, but its header alone has {length}.")
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, length, 4))
    header = Header(dtype, shape)
    # A zero dimension makes the product vanish, but NumPy still has to represent the others.
    if math.prod(filter(None, shape)) * dtype.itemsize > MAX_BYTES:
        raise DataError(f"{name} announces dimensions {_times(shape)}, more than the {MAX_BYTES} bytes allowed.")
    return header


def unpack(content: bytes, name: str) -> bytes:
    """Return the uncompressed bytes of a file that may be gzip, inflating no more than its header announces.

    Bytes that are not gzip are returned as they are, unread. If the compressed data go on past the announced
    end, the result is one byte too long, and `parse` refuses it.

    Raises:
        DataError: the gzip data are damaged or end early, more bytes follow them, or the IDX header inside is
            bad.

    >>> import gzip
    >>> unpack(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])), "example")[-2:]
    b'\\x07\\t'
    """
    if not is_gzip(content):
        return content
    try:
        header = read_header(_inflate(content, _MAX_HEADER, name), name)
        return _inflate(content, header.file_length + 1, name)
    except zlib.error as error:
        raise DataError(f"{name} is damaged: its gzip data do not decompress ({error}).") from error


def _inflate(content: bytes, limit: int, name: str) -> bytes:
    stream = zlib.decompressobj(_GZIP_WBITS)
    unpacked = stream.decompress(content, limit)
    if len(unpacked) < limit and not stream.eof:
        raise DataError(f"{name} is truncated: its gzip data end early.")
    if stream.unused_data:
        raise DataError(f"{name} has {len(stream.unused_data)} bytes too many after its gzip data.")
    return unpacked


def parse(content: bytes, name: str) -> NDArray[Any]:
    """Parse a whole uncompressed IDX file.

    Args:
        content: all bytes of the file (see `unpack` for gzip).
        name: the name of the file in an error.

    Returns:
        A read-only C-contiguous array of the announced shape. Its dtype is uint8, int8, int16, int32, float32
        or float64, in the machine's byte order. Values of one byte are not copied: the array is a view of
        `content`.

    Raises:
        DataError: the header is bad (see `read_header`), or the number of bytes is not what it announces.

    >>> parse(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]), "example")
    array([[1, 2, 3],
           [4, 5, 6]], dtype=uint8)
    """
    header = read_header(content, name)
    if len(content) < header.file_length:
        raise DataError(
            f"{name} is truncated: {len(content)} bytes, but dimensions {_times(header.shape)} "
            f"need {header.file_length}."
        )
    if len(content) > header.file_length:
        raise DataError(
            f"{name} has bytes too many: dimensions {_times(header.shape)} end after "
            f"{header.file_length} bytes, and more follow."
        )
    stored = np.frombuffer(content, dtype=header.dtype, offset=header.length).reshape(header.shape)
    array = stored.astype(header.dtype.newbyteorder("="), copy=False)
    array.flags.writeable = False
    return array


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
