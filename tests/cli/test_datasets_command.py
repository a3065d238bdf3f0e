"""`ravine datasets`: what is found where, and what is only of the same name."""

from __future__ import annotations

import json

import pytest

from data.tiny_data import make_tiny
from ravine.cli.main import run
from ravine.data import catalog


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Three data sets whose files have the same names, and no others; nothing else of them is on this machine."""
    sets = {name: make_tiny(name, seed) for seed, name in enumerate(("one", "two", "three"))}
    for name in list(catalog.DATASETS):
        monkeypatch.delitem(catalog.DATASETS, name)
    for name, tiny in sets.items():
        monkeypatch.setitem(catalog.DATASETS, name, tiny.info)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("RAVINE_DATA", raising=False)
    return sets


def listed(capsys, *arguments: str) -> dict[str, tuple[str | None, str | None]]:
    """Return the folder and the fault of each data set; the table must say the same."""
    assert run(["datasets", *arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    found = {each["name"]: (each["folder"], each["fault"]) for each in document["datasets"]}
    assert run(["datasets", *arguments]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()[1:]}
    for name, (folder, fault) in found.items():
        words = f"not found: {fault}" if fault else f"found in {folder}" if folder else "to be downloaded"
        assert lines[name].endswith(f"  {words}")
    return found


@pytest.mark.parametrize("form", ["plain", "packed"])
@pytest.mark.parametrize("owner", ["one", "two", "three"])
def test_files_in_the_folder_itself_are_those_of_one_data_set(known, tmp_path, capsys, form, owner):
    folder = known[owner].write(tmp_path / "given", form)
    for name, (place, fault) in listed(capsys, "--data-dir", str(folder)).items():
        if name == owner:
            assert (place, fault) == (str(folder), None)
        else:
            assert place is None
            assert f"is a file of {owner}, not of {name}" in fault


def test_sub_folders_are_looked_into(known, tmp_path, capsys):
    known["one"].write(tmp_path / "given" / "one")
    known["one"].write(tmp_path / "given" / "two")
    found = listed(capsys, "--data-dir", str(tmp_path / "given"))
    assert found["one"] == (str(tmp_path / "given" / "one"), None)
    assert "two/t10k-labels-idx1-ubyte.gz is a file of one, not of two" in found["two"][1]
    assert "given holds no file of three" in found["three"][1]


def test_the_environment_names_a_folder_of_some(known, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RAVINE_DATA", str(known["two"].write(tmp_path / "given")))
    known["three"].write(tmp_path / "cache" / "ravine" / "data" / "three")
    assert listed(capsys) == {
        "one": (None, None),
        "two": (str(tmp_path / "given"), None),
        "three": (str(tmp_path / "cache" / "ravine" / "data" / "three"), None),
    }


def test_a_folder_that_is_none_is_a_fault_of_each(known, tmp_path, capsys):
    for folder, fault in listed(capsys, "--data-dir", str(tmp_path / "none")).values():
        assert folder is None
        assert "is not a folder" in fault


def test_a_damaged_file_is_not_found(known, tmp_path, capsys):
    folder = known["one"].write(tmp_path / "given", "plain")
    (folder / "train-images-idx3-ubyte").write_bytes(known["one"].plain["train-images-idx3-ubyte"][:-1])
    folder_of, fault = listed(capsys, "--data-dir", str(folder))["one"]
    assert folder_of is None
    assert "train-images-idx3-ubyte is truncated" in fault
