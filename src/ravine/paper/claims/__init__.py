"""The paper's claims, in our own words, each with its tests.

Rows are those of `ravine/paper/paper.toml`. The statement of a claim is the paper's, right or wrong; the verdict comes
from the tests alone.
"""

from ravine.paper.claims import adagrad, comparison, decay, gradients, momentum, sgd
from ravine.report.summary import Topic

CLAIMS = (
    *sgd.CLAIMS,
    *gradients.CLAIMS,
    *decay.CLAIMS,
    *momentum.CLAIMS,
    *adagrad.CLAIMS,
    *comparison.CLAIMS,
)
"""In the order of the paper's sections."""

TOPICS = (
    Topic("The best method", "decay-wins", best=True),
    Topic("Decay", "decay-helps"),
    Topic("Momentum", "momentum-no-use"),
    Topic("AdaGrad", "adagrad-better"),
    Topic("The gradient", "gradient-right"),
)
"""What the page of the report says first."""
