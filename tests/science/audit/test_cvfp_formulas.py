"""Parameter counts by a slow loop and by the library's own configuration; formulas at known points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semphase.science.audit.cvfp_formulas import (
    context_parameters,
    exponent,
    factor,
    token_parameters,
    variance_explained,
)
from semphase.science.audit.rounding import around
from semphase.science.cvfp.model.configuration import Configuration

counts, widths = st.integers(1, 4), st.integers(1, 9)


@given(counts, counts, widths, widths)
def test_counts_are_those_of_the_configuration(layers, tokens, embedding, context):
    own = Configuration(layers, tokens, embedding, context)
    assert context_parameters(layers, tokens, embedding, context) == own.context_parameters
    assert token_parameters(layers, tokens, embedding, context) == own.token_parameters


@given(counts, counts, widths, widths)
def test_counts_are_those_of_arrays_built_one_by_one(layers, tokens, embedding, context):
    made = 0
    for _ in range(layers):
        made += sum(
            np.zeros(shape).size for shape in ((context, context + tokens * embedding), (context,), (2, context))
        )
    assert context_parameters(layers, tokens, embedding, context) == made
    made, wide = 0, tokens * embedding
    for layer in range(1, layers + 1):
        narrow = tokens * embedding - round((tokens - 1) * embedding * layer / layers)
        made += sum(np.zeros(shape).size for shape in ((narrow, context + wide), (narrow,), (2, narrow)))
        made += np.zeros((narrow, wide + 1)).size if narrow != wide else 0
        wide = narrow
    assert wide == embedding
    assert token_parameters(layers, tokens, embedding, context) == made


def test_one_layer_by_hand():
    # W is 2 × (2 + 3), its bias 2, gain and shift 4.
    assert context_parameters(1, 1, 3, 2) == 16
    # W is 3 × (2 + 3), its bias 3, gain and shift 6; with two tokens W is 3 × 8 and P 3 × 6 + 3.
    assert token_parameters(1, 1, 3, 2) == 24
    assert token_parameters(1, 2, 3, 2) == 24 + 3 + 6 + 21


def test_formulas_at_known_points():
    layers, tokens = np.array([2.0, 1.0, 3.0]), np.array([2.0, 2.0, 1.0])
    assert exponent(layers, tokens) == pytest.approx([-0.51, -0.49, -0.50])
    assert factor(layers) == pytest.approx([1.7e5, 1.955e5, 1.955e5])


def test_a_formula_explains_itself_and_a_constant_nothing():
    values = np.array([-0.5, -0.52, -0.49])
    assert float(variance_explained(around(values, 0.0), values).value) == 1
    assert float(variance_explained(around(values, 0.0), np.full(3, values.mean())).value) == pytest.approx(0)
    rounded = variance_explained(around(values, 0.005), values)
    assert rounded.low < 1 == rounded.high
