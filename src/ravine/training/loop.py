"""The epoch loop: from a spec to a stored run."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import msgspec
import numpy as np
from threadpoolctl import ThreadpoolController

from ravine.arrays import Array
from ravine.data import Dataset, GivenInfo, Split
from ravine.data.features import memory_of_machine
from ravine.data.given import is_unchanged
from ravine.data.info import sample_word
from ravine.data.validation import held_out
from ravine.engines import Engine, Evaluation, make_engine
from ravine.errors import ConfigError, DataError
from ravine.formulas.repeatable import refuse_chance
from ravine.spec import ResolvedRun
from ravine.storage.checkpoint import Position
from ravine.storage.parcel import NoFolder, Parcel
from ravine.storage.record import Cause, Epoch, NonFinite, Result, Seconds, Status
from ravine.storage.store import RunStore, StoredRun
from ravine.storage.working import WorkingFolder
from ravine.training import baselines, causes, facts, hints, sizes
from ravine.training.data import require_matching
from ravine.training.environment import environment
from ravine.training.interruption import Interruption, interruptible
from ravine.training.learned import plainly_learned
from ravine.training.seeds import epoch_order, start_weights
from ravine.training.watching import Silent, Watcher
from ravine.words import duration

LONG_SECONDS = 30
"""A run, or a study, that will take longer says so when it begins."""

_TIMED_SECONDS = 0.1
"""How many seconds of training tell how long the rest will take."""

EVALUATION_SHARE = 1.1
"""By how much evaluation lengthens a run, about."""

_NEXT = "the same command goes on from here"
_NEXT_OF_FRESH = "without --fresh the same command goes on from here"
_STAYS = "the run that was stored before stays as it is"

_CHUNK_SECONDS = 0.2
"""The intended length of one call of the engine: Ctrl-C waits no longer, and progress is shown as often."""


@dataclasses.dataclass(frozen=True)
class Given:
    """Arrays given by the caller in place of those that the seed makes.

    Attributes:
        weights: the flat initial weights, (n,), or None.
        order: sample numbers in the order of training, (k,) for every epoch alike or (epochs, k), or None.
        begun: the run that this one extends, or None: training goes on where that run ended.
    """

    weights: Array | None = None
    order: Array | None = None
    begun: StoredRun | None = None


@dataclasses.dataclass(frozen=True)
class _Seen:
    """The evaluations at the end of an epoch.

    Attributes:
        judged: on the images by which the run is judged while it trains.
        validation, test: on these sets; None if they were not looked at.
    """

    judged: Evaluation
    validation: Evaluation | None
    test: Evaluation | None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a call of `train` ended: with a stored run, or interrupted by a signal.

    Attributes:
        result: what there is of the run.
        stored: the run as it was stored; None if it was interrupted.
        signal: the signal that interrupted it.
        next: what the user can do after an interruption, in words.
    """

    result: Result
    stored: StoredRun | None
    signal: int | None
    next: str = ""


def with_given(run: ResolvedRun, given: Given) -> ResolvedRun:
    """Put the checksums of the given arrays into the run's spec, since they decide the result.

    A run that extends another one keeps the checksum of the initial weights with which that one began.
    """
    if given.begun is not None:
        return run
    weights = None if given.weights is None else _digest(given.weights, np.float64)
    order = None if given.order is None else _digest(given.order, np.int64)
    if (weights, order) == (run.spec.initial_weights, run.spec.order):
        return run
    return run.replaced(initial_weights=weights, order=order)


def _digest(array: Array, dtype: type) -> str:
    plain: Array = np.ascontiguousarray(array, dtype=dtype)
    return hashlib.sha256(repr(plain.shape).encode() + plain.tobytes()).hexdigest()


def train(run: ResolvedRun, dataset: Dataset, store: RunStore | Parcel, **options: Any) -> Outcome:
    """Claim a run, train it and store it; the options are those of `train_in`.

    Raises:
        BusyError: another process or thread trains it.
        ConfigError: the batch size or a given array does not fit the data.
        StorageError: the run cannot be written.
    """
    with store.working_folder(run.id) as folder:
        return train_in(folder, run, dataset, store, **options)


def train_in(
    folder: WorkingFolder | NoFolder,
    run: ResolvedRun,
    dataset: Dataset,
    store: RunStore | Parcel,
    *,
    given: Given = Given(),
    fresh: bool = False,
    watcher: Watcher | None = None,
    interruption: Interruption | None = None,
    trained: Callable[[], object] = lambda: None,
) -> Outcome:
    """Train a run whose working folder this process has, and store it.

    A run whose loss or weights are no longer finite, or whose network dies, is a result, with status "diverged" and a
    cause. A run that is interrupted leaves a checkpoint, from which the next call goes on bit for bit, unless it is
    `fresh`. If you train on several threads, install one signal handler and pass it in as `interruption`. `trained` is
    called when the run has ended and only has to be written to the disk.

    `dataset` is the whole data set: a run with validation holds its samples out here. The test set is looked at when
    `RunSpec.test_time` says, and no earlier: nothing that decides how the run goes on, and no hint, reads it unless it
    is looked at after each epoch and no samples are held out.

    Raises:
        BusyError: another process has taken the run over, since this one stood still for long.
        ConfigError: the batch size or a given array does not fit the data.
        DataError: the arrays that the data were made of have been changed.
        StorageError: the run cannot be written.
    """
    watcher = watcher or Silent()
    spec, schedule = run.spec, run.schedule_text
    whole = dataset
    dataset = whole.held_out(spec.validation, spec.validation_seed)
    _check(run, dataset, given)
    refuse_chance(run.optimizer, {**spec.hyperparameters, "lr": spec.lr or 0.0}, (run.base, *run.stages))
    # BLAS splits its sums by its number of threads, and so its bits would depend on the machine.
    with _blas().limit(limits=1):
        trainer = _Trainer(run, dataset, given, folder, watcher)
        if fresh:
            folder.discard()
        trainer.go_on()
        # Compilation may take some seconds and leaves nothing to save: a signal ends it at once.
        trainer.compile()
        with interruptible() if interruption is None else nullcontext(interruption) as stop:
            result = trainer.train(stop)
            if not is_unchanged(whole):
                folder.discard()
                raise DataError(
                    "the arrays that the data were made of have been changed since, so the run's digest no longer "
                    "stands for them: leave them as they are until the run has ended, or give copies."
                )
            if run.identity() != run.id:
                folder.discard()
                changed = spec.optimizer_name if run.schedule_text == schedule else spec.schedule_name
                raise ConfigError(
                    f"{changed} changed a value outside its state while it trained, so the run's id no longer stands "
                    "for it: keep all that changes in the state that it returns, or under functools.cache."
                )
            if result.status == "interrupted":
                kept = store.holds(run.id)
                if kept:  # the stored run is what the next command shows, and nothing would go on from a checkpoint
                    folder.discard()
                return Outcome(result, None, stop.signal, _STAYS if kept else _NEXT_OF_FRESH if fresh else _NEXT)
            trained()
            folder.confirm()
            texts = {
                "optimizer": run.optimizer_text,
                "schedule": run.schedule_text,
                "activation": run.activation_text,
                "loss": run.loss_text,
            }
            state = trainer.engine.state() if result.status == "done" else None
            facts_of_data = dataset.info if isinstance(dataset.info, GivenInfo) else None
            weights = trainer.evaluated_weights()
            stored = store.save(result, environment(threads=1), weights, texts, state, facts_of_data)
        folder.discard()
    return Outcome(result, stored, None)


@functools.cache
def _blas() -> ThreadpoolController:
    """Return the thread pools of the libraries that are loaded. NumPy's BLAS is among them; ravine uses no other."""
    return ThreadpoolController()


def _check(run: ResolvedRun, dataset: Dataset, given: Given) -> None:
    spec = run.spec
    require_matching(run, dataset)
    if spec.data is not None:
        _require_memory(run)
    if spec.extends is not None and given.begun is None:
        raise ConfigError(f"these settings are those of a run that extends run {spec.extends}: use ravine.extend.")
    count, size = len(dataset.train.targets), run.network.layout.size
    run.check_rates(count if given.order is None or given.order.ndim == 0 else given.order.shape[-1])
    if given.weights is not None:
        if given.weights.shape != (size,):
            raise ConfigError(
                f"initial_weights has shape {given.weights.shape}; give {size} numbers, in shape ({size},)."
            )
        with np.errstate(over="ignore"):
            finite = np.isfinite(given.weights.astype(spec.dtype))
        if not finite.all():
            index = int(np.argmin(finite))
            fault = f"initial_weights has {given.weights[index]} at index {index}"
            raise ConfigError(f"{fault}; all of its numbers must be finite in {spec.dtype}.")
    if given.order is not None:
        order = given.order
        fits = order.ndim in (1, 2) and order.size > 0 and np.issubdtype(order.dtype, np.integer)
        if not fits or (order.ndim == 2 and len(order) != spec.epochs) or order.min() < 0 or order.max() >= count:
            left = f", which count the {count} that are not held out" if spec.validation else ""
            raise ConfigError(
                f"the order must hold sample numbers from 0 to {count - 1}{left}, in shape (k,) or ({spec.epochs}, k); "
                f"it has shape {order.shape} and dtype {order.dtype}."
            )
        count = order.shape[-1]
    _require_weight(dataset.train, given.order)
    for name, size in (("batch size", spec.batch_size), ("largest_batch", spec.largest_batch or 0)):
        if size > count:
            raise ConfigError(f"{name} is {size}; it must be at most {count}, the number of training samples.")


def _require_weight(split: Split, order: Array | None) -> None:
    """Check that each epoch has a sample whose weight is not 0."""
    weights = split.weights_of(slice(None) if order is None else order)
    if weights is None or weights.any(axis=-1).all():
        return
    if order is None:
        raise ConfigError(
            "all samples left to train on have weight 0: hold out fewer, or give more samples a weight above 0."
        )
    raise ConfigError("the order has an epoch of samples of weight 0 alone: put in one with a weight above 0.")


def _require_memory(run: ResolvedRun) -> None:
    """Refuse a network that is too large for the machine: its weights, a gradient, and the start in float64."""
    size, itemsize = run.network.layout.size, np.dtype(run.spec.dtype).itemsize
    needed, there = size * (8 + 2 * itemsize), memory_of_machine()
    if needed > there:
        raise ConfigError(
            f"the network has {size:,} weights, which need {needed / 1e9:,.1f} GB, and this machine has "
            f"{there / 1e9:,.1f} GB: give data of fewer columns, or a smaller first hidden layer."
        )


def engine_of(run: ResolvedRun, weights: Array) -> Engine:
    """Return the engine of a run, at some weights, (n,)."""
    spec = run.spec
    largest = spec.largest_batch or spec.batch_size
    return make_engine(spec.engine, run.network, run.optimizer, weights, spec.dtype, largest, spec.per_layer, spec.seed)


class _Trainer:
    """Trains one run from its start or its checkpoint until it ends or is interrupted."""

    def __init__(
        self, run: ResolvedRun, dataset: Dataset, given: Given, folder: WorkingFolder | NoFolder, watcher: Watcher
    ) -> None:
        self.run, self.spec, self.network = run, run.spec, run.network
        self.dataset, self.given = dataset, given
        self.judged, self.judged_by = _judged(dataset, self.spec.test_time)
        self.folder, self.watcher = folder, watcher
        begun = given.begun
        history, seconds = ([], Seconds()) if begun is None else (begun.result.history, begun.result.seconds)
        self.position = Position(len(history), 0, 0.0, 0.0, history, seconds)
        self.first_epoch = self.position.epoch
        state = None if begun is None else begun.state()
        if state is not None:
            self.start: Array = state["weights"]
        else:
            self.start = start_weights(self.spec) if given.weights is None else np.asarray(given.weights)
        self.engine: Engine = engine_of(run, self.start)
        if state is not None:
            self.engine.restore(state)
        self.began = time.perf_counter() - seconds.total
        self.chunk = 1
        self.timed: tuple[float, int] | None = (0.0, 0)
        """The seconds and samples that were timed to tell the cost of the run; None if it was told."""

    def go_on(self) -> None:
        """Go on from the checkpoint, if there is one."""
        checkpoint = self.folder.load()
        if checkpoint is None:
            return
        state, self.position = checkpoint
        self.engine.restore(state)
        # The clock goes on from where it was stopped.
        self.began = time.perf_counter() - self.position.seconds.total
        place = f"epoch {self.position.epoch + 1} of {self.spec.epochs}"
        self.watcher.note(f"goes on in {place}, where it was stopped; --fresh starts at the beginning")

    def compile(self) -> None:
        """Compile what the first step needs."""
        with self._timing("compile"):
            self.engine.compile()
        self.engine.prepare(self.dataset.train)

    def train(self, interruption: Interruption) -> Result:
        """Train until the run ends, in whatever way."""
        while True:
            failed_batch = self._train_epoch(interruption)
            if interruption:
                self._save()
                return self._result("interrupted", None, None)
            seen = self._look()
            if failed_batch is not None:
                return self._result("diverged", self._non_finite(failed_batch), seen)
            broken = causes.non_finite_weights(
                self.network, self.engine.weights, self.position.epoch + 1, self.engine.steps
            )
            if broken is not None:
                return self._result("diverged", self._with_number(broken), seen)
            record = self._end_epoch(seen)
            self.watcher.epoch(record)
            cause = self._dead(seen.judged, record.epoch)
            if cause is not None or self.position.epoch == self.spec.epochs:
                return self._result("done" if cause is None else "diverged", cause, seen)
            self._save()  # after the last epoch the run itself is stored

    def _train_epoch(self, interruption: Interruption) -> Array | None:
        """Train to the end of the epoch or to a signal; return the batch whose loss is not finite, if there is one."""
        order, size = self._order(self.position.epoch), self.run.batch_size_in(self.position.epoch)
        while self.position.sample < len(order) and not interruption:
            first = self.position.sample
            stop = min(first + self.chunk * size, len(order))
            hyper = self._hyper_of(self.position.epoch, np.arange(first // size, -(-stop // size)))
            began = time.perf_counter()
            taken = self.engine.train(self.dataset.train, order, first, stop, hyper, self.position.loss_sum, size)
            seconds = time.perf_counter() - began
            self._spend("train", seconds)
            # Steps that take no measurable time must not let the chunk grow beyond an epoch.
            self.chunk = min(len(order), max(1, math.ceil(self.chunk * min(10.0, _CHUNK_SECONDS / seconds))))
            reached = min(first + taken.steps * size, len(order))
            self._tell_cost(seconds, reached - first, len(order))
            self.position = msgspec.structs.replace(
                self.position,
                sample=reached,
                loss_sum=taken.loss_sum,
                epoch_seconds=self.position.epoch_seconds + seconds,
            )
            if reached < stop:
                self.engine.settle(self._hyper())
                return order[reached : reached + size]
            self.watcher.progress(self.position.epoch + 1, reached / len(order), self.position.loss_sum / reached)
        if not interruption:
            self.engine.settle(self._hyper())
        return None

    def _tell_cost(self, seconds: float, samples: int, epoch: int) -> None:
        """Tell once, as soon as some steps were timed, how long the rest of a long run will take.

        `seconds` were spent on `samples` of the `epoch` samples of an epoch.
        """
        if self.timed is None:
            return
        self.timed = self.timed[0] + seconds, self.timed[1] + samples
        spent, taken = self.timed
        if spent < _TIMED_SECONDS or not taken:
            return
        self.timed = None
        one = EVALUATION_SHARE * spent * epoch / taken
        left = self.spec.epochs - self.position.epoch - self.position.sample / epoch
        if one * left > LONG_SECONDS:
            each = f", {duration(one)} an epoch" if left > 1 else ""
            self.watcher.note(f"this takes about {duration(one * left)}{each}")

    def _look(self) -> _Seen:
        """Evaluate what is looked at after each epoch."""
        with self._timing("evaluate"):
            judged = self.engine.evaluate(self.judged, self._hyper())
            validation = None if self.dataset.validation is None else judged
            test = None
            if self.spec.test_time == "epoch":
                test = judged if validation is None else self.engine.evaluate(self._test, self._hyper())
        return _Seen(judged, validation, test)

    @property
    def _test(self) -> Split:
        assert self.dataset.test is not None  # `_check` has seen to it
        return self.dataset.test

    def _end_epoch(self, seen: _Seen) -> Epoch:
        here = self.position
        record = Epoch(
            epoch=here.epoch + 1,
            steps=self.engine.steps,
            lr=self._hyper()["lr"],
            batch_size=self.run.batch_size_in(here.epoch),
            train_loss=here.loss_sum / here.sample,
            **_numbers(seen),
            seconds=here.epoch_seconds,
        )
        self.position = Position(here.epoch + 1, 0, 0.0, 0.0, [*here.history, record], here.seconds)
        return record

    def _order(self, epoch: int) -> Array:
        given = self.given.order
        if given is None:
            return epoch_order(self.spec.seed, epoch, len(self.dataset.train.targets))
        return np.array(given if given.ndim == 1 else given[epoch], dtype=np.int64)

    def _hyper(self) -> dict[str, float]:
        """Return the hyper-parameters with which the epoch begins."""
        return self._hyper_at(self.position.epoch, 0)

    def _hyper_at(self, epoch: int, step: int) -> dict[str, float]:
        """Return the hyper-parameters at a step of an epoch, both counted from 0."""
        hyper = self._hyper_of(epoch, np.array([step]))
        return {name: float(np.ravel(value)[0]) for name, value in hyper.items()}

    def _hyper_of(self, epoch: int, steps: Array) -> dict[str, float | Array]:
        """Return the hyper-parameters at some steps of an epoch, all counted from 0."""
        spec, given = self.spec, self.given.order
        count = len(self.dataset.train.targets) if given is None else given.shape[-1]
        epoch = min(epoch, spec.epochs - 1)  # after the last one, its rate still holds
        rates = self.run.rates_in(epoch, steps, count)
        lr = rates if spec.schedule_by == "step" else float(rates[0])
        return {name: lr if name == "lr" else float(spec.hyperparameters[name]) for name in self.run.optimizer.defaults}

    def evaluated_weights(self) -> Array:
        """Return the weights that the run is stored with."""
        return self.engine.evaluated_weights(self._hyper())

    def _non_finite(self, batch: Array) -> Cause:
        network, epoch, step = self.network, self.position.epoch + 1, self.engine.steps + 1
        cause = causes.non_finite(network, self.engine.weights, self.dataset.train, batch, epoch, step)
        return self._with_number(cause)

    def _with_number(self, cause: NonFinite) -> NonFinite:
        return causes.with_number(cause, self.run.optimizer, self.engine.steps, self._hyper())

    def _dead(self, judged: Evaluation, epoch: int) -> Cause | None:
        """Return the cause if the network is dead on the judged images and, to be sure, on the training images too."""
        network = self.network
        if causes.dead_layer(network, judged) is None:
            return None
        with self._timing("evaluate"):
            layer = causes.dead_layer(network, self.engine.evaluate(self.dataset.train, self._hyper()))
        if layer is None:
            return None
        return causes.dead_network(
            network, self.engine.weights, self.dataset.train, layer, judged, epoch, sample_word(self.dataset.info)
        )

    def _save(self) -> None:
        self._spend("total", time.perf_counter() - self.began - self.position.seconds.total)
        self.folder.save(self.spec, self.engine.state(), self.position)

    def _result(self, status: Status, cause: Cause | None, seen: _Seen | None) -> Result:
        """Put the result together; an interrupted run, without `seen`, has the numbers of its last whole epoch."""
        history = self.position.history
        last = history[-1] if history else None
        hint = None if seen is None else self._hint(cause, seen.judged)
        if seen is not None and self.spec.test_time == "end":
            with self._timing("evaluate"):
                seen = dataclasses.replace(seen, test=self.engine.evaluate(self._test, self._hyper()))
        numbers = dict.fromkeys(_NUMBERS) if last is None else {name: getattr(last, name) for name in _NUMBERS}
        numbers = numbers if seen is None else _numbers(seen)
        self._spend("total", time.perf_counter() - self.began - self.position.seconds.total)
        return Result(
            status=status,
            cause=cause,
            id=self.run.id,
            parameters=self.network.layout.size,
            train_loss=None if last is None or isinstance(cause, NonFinite) else last.train_loss,
            **numbers,
            tested=any(numbers[f"test_{score}"] is not None for score in _SCORES),
            seconds=self.position.seconds,
            history=history,
            spec=self.spec,
            hint=hint,
        )

    def _hint(self, cause: Cause | None, judged: Evaluation) -> str | None:
        """Return the hint; a run that plainly has learned gets none, and loses no time by a closer look."""
        history, weights = self.position.history, self.engine.weights
        moved = not np.array_equal(weights, self.start.astype(weights.dtype))
        score, chance = facts.score_of(judged), facts.chance_of(facts.kind_of(self.spec, judged), self.judged.targets)
        zero_loss = self._zero_loss(self._some_trained(), self._mean_weight(max(0, len(history) - 1)))
        plainly = plainly_learned(history, score, chance, zero_loss)
        if plainly and moved and cause is None and self.given.weights is None:
            return None
        with self._timing("evaluate"):
            return hints.hint(self._facts(cause, judged, chance))

    def _some_trained(self) -> Array:
        """Return some of the samples that are trained on, and count."""
        given, split = self.given.order, self.dataset.train
        counted = facts.counted(split, np.arange(len(split.targets)) if given is None else given.ravel())
        found: Array = counted[baselines.some(len(counted), self.network)]
        return found

    def _zero_loss(self, samples: Array, mean_weight: float = 1.0) -> float:
        """Return the mean loss of outputs that are 0, on some samples whose weights are brought to a mean."""
        split = self.dataset.train
        weights = baselines.brought_to(split, samples, mean_weight)
        return baselines.zero_loss(self.network, split.targets[samples], weights)

    def _facts(self, cause: Cause | None, judged: Evaluation, chance: float) -> facts.Facts:
        spec, network, split, end = self.spec, self.network, self.dataset.train, self.engine.weights
        start = self.start.astype(end.dtype)
        first = self.first_epoch
        order, size, given = self._order(first), self.run.batch_size_in(first), self.given.order
        samples, weight = facts.counted(split, order)[: facts.SAMPLES], self._mean_weight(first)
        chosen = slice(None) if given is None else given.ravel()
        at_end = facts.counted(split, self._order(max(0, len(self.position.history) - 1)))
        at_end = at_end[-max(20, len(at_end) // 10) :]
        trained, kind, info = self._some_trained(), facts.kind_of(spec, judged), self.dataset.info
        if kind == "classes":
            label, share = facts.commonest(split.targets[chosen], split.weights_of(chosen))
            last_label, last_share = facts.commonest(split.targets[at_end], split.weights_of(at_end))
            common, last = (info.class_names[label], share), (info.class_names[last_label], last_share)
        else:
            common = facts.commonest_targets(split, chosen, trained)
            last = facts.last_targets(split.targets[trained], split.targets[at_end])
        # Float64 shows a step that is lost in the round-off of the run's own dtype.
        plain = engine_of(self.run.replaced(engine="reference", dtype="float64"), start)
        some_judged = baselines.some(len(self.judged.targets), network)
        return facts.Facts(
            spec=spec,
            network=network,
            history=self.position.history,
            cause=cause,
            steps=self.engine.steps,
            kind=kind,
            judged_by=self.judged_by,
            judged_count=len(self.judged.targets),
            score=facts.score_of(judged),
            chance=chance,
            judged=baselines.compare(network, end, self.judged, some_judged),
            trained=baselines.compare(network, end, split, trained, baselines.brought_to(split, trained)),
            zero_loss=self._zero_loss(trained),
            start=facts.look(network, start, split, samples, weight),
            end=facts.look(network, end, split, samples, weight),
            moved=facts.relative(end - start, start),
            size=facts.relative(end, start),
            first=facts.take_first_step(plain, network, split, order, size, lambda step: self._hyper_at(first, step)),
            common=common,
            last=last,
            given=info if isinstance(info, GivenInfo) else None,
            features=sizes.columns_of_inputs(split, trained) if isinstance(info, GivenInfo) else None,
            targets=sizes.columns_of(split.targets[trained]) if kind == "numbers" else None,
            weighted=split.sample_weights is not None,
        )

    def _mean_weight(self, epoch: int) -> float:
        """Return the mean sample weight of an epoch, counted from 0; 1 if samples have none."""
        if self.dataset.train.sample_weights is None:
            return 1.0
        return float(self.dataset.train.sample_weights[self._order(epoch)].mean())

    @contextmanager
    def _timing(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self._spend(what, time.perf_counter() - began)

    def _spend(self, what: str, seconds: float) -> None:
        before = self.position.seconds
        spent = msgspec.structs.replace(before, **{what: getattr(before, what) + seconds})
        self.position = msgspec.structs.replace(self.position, seconds=spent)


_GLANCE = 1000
"""The number of training images by which a run is judged that may look at no others after an epoch."""


def _judged(dataset: Dataset, test_time: str) -> tuple[Split, facts.JudgedBy]:
    """Return the images by which a run is judged while it trains, and what they are.

    They tell whether the network is dead and whether the run learned. They are those held out for validation; without
    them the test set, if it is looked at after each epoch anyway; otherwise a few training images, of each class its
    share.
    """
    if dataset.validation is not None:
        return dataset.validation, "validation"
    if test_time == "epoch":
        assert dataset.test is not None
        return dataset.test, "test"
    labels = dataset.train.targets
    few = dataset.train.part(held_out(labels, _GLANCE, seed=0)) if len(labels) > _GLANCE else dataset.train
    return few, "training"


_SCORES = ("loss", "accuracy", "r2", "mean_absolute_error")
_NUMBERS = tuple(f"{part}_{score}" for part in ("validation", "test") for score in _SCORES)


def _numbers(seen: _Seen) -> dict[str, float | None]:
    """Return the numbers of a record that come from evaluations."""
    found: dict[str, float | None] = dict.fromkeys(_NUMBERS)
    for part, one in (("validation", seen.validation), ("test", seen.test)):
        if one is not None:
            scores = dataclasses.asdict(one.scores)
            found |= {f"{part}_{name}": _finite(value) for name, value in {"loss": one.loss, **scores}.items()}
    return found


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
