"""Whatever would give one id to several results is refused, wherever it hides."""

from __future__ import annotations

import itertools
import random
import re
import statistics
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from optimizer_cases import MATRIX
from ravine import matrix_rule, rule, schedule, stage, train
from ravine.errors import ConfigError
from ravine.formulas.repeatable import refuse_chance
from ravine.formulas.shelves import OPTIMIZERS
from small_data import small_arrays

HEAD = """
import datetime, os, random, secrets, time, uuid
from datetime import datetime as when
from random import gauss
from time import perf_counter as now
import numpy as np
from numpy.random import default_rng, standard_normal
from ravine import matrix_rule
KINDS, CLOCKS = frozenset(["one", "three", "eleven"]), {{"wall": time.time}}
{above}

@matrix_rule
def tried(gradients, weights, state, t, *, lr=0.1):
    {body}
    return [lr * g + 0.001 * a for g in gradients], {{}}
"""


def made(folder, body, above=""):
    file = folder / "tried.py"
    file.write_text(HEAD.format(body=body, above=above))
    return OPTIMIZERS.find(str(file))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("a = np.random.normal()", "draws random numbers from np.random.normal"),
        ("a = standard_normal(1)[0]", "draws random numbers from standard_normal"),
        ("a = np.random.default_rng().normal()", "makes a generator by np.random.default_rng() without a seed"),
        ("a = default_rng(None).normal()", "makes a generator by default_rng() without a seed"),
        ("a = np.random.Generator(np.random.PCG64()).normal()", "without a seed"),
        ("a = np.random.RandomState().rand()", "without a seed"),
        ("a = random.Random().random()", "without a seed"),
        ("a = random.random()", "draws random numbers from random.random"),
        ("a = gauss(0, 1)", "draws random numbers from gauss"),
        ("import random as dice; a = dice.uniform(0, 1)", "draws random numbers from dice.uniform"),
        ("from numpy import random as dice; a = dice.rand()", "draws random numbers from dice.rand"),
        ("a = time.time() % 1", "reads the clock by time.time"),
        ("a = now()", "reads the clock by now"),
        ("a = time.monotonic_ns()", "reads the clock by time.monotonic_ns"),
        ("a = when.now().second", "reads the clock by when.now"),
        ("a = datetime.date.today().day", "reads the clock by datetime.date.today"),
        ("a = hash('a') % 7", "uses hash"),
        ("a = id(state) % 7", "uses id"),
        ("a = os.getpid()", "uses os.getpid"),
        ("a = os.urandom(1)[0]", "random numbers of the system"),
        ("a = secrets.randbelow(9)", "random numbers of the system"),
        ("a = uuid.uuid4().int % 7", "random numbers of the system"),
        ("a = [k for k in set(['x', 'y'])].index('x')", "goes through a set"),
        ("a = 0\n    for k in {'p', 'q'}: a = 2 * a + len(k)", "goes through a set"),
        ("a = 0\n    for k in KINDS: a = 2 * a + len(k)", "goes through a set"),
        ("mine = {'p', 'qq'}; other = mine | {'r'}; a = len(list(other)[0])", "goes through a set"),
        ("a = [len(k) for k in KINDS - {'one'}][0]", "goes through a set"),
        ("a = dict(enumerate(state.keys() - {'one'})).get(0) is None", "goes through a set"),
        ("a = len([*KINDS][0])", "goes through a set"),
        ("a = len(set(KINDS).pop())", "goes through a set"),
        ("a = np.datetime64('now').astype(int) % 7", "reads the clock by np.datetime64('now')"),
        ("a = os.times().elapsed", "reads the clock by os.times"),
    ],
)
def test_what_the_text_shows_is_refused_at_its_line(tmp_path, body, told):
    rule = made(tmp_path, body)
    with pytest.raises(ConfigError) as error:
        rule.texts()
    line = 15 if "\n" in body else 14
    assert f"tried.py:{line}: tried {told}"[:12] in str(error.value)
    assert told in str(error.value)


def test_a_helper_of_the_user_s_is_followed(tmp_path):
    (tmp_path / "dice.py").write_text("import numpy as np\n\n\ndef throw():\n    return np.random.rand()\n")
    rule = made(tmp_path, "a = dice.throw()", "import dice")
    with pytest.raises(ConfigError, match=r"dice\.py:5: throw draws random numbers from np\.random\.rand"):
        rule.texts()


def test_a_clock_that_lies_in_a_mapping_is_found_with_the_values(tmp_path):
    rule = made(tmp_path, "a = CLOCKS['wall']() // 1e9")
    with pytest.raises(ConfigError, match="reads the clock by CLOCKS"):
        rule.texts()


@pytest.mark.parametrize(
    "body",
    [
        "from bag.dice import throw as t; a = t()",
        "import bag.dice; a = bag.dice.throw()",
        "from bag import dice; a = dice.throw()",
    ],
)
def test_what_a_body_imports_is_followed(tmp_path, monkeypatch, body):
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag/__init__.py").touch()
    (tmp_path / "bag/dice.py").write_text("import time\n\n\ndef throw():\n    return time.time() // 1e9\n")
    monkeypatch.syspath_prepend(tmp_path)
    rule = made(tmp_path, body)
    try:
        with pytest.raises(ConfigError, match=r"dice\.py:5: throw reads the clock by time\.time"):
            rule.texts()
    finally:
        for name in ("bag", "bag.dice"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("above", ["rng = np.random.default_rng(1)", "rng = random.Random(1)"])
def test_a_generator_that_goes_on_is_refused(tmp_path, above):
    rule = made(tmp_path, "a = rng.uniform(0, 1)", above)
    with pytest.raises(ConfigError, match=r"draws random numbers from rng.*Ask for `noise`"):
        rule.texts()


@pytest.mark.parametrize(
    "body",
    [
        "a = np.random.default_rng([3, t]).normal()",
        "a = random.Random(t).random()",
        "a = np.random.RandomState(seed=t).rand()",
        "a = sum(k for k in sorted({'p': 1}.values()))",
        "a = sum(k for k in {1, 2, 3})",
        "a = len(set(state))",
        "a = all(k in state for k in {'m', 'v'}) + max(len(k) for k in KINDS) + len(sorted(KINDS)[0])",
        "a = 0\n    for k in set(range(3)): a = 2 * a + k",
        "a = len({k[0] for k in KINDS} & {'o', 'p'}) + ('one' in KINDS)",
        "a = time.strptime('2001', '%Y').tm_year",
        "a = 0\n    for g in gradients: g *= 0.5",
        "m = state.get('m', np.zeros(2)); m += t; state = {'m': m}; a = m[0]",
        "a = (t in {1, 2}) * 1.0",
        "time = t; a = time",
    ],
)
def test_what_is_the_same_each_time_is_taken(tmp_path, body):
    rule = made(tmp_path, body)
    rule.texts()
    refuse_chance(rule, {"lr": 0.1})


def test_what_a_text_does_not_show_is_seen_by_the_global_state(tmp_path):
    rule = made(tmp_path, "a = float(getattr(np, 'ran' + 'dom').random())")
    rule.texts()
    with pytest.raises(ConfigError, match=r"tried\.py:12: rule tried draws from a global generator.*`noise`"):
        refuse_chance(rule, {"lr": 0.1})


def test_what_another_thread_draws_meanwhile_is_not_the_rule_s(tmp_path):
    rule = made(tmp_path, "a = getattr(np, 'met')()")
    threads = iter([threading.Thread(target=random.random) for _ in range(3)])

    def met() -> float:
        for thread in itertools.islice(threads, 1):
            thread.start()
            thread.join()
        return 0.0

    np.met = met
    try:
        refuse_chance(rule, {"lr": 0.1})
    finally:
        del np.met


def test_what_a_text_does_not_show_is_seen_by_taking_steps_twice(tmp_path):
    rule = made(tmp_path, "a = next(getattr(np, 'counted'))")
    np.counted = iter(range(1000))
    try:
        with pytest.raises(ConfigError, match="gives other numbers when step 1 is taken again"):
            refuse_chance(rule, {"lr": 0.1})
    finally:
        del np.counted


def test_a_rule_is_tried_with_the_settings_of_each_run(tmp_path):
    (tmp_path / "tried.py").write_text(
        "import numpy as np\nfrom ravine import matrix_rule\n\n\n@matrix_rule\n"
        "def tried(gradients, weights, state, t, *, lr=0.1, shaken=False):\n"
        "    draw = getattr(np, 'ran' + 'dom').random\n"
        "    return [lr * g + (draw() if shaken else 0) for g in gradients], {}\n"
    )
    rule = OPTIMIZERS.find(str(tmp_path / "tried.py"))
    refuse_chance(rule, {"lr": 0.1, "shaken": 0.0})
    with pytest.raises(ConfigError, match="draws from a global generator"):
        refuse_chance(rule, {"lr": 0.1, "shaken": 1.0})


@pytest.mark.parametrize("name", MATRIX)
def test_ravine_s_own_pass(name):
    rule = MATRIX[name]
    rule.texts()
    refuse_chance(rule, rule.hyperparameters({}))


def test_a_run_is_refused_before_it_begins(tmp_path, monkeypatch):
    rule = made(tmp_path, "a = np.random.normal()")
    with pytest.raises(ConfigError, match="draws random numbers"):
        train(optimizer=rule, layers=(784, 4, 10), epochs=1, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


SMALL = {"data": small_arrays(), "layers": (64, 6, 10), "batch_size": 20, "epochs": 2, "lr": 0.1, "engine": "reference"}


def drawn(size):
    return np.array(statistics.NormalDist(0, 1).samples(size))


def counted(size):
    return np.full(size, next(getattr(np, "counted")))  # noqa: B009  a text that shows less


def begun(draw):
    @rule(name="begun", start={"still": lambda w: w, "m": lambda w: draw(w.size)})
    def begun(g, still, m, *, lr=0.1):
        return lr * (g + 0 * m), still, m

    return {"optimizer": begun}


def begun_as_matrices(draw):
    @matrix_rule(name="begun", start=lambda weights: {"m": draw(weights[0].size)})
    def begun(gradients, weights, state, t, *, lr=0.1):
        return [lr * g for g in gradients], state

    return {"optimizer": begun}


def shown(draw):
    @rule(name="shown", evaluated=lambda w: w + draw(w.size))
    def shown(g, *, lr=0.1):
        return lr * g

    return {"optimizer": shown}


def shown_as_matrices(draw):
    @matrix_rule(name="shown", evaluated=lambda weights, state, t: [w + state["m"] * draw(1) for w in weights])
    def shown(gradients, weights, state, t, *, lr=0.1):
        return [lr * g for g in gradients], {"m": state.get("m", 0.0) + 1.0}

    return {"optimizer": shown}


def begun_stage(draw):
    @stage(start={"a": lambda w: draw(w.size)})
    def begun(step, a):
        return step + 0 * a, a

    return {"stages": [begun]}


def shown_stage(draw):
    @stage(evaluated=lambda w: w * draw(w.size))
    def shown(step):
        return step

    return {"stages": [shown]}


def penalized(draw):
    @stage(penalty=lambda w: draw(1)[0])
    def penalized(g):
        return g

    return {"optimizer": "lbfgs", "stages": [penalized]}


def falling(draw):
    @schedule
    def falling(share):
        return 1 - share / (2 + np.abs(draw(share.size)))

    return {"schedule": falling}


WITH_CHANCE = [
    (begun, "the start of rule begun"),
    (begun_as_matrices, "the start of rule begun"),
    (shown, "the evaluated form of rule shown"),
    (shown_as_matrices, "the evaluated form of rule shown"),
    (begun_stage, "the start of stage begun"),
    (shown_stage, "the evaluated form of stage shown"),
    (penalized, "the penalty of stage penalized"),
    (falling, "schedule falling"),
]


@pytest.mark.parametrize("base", [{}, {"optimizer": "muon"}])
@pytest.mark.parametrize(("settings", "what"), WITH_CHANCE)
def test_chance_in_whatever_is_free_python_is_refused_at_its_line(tmp_path, monkeypatch, base, settings, what):
    monkeypatch.setattr(np, "counted", itertools.count(), raising=False)
    for draw, words in ((drawn, "draws from a global generator"), (counted, "gives other numbers when it is called")):
        with pytest.raises(ConfigError, match=rf"test_chance\.py:\d+: {what} {words}.*Let it depend on") as told:
            train(**SMALL, **{**base, **settings(draw)}, out=tmp_path / "runs")
        (line,) = re.findall(r"test_chance\.py:(\d+)", str(told.value))
        near = Path(__file__).read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert "lambda" in near or near.strip() == "@schedule"
    assert not list((tmp_path / "runs").glob("*"))


@pytest.mark.parametrize(("settings", "what"), WITH_CHANCE)
def test_the_same_functions_without_chance_train(tmp_path, settings, what):
    run = train(**SMALL, **settings(lambda size: np.ones(size)), out=tmp_path / "runs")
    assert run.status == "done"
