"""The paper's claims, in our own words, each with its tests.

Rows are those of `ravine/paper/paper.toml`. The statement of a claim is the paper's, right or wrong; the verdict comes
from the tests alone.
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
