"""What is declared once is what all take: RunSpec, ravine.train, studies, the command line, the documentation."""

from __future__ import annotations

import inspect
import typing

import click
import msgspec
import pytest

import ravine
import settings_page
from ravine.cli.main import ravine as command_line
from ravine.errors import ConfigError
from ravine.formulas.shelves import STAGES
from ravine.settings import BY_NAME, ENGINES, SETTINGS, Setting
from ravine.spec import RunSpec, from_settings, resolve
from ravine.spec.names import OTHERS

OF_SCHEDULES = {"schedule", "final_lr"}
"""In a spec they are a name and the settings of a schedule."""

ARRAYS = {"data", "targets", "initial_weights", "order"}
"""What has no place on a command line, and of which a spec has the checksums."""

OF_EXTENSIONS = {"extends"}
"""What only an extended run has."""

WIDER = {
    "optimizer": "an optimizer",
    "stages": "stages",
    "schedule": "a schedule",
    "layers": "any sequence",
    "activation": "activations",
    "loss": "a loss",
    "per_layer": "any mapping",
    "dtype": "NumPy's own",
}
"""Settings for which Python takes more than the command line."""


def fields() -> dict[str, msgspec.structs.FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(RunSpec)}


def test_no_name_is_declared_twice():
    assert len(BY_NAME) == len(SETTINGS)
    options = [option for setting in SETTINGS for option in setting.options]
    assert len(set(options)) == len(options)


def test_a_spec_has_a_field_for_every_setting():
    assert {*fields(), *OF_SCHEDULES} == {*BY_NAME, "schedule_settings", *ARRAYS, *OF_EXTENSIONS}


@pytest.mark.parametrize("name", sorted({*BY_NAME} - OF_SCHEDULES))
def test_a_field_has_the_type_and_the_default_of_its_setting(name):
    setting, field = BY_NAME[name], fields()[name]
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    assert default == setting.default
    assert type(default) is type(setting.default) or setting.type is float
    declared = typing.get_type_hints(RunSpec)[name]
    if typing.get_origin(declared) is typing.Literal:
        assert setting.choices is not None
        assert typing.get_args(declared) == setting.choices()
    else:
        assert declared == setting.type


def test_train_has_a_typed_keyword_for_every_setting():
    keywords = inspect.signature(ravine.train).parameters
    hints = typing.get_type_hints(ravine.train)
    for name, setting in BY_NAME.items():
        if name == "hyperparameters":
            assert keywords[name].kind is inspect.Parameter.VAR_KEYWORD
            continue
        assert keywords[name].default == setting.default, name
        if name not in WIDER:
            assert hints[name] == setting.type, name
    # A hyper-parameter of such a name would get the keyword's value, so these names are refused.
    assert set(keywords) - set(BY_NAME) == OTHERS


def test_train_hands_every_setting_on(monkeypatch):
    class Seen(Exception):
        pass

    def seen(settings):
        raise Seen(settings)

    monkeypatch.setattr("ravine.api.training.from_settings", seen)
    given = {name: object() for name in BY_NAME if name != "hyperparameters"}
    with pytest.raises(Seen) as found:
        ravine.train(**given, alpha=0.5)  # type: ignore[arg-type]
    assert found.value.args == ({**given, "alpha": 0.5},)


def parameters(command: str) -> dict[str, click.Option]:
    found = command_line.get_command(click.Context(command_line), command)
    assert found is not None
    return {option.name: option for option in found.params if isinstance(option, click.Option) and option.name}


def test_the_command_line_has_an_option_for_every_setting():
    options = parameters("train")
    for name, setting in BY_NAME.items():
        assert set(options[name].opts) == set(setting.options)
        assert options[name].help.startswith(setting.sentence.partition(":")[0])


def test_the_network_of_a_gradient_check_is_given_as_that_of_a_run():
    train, check = parameters("train"), parameters("gradcheck")
    for name, setting in BY_NAME.items():
        if setting.group in ("Network", "Data"):
            assert (check[name].default, check[name].help) == (train[name].default, train[name].help)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_sentence_is_one(setting: Setting):
    assert setting.sentence.endswith(".")
    assert setting.sentence[0].isupper()
    assert "{" not in setting.sentence


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.choices], ids=lambda s: s.name)
def test_every_choice_is_taken_and_no_other(setting):
    others = {"schedule": {"lr": 0.1}, "dtype": {"engine": "reference"}, "schedule_by": {"final_lr": 0.001}}
    for name in setting.choices():
        given = {**others.get(setting.name, {}), setting.name: [name] if setting.several else name}
        if name in ("linear", "cosine"):
            given["final_lr"] = 0.001
        if setting.name == "stages":
            given |= {key: STAGES[name].example(key) for key in STAGES[name].defaults}
        from_settings(given)
    with pytest.raises(ConfigError, match="nonsense"):
        from_settings({setting.name: ["nonsense"] if setting.several else "nonsense"})


def test_every_engine_takes_its_dtypes_and_no_other():
    every = {dtype for dtypes in ENGINES.values() for dtype in dtypes}
    for engine, dtypes in ENGINES.items():
        for dtype in every:
            if dtype in dtypes:
                assert resolve(RunSpec(engine=engine, dtype=dtype)).spec.dtype == dtype
            else:
                with pytest.raises(ConfigError, match=dtype):
                    resolve(RunSpec(engine=engine, dtype=dtype))


def test_the_page_says_what_is_declared():
    told = "run `python docs/_extensions/settings_page.py`"
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), told
