from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest
from PIL import Image

from ravine.cli.main import run
from ravine.formulas.shelves import SURFACES

BAD = [
    (["momentun"], 3, "unknown optimizer 'momentun'; did you mean 'momentum'?"),
    (["sgd,alpha=0.5"], 3, "sgd has no alpha; momentum, nesterov"),
    (["lbfgs,clip_norm=0.1"], 3, "lbfgs searches along the loss, and clip_norm changes the gradient"),
    (["sgd,lr"], 3, "'lr' in 'sgd,lr' is not NAME=VALUE, with a number, true or false; write for example sgd,lr=0.01."),
    (["sgd", "--lr", "-1"], 3, "lr of sgd is -1"),
    (["sgd", "--steps", "0"], 3, "steps is 0"),
    (["sgd", "--start", "nan,1"], 3, "start is nan,1"),
    (["sgd", "--surface", "saddel"], 3, "unknown surface 'saddel'; did you mean 'saddle'?"),
    (["sgd", "--out", "picture.bmp"], 3, "unknown kind of picture '.bmp'"),
    (["sgd", "--out", "picture"], 3, "Known: .gif, .pdf, .png, .svg"),
    (["sgd", "--start", "1"], 2, "'1' is not X,Y"),
    (["sgd", "--start", "1,2,3"], 2, "'1,2,3' is not X,Y"),
    (["sgd", "--steps", "1.5"], 2, "--steps"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_and_the_picture(folder, capsys):
    assert run(["paths"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "ravine: f = (x^2 + 75 y^2) / 2, lowest 0"
    rows = [line.split() for line in lines[3:6]]
    assert [row[0] for row in rows] == ["sgd", "momentum", "adam"]
    assert all(row[1].endswith("*") and row[2] == "100" for row in rows)
    assert "* the one of 26 rates from 0.0001 to 10" in out
    assert lines[-1] == "drawn: paths-ravine.png"
    assert [file.name for file in folder.iterdir()] == ["paths-ravine.png"]
    with Image.open("paths-ravine.png") as image:
        assert (image.format, image.size) == ("PNG", (1800, 720))


def test_given_rates_and_a_path_that_diverges(capsys):
    assert run(["paths", "sgd,lr=1", "momentum", "--lr", "0.001", "--surface", "rosenbrock", "--out", "a/p.svg"]) == 0
    out = capsys.readouterr().out
    assert "diverged at step 4" in out
    assert "*" not in out
    root = ElementTree.parse("a/p.svg").getroot()
    assert "momentum, lr 0.001" in "".join(root.itertext())


def test_rules_of_whole_matrices(capsys):
    assert run(["paths", "muon", "lbfgs", "--steps", "20"]) == 0
    muon, lbfgs = (line.split() for line in capsys.readouterr().out.splitlines()[3:5])
    assert (muon[0], lbfgs[:2]) == ("muon", ["lbfgs", "1"])
    assert muon[1].endswith("*")


def test_json(capsys):
    assert run(["paths", "sgd,lr=0.02", "adam", "--steps", "7", "--start", "-3,1", "--json", "--out", "p.gif"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert err == ""
    assert (document["surface"], document["lowest"], document["file"]) == ("ravine", 0.0, "p.gif")
    sgd, adam = document["paths"]
    assert sgd["hyperparameters"] == {"lr": 0.02}
    assert (sgd["chosen"], adam["chosen"]) == (False, True)
    assert sgd["points"][0] == adam["points"][0] == [-3.0, 1.0]
    assert len(sgd["points"]) == 8
    assert sgd["end"] == pytest.approx([-3 * 0.98**7, (-0.5) ** 7])
    assert sgd["value"] == pytest.approx((sgd["end"][0] ** 2 + 75 * sgd["end"][1] ** 2) / 2)
    assert sgd["distance"] == pytest.approx((sgd["end"][0] ** 2 + sgd["end"][1] ** 2) ** 0.5)
    with Image.open("p.gif") as image:
        assert (image.format, image.n_frames) == ("GIF", 8)


def test_the_list_of_surfaces(folder, capsys):
    assert run(["paths", "--list"]) == 0
    out = capsys.readouterr().out
    for surface in SURFACES.values():
        assert surface.formula in out
    assert run(["paths", "--list", "--json"]) == 0
    assert [each["surface"] for each in json.loads(capsys.readouterr().out)["surfaces"]] == list(SURFACES)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(("arguments", "code", "words"), BAD)
def test_bad_input(folder, capsys, arguments, code, words):
    assert run(["paths", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err.splitlines()[-1]
    assert code == 2 or err.count("\n") == 1
    assert not list(folder.iterdir())


def test_a_picture_that_cannot_be_written(folder, capsys):
    (folder / "file").write_text("in the way")
    assert run(["paths", "sgd", "--out", "file/p.png"]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
