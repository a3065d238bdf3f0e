"""The settings of a run, each declared once: its name, type, default, sentence of help and choices.

They are the keywords of `ravine.train`, the keys of a study and the options of `ravine train`. The declarations here
make the options, the keys, the command that repeats a run and docs/settings.md. Editors and type checkers read the
signature of `ravine.train` and the fields of `RunSpec`; tests/test_settings.py compares both with the declarations.
This file imports nothing heavy, so that `ravine train --help` does not wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ravine import choices
from ravine.choices import Choices
from ravine.words import listed

ENGINES = {"fused": ("float32", "float64"), "reference": ("float32", "float64", "longdouble")}
"""Every engine, and the dtypes that it trains in."""

TESTS = ("epoch", "end", "never")
"""When a run looks at the test set."""

OPTIMIZER = "Optimizer and schedule"
NETWORK = "Network"
DATA = "Data"
EVALUATION = "Validation and test"
WHERE = "Where and how"


@dataclass(frozen=True)
class Setting:
    """One setting of a run.

    Attributes:
        name: the keyword of `ravine.train` and the key of a study.
        type: what a value is, as in a signature.
        default: the value if none is given.
        help: one sentence about it, in which {} stands for its choices.
        group: the title under which it stands in `--help` and in the documentation.
        choices: a function that lists the known names, if the value is one of some names.
        listed: whether the help lists these names; otherwise the sentence says where the user finds them.
        files: whether the value may also be a thing in a file of the user's, as FILE.py:NAME.
        metavar: the word for the value in `--help`; without one, its choices or its type.
        flags: the options of the command line, if they are not just `--name`.
        unset: the meaning of None, in words.
        always: whether the command that repeats a run names it even at its default, since it is part of the method.
        several: whether the option of the command line may be repeated, each time with one value.
    """

    name: str
    type: Any
    default: Any
    help: str
    group: str
    choices: Choices | None = None
    listed: bool = True
    files: bool = False
    metavar: str | None = None
    flags: tuple[str, ...] = ()
    unset: str | None = None
    always: bool = False
    several: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the command line, the long one first."""
        return self.flags or (f"--{self.name.replace('_', '-')}",)

    @property
    def sentence(self) -> str:
        """The help with its choices."""
        if self.choices is None or "{}" not in self.help:
            return self.help
        return self.help.format(listed(self.choices(), "or"))


SETTINGS = (
    Setting("optimizer", str, "sgd", "The optimizer: a name that `ravine optimizers` lists, or a file of your own, "
            "which ravine runs.", OPTIMIZER, choices.OPTIMIZERS, listed=False, files=True, always=True),
    Setting("lr", float | None, None, "Learning rate.", OPTIMIZER, metavar="NUMBER", unset="the optimizer's",
            always=True),
    Setting("stages", tuple[str, ...], (), "A stage before or behind the optimizer: {}. It may also be a file of "
            "your own, which ravine runs. May be repeated. For one of ravine's own, its hyper-parameter is enough, as "
            "--set weight_decay=0.01.", OPTIMIZER, choices.STAGES, files=True, flags=("--stage",), several=True),
    Setting("hyperparameters", dict[str, bool | int | float], {}, "A hyper-parameter of the optimizer, of a stage or "
            "of the schedule, as alpha=0.5; a flag is true or false. May be repeated.", OPTIMIZER,
            metavar="NAME=VALUE", flags=("--set",), always=True),
    Setting("schedule", str | None, None, "How the learning rate changes: {}. It may also be a file of your "
            "own, which ravine runs.", OPTIMIZER, choices.SCHEDULES, files=True,
            unset="constant, or linear with a final rate"),
    Setting("final_lr", float | None, None, "Learning rate at the end of the schedule. By epoch, each epoch has the "
            "rate of its start, so none has this one. Without --schedule it means linear decay.", OPTIMIZER,
            metavar="NUMBER"),
    Setting("schedule_by", str, "epoch", "Whether the learning rate changes by epoch or by step.", OPTIMIZER,
            choices.these("epoch", "step")),
    Setting("warmup", float, 0, "Epochs at the start in which the learning rate climbs to the schedule.", OPTIMIZER,
            metavar="EPOCHS"),
    Setting("per_layer", dict[str, tuple[float, ...]], {}, "Multiply lr or another hyper-parameter by a factor in each "
            "layer of weights, as lr=1,1,0.1. May be repeated.", OPTIMIZER, metavar="NAME=FACTOR,.."),
    Setting("batch_size", int, 10, "Samples in a batch: 1 is on-line learning, all samples batch learning.", OPTIMIZER,
            metavar="SAMPLES", flags=("--batch-size", "-m"), always=True),
    Setting("largest_batch", int | None, None, "Grow the batch, up to this size, when the schedule would lower the "
            "rate.", OPTIMIZER, metavar="SAMPLES", unset="batches do not grow"),
    Setting("epochs", int, 10, "Passes over the training data.", OPTIMIZER, metavar="NUMBER", always=True),
    Setting("layers", tuple[int, ...], (784, 300, 100, 100, 10), "Sizes of the layers: inputs first, classes last.",
            NETWORK, metavar="SIZE,SIZE,.."),
    Setting("activation", str, "relu", "Activation of the hidden layers, one for all or one for each, as "
            "relu,relu,tanh: {}. It may also be a file of your own, which ravine runs.", NETWORK, choices.ACTIVATIONS,
            files=True),
    Setting("bias", bool, False, "Give each layer biases.", NETWORK),
    Setting("softmax", str, "shifted", "Form of the softmax; the naive one can overflow.", NETWORK,
            choices.SOFTMAX_FORMS),
    Setting("loss", str, "cross-entropy", "The loss: {}. All but cross-entropy take each output by itself. It may also "
            "be a file of your own, which ravine runs.", NETWORK, choices.LOSSES, files=True),
    Setting("label_smoothing", float, 0, "With cross-entropy, the share of the target that all classes have alike, "
            "from 0 to below 1.", NETWORK, metavar="SHARE"),
    Setting("init", str, "glorot-uniform", "How the initial weights are drawn: {}.", NETWORK, choices.INITIALIZERS),
    Setting("dataset", str, "mnist", "The data set: {}.", DATA, choices.DATA_SETS),
    Setting("validation", int | float, 0, "Training samples that are held out to choose settings on: how many, or a "
            "share below 1; 0 holds none out.", EVALUATION, metavar="SAMPLES|SHARE"),
    Setting("validation_seed", int, 0, "Seed that draws the samples for validation, each class in its share.",
            EVALUATION, metavar="NUMBER"),
    Setting("test", str | None, None, "When to look at the test set: after each epoch, once at the end, or never.",
            EVALUATION, choices.these(*TESTS), unset="epoch, or never with validation"),
    Setting("engine", str, "fused", "The engine that trains: fused is compiled, reference is plain NumPy.", WHERE,
            choices.these(*ENGINES)),
    Setting("dtype", str, "float32", "Type of the numbers: {}; longdouble needs the reference engine.", WHERE,
            choices.these(*dict.fromkeys(dtype for dtypes in ENGINES.values() for dtype in dtypes))),
    Setting("seed", int, 0, "Seed of all random numbers: initial weights, shuffles and noise.", WHERE,
            metavar="NUMBER", always=True),
)  # fmt: skip
"""Every setting, in the order of the help, of the documentation and of the command that repeats a run."""

BY_NAME = {setting.name: setting for setting in SETTINGS}
