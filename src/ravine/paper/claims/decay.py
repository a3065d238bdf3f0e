"""The claims on decay of the learning rate: section 3.1."""

from __future__ import annotations

from ravine.paper.claims.common import constant, unstable
from ravine.paper.measures import ACCURACY, LOSS, ZIGZAG, zigzag_over
from ravine.report.claims import Claim
from ravine.report.findings import every, higher, like_published, lower
from ravine.storage.record import Result


def _smooth_end(result: Result) -> bool:
    left = zigzag_over(8, 10).read(result)
    return left is not None and left < 0.0005


CLAIMS = (
    Claim(
        "decay-helps", "Section 3.1",
        "In batches of 10 decay improves the last loss and the test accuracy.",
        (lower(LOSS, "table2:2", "table1:2"), higher(ACCURACY, "table2:2", "table1:2")),
    ),
    Claim(
        "final-rate", "Section 3.1",
        "A lower final rate converges better.",
        (lower(LOSS, "table2:4", "table2:2"), higher(ACCURACY, "table2:4", "table2:2")),
    ),
    Claim(
        "decay-zigzag", "Section 3.1",
        "Decay weakens the zig-zag in batches of 10.",
        (lower(ZIGZAG, "table2:2", "table1:2"), lower(ZIGZAG, "table2:4", "table1:2")),
    ),
    Claim(
        "decay-no-zigzag", "Section 3.1",
        "With a final rate of 0.0001, or 0.00001 as the text has it, no zig-zag is left towards the end.",
        tuple(every("zig-zag over the last three epochs below five images of 10,000", row, _smooth_end)
              for row in ("table2:4", "further:decay to 0.00001")),
        note="The caption of Figure 7 and Table 2 have 0.0001, the text 0.00001; both were run.",
    ),
    Claim(
        "decay-best-accuracy", "Section 3.1",
        "Decay from 0.1 to 0.0001 reaches 98.4 %.",
        (like_published(ACCURACY, "table2:4", 0.984, 0.001),),
    ),
    Claim(
        "large-initial-rate", "Section 3.1",
        "A large rate at the beginning pays.",
        (lower(LOSS, "table2:2", "table2:5"), higher(ACCURACY, "table2:2", "table2:5")),
        note="From 0.1 to 0.001 is set against from 0.01 to 0.001, both in batches of 10.",
    ),
    Claim(
        "decay-online", "Section 3.1",
        "Decay does not help against the instability of single samples.",
        (unstable("table2:1"), every("accuracy 0.098", "table2:1", constant)),
    ),
)  # fmt: skip
