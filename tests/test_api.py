"""What `import ravine` gives."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import ravine
from ravine.storage.store import RunStore, StoredRun

SMALL = {"dataset": "small", "layers": (64, 12, 10), "batch_size": 20, "epochs": 3, "engine": "reference"}


class Notes:
    """A watcher that keeps the notes and counts the epochs."""

    def __init__(self):
        self.notes, self.epochs = [], 0

    def note(self, text):
        self.notes.append(text)

    def progress(self, epoch, share, loss):
        pass

    def epoch(self, record):
        self.epochs += 1


@pytest.fixture
def run(small):
    return ravine.train(**SMALL, optimizer="momentum", lr=0.2, final_lr=0.1, alpha=0.5)


def test_every_public_name_is_there():
    for name in ravine.__all__:
        assert getattr(ravine, name) is not None
    assert dir(ravine) == sorted(ravine.__all__)  # what a notebook completes
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        ravine.trian  # noqa: B018


def test_importing_ravine_imports_no_numpy():
    code = "import sys, ravine; sys.exit(any(name in sys.modules for name in ('numpy', 'numba', 'matplotlib')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_run_knows_its_numbers(run, runs):
    assert (run.status, run.cause, run.id) == ("done", None, run.folder.name)
    assert run.folder == runs / run.id
    assert [record.lr for record in run.history] == pytest.approx([0.2, 0.2 - 0.1 / 3, 0.2 - 0.2 / 3])
    assert run.test_accuracy == run.history[-1].test_accuracy
    assert run.train_loss == run.history[-1].train_loss
    assert run.test_loss == run.history[-1].test_loss
    assert run.spec.hyperparameters == {"alpha": 0.5}
    assert run.seconds.total > 0
    assert run.environment["numpy"] == np.__version__
    assert run.id in repr(run)
    assert "momentum" in repr(run)


def test_the_same_run_again_is_read_and_not_trained(run, caplog):
    caplog.set_level("INFO", logger="ravine")
    before, watcher = (run.folder / "result.json").stat().st_mtime_ns, Notes()
    settings = {**SMALL, "optimizer": "momentum", "lr": 0.2, "final_lr": 0.1, "watcher": watcher}
    again = ravine.train(**settings, alpha=0.5)
    assert again.result == run.result
    assert watcher.epochs == 0
    (told,) = [record.getMessage() for record in caplog.records if record.levelname == "INFO"]
    assert told == f"run {run.id} is stored in {run.folder} and shown as it is; --fresh trains it anew"
    assert ravine.train(**settings, alpha=0.6).id != run.id
    assert watcher.epochs == 3
    fresh = ravine.train(**settings, alpha=0.5, fresh=True)
    assert watcher.epochs == 6
    assert (fresh.folder / "result.json").stat().st_mtime_ns > before
    assert fresh.weights.tobytes() == run.weights.tobytes()


def test_a_stored_run_needs_no_data(run, monkeypatch, tmp_path):
    monkeypatch.setenv("RAVINE_DATA", str(tmp_path / "gone"))
    settings = {**SMALL, "optimizer": "momentum", "lr": 0.2, "final_lr": 0.1, "alpha": 0.5}
    assert ravine.train(**settings).id == run.id
    with pytest.raises(ravine.DataError, match="is not a folder"):
        ravine.train(**settings, fresh=True)


def test_the_weights_are_those_of_the_file_and_may_not_be_changed(run):
    assert run.weights.shape == (64 * 12 + 12 * 10,)
    assert run.weights.dtype == np.float32
    assert [matrix.shape for matrix in run.matrices] == [(64, 12), (12, 10)]
    with pytest.raises(ValueError, match="read-only"):
        run.weights[0] = 0


def by_hand(run, images):
    """Return the class probabilities of uint8 images, (b, 64), from the matrices alone."""
    one, two = (matrix.astype(np.float64) for matrix in run.matrices)
    e = np.exp(np.maximum(images / 255 @ one, 0) @ two)
    return e / e.sum(axis=1, keepdims=True)


def test_predictions(run, small):
    images = small.test.features
    wanted = by_hand(run, images)
    assert run.probabilities(images) == pytest.approx(wanted, abs=1e-5)
    assert run.predict(images).tolist() == wanted.argmax(axis=1).tolist()
    assert (run.predict(images) == small.test.targets).mean() == run.test_accuracy
    for same in (images.reshape(-1, 8, 8), images / 255, (images / 255).astype(np.float32)):
        assert run.predict(same).tolist() == run.predict(images).tolist()
    for one in (images[3], images[3].reshape(8, 8), images[3:4]):
        assert run.predict(one).tolist() == run.predict(images)[3:4].tolist()


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((64, 70), np.uint8),  # a transposed set of images has the right number of pixels and is not one
        np.zeros((32, 2), np.uint8),
        np.zeros((4, 16), np.uint8),
        np.zeros(128, np.uint8),
        np.zeros((2, 2, 4, 4), np.uint8),
        np.zeros((0, 64), np.uint8),
        np.zeros(63, np.uint8),
        np.uint8(3),
        np.zeros(64, int),
        np.full(64, 255.0),
        np.full(64, -0.1),
        np.full(64, np.nan),
        np.full(64, "a"),
    ],
    ids=str,
)
def test_images_that_do_not_fit(run, images):
    with pytest.raises(ravine.ConfigError, match="images have"):
        run.predict(images)


def test_the_picture(run, tmp_path):
    figure = run.plot()
    figure.savefig(tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 5000
    left, right = figure.axes
    drawn = [line.get_ydata().tolist() for line in (*left.lines, *right.lines)]
    assert drawn == [
        [record.train_loss for record in run.history],
        [record.test_loss for record in run.history],
        [record.test_accuracy for record in run.history],
    ]


def test_the_picture_of_a_run_that_diverged_before_the_end_of_an_epoch(small, tmp_path):
    run = ravine.train(**SMALL, lr=1e30)
    assert (run.status, run.history) == ("diverged", [])
    run.plot().savefig(tmp_path / "run.png")


def test_given_arrays_are_stored_with_the_run(small):
    weights, order = np.linspace(-0.3, 0.3, 888), np.arange(230)
    run = ravine.train(**SMALL, initial_weights=weights, order=order)
    assert run.id != ravine.train(**SMALL).id
    assert ravine.train(**SMALL, initial_weights=weights.tolist(), order=order.tolist()).id == run.id
    assert len(run.spec.initial_weights) == len(run.spec.order) == 64


def test_load_run_by_id_by_folder_and_by_the_folder_one_stands_in(run, runs, monkeypatch):
    assert ravine.load_run(run.id[:6]).result == run.result
    assert ravine.load_run(run.id, out=runs).result == run.result
    assert ravine.load_run(str(run.folder), out="elsewhere").result == run.result
    monkeypatch.chdir(run.folder)
    assert ravine.load_run(".").result == run.result


def test_a_folder_that_is_not_a_run_is_not_called_a_damaged_one(small, tmp_path):
    (tmp_path / "thesis").mkdir()
    with pytest.raises(ravine.ConfigError, match="there is no run") as refusal:
        ravine.load_run(str(tmp_path / "thesis"))
    assert "delete" not in str(refusal.value)


STAGES = """
import numpy as np
import ravine

@ravine.stage(order=1)
def halved(g, *, share=0.5):
    return share * g

@ravine.stage(order=60, bounds={"most": "(0, inf)"})
def short(step, step_norm, weight_norm, *, most):
    allowed = most * weight_norm
    return np.where(step_norm > allowed, step * (allowed / (step_norm + 1e-30)), step)
"""


@pytest.fixture
def stages(tmp_path, monkeypatch):
    """Write a file of stages into the current folder, and return what Python makes of it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_stages.py").write_text(STAGES, encoding="utf-8")
    return [ravine.STAGES.find(f"my_stages.py:{name}") for name in ("halved", "short")]


def test_a_stage_of_a_file_and_from_python(small, stages, tmp_path):
    named = ravine.train(**SMALL, stages=["my_stages.py:halved"], share=0.25)
    assert named.spec.stages == (f"{tmp_path}/my_stages.py:halved",)
    given = ravine.train(**SMALL, stages=[stages[0]], share=0.25)
    assert given.result == named.result
    plain = ravine.train(**SMALL, lr=0.025)
    np.testing.assert_allclose(named.weights, plain.weights, rtol=1e-4, atol=1e-6)
    assert named.id not in (plain.id, ravine.train(**SMALL, lr=0.025, stages=[stages[0]], share=1).id)


def test_a_stored_run_is_read_without_its_stages(small, stages, tmp_path):
    run = ravine.train(**SMALL, stages=stages, most=0.1)
    text = run.folder / "optimizer.txt"
    assert "share * g" in text.read_text()
    assert "step_norm" in text.read_text()
    (tmp_path / "my_stages.py").write_text("raise SystemExit", encoding="utf-8")
    assert ravine.load_run(run.id).result == run.result


def test_a_run_goes_on_with_the_stage_that_it_began_with(small, stages, tmp_path):
    class Editor(Notes):
        def epoch(self, record):
            super().epoch(record)
            (tmp_path / "my_stages.py").write_text(STAGES.replace("share * g", "0 * g"), encoding="utf-8")

    undisturbed = ravine.train(**SMALL, stages=["my_stages.py:halved"])
    edited = ravine.train(**SMALL, stages=["my_stages.py:halved"], watcher=Editor(), fresh=True)
    assert edited.weights.tobytes() == undisturbed.weights.tobytes()
    assert ravine.train(**SMALL, stages=["my_stages.py:halved"]).id != undisturbed.id


@pytest.mark.parametrize("optimizer", ["adam", "muon", "schedule_free_sgd"])
def test_a_step_is_shortened_layer_by_layer_in_both_engines(small, stages, optimizer):
    settings = {**SMALL, "optimizer": optimizer, "dtype": "float64", "stages": stages, "most": 1e-3, "lr": 0.1}
    runs = [ravine.train(**{**settings, "engine": engine, "epochs": 1}) for engine in ("reference", "fused")]
    np.testing.assert_allclose(runs[0].weights, runs[1].weights, rtol=1e-9, atol=1e-12)
    if optimizer != "schedule_free_sgd":  # which evaluates other weights than it moves
        began = ravine.start_weights(runs[0].spec)
        for w, start in zip(runs[0].matrices, runs[0].spec.network.layout.views(began), strict=True):
            # Twelve steps, each a thousandth of the weights or less.
            assert np.linalg.norm(w - start) <= 12 * 1e-3 * 1.001**12 * np.linalg.norm(start)
            assert np.linalg.norm(w - start) > 1e-3 * np.linalg.norm(start)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "sgd needs a value for most: give one"),
        ({"most": 0}, r"most of sgd is 0; it must be .*\(0, inf\)"),
        ({"most": 1, "stages": ["my_stages.py"]}, "my_stages.py has several stages; say which, as my_stages.py:halved"),
        ({"stages": ["my_stages.py:shrot"]}, "unknown stage in my_stages.py 'shrot'; did you mean 'short'"),
        ({"stages": ["gone.py:short"]}, "gone.py cannot be read"),
        ({"stages": ["sgd"]}, "unknown stage 'sgd'"),
        ({"stages": [ravine.OPTIMIZERS["sgd"]]}, "the rule sgd is no stage: give a name"),
        ({"stages": "my_stages.py:short"}, "stages is 'my_stages.py:short'; it must be a list"),
        ({"stages": None}, "stages is None; it must be a list"),
        ({"optimizer": "my_stages.py:short"}, "my_stages.py has no optimizer of its own: put @ravine.rule"),
        ({"optimizer": "lbfgs", "most": 1}, "lbfgs searches along the loss, and halved changes the gradient"),
    ],
)
def test_stages_that_do_not_fit_are_told_in_one_sentence(small, runs, stages, given, words):
    with pytest.raises(ravine.ConfigError, match=words) as refusal:
        ravine.train(**{**SMALL, "stages": stages, **given})
    assert "\n" not in str(refusal.value)
    assert not runs.exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lerning_rate": 0.1}, r"unknown setting of .* with sgd 'lerning_rate'"),
        ({"batchsize": 3}, "did you mean 'batch_size'"),
        ({"alpha": 0.5}, r"sgd has no alpha; momentum, nesterov"),
        ({"optimizer": "momentum", "aplha": 0.5}, "did you mean 'alpha'"),
        ({"optimizer": "sdg"}, "did you mean 'sgd'"),
        ({"schedule": "step", "final_lr": 0.1}, "the step schedule takes decay_factor, decay_every"),
        ({"batch_size": 231}, "at most 230"),
        ({"epochs": "3"}, "epochs"),
        ({"lr": float("nan")}, "lr of sgd is nan"),
    ],
)
def test_bad_settings(small, runs, settings, words):
    with pytest.raises(ravine.ConfigError, match=words):
        ravine.train(**{**SMALL, **settings})
    assert not runs.exists()


def test_a_damaged_stored_run_is_refused_until_it_is_trained_anew(run):
    (run.folder / "result.json").write_text("{")
    settings = {**SMALL, "optimizer": "momentum", "lr": 0.2, "final_lr": 0.1, "alpha": 0.5}
    with pytest.raises(ravine.DataError, match=r"damaged.*--fresh"):
        ravine.train(**settings)
    assert ravine.train(**settings, fresh=True).weights.tobytes() == run.weights.tobytes()
    assert ravine.train(**settings).result.status == "done"


def test_damaged_weights_predict_nothing(run, small):
    path = run.folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)
    with pytest.raises(ravine.DataError, match="does not match its checksum"):
        ravine.load_run(run.id).predict(small.test.features)


def test_interrupted(small, runs):
    class Stop(Notes):
        def epoch(self, record):
            import signal

            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match="the same call goes on"):
        ravine.train(**SMALL, watcher=Stop())
    assert len(RunStore(runs).unfinished()[0]) == 1
    run = ravine.train(**SMALL)
    assert isinstance(run.stored, StoredRun)
    assert run.weights.tobytes() == ravine.train(**SMALL, fresh=True).weights.tobytes()


def test_values_as_numpy_has_them_make_the_same_run(small):
    given = {
        "dataset": np.str_("small"),
        "layers": np.array([64, 12, 10]),
        "batch_size": np.int64(20),
        "epochs": np.uint8(3),
        "engine": np.str_("reference"),
        "optimizer": np.str_("momentum"),
        "alpha": np.float32(0.5),
        "lr": np.array(0.25),
        "bias": np.True_,
        "per_layer": {"lr": np.array([1.0, 0.5])},
        "seed": np.int32(0),
    }
    plain = {"optimizer": "momentum", "alpha": 0.5, "lr": 0.25, "bias": True, "per_layer": {"lr": [1, 0.5]}, "seed": 0}
    for dtypes in ((np.float64, float, np.dtype("float64"), "float64"), (np.float32, np.dtype("f4"), "float32")):
        found = {ravine.train(**given, dtype=dtype).id for dtype in dtypes}
        assert found == {ravine.train(**SMALL, **plain, dtype=dtypes[-1]).id}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"out": 3}, "out is 3; it must be a path, as text or as a pathlib.Path."),
        ({"data_dir": True}, "data_dir is True; it must be a path"),
        ({"batch_size": "ten"}, "batch_size is 'ten'; it must be a whole number."),
        ({"batch_size": np.float64(2.5)}, "batch_size is 2.5; it must be a whole number, written without a point."),
        ({"lr": "fast"}, "lr is 'fast'; it must be a number."),
        ({"lr": 10**400}, "lr is 1000000"),
        ({"bias": "yes"}, "bias is 'yes'; it must be true or false."),
        ({"layers": "64,10"}, "layers is '64,10'; it must be a list of whole numbers, for example [784, 300, 10]."),
        ({"layers": np.array([64.0, 10])}, "layers is array([64., 10.]); it must be a list of whole numbers"),
        ({"dtype": np.int64}, "unknown dtype of the reference engine 'int64'; did you mean"),
        ({"dtype": None}, "unknown dtype of the reference engine 'None'. Known: float32, float64, longdouble."),
        ({"schedule_by": "epochs"}, "unknown schedule_by 'epochs'; did you mean 'epoch'?"),
        ({"activation": 3}, "3 is no activation: give a name, a file such as"),
        ({"per_layer": {"lr": [10**400, 1]}}, "per_layer is "),
        (
            {"decay_every": 1.5, "schedule": "step"},
            "decay_every of the step schedule is 1.5; it must be a whole number in [1, inf).",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_sentence(small, settings, words):
    with pytest.raises(ravine.ConfigError) as caught:
        ravine.train(**{**SMALL, **settings})
    assert str(caught.value).startswith(words)
    assert "`" not in str(caught.value)
