"""Random nonsense, to find what ravine does not expect: `python -m benchmarks.nonsense [--count 10000] [--seed 0]`.

Command lines are made up for every command and option, and calls of `ravine.train`, `check_gradient`, `draw_paths`,
`load_run` and others, with values that are good, nearly good and odd; files that they read are damaged. Each runs in a
folder of its own with small data. It must end in a result or in a documented error of one sentence, with the exit code
of its kind, without a warning, with nothing half-written left behind, and soon after Ctrl-C. Each case that does not
is printed with the options that repeat it, and the exit code is 1.

A case depends on the seed and its number alone: `--seed S --first N --count 1` repeats it.
"""

from __future__ import annotations

import argparse
import collections
import random
import re
import resource
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.nonsense import calls, lines
from benchmarks.nonsense.judge import Ended, judge_call, judge_line
from benchmarks.nonsense.world import World, build, damage
from ravine.cli.main import ravine

MEMORY = 8 * 2**30
"""Bytes of address space that a case may take; one that wants more must be told so."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="cases of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="number of the first case")
    parser.add_argument("--commands", action="store_true", help="only command lines")
    parser.add_argument("--calls", action="store_true", help="only calls")
    parser.add_argument("--only", default="", metavar="PATTERN", help="only what has a name that this fits, as train")
    arguments = parser.parse_args()
    both = arguments.commands == arguments.calls
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    with tempfile.TemporaryDirectory(prefix="nonsense-") as folder:
        world = build(Path(folder).resolve())
        numbers = range(arguments.first, arguments.first + arguments.count)
        faults = 0
        if arguments.commands or both:
            known = [one for one in lines.commands(ravine) if re.search(arguments.only, " ".join(one[0]))]
            faults += _cases("commands", arguments.seed, numbers, lambda rng: _line(rng, known, world), world)
        if arguments.calls or both:
            names = calls.names(world)
            targets = [one for one in calls.TARGETS if re.search(arguments.only, one[0])]
            faults += _cases("calls", arguments.seed, numbers, lambda rng: _call(rng, targets, names, world), world)
    sys.exit(1 if faults else 0)


def _line(rng: random.Random, known: list[lines.Command], world: World) -> tuple[str, Callable[[], Ended]]:
    words = lines.command_line(rng, known, world)
    paths = {" ".join(path) for path, _ in known}
    what = next((path for path in (" ".join(words[:2]), words[0]) if path in paths), "(none)") if words else "(none)"
    return f"ravine {shlex.join(words)}", lambda: judge_line(words, what, world)


def _call(
    rng: random.Random, targets: list[calls.Target], names: dict[str, object], world: World
) -> tuple[str, Callable[[], Ended]]:
    text = calls.call(rng, targets)
    return text, lambda: judge_call(text, names, world)


def _cases(
    kind: str, seed: int, numbers: range, make: Callable[[random.Random], tuple[str, Callable[[], Ended]]], world: World
) -> int:
    """Run cases, print their faults and then a table of their ends, and return how many had a fault."""
    ends: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    faulty, slowest, began = 0, (0.0, ""), time.perf_counter()
    for number in numbers:
        rng = random.Random(f"{kind} {seed} {number}")
        world.renew()
        text, judge = make(rng)
        damaged = [damage(rng, world.here, text) for _ in range(rng.choice([0, 0, 0, 1, 1, 2]))]
        started = time.perf_counter()
        ended = judge()
        slowest = max(slowest, (time.perf_counter() - started, text))
        ends[ended.what][ended.how] += 1
        if ended.faults:
            faulty += 1
            print(f"\n{kind} {number}, --{kind} --seed {seed} --first {number} --count 1")
            print(*(f"  {line[:1500]}" for line in (text, *damaged, *ended.faults)), sep="\n", flush=True)
    print(f"\n{len(numbers)} {kind}, seed {seed}, {time.perf_counter() - began:.0f} s, {faulty} with a fault")
    print(f"the slowest took {slowest[0]:.1f} s: {slowest[1][:200]}\n")
    for what, counts in sorted(ends.items()):
        print(f"  {what:24} " + ", ".join(f"{how}: {count}" for how, count in sorted(counts.items())))
    sys.stdout.flush()
    return faulty


if __name__ == "__main__":
    main()
