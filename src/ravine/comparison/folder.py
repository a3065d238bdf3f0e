"""The comparisons of a folder of runs: each plan before its first run, each outcome when it is there.

ROOT/comparisons/ID/plan.json       the plan, and when it was made
ROOT/comparisons/ID/outcome.json    the outcome
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from ravine.comparison.outcome import Outcome
from ravine.comparison.plan import Plan
from ravine.errors import ConfigError, DataError, shortened
from ravine.storage.files import make_folder, write_whole
from ravine.storage.store import RunStore

T = TypeVar("T")


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and when it was made."""

    id: str
    time: str
    plan: Plan


def folder_of(store: RunStore, id_: str) -> Path:
    """Return the folder of a comparison."""
    return store.root / "comparisons" / id_


def keep_plan(store: RunStore, id_: str, plan: Plan) -> Made:
    """Store a plan, unless it is stored already; return it with the time when it was made."""
    file = folder_of(store, id_) / "plan.json"
    if file.exists():
        return _read(file, Made)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    made = Made(id=id_, time=now, plan=plan)
    make_folder(file.parent)
    write_whole(file, _json(made))
    return made


def keep_outcome(store: RunStore, outcome: Outcome) -> None:
    """Store an outcome."""
    write_whole(folder_of(store, outcome.id) / "outcome.json", _json(outcome))


def plans(store: RunStore) -> list[Made]:
    """Return all plans of a store, oldest first."""
    files = (store.root / "comparisons").glob("*/plan.json")
    return sorted((_read(file, Made) for file in files), key=lambda made: (made.time, made.id))


def plans_before(store: RunStore, id_: str, plan: Plan) -> list[Made]:
    """Return the plans that were made before this one on one of its problems, oldest first."""
    names = {problem.name for problem in plan.problems}
    found = plans(store)
    own = next((place for place, made in enumerate(found) if made.id == id_), len(found))
    return [made for made in found[:own] if names & {problem.name for problem in made.plan.problems}]


def has_ended(store: RunStore, id_: str) -> bool:
    """Tell whether the outcome of a comparison is there, without reading it."""
    return (folder_of(store, id_) / "outcome.json").exists()


def load_outcome(store: RunStore, id_: str) -> Outcome | None:
    """Return the outcome of a comparison, None if it has not ended."""
    if not has_ended(store, id_):
        return None
    file = folder_of(store, id_) / "outcome.json"
    outcome = _read(file, Outcome)
    labels = {(problem.name, label) for problem in outcome.plan.problems for label in outcome.plan.labels}
    judged = {(each.problem, label) for each in outcome.verdicts for pair in each.pairs for label in (pair.a, pair.b)}
    whole = (
        outcome.id == id_
        and {(standing.problem, standing.optimizer) for standing in outcome.leaderboard} == labels
        and {(row.problem, row.optimizer) for row in outcome.trials} == labels
        and [each.problem for each in outcome.verdicts] == [problem.name for problem in outcome.plan.problems]
        and judged == labels
    )
    if not whole:
        raise DataError(f"{file} is damaged (parts of it are missing): delete it; the same comparison makes it anew.")
    return outcome


def find(store: RunStore, prefix: str) -> Made:
    """Return the one plan whose id starts with `prefix`.

    Raises:
        ConfigError: there is none, or there are several.
    """
    found = [made for made in plans(store) if made.id.startswith(prefix)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigError(
            f"there is no comparison {shortened(prefix)} in {store.root}; `ravine compare --list` shows those there."
        )
    raise ConfigError(f"{shortened(prefix)} fits {len(found)} comparisons: {', '.join(m.id for m in found)}.")


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def _read(file: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror or error}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file} is damaged ({error}): delete it; the same comparison makes it anew.") from error
