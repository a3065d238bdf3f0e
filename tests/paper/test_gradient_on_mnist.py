"""What the paper's section 2.2 claims of the gradient, measured on MNIST."""

from __future__ import annotations

import pytest

from ravine.api.network_gradient import check_network_gradient
from ravine.gradients.networks.check import DIGITS_WEIGHTS
from ravine.paper.claims.gradients import PUBLISHED_ERROR
from ravine.spec import RunSpec


@pytest.fixture(scope="module")
def mnist(tmp_path_factory):
    """Return the check of the paper's section 2.2: its network after one epoch, one sample, all weights."""
    return check_network_gradient(RunSpec(lr=0.1), out=tmp_path_factory.mktemp("runs"))


@pytest.mark.slow
def test_the_claims_on_mnist(mnist):
    agreement, curve = mnist.agreement, mnist.curve
    assert (agreement.parameters, agreement.weights) == (276_200, 276_200)
    assert (agreement.samples, agreement.dtype) == (1, "float64")
    assert agreement.verdict.answer == "passes"
    assert agreement.methods["complex"].verdict.unseen == 0
    assert agreement.methods["central"].verdict.unseen > 0
    errors = {name: method.errors for name, method in agreement.methods.items()}
    assert {method.h for name, method in agreement.methods.items() if name != "complex"} == {1e-8}
    assert errors["central"].mean_relative_error < errors["forward"].mean_relative_error
    assert errors["central"].mean_relative_error < errors["backward"].mean_relative_error
    assert errors["complex"].median_relative_error <= 1e-14
    assert errors["complex"].compared > 1000
    assert curve.best_median["central"] <= 1e-8
    assert curve.best_median["central"] < min(curve.best_median["forward"], curve.best_median["backward"])
    assert mnist.digits.digits == 60
    assert mnist.digits.weights == DIGITS_WEIGHTS
    assert mnist.digits.mean_relative_error < 3e-42 == PUBLISHED_ERROR
