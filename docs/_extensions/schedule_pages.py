"""The page of all schedules: a picture, the equations and the settings of each, from its declaration alone.

`python docs/_extensions/schedule_pages.py` draws the overview in docs/schedules.md, schedules/schedules.png.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optimizer_pages import drawn, escaped, picture, table
from ravine.formulas import kinds
from ravine.formulas.declaration import Declaration
from ravine.formulas.schedule import Schedule
from ravine.formulas.shelves import SCHEDULES
from ravine.pictures import BLUE, Axes, Figure, new_figure, own_style, png

EPOCHS = 12


def page(schedules: Iterable[Schedule]) -> str:
    """Return the page, in Markdown; its pictures lie beside it."""
    parts = [
        "# Schedules",
        "{math}`\\eta_k` is the rate at the time k of N epochs, {math}`\\eta_0` the rate that is given. The pictures "
        f"show what the rate is multiplied by, over {EPOCHS} epochs, at the default settings: a line by step, and "
        "stairs by epoch. [How to use them, and to write one](../schedules.md).",
        *(part for schedule in schedules for part in section(schedule)),
    ]
    return "\n\n".join(parts) + "\n"


def section(schedule: Schedule) -> list[str]:
    """Return the parts of one schedule: its name, picture, docstring and settings."""
    return described(schedule, picture(f"{schedule.name}.svg"), "setting")


def described(thing: Declaration, below: str, parameter: str) -> list[str]:
    """Return the parts of one thing on a shelf: its name, docstring and parameters; `below` follows the first line."""
    first, *paragraphs = text_of(thing).split("\n\n")
    parts = [f"## {escaped(thing.name)}", escaped(first), below]
    for paragraph in paragraphs:
        lines = paragraph.split("\n")
        equation = f"```text\n{inspect.cleandoc(paragraph)}\n```"
        parts.append(equation if is_equation(paragraph) else "\n\n".join(map(escaped, joined(lines))))
    if thing.defaults:
        rows = [
            (f"`{name}`", "must be given" if default is None else kinds.shown(thing.typed({name: default})[name]),
             thing.domain(name).replace("inf", "∞"))
            for name, default in thing.defaults.items()
        ]  # fmt: skip
        parts.append(table((parameter, "default", "allowed"), rows))
    return parts


def is_equation(paragraph: str) -> bool:
    """Tell whether a paragraph is an equation: it is indented, or begins with a name and =.

    A formatter takes the indentation away if nothing but the equation follows the first line.
    """
    return paragraph.startswith("    ") or re.match(r"\w+ = ", paragraph) is not None


def text_of(thing: Declaration) -> str:
    """Return the docstring without its margin, which is that of the closing quotes.

    `inspect.getdoc` would take the margin of an equation away if nothing but the equation follows the first line.
    """
    lines = (thing.function.__doc__ or thing.name).split("\n")
    return "\n".join(line.removeprefix(lines[-1]) for line in lines).strip() if len(lines) > 1 else lines[0]


def joined(lines: list[str]) -> list[str]:
    """Return lines as paragraphs, of which each label, such as Source, begins one."""
    found: list[str] = []
    for line in lines:
        if not found or line.startswith(("Source: ", "Defaults: ", "Elsewhere: ")):
            found.append(line)
        else:
            found[-1] += f" {line}"
    return found


def curve(schedule: Schedule) -> Figure:
    """Draw a schedule at its default settings, and a setting that must be given at a small value."""
    figure, (axes,) = new_figure()
    figure.set_size_inches(5, 2.4)
    draw(axes, schedule)
    axes.set(xlabel="epoch", ylabel="times the rate")
    return figure


@own_style()
def overview(schedules: Sequence[Schedule]) -> Figure:
    """Draw all schedules side by side, four in a row."""
    rows = -(-len(schedules) // 4)
    figure = Figure(figsize=(9, 1.9 * rows), layout="constrained")
    panels = figure.subplots(rows, 4, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, schedule in zip(panels, schedules, strict=False):
        draw(axes, schedule)
        axes.set_title(schedule.name)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    for axes in panels[len(schedules) :]:
        axes.set_visible(False)
    figure.supxlabel("epoch")
    figure.supylabel("times the rate")
    return figure


def draw(axes: Axes, schedule: Schedule) -> None:
    """Draw the rate by step as a line, and by epoch as stairs."""
    missing = {name: schedule.example(name) for name, default in schedule.defaults.items() if default is None}
    settings = schedule.hyperparameters(missing)
    times = np.linspace(0, EPOCHS, 1201)
    axes.plot(times, schedule.rate(1.0, times, EPOCHS, settings), color=BLUE, linewidth=1.6)
    whole = np.arange(float(EPOCHS))
    axes.stairs(
        schedule.rate(1.0, whole, EPOCHS, settings), np.arange(EPOCHS + 1), color=BLUE, alpha=0.4, baseline=None
    )
    axes.set(xlim=(0, EPOCHS), ylim=(0, 1.08))


def write(folder: Path, schedules: Iterable[Schedule]) -> None:
    """Write the page and the pictures; delete the pictures of schedules that no longer exist."""
    every = list(schedules)
    files = {"index.md": page(every)}
    for schedule in every:
        files[f"{schedule.name}.svg"] = drawn(curve(schedule), schedule.name, f"The rate of {schedule.name} over time")
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text:
            (folder / name).write_text(text, encoding="utf-8")
    for file in [*folder.glob("*.md"), *folder.glob("*.svg")]:
        if file.name not in files:
            file.unlink()


def write_page(app: Any) -> None:
    """Write the page of ravine's schedules into the folder of the documentation."""
    write(Path(app.srcdir) / "schedules", SCHEDULES.values())


def setup(app: Any) -> dict[str, bool]:
    """Have the page written before Sphinx looks for pages."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    target = Path(__file__).parents[1] / "schedules" / "schedules.png"
    target.write_bytes(png(overview(list(SCHEDULES.values()))))
