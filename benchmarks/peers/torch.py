"""PyTorch, eager, with its fused optimizers."""

from __future__ import annotations

from benchmarks.peers import ALPHA, LR, Task, Train

LIBRARIES = ("torch",)
OPTIMIZERS = ("sgd", "momentum", "adagrad", "adam")


def make(task: Task, compiled: bool = False) -> Train:
    """Return the usual training loop."""
    import torch

    if task.threads:
        torch.set_num_threads(task.threads)
    layers: list[torch.nn.Module] = []
    for matrix in task.matrices:
        linear = torch.nn.Linear(*matrix.shape, bias=False)
        linear.weight.data = torch.from_numpy(matrix.T.copy())
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    cross_entropy = torch.nn.CrossEntropyLoss()
    optimizer = {
        "sgd": lambda p: torch.optim.SGD(p, lr=LR, fused=True),
        "momentum": lambda p: torch.optim.SGD(p, lr=LR, momentum=ALPHA, fused=True),
        "adagrad": lambda p: torch.optim.Adagrad(p, lr=LR, eps=1e-8, fused=True),
        "adam": lambda p: torch.optim.Adam(p, lr=LR, fused=True),
    }[task.optimizer](model.parameters())
    images, labels = torch.from_numpy(task.inputs), torch.from_numpy(task.labels).long()

    def loss_of(x, y):
        return cross_entropy(model(x), y)

    forward = torch.compile(loss_of) if compiled else loss_of

    def train(order):
        total = torch.zeros(())
        for batch in torch.from_numpy(order).split(task.batch_size):
            optimizer.zero_grad(set_to_none=True)
            loss = forward(images[batch], labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(batch)
        return float(total) / len(order)

    return train
