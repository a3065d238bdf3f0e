from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ravine.losses.cross_entropy import SOFTMAX_FORMS, cross_entropy, softmax

LOGITS = st.lists(st.floats(-30, 30), min_size=2, max_size=8)


@pytest.fixture(params=SOFTMAX_FORMS)
def form(request):
    return request.param


def test_two_classes_are_a_logistic_function(form):
    for z in (-5.0, -0.3, 0.0, 2.0):
        p = softmax(np.array([[z, 0.0]]), form)[0]
        assert p == pytest.approx([1 / (1 + math.exp(-z)), 1 / (1 + math.exp(z))], rel=1e-15)
        loss = cross_entropy(np.array([[z, 0.0]]), np.array([0]), form)
        assert loss == pytest.approx(math.log1p(math.exp(-z)), rel=1e-14)


def test_logarithms_of_whole_numbers_give_fractions(form):
    z = np.log([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]])
    assert softmax(z, form) == pytest.approx(np.array([[1, 2, 5], [3, 3, 2]]) / 8, rel=1e-15)
    losses = cross_entropy(z, np.array([2, 0]), form)
    assert losses == pytest.approx([math.log(8 / 5), math.log(8 / 3)], rel=1e-14)


@given(LOGITS)
def test_both_forms_agree_where_nothing_overflows(z):
    z = np.array([z])
    assert softmax(z, "naive") == pytest.approx(softmax(z, "shifted"), rel=1e-12)
    for label in range(z.shape[1]):
        labels = np.array([label])
        assert cross_entropy(z, labels, "naive") == pytest.approx(
            cross_entropy(z, labels, "shifted"), rel=1e-12, abs=1e-14
        )


@given(LOGITS, st.floats(-1e3, 1e3))
def test_a_shift_of_all_logits_changes_nothing(z, shift):
    z = np.array([z])
    assert softmax(z + shift) == pytest.approx(softmax(z), rel=1e-10)


def test_large_logits_overflow_in_the_naive_form_alone():
    z, label = np.array([[1000.0, 0.0]]), np.array([0])
    assert softmax(z, "shifted").tolist() == [[1, 0]]
    assert cross_entropy(z, label, "shifted").tolist() == [0]
    assert np.isnan(softmax(z, "naive")).tolist() == [[True, False]]
    assert np.isnan(cross_entropy(z, label, "naive")).all()


def test_a_probability_that_underflows_costs_infinity_in_the_naive_form_alone():
    z, label = np.array([[0.0, -800.0]]), np.array([1])
    assert cross_entropy(z, label, "shifted").tolist() == [800]
    assert cross_entropy(z, label, "naive").tolist() == [math.inf]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_logit_that_is_not_finite_shows(form, bad):
    assert np.isnan(cross_entropy(np.array([[0.0, bad, 1.0]]), np.array([1]), form)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64", "longdouble", "complex128"])
def test_the_dtype_stays(form, dtype):
    z = np.array([[0.5, -1, 2]]).astype(dtype)
    assert softmax(z, form).dtype == z.dtype
    assert cross_entropy(z, np.array([1]), form).dtype == z.dtype
