"""Animations in which paths grow, step by step."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from ravine.formulas.surface import Surface
from ravine.trajectories.draw import draw_lines
from ravine.trajectories.walk import Walk

_FRAMES = 100
"""The most pictures of an animation."""


def animate(surface: Surface, walks: Sequence[Walk]) -> bytes:
    """Draw the paths as they grow and return an animated GIF, which repeats."""
    from ravine.pictures import own_style

    with own_style():
        return _animate(surface, walks)


def _animate(surface: Surface, walks: Sequence[Walk]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure, lines = draw_lines(surface, walks)
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
