"""Names, widths and counts of a configuration are those of the modules that are built from it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semphase.errors import SemphaseError
from semphase.science.audit import cvfp_formulas as cvfp_parameters
from semphase.science.cvfp.model import Configuration, ContextBlock, Recipe, TokenBlock, parameters_of

SMALL = st.integers(1, 4)
WIDTH = st.integers(1, 9)


@given(SMALL, SMALL, WIDTH, WIDTH, st.sampled_from(["every", "first"]))
def test_counts_are_those_of_the_built_modules(layers, tokens, embedding, context, token_input):
    configuration = Configuration(layers, tokens, embedding, context, token_input)
    generator = torch.Generator().manual_seed(0)
    assert configuration.context_parameters == parameters_of(ContextBlock(configuration, generator))
    assert configuration.token_parameters == parameters_of(TokenBlock(configuration, generator))


@given(SMALL, SMALL, WIDTH, WIDTH)
def test_counts_are_those_of_the_formulas_that_the_audit_uses(layers, tokens, embedding, context):
    configuration = Configuration(layers, tokens, embedding, context)
    shape = (layers, tokens, embedding, context)
    assert configuration.context_parameters == cvfp_parameters.context_parameters(*shape)
    assert configuration.token_parameters == cvfp_parameters.token_parameters(*shape)


def test_the_published_count_of_the_largest_token_block():
    # 003, "parameter efficiency": 3L_768d_3tok, phase 2, 17.78M.
    assert round(Configuration(3, 3, 768, 768).token_parameters / 1e6, 2) == 17.78


def test_widths_fall_from_the_tokens_to_the_embedding():
    assert Configuration(3, 3, 768, 5).token_widths == (2304, 1792, 1280, 768)
    assert Configuration(2, 1, 8, 5).token_widths == (8, 8, 8)


def test_names_are_the_sources():
    assert Configuration(1, 2, 576, 1152).name == "1L-1152d-2tok"
    assert Configuration(3, 1, 8, 8, "first").name == "3L-8d-1tok-first"


@pytest.mark.parametrize("name", ["layers", "tokens", "embedding_width", "context_width"])
def test_a_number_below_one_is_refused_by_name(name):
    numbers = {"layers": 1, "tokens": 1, "embedding_width": 4, "context_width": 4, name: 0}
    with pytest.raises(SemphaseError, match=f"has {name} = 0; give 1 or more"):
        Configuration(**numbers)


def test_an_unknown_token_input_is_refused():
    with pytest.raises(SemphaseError, match="no token input 'last': choose every or first"):
        Configuration(1, 1, 4, 4, "last")


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"patience": 0}, "patience = 0"),
        ({"diversity": 1.5}, "give 0 to 1"),
        ({"noise": -0.1}, "noise of at least 0"),
        ({"noise": float("nan")}, "noise of at least 0"),
        ({"context_rate": 0.0}, "context_rate = 0.0; give more than 0"),
        ({"token_clip": float("nan")}, "token_clip = nan"),
        ({"fewest": 9, "most": 8}, "most iterations not below the fewest"),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused(given_, told):
    with pytest.raises(SemphaseError, match=told):
        Recipe(**given_)
