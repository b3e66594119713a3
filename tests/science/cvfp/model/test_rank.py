"""Effective rank: known answers, and a singular value decomposition of the whole matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semphase.science.cvfp.model import effective_rank, stream_of
from semphase.science.cvfp.model.rank import group_products, products, rank_of, singular_values


def direct(contexts):
    values = np.linalg.svd(contexts.double().numpy(), compute_uv=False)
    share = values[values > 1e-9 * values[0]] / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()) / contexts.shape[1])


def drawn(tokens, width, seed=0):
    return torch.randn(tokens, width, generator=torch.Generator().manual_seed(seed))


def test_one_direction_is_one_over_the_width():
    assert effective_rank(drawn(50, 1) @ drawn(1, 8, seed=1)) == pytest.approx(1 / 8, rel=1e-3)


def test_equal_directions_are_the_whole_width():
    assert effective_rank(torch.linalg.qr(drawn(8, 8)).Q) == pytest.approx(1.0, rel=1e-6)
    assert effective_rank(torch.eye(8).repeat(5, 1)) == pytest.approx(1.0, rel=1e-12)


def test_zeros_have_none():
    assert np.isnan(effective_rank(torch.zeros(9, 4)))


@given(st.integers(2, 60), st.integers(2, 12), st.integers(0, 100))
def test_it_is_the_formula_on_a_singular_value_decomposition(tokens, width, seed):
    contexts = drawn(tokens, width, seed)
    assert effective_rank(contexts) == pytest.approx(direct(contexts), rel=1e-6)


@given(st.floats(1e-3, 1e3))
def test_the_scale_does_not_count(scale):
    contexts = drawn(30, 6)
    assert effective_rank(scale * contexts) == pytest.approx(effective_rank(contexts), rel=1e-5)


def test_singular_values_are_relative_and_fall():
    values = singular_values(products(drawn(40, 7)))
    assert values.sum() == pytest.approx(1)
    assert (np.diff(values) <= 0).all()
    assert rank_of(values) == effective_rank(drawn(40, 7))


def test_groups_of_documents_add_up(vocabulary, documents):
    stream, contexts = stream_of(vocabulary, documents, 1), drawn(240, 5)
    parts = group_products(contexts, stream, 5)
    np.testing.assert_allclose(sum(parts), products(contexts), rtol=1e-12)
    # Twelve documents in five groups: the first two hold two and three of them, twenty tokens each.
    np.testing.assert_allclose(parts[1], products(contexts[40:100]), rtol=1e-12)
