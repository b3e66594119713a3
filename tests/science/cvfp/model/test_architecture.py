"""The blocks compute the protocol's formulas, written out again in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from semphase.science.cvfp.model import Configuration, ContextBlock, TokenBlock

# Sums of some fifty float32 products near 1, normalised.
CLOSE = 1e-5


def numbers(block):
    return {name: value.detach().double().numpy() for name, value in block.named_parameters()}


def normed(x, gain, shift):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5) * gain + shift


def step(own, layer, x, given):
    mixed = np.maximum(given @ own[f"layers.{layer}.mix.weight"].T + own[f"layers.{layer}.mix.bias"], 0)
    name = f"layers.{layer}.project"
    kept = x @ own[f"{name}.weight"].T + own[f"{name}.bias"] if f"{name}.weight" in own else x
    return normed(kept + mixed, own[f"layers.{layer}.norm.weight"], own[f"layers.{layer}.norm.bias"])


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def shaken(block):
    """Gains and shifts that are not 1 and 0."""
    with torch.no_grad():
        for number, parameter in enumerate(block.parameters()):
            parameter += 0.1 * drawn(*parameter.shape, seed=number)
    return block


@pytest.mark.parametrize("token_input", ["every", "first"])
def test_the_context_block_is_its_formula(token_input):
    configuration = Configuration(3, 2, 4, 6, token_input)
    block = shaken(ContextBlock(configuration, torch.Generator().manual_seed(1)))
    context, inputs, own = drawn(5, 6), drawn(5, 8, seed=9), numbers(block)
    expected = context.double().numpy()
    for layer, found in enumerate(block(context, inputs)):
        fed = layer == 0 or token_input == "every"
        read = np.concatenate([expected, inputs.double().numpy()], axis=1) if fed else expected
        expected = step(own, layer, expected, read)
        np.testing.assert_allclose(found.detach(), expected, atol=CLOSE)


@pytest.mark.parametrize("tokens", [1, 3])
def test_the_token_block_is_its_formula(tokens):
    block = shaken(TokenBlock(Configuration(2, tokens, 4, 6), torch.Generator().manual_seed(1)))
    contexts, inputs, own = [drawn(5, 6, seed=7), drawn(5, 6, seed=8)], drawn(5, 4 * tokens), numbers(block)
    expected = inputs.double().numpy()
    for layer, context in enumerate(contexts):
        expected = step(own, layer, expected, np.concatenate([context.double().numpy(), expected], axis=1))
    assert any("project" in name for name in own) == (tokens > 1)
    np.testing.assert_allclose(block(contexts, inputs).detach(), expected, atol=CLOSE)


def test_start_values_come_from_the_generator_alone():
    configuration = Configuration(2, 2, 4, 6)
    state = torch.get_rng_state()
    first, again, other = (ContextBlock(configuration, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.layers[0].mix.weight, other.layers[0].mix.weight)
    assert first.layers[0].mix.weight.abs().max() <= (6 + 8) ** -0.5
