from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from ravine.api import network_gradient
from ravine.cli.main import run
from ravine.gradients import METHODS
from ravine.gradients.networks import agreement
from ravine.networks import gradient

CHECK = ["gradcheck", "--dataset", "small", "--layers", "64,6,10", "--epochs", "0", "--digits", "15"]
FIGURES = ["mean-relative-error", "relative-error-distribution", "v-curve"]


@pytest.fixture
def broken(monkeypatch):
    """Flip the sign of one weight's gradient, that with the largest, and return its place and its right value."""
    found = {}

    def wrong(network, weights, x, labels):
        losses, g = gradient(network, weights, x, labels)
        index = int(np.argmax(np.abs(g)))
        found["name"], found["value"] = network.layout.name(index), float(g[index])
        g[index] *= -1
        return losses, g

    monkeypatch.setattr(agreement, "gradient", wrong)
    return found


def test_a_right_gradient_ends_with_0(small, capsys, runs):
    assert run(CHECK) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("444 of 444 weights, 1 sample, float64, loss ")
    assert [line.split()[0] for line in out.splitlines()[4:8]] == list(METHODS)
    assert "in 15 digits" in out
    assert out.endswith("\nThe gradient passes.\n")
    assert not runs.exists()


def test_a_wrong_gradient_ends_with_1_and_the_worst_weights(small, capsys, broken):
    assert run(CHECK) == 1
    out = capsys.readouterr().out
    assert out.endswith("\nThe gradient FAILS.\n")
    layer, row, column = broken["name"]
    for name in METHODS:
        (_, after) = out.split(f"\n{name}: 1 weight differs")
        head, worst = after.splitlines()[1:3]
        assert head.split() == ["layer", "row", "column", "analytic", "numerical"]
        cells = worst.split()
        assert [int(cell) for cell in cells[:3]] == [layer, row, column]
        assert float(cells[3]) == pytest.approx(-broken["value"], rel=1e-5)
        assert float(cells[4]) == pytest.approx(broken["value"], rel=1e-3)


def test_json_goes_to_stdout_alone(small, capsys):
    assert run([*CHECK, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    document = json.loads(out)
    assert (document["parameters"], document["weights"], document["passed"]) == (444, 444, True)
    assert (document["answer"], document["right"], document["cause"]) == ("passes", 444, "")
    assert list(document["methods"]) == list(METHODS)
    for method in document["methods"].values():
        assert set(method) >= {
            "h",
            "mean_relative_error",
            "median_relative_error",
            "p99_relative_error",
            "max_relative_error",
            "max_absolute_error",
            "kinks",
            "both_zero",
            "compared",
            "seconds",
            "answer",
            "right",
            "wrong",
            "unseen",
            "worst",
            "layers",
            "histogram",
        }
    assert document["methods"]["central"]["h"] == 1e-8
    assert document["digits"]["digits"] == 15
    assert set(document["v_curve"]["median"]) == {"forward", "backward", "central"}
    assert document["figures"] == []


def test_json_of_a_wrong_gradient(small, capsys, broken):
    assert run([*CHECK, "--json", "--methods", "complex"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is False
    (worst,) = document["methods"]["complex"]["worst"]
    assert (worst["layer"], worst["row"], worst["column"]) == broken["name"]
    assert worst["analytic"] == -broken["value"]
    assert worst["numerical"] == pytest.approx(broken["value"], rel=1e-12)


def test_json_after_training_and_with_quiet(small, capsys):
    arguments = [*CHECK, "--epochs", "1", "--json"]
    assert run(arguments) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["passed"]
    assert "epoch 1/1" in err
    assert run([*arguments, "--seed", "5", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["passed"]
    assert err == ""


@pytest.mark.parametrize("methods", [",".join(METHODS), "complex", "forward"])
def test_figures(small, capsys, tmp_path, methods):
    folder = tmp_path / "new" / "figures"
    assert run([*CHECK, "--figures", str(folder), "--methods", methods, "--json"]) == 0
    drawn = json.loads(capsys.readouterr().out)["figures"]
    assert sorted(drawn) == sorted(str(folder / f"{name}.{kind}") for name in FIGURES for kind in ("png", "svg"))
    for name in FIGURES:
        with Image.open(folder / f"{name}.png") as image:
            image.load()
            pixels = np.asarray(image.convert("L"))
        assert min(pixels.shape) > 300
        assert 0.001 < (pixels < 128).mean() < 0.5
        tree = ElementTree.parse(folder / f"{name}.svg")
        assert tree.getroot().tag.endswith("svg")
        assert len(list(tree.iter())) > 50


def test_a_dead_network_is_drawn_and_ends_with_6(small, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(network_gradient, "start_weights", lambda spec: np.zeros(spec.network.layout.size) - 1)
    folder = tmp_path / "figures"
    assert run([*CHECK, "--figures", str(folder)]) == 6
    out = capsys.readouterr().out
    assert "The check CANNOT TELL whether the gradient is right.\nEvery derivative of layer 0 is zero" in out
    assert "Take weights at which the network is alive" in out
    assert (folder / "v-curve.png").exists()


def test_a_network_that_overflows_has_no_gradient_to_check(small, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(network_gradient, "start_weights", lambda spec: np.full(spec.network.layout.size, 1e200))
    assert run([*CHECK, "--softmax", "naive", "--figures", str(tmp_path)]) == 6
    assert "weights are not seen: the loss is nan. Take other weights" in capsys.readouterr().out
    assert run([*CHECK, "--softmax", "naive", "--json"]) == 6
    assert json.loads(capsys.readouterr().out)["cause"] == "the loss is nan"


@pytest.mark.parametrize("options", [["--h", "1e-20"], ["--dtype", "float32"], ["--h", "1e-14"]])
def test_a_step_that_sees_nothing_ends_with_6_and_says_what_to_do(small, capsys, options):
    arguments = [*CHECK, "--methods", "central", *options]
    assert run(arguments) == 6
    out = capsys.readouterr().out
    assert "The check CANNOT TELL whether the gradient is right." in out
    assert re.search(r"\n[\d,]+ weights are not seen: .+\. Take ", out)
    assert run([*arguments, "--json"]) == 6
    document = json.loads(capsys.readouterr().out)
    assert (document["answer"], document["passed"], document["wrong"]) == ("cannot tell", False, 0)
    assert document["unseen"] == document["methods"]["central"]["unseen"] > 0
    assert document["cause"]
    assert document["mend"].startswith("Take ")


def test_each_method_has_its_own_answer(small, capsys):
    assert run([*CHECK, "--json", "--h", "1e-20"]) == 0
    methods = json.loads(capsys.readouterr().out)["methods"]
    answers = {name: method["answer"] for name, method in methods.items()}
    assert answers == dict.fromkeys(METHODS, "cannot tell") | {"complex": "passes"}
    assert all(method["right"] + method["unseen"] == 444 for method in methods.values())


def test_a_stored_run_is_checked_at_its_weights(small, capsys):
    training = ["train", "--dataset", "small", "--layers", "64,7,10", "--engine", "reference", "--epochs", "2"]
    assert run([*training, "--activation", "tanh", "--json"]) == 0
    stored = json.loads(capsys.readouterr().out)["id"]
    assert run(["gradcheck", "--run", stored, "--digits", "0", "--json", "--sample", "3,4"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["parameters"], document["samples"], document["digits"]) == (64 * 7 + 70, 2, None)


def test_a_run_that_is_not_there(capsys, runs):
    assert run(["gradcheck", "--run", "nothing"]) == 3
    assert "there is no run 'nothing'" in capsys.readouterr().err
    assert not runs.exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--activation", "tanh"], "--activation"),
        (["--activation", "relu"], "--activation"),
        (["--loss", "hinge"], "--loss"),
        (["--layers", "64,10"], "--layers"),
        (["--label-smoothing", "0"], "--label-smoothing"),
        (["--dataset", "small", "--lr", "0.1"], "--lr or --dataset"),
        (["--epochs", "5", "--batch-size", "1", "--bias"], "--batch-size, --epochs or --bias"),
        (["--softmax", "naive", "--init", "he", "--seed", "0"], "--softmax, --init or --seed"),
    ],
)
def test_what_a_stored_run_has_already_is_refused_beside_it(runs, capsys, options, named):
    assert run(["gradcheck", "--run", "nothing", *options]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    (names,) = re.fullmatch(r"ravine: --run checks .+ as it is, and takes no (.+): leave it out\.", line).groups()
    assert names == named


def test_what_is_of_the_check_itself_goes_with_a_stored_run(small, capsys):
    training = ["train", "--dataset", "small", "--layers", "64,7,10", "--engine", "reference", "--epochs", "1"]
    assert run([*training, "--json"]) == 0
    stored = json.loads(capsys.readouterr().out)["id"]
    options = ["--weights", "30", "--methods", "central,complex", "--h", "1e-6", "--digits", "0", "--dtype", "float64"]
    assert run(["gradcheck", "--run", stored, *options, "--sample", "3", "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["weights"], document["methods"]["central"]["h"]) == (30, 1e-6)


def test_the_options_count(small, capsys):
    options = ["--weights", "40", "--h", "1e-5", "--dtype", "float32", "--methods", " central, complex ", "--bias"]
    assert run([*CHECK, *options, "--digits", "0", "--json", "--sample", "1,2,3"]) in (0, 6)
    document = json.loads(capsys.readouterr().out)
    assert (document["parameters"], document["weights"], document["samples"]) == (460, 40, 3)
    assert (document["dtype"], document["digits"], list(document["methods"])) == (
        "float32",
        None,
        ["central", "complex"],
    )
    assert document["methods"]["central"]["h"] == 1e-5


BAD = [
    (["--h", "0"], 3, "h is 0; the step of a difference must be above 0 and at most 1, for example 1e-8."),
    (["--h", "-1e-8"], 3, "h is -1e-08"),
    (["--h", "nan"], 3, "h is nan"),
    (["--h", "inf"], 3, "h is inf"),
    (["--h", "small"], 2, "--h"),
    (["--sample", "230"], 3, "sample 230 is outside the data; numbers go from 0 to 229."),
    (["--sample", "0,-1"], 3, "sample -1 is outside the data"),
    (["--sample", "9" * 30], 3, "is outside the data"),
    (["--sample", "first"], 2, "'first' is not a list of whole numbers, for example 0 or 0,1,2."),
    (["--sample", ""], 2, "is not a list of whole numbers"),
    (["--methods", "centrl"], 2, "unknown method 'centrl'; did you mean 'central'?"),
    (["--methods", ""], 3, "no method is given; name at least one of forward, backward, central, complex."),
    (["--methods", " , "], 3, "no method is given"),
    (["--weights", "0"], 3, "weights is 0; it must be all or a whole number from 1 to"),
    (["--weights", "-7"], 3, "weights is -7"),
    (["--weights", "some"], 2, "'some' is neither all nor a whole number."),
    (["--digits", "3"], 3, "digits is 3; it must be a whole number from 15 to 1000."),
    (["--digits", "-60"], 3, "digits is -60"),
    (["--digits", "many"], 2, "--digits"),
    (["--epochs", "-1"], 3, "epochs is -1"),
    (["--dtype", "float16"], 3, "unknown dtype of a gradient check 'float16'; did you mean 'float64'?"),
    (["--layers", "63,10"], 3, "layers 63,10 do not fit small"),
    (["--activation", "rleu"], 3, "did you mean 'relu'?"),
    (["--lr", "nan"], 3, "lr of sgd is nan"),
    (["--seed", "-1"], 3, "seed is -1"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), BAD)
@pytest.mark.parametrize("epochs", ["0", "1"])
def test_bad_input(small, capsys, runs, arguments, code, words, epochs):
    assert run([*CHECK, "--epochs", epochs, *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err.splitlines()[-1]
    if code == 3:
        assert err.startswith("ravine: ")
        assert err.count("\n") == 1
    assert not runs.exists()


def test_figures_that_cannot_be_written_end_with_3(small, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert run([*CHECK, "--figures", str(tmp_path / "file")]) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert f"cannot write {tmp_path / 'file'}" in err
    assert err.count("\n") == 1
