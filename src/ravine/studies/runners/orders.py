"""Orders: a run as bytes, for a process on another machine, which makes the same run of them.

Things of ravine's own travel as their names. A rule, a stage or a schedule of the user's travels as it is in this
process, with the text of its file, since ravine reads the text; the other process runs it only because the user named
it. The id tells whether the run that arrived is the run that was sent.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import io
import linecache
import marshal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FunctionType, GetSetDescriptorType, MemberDescriptorType
from typing import Any

import msgspec

from ravine.errors import ConfigError, told
from ravine.formulas.shelves import ACTIVATIONS, LOSSES, OPTIMIZERS, SCHEDULES, STAGES
from ravine.formulas.syntax import is_library_module
from ravine.spec import ResolvedRun, RunSpec, Things, activations_of, resolve
from ravine.training.data import require_catalog

_CACHED = type(functools.cache(len))
"""The type of what `functools.cache` and `functools.lru_cache` return."""


class Order(msgspec.Struct, frozen=True):
    """A run to train elsewhere.

    Attributes:
        id: the id of the run.
        spec: the run by its names.
        things: the user's own things, pickled, None if all are ravine's own.
        texts: the texts of their files, as JSON.
    """

    id: str
    spec: RunSpec
    things: bytes | None = None
    texts: bytes = b"{}"


def order_of(run: ResolvedRun) -> bytes:
    """Return the order of a run.

    Raises:
        ConfigError: a thing of the user's cannot be sent, or the run is on data that were given.
    """
    require_catalog([run], "another process")
    base = None if run.base in OPTIMIZERS.values() else run.base
    stages = tuple(None if stage in STAGES.values() else stage for stage in run.stages)
    schedule = None if run.schedule in SCHEDULES.values() else run.schedule
    activations = tuple(None if f in ACTIVATIONS.values() else f for f in run.activations)
    loss = None if run.loss in LOSSES.values() else run.loss
    order = Order(run.id, run.spec)
    if any(thing is not None for thing in (base, schedule, loss, *stages, *activations)):
        try:
            texts_now = (run.optimizer_text, run.schedule_text, run.activation_text, run.loss_text)
            things, texts = _packed(texts_now, base, stages, schedule, activations, loss)
        except Exception as error:
            raise ConfigError(
                f"run {run.id} cannot be sent to another process: {told(error)} Declare what is yours in a file of its "
                "own, and name it as FILE.py:NAME."
            ) from error
        order = msgspec.structs.replace(order, things=things, texts=texts)
    return msgspec.msgpack.encode(order)


def run_of(order: bytes) -> ResolvedRun:
    """Return the run of an order.

    Raises:
        ConfigError: it is another run here than where it was sent.
    """
    sent = msgspec.msgpack.decode(order, type=Order)
    run = resolve(sent.spec, None if sent.things is None else _things(sent.spec, sent.things, sent.texts))
    if run.id != sent.id:
        raise ConfigError(
            f"run {sent.id} has the id {run.id} on this worker, so something that it uses is another one here: declare "
            "all that a rule uses in its own file."
        )
    return run


def _things(spec: RunSpec, packed: bytes, texts: bytes) -> Things:
    base, stages, schedule, activations, loss = _unpacked(packed, texts)
    return Things(
        base or OPTIMIZERS.resolve(spec.optimizer)[1],
        tuple(stage or STAGES.resolve(name)[1] for stage, name in zip(stages, spec.stages, strict=True)),
        schedule or SCHEDULES.resolve(spec.schedule)[1],
        tuple(f or known for f, known in zip(activations, activations_of(spec.activation)[1], strict=True)),
        loss or LOSSES.resolve(spec.loss)[1],
    )


_unpacking = threading.Lock()


@functools.lru_cache(maxsize=64)
def _unpacked(packed: bytes, texts: bytes) -> Any:
    """Return the user's own things; equal ones are the same objects, so that what is compiled serves them all."""
    import cloudpickle

    with _unpacking:
        for file, text in msgspec.json.decode(texts, type=dict[str, str]).items():
            # Without a time of change, Python does not look whether a file of this name lies here too.
            linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
        try:
            things, classes = cloudpickle.loads(packed)
        except ImportError as error:
            raise ConfigError(f"a rule of yours needs a module that this worker lacks: {told(error)}") from error
        for cls, names in classes.items():
            _put_in_order(cls, names)
        return things


def _put_in_order(cls: type, names: Sequence[str]) -> None:
    """Give what stands in a class the order in which it was declared, which cloudpickle forgets and the text has."""
    if issubclass(cls, enum.Enum):  # whose members keep their order
        return
    for name in names:
        part = vars(cls).get(name)
        special = name.startswith("__") and not isinstance(part, FunctionType)
        if name in vars(cls) and not special and not isinstance(part, MemberDescriptorType | GetSetDescriptorType):
            try:
                delattr(cls, name)
            except TypeError:  # one of Python's own, which cannot be changed
                return
            setattr(cls, name, part)


@functools.lru_cache(maxsize=64)
def _packed(now: tuple[str | None, ...], *things: Any) -> tuple[bytes, bytes]:
    """Return things as bytes, and by name the texts of the files in which their functions stand, as JSON.

    `now` has the texts of the things, with the present values of what they use.
    """
    import cloudpickle

    texts: dict[str, str] = {}
    classes: dict[type, list[str]] = {}

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, CodeType):  # cloudpickle would forget the names of the files
                lines = linecache.getlines(value.co_filename)
                if lines:
                    texts[value.co_filename] = "".join(lines)
                return marshal.loads, (marshal.dumps(value),)
            if value is dataclasses.MISSING:
                return getattr, (dataclasses, "MISSING")
            if type(value) is _CACHED:
                return functools.lru_cache(**value.cache_parameters()), (value.__wrapped__,)
            reduced = super().reducer_override(value)
            if isinstance(value, type) and reduced is not NotImplemented:
                classes[value] = list(vars(value))
            return reduced

    with _by_value():
        Pickler(io.BytesIO()).dump(things)  # this finds the classes
        content = io.BytesIO()
        Pickler(content).dump((things, dict(classes)))
    return content.getvalue(), msgspec.json.encode(texts, order="sorted")


@contextmanager
def _by_value() -> Iterator[None]:
    """Let modules of the user's travel as what they hold: other machines do not have them."""
    import cloudpickle

    modules = [
        module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] not in ("ravine", "__main__", "__mp_main__")
        and getattr(module, "__name__", None) == name
        and getattr(module, "__file__", None)
        and not is_library_module(module)
    ]
    known = cloudpickle.list_registry_pickle_by_value()
    fresh = [module for module in modules if module.__name__ not in known]
    for module in fresh:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in fresh:
            cloudpickle.unregister_pickle_by_value(module)
