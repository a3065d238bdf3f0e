"""Runs with other losses and activations than the usual ones: trained, stored and found again."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

import ravine
from ravine.cli.main import run as command
from ravine.errors import ConfigError, DataError
from ravine.spec import from_settings
from small_data import small_arrays

RNG = np.random.default_rng(5)
X = RNG.normal(size=(240, 6))
SLOPES = np.array([[1.0, -2.0], [0.5, 0.0], [0.0, 1.0], [2.0, 0.5], [0.0, 0.0], [-1.0, 0.25]])
Y = X @ SLOPES + 3
TRAINED = {"lr": 0.02, "epochs": 8, "bias": True, "quiet": True, "batch_size": 5, "init": "he-normal"}
FILE = """
import numpy as np
import ravine

SCALE = 1.0

@ravine.loss(targets="(-inf, inf)", prediction=lambda z: z * 1)
def log_cosh(z, y):
    d = SCALE * (z - y)
    return np.logaddexp(d, -d), SCALE * np.tanh(d)

@ravine.activation
def bent(z):
    r = np.sqrt(z * z + 1)
    return 0.5 * (r - 1) + z, 0.5 * z / r + 1
"""


@pytest.fixture
def out(tmp_path):
    return tmp_path / "runs"


@pytest.mark.parametrize("engine", ["fused", "reference"])
@pytest.mark.parametrize("loss", ["squared-error", "huber", "absolute-error"])
def test_numbers_are_learned_and_scored(out, engine, loss):
    data = (X[:200], Y[:200], X[200:], Y[200:])
    run = ravine.train(
        data=data, loss=loss, layers=(6, 16, 2), validation=40, test="epoch", engine=engine, out=out, **TRAINED
    )
    assert run.test_accuracy is None
    assert run.test_r2 > 0.8
    predicted = run.predict(X[200:])
    missed, spread = ((Y[200:] - predicted) ** 2).sum(axis=0), ((Y[200:] - Y[200:].mean(axis=0)) ** 2).sum(axis=0)
    assert run.test_r2 == pytest.approx((1 - missed / spread).mean(), rel=1e-5)
    assert run.test_mean_absolute_error == pytest.approx(np.abs(Y[200:] - predicted).mean(), rel=1e-5)
    assert 0.7 < run.validation_r2 <= 1
    last = run.history[-1]
    assert (last.test_r2, last.validation_r2) == (run.test_r2, run.validation_r2)
    assert "validation_r2" in repr(run)
    assert "validation r2" in run._repr_html_()
    with pytest.raises(ConfigError, match=r"targets of run .* are numbers, which have no classes"):
        run.errors(data=data)
    with pytest.raises(ConfigError, match=f"loss {loss}, which gives no probabilities: use predict"):
        run.probabilities(X[:1])


def test_one_number_a_sample(out):
    run = ravine.train(data=(X, Y[:, 0]), loss="squared-error", layers=(6, 12, 1), out=out, **TRAINED)
    assert run.predict(X[:3]).shape == (3,)
    found = ravine.load_run(run.id, out=out)
    assert found.predict(X[:3]).tolist() == run.predict(X[:3]).tolist()
    assert found.spec.targets == "numbers"


def test_counts(out):
    rates = np.exp(0.5 * X[:, 0])
    counts = np.random.default_rng(1).poisson(rates).astype(float)
    run = ravine.train(data=(X, counts), loss="poisson", layers=(6, 8, 1), out=out, **TRAINED)
    np.testing.assert_allclose(run.predict(X[:5]), np.exp(run.outputs(X[:5])[:, 0]), rtol=1e-6)
    assert np.corrcoef(run.predict(X), rates)[0, 1] > 0.7


@pytest.mark.parametrize("loss", ["logistic", "hinge", "squared-hinge"])
def test_several_flags_a_sample(out, loss):
    flags = Y > 3
    run = ravine.train(data=(X, flags, X, flags), loss=loss, layers=(6, 16, 2), out=out, **TRAINED)
    predicted = run.predict(X)
    assert predicted.dtype == np.int64
    assert run.test_accuracy == pytest.approx((predicted == flags).mean())
    assert run.test_accuracy > 0.8
    assert run.spec.targets == "flags"
    assert run.test_r2 is None
    if loss == "logistic":
        assert ((run.probabilities(X) > 0.5) == (predicted == 1)).all()


@pytest.mark.parametrize("outputs", [1, 2])
def test_two_classes_with_one_output_or_two(out, outputs):
    names = np.where(Y[:, 0] > 3, "more", "less")
    data = (X, names, X, names)
    run = ravine.train(data=data, loss="logistic", layers=(6, 12, outputs), out=out, **TRAINED)
    classes = run.predict(X)
    assert run.test_accuracy == pytest.approx(
        np.mean([run.class_names[k] == name for k, name in zip(classes, names, strict=True)])
    )
    assert run.test_accuracy > 0.8
    assert run.confusion(data=data).trace() == (classes == (names == "more")).sum()


def test_classes_as_targets_of_single_outputs(out):
    data = small_arrays()
    run = ravine.train(data=data, loss="squared-error", layers=(64, 20, 10), out=out, epochs=20, quiet=True, lr=0.2)
    assert run.test_accuracy == pytest.approx(1 - len(run.errors(data=data)) / len(data.test.targets))


def test_from_a_file_by_the_command_line(small, out, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(FILE)
    words = [
        "train",
        "--dataset",
        "small",
        "--layers",
        "64,9,8,10",
        "--epochs",
        "2",
        "--lr",
        "0.05",
        "-q",
        "--out",
        str(out),
    ]
    assert command([*words, "--loss", "mine.py:log_cosh", "--activation", "silu,mine.py:bent", "--json"]) == 0
    spec = json.loads(capsys.readouterr().out)["spec"]
    assert spec["loss"] == f"{tmp_path / 'mine.py'}:log_cosh"
    assert spec["activation"] == f"silu,{tmp_path / 'mine.py'}:bent"
    (run_id,) = (folder.name for folder in out.iterdir())
    assert command(["runs", "show", run_id, "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "mine.py:log_cosh, as it was:" in shown
    assert "np.logaddexp(d, -d)" in shown
    run = ravine.load_run(run_id, out=out)
    assert run.predict(small.test.features[:4]).shape == (4,)
    (tmp_path / "mine.py").write_text(
        FILE.replace("0.5 * (r - 1)", "0.25 * (r - 1)").replace("0.5 * z / r", "0.25 * z / r")
    )
    with pytest.raises(ConfigError, match="has another text now than when run"):
        ravine.load_run(run_id, out=out).predict(small.test.features[:4])


def test_the_id_holds_the_texts_and_not_the_folder(tmp_path, monkeypatch):
    def id_with(old="x", new="x", folder="."):
        path = tmp_path / folder / "mine.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FILE.replace(old, new))
        return from_settings({"loss": f"{path}:log_cosh", "activation": f"{path}:bent"}).id

    plain = id_with()
    assert id_with(folder="other") == plain
    assert id_with("# ", "# A remark. ") == plain
    changed = {
        id_with("SCALE = 1.0", "SCALE = 2.0"),
        id_with("z * 1", "z * 2"),
        id_with('targets="(-inf, inf)"', 'targets="[0, inf)"'),
        id_with("0.5 * (r - 1) + z, 0.5 * z / r + 1", "0.5 * (r - 1) - z, 0.5 * z / r - 1"),
    }
    assert len(changed | {plain}) == 5
    usual = from_settings({}).id
    assert from_settings({"loss": "cross-entropy", "activation": ["relu", "relu", "relu"]}).id == usual
    assert from_settings({"activation": "relu,tanh,relu"}).id != usual


REFUSED = {
    "numbers for cross-entropy": (
        {"data": (X, Y)},
        ConfigError,
        "targets are numbers, and cross-entropy takes classes",
    ),
    "a negative count": (
        {"data": (X, Y), "loss": "poisson"},
        DataError,
        r"y has -?\d.* in row \d+, column \d, counted from 0",
    ),
    "no flag": ({"data": (X, Y), "loss": "hinge"}, DataError, r"the loss hinge takes targets in \{0, 1\}"),
    "outputs": ({"data": (X, Y), "loss": "huber", "layers": (6, 3)}, ConfigError, "the last 2, their targets"),
    "one output": ({"data": (X, Y[:, 0] > 3), "layers": (6, 1)}, ConfigError, "the last 2, their classes"),
    "nan": ({"data": (X, np.where(Y > 9, np.nan, Y)), "loss": "huber"}, DataError, r"y has nan in row \d+, column 0"),
    "test": (
        {"data": (X, Y, X, Y[:, 0] > 3), "loss": "huber"},
        DataError,
        "y_test has classes for each sample, and y has 2 numb",
    ),
    "rows": ({"data": (X, Y[1:]), "loss": "huber"}, DataError, "y has 239 targets, and X has 240 rows"),
    "softmax": ({"loss": "huber", "softmax": "naive"}, ConfigError, "softmax is naive, and the loss huber has none"),
    "a name": ({"loss": "hubr"}, ConfigError, "unknown loss 'hubr'; did you mean 'huber'"),
    "a number": ({"loss": 3}, ConfigError, "3 is no loss: give a name, a file"),
    "too many": ({"activation": "relu,relu"}, ConfigError, "there are 2 activations for 3 hidden layers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(out, name):
    given, kind, told = REFUSED[name]
    if name == "too many":
        given = {"activation": "relu,tanh"}
    with pytest.raises(kind, match=told):
        ravine.train(**given, out=out, quiet=True)
    assert not out.exists()


def _loss(**options):
    @ravine.loss(name="mine", **options)
    def mine(z, y):
        d = z - y
        return d * d, 2 * d

    return mine


class _Times:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, z):
        return z * self.factor


def test_predictions_of_any_kind_are_part_of_the_id():
    made = [np.exp, np.sinh, partial(np.multiply, 2), partial(np.multiply, 3), _Times(2), _Times(3), _Times(2).__call__]
    ids = [from_settings({"loss": _loss(prediction=each)}).id for each in made]
    assert len(set(ids)) == len(made)
    assert from_settings({"loss": _loss(prediction=_Times(2))}).id == ids[4]


def test_the_derivative_of_a_loss_of_far_targets_is_checked():
    assert _loss(targets="[5, 6]").targets == "[5, 6]"
    with pytest.raises(ConfigError, match=r"loss wrong says that its derivative at z = .*, y = 5"):

        @ravine.loss(targets="[5, 6]")
        def wrong(z, y):
            return (z - y) ** 2, z - y


def test_a_default_of_an_argument_is_refused():
    with pytest.raises(ConfigError, match="y of wrong has a default, but ravine gives the output and its target"):

        @ravine.loss
        def wrong(z, y=1):
            return (z - y) ** 2, 2 * (z - y)


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (lambda z: 1 / 0, "fails with ZeroDivisionError: division by zero"),
        (lambda z, y: z, "fails with TypeError: .* missing 1 required positional argument"),
        (lambda z: z[:1], r"returns shape \(1, 2\) for outputs of shape \(3, 2\): return a number for each output"),
        (lambda z: 3, r"returns shape \(\) for outputs"),
        (lambda z: z * 1j, "fails with TypeError: Cannot cast array data"),
        (lambda z: np.add(z, 1, out=z), "fails with ValueError: .*read-only"),
    ],
)
def test_predictions_that_are_refused(prediction, message):
    with pytest.raises(ConfigError, match=f"the prediction of loss mine {message}"):
        _loss(prediction=prediction)


def test_a_loss_that_does_not_take_the_targets_of_classes():
    with pytest.raises(ConfigError, match=r"targets of classes are 0 and 1, and the loss mine takes targets in \(0, 1"):
        from_settings({"loss": _loss(targets="(0, 1]")})


def test_targets_that_the_dtype_does_not_have(out):
    data = (X, np.where(Y > 3, 1e300, Y))
    with pytest.raises(DataError, match=r"y has 1e\+300 in row .*, which float32 does not have"):
        ravine.train(data=data, loss="squared-error", layers=(6, 2), out=out, **TRAINED)
    assert not out.exists()


def test_counts_that_are_whole_numbers(out):
    counts = np.random.default_rng(2).poisson(2.0, 240)
    run = ravine.train(data=(X, counts), loss="poisson", out=out, **{**TRAINED, "epochs": 1})
    assert run.spec.layers[-1] == 1
    same = ravine.train(
        data=ravine.dataset(X, counts, numbers=True), loss="poisson", out=out, **{**TRAINED, "epochs": 1}
    )
    assert same.id == run.id
    classes = ravine.train(data=(X, counts), out=out, **{**TRAINED, "epochs": 1})
    assert classes.spec.layers[-1] == len(np.unique(counts))


def test_shares_are_predicted_by_the_logistic_loss(out):
    shares = 1 / (1 + np.exp(-X[:, :1]))
    run = ravine.train(data=(X, shares, X, shares), loss="logistic", layers=(6, 12, 1), out=out, **TRAINED)
    assert run.spec.targets == "numbers"
    assert run.test_r2 > 0.7
    assert run.predict(X[:3]) == pytest.approx(run.probabilities(X[:3])[:, 0])


def test_predictions_ask_for_the_loss_of_then(out, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(FILE)
    settings = {"data": (X, Y[:, 0]), "layers": (6, 4, 1), "out": out, **TRAINED, "epochs": 1}
    run = ravine.train(loss=f"{file}:log_cosh", **settings)
    assert ravine.load_run(run.id, out=out).predict(X[:2]) == pytest.approx(run.predict(X[:2]))
    file.write_text(FILE.replace("z * 1", "z * 3"))
    with pytest.raises(ConfigError, match=r"the loss mine\.py:log_cosh has another text now"):
        ravine.load_run(run.id, out=out).predict(X[:2])
    file.unlink()
    with pytest.raises(ConfigError, match="one of them cannot be found again"):
        ravine.load_run(run.id, out=out).predict(X[:2])


def test_the_cause_names_the_loss(out):
    run = ravine.train(
        data=(X, 1e3 * Y), loss="squared-error", layers=(6, 8, 2), out=out, lr=10.0, epochs=2, quiet=True
    )
    assert run.status == "diverged"
    assert "softmax" not in run.cause.message


def test_features_that_a_dtype_does_not_have(out):
    with pytest.raises(DataError, match=r"X has a number of size 1e\+300, which float32 does not have"):
        ravine.train(data=(np.where(X > 1, 1e300, X), Y), loss="huber", out=out, quiet=True)


def test_files_beside_a_study_and_a_problem(tmp_path, monkeypatch):
    from ravine.comparison.finding import find_problem
    from ravine.studies import load_study, plan

    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine.py").write_text(FILE)
    (folder / "s.toml").write_text(
        'name = "own"\ntitle = "Own"\n[settings]\nepochs = 1\n[[groups]]\nname = "one"\n'
        'rows = [{loss = "mine.py:log_cosh", '
        'activation = "gelu,mine.py:bent,relu"}]\n'
    )
    monkeypatch.chdir(tmp_path)
    (planned,) = plan(load_study(str(folder / "s.toml")))
    assert planned.run.spec.loss == f"{folder / 'mine.py'}:log_cosh"
    assert planned.run.spec.activation == f"gelu,{folder / 'mine.py'}:bent,relu"
    (folder / "p.toml").write_text(
        'name = "own"\nlayers = [784, 8, 10]\nloss = "mine.py:log_cosh"\nbatch_size = 10\nepochs = 1\n'
    )
    assert find_problem("folder/p.toml").loss == f"{folder / 'mine.py'}:log_cosh"
