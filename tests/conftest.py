"""What tests of several folders share: a small data set in MNIST's format, and the real MNIST."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import hypothesis
import hypothesis.database
import platformdirs
import pytest

from ravine.data import Dataset, catalog, load
from small_data import small_files, small_info

collect_ignore = ["training/killed_run.py", "small_worker.py"]  # programs that tests start


# Examples that failed are not kept: the folder of the tests need not be writable.
hypothesis.settings.register_profile("ravine", database=hypothesis.database.InMemoryExampleDatabase())
hypothesis.settings.load_profile("ravine")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell starts what runs in the background with Ctrl-C ignored, and the programs that tests start inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Give all test processes one cache of compiled kernels where the user's own cannot be written.

    The width of the terminal, which pytest-xdist passes on to its processes, is forgotten.
    """
    os.environ.pop("COLUMNS", None)
    kernels = platformdirs.user_cache_path("ravine") / "kernels"
    try:
        kernels.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=kernels).close()
    except OSError:
        folder = tempfile.TemporaryDirectory(prefix="ravine-cache-")
        os.environ["XDG_CACHE_HOME"] = folder.name
        config.add_cleanup(folder.cleanup)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out slow tests where none is asked for: by `-m`, by `-k` with a name, or by naming files."""
    if config.option.markexpr or config.option.keyword or config.args != config.getini("testpaths"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=4, help="how often the runs on MNIST are killed with SIGKILL")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Put the small data set into the table and where it is found, and runs into a folder of the test's own."""
    files = small_files()
    folder = tmp_path / "files" / "small"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    monkeypatch.setitem(catalog.DATASETS, "small", small_info(files))
    monkeypatch.setenv("RAVINE_DATA", str(folder.parent))
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "runs"))
    return load("small")


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name the folder where runs go if no other is given."""
    monkeypatch.setenv("RAVINE_HOME", str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def empty_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pictures of a page be empty, for tests that are not about them: they take longer than all else."""
    for name in ("score_by_rate", "best_of_k", "curves", "profiles"):
        monkeypatch.setattr(f"ravine.comparison.files.{name}", lambda *arguments: None)
    empty = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'
    for files in ("ravine.comparison.files", "ravine.report.make"):
        monkeypatch.setattr(f"{files}.svg", lambda figure, name: empty)
        monkeypatch.setattr(f"{files}.png", lambda figure: b"")


@pytest.fixture
def mnist_environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment for a process that trains on the real MNIST and stores its runs in the test's folder."""
    load("mnist")  # found or downloaded here once, not by each process
    return {**os.environ, "RAVINE_HOME": str(tmp_path / "runs")}
