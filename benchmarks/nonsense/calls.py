"""Random calls of the Python interface, each as the text of an expression, with good, near and odd values."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse

import ravine
from benchmarks.nonsense.lines import PATHS, TEXTS
from benchmarks.nonsense.lines import near as near_text
from benchmarks.nonsense.world import World

ODD = (
    "None", "True", "False", "0", "-1", "1", "2", "10**30", "2**63", "-2**63", "0.5", "-0.0", "1e-320", "nan", "inf",
    "-inf",
    "1j", "''", "' '", "'sgd'", "'nonsense'", "'1'", "b'sgd'", "bytearray(3)", "[]", "()", "{}", "set()",
    "frozenset([1])",
    "[1, 2]", "(0.5,)", "[None]", "[nan]", "[[1], [2, 3]]", "['a', 1]", "{'lr': 1}", "{1: 2}", "{None: [1]}",
    "range(3)",
    "object()", "object", "int", "len", "lambda x: x", "repr", "(i for i in range(3))", "iter([1])", "Ellipsis",
    "NotImplemented", "Path('new')", "Path('.')", "slice(3)", "memoryview(b'ab')", "Exception('x')", "np",
    "ravine.train",
    "np.float32(0.5)", "np.float16(2)", "np.float64('nan')", "np.longdouble(1)", "np.int8(1)", "np.uint64(2**63)",
    "np.bool_(True)", "np.str_('sgd')", "np.complex64(1)", "np.datetime64('2020')", "np.timedelta64(1)", "np.zeros(0)",
    "np.zeros(3)", "np.zeros((2, 2))", "np.array(1)", "np.array([1, 2])", "np.array('sgd')", "np.array(['a', 'b'])",
    "np.array([None, 1])", "np.array([nan, 1])", "np.array([1e300])", "np.array([True, False])", "np.array([1j])",
    "np.array([object()])", "np.ma.masked", "np.ma.array([1, 2], mask=[0, 1])", "np.zeros(3, 'M8[s]')",
    "np.zeros(2, [('a', int)])", "np.float64", "np.dtype('f4')", "Fraction(1, 2)", "Decimal('0.5')", "Odd()",
    "itself()", "'x' * 3000", "[0] * 3000", "'\\udcff'", "'nul\\0byte'", "'{}'", "'%s'", "1 << 5000", "-(1 << 5000)",
)  # fmt: skip
"""Values of all kinds of types."""

GOOD: dict[str, tuple[str, ...]] = {
    "activation": ("'relu'", "'tanh'", "'sigmoid'", "'leaky-relu'"),
    "alpha": ("0.5", "np.float32(0.9)", "0"),
    "atol": ("1e-6", "0", "None"),
    "batch_size": ("1", "20", "np.int64(60)", "300"),
    "beta1": ("0.5", "0"),
    "bias": ("True", "False"),
    "clip_norm": ("1", "0.5"),
    "X": ("np.eye(40)", "np.eye(40, dtype='u1')", "scipy.sparse.eye_array(40, format='csr')", "np.eye(40).tolist()",
          "np.full((40, 3), nan)", "np.ones((40, 2, 3))", "np.arange(40)", "scipy.sparse.eye_array(40, format='coo')",
          "np.eye(40, dtype=complex)", "np.ma.masked_array(np.eye(40))", "np.array([['a'] * 3] * 40)",
          "np.array([[0, 'a']] * 40, object)"),
    "class_names": ("None", "['a', 'b']", "('a', 'b', 'c')", "['a', 'a']", "np.array(['a', 'b'])"),
    "data": ("None", "None", "None", "(np.eye(40), np.arange(40))",
             "(np.eye(40), [0, 1] * 20, np.eye(40), [1, 0] * 20)",
             "ravine.dataset(np.eye(40, dtype='u1'), [0, 1] * 20)", "(np.eye(40),)", "[np.eye(3), [0, 1]]",
             "(scipy.sparse.eye_array(40, format='csr'), [True, False] * 20)",
             "ravine.dataset(np.eye(40), [0, 1] * 20, sample_weights=np.arange(40))"),
    "data_dir": ("None", "'empty'", "Path('new')"),
    "dataset": ("'mnist'", "'mnist'", "'kmnist'"),
    "decay_every": ("1", "2"),
    "decay_factor": ("0.5", "1", "2"),
    "digits": ("None", "1", "20"),
    "dtype": ("'float32'", "'float64'", "np.float64", "np.dtype('f4')", "'longdouble'"),
    "engine": ("'reference'", "'reference'", "'reference'", "'fused'"),
    "epochs": ("1", "2", "0"),
    "f": ("lambda x: (x**2).sum()", "lambda x: float(np.sum(np.sin(x)))", "lambda x: np.array([(x**2).sum()])",
          "lambda x: abs(x).max()", "lambda x: 3.0", "lambda x: nan", "lambda x: x", "lambda x: None",
          "lambda x: 'one'",
          "lambda x: 1j", "lambda x: np.exp(1000 * x).sum()", "lambda x: np.sqrt(x).sum()"),
    "feature_names": ("None", "list('abc')", "range(40)", "'abc'"),
    "final_lr": ("0", "0.001"),
    "fresh": ("True", "False"),
    "grad": ("lambda x: 2 * x", "lambda x: np.cos(x)", "lambda x: list(np.ravel(2 * x))", "lambda x: 0 * x",
             "lambda x: None",
             "lambda x: nan * x", "lambda x: 'zero'", "lambda x: x[:1]", "lambda x: 1j * x", "lambda x: [[1], [2, 3]]",
             "lambda x: np.array([object()])"),
    "h": ("None", "1e-6", "1e-3"),
    "features": ("np.zeros((2, 784), 'uint8')", "np.zeros((28, 28))", "np.ones(784)", "np.zeros((3, 28, 28), 'f4')",
                 "np.full((1, 784), 0.5)", "np.zeros((784, 784), 'uint8')"),
    "init": ("'glorot-uniform'", "'he-normal'"),
    "initial_weights": ("np.zeros(3176)", "np.full(3176, 0.1)", "[0.01] * 3176", "np.full(3176, nan)",
                        "np.full(3176, 1e300)", "np.zeros(3176, 'i1')", "np.zeros((3176, 1))",
                        "np.full(3176, 2**63, 'u8')", "np.zeros(3176, 'g')", "[10**400] * 3176"),
    "label_smoothing": ("0", "0.1", "np.float32(0.25)"),
    "largest_batch": ("None", "40"),
    "layers": ("(784, 4, 10)", "[784, 10]", "np.array([784, 3, 3, 10])", "(784, 10**12, 10)", "(784, 10**30, 10)"),
    "lr": ("0.1", "1e-3", "np.float32(0.5)", "None", "0"),
    "methods": ("['central']", "('forward', 'complex')"),
    "method": ("'central'", "'forward'", "'backward'", "'complex'"),
    "optimizer": ("'sgd'", "'momentum'", "'adam'", "ravine.OPTIMIZERS['lion']", "'muon'", "'rules/mine.py'",
                  "'rules/mine.py:mine'",
                  "own", "'lbfgs'"),
    "optimizers": ("['sgd']", "('sgd', 'adam')", "['momentum,alpha=0.5,lr=0.1']", "[own]", "['muon']",
                   "[ravine.OPTIMIZERS['adam']]"),
    "order": ("np.arange(300)", "range(40)", "[0] * 20", "np.arange(40).reshape(1, 40)", "np.zeros((2, 20), int)",
              "np.arange(40.0)",
              "np.full(40, nan)", "np.arange(40, dtype='u1')", "[0, -1]", "[300]", "np.array([2**63], 'u8')",
              "[10**30]",
              "np.zeros(20, 'm8[s]')"),
    "out": ("None", "'new'", "Path('new/newer')", "'runs'"),
    "path": ("'pictures/seven.png'", "Path('pictures/seven.gif')", "'pictures/damaged.png'", "'pictures/plain.png'",
             "'pictures/point.png'", "'pictures/small.bmp'"),
    "per_layer": ("{'lr': [1, 0.5]}", "{}", "{'lr': np.array([1, 1])}", "{'alpha': (0.5, 1)}"),
    "rtol": ("1e-5", "0"),
    "runs": ("None", "runs", "list(runs)", "[ravine.load_run(runs[0])]", "np.array(runs)", "[]"),
    "run": ("runs[0]", "runs[1]", "runs[2]", "'runs/' + runs[0]", "Path('runs') / runs[1]", "runs[0][:6]"),
    "samples": ("[0]", "(0, 1, 2)", "range(3)", "np.array([5])"),
    "sample_weights": ("None", "np.ones(40)", "np.arange(40)", "[0.5, 2] * 20", "[True, False] * 20", "np.zeros(40)",
                       "np.ones((40, 1))", "np.arange(40) - 1", "[nan] * 40", "1", "{0: 1.0, 1: 2.0}"),
    "scale": ("None", "1", "255", "0.5", "0", "nan"),
    "shape": ("None", "(8, 5)", "[5, 8]", "(28, 28)", "(-8, -5)", "40"),
    "schedule": ("None", "'linear'", "'step'", "'cosine'", "'exponential'", "'constant'", "'one_cycle'",
                 "'triangular'", "slowing"),
    "schedule_by": ("'epoch'", "'step'"),
    "seed": ("0", "np.uint8(3)", "2**63 - 1"),
    "softmax": ("'shifted'", "'naive'"),
    "spec": ("ravine.RunSpec(layers=(784, 4, 10), engine='reference', epochs=1)", "ravine.RunSpec(layers=(784, 10))",
             "ravine.RunSpec(layers='big')"),
    "speed": ("False",),
    "start": ("None", "(1, 1)", "(-8.0, 1.2)", "np.array([0.5, 0.5])", "[1000, -1000]"),
    "steps": ("1", "10", "30"),
    "surface": ("'ravine'", "'beale'", "ravine.SURFACES['saddle']", "bowl"),
    "test": ("None", "'epoch'", "'end'", "'never'"),
    "validation": ("0", "60", "0.1", "np.float32(0.2)", "299"),
    "validation_seed": ("0", "7", "2**63 - 1"),
    "warmup": ("0", "0.5", "1"),
    "watcher": ("None", "Watcher()"),
    "weight_decay": ("0.01", "0"),
    "weights": ("None", "1", "5"),
    "y": ("[0, 1] * 20", "np.arange(40)", "['a', 'b'] * 20", "[True, False] * 20", "np.ones(40)",
          "np.zeros((40, 1), int)", "[0, 'a'] * 20", "[None] * 40", "np.arange(3)", "[10**30] * 40",
          "np.zeros(40, 'M8[s]')"),
    "x": ("[1.0, 2.0]", "np.ones((2, 3))", "0.5", "np.zeros(4, 'f4')", "np.array([1e300])", "[True, False]", "[nan]",
          "np.arange(3)", "np.ones(2, 'f2')", "np.ones(2, 'g')"),
}  # fmt: skip

Target = tuple[str, Sequence[str], dict[str, str], float]
"""A function that is called: its name, parameters, the arguments of a call by default, and how often it comes."""


def _parameters(function: Callable[..., Any], *more: str) -> list[str]:
    named = [p.name for p in inspect.signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
    return [*(name for name in named if name not in ("self", "progress")), *more]


_TINY = {"layers": "(784, 4, 10)", "epochs": "1", "batch_size": "20", "engine": "'reference'"}

_MORE = ("alpha", "beta1", "clip_norm", "weight_decay", "decay_factor", "decay_every")

TARGETS: Sequence[Target] = (
    (
        "ravine.train",
        _parameters(ravine.train, "alpha", "beta1", "clip_norm", "weight_decay", "decay_factor", "decay_every"),
        _TINY,
        8,
    ),
    (
        "ravine.check_gradient",
        _parameters(ravine.check_gradient),
        {"f": "lambda x: (x**2).sum()", "grad": "lambda x: 2 * x", "x": "[1.0, 2.0]"},
        4,
    ),
    ("ravine.check_surface", _parameters(ravine.check_surface), {"surface": "'saddle'"}, 1),
    ("ravine.check_schedule", _parameters(ravine.check_schedule), {"schedule": "'step'"}, 1),
    ("ravine.draw_paths", _parameters(ravine.draw_paths), {"steps": "10", "lr": "0.01"}, 2),
    ("ravine.extend", _parameters(ravine.extend, "alpha", "decay_factor"), {"run": "runs[0]", "epochs": "3"}, 4),
    ("ravine.run_rows", _parameters(ravine.run_rows), {"runs": "[runs[0]]"}, 0.5),
    ("ravine.epoch_rows", _parameters(ravine.epoch_rows), {"runs": "[runs[0]]"}, 0.5),
    ("ravine.load_run", _parameters(ravine.load_run), {"run": "runs[0]"}, 3),
    ("ravine.run_rows", _parameters(ravine.run_rows), {"runs": "runs"}, 1),
    ("ravine.epoch_rows", _parameters(ravine.epoch_rows), {"runs": "runs"}, 1),
    ("ravine.load_run(runs[0]).predict", _parameters(ravine.Run.predict), {"features": "np.zeros((2, 784))"}, 2),
    ("ravine.dataset", _parameters(ravine.dataset), {"X": "np.eye(40)", "y": "[0, 1] * 20"}, 3),
    ("ravine.read_picture", _parameters(ravine.read_picture), {"path": "'pictures/seven.png'"}, 2),
    (
        "ravine.check_network_gradient",
        _parameters(ravine.check_network_gradient),
        {"spec": GOOD["spec"][0], "weights": "5", "digits": "None", "epochs": "0"},
        2,
    ),
    ("ravine.check_optimizer", _parameters(ravine.check_optimizer), {"optimizer": "'sgd'", "speed": "False"}, 0.1),
)


class Odd:
    """A value that answers every question with an error."""

    def _raise(self, *given: object) -> Any:
        raise RuntimeError("this value answers nothing")

    __len__ = __iter__ = __float__ = __int__ = __index__ = __bool__ = __getitem__ = __lt__ = __le__ = _raise


def itself() -> list[Any]:
    """Return a list that holds itself."""
    endless: list[Any] = []
    endless.append(endless)
    return endless


class Watcher:
    """A watcher that does nothing."""

    def note(self, text: str) -> None: ...

    def progress(self, epoch: int, share: float, loss: float) -> None: ...

    def epoch(self, record: object) -> None: ...


@ravine.rule
def own(g, m, *, lr=0.01, alpha=0.5):  # type: ignore[no-untyped-def]
    """own: as momentum."""
    m = alpha * m + g
    return lr * m, m


@ravine.schedule
def slowing(share, *, decay_factor=1.0):  # type: ignore[no-untyped-def]
    """slowing: as polynomial."""
    return (1 - share) ** decay_factor


@ravine.surface(start=(1, 1), view=((-3, 3), (-3, 3)))
def bowl(x, y):  # type: ignore[no-untyped-def]
    """A bowl."""
    return x**2 + 2 * y**2


def names(world: World) -> dict[str, Any]:
    """Return what the text of a call may name."""
    from decimal import Decimal
    from fractions import Fraction

    own_names = {
        "Odd": Odd,
        "itself": itself,
        "Watcher": Watcher,
        "own": own,
        "slowing": slowing,
        "bowl": bowl,
        "runs": world.runs,
    }
    numbers = {"nan": math.nan, "inf": math.inf, "Fraction": Fraction, "Decimal": Decimal}
    return {"ravine": ravine, "np": np, "scipy": scipy, "Path": Path, **numbers, **own_names}


def call(rng: random.Random, targets: Sequence[Target]) -> str:
    """Make up a call."""
    function, parameters, given, _ = rng.choices(targets, [weight for *_, weight in targets])[0]
    oddness = rng.choice([0.0, 0.2, 0.5, 1.0])
    values = dict(given) if rng.random() < 0.98 else {}
    for name in rng.sample(parameters, min(len(parameters), rng.choice([0, 1, 1, 2, 2, 3, 5]))):
        values[name] = _value(rng, name, oddness)
    return f"{function}({', '.join(f'{name}={value}' for name, value in values.items())})"


def _value(rng: random.Random, name: str, oddness: float) -> str:
    good = rng.choice(GOOD.get(name, ODD))
    if rng.random() >= oddness:
        return good
    kind = rng.random()
    if kind < 0.2 and good.startswith("'") and good.endswith("'"):
        return repr(near_text(rng, good[1:-1]))
    if kind < 0.35:
        wrapped = rng.choice(("[{}]", "({},)", "np.array({})", "[{0}, {0}]", "str({})", "{{'lr': {}}}")).format(good)
        return good if name == "data" and wrapped.startswith("np.array") else wrapped  # NumPy cannot make one
    if kind < 0.45:
        return repr(rng.choice(rng.choice((PATHS, TEXTS))))
    return rng.choice(ODD)
