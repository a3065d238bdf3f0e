"""Random command lines: of every command and option that the command line has, with good, near and odd values."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import click

from benchmarks.nonsense.world import World

Command = tuple[tuple[str, ...], click.Command]

NUMBERS = (
    "0", "-0", "1", "-1", "2", "3", "0.1", "0.5", "0.999", "1e-3", "1.5", "1e-320", "1e400", "-1e400", "nan", "-nan",
    "inf",
    "1e308", str(10**30), "9223372036854775807", "9223372036854775808", "0x10", "1_000", "१२", "٣", "1e", "½", "+1",
    " 1",
    "1,5", "1.",
)  # fmt: skip

TEXTS = (
    "", " ", "-", "--", "---", "=", ",", ":", ";", "null", "None", "True", "nonsense",
    "\N{FULLWIDTH LATIN SMALL LETTER S}gd", "sgd ", "é", "🏔", "%s", "{}",
    "{0}", "\\", "'", '"', "\n", "\t", "a\nb", "\x1b[31m", "\udcff", "*", "~", "../..", "[red]", "[/]", "x" * 3000,
    "\u202e", "1" * 5000,
)  # fmt: skip

PATHS = (
    "", ".", "..", "here", "new", "new/newer", "runs", "empty", "notes.txt", "nothing", "link", "link/x", "notes.txt/x",
    "/dev/null", "/dev/null/x", "/proc/nowhere", "y" * 300, "z" * 3000, "a/" * 3000, "\udcff", "sp ace", "nul\0byte",
    "rules/mine.py", "studies/rates.toml", "pictures/seven.png", "pictures", "~nobody/x", "new.png", "-x", "runs/",
)  # fmt: skip

GOOD: dict[str, tuple[str, ...]] = {
    "activation": ("relu", "leaky-relu", "tanh", "sigmoid"),
    "batch_size": ("1", "20", "100", "300"),
    "dataset": ("mnist", "mnist", "mnist", "fashion-mnist", "kmnist"),
    "data_dir": ("../here", "empty"),
    "digits": ("0", "1", "20", "30"),
    "dtype": ("float32", "float64", "longdouble"),
    "dtypes": ("float32", "float64"),
    "engine": ("reference", "reference", "reference", "fused"),
    "epochs": ("0", "1", "2", "3"),
    "figures": ("new/figures", "empty"),
    "final_lr": ("0", "0.001", "1"),
    "h": ("1e-8", "1e-5", "1e-3", "0.1"),
    "hyperparameters": ("alpha=0.5", "beta1=0.8", "weight_decay=0.01", "nesterov=true", "clip_norm=1", "lookahead=2",
                        "weight_average=0.9", "memory=3", "eps=1e-6", "steps=2",
                        "decay_factor=0.5", "decay_every=2", "cycles=2", "power=2"),
    "images": ("pictures/seven.png", "pictures/seven.jpg", "pictures/small.bmp", "pictures/plain.png", "test:0",
               "train:7",
               "pictures/some.idx:3", "pictures/damaged.png", "pictures/point.png", "test:99999"),
    "init": ("glorot-uniform", "glorot-normal", "he-uniform", "he-normal", "lecun-normal"),
    "into": ("new/report",),
    "jobs": ("1", "2"),
    "label_smoothing": ("0", "0.1", "0.5"),
    "largest_batch": ("20", "40", "300"),
    "layers": ("784,4,10", "784,3,3,10", "784,10", "784-5-10", "784,1000000000000,10"),
    "lr": ("0.1", "0.01", "1e-3", "1e5", "0"),
    "methods": ("central", "forward,backward", "complex", "central,complex"),
    "name": ("sgd", "adam", "muon", "rules/mine.py", "rules/mine.py:mine", "rules/not_a_rule.py"),
    "names": ("sgd", "adam", "momentum,lr=0.01,alpha=0.5", "lbfgs", "rules/mine.py", "muon,lr=1", "sgd,lr=1e9"),
    "only": ("sgd", "momentum", "balance", "table1", "claims", "sgd,balance", "further", "figure5"),
    "optimizer": ("sgd", "momentum", "adam", "lion", "muon", "lbfgs", "sgld", "rprop", "schedule_free_sgd",
                  "rules/mine.py:mine",
                  "rules/mine.py", "prodigy", "rules/not_a_rule.py"),
    "out": ("new", "runs", "new/newer"),
    "per_layer": ("lr=1,0.5", "lr=1,1", "alpha=0.5,1", "lr=0,0"),
    "runs": ("runs", "new"),
    "samples": ("0", "0,1,2", "299"),
    "schedule": ("constant", "linear", "step", "exponential", "cosine", "one_cycle", "triangular", "cosine_restarts",
                 "inverse_sqrt", "rules/mine.py"),
    "seed": ("0", "1", "7", "9223372036854775807"),
    "seeds": ("1", "2", "3"),
    "softmax": ("shifted", "naive"),
    "start": ("-8,1", "0,0", "1000,1000", "-1.2,1"),
    "steps": ("1", "5", "50"),
    "study": ("studies/rates.toml", "studies/rates.toml", "studies/rates.toml", "paper", "batch-size"),
    "surface_name": ("ravine", "rosenbrock", "beale", "saddle", "himmelblau"),
    "warmup": ("0", "1", "0.5"),
    "weights": ("1", "5", "all"),
}  # fmt: skip
"""Values that are taken, by the name of the parameter; one that is not named here gets values of its type."""

SMALL = {
    ("train",): "--layers 784,4,10 --epochs 1 -m 20 --engine reference",
    ("gradcheck",): "--layers 784,3,10 --digits 20 --epochs 0 --weights 20 -m 20",
    ("runs", "extend"): "--epochs 3",
    ("paths",): "--steps 20 --lr 0.01",
    ("reproduce",): "--only table1 --quick",
    ("study", "run"): "--jobs 1",
    ("check-optimizer",): "--no-speed",
}
"""What keeps a command short; a line may say otherwise behind it."""

WEIGHTS = {("train",): 6.0, ("gradcheck",): 2.0, ("predict",): 2.0, ("runs", "show"): 2.0, ("reproduce",): 0.15,
           ("compile",): 0.15, ("check-optimizer",): 0.25, ("paths",): 0.6}  # fmt: skip
"""How often a command comes, beside others; those that take seconds come seldom."""

LEFT_OUT = {(("compile",), "every")}
"""Options that take minutes, in processes of their own."""


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[Command]:
    """Yield each command with the words that call it."""
    if not isinstance(group, click.Group):
        yield path, group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from commands(command, (*path, name))


def command_line(rng: random.Random, known: Sequence[Command], world: World) -> list[str]:
    """Make up a command line."""
    path, command = rng.choices(known, [WEIGHTS.get(path, 1.0) for path, _ in known])[0]
    oddness = rng.choice([0.0, 0.2, 0.2, 0.5, 1.0])
    options = [p for p in command.params if isinstance(p, click.Option) and (path, p.name) not in LEFT_OUT]
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    words = SMALL.get(path, "").split() if rng.random() < 0.97 else []
    for option in rng.sample(options, min(len(options), rng.choice([0, 1, 1, 2, 2, 3, 4, 6]))):
        for _ in range(rng.choice([1, 1, 2]) if option.multiple else 1):
            words += _written(rng, option, oddness, world)
    for argument in arguments:
        count = rng.choice([0, 1, 2, 3]) if argument.nargs == -1 else 1
        words += [_value(rng, argument, oddness, world) for _ in range(count)]
    words = [*path, *words]
    if rng.random() < 0.12:
        _malform(rng, words)
    return [word.replace("\0", "") for word in words]  # no program can be given one


def _written(rng: random.Random, option: click.Option, oddness: float, world: World) -> list[str]:
    name = rng.choice([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return [name]
    value = _value(rng, option, oddness, world)
    return [f"{name}={value}"] if name.startswith("--") and rng.random() < 0.3 else [name, value]


def _value(rng: random.Random, parameter: click.Parameter, oddness: float, world: World) -> str:
    good = _good(parameter, world)
    if rng.random() >= oddness:
        return rng.choice(good)
    if rng.random() < 0.4:
        return near(rng, rng.choice(good))
    return rng.choice(rng.choice((NUMBERS, TEXTS, PATHS)))


def _good(parameter: click.Parameter, world: World) -> Sequence[str]:
    if parameter.name == "run":
        return (*world.runs, *(run[:5] for run in world.runs), *(f"runs/{run}" for run in world.runs))
    if parameter.name in GOOD:
        return GOOD[parameter.name]
    if isinstance(parameter.type, click.Choice):
        return [str(choice) for choice in parameter.type.choices]
    if isinstance(parameter.type, click.Path):
        return PATHS
    return NUMBERS


def near(rng: random.Random, text: str) -> str:
    """Return a text that is nearly the given one."""
    place = rng.randrange(len(text) + 1)
    return rng.choice(
        (
            text[:place] + text[place + 1 :],
            text[:place] + rng.choice("x0-,.=: \u0301\u200b9") + text[place:],
            text.upper(),
            text.title(),
            f" {text} ",
            f"{text},{text}",
            f"{text},",
            "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text),
            text[::-1],
            f"-{text}",
            f"{text}=nan",
            f"{text}{10**30}",
            text + "=" + "1" * 400,
            ",".join([text] * 50),
        )
    )


def _malform(rng: random.Random, words: list[str]) -> None:
    """Spoil the line itself."""
    place = rng.randrange(len(words))
    how = rng.randrange(5)
    if how == 0:
        del words[place]
    elif how == 1:
        words.insert(place, rng.choice(TEXTS))
    elif how == 2:
        words[place] = near(rng, words[place])
    elif how == 3:
        rng.shuffle(words)
    else:
        words.append(rng.choice(("--help", "-h", "--version", "--json", "-q", "--nonsense", "-qx", "--", "--lr")))
