"""The numbers of a run that the paper's claims are about, worked out here by hand."""

from __future__ import annotations

import math

import pytest

from ravine.paper import measures
from ravine.paper.measures import (
    ACCURACY,
    GAP,
    LOSS,
    SECONDS,
    ZIGZAG,
    accuracy_at,
    accuracy_rises,
    largest_drop,
    losses_fall,
    zigzag_over,
)
from ravine.storage.record import Seconds
from ravine.studies import Group, Study, plan
from report.stored_cases import DEAD, NAN, epochs, result

(RUN,) = plan(Study(name="s", groups=[Group(name="g", rows=[{"lr": 0.1}])]))


def test_measures_of_one_run():
    curve = [0.5, 0.9, 0.8, 0.95, 0.96, 0.97, 0.96, 0.97, 0.96, 0.97]
    run = result(RUN, history=epochs(curve), seconds=Seconds(train=3.5, total=99.0))
    assert accuracy_at(2).read(run) == 0.9
    assert accuracy_at(11).read(run) is None
    assert measures.loss_on_test_at(10).read(run) == pytest.approx(0.1 + 0.1)
    assert ACCURACY.read(run) == 0.97
    assert LOSS.read(run) == 0.1
    assert GAP.read(run) == pytest.approx(0.1)
    assert SECONDS.read(run) == 3.5
    # 0.97 and 0.96 in turn: every e is 0.01.
    assert ZIGZAG.read(run) == pytest.approx(0.01 * math.sqrt(2 / 3))
    assert zigzag_over(11, 20).read(run) is None
    assert zigzag_over(1, 3).read(run) == pytest.approx(0.25 * math.sqrt(2 / 3))
    assert largest_drop(run) == pytest.approx(0.1)
    assert losses_fall(run)
    assert not accuracy_rises(run)
    assert accuracy_rises(result(RUN, history=epochs([0.1, 0.2, 0.3])))
    assert not accuracy_rises(result(RUN, history=epochs([0.1, 0.2, 0.2])))
    assert not losses_fall(result(RUN, history=epochs([0.1] * 3, [3, 2, 2])))


@pytest.mark.parametrize("cause", [DEAD, NAN])
def test_a_diverged_run_has_no_training_loss(cause):
    assert LOSS.read(result(RUN, cause=cause)) is None
    empty = result(RUN, history=[], cause=cause)
    for measure in (LOSS, GAP, ZIGZAG, accuracy_at(1), measures.loss_on_test_at(1)):
        assert measure.read(empty) is None
    assert largest_drop(empty) == 0
