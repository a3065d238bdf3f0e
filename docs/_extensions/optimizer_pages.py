"""A page for every optimizer, made from its docstring, its declaration and its measurements.

An optimizer that is new in `src/ravine/optimizers` gets its page by itself. Nothing here needs Sphinx but `setup`,
which has the pages written before Sphinx looks for them; what has not changed is not written again.
"""

from __future__ import annotations

import inspect
import logging
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equations import EquationError, latex, signs
from listing import listing
from ravine.errors import ConfigError
from ravine.formulas import kinds
from ravine.formulas.containing import containing
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.formulas.space import space_of
from ravine.pictures import BLUE, logarithmic, new_figure, svg
from ravine.report.inline_svg import inline
from ravine.search import Axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Entry = Mapping[str, Any]
"""What `benchmarks.optimizers` measured of one optimizer."""

LABELS = ("Source", "Defaults", "Elsewhere")
"""What a paragraph at the end of a docstring is about."""

GREY = "#8a8a8a"

DOWN = (
    "A surface that is 75 times as steep across as along, and on it the path of each optimizer at the learning rate, "
    "of 26, at which it ends lowest; one that searches along a line keeps its default. [More of this](../paths.md)."
)

log = logging.getLogger("sphinx.ravine.optimizer_pages")


@dataclass(frozen=True)
class Description:
    """A docstring in its parts.

    Attributes:
        title: what stands before the colon of the first line; the optimizer's name if there is none.
        purpose: the rest of the first line, which says what the optimizer does.
        body: paragraphs, and blocks of equations as LaTeX, in their order. With each stands whether it is equations.
        notes: the paragraphs of `LABELS`, by their label.
    """

    title: str
    purpose: str
    body: tuple[tuple[bool, str], ...]
    notes: Mapping[str, str]

    @property
    def source(self) -> str:
        """The source in short: its first authors and the year."""
        found = re.match(r"(.+?), (\d{4})\b", self.notes.get("Source", ""))
        if not found:
            return ""
        first, joined, last = found[1].partition(" and ")
        last = last.partition(",")[0]  # a title may stand before the year
        if "," in first or last == "others":
            return f"{first.partition(',')[0]} et al., {found[2]}"
        return f"{first}{joined}{last}, {found[2]}"


def describe(optimizer: Optimizer) -> Description:
    """Take an optimizer's docstring apart.

    Raises:
        EquationError: there are no equations, or they are not in the notation of `equations`; it names the optimizer.
    """
    first, *paragraphs = (inspect.getdoc(optimizer.function) or optimizer.name).split("\n\n")
    title, colon, purpose = " ".join(first.split()).partition(": ")
    body: list[tuple[bool, str]] = []
    notes: dict[str, str] = {}
    for paragraph in paragraphs:
        if paragraph.startswith("    "):
            try:
                body.append((True, latex(paragraph, optimizer.defaults)))
            except EquationError as error:
                raise EquationError(f"optimizer {optimizer.name}: {error}") from None
            continue
        for part in re.split(rf"\n(?=(?:{'|'.join(LABELS)}): )", paragraph):
            label, _, text = " ".join(part.split()).partition(": ")
            if label in LABELS:
                notes[label] = text
            else:
                body.append((False, " ".join(part.split())))
    if not any(is_equation for is_equation, _ in body):
        raise EquationError(
            f"optimizer {optimizer.name}: its docstring has no equations, which are indented by four spaces"
        )
    if not colon:
        title, purpose = optimizer.name, title
    return Description(title, purpose, tuple(body), notes)


# Text


def page(optimizer: Optimizer, entry: Entry) -> str:
    """Return the page of one optimizer, in Markdown; its pictures lie beside it."""
    described = describe(optimizer)
    parts = [
        f"# {escaped(described.title)}",
        escaped(described.purpose[:1].upper() + described.purpose[1:]),
        *(f"```{{math}}\n{text}\n```" if is_equation else escaped(text) for is_equation, text in described.body),
        "## Hyper-parameters",
        _hyperparameters(optimizer),
        _state(optimizer),
        escaped(containing(optimizer)),
        *(f"**{label}:** {escaped(text)}" for label, text in described.notes.items()),
        "## Run it",
        f"```\n{commands(optimizer)}\n```",
        "## On MNIST",
        picture(f"{optimizer.name}-curve.svg"),
        _trained(entry),
        "## Down a ravine",
        picture(f"{optimizer.name}-path.svg"),
        DOWN,
        "## Speed",
        _speed(entry),
        "## Code",
        _checked(optimizer),
        f"```python\n{listing(optimizer)}```",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def index(optimizers: Sequence[Optimizer], entries: Mapping[str, Entry], protocol: str) -> str:
    """Return the page that lists all optimizers."""
    rows = [
        (
            f"[{optimizer.name}]({optimizer.name}.md)",
            escaped(described.purpose.rstrip(".")),
            escaped(described.source),
            "matrix" if optimizer.formula is None else "element-wise",
            _times(entries[optimizer.name]),
        )
        for optimizer, described in ((optimizer, describe(optimizer)) for optimizer in optimizers)
    ]
    return f"""# Optimizers

{len(optimizers)} optimizers, each with its equations, its defaults, its source, where PyTorch, Keras and optax differ,
and what it does on MNIST. Element-wise ones are compiled; matrix optimizers take their steps in NumPy. The last
column is the time per sample in batches of 100, as a multiple of that of sgd (\\* in one batch of all images).
[One of your own](../your-own-optimizer.md) is as short as these.

{table(("name", "what it does", "source", "kind", "time"), rows)}

## How it is measured

{escaped(protocol)}

Here: {escaped(machines(entries))}. `python -m benchmarks.optimizers` measures it again.

```{{toctree}}
:hidden:

{chr(10).join(optimizer.name for optimizer in optimizers)}
```
"""


def machines(entries: Mapping[str, Entry]) -> str:
    """Return the machine that most speeds are from, and the others with their optimizers.

    >>> machines({"sgd": {"machine": "A"}, "adam": {"machine": "A"}, "lion": {"machine": "B"}})
    'A; lion: B'
    """
    names: dict[str, list[str]] = {}
    for name, entry in entries.items():
        names.setdefault(entry["machine"], []).append(name)
    usual, *others = sorted(names, key=lambda machine: -len(names[machine]))
    return "; ".join([usual, *(f"{', '.join(names[machine])}: {machine}" for machine in others)])


def escaped(text: str) -> str:
    r"""Return plain text as Markdown; what stands in backticks is code already.

    >>> escaped("a * b < c_t, as in `a * b`")
    'a \\* b \\< c\\_t, as in `a * b`'
    """
    parts = re.split(r"(`[^`]+`)", text)
    return "".join(
        part if number % 2 else re.sub(r"([\\*_<>\[\]#`|~{}])", r"\\\1", part) for number, part in enumerate(parts)
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def picture(name: str) -> str:
    """Return what puts a drawing into the page itself, where it has the color of the page's text."""
    return f"```{{raw}} html\n:file: {name}\n```"


def commands(optimizer: Optimizer) -> str:
    """Return what to type to try an optimizer, with its defaults written out."""
    batch = " --batch-size 60000" if optimizer.full_batch else ""
    others = {key: value for key, value in optimizer.typed(optimizer.defaults).items() if key != "lr"}
    first = next((f" --set {key}={kinds.shown(value)}" for key, value in others.items()), "")
    lines = [
        f"ravine train --optimizer {optimizer.name}{batch} --lr {optimizer.defaults['lr']:g}{first}",
        f"ravine check-optimizer {optimizer.name}",
        f"ravine paths sgd {optimizer.name}",
    ]
    return "\n".join(lines)


def _hyperparameters(optimizer: Optimizer) -> str:
    written, space = signs(optimizer.defaults), _space(optimizer)
    rows = [
        (
            f"`{key}`",
            f"{{math}}`{written[key]}`",
            kinds.shown(value),
            optimizer.domain(key).replace("inf", "∞"),
            str(space.get(key, "")),
        )
        for key, value in optimizer.typed(optimizer.defaults).items()
    ]
    how = (
        "The last column is the axis on which a comparison [searches](../your-own-optimizer.md#how-it-is-compared) it."
    )
    return f"{table(('name', 'in the equations', 'default', 'allowed', 'searched'), rows)}\n\n{how}"


def _space(optimizer: Optimizer) -> Mapping[str, Axis]:
    """Return the space in which an optimizer is searched; an empty one if it has none."""
    try:
        return space_of(optimizer)
    except ConfigError:
        return {}


def _state(optimizer: Optimizer) -> str:
    """Say which state the optimizer keeps, and what it does with weights whose gradient is zero."""
    formula = optimizer.formula
    if formula is None:
        return "It is a matrix optimizer, and takes its steps in NumPy."
    slots = [f"`{slot}`" for slot in formula.slots]
    kept = (
        f"It keeps {_listed(slots)}, one number a weight{' each' if len(slots) > 1 else ''}."
        if slots
        else "It keeps no state."
    )
    if formula.inert:
        return f"{kept} A zero gradient changes nothing, and such weights are not touched."
    if formula.lazy:
        return f"{kept} Weights with a zero gradient are brought up to date when they are next needed, in closed form."
    return f"{kept} Every weight is visited at every step, whether it has a gradient or not."


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _trained(entry: Entry) -> str:
    """Tell how the curve was made, and how much the learning rate matters."""
    how = "[How it is measured](index.md#how-it-is-measured)."
    if not entry["history"]:
        return f"It diverged at every learning rate that was tried. {how}"
    last = entry["history"][-1]
    rates = [(f"{rate['lr']:g}", _number(rate["train_loss"])) for rate in entry["rates"]]
    reached = (
        f"At learning rate {entry['lr']:g} in batches of {entry['batch_size']:,}, after {entry['epochs']} epochs: "
        f"training loss {_number(last['train_loss'])}, test accuracy {100 * last['test_accuracy']:.2f} %. {how}"
    )
    if len(rates) < 2:
        return reached
    cells = [["learning rate", *(lr for lr, _ in rates)], ["training loss", *(loss for _, loss in rates)]]
    return f"{reached}\n\n{table(*_rows(cells))}"


def _speed(entry: Entry) -> str:
    sizes = sorted(entry["microseconds_per_sample"], key=int)
    cells = [
        ["batch size", *(f"{int(size):,}" for size in sizes)],
        ["microseconds per sample", *(_number(entry["microseconds_per_sample"][size]) for size in sizes)],
        ["times sgd", *(_number(entry["times_sgd"][size]) for size in sizes)],
    ]
    return f"On one core, with the {entry['engine']} engine:\n\n{table(*_rows(cells))}"


def _rows(cells: Sequence[Sequence[str]]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    return cells[0], cells[1:]


def _number(value: float | None) -> str:
    """Write a number with three digits.

    >>> _number(0.012345), _number(1234.5), _number(None)
    ('0.0123', '1,234', 'diverged')
    """
    if value is None or not math.isfinite(value):
        return "diverged"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _times(entry: Entry) -> str:
    """Return the time per sample as a multiple of sgd's, with a star if a batch has all samples."""
    times = entry["times_sgd"]
    return f"{times['100']:.2f}" if "100" in times else rf"{times[max(times, key=int)]:.2f}\*"


def _checked(optimizer: Optimizer) -> str:
    references = [f"`{made}`" for made in optimizer.references.values()]
    return f"200 steps are compared with {_listed(references)} in the tests." if references else ""


# Pictures


def curve(name: str, entry: Entry, sgd: Entry) -> Figure:
    """Draw training loss and test accuracy by epoch, with those of sgd in grey."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure, (left, right) = new_figure(2)
    for label, shown, color in [*([("sgd", sgd, GREY)] if name != "sgd" else []), (name, entry, BLUE)]:
        if not shown["history"]:
            continue
        epochs = [record["epoch"] for record in shown["history"]]
        legend = f"{label}, lr {shown['lr']:g}, batches of {shown['batch_size']:,}"
        look = {"color": color, "linestyle": "--" if color == GREY else "-", "marker": "o", "markersize": 4}
        left.plot(epochs, [_drawn(record["train_loss"]) for record in shown["history"]], label=legend, **look)
        right.plot(epochs, [_drawn(record["test_accuracy"]) for record in shown["history"]], label=legend, **look)
    left.set(xlabel="epoch", ylabel="training loss")
    right.set(xlabel="epoch", ylabel="test accuracy")
    right.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None))
    logarithmic([left])
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if left.lines:
        right.legend(frameon=False, fontsize="small", loc="best")
    return figure


def _drawn(value: float | None) -> float:
    return math.nan if value is None else value


def path(optimizer: Optimizer) -> Figure:
    """Draw the optimizer's path down the ravine beside those of sgd and momentum."""
    from ravine import draw_paths

    return draw_paths([*(name for name in ("sgd", "momentum") if name != optimizer.name), optimizer], "ravine")


def drawn(figure: Figure, name: str, label: str) -> str:
    """Return a figure as SVG that can stand in a page."""
    return f'<figure class="drawing">{inline(svg(figure, name).decode(), name, label)[0]}</figure>\n'


# Files


def write(folder: Path, optimizers: Sequence[Optimizer], entries: Mapping[str, Entry], protocol: str) -> None:
    """Write the pages and pictures of optimizers and the list of them; delete the pages and pictures of others."""
    files = {"index.md": index(optimizers, entries, protocol)}
    for optimizer in optimizers:
        name, entry = optimizer.name, entries[optimizer.name]
        files[f"{name}.md"] = page(optimizer, entry)
        figure = curve(name, entry, entries["sgd"])
        files[f"{name}-curve.svg"] = drawn(
            figure, f"{name}-curve", f"Training loss and test accuracy of {name} by epoch"
        )
        label = f"Paths of sgd, momentum and {name} down a ravine"
        files[f"{name}-path.svg"] = drawn(path(optimizer), f"{name}-path", label)
    folder.mkdir(exist_ok=True)
    for file, text in files.items():
        if not (folder / file).is_file() or (folder / file).read_text(encoding="utf-8") != text:
            (folder / file).write_text(text, encoding="utf-8")
    for file in [*folder.glob("*.md"), *folder.glob("*.svg")]:
        if file.name not in files:
            file.unlink()


def measured(names: Iterable[str]) -> tuple[dict[str, Entry], str]:
    """Return the measurements of optimizers, and their protocol.

    An optimizer that the file lacks, or whose text has changed since, is measured now; the result is not stored.
    """
    from benchmarks import optimizers

    stored = optimizers.load()
    entries = {}
    for name in names:
        if optimizers.up_to_date(name):
            entries[name] = stored["optimizers"][name]
        else:
            log.info("measuring %s, since %s has no figures of its present text", name, optimizers.FILE.name)
            entries[name] = optimizers.measure(name)
    return entries, stored["protocol"]


def write_pages(app: Any) -> None:
    """Write the pages of all of ravine's optimizers into the folder of the documentation."""
    from sphinx.errors import ExtensionError

    optimizers = [optimizer for _, optimizer in sorted(OPTIMIZERS.items())]
    try:
        for optimizer in optimizers:
            describe(optimizer)  # before anything is measured
    except EquationError as error:
        raise ExtensionError(str(error)) from None
    write(Path(app.srcdir) / "optimizers", optimizers, *measured(optimizer.name for optimizer in optimizers))


def setup(app: Any) -> dict[str, bool]:
    """Have the pages written before Sphinx looks for pages."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
