from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from command_cases import SMALL
from PIL import Image

import ravine
from ravine.cli.main import run
from ravine.storage.store import StoredRun


@pytest.fixture
def three(small, capsys, tmp_path, monkeypatch):
    """Train three runs, of which the last diverges, and return their ids; go to an empty folder."""
    ids = []
    for lr in ("0.1", "0.2", "1e30"):
        assert run(["train", *SMALL, "--json", "--lr", lr]) == 0
        ids.append(json.loads(capsys.readouterr().out)["id"])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return ids


def files():
    return sorted(str(file) for file in Path().rglob("*") if file.is_file())


def test_one_run(three, capsys):
    assert run(["runs", "plot", three[0][:8]]) == 0
    assert capsys.readouterr() == (f"drawn: run-{three[0]}.png\n", "")
    assert files() == [f"run-{three[0]}.png"]
    with Image.open(files()[0]) as image:
        assert image.format == "PNG"


def test_several_runs(three, capsys, runs):
    assert run(["runs", "plot", three[0], str(runs / three[1]), three[2], three[0], "--into", "new/all.svg"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    head, *rows, last = out.splitlines()
    assert head.split()[:4] == ["id", "what", "differs", "status"]
    assert [row.split()[:4] for row in rows] == [
        [three[0], "lr", "0.1", "done"],
        [three[1], "lr", "0.2", "done"],
        [three[2], "lr", "1e+30", "diverged"],
    ]
    assert last == "drawn: new/all.svg"
    texts = {element.text for element in ElementTree.parse("new/all.svg").iter() if element.tag.endswith("text")}
    assert {"lr 0.1", "lr 0.2", "lr 1e+30 (diverged)", "training loss", "test accuracy"} <= texts


def test_names_of_files(three, capsys):
    assert run(["runs", "plot", *three[:2]]) == 0
    assert run(["runs", "plot", *three]) == 0
    assert files() == sorted([f"runs-{three[0]}-{three[1]}.png", f"runs-{three[0]}-and-2-more.png"])


def test_curves_as_json(three, capsys):
    assert run(["runs", "plot", *three, "--json", "--into", "a.pdf"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "picture": "curves",
        "runs": [
            {"id": three[0], "label": "lr 0.1", "status": "done"},
            {"id": three[1], "label": "lr 0.2", "status": "done"},
            {"id": three[2], "label": "lr 1e+30", "status": "diverged"},
        ],
        "file": "a.pdf",
    }
    assert Path("a.pdf").read_bytes().startswith(b"%PDF-")


def test_confusion(three, capsys):
    matrix = ravine.load_run(three[0]).confusion().tolist()
    assert run(["runs", "plot", three[0], "--confusion"]) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["true", *"abcdefghij"]
    assert [row.split() for row in rows] == [
        [name, *map(str, row)] for name, row in zip("abcdefghij", matrix, strict=True)
    ]
    assert last == f"drawn: confusion-{three[0]}.png"
    assert run(["runs", "plot", three[0], "--confusion", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {
        "picture": "confusion",
        "run": three[0],
        "images": 70,
        "classes": list("abcdefghij"),
        "matrix": matrix,
        "file": f"confusion-{three[0]}.png",
    }
    assert files() == [document["file"]]


def test_errors(three, capsys):
    found = ravine.load_run(three[0])
    assert run(["runs", "plot", three[0], "--errors", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    errors = document.pop("errors")
    assert document == {
        "picture": "errors",
        "run": three[0],
        "images": 70,
        "shown": min(40, len(errors)),
        "file": f"errors-{three[0]}.png",
    }
    assert sorted(int(error["image"].removeprefix("test:")) for error in errors) == found.errors().tolist()
    shares = [error["probability"] for error in errors]
    assert shares == sorted(shares, reverse=True)
    assert 0.1 <= shares[-1] <= shares[0] <= 1
    # `ravine predict` says the same of the image that is named.
    assert run(["predict", three[0], errors[0]["image"], "--json"]) == 0
    (predicted,) = json.loads(capsys.readouterr().out)["images"]
    assert predicted["class"] == errors[0]["predicted"] != errors[0]["true"]
    assert predicted["probabilities"][predicted["class"]] == pytest.approx(shares[0])
    assert run(["runs", "plot", three[0], "--errors"]) == 0
    head, *rows, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["image", "true", "predicted", "probability"]
    assert [row.split()[0] for row in rows] == [error["image"] for error in errors[:40]]
    assert last == f"drawn: errors-{three[0]}.png"


@pytest.mark.parametrize("number", [0, 2])
def test_weights(three, capsys, number):
    assert run(["runs", "plot", three[number], "--weights", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"picture": "weights", "run": three[number], "file": f"weights-{three[number]}.png"}
    assert files() == [document["file"]]


def test_data_and_runs_may_lie_elsewhere(three, capsys, tmp_path, runs, monkeypatch):
    monkeypatch.delenv("RAVINE_DATA")
    monkeypatch.setenv("RAVINE_HOME", "nowhere")
    where = ["--out", str(runs), "--data-dir", str(tmp_path / "files")]
    assert run(["runs", "plot", three[0], "--confusion", "--quiet", *where]) == 0


BAD = [
    (["--confusion", "--errors"], 1, 2, "--confusion and --errors are two pictures; ask for one."),
    (["--confusion", "--errors", "--weights"], 1, 2, "--confusion and --errors are two pictures; ask for one."),
    (["--confusion"], 2, 2, "--confusion draws one run, and 2 are given; give one."),
    (["--errors"], 3, 2, "--errors draws one run, and 3 are given; give one."),
    (["--weights"], 2, 2, "--weights draws one run, and 2 are given; give one."),
    ([], 0, 2, "Missing argument 'RUN...'"),
    (["--into", "a.bmp"], 1, 3, "unknown kind of picture '.bmp'"),
    (["--into", "a"], 1, 3, "Known: .pdf, .png, .svg"),
    (["--weights", "--into", "a.gif"], 1, 3, "unknown kind of picture '.gif'"),
    (["zzzz"], 1, 3, "there is no run 'zzzz'"),
    (["--errors", "--data-dir", "nowhere"], 1, 3, "nowhere"),
    (["--into", "file/a.png"], 1, 3, "file"),
]


@pytest.mark.parametrize(("arguments", "count", "code", "words"), BAD)
def test_bad_input(three, capsys, tmp_path, arguments, count, code, words):
    (tmp_path / "here" / "file").write_text("in the way")
    assert run(["runs", "plot", *three[:count], *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err.splitlines()[-1]
    assert code == 2 or err.count("\n") == 1
    assert files() == ["file"]


def test_a_run_that_cannot_predict(three, capsys, monkeypatch):
    monkeypatch.setattr(StoredRun, "weights", lambda stored: np.full(64 * 12 + 12 * 10, np.nan, np.float32))
    for picture in ("--confusion", "--errors"):
        assert run(["runs", "plot", three[2], picture]) == 3
        out, err = capsys.readouterr()
        assert out == ""
        assert err == f"ravine: run {three[2]} diverged: its weights are not finite, so it cannot predict.\n"
        assert files() == []
    assert run(["runs", "plot", three[2], "--weights"]) == 0
    assert run(["runs", "plot", three[2]]) == 0
