"""PyTorch without autograd or optimizers: the gradient is written out, and added to the rows of the weights."""

from __future__ import annotations

from benchmarks.sparse.peers import LR, Forms, Task, Train

LIBRARIES = ("torch",)


def forms(optimizer: str) -> Forms:
    return {"sgd": {"rows added in place": sgd}}.get(optimizer, {})


def sgd(task: Task) -> Train:
    import torch
    from torch.nn import functional

    if task.threads:
        torch.set_num_threads(task.threads)
    problem, lr = task.problem, LR[task.optimizer]
    first, second = torch.tensor(problem.first), torch.tensor(problem.second)
    columns, values = torch.from_numpy(problem.columns), torch.from_numpy(problem.values)
    labels = torch.from_numpy(problem.labels).long()

    @torch.no_grad()
    def train(order):
        total = torch.zeros(())
        for batch in torch.from_numpy(order).split(task.batch_size):
            c, x, y = columns[batch], values[batch], labels[batch][:, None]
            hidden = functional.embedding_bag(c, first, per_sample_weights=x, mode="sum").relu_()
            logs = (hidden @ second).log_softmax(1)
            total -= logs.gather(1, y).sum()
            delta = logs.exp_()
            delta.scatter_add_(1, y, delta.new_full(y.shape, -1.0)).div_(len(batch))
            below = (delta @ second.T) * (hidden > 0)
            second.addmm_(hidden.T, delta, alpha=-lr)
            first.index_add_(0, c.flatten(), (x[:, :, None] * below[:, None]).flatten(0, 1), alpha=-lr)
        return float(total) / len(order)

    return train
