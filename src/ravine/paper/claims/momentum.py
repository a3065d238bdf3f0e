"""The claims on momentum, alone and with decay: sections 3.2 and 3.3."""

from __future__ import annotations

from ravine.paper.claims.common import accuracy_above, constant, dies_with_naive_softmax, naive_softmax, nan, unstable
from ravine.paper.measures import ACCURACY, LOSS, ZIGZAG, largest_drop
from ravine.report.claims import Cause, Claim
from ravine.report.findings import every, higher, like_published, lower, none_above, some
from ravine.storage.record import Result

MOMENTUM = [f"table3:{row}" for row in range(1, 9)]


def _drops(result: Result) -> bool:
    return largest_drop(result) >= 0.002


CLAIMS = (
    Claim(
        "momentum-97.8", "Section 3.2",
        "With momentum the test accuracy reaches 97.8 % and no more.",
        (like_published(ACCURACY, "table3:6", 0.978, 0.001), like_published(ACCURACY, "table3:7", 0.978, 0.001),
         none_above(ACCURACY, MOMENTUM, 0.9785)),
    ),
    Claim(
        "momentum-unstable", "Section 3.2 and Table 3",
        "Momentum diverges where steps are large: nan at rate 0.1 with single samples, and a loss of 2.30 with "
        "accuracy 0.098 at rate 0.1 in batches of 10 and at 0.01 with single samples.",
        (unstable("table3:1"), nan("table3:1"),
         every("accuracy 0.098", ("table3:2", "table3:4"), constant)),
        (naive_softmax("further:momentum, naive softmax", "table3:1"),
         dies_with_naive_softmax("further:momentum m 10, naive softmax", "the second row of Table 3"),
         dies_with_naive_softmax("further:momentum 0.01, naive softmax", "the fourth row of Table 3")),
    ),
    Claim(
        "momentum-zigzag", "Section 3.2",
        "With momentum training does not settle: it goes on oscillating.",
        (higher(ZIGZAG, "table3:7", "table2:4"), higher(ZIGZAG, "table3:5", "table2:4")),
    ),
    Claim(
        "momentum-smoother", "Section 3.2",
        "Momentum 0.5 gives a smoother accuracy curve than 0.9.",
        (lower(ZIGZAG, "table3:8", "table3:7"),),
    ),
    Claim(
        "momentum-cost", "Section 3.2",
        "That smoothness costs some accuracy: 96.2 %.",
        (lower(ACCURACY, "table3:8", "table3:7"), like_published(ACCURACY, "table3:8", 0.962, 0.001)),
    ),
    Claim(
        "combined-unstable", "Section 3.3",
        "Momentum and decay together are unstable with single samples and in batches of "
        "10: the loss becomes nan.",
        (unstable("table4:1"), unstable("table4:2"), nan("table4:1"), nan("table4:2")),
        (naive_softmax("further:combined m 1, naive softmax", "table4:1"),
         naive_softmax("further:combined m 10, naive softmax", "table4:2")),
    ),
    Claim(
        "combined-good", "Section 3.3",
        "In batches of 100 they reach a good 97.8 %.",
        (accuracy_above(0.97, "table4:3"), like_published(ACCURACY, "table4:3", 0.978, 0.001),
         like_published(LOSS, "table4:3", 0.027, 0.001)),
        (Cause("The decay was not in effect: the same run at a constant rate has the paper's accuracy",
               like_published(ACCURACY, "table3:3", 0.978, 0.001)),
         Cause("The decay was not in effect: the same run at a constant rate has the paper's loss",
               like_published(LOSS, "table3:3", 0.027, 0.001))),
    ),
    Claim(
        "combined-erratic", "Section 3.3",
        "In batches of 100 their accuracy curve is erratic, with sudden drops.",
        (higher(ZIGZAG, "table4:3", "table2:2"),
         every("a drop of 0.2 points or more from one epoch to the next", "table4:3", _drops)),
        (Cause("The decay was not in effect: the same run at a constant rate drops",
               some("a drop of 0.2 points or more from one epoch to the next", "table3:3", _drops)),),
    ),
)  # fmt: skip
