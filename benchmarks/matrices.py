"""Matrix optimizers beside PyTorch: `python -m benchmarks.matrices [--json]`, after `pip install -e ".[peers]"`.

Milliseconds a step on one core and one thread, on the paper's network and MNIST in float32: muon beside PyTorch's own,
soap and shampoo beside those of pytorch-optimizer, which follow the authors' code. Both sides have the same images,
batches and initial weights, and compute preconditioners equally often. Each side has a process of its own. The first
steps, in which preconditioners are computed most often, are not timed; then both sides are timed in turn, round after
round, and medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

COMPARED = ("muon", "soap", "shampoo")
WARM_UP, STEPS = 40, 20
"""Steps before and in each round; both are multiples of how often preconditioners are computed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--optimizers", nargs="+", choices=COMPARED, default=COMPARED)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=("ravine", "torch"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        serve(arguments.side)
        return
    sides = {side: start(side) for side in ("ravine", "torch")}
    rows = []
    for optimizer in arguments.optimizers:
        for size in arguments.batch_sizes:
            rows.append(measure(sides, optimizer, size, arguments.repeats))
            if not arguments.json:
                print("{optimizer:8} m = {batch_size:4}  ravine {ravine:6.1f} ms  PyTorch {torch:6.1f} ms  "
                      "{ratio:.2f} times its time; losses {losses[0]:.3f}, {losses[1]:.3f}".format(**rows[-1]),
                      flush=True)  # fmt: skip
    if arguments.json:
        print(json.dumps({"unit": "milliseconds a step, one core", "rows": rows}, indent=2))


def measure(sides: dict[str, subprocess.Popen[str]], optimizer: str, size: int, repeats: int) -> dict[str, Any]:
    losses = [ask(process, {"optimizer": optimizer, "batch_size": size})["loss"] for process in sides.values()]
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repeats):
        for side, process in sides.items():
            seconds[side].append(ask(process, {})["seconds"])
    medians = {side: 1e3 * statistics.median(taken) / STEPS for side, taken in seconds.items()}
    ratio = medians["ravine"] / medians["torch"]
    return {"optimizer": optimizer, "batch_size": size, **medians, "ratio": ratio, "losses": losses}


def start(side: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.matrices", "--side", side]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(process: subprocess.Popen[str], question: dict[str, Any]) -> dict[str, Any]:
    print(json.dumps(question), file=process.stdin, flush=True)
    answer: dict[str, Any] = json.loads(process.stdout.readline()) if process.stdout else {}
    return answer


def serve(side: str) -> None:
    """Prepare an optimizer when it is named, and take steps with it when nothing is named."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    train: Callable[[int], float] = lambda steps: 0.0  # noqa: E731
    for line in sys.stdin:
        asked = json.loads(line)
        if asked:
            train = {"ravine": ravine, "torch": torch}[side](**asked)
            answer = {"loss": train(WARM_UP)}
        else:
            began = time.perf_counter()
            train(STEPS)
            answer = {"seconds": time.perf_counter() - began}
        print(json.dumps(answer), flush=True)


def rate_of(optimizer: str) -> float:
    """Return the default rate, except for shampoo: at ravine's default the other one diverges in batches of 1000."""
    from ravine.formulas.shelves import OPTIMIZERS

    return 0.01 if optimizer == "shampoo" else float(OPTIMIZERS.find(optimizer).defaults["lr"] or 0)


def batches(size: int, count: int) -> Any:
    from ravine.training import epoch_order

    position = 0
    order = epoch_order(0, 0, count).astype(np.int64)
    while True:
        yield np.take(order, range(position, position + size), mode="wrap")
        position = (position + size) % count


def ravine(optimizer: str, batch_size: int) -> Callable[[int], float]:
    from ravine.data import load
    from ravine.engines import make_engine
    from ravine.formulas.shelves import OPTIMIZERS
    from ravine.spec import RunSpec
    from ravine.training import start_weights

    data, rule, spec = load().train, OPTIMIZERS.find(optimizer), RunSpec()
    engine = make_engine("fused", spec.network, rule, start_weights(spec), "float32", batch_size)
    engine.compile()
    engine.prepare(data)
    hyper, source = rule.hyperparameters({"lr": rate_of(optimizer)}), batches(batch_size, len(data.targets))

    def train(steps: int) -> float:
        for _ in range(steps):
            loss = engine.train(data, next(source), 0, batch_size, hyper).loss_sum / batch_size
        return loss

    return train


def torch(optimizer: str, batch_size: int) -> Callable[[int], float]:
    import torch
    from pytorch_optimizer import SOAP, Shampoo

    from ravine.data import load
    from ravine.formulas.shelves import OPTIMIZERS
    from ravine.spec import RunSpec
    from ravine.training import start_weights

    torch.set_num_threads(1)
    data, spec, rule = load().train, RunSpec(), OPTIMIZERS.find(optimizer)
    layers: list[torch.nn.Module] = []
    for matrix in spec.network.layout.views(start_weights(spec)):
        linear = torch.nn.Linear(*matrix.shape, bias=False)
        linear.weight.data = torch.from_numpy(matrix.T.astype(np.float32).copy())
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    lr, every = rate_of(optimizer), int(rule.defaults.get("precondition_frequency") or 0)
    made = {
        "muon": lambda p: torch.optim.Muon(p, lr=lr, weight_decay=0.0),
        "soap": lambda p: SOAP(p, lr=lr, weight_decay=0.0, precondition_frequency=every),
        "shampoo": lambda p: Shampoo(p, lr=lr, preconditioning_compute_steps=every, matrix_eps=1e-4),
    }[optimizer](model.parameters())
    cross_entropy = torch.nn.CrossEntropyLoss()
    images = torch.from_numpy(data.features.reshape(len(data.targets), -1).astype(np.float32) / np.float32(255))
    labels = torch.from_numpy(data.targets.copy()).long()
    source = batches(batch_size, len(labels))

    def train(steps: int) -> float:
        for _ in range(steps):
            batch = torch.from_numpy(next(source))
            made.zero_grad(set_to_none=True)
            loss = cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            made.step()
        return float(loss.detach())

    return train


if __name__ == "__main__":
    main()
