"""Walls around every test: a cache of its own, and no public host is reached."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_data import Mirror, Tiny, make_tiny

from ravine.data import catalog


@pytest.fixture
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a cache of its own, no named folder, no npm, and only this machine's network."""
    look_up = socket.getaddrinfo

    def local_only(host, *rest, **options):
        if host not in ("127.0.0.1", "localhost", ""):
            raise socket.gaierror(f"the tests may not reach {host}")
        return look_up(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local_only)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("RAVINE_DATA", raising=False)
    return tmp_path


@pytest.fixture
def cache(isolated: Path) -> Path:
    return isolated / "cache" / "ravine" / "data"


@pytest.fixture
def register(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tiny]:
    """Add a small data set to the table for the length of one test."""

    def add(name: str = "tiny", seed: int = 1, **changes: object) -> Tiny:
        tiny = make_tiny(name, seed, **changes)
        monkeypatch.setitem(catalog.DATASETS, name, tiny.info)
        return tiny

    return add


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
