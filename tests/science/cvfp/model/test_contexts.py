"""Sequential contexts are the definition; the parallel forms give the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from semphase.science.cvfp.model import (
    Configuration,
    ContextBlock,
    Recipe,
    layer_outputs_parallel,
    layer_outputs_sequential,
    parallel_contexts,
    sequential_contexts,
    stream_of,
)
from semphase.science.cvfp.model.contexts import before

# One matrix product of some sixty float32 numbers, summed in another order, and a norm.
CLOSE = 1e-5
# Errors of that size, fed back through two hundred tokens by blocks that do not contract.
FED_BACK = 1e-3


@pytest.fixture(params=[(1, 1, "every"), (2, 3, "every"), (3, 2, "first")], ids=str)
def made(request, vocabulary, documents):
    layers, tokens, token_input = request.param
    configuration = Configuration(layers, tokens, 16, 24, token_input)
    block = ContextBlock(configuration, torch.Generator().manual_seed(5)).requires_grad_(False)
    return block, stream_of(vocabulary, documents, tokens)


def test_sequential_contexts_follow_one_another_from_zeros(made):
    block, stream = made
    found = sequential_contexts(block, stream)
    assert found.shape == (240, 24)
    first = block(torch.zeros(1, 24), stream.inputs(slice(0, 1)))[-1]
    np.testing.assert_allclose(found[:1], first, atol=CLOSE)
    next_ones = block(found[:-1], stream.inputs(slice(1, 240)))[-1]
    np.testing.assert_allclose(found[1:], next_ones, atol=CLOSE)


def test_the_sequential_contexts_are_the_parallel_fixed_point(made):
    block, stream = made
    every = Recipe(share=1.0, converged=1e-30, most=300, context_batch=37)
    found = parallel_contexts(block, stream, every)
    np.testing.assert_allclose(found.contexts, sequential_contexts(block, stream), atol=FED_BACK)


@pytest.mark.parametrize("iterations", [1, 3])
def test_iteration_k_makes_contexts_from_the_last_k_tokens(made, iterations):
    block, stream = made
    found = parallel_contexts(block, stream, Recipe(fewest=iterations, most=iterations))
    for token in (0, 1, 100):
        start = max(0, token - iterations + 1)
        context = torch.zeros(1, 24)
        for position in range(start, token + 1):
            context = block(context, stream.inputs(slice(position, position + 1)))[-1]
        np.testing.assert_allclose(found.contexts[token : token + 1], context, atol=10 * CLOSE)


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_the_size_of_a_batch_is_not_visible_in_contexts(made, size):
    block, stream = made
    recipe = Recipe(most=8)
    expected = parallel_contexts(block, stream, recipe)
    found = parallel_contexts(block, stream, replace(recipe, context_batch=size))
    np.testing.assert_allclose(found.contexts, expected.contexts, atol=10 * CLOSE)
    assert found.converged.shape == expected.converged.shape


def test_the_iteration_stops_by_the_rule_of_phase_1(made):
    block, stream = made
    found = parallel_contexts(block, stream, Recipe(converged=1e9))
    assert (len(found.converged), found.reached) == (5, True)
    assert found.converged.shape == (5, 12)
    assert bool((found.converged == 1).all())
    strict = parallel_contexts(block, stream, Recipe(converged=0.0, most=6))
    assert (len(strict.converged), strict.reached) == (6, False)


def test_the_fast_cache_is_the_slow_one(made):
    block, stream = made
    contexts = torch.randn(240, 24, generator=torch.Generator().manual_seed(6))
    slow = layer_outputs_sequential(block, stream, contexts)
    assert slow.shape == (block.configuration.layers, 240, 24)
    for size in (5000, 31):
        np.testing.assert_allclose(layer_outputs_parallel(block, stream, contexts, size), slow, atol=CLOSE)


def test_the_cache_of_sequential_contexts_ends_in_those_contexts(made):
    block, stream = made
    contexts = sequential_contexts(block, stream)
    np.testing.assert_allclose(layer_outputs_parallel(block, stream, contexts)[-1], contexts, atol=CLOSE)


def test_a_token_sees_the_context_before_it():
    contexts, first = torch.arange(6.0)[:, None], torch.tensor([[-1.0]])
    assert before(contexts, slice(0, 3), first).flatten().tolist() == [-1, 0, 1]
    assert before(contexts, slice(3, 6), first).flatten().tolist() == [2, 3, 4]
