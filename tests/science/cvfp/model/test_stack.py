"""Blocks side by side: both passes are autograd's on each block alone, and steps are those of a clipped Adam."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from semphase.science.cvfp.model import Configuration, ContextBlock, TokenBlock, stream_of
from semphase.science.cvfp.model.adam import ClippedAdam
from semphase.science.cvfp.model.embedding import normalised
from semphase.science.cvfp.model.feeding import fed_tokens
from semphase.science.cvfp.model.seeds import generator
from semphase.science.cvfp.model.stack import flat, stacked_layers, unstacked

# Sums of a few dozen products in float64.
EXACT = 1e-10


def token_blocks(shape, seeds):
    return [TokenBlock(shape, generator(seed, "token block")).double() for seed in seeds]


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def row_of_gradients(block):
    return torch.cat([parameter.grad.flatten() for parameter in block.parameters()])


@pytest.mark.parametrize("tokens", [1, 3])
def test_the_token_blocks_passes_are_autograds(tokens):
    """Widths fall with three tokens, so that layers project, and stay with one."""
    shape = Configuration(3, tokens, 8, 10)
    blocks = token_blocks(shape, (1, 2))
    inputs, contexts = numbers(7, 8 * tokens), [numbers(2, 7, 10, seed=i) for i in range(3)]
    pull = numbers(2, 7, 8, seed=9)
    values = flat(blocks)
    slopes = torch.zeros_like(values)
    x, passes = inputs, []
    layers = stacked_layers(blocks[0].layers, values, slopes)
    for layer, context in zip(layers, contexts, strict=True):
        x, found = layer.forward(x, context)
        passes.append(found)
    slope = pull.clone()
    for layer, found in reversed([*zip(layers, passes, strict=True)]):
        slope = layer.slope_of_x(found, *layer.backward(slope, found))
    for i, block in enumerate(blocks):
        own = inputs.clone().requires_grad_()
        expected = block([context[i] for context in contexts], own)
        expected.backward(pull[i])
        np.testing.assert_allclose(x[i], expected.detach(), rtol=EXACT, atol=EXACT)
        np.testing.assert_allclose(slopes[i], row_of_gradients(block), rtol=EXACT, atol=EXACT)
        np.testing.assert_allclose(slope[i], own.grad, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("token_input", ["every", "first"])
def test_the_context_blocks_passes_are_autograds_with_fed_tokens(token_input):
    shape = Configuration(2, 3, 8, 10, token_input)
    blocks = [ContextBlock(shape, generator(seed, "context block")).double() for seed in (1, 2)]
    vocabulary = normalised(numbers(20, 8), np.arange(20))
    stream = stream_of(vocabulary, np.random.default_rng(0).integers(20, size=(4, 10)), 3)
    contexts, pull = numbers(2, 40, 10, seed=3), numbers(2, 40, 10, seed=4)
    values = flat(blocks)
    slopes = torch.zeros_like(values)
    fed, layers = fed_tokens(stream, 2), stacked_layers(blocks[0].layers, values, slopes)
    weights = [layer.values.mix[:, :, 10:] for layer in layers]
    # Two batches, whose gradients add up.
    for part in (slice(0, 25), slice(25, 40)):
        x, passes = contexts[:, part], []
        for layer, own in zip(layers, weights, strict=True):
            given = fed.looked_up(fed.table(own), part) if own.shape[-1] else None
            x, found = layer.forward(x, given=given)
            passes.append(found)
        slope = pull[:, part].clone()
        for layer, found, own in reversed([*zip(layers, passes, weights, strict=True)]):
            summed, mixed = layer.backward(slope, found)
            if own.shape[-1]:
                gathered = torch.zeros_like(fed.table(own))
                fed.collect(gathered, mixed, part)
                layer.slopes.mix[:, :, 10:] += fed.slope(gathered, 2)
            slope = layer.slope_of_x(found, summed, mixed)
    for i, block in enumerate(blocks):
        expected = block(contexts[i], stream.inputs(slice(0, 40)))[-1]
        expected.backward(pull[i])
        np.testing.assert_allclose(x[i], expected[25:].detach(), rtol=EXACT, atol=EXACT)
        np.testing.assert_allclose(slopes[i], row_of_gradients(block), rtol=EXACT, atol=EXACT)


def test_steps_are_those_of_adam_with_each_ones_gradient_clipped():
    """One gradient is above the bound and one below; after two steps a member leaves."""
    blocks = token_blocks(Configuration(1, 2, 4, 4), (1, 2))
    adam = ClippedAdam(flat(blocks), 1e-2, 1.0)
    single = [torch.optim.Adam(block.parameters(), lr=1e-2) for block in blocks]
    gradients = numbers(3, *adam.slopes.shape)
    gradients[:, 1] *= 0.5 / torch.linalg.vector_norm(gradients[:, 1], dim=1, keepdim=True)
    for step, gradient in enumerate(gradients):
        if step == 2:
            adam = adam.kept([1])
        adam.slopes += gradient[-len(adam.slopes) :]
        adam.step()
        for block, own, row in zip(blocks, single, gradient, strict=True):
            for parameter, part in zip(
                block.parameters(), row.split([p.numel() for p in block.parameters()]), strict=True
            ):
                parameter.grad = part.view_as(parameter).clone()
            nn.utils.clip_grad_norm_(block.parameters(), 1.0)
            own.step()
        np.testing.assert_allclose(adam.values.detach(), flat(blocks)[-len(adam.slopes) :], rtol=EXACT, atol=1e-12)
        assert not adam.slopes.any()


def test_a_row_gives_the_block_back():
    blocks = token_blocks(Configuration(2, 3, 4, 4), (1, 2))
    (copy,) = token_blocks(Configuration(2, 3, 4, 4), (3,))
    unstacked(copy, flat(blocks)[1])
    assert all(map(torch.equal, copy.parameters(), blocks[1].parameters()))
