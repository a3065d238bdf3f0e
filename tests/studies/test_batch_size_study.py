"""The built-in study anneals each of its runs alike, but for the constant ones."""

from __future__ import annotations

import numpy as np
import pytest

from ravine.studies import find_rows, load_study, plan

STUDY = load_study("batch-size")
PLANNED = plan(STUDY)


@pytest.mark.parametrize("group", ["sgd", "momentum"])
def test_every_way_to_anneal_has_the_same_noise_scale(group):
    def noise(label: str) -> list[float]:
        run = find_rows(PLANNED, f"{group}:{label}")[0].run
        return [run.rates_in(k, np.zeros(1), 60_000)[0] / run.batch_size_in(k) for k in range(run.spec.epochs)]

    falling = noise("falling rate")
    assert falling == pytest.approx([falling[0] * 0.2 ** (k // 3) for k in range(12)])
    for label in ("hybrid", "growing batch", "larger from the start"):
        assert noise(label) == pytest.approx(falling)
    assert noise("constant") == pytest.approx([falling[0]] * 12)


def test_growing_batches_keep_the_rate_to_the_end():
    for group, first in (("sgd", 0.1), ("momentum", 0.01)):
        run = find_rows(PLANNED, f"{group}:growing batch")[0].run
        assert [run.rates_in(k, np.zeros(1), 60_000)[0] for k in range(12)] == pytest.approx([first] * 12)
        assert [run.batch_size_in(k) for k in range(0, 12, 3)] == [10, 50, 250, 1250]
