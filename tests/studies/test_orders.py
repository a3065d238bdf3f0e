"""Orders: a process that has nothing but the bytes makes the same run of them."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

from ravine.errors import ConfigError
from ravine.formulas.elementwise import rule
from ravine.formulas.matrix import matrix_rule
from ravine.spec import from_settings
from ravine.studies.runners.orders import Order, order_of, run_of

TINY = {"layers": (784, 4, 10), "epochs": 1}

ELSEWHERE = """
import sys
from ravine.studies.runners.orders import run_of
run = run_of(sys.stdin.buffer.read())
print(run.id, run.optimizer_text is None, sep="\\n")
print(run.optimizer_text)
"""
"""A program that has only the order."""


def elsewhere(order: bytes, tmp_path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", ELSEWHERE], input=order, capture_output=True, cwd=tmp_path, check=True)
    return done.stdout.decode().split("\n", 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "schedule": "cosine", "weight_decay": 0.1, "seed": 3},
        {"optimizer": "muon"},
        {"optimizer": "momentum", "alpha": 0.5, "final_lr": 0.001, "clip_norm": 1.0},
    ],
)
def test_ravine_s_own_things_travel_as_names(settings, tmp_path):
    run = from_settings({**TINY, **settings})
    order = order_of(run)
    assert len(order) < 1000
    assert b"cloudpickle" not in order
    assert elsewhere(order, tmp_path)[:2] == [run.id, "True"]


FACTOR = 0.5


def halved(g):
    return FACTOR * g


@rule
def in_this_module(g, v, *, lr=0.1, beta=0.9):
    v = beta * v + FACTOR * g
    return lr * v, v


@matrix_rule
def of_matrices(gradients, weights, state, t, *, lr=0.1):
    return [lr * halved(g) for g in gradients], {}


@pytest.mark.parametrize("optimizer", [in_this_module, of_matrices])
def test_things_of_a_module_that_is_not_there(optimizer, tmp_path):
    run = from_settings({**TINY, "optimizer": optimizer})
    assert elsewhere(order_of(run), tmp_path) == [run.id, "False", f"{run.optimizer_text}\n"]


FILE = """
import ravine
from beside import scale

@ravine.rule
def mine(g, *, lr=0.1):
    return lr * 0.5 * g

@ravine.matrix_rule
def whole(gradients, weights, state, t, *, lr=0.1):
    return [lr * scale(g) for g in gradients], {}

@ravine.stage(bounds={"factor": "[0, inf)"})
def smaller(step, *, factor):
    return factor * step

@ravine.schedule
def falling(share, *, power=1.0):
    return 1 - share**power
"""


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "F:mine"},
        {"optimizer": "F:whole"},
        {"stages": ["F:smaller"], "factor": 0.5},
        {"schedule": "F:falling", "power": 2.0},
        {"optimizer": "F:mine", "stages": ["F:smaller"], "factor": 0.5, "schedule": "F:falling"},
    ],
)
def test_things_of_a_file_that_is_not_there(settings, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    file = folder / "things.py"
    file.write_text(FILE)
    (folder / "beside.py").write_text("def scale(g):\n    return 0.25 * g\n")

    def named(value):
        return [named(one) for one in value] if isinstance(value, list) else str(value).replace("F:", f"{file}:")

    found = {name: value if isinstance(value, float) else named(value) for name, value in settings.items()}
    run = from_settings({**TINY, **found})
    order = order_of(run)
    folder.rename(tmp_path / "hidden")
    assert elsewhere(order, tmp_path)[0] == run.id


@dataclasses.dataclass
class Decay:
    power: float = 0.5
    more: list[float] = dataclasses.field(default_factory=list)

    def of(self, t):
        return t**-self.power


class Bounds(NamedTuple):
    low: float = -1.0
    high: float = 1.0


class Scale:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, g):
        return self.factor * g


@functools.cache
def table(n):
    return 1.0 / n


@functools.lru_cache(maxsize=8)
def root(n):
    return n**0.5


DECAY, BOUNDS, SCALE = Decay(), Bounds(), Scale(0.5)


@matrix_rule
def with_a_dataclass(gradients, weights, state, t, *, lr=0.1):
    return [lr * DECAY.of(t) * g for g in gradients], {}


@matrix_rule
def with_a_named_tuple(gradients, weights, state, t, *, lr=0.1):
    return [lr * np.clip(g, *BOUNDS) for g in gradients], {}


@matrix_rule
def with_an_object(gradients, weights, state, t, *, lr=0.1):
    return [lr * SCALE(g) for g in gradients], {}


@matrix_rule
def with_caches(gradients, weights, state, t, *, lr=0.1):
    return [lr * table(t) * root(t) * g for g in gradients], {}


@pytest.mark.parametrize("optimizer", [with_a_dataclass, with_a_named_tuple, with_an_object, with_caches])
def test_objects_of_the_user_s_own_travel_and_change_no_id(optimizer, tmp_path):
    run = from_settings({**TINY, "optimizer": optimizer})
    order = order_of(run)
    assert elsewhere(order, tmp_path)[0] == run.id
    assert from_settings({**TINY, "optimizer": optimizer}).id == run.id == run.identity()


def test_a_number_that_changes_between_two_studies(monkeypatch, tmp_path):
    ids = []
    for factor in (0.25, 0.75):
        monkeypatch.setitem(globals(), "FACTOR", factor)
        run = from_settings({**TINY, "optimizer": of_matrices})
        ids.append(run.id)
        assert elsewhere(order_of(run), tmp_path)[0] == run.id
    assert ids[0] != ids[1]


def test_equal_things_are_one_thing(tmp_path):
    runs = [run_of(order_of(from_settings({**TINY, "optimizer": in_this_module, "seed": seed}))) for seed in (0, 1)]
    assert runs[0].base is runs[1].base


def test_a_run_that_arrives_as_another_one_is_refused():
    import msgspec

    order = msgspec.msgpack.decode(order_of(from_settings(TINY)), type=Order)
    other = msgspec.msgpack.encode(msgspec.structs.replace(order, id="0" * 16))
    with pytest.raises(ConfigError, match=f"run {'0' * 16} has the id {order.id} on this worker"):
        run_of(other)


def test_what_cannot_be_sent_is_told():
    import threading

    held = threading.Lock()

    @matrix_rule
    def locked(gradients, weights, state, t, *, lr=0.1):
        return [lr * g for g in gradients], {}

    run = from_settings({**TINY, "optimizer": locked})
    locked.function.held = held
    with pytest.raises(ConfigError, match=r"cannot be sent to another process: .*lock.* in a file of its own"):
        order_of(run)
