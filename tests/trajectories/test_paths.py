from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import ravine
from ravine.errors import ConfigError
from ravine.formulas.elementwise import rule
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.shelves import OPTIMIZERS, SURFACES
from ravine.trajectories import RATES, animate, best_rate, draw, draw_paths, trace, walk, walks

RAVINE = SURFACES["ravine"]
CURVATURES = np.array([1.0, 75.0])


def test_sgd_on_the_ravine_is_a_geometric_series():
    t = np.arange(101)[:, None]
    wanted = np.array(RAVINE.start) * (1 - 0.02 * CURVATURES) ** t
    np.testing.assert_allclose(trace(OPTIMIZERS["sgd"], RAVINE, {"lr": 0.02}, 100), wanted, rtol=1e-12, atol=1e-300)


def test_momentum_on_the_ravine_is_a_power_of_a_matrix():
    points = trace(OPTIMIZERS["momentum"], RAVINE, {"lr": 0.01, "alpha": 0.8}, 60, start=(3.0, -1.0))
    for axis, h in enumerate(CURVATURES):
        step = np.array([[0.8, 0.01 * h], [-0.8, 1 - 0.01 * h]])
        wanted = [(np.linalg.matrix_power(step, t) @ [0, points[0, axis]])[1] for t in range(61)]
        np.testing.assert_allclose(points[:, axis], wanted, rtol=1e-9, atol=1e-12)


def test_the_first_step_of_adam_is_lr_along_the_signs():
    hyper = OPTIMIZERS["adam"].hyperparameters({"lr": 0.3})
    first, second = trace(OPTIMIZERS["adam"], SURFACES["himmelblau"], hyper, 1, start=(2.0, -1.0))
    signs = np.sign(SURFACES["himmelblau"].gradient(2.0, -1.0))
    np.testing.assert_allclose(second - first, -0.3 * signs, rtol=1e-8)


def test_a_rule_is_given_the_weight_the_step_and_the_norms():
    @rule
    def asks(g, w, t, norm, layer_norm, *, lr):
        return lr * (g / norm + g / layer_norm + w * t)

    points = trace(asks, RAVINE, {"lr": 0.1}, 2, start=(3.0, 0.04))
    w = points[0]
    for t, reached in enumerate(points[1:], start=1):
        g = CURVATURES * w
        w = w - 0.1 * (2 * g / np.hypot(*g) + w * t)
        np.testing.assert_allclose(reached, w, rtol=1e-12)


def test_the_points_are_those_that_a_rule_evaluates():
    """Schedule-free SGD with beta = 0 evaluates the mean of plain SGD's points after the start."""
    free = OPTIMIZERS["schedule_free_sgd"]
    plain = trace(OPTIMIZERS["sgd"], RAVINE, {"lr": 0.01}, 20)
    hyper = free.hyperparameters({"lr": 0.01, "beta": 1e-9})
    means = np.cumsum(plain[1:], axis=0) / np.arange(1, 21)[:, None]
    np.testing.assert_allclose(trace(free, RAVINE, hyper, 20)[1:], means, rtol=1e-5)


def test_the_evaluated_form_is_given_the_step():
    def times_t(w, t):
        return w * t

    @rule(evaluated=times_t)
    def plain(g, *, lr):
        return lr * g

    wanted = trace(OPTIMIZERS["sgd"], RAVINE, {"lr": 0.01}, 4) * np.arange(5)[:, None]
    assert trace(plain, RAVINE, {"lr": 0.01}, 4).tolist() == wanted.tolist()


def test_a_path_begins_in_the_declared_state():
    def half(w, *, lr):
        return 0.5 * w + lr

    @rule(start={"v": half, "u": 3.0})
    def started(g, v, u, *, lr):
        return lr * v * u, g, u - 1

    points = trace(started, RAVINE, {"lr": 0.01}, 2, start=(3.0, -1.0))
    first = np.array([3.0, -1.0])
    second = first - 0.01 * (0.5 * first + 0.01) * 3
    np.testing.assert_allclose(points, [first, second, second - 0.01 * CURVATURES * first * 2], rtol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_down_the_ravine(name):
    path = walk(name, RAVINE, steps=40)
    assert path.points.shape == (41, 2)
    assert path.diverged_at is None
    assert path.values[-1] < path.values[0]


def test_the_weights_are_one_matrix():
    seen = []

    @matrix_rule()
    def notes(gradients, weights, state, t, loss, *, lr):
        seen.append((t, gradients, weights, dict(state), loss([np.array([[2.0], [3.0]])])))
        return [lr * g for g in gradients], {"count": np.array([t])}

    points = trace(notes, RAVINE, {"lr": 0.01}, 3)
    assert points.tolist() == trace(OPTIMIZERS["sgd"], RAVINE, {"lr": 0.01}, 3).tolist()
    for t, (told, (g,), (w,), state, (value, (slope,))) in enumerate(seen, start=1):
        assert told == t
        assert w.tolist() == points[t - 1][:, None].tolist()
        assert g.tolist() == (CURVATURES * points[t - 1])[:, None].tolist()
        assert state == ({} if t == 1 else {"count": [t - 1]})
        assert (value, slope.tolist()) == ((4 + 75 * 9) / 2, [[2.0], [225.0]])


def test_a_matrix_optimizer_that_diverges_stops_where_the_same_formula_does():
    @matrix_rule()
    def plain(gradients, weights, state, t, *, lr):
        return [lr * g for g in gradients], {}

    rosenbrock = SURFACES["rosenbrock"]
    same = trace(OPTIMIZERS["sgd"], rosenbrock, {"lr": 1.0}, 50)
    assert trace(plain, rosenbrock, {"lr": 1.0}, 50).tolist() == same.tolist()


def test_the_steps_of_muon_without_momentum_have_one_length():
    """A matrix of one column has one singular value, which starts at 1 and goes through the polynomial five times."""
    length = 1.0
    for _ in range(5):
        length = 3.4445 * length - 4.7750 * length**3 + 2.0315 * length**5
    points = trace(OPTIMIZERS["muon"], RAVINE, OPTIMIZERS["muon"].hyperparameters({"lr": 0.1, "momentum": 0}), 30)
    g = CURVATURES * points[:-1]
    wanted = -0.1 * length * g / np.hypot(*g.T)[:, None]
    np.testing.assert_allclose(np.diff(points, axis=0), wanted, rtol=1e-5)


def test_the_first_move_of_soap_is_along_the_gradient_and_no_sign():
    """The first gradient has one component in the basis that it makes; adam's step would be lr along both axes."""
    points = trace(OPTIMIZERS["soap"], RAVINE, OPTIMIZERS["soap"].hyperparameters({"lr": 0.1}), 2)
    g = CURVATURES * points[0]
    assert points[1].tolist() == points[0].tolist()
    np.testing.assert_allclose(points[2] - points[1], -0.1 * g / np.hypot(*g), atol=1e-7)


def test_lbfgs_takes_a_step_of_length_1_and_then_newton_s():
    path = walk("lbfgs", RAVINE, steps=2, start=(3.0, 0.0))
    np.testing.assert_allclose(path.points, [[3, 0], [2, 0], [0, 0]], atol=1e-15)


@pytest.mark.parametrize(("name", "steps"), [("ravine", 15), ("rosenbrock", 40), ("beale", 20), ("himmelblau", 15)])
def test_lbfgs_reaches_a_minimum_at_its_default_rate(name, steps):
    surface = SURFACES[name]
    path = walk("lbfgs", surface, steps=steps)
    assert (path.label, path.chosen) == ("lbfgs, lr 1", False)
    assert surface.nearest_minimum(path.points[-1])[1] < 1e-6
    assert (np.diff(path.values) <= 0).all()  # a line search never climbs
    assert walk("lbfgs,lr=0.1", surface, steps=1).hyperparameters["lr"] == 0.1


def test_a_path_that_diverges_stops_at_the_last_finite_point():
    points = trace(OPTIMIZERS["sgd"], SURFACES["rosenbrock"], {"lr": 1.0}, 50)
    assert len(points) < 50
    with np.errstate(all="ignore"):
        assert np.isfinite(SURFACES["rosenbrock"].f(*points.T)).all()
        after = points[-1] - np.array(SURFACES["rosenbrock"].gradient(*points[-1]))
        assert not np.isfinite(SURFACES["rosenbrock"].f(*after))
    path = walk("sgd,lr=1", SURFACES["rosenbrock"], steps=50)
    assert path.diverged_at == len(points)
    assert len(path.points) == len(path.values) == len(points)


def test_momentum_beats_sgd_in_the_ravine_and_both_beat_a_poor_rate():
    sgd, momentum, poor = (path.values[-1] for path in walks(["sgd", "momentum", "sgd,lr=0.001"], RAVINE, steps=100))
    assert momentum < sgd / 100
    assert sgd < poor / 10


def test_sgd_zigzags_across_the_ravine():
    (path,) = walks(["sgd"], RAVINE)
    assert (np.diff(np.sign(path.points[:20, 1])) != 0).all()
    assert (np.diff(path.points[:, 0]) > 0).all()


@pytest.mark.parametrize("surface", SURFACES.values(), ids=SURFACES)
@pytest.mark.parametrize("name", ["sgd", "momentum", "rmsprop"])
def test_the_best_rate_ends_lowest_of_those_on_the_map(surface, name):
    found = OPTIMIZERS.find(name)
    hyper = found.hyperparameters({"lr": 1})
    ends = {}
    for lr in RATES:
        points = trace(found, surface, {**hyper, "lr": lr}, 40)
        if len(points) == 41 and all(
            low <= at <= high for p in points for at, (low, high) in zip(p, surface.view, strict=True)
        ):
            ends[lr] = surface.f(*points[-1])
    assert ends
    assert best_rate(found, surface, hyper, 40) == min(ends, key=ends.__getitem__)


def test_the_rates():
    assert len(RATES) == 26
    assert (RATES[0], RATES[-1]) == (1e-4, 10.0)
    ratios = np.array(RATES[1:]) / RATES[:-1]
    assert ratios.min() > 1.5
    assert ratios.max() < 1.65


def test_settings_behind_a_name():
    path = walk("momentum,alpha=0.5,lr=0.03", RAVINE, steps=3, lr=0.5)
    assert path.hyperparameters == {"lr": 0.03, "alpha": 0.5}
    assert (path.optimizer, path.label, path.chosen) == ("momentum, alpha 0.5", "momentum, alpha 0.5, lr 0.03", False)
    assert walk("momentum", RAVINE, steps=3, lr=0.5).hyperparameters == {"lr": 0.5, "alpha": 0.9}
    assert walk("momentum,alpha=0", RAVINE, steps=9).points.tolist() == walk("sgd", RAVINE, steps=9).points.tolist()


def test_settings_of_a_stage():
    g = CURVATURES * RAVINE.start
    path = walk("sgd,lr=1,clip_norm=0.5", RAVINE, steps=1)
    np.testing.assert_allclose(path.points[1] - path.points[0], -0.5 * g / np.hypot(*g), rtol=1e-12)
    averaged, plain = (walk(f"muon,lr=0.1{stage}", RAVINE, steps=4) for stage in (",weight_average=0.5", ""))
    shares = 0.5 ** np.arange(4)[::-1]
    np.testing.assert_allclose(averaged.points[4], shares @ plain.points[1:] / shares.sum(), rtol=1e-12)


def test_a_rule_of_your_own(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("import ravine\n\n@ravine.rule\ndef half(g, *, lr):\n    return 0.5 * lr * g\n")
    path = walk(f"{file}:half,lr=0.02", RAVINE, steps=5)
    assert path.optimizer == "half"
    assert path.points.tolist() == walk("sgd,lr=0.01", RAVINE, steps=5).points.tolist()
    assert walk(OPTIMIZERS["sgd"], RAVINE, steps=5, lr=0.01).points.tolist() == path.points.tolist()


BAD = [
    ({"optimizers": ["momentun"]}, "did you mean 'momentum'"),
    ({"optimizers": ["momentum,alpha"]}, "'alpha' in 'momentum,alpha' is not NAME=VALUE"),
    ({"optimizers": ["momentum,alpha=much"]}, "is not NAME=VALUE"),
    ({"optimizers": ["momentum,alhpa=0.5"]}, "did you mean 'alpha'"),
    ({"optimizers": ["momentum,alpha=1"]}, r"alpha of momentum is 1; .*\[0, 1\)"),
    ({"optimizers": ["lbfgs,clip_norm=1"]}, "lbfgs searches along the loss, and clip_norm changes the gradient"),
    ({"lr": -1.0}, "lr of sgd is -1"),
    ({"lr": np.nan}, "lr of sgd is nan"),
    ({"steps": 0}, "steps is 0; it must be at least 1"),
    ({"start": (np.nan, 0.0)}, "start is nan,0; both must be numbers from -1000 to 1000"),
    ({"start": (0.0, 1e9)}, r"start is 0,1e\+09"),
    ({"surface": "ravin"}, "did you mean 'ravine'"),
]


@pytest.mark.parametrize(("settings", "words"), BAD)
def test_what_does_not_fit_is_told(settings, words):
    with pytest.raises(ConfigError, match=words):
        draw_paths(**settings)


def test_the_picture_shows_the_paths():
    paths = walks(["sgd", "momentum"], RAVINE, steps=30)
    left, right = draw(RAVINE, paths).axes
    for path in paths:
        assert any(np.array_equal(line.get_xydata(), path.points) for line in left.lines)
        assert any(np.array_equal(line.get_ydata(), path.values) for line in right.lines)
    assert [text.get_text() for text in right.texts] == [path.label for path in paths]
    colors = [[line.get_color() for line in axes.lines[-2:]] for axes in (left, right)]
    assert colors[0] == colors[1] == [text.get_color() for text in right.texts]


@pytest.mark.parametrize("surface", SURFACES)
def test_labels_do_not_overlap(surface):
    names = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "sgd,lr=1"]
    figure = ravine.draw_paths(names, surface, steps=30)
    heights = sorted(text.xyann[1] for text in figure.axes[1].texts)
    assert len(heights) == 7
    assert np.diff(heights).min() > 0.07
    assert all(0 <= height <= 1 for height in heights)


def test_a_path_that_runs_away_is_drawn_without_a_warning():
    figure = draw_paths(["sgd,lr=0.04", "sgd,lr=10", "sgd"], steps=300)
    figure.draw_without_rendering()
    assert "diverged at step" in figure.axes[1].texts[1].get_text()
    assert len(figure.axes[0].lines[-3].get_xdata()) < 10


def test_an_animation():
    paths = walks(["sgd", "sgd,lr=10"], RAVINE, steps=12)
    image = Image.open(io.BytesIO(animate(RAVINE, paths)))
    assert (image.format, image.n_frames) == ("GIF", 13)
    image.seek(0)
    first = np.array(image.convert("RGB"))
    image.seek(12)
    assert (first != np.array(image.convert("RGB"))).any()


def test_flags_and_folded_names_behind_the_name(tmp_path):
    text = "import numpy as np\nfrom ravine import rule\n"
    text += "@rule\ndef switched(g, *, lr=0.1, heavy=True, steps: int = 2, \u03f5=0.0):\n"
    text += "    return lr * np.where(heavy, g, 0.5 * g) / steps + \u03f5\n"
    path = tmp_path / "switched.py"
    path.write_text(text, encoding="utf-8")
    heavy, light = (
        walk(f"{path},heavy={flag},\u03f5=0,steps=1", RAVINE, steps=3, lr=0.01) for flag in ("true", "FALSE")
    )
    assert (heavy.optimizer, light.optimizer) == (
        "switched, heavy true, \u03b5 0, steps 1", "switched, heavy false, \u03b5 0, steps 1",
    )  # fmt: skip
    assert light.hyperparameters == {"lr": 0.01, "heavy": False, "steps": 1, "\u03b5": 0.0}
    np.testing.assert_array_equal(heavy.points, walk("sgd", RAVINE, steps=3, lr=0.01).points)
    np.testing.assert_array_equal(light.points, walk("sgd", RAVINE, steps=3, lr=0.005).points)
    with pytest.raises(ConfigError, match=r"heavy of switched is 2\.0; it must be true or false"):
        walk(f"{path},heavy=2", RAVINE, steps=3)
