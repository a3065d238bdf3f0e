"""Orders: a run as bytes, for a process on another machine, which makes the same run of them.

Things of ravine's own travel as their names. A rule, a stage or a schedule of the user's travels as it is in this
process, with the text of its file, since ravine reads the text; the other process runs it only because the user named
it. The id tells whether the run that arrived is the run that was sent.
"""

from __future__ import annotations

import functools
import io
import linecache
import marshal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType
from typing import Any

import msgspec

from ravine.errors import ConfigError, told
from ravine.formulas.shelves import OPTIMIZERS, SCHEDULES, STAGES
from ravine.formulas.syntax import is_library_module
from ravine.spec import ResolvedRun, RunSpec, Things, resolve


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
        ConfigError: a thing of the user's cannot be sent.
    """
    base = None if run.base in OPTIMIZERS.values() else run.base
    stages = tuple(None if stage in STAGES.values() else stage for stage in run.stages)
    schedule = None if run.schedule in SCHEDULES.values() else run.schedule
    order = Order(run.id, run.spec)
    if base is not None or schedule is not None or any(stage is not None for stage in stages):
        try:
            things, texts = _packed(base, stages, schedule)
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
    base, stages, schedule = _unpacked(packed, texts)
    return Things(
        base or OPTIMIZERS.resolve(spec.optimizer)[1],
        tuple(stage or STAGES.resolve(name)[1] for stage, name in zip(stages, spec.stages, strict=True)),
        schedule or SCHEDULES.resolve(spec.schedule)[1],
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
            return cloudpickle.loads(packed)
        except ImportError as error:
            raise ConfigError(f"a rule of yours needs a module that this worker lacks: {told(error)}") from error


@functools.lru_cache(maxsize=64)
def _packed(*things: Any) -> tuple[bytes, bytes]:
    """Return things as bytes, and by name the texts of the files in which their functions stand, as JSON."""
    import cloudpickle

    texts: dict[str, str] = {}

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, CodeType):  # cloudpickle would forget the names of the files
                lines = linecache.getlines(value.co_filename)
                if lines:
                    texts[value.co_filename] = "".join(lines)
                return marshal.loads, (marshal.dumps(value),)
            return super().reducer_override(value)

    content = io.BytesIO()
    with _by_value():
        Pickler(content).dump(things)
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
