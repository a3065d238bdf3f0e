"""PyTorch: EmbeddingBag, whose gradient is sparse, or dense for the optimizers that take no sparse one."""

from __future__ import annotations

from functools import partial

from benchmarks.sparse.peers import ALPHA, EPS, LR, Forms, Task, Train

LIBRARIES = ("torch",)


def forms(optimizer: str) -> Forms:
    """Return the optimizers with sparse gradients, and the fused ones, which take dense gradients alone.

    SGD with momentum takes sparse gradients, but its buffer is a sparse tensor that gets longer and slower with every
    step, so it is not among them.
    """
    sparse, dense = partial(make, sparse=True), partial(make, sparse=False)
    return {
        "sgd": {"sparse gradient": sparse, "dense gradient": dense},
        "momentum": {"dense gradient": dense},
        "adagrad": {"sparse gradient": sparse, "dense gradient": dense},
        "adam": {"dense gradient": dense},
        "lazy_adam": {"SparseAdam": sparse},
    }[optimizer]


def make(task: Task, sparse: bool) -> Train:
    """Return the usual training loop."""
    import torch
    from torch.nn import functional

    if task.threads:
        torch.set_num_threads(task.threads)
    problem, lr = task.problem, LR[task.optimizer]
    first = torch.nn.EmbeddingBag(*problem.first.shape, mode="sum", sparse=sparse, _weight=torch.tensor(problem.first))
    second = torch.nn.Linear(*problem.second.shape, bias=False)
    second.weight.data = torch.tensor(problem.second.T).contiguous()

    def optimizer_of(weights: torch.nn.Parameter, sparse: bool) -> torch.optim.Optimizer:
        fused = {"foreach": False} if sparse else {"fused": True}
        if task.optimizer == "lazy_adam" and sparse:
            return torch.optim.SparseAdam([weights], lr=lr)
        return {
            "sgd": lambda: torch.optim.SGD([weights], lr=lr, **fused),
            "momentum": lambda: torch.optim.SGD([weights], lr=lr, momentum=ALPHA, **fused),
            # An accumulator that starts at eps is ravine's eps within the root.
            "adagrad": lambda: torch.optim.Adagrad([weights], lr=lr, initial_accumulator_value=EPS, eps=0, **fused),
            "adam": lambda: torch.optim.Adam([weights], lr=lr, **fused),
            "lazy_adam": lambda: torch.optim.Adam([weights], lr=lr, **fused),
        }[task.optimizer]()

    optimizers = [optimizer_of(first.weight, sparse), optimizer_of(second.weight, False)]
    columns, values = torch.from_numpy(problem.columns), torch.from_numpy(problem.values)
    labels = torch.from_numpy(problem.labels).long()

    def train(order):
        total = torch.zeros(())
        for batch in torch.from_numpy(order).split(task.batch_size):
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
            hidden = first(columns[batch], per_sample_weights=values[batch]).relu()
            loss = functional.cross_entropy(second(hidden), labels[batch])
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            total += loss.detach() * len(batch)
        return float(total) / len(order)

    return train
