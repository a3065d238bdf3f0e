"""What Python shows of a run while it trains."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

import pytest

import ravine
from ravine.api import watching
from ravine.api.watching import Bar, Logged
from ravine.errors import ConfigError
from ravine.storage.record import Epoch
from ravine.training import Silent
from small_data import small_arrays

SMALL = {"data": small_arrays(), "layers": (64, 12, 10), "batch_size": 20, "epochs": 3}


def chosen(**given):
    with watching.watching(given.get("watcher"), given.get("quiet", False), 3) as watcher:
        return watcher


def test_the_watcher_fits_the_place(monkeypatch):
    assert type(chosen()) is Logged
    assert type(chosen(quiet=True)) is Silent
    mine = Silent()
    assert chosen(watcher=mine, quiet=True) is mine
    with pytest.raises(ConfigError, match="quiet is 3; it must be true or false"):
        chosen(quiet=3)
    # IPython in a terminal has no kernel, which could show HTML.
    for shell, kind in ((None, Logged), (SimpleNamespace(), Logged), (SimpleNamespace(kernel=1), Bar)):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert type(chosen()) is kind


def test_notes_are_logged_and_progress_is_not(caplog, monkeypatch):
    for name in ("LONG_SECONDS", "_TIMED_SECONDS"):
        monkeypatch.setattr(f"ravine.training.loop.{name}", 0)
    ravine.train(**SMALL)
    (note,) = [record for record in caplog.records if "this takes about" in record.getMessage()]
    assert (note.name, note.levelno) == ("ravine", logging.WARNING)
    caplog.clear()
    ravine.train(**SMALL, seed=1, quiet=True)
    assert not [record for record in caplog.records if "this takes" in record.getMessage()]


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def shown(monkeypatch):
    """Return what an imitation of a notebook shows: the pictures of one bar."""
    pictures = []
    handle = SimpleNamespace(update=pictures.append)

    def display(picture, display_id):
        assert display_id is True
        pictures.append(picture)
        return handle

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str, display=display))
    return pictures


def test_a_bar(clock, shown):
    bar = Bar(4)
    bar.progress(1, 0.5, 2.25)
    assert '<progress value="0.5000" max="4"></progress> epoch 1 of 4, train loss 2.250' in shown[-1]
    assert "to go" not in shown[-1]  # nothing to tell from yet
    clock[0] += 30
    bar.progress(2, 0.5, 2.0)
    assert "epoch 2 of 4, train loss 2.000, 1.2 minutes to go" in shown[-1]  # 30 s an epoch, 2.5 epochs
    count = len(shown)
    bar.progress(2, 0.6, 2.0)
    assert len(shown) == count  # too soon after the last one
    bar.note("a < b")
    assert shown[-1].endswith("<div>a &lt; b</div>")
    clock[0] += 60
    bar.epoch(Epoch(4, 40, 0.1, 20, 0.5, 0.6, 0.9, 1.0))
    assert 'value="4.0000"' in shown[-1]
    assert "test accuracy 90.00 %</div>" in shown[-1]


def test_a_bar_that_never_moved_is_not_shown(clock, shown):
    Bar(4).close()
    assert shown == []
