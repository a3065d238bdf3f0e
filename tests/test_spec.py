from __future__ import annotations

import hashlib
import json
import math
import tomllib

import msgspec
import numpy as np
import pytest

from optimizer_cases import ELEMENTWISE
from ravine.errors import ConfigError
from ravine.formulas.elementwise import rule
from ravine.formulas.matrix import matrix_rule
from ravine.formulas.shelves import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES
from ravine.formulas.stage import stage
from ravine.spec import RunSpec, Things, from_settings, resolve


def id_of(spec: RunSpec) -> str:
    """Return the id of the run that a spec describes."""
    return resolve(spec).id


# Every field with another value than its default. `softmax` and the like decide the result as much as `lr`.
CHANGES = {
    "dataset": "fashion-mnist",
    "layers": (784, 300, 100, 10),
    "activation": "tanh",
    "bias": True,
    "softmax": "naive",
    "label_smoothing": 0.1,
    "init": "he-normal",
    "optimizer": "adagrad",
    "lr": 0.2,
    "hyperparameters": {"eps": 1e-6},
    "per_layer": {"lr": (1.0, 1.0, 1.0, 0.5)},
    "schedule": "cosine",
    "schedule_settings": {"final_lr": 0.002},
    "schedule_by": "step",
    "warmup": 1.0,
    "batch_size": 11,
    "largest_batch": 20,
    "epochs": 11,
    "seed": 1,
    "validation": 6000,
    "validation_seed": 1,
    "test": "end",
    "engine": "reference",
    "dtype": "float64",
    "data": "2" * 64,
    "initial_weights": "0" * 64,
    "order": "0" * 64,
    "extends": "0" * 16,
    "loss": "huber",
    "targets": "numbers",
}
# A change of hyper-parameters needs an optimizer that has some, and some settings a rate that changes.
BASES = {
    "validation_seed": RunSpec(validation=6000),
    "targets": RunSpec(dataset="given", data="1" * 64, loss="squared-error"),
    "data": RunSpec(dataset="given", data="1" * 64),
    "hyperparameters": RunSpec(optimizer="adagrad"),
    "schedule_settings": RunSpec(schedule="linear", schedule_settings={"final_lr": 0.001}),
    "schedule_by": RunSpec(schedule="linear", schedule_settings={"final_lr": 0.001}),
    "largest_batch": RunSpec(schedule="linear", schedule_settings={"final_lr": 0.001}),
}


def test_every_field_is_changed_below():
    assert {*CHANGES, "stages"} == set(RunSpec.__struct_fields__)  # stages have a test of their own


@pytest.mark.parametrize("field", CHANGES)
def test_the_id_changes_with_every_field(field):
    base = BASES.get(field, RunSpec())
    assert id_of(msgspec.structs.replace(base, **{field: CHANGES[field]})) != id_of(base)


def test_no_two_changes_share_an_id():
    changed = [msgspec.structs.replace(BASES.get(f, RunSpec()), **{f: v}) for f, v in CHANGES.items()]
    changed += [RunSpec(schedule=name) for name in SCHEDULES if name not in ("constant", "linear", "cosine")]
    changed += [
        RunSpec(schedule="step", schedule_settings={"decay_every": 2}),
        RunSpec(schedule="linear", schedule_settings={"final_lr": 0.003}),
    ]
    assert len(set(map(id_of, changed))) == len(changed)


def test_the_id_of_a_run_on_given_data_has_their_digest_in_place_of_checksums():
    document = {
        "data": ["5a" * 32],
        "optimizer": ["return lr * g", "inert"],
        "schedule": None,
        "settings": {
            "data": "5a" * 32,
            "dataset": "given",
            "hyperparameters": {},
            "layers": [7, 5, 3],
            "lr": 0.1,
            "optimizer": "sgd",
            "schedule": "constant",
            "schedule_settings": {},
            "stages": [],
        },
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    found = id_of(RunSpec(dataset="given", data="5a" * 32, layers=(7, 5, 3)))
    assert found == hashlib.sha256(text).hexdigest()[:16]


def test_data_are_in_the_catalog_or_given_and_never_both():
    with pytest.raises(ConfigError, match=r"^unknown data set 'given'"):
        id_of(RunSpec(dataset="given"))
    with pytest.raises(ConfigError, match="dataset is 'mnist', and data are given: leave one of the two out"):
        id_of(RunSpec(data="1" * 64))
    with pytest.raises(ConfigError, match="it must be a number of samples, or 0 for none"):
        id_of(RunSpec(dataset="given", data="1" * 64, validation=0.25))


def test_the_id_is_the_hash_of_a_document_that_must_not_change():
    # Written out by hand: were it to change, every stored run would be lost from sight.
    document = {
        "data": [
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ],
        "optimizer": ["return lr * g", "inert"],
        "schedule": None,
        "settings": {
            "hyperparameters": {},
            "lr": 0.1,
            "optimizer": "sgd",
            "schedule": "linear",
            "schedule_settings": {"final_lr": 0.001},
            "stages": [],
        },
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    assert (
        id_of(RunSpec(schedule="linear", schedule_settings={"final_lr": 0.001}))
        == hashlib.sha256(text).hexdigest()[:16]
    )


def test_the_id_of_the_default_run_stays_what_it_is():
    assert id_of(RunSpec()) == "81ea254888693b80"
    assert from_settings({}).id == "81ea254888693b80"


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({"validation": 0.0}, {}),
        ({"validation_seed": 7}, {}),
        ({"test": "epoch"}, {}),
        ({"validation": 0.1}, {"validation": 6000}),
        ({"validation": np.float32(0.1)}, {"validation": np.int64(6000)}),
        ({"validation": 1 / 3}, {"validation": 20_000}),
        ({"validation": 6000, "test": "never"}, {"validation": 6000}),
        ({"validation": 6000, "test": None, "validation_seed": 0}, {"validation": 6000}),
        ({"validation": 0.1, "dataset": "kmnist"}, {"validation": 6000, "dataset": "kmnist"}),
    ],
)
def test_equal_splits_have_equal_ids(settings, same):
    one, other = from_settings(settings), from_settings(same)
    assert one.spec == other.spec
    assert type(one.spec.validation) is int
    assert one.id == other.id == resolve(one.spec).id == id_of(RunSpec(**settings))
    assert msgspec.json.decode(msgspec.json.encode(one.spec), type=RunSpec) == one.spec


def test_splits_and_tests_that_differ_have_other_ids():
    settings = [{"validation": v, "test": t} for v in (0, 1, 6000, 6001) for t in ("epoch", "end", "never")]
    settings += [{"validation": 6000, "validation_seed": 1}, {"validation": 6000, "seed": 1}]
    assert len({from_settings(each).id for each in settings}) == len(settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"validation": True}, "validation is true; it must be a whole number or a number"),
        ({"validation": "many"}, "validation is 'many'; it must be a whole number or a number"),
        ({"validation": None}, "validation is None; it must be a whole number or a number"),
        ({"validation": -1}, "validation is -1; it must be a number of samples, 1 or more, a share"),
        ({"validation": math.nan}, "validation is nan; it must be a number of samples"),
        ({"validation": 1.0}, "validation is 1.0; it must be a number of samples, 1 or more, written without a point"),
        ({"validation": 60_000}, "validation is 60000, and of 60,000 training samples none would be left"),
        ({"validation": 1e-6}, "validation is 1e-06, which is less than one of 60,000 samples"),
        ({"validation": 10**30}, "none would be left"),
        ({"validation_seed": -1}, "validation_seed is -1; it must be a whole number from 0"),
        ({"validation_seed": 0.5}, "validation_seed is 0.5; it must be a whole number"),
        ({"validation_seed": 2**63}, "validation_seed is 9223372036854775808; it must be"),
        ({"test": "ends"}, "unknown test 'ends'; did you mean 'end'? Known: end, epoch, never."),
        ({"test": True}, "unknown test 'True'"),
        ({"test": ""}, "unknown test ''"),
    ],
)
def test_a_split_or_a_test_that_cannot_be_is_refused(settings, told):
    with pytest.raises(ConfigError) as found:
        from_settings(settings)
    assert told in str(found.value)


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, np.float32(0), np.int64(0)])
def test_without_label_smoothing_a_run_is_the_same(zero):
    run = from_settings({"label_smoothing": zero})
    assert run.id == id_of(RunSpec()) == id_of(RunSpec(label_smoothing=zero))
    assert repr(run.spec.label_smoothing) == "0.0"
    naive = {"softmax": "naive", "label_smoothing": zero}
    assert from_settings(naive).id == from_settings({"softmax": "naive"}).id
    old = msgspec.to_builtins(RunSpec())
    del old["label_smoothing"]  # as a run was stored before there was such a setting
    assert msgspec.convert(old, RunSpec) == RunSpec()


def test_a_default_that_is_written_out_is_the_same_run():
    plain = RunSpec(optimizer="adam")
    explicit = RunSpec(
        dataset="mnist",
        layers=(784, 300, 100, 100, 10),
        optimizer="adam",
        lr=0.001,
        hyperparameters={"eps": 1e-8, "beta2": 0.999, "beta1": 0.9},
        batch_size=10,
    )
    assert id_of(explicit) == id_of(plain) == id_of(resolve(plain).spec)
    assert resolve(explicit).spec == resolve(plain).spec == resolve(resolve(plain).spec).spec


def test_the_rule_s_formula_decides_and_its_comments_do_not():
    def plain(g, v, *, lr=0.1):
        return lr * g, v

    def the_same(g, v, *, lr=0.1):
        """Say something."""
        # A remark.
        return (lr * g), v

    def another(g, v, *, lr=0.1):
        return lr * g * 2, v

    def lazy(v, n, *, lr):
        return 0 * v, v

    def half(w):
        return 0.5 * w

    def third(w):
        return w / 3

    kinds = [
        (plain, {}),
        (the_same, {}),
        (plain, {"start": {"v": 0.0}}),
        (another, {}),
        (plain, {"lazy": lazy}),
        (plain, {"start": {"v": 0.5}}),
        (plain, {"start": {"v": half}}),
        (plain, {"start": {"v": third}}),
        (plain, {"evaluated": half}),
    ]
    ids = []
    for function, forms in kinds:
        function.__name__ = "tested"
        ids.append(from_settings({"optimizer": rule(**forms)(function)}).id)
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 7


def test_the_data_decide(small, monkeypatch):
    spec = RunSpec(dataset="small", layers=(64, 10))
    before = id_of(spec)
    monkeypatch.setitem(small.info.sha256, "train-labels-idx1-ubyte", "0" * 64)
    assert id_of(spec) != before


def test_the_engine_is_fused_unless_another_is_asked_for():
    for name in OPTIMIZERS:
        assert resolve(RunSpec(optimizer=name)).spec.engine == "fused"
    assert resolve(RunSpec(engine="reference")).spec.engine == "reference"
    assert resolve(RunSpec(optimizer="muon", engine="reference", dtype="longdouble")).spec.dtype == "longdouble"


def test_a_matrix_optimizer_goes_by_what_it_computes():
    factor = 2.0

    def make(function):
        @matrix_rule(name="tested")
        def rule(gradients, weights, state, t, *, lr=0.1):
            return [lr * function(g) for g in gradients], {}

        return rule

    def once(g):
        return g

    def twice(g):
        return factor * g

    first, second = (from_settings({"optimizer": make(function)}).id for function in (once, twice))
    assert first != second
    factor = 3.0
    assert from_settings({"optimizer": make(twice)}).id not in (first, second)


def test_resolving_fills_in_the_optimizer_s_defaults():
    spec = resolve(RunSpec(optimizer="momentum", hyperparameters={"alpha": 0.5})).spec
    assert (spec.lr, spec.hyperparameters) == (0.01, {"alpha": 0.5})


def test_settings_that_have_no_effect_are_left_out():
    plain = id_of(RunSpec(schedule="linear", schedule_settings={"final_lr": 0.001}))
    decay = {"final_lr": 0.001}
    assert from_settings({**decay, "largest_batch": 10}).id == plain
    assert from_settings({**decay, "per_layer": {"lr": [1, 1, 1, 1]}}).id == plain
    assert from_settings({**decay, "warmup": 0}).id == plain
    assert id_of(RunSpec(schedule_by="step")) == id_of(RunSpec())
    assert id_of(RunSpec(schedule_by="step", warmup=1)) != id_of(RunSpec(warmup=1))


def test_a_lazy_update_is_kept_where_nothing_that_it_takes_varies():
    kept = {"optimizer": "momentum", "final_lr": 0.001, "schedule_by": "step", "per_layer": {"lr": [1, 1, 1, 0.1]}}
    assert from_settings(kept).optimizer is OPTIMIZERS["momentum"]
    assert from_settings({**kept, "per_layer": {"alpha": [1, 1, 1, 0.5]}}).optimizer.formula.lazy is None
    stepped = from_settings({"optimizer": "heavy_ball", "final_lr": 0.001, "schedule_by": "step"})
    assert ELEMENTWISE["heavy_ball"].formula.lazy is not None
    assert stepped.optimizer.formula.lazy is None
    assert stepped.replaced(seed=3).optimizer is stepped.optimizer


@pytest.mark.parametrize("more", [{}, {"schedule_by": "step", "final_lr": 0.0}, {"per_layer": {"lr": [1, 1, 1, 0.1]}}])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_id_is_that_of_the_optimizer_that_is_trained(name, more):
    if OPTIMIZERS[name].by_layer or "per_layer" not in more:
        run = from_settings({"optimizer": name, **more})
        assert run.identity() == run.id


@stage(bounds={"pull": "[0, inf)"})
def pulled(g, w, *, pull):
    return g + pull * w


@stage(order=10)
def gently(step, *, force=0.5):
    return force * step


def test_a_stage_of_ones_own_is_part_of_the_run():
    plain, staged = from_settings({}), from_settings({"stages": [gently]})
    assert staged.optimizer.defaults == {"lr": 0.1, "force": 0.5}
    assert staged.spec.hyperparameters == {"force": 0.5}
    assert staged.spec.stages == (f"{__file__}:gently",)
    assert staged.id not in (plain.id, from_settings({"stages": [gently], "force": 0.4}).id)
    assert staged.optimizer_text == staged.optimizer.text
    assert plain.optimizer_text is None


def test_the_order_of_a_list_of_stages_decides_nothing():
    settings = {"pull": 0.1, "weight_decay": 0.01}
    one = from_settings({"stages": [gently, pulled], **settings})
    other = from_settings({"stages": (pulled, "weight_decay", gently, pulled), **settings})
    assert one.id == other.id
    assert one.spec == other.spec
    assert one.optimizer is other.optimizer
    # What is given by a name or by its hyper-parameter is the same stage.
    named, given = ({**each, "weight_decay": 0.01} for each in ({"stages": ["weight_decay"]}, {}))
    assert from_settings(named).id == from_settings(given).id


def test_a_run_is_replaced_without_looking_for_its_things_again():
    run = from_settings({"stages": [pulled], "optimizer": halved, "pull": 0.1})
    again = run.replaced(seed=4)
    assert (again.base, again.stages) == (halved, (pulled,))
    assert again.spec.seed == 4
    assert again.id != run.id


@rule
def halved(g, *, lr=0.1):
    return 0.5 * lr * g


@stage
def clip_norm(g, *, most=1.0):
    return np.minimum(g, most)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"stages": [pulled]}, "sgd needs a value for pull: give one, for example pull="),
        ({"stages": [pulled], "pull": -1}, r"pull of sgd is -1; it must be .*\[0, inf\)"),
        ({"pull": 0.1}, "unknown setting of a run with sgd 'pull'"),
        ({"stages": ["weight_deacy"]}, "unknown stage 'weight_deacy'; did you mean 'weight_decay'"),
        ({"stages": ["weight_decay"]}, "sgd needs a value for weight_decay"),
        ({"stages": "weight_decay"}, r"stages is 'weight_decay'; it must be a list"),
        ({"stages": [3]}, "3 is no stage: give a name, a file such as my_file.py:my_name"),
        ({"stages": [halved]}, "the rule halved is no stage: "),
        ({"stages": [clip_norm], "clip_norm": 1}, "two stages are called clip_norm"),
    ],
)
def test_bad_stages_are_refused_in_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        from_settings(settings)
    assert "\n" not in str(refusal.value)


def test_rate_and_batch_of_an_epoch():
    # 6000 samples in batches of 10, 50 and, since it may not grow to 250, 100.
    settings = {"lr": 0.1, "schedule": "step", "decay_factor": 0.2, "decay_every": 1, "epochs": 4, "largest_batch": 100}
    run = from_settings(settings)
    assert [run.batch_size_in(epoch) for epoch in range(4)] == [10, 50, 100, 100]
    rates = [run.rates_in(epoch, np.arange(2), 6000).tolist() for epoch in range(4)]
    assert rates == [pytest.approx([rate] * 2) for rate in (0.1, 0.1, 0.04, 0.008)]
    by_step = from_settings({"lr": 1.0, "final_lr": 0.0, "epochs": 2, "schedule_by": "step", "batch_size": 25})
    assert by_step.rates_in(1, np.array([0, 1, 3]), 100) == pytest.approx([0.5, 0.375, 0.125])


@pytest.mark.parametrize("schedule", [name for name in SCHEDULES if name not in ("constant", "linear")])
def test_json_round_trip(schedule):
    factors = {"lr": (1.0, 0.5), "beta1": (0.5, 1.0)}
    varied = {"schedule_by": "step", "largest_batch": 100, "per_layer": factors, "warmup": 0.5, "layers": (784, 20, 10)}
    run = resolve(RunSpec(schedule=schedule, optimizer="adam", seed=2**63 - 1, bias=True, **varied))
    again = msgspec.json.decode(msgspec.json.encode(run.spec), type=RunSpec)
    assert again == run.spec
    assert id_of(again) == run.id


def test_toml():
    text = """
        layers = [784, 100, 10]
        optimizer = "momentum"
        lr = 0.05
        epochs = 3
        schedule = "linear"
        [hyperparameters]
        alpha = 0.5
        [schedule_settings]
        final_lr = 0.001
    """
    wanted = RunSpec(
        layers=(784, 100, 10),
        optimizer="momentum",
        lr=0.05,
        epochs=3,
        hyperparameters={"alpha": 0.5},
        schedule="linear",
        schedule_settings={"final_lr": 0.001},
    )
    assert msgspec.toml.decode(text, type=RunSpec) == wanted
    assert msgspec.convert(tomllib.loads(text), RunSpec) == wanted


@pytest.mark.parametrize(
    "text",
    [
        '{"learning_rate": 0.1}',
        '{"lr": "0.1"}',
        '{"epochs": 1.5}',
        '{"layers": "784,10"}',
        '{"schedule_by": "batch"}',
        '{"per_layer": {"lr": 0.5}}',
        '{"largest_batch": 0.5}',
        '{"schedule": {"kind": "linear", "final_lr": 0.1}}',
        '{"schedule_settings": {"decay_every": "often"}}',
    ],
)
def test_json_is_read_strictly(text):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=RunSpec)


def test_numpy_s_numbers_are_as_good_as_python_s():
    numpys = RunSpec(
        layers=tuple(np.array([784, 16, 10])),
        lr=np.float64(0.1),
        batch_size=np.int64(20),
        epochs=np.int32(3),
        seed=np.uint8(4),
    )
    pythons = RunSpec(layers=(784, 16, 10), lr=0.1, batch_size=20, epochs=3, seed=4)
    assert resolve(numpys).spec == resolve(pythons).spec
    assert id_of(numpys) == id_of(pythons)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dataset": "mnits"}, "unknown data set 'mnits'; did you mean 'mnist'"),
        ({"activation": "rleu"}, "unknown activation 'rleu'; did you mean 'relu'"),
        ({"softmax": "naiv"}, "unknown softmax form 'naiv'; did you mean 'naive'"),
        ({"init": "he-norm"}, "unknown initializer 'he-norm'; did you mean 'he-normal'"),
        ({"optimizer": "adma"}, "unknown optimizer 'adma'; did you mean 'adam'"),
        ({"engine": "fusde"}, "unknown engine 'fusde'; did you mean 'fused'"),
        (
            {"hyperparameters": {"clip_norm": 1.0}, "optimizer": "lbfgs"},
            "lbfgs searches along the loss, and clip_norm changes the gradient",
        ),
        (
            {"hyperparameters": {"beta": 1.0}, "optimizer": "soap"},
            "soap has no beta; schedule_free_sgd and signum have it",
        ),
        ({"hyperparameters": {"eps": 0.0}, "optimizer": "soap"}, "eps of soap is 0"),
        ({"dtype": "float23"}, "unknown dtype of the fused engine 'float23'; did you mean 'float32'"),
        ({"dtype": "longdouble"}, "dtype of the fused engine 'longdouble'"),
        ({"hyperparameters": {"aplha": 0.5}, "optimizer": "momentum"}, "'aplha'; did you mean 'alpha'"),
        ({"hyperparameters": {"lr": 0.5}}, "give it as lr"),
        ({"hyperparameters": {"alpha": 1.0}, "optimizer": "momentum"}, r"alpha of momentum is 1; .* \[0, 1\)"),
        ({"hyperparameters": {"alpha": math.nan}, "optimizer": "momentum"}, "alpha of momentum is nan"),
        ({"lr": -0.1}, "lr of sgd is -0.1"),
        ({"lr": math.nan}, "lr of sgd is nan"),
        ({"lr": math.inf}, "lr of sgd is inf"),
        ({"lr": "fast"}, "lr"),
        ({"layers": (100, 10)}, "the first must be 784"),
        ({"layers": (784, 9)}, "the last 10"),
        ({"layers": (784, 0, 10)}, "do not make a network"),
        ({"layers": (784,)}, "do not make a network"),
        ({"layers": "784,10"}, "layers"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"batch_size": -1}, "batch size is -1"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": "3"}, "epochs"),
        ({"warmup": -1}, "warmup is -1"),
        ({"warmup": math.nan}, "warmup is nan"),
        ({"warmup": math.inf}, "warmup is inf"),
        ({"schedule_by": "batch"}, "schedule_by"),
        ({"largest_batch": 100}, "constant schedule never lowers the rate"),
        ({"largest_batch": 9, "schedule": "cosine"}, "largest_batch is 9; .* 10 or more"),
        ({"per_layer": {"lr": (1.0, 0.5)}}, "2 factors of lr; .* each of the 4 layers"),
        ({"per_layer": {"rl": (1.0,) * 4}}, "unknown hyper-parameter of sgd 'rl'; did you mean 'lr'"),
        ({"per_layer": {"lr": (1.0, 1.0, 1.0, -1.0)}}, "lr of sgd is -0.1"),
        ({"per_layer": {"lr": (1.0, 1.0, 1.0, math.nan)}}, "lr of sgd is nan"),
        ({"per_layer": {"alpha": (1.0, 1.0, 1.0, 1.2)}, "optimizer": "momentum"}, "alpha of momentum is 1.08"),
        (
            {"per_layer": {"lr": (1.0,) * 4}, "optimizer": "prodigy"},
            "prodigy takes one step for all layers together: leave out per_layer",
        ),
        (
            {"per_layer": {"lr": (1.0,) * 4}, "optimizer": "muon", "hyperparameters": {"clip_norm": 1.0}},
            "muon with a stage that takes the norm of all layers takes one step for all layers together",
        ),
        ({"per_layer": {"lr": (1.0, 0.5)}, "optimizer": "muon"}, "per_layer has 2 factors of lr"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, f"seed is {2**63}"),
        ({"seed": 0.5}, "seed"),
        ({"schedule": "linear", "schedule_settings": {"final_lr": math.nan}}, "final_lr"),
        ({"schedule": "linear", "schedule_settings": {"final_lr": -1.0}}, "final_lr"),
        ({"schedule": "step", "schedule_settings": {"decay_factor": math.inf}}, "factor"),
        (
            {"schedule": "exponential", "schedule_settings": {"decay_factor": 1e200}},
            "exponential schedule gives a learning rate of 1e\\+199 at epoch 1 of 10",
        ),
        ({"bias": "no"}, "bias"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0; it must be a number from 0 to below 1, such as 0.1"),
        ({"label_smoothing": -0.1}, "label_smoothing is -0.1"),
        ({"label_smoothing": math.nan}, "label_smoothing is nan"),
        ({"label_smoothing": True}, "label_smoothing"),
        ({"label_smoothing": "some"}, "label_smoothing"),
        ({"label_smoothing": 0.1, "softmax": "naive"}, "the naive softmax takes none: leave one of the two out"),
        ({"label_smoothing": 0.1, "loss": "huber"}, "the loss huber takes each output by itself: leave it out"),
        ({"label_smoothing": 0.1, "loss": "logistic"}, "give targets such as 0.05 and 0.95 in place of 0 and 1"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words) as refusal:
        resolve(RunSpec(**settings))
    assert "\n" not in str(refusal.value)


@rule
def adabound(g, *, lr=0.1, final_lr=0.1):
    return np.minimum(lr, final_lr) * g


def test_a_hyperparameter_must_not_have_the_name_of_a_setting():
    refused = pytest.raises(ConfigError, match="adabound has a hyper-parameter with the name of a setting of a run")
    with refused:
        from_settings({"optimizer": adabound, "final_lr": 0.01})
    with refused:
        resolve(
            RunSpec(hyperparameters={"final_lr": 0.01}),
            Things(adabound, (), SCHEDULES["constant"], (ACTIVATIONS["relu"],), LOSSES["cross-entropy"]),
        )


@pytest.mark.parametrize(
    ("given", "meant"),
    [("weight_deacy", "weight_decay"), ("wd", "weight_decay"), ("learning_rate", "lr"), ("clip", "clip_norm")],
)
def test_names_that_are_meant_are_found_among_settings_and_stages(given, meant):
    with pytest.raises(ConfigError, match=f"{given}'; did you mean '{meant}'"):
        from_settings({"optimizer": "adam", given: 0.1})
    if meant != "lr":
        with pytest.raises(ConfigError, match=f"{given}'; did you mean '{meant}'"):
            resolve(RunSpec(optimizer="adam", hyperparameters={given: 0.1}))


@pytest.mark.parametrize("settings", [{"lr": 0.0}, {"seed": 0}, {"seed": 2**63 - 1}])
def test_the_ends_of_what_is_allowed(settings):
    assert resolve(RunSpec(**settings)).id
