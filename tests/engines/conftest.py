from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from engine_cases import KINDS, SINGLE_PRECISION, SMALL, starting_point
from threadpoolctl import threadpool_limits

from optimizer_cases import ELEMENTWISE
from ravine.engines import make_engine
from ravine.networks import Network


@pytest.fixture(autouse=True, scope="session")
def one_thread_for_matrix_products() -> Iterator[None]:
    """Several test processes that each fill every core with one small product only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def kernels() -> None:
    """Compile what the tests need, half of the test processes from the end, so that few wait for another's kernel."""
    wanted = [(ELEMENTWISE[name], "float64") for name in KINDS]
    wanted += [(ELEMENTWISE[name], "float32") for name in SINGLE_PRECISION]
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    network = Network(SMALL)
    for rule, dtype in wanted[:: -1 if int(worker) % 2 else 1]:
        make_engine("fused", network, rule, starting_point(network), dtype, 1).compile()
