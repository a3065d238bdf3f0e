"""Pictures of finished runs, read back from the figures; classes and weights by an oracle of their own."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

import ravine
from ravine.pictures import Figure
from ravine.storage.record import Epoch, NonFinite
from ravine.training.pictures.confusion import plot_confusion
from ravine.training.pictures.curves import plot_curves
from ravine.training.pictures.errors import plot_errors
from ravine.training.pictures.weights import plot_weights
from ravine.training.predictions import Predictions

SMALL = {"dataset": "small", "layers": (64, 12, 10), "batch_size": 20, "epochs": 3, "engine": "reference"}


def trained(**settings):
    return ravine.train(**{**SMALL, **settings})


@pytest.fixture
def run(small):
    return trained(optimizer="momentum", lr=0.2, final_lr=0.1, alpha=0.5)


def title_of(figure):
    return " ".join(figure._suptitle.get_text().split())


def names_in(figure):
    """Return the words of the only legend."""
    (legend,) = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    return [text.get_text().replace("\n  ", " ") for text in legend.get_texts()]


def guessed(run, split):
    """Return the predicted classes by the weights alone."""
    one, two = (matrix.astype(np.float64) for matrix in run.matrices)
    return (np.maximum(split.features / 255 @ one, 0) @ two).argmax(axis=1)


# Curves


def test_the_title_has_every_setting_and_the_seed(run):
    words = "momentum lr 0.2 to 0.1, alpha 0.5, m 20, 3 epochs, layers 64,12,10, small, reference engine, seed 0"
    assert title_of(run.plot()) == words
    assert title_of(trained(lr=1e30, seed=7).plot()).endswith("reference engine, seed 7: diverged")


def test_a_run_of_one_epoch_and_one_that_diverged_at_once(small):
    one = trained(lr=0.1, epochs=1).plot()
    assert [line.get_xdata().tolist() for line in one.axes[0].lines] == [[1], [1]]
    none = trained(lr=1e30).plot()
    assert [text.get_text() for text in none.axes[0].texts] == ["no epoch was finished"]
    for figure in (one, none):
        assert figure._repr_png_()


def test_several_runs_are_named_by_what_differs(small):
    runs = [trained(lr=0.1), trained(lr=0.2), trained(lr=1e30)]
    figure = runs[0].plot(*runs[1:])
    assert names_in(figure) == ["lr 0.1", "lr 0.2", "lr 1e+30 (diverged)"]
    assert title_of(figure) == "3 runs of sgd on small"
    assert [axes.get_ylabel() for axes in figure.axes] == ["training loss", "test loss", "test accuracy"]
    for axes, name in zip(figure.axes, ("train_loss", "test_loss", "test_accuracy"), strict=True):
        assert [line.get_ydata().tolist() for line in axes.lines] == [
            [getattr(epoch, name) for epoch in run.history] for run in runs
        ]
    looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == 3


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ([{"seed": 1}, {"seed": 2}], ["seed 1", "seed 2"]),
        ([{"optimizer": "adam", "lr": 0.1}, {"lr": 0.1}], ["adam", "sgd"]),
        ([{"epochs": 1}, {"epochs": 4}], ["epochs 1", "epochs 4"]),
        ([{}, {"schedule": "cosine"}], ["constant schedule", "cosine schedule"]),
        ([{"seed": seed, "lr": 0.1 * seed} for seed in (1, 2)], ["lr 0.1, seed 1", "lr 0.2, seed 2"]),
    ],
)
def test_what_differs(small, settings, names):
    runs = [trained(**each) for each in settings]
    figure = runs[0].plot(*runs[1:])
    assert names_in(figure) == names
    assert figure.axes[0].get_xlim() == (0.5, max(run.spec.epochs for run in runs) + 0.5)


def test_runs_of_different_data_sets_share_a_picture(run):
    other = msgspec.structs.replace(run.result, id="f" * 16, spec=ravine.RunSpec(lr=0.1))
    figure = plot_curves([run.result, other])
    assert title_of(figure) == "2 runs"
    assert ["small" in name for name in names_in(figure)] == [True, False]


def test_runs_whose_settings_are_the_same_are_named_by_their_ids(run):
    other = msgspec.structs.replace(run.result, id="f" * 16)
    assert names_in(plot_curves([run.result, other])) == [f"momentum {run.id[:8]}", "momentum ffffffff"]


def test_a_run_that_is_given_twice_is_drawn_once(run):
    assert [line.get_ydata().tolist() for line in run.plot(run).axes[0].lines] == [
        line.get_ydata().tolist() for line in run.plot().axes[0].lines
    ]


@pytest.mark.parametrize("other", ["3f9c", None, 3])
def test_only_runs_can_be_drawn_beside_a_run(run, other):
    with pytest.raises(ravine.ConfigError, match="give runs, as train and load_run return them"):
        run.plot(other)


def test_a_loss_that_is_not_finite_leaves_a_gap(run):
    history = [*run.history[:1], dataclasses.replace(run.history[1], test_loss=None), *run.history[2:]]
    figure = plot_curves([msgspec.structs.replace(run.result, history=history)])
    assert np.isnan(figure.axes[0].lines[1].get_ydata()).tolist() == [False, True, False]


def test_losses_at_the_edge_of_what_a_number_can_be(run):
    history = [Epoch(1, 12, 0.1, 20, 1e300, None, 0.1, 0.1), Epoch(2, 24, 0.1, 20, 0.0, 1e-300, 0.1, 0.1)]
    cause = NonFinite(3, 30, 1, "weights", "weights are not finite")
    figure = plot_curves([msgspec.structs.replace(run.result, history=history, cause=cause, status="diverged")])
    assert figure._repr_png_()


# Predictions


def test_confusion_and_errors_are_those_of_the_weights(run, small):
    guesses = guessed(run, small.test)
    counts = [[int(((small.test.targets == t) & (guesses == p)).sum()) for p in range(10)] for t in range(10)]
    assert run.confusion().tolist() == counts
    assert np.issubdtype(run.confusion().dtype, np.integer)
    assert run.errors().tolist() == [
        n for n, (t, p) in enumerate(zip(small.test.targets, guesses, strict=True)) if t != p
    ]
    assert 1 - len(run.errors()) / len(guesses) == pytest.approx(run.test_accuracy)
    assert len(run.errors()) > 0


def test_the_data_may_lie_in_another_folder(run, tmp_path, monkeypatch):
    wanted = run.errors().tolist()
    monkeypatch.setenv("RAVINE_DATA", str(tmp_path / "gone"))
    with pytest.raises(ravine.DataError):
        run.confusion()
    for folder in (tmp_path / "files", str(tmp_path / "files" / "small")):
        assert run.errors(folder).tolist() == wanted
        assert run.plot_errors(data_dir=folder).axes


def test_the_matrix_is_written_into_the_picture(run):
    figure = run.plot_confusion()
    (axes,) = figure.axes
    written = np.zeros((10, 10), int)
    for text in axes.texts:
        column, row = text.get_position()
        written[row, column] = int(text.get_text() or 0)
    assert (written == run.confusion()).all()
    assert [label.get_text() for label in axes.get_yticklabels()] == list("abcdefghij")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    # Only errors have a color.
    colors = np.asarray(axes.images[0].get_array())
    assert ((colors > 0) == (run.confusion() * (1 - np.eye(10, dtype=int)) > 0)).all()
    assert title_of(figure).startswith(f"{70 - len(run.errors())} of 70 test images are classified correctly")


@pytest.fixture
def made_up(small):
    """Predictions of which every third is wrong, the first of them with the least confidence."""
    true = small.test.targets.astype(np.int64)
    predicted = np.where(np.arange(70) % 3 == 0, (true + 1) % 10, true)
    return Predictions(small.info, small.test.features, true, predicted, np.linspace(0.5, 0.9, 70))


@pytest.mark.parametrize(("count", "shown"), [(5, 5), (24, 24), (100, 24)])
def test_the_page_of_errors(made_up, count, shown):
    figure = plot_errors(made_up, "a run", count)
    (axes,) = figure.axes
    numbers = list(range(69, -1, -3))[:shown]
    words = [text.get_text().splitlines() for text in axes.texts]
    letters = "abcdefghij"
    assert words == [
        [f"test:{n}", f"true {letters[made_up.true[n]]}", f"predicted {letters[(made_up.true[n] + 1) % 10]}"]
        for n in numbers
    ]
    for image, number in zip(axes.images, numbers, strict=True):
        assert (np.asarray(image.get_array()).ravel() == made_up.images[number]).all()
    title = title_of(figure)
    assert title.startswith("24 of 70 test images are misclassified")
    assert ("shown are the 5" in title) == (count == 5)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(one.overlaps(other) for n, one in enumerate(boxes) for other in boxes[:n])
    assert not any(box.overlaps(image.get_window_extent()) for box in boxes for image in axes.images)


def test_no_errors_at_all(made_up):
    right = Predictions(made_up.info, made_up.images, made_up.true, made_up.true, made_up.probability)
    figure = plot_errors(right, "a run", 40)
    assert title_of(figure) == "None of the 70 test images is misclassified a run"
    assert figure._repr_png_()
    assert not plot_confusion(right, "a run").axes[0].images[0].get_array().any()


@pytest.mark.parametrize("count", [0, -3, 1.5, "many", None, True])
def test_a_count_that_is_none(run, count):
    with pytest.raises(ravine.ConfigError, match="count"):
        run.plot_errors(count=count)


def test_a_run_that_diverged_with_finite_weights_still_predicts(small):
    run = trained(lr=1e30)
    assert (run.status, np.isfinite(run.weights).all()) == ("diverged", True)
    assert run.confusion().sum() == 70
    for figure in (run.plot_confusion(), run.plot_errors(), run.plot_weights()):
        assert figure._repr_png_()


@pytest.fixture
def lost(run):
    """The run with weights that are not finite."""
    weights = run.weights.copy()
    weights[::7] = np.nan
    run.__dict__["weights"] = weights
    return run


def test_a_run_without_finite_weights_cannot_predict_and_says_so(lost):
    for call in (lost.confusion, lost.errors, lost.plot_confusion, lost.plot_errors):
        with pytest.raises(ravine.ConfigError, match="its weights are not finite, so it cannot predict"):
            call()


# Weights


@pytest.mark.parametrize("bias", [False, True])
def test_each_unit_is_a_picture(small, bias):
    run = trained(bias=bias)
    figure = run.plot_weights()
    drawn = np.asarray(figure.axes[0].images[0].get_array().filled(np.nan))
    tiles = [
        drawn[top : top + 8, left : left + 8]
        for top in range(0, drawn.shape[0], 9)
        for left in range(0, drawn.shape[1], 9)
    ]
    for unit, tile in enumerate(tiles):
        assert tile.ravel().tolist() == run.matrices[0][:64, unit].astype(float).tolist()
    assert len(tiles) == 12
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high < 0
    assert title_of(figure).startswith("First layer, 12 units sgd lr 0.1")


@pytest.mark.parametrize("units", [1, 2, 3, 7, 30, 1000])
def test_any_number_of_units(units):
    weights = np.random.default_rng(0).normal(size=(64, units)).astype(np.float32)
    figure = plot_weights(weights, (8, 8), "a run")
    drawn = figure.axes[0].images[0].get_array()
    assert drawn.count() == 64 * units
    assert figure._repr_png_()


def test_weights_of_a_run_that_diverged(lost):
    assert "First layer, 12 units: 110 of 768 weights are not finite" in title_of(lost.plot_weights())
    weights = np.ones((64, 3))
    weights[5, 1] = np.inf
    figure = plot_weights(weights, (8, 8), "a run")
    assert title_of(figure) == "First layer, 3 units: 1 of 192 weights are not finite a run"
    assert figure.axes[0].images[0].get_clim() == (-1, 1)
    assert plot_weights(np.zeros((64, 3)), (8, 8), "a run").axes[0].images[0].get_clim() == (-1, 1)


def test_all_are_figures_that_show_themselves(run):
    for figure in (run.plot(), run.plot_confusion(), run.plot_errors(), run.plot_weights()):
        assert isinstance(figure, Figure)
        assert figure._repr_png_().startswith(b"\x89PNG")


# Data


def test_the_data_have_a_public_name(small, tmp_path, monkeypatch):
    data = ravine.load_data("small")
    assert isinstance(data, ravine.Dataset)
    assert isinstance(data.test, ravine.Split)
    for half, count in ((data.train, 230), (data.test, 70)):
        assert (half.features.shape, half.features.dtype) == ((count, 64), np.uint8)
        assert (half.targets.shape, half.targets.dtype) == ((count,), np.uint8)
    monkeypatch.delenv("RAVINE_DATA")
    assert (ravine.load_data("small", str(tmp_path / "files")).test.features == data.test.features).all()
    with pytest.raises(ravine.ConfigError, match="did you mean 'small'"):
        ravine.load_data("smal")
    with pytest.raises(ravine.ConfigError, match="data_dir is 3"):
        ravine.load_data("small", 3)
    with pytest.raises(ravine.DataError):
        ravine.load_data("small", tmp_path / "nowhere")
