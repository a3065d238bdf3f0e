from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.errors import ConfigError
from ravine.networks import Layout, Network

LAYERS = st.lists(st.integers(1, 6), min_size=2, max_size=5).map(tuple)


def test_the_networks_of_the_paper_have_the_paper_s_number_of_weights():
    assert Layout((784, 300, 100, 100, 10)).size == 276_200
    assert Layout((784, 300, 100, 100, 10), bias=True).size == 276_200 + 300 + 100 + 100 + 10


@given(layers=LAYERS, bias=st.booleans())
def test_views_share_the_flat_vector_in_order(layers, bias):
    layout = Layout(layers, bias)
    flat = np.arange(layout.size, dtype=np.float64)
    views = layout.views(flat)

    assert [view.shape for view in views] == [(i + bias, o) for i, o in pairwise(layers)]
    assert np.concatenate([view.ravel() for view in views]).tolist() == flat.tolist()
    for view in views:
        view += 1
    assert flat[0] == 1
    assert flat[-1] == layout.size


@given(layers=LAYERS, bias=st.booleans(), data=st.data())
def test_name_says_where_a_weight_is(layers, bias, data):
    layout = Layout(layers, bias)
    index = data.draw(st.integers(0, layout.size - 1))
    layer, row, column = layout.name(index)

    flat = np.zeros(layout.size)
    flat[index] = 1
    assert layout.views(flat)[layer][row, column] == 1


@pytest.mark.parametrize("index", [-1, 8])
def test_a_weight_that_does_not_exist_has_no_name(index):
    with pytest.raises(IndexError, match="8 weights"):
        Layout((2, 2, 2)).name(index)


@pytest.mark.parametrize("layers", [(), (784,), (784, 0, 10), (784, -3, 10)])
def test_sizes_that_make_no_network_are_refused(layers):
    with pytest.raises(ConfigError, match="at least two sizes, each 1 or more"):
        Network(layers)


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ConfigError, match=r"shape \(5,\).*with biases.*must be \(6,\)"):
        Layout((2, 2), bias=True).views(np.zeros(5))


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ConfigError, match="'leaky-relu'"):
        Network((2, 2), activation="leaky_relu")
    with pytest.raises(ConfigError, match="'shifted'"):
        Network((2, 2), softmax="shift")
