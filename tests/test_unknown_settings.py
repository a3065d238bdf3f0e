"""A setting that a run does not have: what has one of this very name is told, and only otherwise the nearest name."""

from __future__ import annotations

import re

import pytest

import ravine
from ravine.cli.main import run
from ravine.errors import ConfigError
from ravine.formulas.shelves import OPTIMIZERS, SCHEDULES, STAGES
from ravine.spec import RunSpec, resolve
from ravine.studies import load_study, plan
from ravine.trajectories import walks

NAMES_OF_OPTIMIZERS = sorted({name for each in OPTIMIZERS.values() for name in each.defaults})
NAMES_OF_SCHEDULES = sorted({name for each in SCHEDULES.values() for name in each.defaults} - {"final_lr"})
NAMES_OF_STAGES = {name for each in STAGES.values() for name in each.defaults}


def refused(call) -> str:
    with pytest.raises(ConfigError) as caught:
        call()
    return str(caught.value)


def by_command(capsys, settings, name):
    options = [word for key, value in settings.items() for word in (f"--{key}", value)]
    assert run(["train", *options, "--set", f"{name}=0.5"]) == 3
    return capsys.readouterr().err.removeprefix("ravine: ").rstrip("\n")


def by_study(tmp_path, settings, name):
    row = ", ".join([*(f'{key} = "{value}"' for key, value in settings.items()), f"{name} = 0.5"])
    (tmp_path / "s.toml").write_text(f'name = "s"\n[[groups]]\nname = "g"\nrows = [{{ {row} }}]\n')
    message = refused(lambda: plan(load_study(tmp_path / "s.toml")))
    return message.removeprefix("row 1 of group g in study s: ")


@pytest.fixture
def messages(capsys, tmp_path):
    """Return the function that gives a setting in every way in which one can be given; all must say the same."""

    def told(name, **settings):
        found = {
            by_command(capsys, settings, name),
            by_study(tmp_path, settings, name),
            refused(lambda: ravine.train(**settings, **{name: 0.5})),
            refused(lambda: resolve(RunSpec(**settings, hyperparameters={name: 0.5}))),
        }
        assert len(found) == 1
        return found.pop()

    return told


@pytest.mark.parametrize("name", [n for n in NAMES_OF_OPTIMIZERS if n != "lr" and n not in NAMES_OF_STAGES])
def test_optimizers_that_have_it_are_named(name, messages):
    told = messages(name, optimizer="sgd")
    words = re.match(rf"sgd has no {name}; (.+) ha(?:ve|s) it: choose .+, or leave {name} out\. sgd takes lr;", told)
    assert words is not None
    named = re.findall(r"\w+", words[1].replace(" and ", " ").replace(",", ""))
    owners = {each.name for each in OPTIMIZERS.values() if name in each.defaults}
    assert set(named) - {"others"} <= owners
    assert len(set(named) - {"others"}) == min(3, len(owners))
    assert ("others" in named) == (len(owners) > 3)
    assert "did you mean" not in told


@pytest.mark.parametrize("name", NAMES_OF_SCHEDULES)
def test_schedules_that_have_it_are_named(name, messages):
    told = messages(name)
    owners = [each.name for each in SCHEDULES.values() if name in each.defaults]
    assert told.startswith(f"{name} is a setting of the {' and '.join(owners)} schedule")
    assert (
        f"the constant schedule takes no settings: give --schedule {' or '.join(owners)}, in Python schedule=" in told
    )
    assert "did you mean" not in told


def test_another_schedule_says_what_it_takes(messages):
    told = messages("decay_every", schedule="exponential")
    assert told == (
        "decay_every is a setting of the step schedule, and the exponential schedule takes decay_factor: "
        'give --schedule step, in Python schedule="step".'
    )


def test_only_a_name_that_nothing_has_gets_the_nearest_one(messages):
    told = messages("lookahed")
    assert told.startswith("unknown setting of a run with sgd 'lookahed'; did you mean 'lookahead'? sgd takes lr; ")
    assert messages("optmizer").startswith("unknown setting of a run with sgd 'optmizer'; did you mean 'optimizer'?")
    assert messages("alhpa", optimizer="momentum").startswith(
        "unknown setting of a run with momentum 'alhpa'; did you mean 'alpha'? momentum takes lr, alpha; stages take "
    )
    listed = told.partition("stages take ")[2].rstrip(".").split(", ")
    assert listed == sorted(NAMES_OF_STAGES)


def test_no_name_is_both_of_an_optimizer_and_of_a_schedule():
    # Otherwise the message would name only the schedules.
    assert not set(NAMES_OF_OPTIMIZERS) & set(NAMES_OF_SCHEDULES)


def test_the_settings_of_a_schedule_have_a_place_of_their_own():
    told = refused(lambda: resolve(RunSpec(schedule="step", hyperparameters={"decay_factor": 0.5})))
    assert told == "decay_factor is a setting of the step schedule: give it in schedule_settings."
    told = refused(lambda: resolve(RunSpec(schedule_settings={"decay_factor": 0.5})))
    assert told.startswith(
        "decay_factor is a setting of the exponential and step schedules, and the constant schedule "
    )
    told = refused(lambda: resolve(RunSpec(schedule_settings={"decay": 0.5})))
    assert told == "unknown setting of the constant schedule 'decay'. Known: none."


def test_factors_of_layers_and_paths():
    factors = {"alpha": (1.0,) * 4}
    told = refused(lambda: resolve(RunSpec(per_layer=factors)))
    assert told.startswith("per_layer of the run: sgd has no alpha; momentum, nesterov")
    told = refused(lambda: resolve(RunSpec(per_layer={"l2": (1.0,) * 4})))
    assert told == "per_layer of the run: l2 is of the stage l2, which is not part of the run: give l2 a value too."
    told = refused(lambda: walks(["sgd,alpha=0.5"], ravine.SURFACES["ravine"], steps=1))
    assert told.startswith("sgd has no alpha; momentum, nesterov")
