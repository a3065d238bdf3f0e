"""The paper's claims, in our own words, each with the tests that it is put to.

Rows are those of `ravine/paper/paper.toml`. The wording states what the paper says, right or wrong; what was found
comes from the tests alone.
"""

from ravine.paper.claims import adagrad, comparison, decay, gradients, momentum, sgd

CLAIMS = (
    *sgd.CLAIMS,
    *gradients.CLAIMS,
    *decay.CLAIMS,
    *momentum.CLAIMS,
    *adagrad.CLAIMS,
    *comparison.CLAIMS,
)
"""In the order of the paper's sections."""
