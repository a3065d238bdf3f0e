"""The paths that optimizers take over a surface of two weights, and a picture of them.

Letters: t step, counted from 1; w_t the point after t steps, (2,), and w_0 the start; f the surface's loss, and f_min
its lowest value.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, shortened, unknown
from ravine.formulas.compose import with_stages
from ravine.formulas.kinds import Value, shown, value_of
from ravine.formulas.layers import flattened, shaped
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.inputs import convert, folded, plain
from ravine.surfaces import Point, Surface, find_surface

if TYPE_CHECKING:
    from ravine.pictures import Axes, Figure

RATES = (*(float(f"{digits}e{power}") for power in range(-4, 1) for digits in (1, 1.6, 2.5, 4, 6.3)), 10.0)
"""The learning rates to choose from: the preferred numbers of the series R5, whose ratio is about 1.6."""

USUAL = ("sgd", "momentum", "adam")
"""Whose paths are drawn if none are named."""

_FARTHEST = 1000.0
"""From where a path may start; a map that holds a start further away shows nothing."""

_FLOOR = 1e-14
"""How far down f - f_min is drawn at most; below is round-off."""

_MOST_STEPS = 1_000_000

_FRAMES = 100
"""The most pictures of an animation."""


@dataclass(frozen=True, eq=False)
class Walk:
    """One optimizer's path.

    Attributes:
        optimizer: its name, with the hyper-parameters that were given.
        hyperparameters: all of them, as their user sees them.
        chosen: whether the learning rate was chosen from `RATES`.
        points: w_0, w_1 .., (steps + 1, 2), up to the last that is finite.
        values: f there, (steps + 1,).
        diverged_at: the first step that is not finite.
    """

    optimizer: str
    hyperparameters: dict[str, Value]
    chosen: bool
    points: Array
    values: Array
    diverged_at: int | None

    @property
    def label(self) -> str:
        """The optimizer and its learning rate."""
        return f"{self.optimizer}, lr {self.hyperparameters['lr']:g}"


def trace(
    optimizer: Optimizer, surface: Surface, hyperparameters: Mapping[str, float], steps: int, start: Point | None = None
) -> Array:
    """Take steps down a surface and return the start and every point after it, (steps + 1, 2) float64.

    The two weights are one layer, a matrix of shape (2, 1), one unit with two inputs: a vector would be a bias, to
    which some matrix optimizers give another optimizer's steps, and (1, 2) would be two units. A line search is given
    the loss of the surface.

    The points are those that the optimizer evaluates. The first at which the weights or the loss are not finite ends
    the path and is left out.

    >>> from ravine.optimizers.sgd import sgd
    >>> from ravine.surfaces import SURFACES
    >>> trace(sgd, SURFACES["ravine"], {"lr": 0.01}, steps=2, start=(1.0, 1.0)).round(4).tolist()
    [[1.0, 1.0], [0.99, 0.25], [0.9801, 0.0625]]
    """
    w = np.array(surface.start if start is None else start, dtype=float).reshape(2, 1)
    hyper = [hyperparameters]

    def loss(weights: Sequence[Array]) -> tuple[float, list[Array]]:
        point = flattened(weights)
        return float(surface.f(*point)), shaped(np.array(surface.gradient(*point)), weights)

    with np.errstate(all="ignore"):
        state = optimizer.start([w], hyper)
        points = [flattened(optimizer.evaluate([w], state, 0, hyper))]
        for t in range(1, steps + 1):
            taken, state = optimizer.step(loss([w])[1], [w], state, t, hyper, loss)
            w = w - taken[0]
            point = flattened(optimizer.evaluate([w], state, t, hyper))
            if not np.isfinite([*flattened([w]), *point, surface.f(*point)]).all():
                break
            points.append(point)
    return np.array(points)


def best_rate(
    optimizer: Optimizer, surface: Surface, hyperparameters: Mapping[str, float], steps: int, start: Point | None = None
) -> float:
    """Return the learning rate of `RATES` whose path ends lowest without leaving the map.

    A path that leaves the map may end lower, by luck, and cannot be looked at. If all leave it, the lowest end counts.
    """
    low, high = np.array(_limits(surface, start)).T

    def end(lr: float) -> tuple[bool, float]:
        points = trace(optimizer, surface, {**hyperparameters, "lr": lr}, steps, start)
        leaves = not ((low <= points) & (points <= high)).all()
        return leaves, float(surface.f(*points[-1])) if len(points) > steps else math.inf

    return min(RATES, key=end)


def _limits(surface: Surface, start: Point | None) -> tuple[Point, Point]:
    """Return the limits of x and of y that a map shows: the surface's view, widened until it holds the start."""
    x, y = (
        (min(low, at - 0.05 * (high - low)), max(high, at + 0.05 * (high - low)))
        for (low, high), at in zip(surface.view, start or surface.start, strict=True)
    )
    return x, y


def walk(
    optimizer: str | Optimizer, surface: Surface, *, steps: int, lr: float | None = None, start: Point | None = None
) -> Walk:
    """Follow one optimizer.

    Args:
        optimizer: an optimizer, or what `OPTIMIZERS.find` knows, with its hyper-parameters behind it as in
            "momentum,lr=0.01,alpha=0.5". Those of stages, such as weight_decay, may be among them.
        surface: what it goes down.
        steps: how many steps it takes.
        lr: the learning rate if `optimizer` has none. Where neither has one the best of `RATES` is taken, or the
            default of an optimizer that searches for the length of its steps itself.
        start: where it begins; the surface's own start if None.
    """
    found, given = _read(optimizer)
    _ = found.text  # a fault of the user's rule is reported at its line
    if lr is not None:
        given = {"lr": lr, **given}
    chosen = "lr" not in given and not found.searches
    values = found.hyperparameters({"lr": RATES[0], **given} if chosen else given)
    typed = found.typed(values)
    name = ", ".join([found.name, *(f"{key} {shown(typed[key])}" for key in given if key != "lr")])
    if chosen:
        values["lr"] = best_rate(found, surface, values, steps, start)
    points = trace(found, surface, values, steps, start)
    diverged_at = len(points) if len(points) <= steps else None
    return Walk(name, found.typed(values), chosen, points, surface.f(*points.T), diverged_at)


def walks(
    optimizers: Sequence[str | Optimizer],
    surface: Surface,
    *,
    steps: int = 100,
    lr: float | None = None,
    start: Point | None = None,
) -> list[Walk]:
    """Follow several optimizers from the same start; see `walk`.

    Raises:
        ConfigError: there is no such optimizer, one of its hyper-parameters does not fit, or steps or start do not.
    """
    if isinstance(optimizers, str) or not isinstance(optimizers, Sequence) or not optimizers:
        raise ConfigError(f'optimizers is {shortened(optimizers)}; it must be a list, for example ["sgd", "adam"].')
    steps = convert(plain(steps), int, "steps")
    if not 1 <= steps <= _MOST_STEPS:
        raise ConfigError(f"steps is {steps}; it must be at least 1, and at most {_MOST_STEPS}.")
    lr, start = convert(plain(lr), float | None, "lr"), convert(plain(start), tuple[float, float] | None, "start")
    if start is not None and not all(abs(coordinate) <= _FARTHEST for coordinate in start):
        raise ConfigError(
            f"start is {start[0]:g},{start[1]:g}; both must be numbers from {-_FARTHEST:g} to {_FARTHEST:g}."
        )
    return [walk(optimizer, surface, steps=steps, lr=lr, start=start) for optimizer in optimizers]


def _read(optimizer: str | Optimizer) -> tuple[Optimizer, dict[str, Value]]:
    """Take "NAME,KEY=VALUE,.." apart."""
    name, *settings = optimizer.split(",") if isinstance(optimizer, str) else [""]
    found = OPTIMIZERS.find(name if isinstance(optimizer, str) else optimizer)
    given: dict[str, Value] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        try:
            given[folded(key.strip())] = value_of(value)
        except ValueError:
            raise ConfigError(
                f"{setting!r} in {optimizer!r} is not NAME=VALUE, with a number, true or false; write for example "
                f"{name},lr=0.01."
            ) from None
    return with_stages(found, given), given


def draw_paths(
    optimizers: Sequence[str | Optimizer] = USUAL,
    surface: str | Surface = "ravine",
    *,
    steps: int = 100,
    lr: float | None = None,
    start: Point | None = None,
) -> Figure:
    """Draw the paths of optimizers down a surface, each at the rate that `walk` chooses unless one is given.

    ravine.draw_paths(["sgd", "momentum,alpha=0.5", "momentum"], "rosenbrock", steps=200)
    """
    found = surface if isinstance(surface, Surface) else find_surface(surface)
    return draw(found, walks(optimizers, found, steps=steps, lr=lr, start=start))


def draw(surface: Surface, walks: Sequence[Walk]) -> Figure:
    """Draw a map of the surface with the paths on the left, and f - f_min against the step on the right."""
    from ravine.pictures import own_style

    with own_style():
        return _draw(surface, walks)[0]


def picture(suffix: str) -> Callable[[Surface, Sequence[Walk]], bytes]:
    """Return what draws a file of this suffix: .png, .svg or .gif."""
    from ravine.pictures import png, svg

    kinds: dict[str, Callable[[Surface, Sequence[Walk]], bytes]] = {
        ".png": lambda surface, walks: png(draw(surface, walks)),
        ".svg": lambda surface, walks: svg(draw(surface, walks), f"paths-{surface.name}"),
        ".gif": animate,
    }
    if suffix.lower() not in kinds:
        raise ConfigError(unknown("kind of picture", suffix, kinds))
    return kinds[suffix.lower()]


def animate(surface: Surface, walks: Sequence[Walk]) -> bytes:
    """Draw the paths as they grow and return an animated GIF, which repeats."""
    from ravine.pictures import own_style

    with own_style():
        return _animate(surface, walks)


def _animate(surface: Surface, walks: Sequence[Walk]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure, lines = _draw(surface, walks)
    canvas: Any = FigureCanvasAgg(figure)
    for line in chain.from_iterable(lines):
        line.set_animated(True)
    canvas.draw()
    ground = canvas.copy_from_bbox(figure.bbox)
    data = [np.array(line.get_data()) for line in chain.from_iterable(lines)]
    frames = []
    for stop in np.unique(np.linspace(1, max(len(w.points) for w in walks), _FRAMES).astype(int)):
        canvas.restore_region(ground)
        for line, whole in zip(chain.from_iterable(lines), data, strict=True):
            line.set_data(*whole[:, :stop])
            line.axes.draw_artist(line)
        frames.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
    colors = frames[-1].quantize(128)
    first, *others = (frame.quantize(palette=colors, dither=Image.Dither.NONE) for frame in frames)
    content = io.BytesIO()
    pauses = [*[60] * len(others), 3000]
    first.save(content, format="GIF", save_all=True, append_images=others, duration=pauses, loop=0)
    return content.getvalue()


def _draw(surface: Surface, walks: Sequence[Walk]) -> tuple[Figure, list[Any]]:
    """Return the picture, and of each path two lines: on the map, and of f - f_min."""
    from ravine.pictures import COLORS, LINES, MARKERS, new_figure

    figure, (left, right) = new_figure(2)
    figure.suptitle(f"{surface.name}: $f = {surface.formula}$")
    _draw_map(left, surface, (float(walks[0].points[0, 0]), float(walks[0].points[0, 1])))
    gaps = [w.values - surface.lowest for w in walks]
    bottom, top = _range(gaps)
    # Limits are set before the lines: those of a path that diverges would be beyond what can be drawn.
    longest = max(len(gap) for gap in gaps) - 1
    right.set(
        xlabel="step t", ylabel=r"$f(w_t) - f_{\min}$", yscale="log", xlim=(0, max(1, longest)), ylim=(bottom, top)
    )
    ends = [float(np.clip(gap[-1], bottom, top)) for gap in gaps]
    places = _apart([math.log(end / bottom) / math.log(top / bottom) for end in ends], min(0.075, 1 / len(ends)))
    lines = []
    for number, (w, gap, end, place) in enumerate(zip(walks, gaps, ends, places, strict=True)):
        color = COLORS[number % len(COLORS)]
        look: dict[str, Any] = {
            "color": color,
            "linestyle": LINES[number // len(COLORS) % len(LINES)],
            "linewidth": 1.2,
            "marker": MARKERS[number % len(MARKERS)],
            "markersize": 2.5,
        }
        (on_map,) = left.plot(*_until_lost(w.points, surface).T, **look)
        (on_curve,) = right.plot(gap, **look, markevery=(0.05 * (number % len(MARKERS)), 0.25))
        lines.append((on_map, on_curve))
        right.annotate(
            w.label if w.diverged_at is None else f"{w.label}:\ndiverged at step {w.diverged_at}",
            (len(gap) - 1, end),
            (1.06, place),
            textcoords="axes fraction",
            va="center",
            color=color,
            fontsize="small",
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6, "shrinkB": 1, "relpos": (0, 0.5)},
            annotation_clip=False,
        )
    return figure, lines


def _draw_map(axes: Axes, surface: Surface, start: Point) -> None:
    from ravine.pictures import INK

    limits = _limits(surface, start)
    x, y = np.meshgrid(*(np.linspace(low, high, 241) for low, high in limits))
    above = surface.f(x, y) - surface.lowest
    levels = np.geomspace(np.quantile(above, 0.01), above.max(), 14)
    axes.contour(x, y, above, levels=levels, colors=INK, linewidths=0.4, alpha=0.4, zorder=1)
    axes.grid(False)
    axes.set(xlim=limits[0], ylim=limits[1], xlabel="x", ylabel="y")
    for px, py in surface.minima:
        axes.plot(px, py, "*", color=INK, markersize=9, markeredgecolor="white", zorder=4)
    axes.plot(*start, "o", color=INK, markersize=5, markeredgecolor="white", zorder=4)
    axes.annotate("start", start, (-1, 6), textcoords="offset points", ha="right", fontsize="small", zorder=4)


def _until_lost(points: Array, surface: Surface) -> Array:
    """Cut a path ten maps away from its start; one that runs away to and fro would cover the map."""
    size = np.ptp(_limits(surface, (points[0, 0], points[0, 1])), axis=1)
    lost = (np.abs(points - points[0]) > 10 * size).any(axis=1)
    return points[: lost.argmax() + 1] if lost.any() else points


def _range(gaps: Sequence[Array]) -> Point:
    """Return the limits of f - f_min: down to round-off, and as far up as a path may climb that comes down again."""
    positive = np.concatenate([gap[gap > 0] for gap in gaps])
    start = float(gaps[0][0])
    lowest = max(float(positive.min(initial=1.0)), _FLOOR)
    return lowest / 3, 30 * max(start, lowest)


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """Move places of [0, 1] as little as needed so that any two are at least `gap` apart.

    >>> [round(place, 2) for place in _apart([0.5, 0.0, 0.0], 0.1)]
    [0.5, 0.0, 0.1]
    """
    order = np.argsort(places, kind="stable")
    sorted_places = np.array(places)[order]
    offsets = gap * np.arange(len(places))
    raised = np.maximum.accumulate(sorted_places - offsets) + offsets
    # What was pushed over the top comes down again, and takes with it what is below.
    highest = 1 - gap * np.arange(len(places))[::-1]
    moved = np.empty(len(places))
    moved[order] = np.minimum(raised, highest)
    return [float(place) for place in moved]
