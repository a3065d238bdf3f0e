"""Every rule beside the optimizers of other libraries that it declares to be the same."""

from __future__ import annotations

import pytest

from ravine.conformance.finding import moved, settings
from ravine.conformance.twins import twin
from ravine.rules import RULES, rule

TWINS = [(name, library) for name, declared in RULES.items() for library in declared.twins]


@pytest.mark.parametrize(("name", "library"), TWINS)
def test_the_two_walk_the_same_path(name, library):
    pytest.importorskip(library, reason=f"{library} is not installed; it is a peer to compare with")
    finding = twin(RULES[name], library)
    assert finding.outcome == "passed", finding.detail


@pytest.mark.parametrize(
    ("expression", "detail"),
    [
        ("torch.optim.SGD(weights, lr=1.00001 * lr)", "the weights part at step 1 "),
        ("torch.optim.SGD(weights, lr=lr, momentum=0.9)", "the weights part at step 2 "),
        ("torch.optim.SDG(weights, lr=lr)", "torch.optim.SDG(weights, lr=lr) fails: AttributeError"),
    ],
)
def test_a_false_twin_is_found_out(expression, detail):
    pytest.importorskip("torch", reason="torch is not installed; it is a peer to compare with")

    @rule(torch=expression)
    def plain(g, *, lr=0.1):
        return lr * g

    finding = twin(plain, "torch")
    assert finding.outcome == "failed"
    assert finding.detail.startswith(detail)


@pytest.mark.parametrize("name", RULES)
def test_moved_hyperparameters_are_all_others_than_the_defaults(name):
    defaults, others = settings(RULES[name]), moved(RULES[name])
    assert all(others[key] != value for key, value in defaults.items())
