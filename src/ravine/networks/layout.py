"""The layout of the flat weight vector: where the weights of each layer lie in it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ravine.arrays import Array
from ravine.errors import ConfigError, shortened


@dataclass(frozen=True)
class Layout:
    """The flat weight vector of a multi-layer perceptron, layer after layer.

    Layer l maps n_l inputs to n_(l+1) outputs. Its weights are a matrix of shape (n_l, n_(l+1)), indexed (i, o), so
    that all weights that multiply one input are one contiguous row. With biases there is one row more, the last, whose
    input is always 1.

    >>> layout = Layout((784, 300, 100, 100, 10))
    >>> layout.size
    276200
    >>> [view.shape for view in layout.views(np.zeros(layout.size))]
    [(784, 300), (300, 100), (100, 100), (100, 10)]
    """

    layers: tuple[int, ...]
    bias: bool = False

    def __post_init__(self) -> None:
        if len(self.layers) < 2 or any(n < 1 for n in self.layers):
            raise ConfigError(
                f"layers {shortened(list(self.layers))} do not make a network: give at least two sizes, each 1 or "
                "more, for example 784,300,100,100,10."
            )

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The shape (rows, o) of each layer's matrix, the bias row counted in."""
        pairs = zip(self.layers[:-1], self.layers[1:], strict=True)
        return tuple((i + self.bias, o) for i, o in pairs)

    @cached_property
    def size(self) -> int:
        """The number n of weights."""
        return sum(rows * columns for rows, columns in self.shapes)

    @cached_property
    def _places(self) -> tuple[tuple[int, int, tuple[int, int]], ...]:
        """Where each layer's matrix begins and ends in the flat vector, and its shape."""
        ends = np.cumsum([0, *(rows * columns for rows, columns in self.shapes)]).tolist()
        return tuple(zip(ends[:-1], ends[1:], self.shapes, strict=True))

    def views(self, flat: Array) -> tuple[Array, ...]:
        """Return each layer's matrix as a view of `flat`, shape (n,): writing to one writes to the other."""
        if flat.shape != (self.size,):
            raise ConfigError(
                f"weights of shape {flat.shape} do not fit layers {shortened(list(self.layers))}"
                f"{' with biases' if self.bias else ''}: the shape must be ({self.size},)."
            )
        return tuple(flat[first:end].reshape(shape) for first, end, shape in self._places)

    def tensors(self, flat: Array) -> tuple[Array, ...]:
        """Return each layer's matrix, (i, o), followed by its bias, (o,), if it has one; all are views of `flat`.

        >>> [part.shape for part in Layout((3, 2, 1), bias=True).tensors(np.zeros(11))]
        [(3, 2), (2,), (2, 1), (1,)]
        """
        matrices = self.views(flat)
        return tuple(part for m in matrices for part in (m[:-1], m[-1])) if self.bias else matrices

    def name(self, index: int) -> tuple[int, int, int]:
        """Return (layer, row, column) of the weight at `index` of the flat vector, all counted from 0.

        >>> Layout((784, 300, 10)).name(784 * 300 + 10)
        (1, 1, 0)
        """
        for layer, (rows, columns) in enumerate(self.shapes):
            if 0 <= index < rows * columns:
                return layer, index // columns, index % columns
            index -= rows * columns
        raise IndexError(f"the layout has {self.size} weights")
