"""What the tests of `ravine reproduce` share: a small study and a few claims in the place of the paper's."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ravine.paper import reproduction
from ravine.paper.claims import CLAIMS
from ravine.paper.measures import ACCURACY, losses_fall
from ravine.report.claims import Claim
from ravine.report.findings import every, higher
from ravine.studies import Planned, Study, plan

SMALL_PAPER = msgspec.toml.decode(
    """
name = "paper"
title = "A small paper"
methods = "table6"

[settings]
dataset = "small"
layers = [64, 12, 10]
batch_size = 20
epochs = 4
engine = "reference"

[[groups]]
name = "table1"
title = "Two rates"
rows = [
  { lr = 0.1, published = { train_loss = 1.5, test_accuracy = 0.6, seconds = 3000 } },
  { lr = 0.01 },
]

[[groups]]
name = "table6"
title = "Two methods"
rows = [
  { label = "plain", lr = 0.1 },
  { label = "heavy ball", optimizer = "momentum", lr = 0.1, alpha = 0.5 },
]

[[groups]]
name = "further"
title = "What figures need"
rows = [
  { label = "1 epoch", lr = 0.1, epochs = 1 },
]

[[figures]]
name = "figure2"
title = "Two curves"
rows = ["table1"]

[[figures]]
name = "figure4"
title = "Mean errors"
rows = ["further:1 epoch"]
kind = "gradient-errors"

[[figures]]
name = "figure5"
title = "All errors"
rows = ["further:1 epoch"]
kind = "gradient-distribution"

[[figures]]
name = "v-curve"
title = "Errors and steps"
rows = ["further:1 epoch"]
kind = "v-curve"

[[figures]]
name = "figure10"
title = "Panels"
rows = ["table1", "table6:heavy ball"]
measures = ["test_accuracy"]
panels = "optimizer"
""",
    type=Study,
)
"""Five rows, which are four runs."""

SMALL_CLAIMS = (
    Claim("faster", "1", "The higher rate is better.", (higher(ACCURACY, "table1:1", "table1:2"),)),
    Claim("falls", "2", "The loss falls.", (every("the loss falls", ["table1:1", "table1:2"], losses_fall),)),
    *(claim for claim in CLAIMS if claim.id in ("gradient-right", "gradient-error")),
)

FIGURES = ("figure2", "figure4", "figure5", "v-curve", "figure10")
TABLES = ("table1", "table6", "further")


def use_small_paper(monkeypatch: pytest.MonkeyPatch, figures: int | None = None) -> None:
    """Let `ravine reproduce` take the small study and its claims; the small data set must be in the table.

    With `figures`, the study has only so many of its figures, which take most of the time.
    """
    study = msgspec.structs.replace(SMALL_PAPER, figures=SMALL_PAPER.figures[:figures])
    monkeypatch.setattr(reproduction, "load_paper", lambda: study)
    monkeypatch.setattr(reproduction, "CLAIMS", SMALL_CLAIMS)


def small_runs(names: list[str] | None = None, seeds: int = 1) -> list[Planned]:
    """Return the runs of the small study."""
    return plan(msgspec.structs.replace(SMALL_PAPER, seeds=list(range(seeds))), names)


def files(folder: Path) -> set[str]:
    """Return the files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def files_of(tables: tuple[str, ...] = (), figures: tuple[str, ...] = (), claims: bool = False) -> set[str]:
    """Return the files that a report of these parts has."""
    found = {f"tables/{name}.{ending}" for name in tables for ending in ("csv", "md", "tex")}
    found |= {f"figures/{name}.{ending}" for name in figures for ending in ("png", "svg")}
    return (
        found
        | {"files.json", "index.html", "runs.csv", "epochs.csv"}
        | ({"claims.json", "tables/claims.csv", "tables/claims.md"} if claims else set())
    )
