"""The claims that set the five methods, and their seconds, side by side: sections 4 and 5, Tables 1 and 6."""

from __future__ import annotations

from statistics import fmean

from ravine.paper.measures import ACCURACY, LOSS, SECONDS
from ravine.report.claims import Claim
from ravine.report.findings import Measured, finding, higher, lower, no_gain
from ravine.report.stored_study import StoredStudy


def _seconds_of_a_run(study: StoredStudy) -> Measured:
    rows = [f"table1:{row}" for row in range(2, 10)]
    seconds = [result.seconds.total for row in rows for result in study.of(row)]
    average = fmean(seconds)
    return f"{average:.1f} s on average, {3300 / average:.0f} times faster", all(1650 <= s <= 6600 for s in seconds)


CLAIMS = (
    Claim(
        "decay-wins", "Sections 4 and 5",
        "Of the five methods SGD with decay has the lowest loss and the highest accuracy.",
        tuple(compare(measure, "table6:3", f"table6:{other}")
              for other in (1, 2, 4, 5) for compare, measure in ((lower, LOSS), (higher, ACCURACY))),
    ),
    Claim(
        "momentum-no-use", "Section 4",
        "At rate 0.01 in batches of 10 momentum gains nothing over plain SGD.",
        (no_gain(ACCURACY, "table6:4", ACCURACY, "table6:2"),),
    ),
    Claim(
        "3300-seconds", "Tables 1 and 6",
        "Ten epochs take about 3300 s, whatever the rate and the batch size.",
        (finding(lambda _: "1650 s to 6600 s, every stable run of Table 1", _seconds_of_a_run),),
        note="Seconds depend on the machine, the program and what else runs: the paper had a laptop of 1.7 GHz.",
    ),
    Claim(
        "combined-slowest", "Section 4",
        "Momentum and decay together take longest of the five methods.",
        tuple(higher(SECONDS, "table6:5", f"table6:{other}") for other in (1, 2, 3, 4)),
        note="Seconds depend on the machine, the program and what else runs.",
    ),
    Claim(
        "online-slower", "Section 2 and Table 1",
        "Single samples take more time than batches of 100.",
        (higher(SECONDS, "table1:4", "table1:6"), higher(SECONDS, "table1:7", "table1:9")),
        note="Seconds depend on the machine, the program and what else runs.",
    ),
)  # fmt: skip
