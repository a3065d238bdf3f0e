"""Compiled code on disk: found again by the next process, and whatever is damaged is made anew and never run."""

from __future__ import annotations

import errno
import logging
import os
import re
import subprocess
import sys

import platformdirs
import pytest

from ravine.engines.fused import cache

CONTENT = bytes(range(256)) * 3


@pytest.fixture
def told(monkeypatch):
    """Return what the logger is told."""
    notes = []
    handler = logging.Handler()
    monkeypatch.setattr(handler, "emit", lambda record: notes.append(record.getMessage()))
    monkeypatch.setattr(logging.getLogger("ravine"), "handlers", [handler])
    return notes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / name)
    return tmp_path / "ravine" / "kernels"


def made(content=CONTENT):
    """Fetch a file; return whether it had to be made."""
    calls = []

    def make():
        calls.append(1)
        return content

    assert cache.fetch("tiny", make) == content
    return bool(calls)


def contents(folder):
    return {path: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


def test_what_was_made_is_found_afterwards(folder):
    assert not cache.holds("tiny")
    assert made()
    assert cache.holds("tiny")
    first = contents(folder)
    assert not made()
    assert contents(folder) == first
    assert len(first) == 1


def test_a_file_of_another_name_leaves_the_first_alone(folder):
    made()
    first = contents(folder)
    assert cache.fetch("other", lambda: b"other") == b"other"
    assert contents(folder).items() > first.items()


def truncate(data):
    return data[:-20]


def cut_within_the_hash(data):
    return data[:20]


def empty(data):
    return b""


def flip_the_first(data):
    return bytes([data[0] ^ 1]) + data[1:]


def flip_the_middle(data):
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1 :]


def lengthen(data):
    return data + b"\0"


def another(data):
    return b"not what this program writes"


DAMAGES = [truncate, cut_within_the_hash, empty, flip_the_first, flip_the_middle, lengthen, another]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_anew(folder, told, damage):
    made()
    path = folder / "tiny"
    path.write_bytes(damage(path.read_bytes()))
    assert not cache.holds("tiny")
    assert made()
    (note,) = told
    assert re.fullmatch(r"the compiled code in .*tiny is damaged; compiling it anew", note)
    assert not made()  # and it is whole again, without a word
    assert len(told) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_not_made_to_the_end_leaves_nothing_behind(folder, error):
    def fail():
        raise error

    with pytest.raises(error):
        cache.fetch("tiny", fail)
    assert contents(folder) == {}
    assert made()


def test_a_writer_that_was_killed_leaves_nothing_that_is_believed(folder):
    folder.mkdir(parents=True)
    (folder / "tiny.abc.part").write_bytes(b"half of it")
    assert made()


SLOW = """
import time
from ravine.engines.fused import cache

made = []
def make():
    time.sleep(0.5)
    made.append(1)
    return b"content"

assert cache.fetch("tiny", make) == b"content"
print(bool(made))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the place of the cache is set by XDG_CACHE_HOME")
def test_of_processes_that_want_the_same_one_makes_it_and_others_wait(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", SLOW]
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [process.communicate(timeout=60)[0].strip() for process in started]
    assert sorted(answers) == ["False", "False", "True"]


def test_a_cache_that_cannot_be_written_costs_a_note_and_no_more(tmp_path, monkeypatch, told):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda name: tmp_path / "file" / name)
    assert made()
    assert "Not a directory" in cache.why_not_kept()
    assert not made()
    (note,) = told  # it comes once
    assert "cannot write compiled kernels to" in note
    assert "compiled for this process alone" in note


def test_a_cache_that_can_only_be_read_is_used(folder, monkeypatch):
    made()
    monkeypatch.setattr(cache, "_temporary", lambda root: pytest.fail("no other folder is needed"))
    assert not made()
    assert cache.holds("tiny")


@pytest.mark.parametrize("failing", ["write_bytes", "replace"])
def test_a_full_disk_costs_a_note_and_no_more(folder, monkeypatch, told, failing):
    def full(*arguments, **keywords):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert not cache.holds("tiny")
    monkeypatch.setattr(cache.Path, failing, full)
    assert made()
    assert re.fullmatch(r"cannot keep compiled code in .*tiny .No space left on device.", told[0])
    assert contents(folder) == {}


def test_a_file_under_another_name_is_not_believed(folder, told):
    made()
    (folder / "tiny").rename(folder / "other")
    assert cache.fetch("other", lambda: b"other") == b"other"
    assert "is damaged" in told[0]


def test_what_cannot_be_read_is_made(folder, told):
    (folder / "tiny").mkdir(parents=True)  # a folder in its place
    assert made()
    assert "is damaged" in told[0]
    assert "cannot keep compiled code" in told[1]


@pytest.mark.skipif(os.name != "posix", reason="there is no umask")
def test_files_are_as_readable_as_others_of_the_user(folder):
    made()
    plain = folder / "plain"
    plain.write_text("a file")
    assert (folder / "tiny").stat().st_mode == plain.stat().st_mode
