"""The runs of a study as a table, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

from ravine.cli.output import print_json, print_table, print_text
from ravine.words import several

if TYPE_CHECKING:
    from ravine.spec import RunSpec
    from ravine.storage.quantities import Quantity
    from ravine.storage.record import Result
    from ravine.storage.store import Unfinished
    from ravine.studies import Planned, Shard, Study


@dataclass(frozen=True)
class Part:
    """A shard, by its number and how many shards there are, and how many runs it has, of all that were planned."""

    index: int
    count: int
    runs: int
    of_runs: int

    @classmethod
    def of(cls, shard: Shard, planned: Sequence[Planned], all_runs: Sequence[Planned]) -> Part:
        """Count the runs, each once."""
        return cls(shard.index, shard.count, len({run.id for run in planned}), len({run.id for run in all_runs}))

    def __str__(self) -> str:
        shard, runs = f"shard {self.index} of {self.count}", several(self.of_runs, "run")
        return f"{shard}: {self.runs} of {runs}" if self.runs else f"{shard} has no runs, of {runs}"


def show_runs(
    study: Study,
    planned: Sequence[Planned],
    results: Mapping[str, Result],
    failed: Mapping[str, str],
    as_json: bool,
    *,
    part: Part | None = None,
    unfinished: Mapping[str, Unfinished] = MappingProxyType({}),
) -> None:
    """Print how the runs of a study, or of a part of it, stand."""
    from ravine.spec import shared_by
    from ravine.storage.quantities import QUANTITIES, SUMMARY, given

    rows = []
    for run in planned:
        result = results.get(run.id)
        rows.append((run, _state(run.id, result, failed, unfinished), result))
    if as_json:
        print_json(
            {
                "study": study.name,
                **({} if part is None else {"shard": part}),
                "done": len(results),
                "failed": failed,
                "runs": [
                    {
                        "group": run.group,
                        "row": run.row + 1,
                        "seed": run.spec.seed,
                        "id": run.id,
                        "state": state.partition(",")[0],
                        "epochs": _epochs(result or unfinished.get(run.id)),
                        "hint": result and result.hint,
                        **{quantity.name: result and quantity.of(result) for quantity in SUMMARY},
                        "published": run.published,
                    }
                    for run, state, result in rows
                ],
            }
        )
        return
    specs = [run.spec for run in planned]
    columns = (*given(SUMMARY, specs), QUANTITIES["seconds"])
    head = ("group", "row", "settings", "seed", "state", *(quantity.head for quantity in columns), "run")
    shared = shared_by(specs)
    print_table(head, [_row(run, shared, state, result, columns) for run, state, result in rows])
    unique = {run.id for run in planned}
    are = "is" if len(unique) == 1 else "are"
    under_way = sum(one.running for one in unfinished.values())
    counts = {"running": under_way, "stopped": len(unfinished) - under_way, "failed": len(failed)}
    others = "".join(f", {count} {state}" for state, count in counts.items() if count)
    click.echo()
    if part is not None:
        click.echo(f"{part}.")
    click.echo(f"{len(results)} of {several(len(unique), 'run')} {are} stored{others}.")
    hints = {run.id: result.hint for run, _, result in rows if result is not None and result.hint is not None}
    if hints:
        first, hint = next(iter(hints.items()))
        print_text(f"{several(len(hints), 'run')} diverged or did not learn; the first, {first}: {hint}")
    for run_id, fault in failed.items():
        click.echo(f"ravine: run {run_id}: {fault}", err=True)


def _epochs(run: Result | Unfinished | None) -> int:
    return 0 if run is None else len(run.history)


def _state(run: str, result: Result | None, failed: Mapping[str, str], unfinished: Mapping[str, Unfinished]) -> str:
    if result is not None:
        return result.status
    if run in failed:
        return "failed"
    if run not in unfinished:
        return "to do"
    # The epochs of the last checkpoint say little of a run that is under way.
    return "running" if unfinished[run].running else unfinished[run].standing


def _row(
    run: Planned, shared: RunSpec, state: str, result: Result | None, columns: Sequence[Quantity]
) -> tuple[str, ...]:
    from ravine.spec import describe
    from ravine.storage.quantities import shown

    spec = run.spec
    settings = (run.group, str(run.row + 1), describe(spec, usual=shared), str(spec.seed))
    if result is None:
        return (*settings, state, *("-" for _ in columns), run.id)
    return (*settings, state, *shown(result, columns), run.id)
