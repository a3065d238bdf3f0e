"""`ravine compare`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ravine import choices
from ravine.cli.cluster import dask_option, running_on
from ravine.cli.command import TRAINS, Command
from ravine.cli.comparison_shown import list_comparisons, reopen, show_comparison, watching_stages
from ravine.cli.options import (
    OUTPUT,
    Decorator,
    Names,
    completed,
    data_dir_option,
    jobs_option,
    json_option,
    option,
    quiet_option,
    runs_option,
)
from ravine.cli.output import print_json, print_table, print_text
from ravine.errors import ConfigError
from ravine.words import duration, listed, several

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ravine.comparison.plan import Plan
    from ravine.comparison.prepare import Prepared
    from ravine.formulas.optimizer import Optimizer

WHAT = "What is compared"
PROTOCOL = "How it is compared"
TIME = "Time"


class Compared(click.ParamType):  # type: ignore[type-arg]
    """An optimizer, the file of a comparison, or the id of one."""

    name = "optimizer"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the optimizers that begin with `incomplete`, and let the shell complete files."""
        return completed(choices.OPTIMIZERS(), incomplete, files=True)


def _number(name: str, type_: Any, default: Any, help_: str) -> Decorator:
    """Return the option of a number of the protocol; None stands for one that was not given."""
    shown = f"{help_}  [default: {default}]"
    return option(f"--{name}", type=type_, metavar="NUMBER", group=PROTOCOL, help=shown)


@click.command(
    cls=Command,
    examples=[
        ("ravine compare sgd momentum adam --dry-run", "The plan, and what it costs."),
        ("ravine compare momentum adam my_rule.py:my_rule --batch-size 10,100",
         "A rule of your own, and a batch size that each may choose."),
        ("ravine compare sgd adam --until-decided --at-most 30m", "More final runs where a pair is undecided."),
    ],
    exits={5: "A run of the comparison failed.", **TRAINS},
)  # fmt: skip
@click.argument("optimizers", nargs=-1, metavar="[OPTIMIZER|FILE.toml|ID]...", type=Compared())
@option(
    "--all",
    "everything",
    is_flag=True,
    group=WHAT,
    help="All element-wise optimizers but those for batches of all samples.",
)
@option(
    "--problem",
    type=Names(choices.PROBLEMS, files=True),
    metavar="NAME,..",
    group=WHAT,
    help=f"The problems: {listed(choices.PROBLEMS(), 'or')}; also FILE.py:NAME and FILE.toml.  [default: mnist-mlp]",
)
@option(
    "--against",
    type=Names(choices.these("atlas")),
    metavar="atlas[:NAME,..]",
    group=WHAT,
    help="Compare with optimizers that ravine has tuned already on the problems of its atlas: the best one of each "
    "problem, or those that are named. One OPTIMIZER suffices.",
)
@option(
    "--batch-size",
    metavar="SAMPLES,..",
    group=WHAT,
    help="Samples in a batch; several are an axis of every search.  [default: the problem's]",
)
@option(
    "--schedule",
    metavar="NAME,..",
    group=WHAT,
    help="Forms of the schedule: constant, linear, cosine; several are an axis of every search.  [default: constant]",
)
@option(
    "--objective",
    type=Names(choices.these("accuracy", "loss")),
    metavar="[accuracy|loss]",
    group=WHAT,
    help="What is compared at the end of the training.  [default: accuracy]",
)
@_number("trials", int, 16, "Points of each search, a power of two.")
@_number("contenders", int, 3, "How many of the best trials get further seeds.")
@_number("tuning-seeds", int, 3, "Seeds of each of these.")
@_number("extensions", int, 1, "How often a search goes on beyond an edge.")
@_number("controls", int, 4, "Trials near each optimizer that another one contains.")
@_number("margin", float, "0.002, or 0.01 of a loss", "The difference that matters: 0.002 is 0.2 points of accuracy.")
@_number("level", float, 0.05, "Error rate of the verdicts on one problem.")
@_number("power", float, 0.8, "How surely a difference of twice the margin is found.")
@_number("finals", int, "as the power needs", "Final runs of each winner.")
@_number("most-finals", int, 32, "The most final runs that the power may ask for.")
@option(
    "--pairs",
    type=Names(choices.these("all", "best")),
    metavar="[all|best]",
    group=PROTOCOL,
    help="Judge all pairs, or each optimizer beside the one that did best while tuning.  [default: all]",
)
@_number("seed", int, 0, "Draws the points, and moves the seeds of all runs.")
@option(
    "--until-decided",
    is_flag=True,
    group=TIME,
    help="Add final runs where a pair is undecided, in up to 5 looks that together keep the error rate.",
)
@option("--at-most", metavar="TIME", group=TIME, help="Begin no further look after this time, as 30m.")
@option(
    "--budget",
    metavar="TIME",
    group=TIME,
    help="Make as many trials as fit this time, as 2h; timed before the plan is made.",
)
@option("--dry-run", is_flag=True, group=TIME, help="Print the plan and its cost, and run nothing.")
@data_dir_option
@runs_option
@jobs_option
@dask_option
@option(
    "--out",
    default="ravine-comparison",
    show_default=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    group=OUTPUT,
    help="Folder of the page.",
)
@option("--list", "show_list", is_flag=True, group=OUTPUT, help="List the comparisons in the folder of runs.")
@json_option
@quiet_option
def compare(
    optimizers: tuple[str, ...], everything: bool, problem: str | None, against: str | None,
    batch_size: str | None, schedule: str | None, at_most: str | None, budget: str | None, until_decided: bool,
    dry_run: bool, data_dir: Path | None, runs: str | None, jobs: int | None, dask: str | None, out: Path,
    show_list: bool, as_json: bool, quiet: bool, **numbers: Any,
) -> int:  # fmt: skip
    """Compare optimizers fairly: tune each with the same budget, run the winners with fresh seeds, judge every pair.

    Each optimizer is searched in its own space, on a validation split of the training set. The best setting of each is
    trained anew on the whole training set with seeds that no trial had, and the test set is looked at once. Each pair
    is better, worse, equivalent or undecided. OPTIMIZER is a name or FILE.py:NAME; FILE.toml describes a whole
    comparison; an ID shows a stored one again. With --against atlas one OPTIMIZER of yours stands beside the best that
    ravine has tuned already, with the same budget. docs/comparison.md explains the protocol.

    The page, index.html, has the leaderboard, the pairs, the plan and all trials. Stored runs are not repeated, so
    after an interruption the command goes on where it was.
    """
    from ravine.comparison.compare import Interrupted, compare_prepared
    from ravine.comparison.defaults import LOOKS
    from ravine.comparison.prepare import prepare
    from ravine.inputs import seconds_of
    from ravine.report.written import check_free
    from ravine.storage.files import check_writable
    from ravine.storage.store import RunStore

    store = RunStore(runs)
    if show_list:
        _alone("--list", beside=optimizers)
        return list_comparisons(store, as_json)
    ids = [name for name in optimizers if _ID.fullmatch(name)]
    if ids:
        _alone(f"the id {ids[0]}", beside=[name for name in optimizers if name != ids[0]])
        check_free(out)
        return reopen(store, ids[0], out, as_json)
    if budget is not None and numbers["trials"] is not None:
        raise ConfigError("--budget chooses the number of trials: leave out --trials, or --budget.")
    longest = None if at_most is None else seconds_of("--at-most", at_most)
    most = None if budget is None else seconds_of("--budget", budget)
    if longest is not None and not until_decided:
        raise ConfigError("--at-most ends a comparison between looks: give --until-decided too.")
    numbers |= {"looks": LOOKS} if until_decided else {}
    plan, found = _plan(optimizers, everything, problem, against, batch_size, schedule, budget, numbers)
    with running_on(dask, jobs, data_dir, dry_run=dry_run) as runner:
        prepared = prepare(plan, found, budget=most, runs=runs, data_dir=data_dir, runner=runner, quiet=quiet)
        if dry_run:
            return _dry_run(prepared, as_json)
        for place in (out, store.root):
            check_writable(place)
        check_free(out)
        if not quiet:
            click.echo(f"ravine: plan {prepared.id}: {_cost(prepared)}", err=True)
        try:
            done = compare_prepared(prepared, watching_stages(quiet), at_most=longest, command=_command(prepared))
        except Interrupted as stop:
            if as_json:
                print_json({"plan": prepared.id, "leaderboard": None})
            click.echo(f"ravine: {stop}", err=True)
            return 128 + stop.signal
    show_comparison(done, done.write(out), as_json)
    return 0


_ID = re.compile(r"[0-9a-f]{4,16}|(?=.*\d)[0-9a-f]{2,3}")
"""The beginning of an id; one so short that it could be a name has a digit."""

_OF_STORED = ("optimizers", "runs", "out", "as_json", "quiet", "show_list")
"""What may be given beside the id of a stored comparison, or beside --list."""


def _alone(what: str, beside: Sequence[str]) -> None:
    """Check that nothing is asked of a stored comparison that it cannot answer."""
    from click.core import ParameterSource

    ctx = click.get_current_context()
    others = [
        parameter.opts[0]
        for parameter in ctx.command.params
        if str(parameter.name) not in _OF_STORED
        and ctx.get_parameter_source(str(parameter.name)) == ParameterSource.COMMANDLINE
    ]
    if beside or others:
        raise ConfigError(
            f"{what} shows what is stored, and takes no {listed([*beside, *others], 'or')}: leave it out."
        )


def _plan(
    given: Sequence[str],
    everything: bool,
    problem: str | None,
    against: str | None,
    batch_size: str | None,
    schedule: str | None,
    budget: str | None,
    numbers: Mapping[str, Any],
) -> tuple[Plan, dict[str, Optimizer]]:
    """Return the plan that a command line and the file of a comparison describe, and its optimizers by label.

    Options go before the file.
    """
    from ravine.comparison.against import plan_against
    from ravine.comparison.defaults import DEFAULT_PROBLEM, protocol_of
    from ravine.comparison.file import ComparisonFile, read_comparison
    from ravine.comparison.planning import all_elementwise, make_plan

    files = [name for name in given if name.endswith(".toml")]
    if len(files) > 1:
        raise ConfigError(f"{listed(files, 'and')} are given: give the file of one comparison.")
    file = read_comparison(files[0]) if files else ComparisonFile()
    named = [name for name in given if name not in files]
    optimizers = [*(all_elementwise() if everything else ()), *(named or file.taking_part)]
    problems = _split(problem) or file.problems
    schedules, sizes = _split(schedule) or file.schedules, _sizes(batch_size) or file.batch_sizes
    chosen = {**file.protocol, **{name: value for name, value in numbers.items() if value is not None}}
    if against is not None:
        decided = {"--all": everything, "schedule": schedules, "batch_size": sizes, "budget": budget}
        chosen |= {name: value for name, value in decided.items() if value}
        return plan_against(against, optimizers, problems or None, chosen, file.search)
    return make_plan(
        optimizers,
        problems or (DEFAULT_PROBLEM,),
        protocol_of(**chosen),
        schedules=schedules,
        batch_sizes=sizes,
        spaces=file.search,
    )


def _split(text: str | None) -> list[str]:
    return [] if text is None else [part.strip() for part in text.split(",")]


def _sizes(text: str | None) -> list[int]:
    try:
        return [int(size) for size in _split(text)]
    except ValueError:
        raise click.BadParameter(f"{text!r} is no list of whole numbers, for example 10,100.") from None


def _command(prepared: Prepared) -> str:
    """Return the command that makes the same comparison again, whatever the clock says."""
    from click.core import ParameterSource

    ctx = click.get_current_context()
    words = ["ravine", "compare", *ctx.params["optimizers"]]
    left_out = ("budget", "at_most", "dry_run", "as_json", "quiet", "jobs", "dask", "data_dir", "trials")
    for parameter in ctx.command.params:
        name, value = str(parameter.name), ctx.params.get(str(parameter.name))
        given = ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE and name not in left_out
        if given and isinstance(parameter, click.Option):
            words += [parameter.opts[0], *([] if parameter.is_flag else [str(value)])]
    if ctx.params["budget"] is not None or ctx.params["trials"] is not None:
        words += ["--trials", str(prepared.plan.protocol.trials)]
    return shlex.join(words)


def _cost(prepared: Prepared) -> str:
    from ravine.studies.runners import at_once

    cost = prepared.cost
    return f"about {several(cost.runs, 'run')}, {duration(cost.wall)} with {at_once(prepared.runner)} at a time"


def _dry_run(prepared: Prepared, as_json: bool) -> int:
    from ravine.comparison.protocol_words import protocol_words, space_rows, tuned_rows

    plan, cost = prepared.plan, prepared.cost
    if as_json:
        print_json(
            {
                "plan": prepared.id,
                **{"problems": plan.problems, "optimizers": plan.entries, "protocol": plan.protocol},
                "runs": {"tuning": cost.tuning, "finals": cost.finals},
                "wall_seconds": cost.wall,
            }
        )
        return 0
    print_text(f"Plan {prepared.id}")
    click.echo()
    print_table(
        ("problem", "what it is", "epochs", "batch size"),
        [(p.name, p.title, str(p.epochs), str(p.batch_size)) for p in plan.problems],
    )
    click.echo()
    print_table(
        ("optimizer", "searched", "from"),
        [
            (label, f"{name}: {axis}", "the file" if overridden else "the optimizer" if own else "the comparison")
            for label, name, axis, overridden, own in space_rows(plan)
        ],
    )
    click.echo()
    tuned = tuned_rows(plan)
    if tuned:
        print_table(("tuned by an earlier comparison", "on", "settings"), tuned)
        click.echo()
    print_table(("number", "what it is"), list(protocol_words(plan.protocol, tuned=bool(tuned)).items()))
    click.echo()
    print_text(f"{_cost(prepared)[0].upper()}{_cost(prepared)[1:]}, if none is stored yet and no search is at an edge.")
    return 0
