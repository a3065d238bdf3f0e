"""A small data set, and a web server for it on this machine."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from ravine.data import catalog

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def write_idx(array: np.ndarray) -> bytes:
    """Write IDX with `struct` and `tobytes`, sharing nothing with the parser."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@dataclass(frozen=True)
class Tiny:
    """A data set of 7 + 3 images of 2 x 3 pixels in 4 classes, with the bytes of its files."""

    info: catalog.DatasetInfo
    arrays: dict[str, np.ndarray]
    plain: dict[str, bytes]
    packed: dict[str, bytes]

    def write(self, folder: Path, form: str = "packed") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name in catalog.FILE_NAMES:
            if form == "packed":
                (folder / f"{name}.gz").write_bytes(self.packed[name])
            else:
                (folder / name).write_bytes(self.plain[name])
        return folder


def make_tiny(name: str, seed: int, *, hashed: str = "plain", **changes: object) -> Tiny:
    generator = np.random.default_rng(seed)
    arrays = {}
    for half, count in (("train", 7), ("t10k", 3)):
        arrays[f"{half}-images-idx3-ubyte"] = generator.integers(0, 256, (count, 2, 3), dtype=np.uint8)
        arrays[f"{half}-labels-idx1-ubyte"] = generator.integers(0, 4, count, dtype=np.uint8)
    plain = {key: write_idx(array) for key, array in arrays.items()}
    packed = {key: gzip.compress(content) for key, content in plain.items()}
    if hashed == "plain":
        sha256 = {key: hashlib.sha256(content).hexdigest() for key, content in plain.items()}
    else:
        sha256 = {f"{key}.gz": hashlib.sha256(content).hexdigest() for key, content in packed.items()}
    facts = {
        "title": name,
        "shape": (2, 3),
        "train_count": 7,
        "classes": 4,
        "class_names": ("a", "b", "c", "d"),
        "sha256": sha256,
        "mirrors": (),
        "megabytes": 1,
        "source": "a test",
        "license": "none",
    }
    return Tiny(catalog.DatasetInfo(name=name, **{**facts, **changes}), arrays, plain, packed)


class Mirror(ThreadingHTTPServer):
    """A web server whose answers a test sets by path: bytes, a status, or a function of the handler."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, bytes | int | Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []

    def url(self, folder: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{folder}/"

    def offer(self, folder: str, tiny: Tiny) -> None:
        for name, content in tiny.packed.items():
            self.answers[f"/{folder}/{name}.gz"] = content


class _Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answer = self.server.answers.get(self.path, 404)
        if callable(answer):
            answer(self)
        elif isinstance(answer, int):
            self.send_error(answer)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *values: object) -> None:
        pass
