"""A small report by hand that has one of everything: each verdict, several seeds, published values, nasty text."""

from __future__ import annotations

import dataclasses
from typing import Any

from ravine.pictures import new_figure, svg
from ravine.report.report import Drawing, MadeBy, Report
from ravine.report.summary import Topic, headlines
from ravine.report.tables import Row, Table
from ravine.report.verdicts import ClaimFinding, JudgedClaim
from ravine.statistics.means import mean
from ravine.studies import Published

NASTY = "<b>&\"' </style></title><script>alert(1)</script>"

TABLES = (
    Table(
        "table1",
        "Plain SGD",
        (
            Row(
                {"lr": "0.1", "batch_size": "10"},
                Published(train_loss=0.025, test_accuracy=0.977, seconds=3268.0),
                mean([0.024, 0.026]),
                mean([0.9771, 0.9779]),
                mean([6.5, 6.7]),
                {"done": 2},
                complete=True,
            ),
            Row(
                {"lr": "0.1", "batch_size": "1"},
                Published(train_loss=float("nan"), test_accuracy=0.098),
                None,
                mean([0.098, 0.098]),
                mean([0.5, 0.7]),
                {"diverged (dead_network)": 1, "diverged (non_finite)": 1},
                complete=False,
            ),
        ),
    ),
    Table(
        f"own {NASTY}",
        NASTY,
        (
            Row(
                {"optimizer": "momentum", "a_setting_with_a_very_long_name": NASTY, "final_lr": "0.001"},
                None,
                mean([0.01]),
                mean([0.98]),
                mean([12.0]),
                {NASTY: 1},
                complete=True,
            ),
        ),
    ),
)

JUDGMENTS = (
    JudgedClaim(
        "sgd-best",
        "Section 3, Table 1",
        "At a rate of 0.1, batches of 10 are best.",
        "reproduced",
        None,
        [ClaimFinding("accuracy; needs the highest", "0.9775 ± 0.0004", True)],
        [],
        "",
    ),
    JudgedClaim(
        "batches",
        "Section 3",
        "The larger the batch, the better and the faster.",
        "reproduced in part",
        None,
        [
            ClaimFinding("seconds; needs fewer", "6.6 against 0.6", False),
            ClaimFinding("accuracy; needs more", "0.98", True),
        ],
        [ClaimFinding("no shift of the logits", "diverges too", True), ClaimFinding("float64", "the same", False)],
        "The paper does not name its processor.",
    ),
    JudgedClaim(
        "slow",
        "Section 4",
        "An epoch takes five minutes.",
        "not reproduced",
        None,
        [ClaimFinding("seconds", "0.6", False)],
        [ClaimFinding("one thread", "not measured", None, "not run")],
        "",
    ),
    JudgedClaim(
        "images",
        "Abstract",
        "The accuracy is 0.97655.",
        "cannot be true as written",
        None,
        [ClaimFinding("right images of 10,000; needs a whole number", "9765.5", False, None, impossible=True)],
        [],
        "",
    ),
    JudgedClaim(
        "spread",
        "Section 5",
        "It always is so.",
        None,
        "one seed",
        [ClaimFinding("spread", "-", None, "one seed")],
        [],
        "",
    ),
    JudgedClaim(NASTY, NASTY, NASTY, None, "not run", [ClaimFinding(NASTY, NASTY, None, "not run")], [], NASTY),
)


def drawings() -> tuple[Drawing, ...]:
    """Draw three figures: the same curves twice, so that all their ids are the same, and text that looks like ids."""
    curves = []
    for name in ("figure2", "figure 3"):
        figure, (left, right) = new_figure(2)
        left.plot([1, 2, 3], [0.5, 0.1, 0.05], "o-", label="training")
        left.set(xlabel="epoch", ylabel="loss", yscale="log")
        left.legend()
        right.fill_between([1, 2, 3], [0.9, 0.95, 0.96], [0.92, 0.97, 0.98], alpha=0.2)
        curves.append(Drawing(name, f"Curves of {name}", "The band spans all seeds.", figure))
    figure, (axes,) = new_figure()
    axes.bar(["one", 'id="x" #1b1b1b'], [1, 2], hatch="//")
    axes.axvline(0.5, color="black")
    axes.imshow([[1, 2], [3, 4]], extent=(0, 1, 0, 1), aspect="auto")
    axes.set_title(NASTY)
    return (*curves, Drawing("bars", NASTY, NASTY, figure))


def small_report() -> tuple[Report, dict[str, str]]:
    """Return the report and its figures as SVG."""
    drawn = drawings()
    report = Report(
        title=f"A small study {NASTY}",
        seeds=(0, 1),
        quick=False,
        highlights=("Batches of 10 are best.", NASTY),
        tables=TABLES,
        drawings=drawn,
        judgments=JUDGMENTS,
        made_by=(
            MadeBy("ravine train --lr 0.1 --batch-size 10 --seed 0", "0123456789abcdef", "done"),
            MadeBy(f"ravine train --layers {'9' * 200}", "fedcba9876543210", NASTY),
        ),
        command="ravine reproduce --seeds 0,1",
        environment={"processor": "one", NASTY: NASTY},
    )
    # One salt for all: the ids of clip paths and markers are the same in figures that are the same.
    return report, {drawing.name: svg(drawing.figure, "salt").decode() for drawing in drawn}


def report_with_summary(**changes: Any) -> tuple[Report, dict[str, str]]:
    """Return the small report with a table, two figures and two headlines in its summary."""
    report, svgs = small_report()
    topics = (Topic("The best", "batches", best=True), Topic("Spread", "spread"), Topic("None", "not judged"))
    found = headlines(topics, report.judgments, "undecided. a leads.")
    first = ("table1", "bars", "not drawn", "figure2")
    return dataclasses.replace(report, **{"first": first, "headlines": found, **changes}), svgs


def bare_report() -> Report:
    """Return the report of a study of one's own: one seed, no claims, no published values, no figures."""
    row = Row({"lr": "0.1", "batch_size": "10"}, None, mean([0.1]), mean([0.9]), mean([3.0]), {"done": 1}, True)
    return Report("rates", (0,), False, (), (Table("sgd", "", (row,)),), (), (), (), "ravine study report", {})
