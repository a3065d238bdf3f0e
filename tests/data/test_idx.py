"""The IDX parser, against a writer of its own and against bad input of every kind."""

from __future__ import annotations

import contextlib
import gzip
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tiny_data import write_idx

from ravine.data import idx
from ravine.errors import DataError

DTYPES = [np.dtype(code) for code in ("u1", "i1", "i2", "i4", "f4", "f8")]
ARRAYS = hnp.arrays(st.sampled_from(DTYPES), hnp.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=5))
GOOD = write_idx(np.arange(6, dtype=np.uint8).reshape(2, 3))


@given(ARRAYS)
def test_what_was_written_is_read(array):
    parsed = idx.parse(write_idx(array), "file")
    assert parsed.dtype == array.dtype
    assert parsed.dtype.isnative
    np.testing.assert_array_equal(parsed, array)


@given(ARRAYS, st.integers(0, 9))
def test_gzip_is_unpacked_at_every_level(array, level):
    content = write_idx(array)
    assert idx.unpack(gzip.compress(content, compresslevel=level), "file") == content


def test_bytes_by_hand():
    content = bytes.fromhex("00000b02 00000002 00000001 0102 fffe".replace(" ", ""))
    np.testing.assert_array_equal(idx.parse(content, "file"), np.array([[258], [-2]], dtype=np.int16))


def test_arrays_are_read_only_contiguous_views():
    content = write_idx(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
    parsed = idx.parse(content, "file")
    assert not parsed.flags.writeable
    assert parsed.flags.c_contiguous
    assert np.shares_memory(parsed, np.frombuffer(content, dtype=np.uint8))
    assert not idx.parse(write_idx(np.arange(3, dtype=np.float64)), "file").flags.writeable


def test_plain_bytes_are_not_touched_by_unpack():
    assert idx.unpack(GOOD, "file") is GOOD
    assert idx.unpack(b"", "file") == b""


def header(code, *dimensions):
    return struct.pack(f">BBBB{len(dimensions)}I", 0, 0, code, len(dimensions), *dimensions)


BAD = {
    "empty": (b"", "is empty"),
    "web page": (b"<!doctype html><html><body>404</body></html>", "web page"),
    "web page with a mark and space": (b"\xef\xbb\xbf \n<HTML>", "web page"),
    "storage error": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "web page"),
    "half a magic number": (b"\x00\x00\x08", "truncated"),
    "no zeros": (b"\x01\x00\x08\x01\x00\x00\x00\x00", "magic number is 0x01000801"),
    "unknown type": (header(0x0A, 0), "magic number is 0x00000a01"),
    "no dimension": (b"\x00\x00\x08\x00\x05", "magic number is 0x00000800"),
    "half a header": (header(8, 2, 3)[:-1], "truncated: 11 bytes, but its header alone has 12"),
    "one byte short": (GOOD[:-1], "truncated: 17 bytes, but dimensions 2 x 3 need 18"),
    "one byte long": (GOOD + b"\x00", "bytes too many"),
    "33 dimensions": (header(8, *[1] * 33) + b"\x00", "33 dimensions"),
    "255 dimensions": (header(8, *[1] * 255) + b"\x00", "255 dimensions"),
    "product overflows 64 bits": (header(8, *[2**32 - 1] * 4), "4294967295 x 4294967295"),
    "just over the bound": (header(8, 2**31 + 1), "more than the 2147483648 bytes"),
    "bound counts bytes, not values": (header(0x0E, 2**28 + 1), "more than"),
    "zero hides a huge product": (header(8, 0, 2**32 - 1, 2**32 - 1, 2**32 - 1), "more than"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_bad_input_is_one_sentence_that_names_the_file(content, words, packed):
    with pytest.raises(DataError) as caught:
        idx.parse(idx.unpack(gzip.compress(content) if packed else content, "some/file"), "some/file")
    message = str(caught.value)
    assert message.startswith("some/file ")
    assert message.endswith(".")
    assert "\n" not in message
    assert words in message


def test_the_bound_itself_is_allowed():
    assert idx.read_header(header(8, 2**31), "file").shape == (2**31,)


@pytest.mark.parametrize("kept", [2, 5, 11, -9, -8, -1])
def test_truncated_gzip(kept):
    with pytest.raises(DataError, match=r"^some/file is truncated"):
        idx.unpack(gzip.compress(GOOD)[:kept], "some/file")


@pytest.mark.parametrize("at", [2, 12, -5, -1])
def test_damaged_gzip(at):
    # Byte 2 is the method, 12 lies in the deflate stream, the last eight are the checksum and the length.
    content = bytearray(gzip.compress(write_idx(np.arange(200, dtype=np.uint8)), mtime=0))
    content[at] ^= 0xFF
    with pytest.raises(DataError, match=r"^some/file is (damaged|truncated|not IDX)"):
        idx.parse(idx.unpack(bytes(content), "some/file"), "some/file")


@given(st.data())
def test_no_damage_ever_escapes_as_another_error(data):
    content = bytearray(gzip.compress(GOOD, mtime=0))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(2, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DataError):
        idx.parse(idx.unpack(bytes(content), "file"), "file")


@pytest.mark.parametrize("tail", [b"\x00", b"junk", gzip.compress(GOOD)], ids=["zero", "text", "gzip"])
def test_bytes_after_the_gzip_data(tail):
    with pytest.raises(DataError, match=f"has {len(tail)} bytes too many after its gzip data"):
        idx.unpack(gzip.compress(GOOD) + tail, "some/file")


def test_a_gzip_bomb_is_not_inflated():
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = squeeze.compress(GOOD)
    for _ in range(200):
        bomb += squeeze.compress(bytes(2**20))
    bomb += squeeze.flush()
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="bytes too many"):
            idx.parse(idx.unpack(bomb, "bomb"), "bomb")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**21
