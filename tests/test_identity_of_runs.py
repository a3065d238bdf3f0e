"""Whatever decides a run's result is in its id: two declarations that train otherwise never share one."""

from __future__ import annotations

import numpy as np
import pytest

import ravine
from ravine import matrix_rule, rule, schedule, stage
from ravine.errors import ConfigError
from ravine.spec import from_settings

SMALL = {"dataset": "small", "layers": (64, 12, 10), "batch_size": 20, "epochs": 2, "dtype": "float64"}


def kept(start):
    @stage(start={"a": start})
    def kept(step, a):
        return step * a, a

    return kept


def pulled(strength):
    @stage(penalty=lambda w, *, pull: strength * pull * float((w * w).sum()))
    def pulled(g, w, *, pull=1.0):
        return g + 2 * pull * w

    return pulled


def falling(warms_up):
    @schedule(warms_up=warms_up)
    def falling(share):
        return 1 - share

    return falling


def claimed(inert):
    @rule(inert=inert)
    def claimed(g, *, lr=0.1):
        return lr * g

    return claimed


def evaluated(half):
    @stage(evaluated=lambda w: w / 2 if half else w)
    def evaluated(step):
        return step

    return evaluated


def scaled(kind):
    def scaled(gradients, weights, state, t, *, lr=0.1, k=1):
        return [lr * len(repr(k)) * g for g in gradients], {}

    scaled.__annotations__["k"] = kind
    return matrix_rule(scaled)


def slowed(kind):
    def slowed(share, *, k=1):
        return (1 - share) / len(repr(k))

    slowed.__annotations__["k"] = kind
    return schedule(slowed)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"optimizer": scaled(int)}, {"optimizer": scaled(float)}),
        ({"optimizer": scaled(int)}, {"optimizer": scaled(bool)}),
        ({"optimizer": scaled(bool)}, {"optimizer": scaled(float)}),
        ({"schedule": slowed(int)}, {"schedule": slowed(float)}),
        ({"optimizer": "muon", "stages": [kept(0.5)]}, {"optimizer": "muon", "stages": [kept(1.0)]}),
        ({"optimizer": "sgd", "stages": [kept(0.5)]}, {"optimizer": "sgd", "stages": [kept(1.0)]}),
        ({"optimizer": "lbfgs", "stages": [pulled(1)]}, {"optimizer": "lbfgs", "stages": [pulled(9)]}),
        ({"schedule": falling(True)}, {"schedule": falling(False)}),
        ({"optimizer": claimed(True)}, {"optimizer": claimed(False)}),
        ({"optimizer": "muon", "stages": [evaluated(True)]}, {"optimizer": "muon", "stages": [evaluated(False)]}),
        ({"optimizer": "adam", "stages": [evaluated(True)]}, {"optimizer": "adam", "stages": [evaluated(False)]}),
    ],
)
def test_what_decides_the_result_decides_the_id(one, other):
    assert from_settings(one).id != from_settings(other).id
    assert from_settings(one).id == from_settings(one).id


@rule
def signed(g, *, lr=0.1, k=1.0):
    return lr * np.copysign(1.0, k) * g


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"lr": 0.0}, {"lr": -0.0}),
        ({"weight_decay": 0.0}, {"weight_decay": -0.0}),
        ({"warmup": 0.0}, {"warmup": -0.0}),
        ({"schedule": "cosine", "final_lr": 0.0}, {"schedule": "cosine", "final_lr": -0.0}),
        ({"optimizer": signed, "k": 0.0}, {"optimizer": signed, "k": -0.0}),
        (
            {"optimizer": signed, "per_layer": {"k": [1, 0.0]}},
            {"optimizer": signed, "per_layer": {"k": [1, -0.0]}},
        ),
    ],
)
def test_minus_zero_is_zero(one, other):
    runs = [from_settings({"layers": (784, 12, 10), **each}) for each in (one, other)]
    assert len({run.id for run in runs}) == 1
    # The text of a spec shows the sign, which == does not.
    assert len({repr(run.spec) for run in runs}) == 1


def begun_at(number, kind):
    if kind is rule:

        @rule(start={"m": number})
        def begun_at(g, m, *, lr=0.1):
            return lr * np.copysign(g, m), m

        return begun_at

    @matrix_rule(start={"m": number})
    def begun_at(gradients, weights, state, t, *, lr=0.1):
        return [lr * np.copysign(g, state[f"m.{k}"]) for k, g in enumerate(gradients)], state

    return begun_at


@pytest.mark.parametrize("kind", [rule, matrix_rule])
def test_a_start_at_minus_zero_is_one_at_zero(kind):
    zero, minus, whole = (begun_at(number, kind) for number in (0.0, -0.0, 0))
    assert from_settings({"optimizer": zero}).id == from_settings({"optimizer": minus}).id
    assert from_settings({"optimizer": zero}).id == from_settings({"optimizer": whole}).id
    (start,) = minus.start([np.ones((2, 3))], [{"lr": 0.1}]).values()
    assert not np.signbit(start).any()


def stealing(w):
    w *= 0.5
    return w


@stage(evaluated=stealing)
def shown(step):
    return step


@stage(start={"a": stealing})
def begun(step, a):
    return step, a


@rule(evaluated=lambda w, a: np.multiply(a, 0, out=a) + w)
def emptied(g, a, *, lr=0.1):
    return lr * g, a


@matrix_rule
def overwriting(gradients, weights, state, t, *, lr=0.1):
    for g in gradients:
        g *= lr
    return gradients, state


@matrix_rule(start={"m": 1.0})
def forgetting(gradients, weights, state, t, *, lr=0.1):
    state["m.0"][:] = 0
    return [lr * g for g in gradients], state


@matrix_rule
def searching(gradients, weights, state, t, loss, *, lr=0.1):
    _, slopes = loss(weights)
    slopes[0][:] = 0
    return [lr * g for g in gradients], {}


@matrix_rule
def shaken(gradients, weights, state, t, noise, *, lr=0.1):
    drawn = noise(1)
    drawn[-1] *= 0.1
    return [lr * (g + z) for g, z in zip(gradients, drawn, strict=True)], {}


def cut(w, *, most):
    np.minimum(w, most, out=w)
    return 0.0


@stage(penalty=cut)
def penalized(g, w, *, most=0.5):
    return g


@schedule
def moved(share):
    share *= 0.5
    return 1 - share


@schedule
def counted(epoch):
    epoch += 1
    return 1 / epoch


@pytest.mark.parametrize("engine", ["reference", "fused"])
@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": searching},
        {"optimizer": shaken},
        {"optimizer": "lbfgs", "stages": [penalized]},
        {"schedule": moved},
        {"schedule": counted, "schedule_by": "step"},
        {"optimizer": "sgd", "stages": [shown]},
        {"optimizer": "muon", "stages": [shown]},
        {"optimizer": "sgd", "stages": [begun]},
        {"optimizer": "muon", "stages": [begun]},
        {"optimizer": emptied},
        {"optimizer": overwriting},
        {"optimizer": forgetting},
    ],
)
def test_a_function_that_writes_into_what_it_is_given_is_told_at_its_line(settings, engine, small):
    with pytest.raises(
        ConfigError, match=r"test_identity_of_runs\.py:\d+: .* fails with ValueError: .*read-only.* write a = a \+ b"
    ):
        ravine.train(**SMALL, **settings, engine=engine)
