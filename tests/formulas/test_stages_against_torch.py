"""Stages that libraries have too, beside the libraries' own over 200 steps, in float64."""

from __future__ import annotations

import numpy as np
import pytest

from ravine.formulas.compose import with_stages
from ravine.optimizers.adam import adam
from ravine.optimizers.sgd import sgd

STEPS, LR = 200, 0.05
SHAPES = ((3, 4), (4,), (4, 2))
SCALES = [np.linspace(0.5, 2.0, np.prod(shape)).reshape(shape) for shape in SHAPES]


def start():
    rng = np.random.default_rng(7)
    return [rng.normal(size=shape) for shape in SHAPES]


def gradients(weights, t):
    """Return gradients that depend on the weights and on the step."""
    return [scale * w + np.sin(t + w) for scale, w in zip(SCALES, weights, strict=True)]


def ours(base, given):
    """Return the weights after 200 steps, and those that are evaluated."""
    optimizer = with_stages(base, given)
    weights, hyper = start(), [optimizer.hyperparameters({"lr": LR, **given})] * len(SHAPES)
    state = optimizer.start(weights, hyper)
    for t in range(1, STEPS + 1):
        steps, state = optimizer.step(gradients(weights, t), weights, state, t, hyper)
        weights = [w - step for w, step in zip(weights, steps, strict=True)]
    return weights, optimizer.evaluate(weights, state, STEPS, hyper)


@pytest.mark.parametrize(("first", "every"), [(1, 1), (150, 1), (41, 20)])
def test_uniform_weight_average_is_the_averaged_model_of_pytorch(first, every):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; it is a peer, not a dependency")
    model = torch.nn.ParameterList(torch.nn.Parameter(torch.tensor(w)) for w in start())
    optimizer, averaged = torch.optim.Adam(model.parameters(), lr=LR), torch.optim.swa_utils.AveragedModel(model)
    for t in range(1, STEPS + 1):
        for parameter, g in zip(model, gradients([p.detach().numpy() for p in model], t), strict=True):
            parameter.grad = torch.tensor(g)
        optimizer.step()
        if t >= first and (t - first) % every == 0:
            averaged.update_parameters(model)
    trained, evaluated = ours(adam, {"uniform_weight_average": first, "average_every": every})
    for found, wanted in zip((*trained, *evaluated), (*model, *averaged.module), strict=True):
        np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ratio", [1.0, 0.03])
def test_trust_ratio_is_that_of_optax(ratio):
    optax = pytest.importorskip("optax", reason="optax is not installed; it is a peer, not a dependency")
    import jax

    with jax.enable_x64(True):
        # ravine's layer is a matrix and its bias; here each stands alone, so that both take the norms of one array.
        for shape, scale, first in zip(SHAPES, SCALES, start(), strict=True):
            chain = optax.chain(optax.scale_by_trust_ratio(trust_coefficient=ratio), optax.scale(-LR))
            theirs = jax.numpy.asarray(first)
            state = chain.init(theirs)
            optimizer = with_stages(sgd, {"trust_ratio": ratio})
            w, hyper = first, [optimizer.hyperparameters({"lr": LR, "trust_ratio": ratio})]
            for t in range(1, STEPS + 1):
                change, state = chain.update(jax.numpy.asarray(scale * np.asarray(theirs) + np.cos(t)), state, theirs)
                theirs = theirs + change
                (step,), _ = optimizer.step([scale * w + np.cos(t)], [w], {}, t, hyper)
                w = w - step
            np.testing.assert_allclose(w, np.asarray(theirs), rtol=1e-9, atol=1e-12, err_msg=str(shape))
