"""Losses under the tied head are cross-entropies, with their gradient, whatever the pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from semphase.science.cvfp.model.cross_entropy import tied_losses, tied_losses_with_slopes

CHUNKS = [1, 7, 60, 61, 8192]


def inputs(scale=1.0, dtype=torch.float64, types=61, tokens=30):
    generator = torch.Generator().manual_seed(1)
    x = scale * torch.randn(tokens, 12, generator=generator, dtype=dtype)
    head = torch.randn(types, 12, generator=generator, dtype=dtype)
    return x, head, torch.randint(types, (tokens,), generator=generator)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("scale", [1.0, 300.0])
def test_losses_and_gradients_are_those_of_cross_entropy(chunk, scale):
    x, head, target = inputs(scale)
    weights = torch.linspace(0, 1, len(x), dtype=torch.float64)
    other = x.clone().requires_grad_()
    nats, correct, slopes = tied_losses_with_slopes(x, head, target, chunk)
    expected = functional.cross_entropy(other @ head.T, target, reduction="none")
    np.testing.assert_allclose(nats, expected.detach(), rtol=1e-10, atol=1e-10)
    assert all(map(torch.equal, tied_losses(x, head, target, chunk), (nats, correct)))
    assert torch.equal(correct, (x @ head.T).argmax(dim=1) == target)
    (expected * weights).sum().backward()
    np.testing.assert_allclose(slopes * weights[:, None], other.grad, rtol=1e-8, atol=1e-10)


@given(st.integers(1, 70), st.integers(0, 60))
def test_the_likeliest_type_is_correct_in_any_piece(chunk, best):
    x, head = torch.ones(1, 1), torch.zeros(61, 1)
    head[best] = 3.0
    _, correct = tied_losses(x.expand(61, 1), head, torch.arange(61), chunk)
    assert correct.nonzero().flatten().tolist() == [best]


@pytest.mark.parametrize("chunk", [7, 8192])
def test_half_precision_is_summed_in_float32(chunk):
    x, head, target = inputs(dtype=torch.bfloat16)
    nats, _, slopes = tied_losses_with_slopes(x, head, target, chunk)
    assert (nats.dtype, slopes.dtype) == (torch.float32, torch.bfloat16)
    expected = functional.cross_entropy((x.float() @ head.float().T), target, reduction="none")
    # bfloat16 rounds logits below 16 by 2⁻⁵ at most.
    np.testing.assert_allclose(nats, expected, atol=2 * 2**-5)


class Largest(TorchDispatchMode):
    """The largest tensor that anything inside makes."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.numbers = max([self.numbers, *[t.numel() for t in tree_leaves(made) if isinstance(t, torch.Tensor)]])
        return made


def test_memory_grows_with_the_piece_and_not_with_the_vocabulary():
    found = {}
    for types in (256, 4096):
        x, head, target = inputs(types=types, tokens=64)
        with Largest() as largest:
            tied_losses_with_slopes(x, head, target, 128)
        # Splitting the head gives views of it and the split itself makes nothing; a piece of logits is the most.
        found[types] = largest.numbers
    assert found[256] == found[4096] == 64 * 128
