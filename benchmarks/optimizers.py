"""What every optimizer of ravine reaches and costs: `python -m benchmarks.optimizers [NAME ...] [--speed] [--json]`.

The network is the paper's, the data MNIST, in float32. The curve of an optimizer comes from the best of its runs at
five learning rates. Its speed is in microseconds per sample on one thread, in rounds that alternate with sgd in one
process; the ratio to sgd is given too.

The figures are kept in `docs/optimizers/measured.json`. The command measures the optimizers that are named; without a
name, those that are new or whose text has changed. It stores each as soon as it is measured, so it may be stopped and
started again. `--speed` measures the speeds alone, by default of all optimizers with a curve, and keeps the curves.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ravine.api import run_spec
from ravine.data import Dataset
from ravine.data import load as load_data
from ravine.engines import Engine, make_engine
from ravine.errors import unknown
from ravine.formulas.optimizer import Optimizer
from ravine.formulas.shelves import OPTIMIZERS
from ravine.spec import from_settings
from ravine.storage.files import make_folder, write_whole
from ravine.training import epoch_order, start_weights
from ravine.training.environment import environment
from ravine.training.run import Run

FILE = Path(__file__).parents[1] / "docs" / "optimizers" / "measured.json"
COMMAND = "python -m benchmarks.optimizers"
PROTOCOL = (
    "Curves: the network 784-300-100-100-10 on MNIST from seed 0 in float32, 3 epochs in batches of 100, or 30 epochs "
    "of all 60,000 at once where the optimizer is meant for that, at 0.1, 0.3, 1, 3 and 10 times the default learning "
    "rate (the default alone where the optimizer searches along a line), of which the one with the lowest mean "
    "training loss of the last epoch is kept. "
    "Speeds: microseconds per sample on one thread, medians of 7 rounds of about 0.2 s or more that alternate with "
    "rounds of sgd in the fused engine in one process, after warming up, at a hundredth of the default learning rate, "
    "and the ratio to the median of sgd."
)

EVERY: dict[str, Optimizer] = dict(sorted(OPTIMIZERS.items()))
FACTORS = (0.1, 0.3, 1, 3, 10)
SIZES = (1, 10, 100)
ALL = 60_000
ROUNDS = 7
SECONDS = 0.2
BLOCK = 20
"""Steps of a round are a multiple of this: some rules do most of their work at every tenth or twentieth step."""
FULL_BLOCK = 3
"""The same in batches of all samples, where a step takes seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="measure these, whether up to date or not")
    parser.add_argument("--speed", action="store_true", help="measure the speeds alone, and keep the curves")
    parser.add_argument("--json", action="store_true", help="print the whole document in place of the table")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in EVERY:
            parser.error(unknown("optimizer", name, EVERY))
    known = load()
    if arguments.speed:
        wanted = [name for name in arguments.names or EVERY if name in known["optimizers"]]
    else:
        wanted = arguments.names or [name for name in EVERY if not up_to_date(name)]
    for number, name in enumerate(wanted, start=1):
        _tell(f"{name}, {number} of {len(wanted)}")
        old = known["optimizers"].get(name, {})
        known["optimizers"][name] = {**old, **_timed(name)} if arguments.speed else measure(name)
        known = _store(known)
    print(json.dumps(known, indent=1) if arguments.json else _table(known["optimizers"]))


def load() -> dict[str, Any]:
    """Return the document of figures; without a file, one that has none."""
    empty = {"command": COMMAND, "protocol": PROTOCOL, "optimizers": {}}
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else empty


def up_to_date(name: str) -> bool:
    """Tell whether there are figures of the rule as it stands now."""
    return load()["optimizers"].get(name, {}).get("source") == source(EVERY[name])


def measure(name: str) -> dict[str, Any]:
    """Measure one optimizer and return its entry of the document."""
    return _rounded({"source": source(EVERY[name]), **curve(name)}) | _timed(name)


def source(rule: Optimizer) -> str:
    """Return sixteen hexadecimal digits: a hash of the texts of the optimizer's functions and of its defaults."""
    return hashlib.sha256(json.dumps([*rule.texts(), dict(rule.defaults)]).encode()).hexdigest()[:16]


def curve(name: str) -> dict[str, Any]:
    """Train at each rate; return the best run, and the loss at every rate, which is None if the run diverged."""
    rule = EVERY[name]
    size, epochs = (ALL, 30) if rule.full_batch else (100, 3)
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        for lr in rates(rule):
            planned = from_settings({"optimizer": name, "lr": lr, "batch_size": size, "epochs": epochs})
            run = run_spec(planned, out=folder, data=_data())
            if not isinstance(run, Run):
                raise KeyboardInterrupt
            runs[lr] = run
            _tell(f"  lr {lr:g}: train loss {run.train_loss if run.status == 'done' else run.status}")
    losses = {lr: run.train_loss if run.status == "done" else None for lr, run in runs.items()}
    finished = {lr: loss for lr, loss in losses.items() if loss is not None}
    best = min(finished, key=lambda lr: finished[lr]) if finished else None
    columns = ("epoch", "train_loss", "test_loss", "test_accuracy")
    return {
        "engine": from_settings({"optimizer": name}).spec.engine,
        "batch_size": size,
        "epochs": epochs,
        "lr": best,
        "rates": [{"lr": lr, "train_loss": loss} for lr, loss in losses.items()],
        "history": [{c: getattr(e, c) for c in columns} for e in runs[best].history] if best is not None else [],
    }


def rates(rule: Optimizer) -> list[float]:
    """Return the learning rates to try: five around the default, or the default alone if the optimizer searches."""
    default = rule.hyperparameters({})["lr"]
    if rule.searches:
        return [default]
    # A product such as 0.1 * 0.001 is not quite the number that one writes.
    return [float(f"{factor * default:.2g}") for factor in FACTORS]


def speeds(name: str) -> dict[str, Any]:
    """Return microseconds per sample at each batch size, and how many times those of sgd."""
    sizes = (ALL,) if EVERY[name].full_batch else SIZES
    pairs = {}
    for m in sizes:
        pairs[str(m)] = side_by_side(name, m)
        _tell(f"  m = {m}: {pairs[str(m)][0]:.4g} us a sample, sgd {pairs[str(m)][1]:.4g}")
    return {
        "microseconds_per_sample": {m: ours for m, (ours, _) in pairs.items()},
        "times_sgd": {m: ours / sgd for m, (ours, sgd) in pairs.items()},
    }


def side_by_side(name: str, batch_size: int) -> tuple[float, float]:
    """Return the medians of microseconds per sample of a rule and of sgd, whose rounds alternate."""
    with threadpool_limits(1):
        timed = [Timed(name, batch_size), Timed("sgd", batch_size)]
        taken = [[each.round() for each in timed] for _ in range(ROUNDS)]
    ours, sgd = (statistics.median(column) for column in zip(*taken, strict=True))
    return ours, sgd


class Timed:
    """An engine that has warmed up, and as many steps as a round has."""

    def __init__(self, name: str, batch_size: int) -> None:
        rule = EVERY[name]
        spec = from_settings({"optimizer": name, "batch_size": batch_size}).spec
        self.size = batch_size
        self.engine: Engine = make_engine(spec.engine, spec.network, rule, start_weights(spec), spec.dtype, batch_size)
        self.engine.compile()
        self.engine.prepare(_data().train)
        default = rule.hyperparameters({})
        # At a small rate no rule diverges in batches of 1. A line search begins at its rate, and keeps it.
        self.hyper = default if rule.searches else {**default, "lr": default["lr"] / 100}
        block = FULL_BLOCK if batch_size == ALL else BLOCK
        self._train(block)
        seconds = self._train(block)
        self.steps = block * max(1, math.ceil(SECONDS / seconds))
        self.state = self.engine.state()

    def round(self) -> float:
        """Take the same steps as in every round; return microseconds per sample."""
        self.engine.restore(self.state)
        return 1e6 * self._train(self.steps) / (self.steps * self.size)

    def _train(self, steps: int) -> float:
        count = steps * self.size
        order = np.resize(epoch_order(0, 0, ALL), count).astype(np.int64)
        began = time.perf_counter()
        taken = self.engine.train(_data().train, order, 0, count, self.hyper)
        self.engine.settle(self.hyper)
        seconds = time.perf_counter() - began
        assert taken.steps == steps, "the loss is not finite: what was timed is no training"
        return seconds


def machine() -> str:
    """Return what speeds depend on, in one line."""
    of = environment(threads=1)
    return f"{of['processor']}, {of['cores']} cores, Python {of['python']}, NumPy {of['numpy']}, Numba {of['numba']}"


@functools.cache
def _data() -> Dataset:
    return load_data()


def _store(document: dict[str, Any]) -> dict[str, Any]:
    """Write the document, with only the optimizers that exist now, sorted by name; return it."""
    entries = {name: document["optimizers"][name] for name in EVERY if name in document["optimizers"]}
    stored = {"command": COMMAND, "protocol": PROTOCOL, "optimizers": entries}
    make_folder(FILE.parent)
    write_whole(FILE, (json.dumps(stored, indent=1) + "\n").encode())
    return stored


def _rounded(value: Any) -> Any:
    """Round every float to four significant digits; a figure has no more that mean anything."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _timed(name: str) -> dict[str, Any]:
    """Return the speeds of an optimizer, and the machine that has them."""
    return {**_rounded(speeds(name)), "machine": machine()}


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _table(optimizers: dict[str, Any]) -> str:
    sizes = [str(m) for m in (*SIZES, ALL)]
    lines = [
        "train loss and test accuracy after the last epoch; microseconds per sample (times sgd) in batches of m",
        f"{'optimizer':20} {'engine':9} {'best lr':>8} {'loss':>9} {'accuracy':>8} "
        + _cells([f"m = {m}" for m in sizes]),
    ]
    for name, entry in optimizers.items():
        best = next((rate["train_loss"] for rate in entry["rates"] if rate["lr"] == entry["lr"]), None)
        accuracy = entry["history"][-1]["test_accuracy"] if entry["history"] else None
        costs = [
            f"{entry['microseconds_per_sample'][m]:.4g} ({entry['times_sgd'][m]:.3g})"
            if m in entry["times_sgd"]
            else ""
            for m in sizes
        ]
        figures = [
            f"{'-' if value is None else format(value, '.4g'):>{width}}"
            for value, width in ((entry["lr"], 8), (best, 9), (accuracy, 8))
        ]
        lines.append(f"{name:20} {entry['engine']:9} {' '.join(figures)} {_cells(costs)}".rstrip())
    return "\n".join(lines)


def _cells(texts: list[str]) -> str:
    return " ".join(f"{text:>16}" for text in texts)


if __name__ == "__main__":
    main()
