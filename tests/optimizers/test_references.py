"""Every optimizer beside those of other libraries that it declares to be the same."""

from __future__ import annotations

import dataclasses
import importlib

import numpy as np
import pytest

from optimizer_cases import ELEMENTWISE
from ravine.conformance.finding import moved, settings
from ravine.conformance.references import same_as
from ravine.formulas.compose import with_stages
from ravine.formulas.elementwise import rule
from ravine.formulas.shelves import OPTIMIZERS
from ravine.optimizers.lbfgs import newton_direction
from ravine.optimizers.muon import muon
from ravine.optimizers.sophia import sophia

REFERENCES = [(name, library) for name, declared in OPTIMIZERS.items() for library in declared.references]


@pytest.mark.parametrize(("name", "library"), REFERENCES)
def test_the_two_walk_the_same_path(name, library):
    pytest.importorskip(library, reason=f"{library} is not installed; it is a peer to compare with")
    finding = same_as(OPTIMIZERS[name], library)
    assert finding.outcome == "passed", finding.detail


IN_OPTAX = {
    # Without dampening it is optax.sgd; the first gradient is never dampened.
    "heavy_ball": "optax.chain(optax.scale_by_schedule("
    "lambda k: jnp.where((k == 0) | (alpha == 0), 1, 1 - dampening)), optax.sgd(lr, momentum=alpha))",
    # optax has the maximum of the corrected v, and we the correction of the maximum.
    "amsgrad": "optax.inject_hyperparams(optax.amsgrad)(lambda k: lr * (1 - beta2 ** (k + 1.0)) ** 0.5, b1=beta1, "
    "b2=beta2, eps=lambda k: eps * (1 - beta2 ** (k + 1.0)) ** 0.5, bias_correction_nu=False)",
    # optax has eps after the correction of v.
    "radam": "optax.inject_hyperparams(optax.radam)(lr, b1=beta1, b2=beta2, "
    "eps=lambda k: eps / (1 - beta2 ** (k + 1.0)) ** 0.5)",
    # optax starts m at the initial accumulator too.
    "yogi": "optax.chain(optax.GradientTransformation(lambda p: (lambda s: s._replace(mu=optax.tree.zeros_like(p)))("
    "optax.scale_by_yogi(beta1, beta2, eps, initial_accumulator_value=initial_accumulator).init(p)), "
    "optax.scale_by_yogi(beta1, beta2, eps).update), optax.scale(-lr))",
    # optax corrects the momentum for its start at zero, and gives biases NAdam's steps.
    "muon": "optax.partition({'m': optax.chain(optax.trace(momentum, nesterov=True), optax.scale(1 - momentum), "
    "optax.contrib.muon(lr, beta=0, eps=1e-7, nesterov=False, weight_decay=0)), 'v': optax.adam(lr * adam_rate)}, "
    "lambda p: ['m' if x.ndim == 2 else 'v' for x in p])",
}
"""Optimizers that optax defines otherwise, with the difference that our docstring tells taken out."""


@pytest.mark.parametrize("name", IN_OPTAX)
def test_but_for_the_difference_that_is_told_it_is_the_same_in_optax(name):
    pytest.importorskip("optax", reason="optax is not installed; it is a peer to compare with")
    finding = same_as(dataclasses.replace(OPTIMIZERS[name], references={"optax": IN_OPTAX[name]}), "optax")
    assert finding.outcome == "passed", finding.detail


def test_muon_is_pytorch_s_but_for_bfloat16():
    torch = pytest.importorskip("torch", reason="torch is not installed; it is a peer to compare with")
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(8, 20)), rng.normal(size=(30, 8, 20))
    parameter = torch.nn.Parameter(torch.tensor(start.T))
    optimizer = torch.optim.Muon([parameter], lr=0.1, momentum=0.9, weight_decay=0.2)
    decaying = with_stages(muon, {"weight_decay": 0.2})
    hyper = decaying.hyperparameters({"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2})
    w, state = start, decaying.start([start], [hyper])
    for t, g in enumerate(gradients, start=1):
        parameter.grad = torch.tensor(g.T)
        optimizer.step()
        (step,), state = decaying.step([g], [w], state, t, [hyper])
        w = w - step
    ours, theirs = w - start, parameter.detach().numpy().T - start
    # Three digits of bfloat16, through five products; a missing factor would be off by 60 %.
    assert np.linalg.norm(ours - theirs) < 0.02 * np.linalg.norm(theirs)


def test_all_steps_of_lbfgs_are_pytorch_s_where_none_is_searched_for():
    torch = pytest.importorskip("torch", reason="torch is not installed; it is a peer to compare with")
    rng = np.random.default_rng(0)
    x, labels, start = rng.normal(size=(200, 12)), rng.integers(0, 2, 200), rng.normal(size=12)
    scale = np.geomspace(0.01, 1, 12)  # ill-conditioned, so that it is still on its way after 200 steps

    def gradient(w):
        return (x * scale).T @ (1 / (1 + np.exp(-(x * scale) @ w)) - labels) / 200

    parameter = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.LBFGS(
        [parameter], lr=0.01, max_iter=1, history_size=7, tolerance_grad=0, tolerance_change=0
    )

    def closure():
        parameter.grad = torch.tensor(gradient(parameter.detach().numpy()))
        return torch.tensor(0.0)

    w, s, y = start, np.zeros((0, 12)), np.zeros((0, 12))
    for t in range(200):
        optimizer.step(closure)
        g = gradient(w)
        step = (0.01 * min(1, 1 / np.abs(g).sum()) if t == 0 else 0.01) * newton_direction(g, s, y)
        s, y = (np.vstack([old, new])[-7:] for old, new in ((s, step), (y, gradient(w + step) - g)))
        w = w + step
        assert np.abs(w - parameter.detach().numpy()).max() < 1e-9 * np.abs(w - start).max()
    assert np.abs(gradient(w)).max() > 1e-6


def test_sophia_is_optax_s_without_momentum():
    # Which optax corrects for its start at zero. optax's h is that of the step before: it begins with our first.
    optax = pytest.importorskip("optax", reason="optax is not installed; it is a peer to compare with")
    jax = importlib.import_module("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        h, c = np.geomspace(0.1, 30, 40), np.linspace(-1, 1, 40)  # of a diagonal Hessian all signs give the diagonal
        exact = optax.GradientTransformation(lambda w: None, lambda g, state, w: (jax.numpy.asarray(h), None))
        hyper = sophia.hyperparameters({"beta1": 0, "beta2": 0.9, "gamma": 0.3, "lr": 0.01, "hessian_frequency": 1})
        optimizer = optax.contrib.sophia(
            0.01, b1=0, b2=0.9, eps=1e-12, weight_decay=0, gamma=0.3, update_interval=1, hessian_diagonal_fn=exact
        )
        ours, theirs = np.zeros(40), jax.numpy.zeros(40)
        state = sophia.start([ours], [hyper])
        first, *others = optimizer.init(theirs)
        opt_state = (first._replace(nu=jax.numpy.asarray(0.1 * h)), *others)
        clipped = set()
        for t in range(1, 201):
            g = h * (ours - c)
            steps, state = sophia.step([g], [ours], state, t, [hyper], lambda w: (0.0, [h * (w[0] - c)]))
            updates, opt_state = optimizer.update(jax.numpy.asarray(h * (np.asarray(theirs) - c)), opt_state, theirs)
            clipped |= set(np.abs(steps[0]) == 0.01)
            ours, theirs = ours - steps[0], theirs + updates
            assert np.abs(ours - theirs).max() < 1e-9 * np.abs(theirs).max()
        assert clipped == {True, False}
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize(
    ("expression", "detail"),
    [
        ("torch.optim.SGD(weights, lr=1.00001 * lr)", "the weights differ from step 1 "),
        ("torch.optim.SGD(weights, lr=lr, momentum=0.9)", "the weights differ from step 2 "),
        ("torch.optim.SDG(weights, lr=lr)", "torch.optim.SDG(weights, lr=lr) fails: AttributeError"),
    ],
)
def test_a_false_reference_is_found_out(expression, detail):
    pytest.importorskip("torch", reason="torch is not installed; it is a peer to compare with")

    @rule(torch=expression)
    def plain(g, *, lr=0.1):
        return lr * g

    finding = same_as(plain, "torch")
    assert finding.outcome == "failed"
    assert finding.detail.startswith(detail)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_moved_hyperparameters_are_all_others_than_the_defaults(name):
    defaults, others = settings(ELEMENTWISE[name]), moved(ELEMENTWISE[name])
    assert all(others[key] != value for key, value in defaults.items())
