"""A schedule of the user's: in a file or in Python, by epoch and by step, and what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import ravine
from ravine.cli.main import run as command
from ravine.conformance.schedule import check_schedule
from ravine.errors import ConfigError
from ravine.formulas.shelves import SCHEDULES
from ravine.spec import from_settings

SMALL = {"dataset": "small", "layers": (64, 12, 10), "batch_size": 20, "epochs": 4, "engine": "reference", "lr": 0.1}
SLOWING = """
import numpy as np
from ravine import schedule

STRETCH = 2.0

@schedule(bounds={"power": "(0, inf)"})
def slowing(share, *, power=1.0, rounds: int = 1, mirrored=False):
    '''Slowing: a power of what is left.'''
    left = np.where(mirrored, 1 - share, 1 - share)
    return left ** (power / rounds * STRETCH / 2)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(SLOWING)
    return tmp_path


def rates(run):
    return [epoch.lr for epoch in run.history]


def test_from_the_command_line(small, here, capsys):
    given = ["--dataset", "small", "--layers", "64-12-10", "-m", "20", "--epochs", "4", "--engine", "reference"]
    words = ["train", *given, "--lr", "0.1", "--schedule", "mine.py:slowing", "--set", "power=2"]
    assert command([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    spec = document["spec"]
    assert spec["schedule"] == f"{here / 'mine.py'}:slowing"
    assert spec["schedule_settings"] == {"power": 2.0, "rounds": 1, "mirrored": False}
    assert [epoch["lr"] for epoch in document["history"]] == pytest.approx([0.1, 0.05625, 0.025, 0.00625])
    # The run goes by its own text, which is stored with it, and by the name alone of its file.
    assert command(["runs", "show", document["id"]]) == 0
    assert "mine.py:slowing, as it was:" in capsys.readouterr().out
    same = ravine.train(**SMALL, schedule="polynomial", power=2.0)
    np.testing.assert_allclose(rates(same), [epoch["lr"] for epoch in document["history"]], rtol=1e-14)


def test_from_python(small, here):
    @ravine.schedule
    def halves(epoch):
        return 0.5**epoch

    mine = ravine.train(**SMALL, schedule=halves)
    own = ravine.train(**SMALL, schedule="exponential", decay_factor=0.5)
    assert (mine.weights == own.weights).all()
    assert mine.id != own.id
    assert "return 0.5 ** epoch" in mine.schedule_text
    assert own.schedule_text is None
    again = ravine.train(**SMALL, schedule=halves)
    assert again.id == mine.id


@pytest.mark.parametrize("by", ["epoch", "step"])
def test_with_warm_up_and_batches_that_grow(small, here, by):
    more = {"schedule_by": by, "warmup": 1.0, "largest_batch": 60}
    mine = ravine.train(**SMALL, **more, schedule="mine.py", power=3)
    own = ravine.train(**SMALL, **more, schedule="polynomial", power=3)
    assert [epoch.batch_size for epoch in mine.history] == [epoch.batch_size for epoch in own.history]
    assert len({epoch.batch_size for epoch in mine.history}) > 2
    np.testing.assert_allclose(mine.weights, own.weights, rtol=1e-9)


def test_the_id_holds_the_text_and_what_it_uses(here):
    def id_with(old, new):
        (here / "mine.py").write_text(SLOWING.replace(old, new))
        return from_settings({"schedule": "mine.py:slowing"}).id

    plain = id_with("x", "x")
    assert id_with("Slowing: a power of what is left.", "Something else.") == plain
    assert id_with("\nSTRETCH", "\n# A remark.\nSTRETCH") == plain
    others = {
        id_with("STRETCH = 2.0", "STRETCH = 3.0"),
        id_with("np.where(mirrored, 1 - share", "np.where(mirrored, share"),
    }
    others.add(from_settings({"schedule": "mine.py:slowing", "rounds": 2}).id)
    assert len(others | {plain}) == 4
    (here / "folder").mkdir()
    (here / "folder" / "mine.py").write_text(SLOWING)
    assert from_settings({"schedule": "folder/mine.py:slowing"}).id == plain


def test_a_run_goes_on_with_the_schedule_that_it_was_made_with(here):
    first = from_settings({"schedule": "mine.py:slowing", "power": 2, "epochs": 4})
    before = first.rates_in(2, np.zeros(1), 100)
    (here / "mine.py").write_text(SLOWING.replace("return left", "return 0 * left"))
    assert first.rates_in(2, np.zeros(1), 100) == before == pytest.approx(0.025)
    assert first.replaced(seed=0).id == first.id
    assert from_settings({"schedule": "mine.py:slowing", "power": 2, "epochs": 4}).rates_in(2, np.zeros(1), 9) == 0


def test_two_functions_of_one_name_are_two_schedules():
    def make(factor):
        @ravine.schedule
        def falling(epoch):
            return factor**epoch

        return falling

    half, third = (from_settings({"schedule": make(factor)}) for factor in (1 / 2, 1 / 3))
    assert half.id != third.id
    assert half.rates_in(1, np.zeros(1), 9) == pytest.approx(0.05)
    assert third.rates_in(1, np.zeros(1), 9) == pytest.approx(0.1 / 3)


def test_it_is_given_what_it_asks_for():
    seen = {}

    @ravine.schedule
    def asks(lr, epochs, share, epoch, *, cut: int = 2):
        seen.update(lr=lr, epochs=epochs, share=share, epoch=epoch, cut=cut)
        return lr * np.ones_like(share)

    got = asks.rate(0.5, np.array([0.0, 1.5, 3.0]), 4, {"cut": 3.0})
    assert got.tolist() == [0.5, 0.5, 0.5]
    assert (seen["lr"], seen["epochs"], seen["cut"], type(seen["cut"])) == (0.5, 4, 3, int)
    assert (seen["share"].tolist(), seen["epoch"].tolist()) == ([0, 0.375, 0.75], [0, 1.5, 3])


def spec_with(function, **settings):
    return from_settings({"schedule": ravine.schedule(function), "epochs": 5, **settings})


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda share: 0.5 - share, "the f schedule gives a learning rate of -0.01 at epoch 3 of 5"),
        (lambda share: 1 / (share - 0.4), "gives a learning rate of -0.25 at epoch 0 of 5"),
        (lambda share: np.sqrt(0.5 - share), "gives a learning rate of nan at epoch 3 of 5"),
        (lambda share: 1 / np.abs(share - 0.4), "gives a learning rate of inf at epoch 2 of 5"),
        (lambda share: 1e60 * share + 1, "gives a learning rate of 2e[+]58 at epoch 1 of 5"),
        (lambda share: 1 if share < 0.5 else 0, "schedule f fails with ValueError: The truth value of an array"),
        (lambda share: "slow", "the f schedule returns <U4 of shape"),
        (lambda share: share[:2], r"returns float64 of shape \(2,\) for times of shape \(5,\)"),
        (lambda share: 1j * share, "returns complex128"),
        (lambda share: None, "returns object"),
    ],
)
def test_rates_that_are_none_are_refused_before_training(value, words):
    def f(share):
        return value(share)

    with pytest.raises(ConfigError, match=words) as refusal:
        spec_with(f)
    assert "\n" not in str(refusal.value)


def test_a_rate_by_step_that_is_negative_within_an_epoch_is_refused(small, here):
    second = 2 + 77 / 230  # the second step of the third epoch, in batches of 77

    @ravine.schedule
    def dips(epoch):
        return np.where(np.abs(epoch - second) < 0.001, -1.0, 1.0)

    settings = {**SMALL, "epochs": 5, "batch_size": 77, "schedule": dips, "schedule_by": "step"}
    assert from_settings(settings).id  # how many steps there are is not known yet
    with pytest.raises(ConfigError, match=r"dips schedule gives a learning rate of -0.1 at epoch 2.33478 of 5"):
        ravine.train(**settings)
    assert not (here / "runs").exists()


def test_a_name_that_optimizer_and_schedule_share_is_refused():
    @ravine.schedule
    def f(share, *, beta1=0.5):
        return 1 - beta1 * share

    with pytest.raises(ConfigError, match="beta1 is a setting of the f schedule and a hyper-parameter of adam"):
        from_settings({"optimizer": "adam", "schedule": f, "beta1": 0.9})
    assert from_settings({"optimizer": "sgd", "schedule": f, "beta1": 0.9}).spec.schedule_settings == {"beta1": 0.9}

    @ravine.schedule
    def g(share, *, weight_decay=0.5):
        return 1 - weight_decay * share

    with pytest.raises(ConfigError, match="of the g schedule and a hyper-parameter of a stage"):
        from_settings({"schedule": g})

    @ravine.schedule
    def h(share, *, warmup=3.0):
        return 1 - share / warmup

    with pytest.raises(ConfigError, match="the h schedule has a setting with the name of a setting of a run, warmup"):
        from_settings({"schedule": h})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "@schedule\ndef f(time):\n    return time",
            "takes time: before the [*] it may ask for share, epoch",
        ),
        ("@schedule\ndef f(lr):\n    return lr", "takes no share"),
        ("@schedule\ndef f(share=1):\n    return share", "share of f has a default, but ravine gives the time"),
        ("@schedule\ndef f(share, *, lr=1):\n    return share", "lr of f is given to the schedule"),
        ("@schedule\ndef f(share, *rest):\n    return share", "schedule f takes [*]rest"),
        ("@schedule\ndef f(share, *, power='two'):\n    return share", "the default of power"),
        ("@schedule(bounds={'p': '[0, 1]'})\ndef f(share, *, power=2):\n    return share", "unknown setting of f 'p'"),
        (
            "@schedule(bounds={'power': '[0, 1]'})\ndef f(share, *, power=2):\n    return 1",
            "of power of f is 2",
        ),
        ("@schedule(warms_up=1)\ndef f(share):\n    return share", "warms_up of f is 1; it is True or False"),
        ("f = schedule(lambda share: share)", "a schedule is a function defined with `def`, and this is a lambda"),
        ("def f(share):\n    return share", "has no schedule of its own: put @ravine.schedule"),
    ],
)
def test_a_declaration_that_does_not_fit_is_told_at_its_line(here, text, words):
    (here / "bad.py").write_text(f"from ravine import schedule\n\n{text}\n")
    with pytest.raises(ConfigError, match=words) as refusal:
        SCHEDULES.find("bad.py:f")
    assert "\n" not in str(refusal.value)


def test_a_function_without_the_decorator_is_refused():
    def f(share):
        return share

    with pytest.raises(ConfigError, match=r"the function f is no schedule: "):
        ravine.train(schedule=f)


def outcomes(function, **settings):
    return {f.check: f.outcome for f in check_schedule(ravine.schedule(**settings)(function)).findings}


def test_the_checks_see_what_is_wrong():
    def half(share):
        return 0.5 * (1 - share)

    def by_all(share):
        return 1 - share * np.mean(share)

    def random(share):
        return 1 - 0.1 * share * np.random.default_rng().random(np.shape(share))

    def negative(share):
        return 1 - 1.01 * share

    def sound(share):
        return np.cos(share)

    assert outcomes(half)["start"] == "failed"
    assert outcomes(half, warms_up=True)["start"] == "passed"
    assert outcomes(sound, warms_up=True)["start"] == "failed"
    assert outcomes(by_all)["arrays"] == "failed"
    assert "failed" in outcomes(random).values()
    assert outcomes(negative) == {"finite": "failed"}
    assert set(outcomes(sound).values()) == {"passed"}
    assert math.isclose(SCHEDULES["polynomial"].rate(1.0, np.array(5.0), 10, {"power": 1.0}), 0.5)


def test_a_schedule_that_changes_a_value_outside_itself_is_refused(small, here):
    seen = []

    @ravine.schedule
    def counts(share):
        seen.append(1)
        return 1 - share / 2

    with pytest.raises(ConfigError, match="counts changed a value outside its state while it trained"):
        ravine.train(**SMALL, schedule=counts)


def by_the_largest(share):
    return 1 - share + 0.5 * (share.max() - share)


def by_the_number(share):
    return 1 - share / len(share)


def by_the_place(share):
    return np.linspace(1, 0.5, len(share))


@pytest.mark.parametrize("by", ["epoch", "step"])
@pytest.mark.parametrize("function", [by_the_largest, by_the_number, by_the_place])
def test_rates_that_hang_on_how_many_are_asked_for_are_refused(small, tmp_path, function, by):
    words = rf"test_your_own_schedule\.py:\d+: schedule {function.__name__} gives other rates for many times at once"
    with pytest.raises(ConfigError, match=f"{words}.* compute element by element"):
        ravine.train(**SMALL, schedule=ravine.schedule(function), schedule_by=by, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("epochs", [1, 5, 40])
def test_the_last_digits_of_powers_and_waves_pass(small, tmp_path, epochs):
    @ravine.schedule
    def waves(share, epoch, epochs, lr):
        return lr * (0.5 + 0.5 * np.cos(np.pi * share)) ** 1.7 * np.exp(-epoch / epochs)

    for by in ("epoch", "step"):
        run = ravine.train(**{**SMALL, "epochs": epochs}, schedule=waves, schedule_by=by, out=tmp_path / by)
        assert run.status == "done"
