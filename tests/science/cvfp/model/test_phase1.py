"""Phase 1 is the protocol: held against a plain loop under autograd, its rules of ending, and its failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from semphase.errors import SemphaseError
from semphase.science.cvfp.model import Configuration, Recipe, normalised, stream_of, train_contexts
from semphase.science.cvfp.model.configuration import CARRIED
from semphase.science.cvfp.model.phase1 import initial_block, terms_of
from semphase.science.cvfp.model.seeds import generator
from semphase.science.cvfp.model.stack import StackedLayer

SHAPE = Configuration(2, 2, 16, 24)
QUIET = Recipe(noise=0.0, start=0.0, context_batch=130, most=6, share=1.0, converged=0.0)
# Six Adam steps of 2e-3: their direction is the gradient's sign where a gradient is hardly more than rounding.
CLOSE = 1e-4


@pytest.fixture
def stream(vocabulary, documents):
    return stream_of(vocabulary, documents, 2)


def plain(vocabulary, documents, recipe, seed):
    """The protocol as one would write it down: lists, autograd, nothing shared with the library but the block."""
    block = initial_block(SHAPE, seed, vocabulary.rows)
    adam = torch.optim.Adam(block.parameters(), lr=2e-3)
    ids = [None, *documents.flatten()]
    rows = [torch.zeros(16), *vocabulary.rows[documents.flatten()]]
    pairs = torch.stack([torch.cat([rows[t - 1], rows[t]]) for t in range(1, len(ids))])
    contexts, losses, shares = torch.zeros(240, 24), [], []
    for _ in range(recipe.most):
        seen = torch.roll(contexts, 1, dims=0)
        fresh, total = [], np.zeros(2)
        adam.zero_grad()
        for start, stop in ((0, 130), (130, 240)):
            made = block(seen[start:stop], pairs[start:stop])[-1]
            fixed = nn.functional.mse_loss(made, contexts[start:stop])
            spread = -torch.linalg.matrix_norm(made - made.mean(dim=0)) / (stop - start)
            weight = (stop - start) / 240
            (weight * (0.1 * fixed + 0.9 * spread)).backward()
            total += weight * np.array([float(fixed.detach()), float(spread.detach())])
            fresh.append(made.detach())
        nn.utils.clip_grad_norm_(block.parameters(), 2.0)
        adam.step()
        losses.append(total)
        change = (torch.cat(fresh) - contexts).square().mean(dim=1)
        shares.append((change < recipe.converged).float().view(12, 20).mean(dim=1).numpy())
        contexts = torch.cat(fresh)
    return block, contexts, np.array(losses), np.array(shares)


def test_it_is_the_plain_loop(vocabulary, documents, stream):
    recipe = replace(QUIET, converged=0.3)
    (found,) = train_contexts(SHAPE, recipe, stream, seeds=[2])
    block, contexts, losses, shares = plain(vocabulary, documents, recipe, 2)
    np.testing.assert_allclose(found.record.losses, losses, rtol=CLOSE)
    np.testing.assert_allclose(found.record.converged, shares, atol=1 / 20)
    np.testing.assert_allclose(found.contexts, contexts, atol=10 * CLOSE)
    for own, other in zip(found.block.parameters(), block.parameters(), strict=True):
        np.testing.assert_allclose(own, other.detach(), atol=10 * CLOSE)
    assert 0 < shares.mean() < 1


@pytest.mark.parametrize("weight", [0.0, 0.9, 1.0])
def test_the_written_slope_is_autograds(weight):
    generator = torch.Generator().manual_seed(0)
    contexts, last = torch.randn(2, 30, 7, generator=generator, dtype=torch.float64)
    contexts.requires_grad_()
    spread = -torch.linalg.matrix_norm(contexts - contexts.mean(dim=0)) / 30
    fixed = (contexts - last).square().mean()
    ((1 - weight) * fixed + weight * spread).backward()
    terms, change, slope = terms_of(contexts.detach()[None], last[None], weight)
    np.testing.assert_allclose(terms[0], [fixed.item(), spread.item()], rtol=1e-12)
    np.testing.assert_allclose(change[0], (contexts.detach() - last).square().mean(dim=1), rtol=1e-12)
    np.testing.assert_allclose(slope[0], contexts.grad, rtol=1e-10, atol=1e-15)


def test_equal_contexts_have_a_slope_of_zero():
    _, _, slope = terms_of(torch.ones(1, 4, 3), torch.ones(1, 4, 3), 0.9)
    assert bool((slope == 0).all())


def test_it_stops_when_the_share_has_converged_and_not_before_the_fewest(stream):
    told = []
    (found,) = train_contexts(SHAPE, replace(QUIET, converged=1e9, most=9), stream, seeds=[1], advance=told.append)
    assert (found.record.iterations, found.record.reached) == (5, True)
    assert sum(told) == 9
    (never,) = train_contexts(SHAPE, QUIET, stream, seeds=[1])
    assert (never.record.iterations, never.record.reached) == (6, False)


def test_a_seed_gives_the_same_and_another_something_else(stream):
    recipe = Recipe(most=5)
    first, again, other = (train_contexts(SHAPE, recipe, stream, seeds=[seed])[0] for seed in (1, 1, 2))
    assert torch.equal(first.contexts, again.contexts)
    assert not torch.allclose(first.contexts, other.contexts, atol=0.1)


def test_noise_and_start_have_their_size(vocabulary, documents, monkeypatch):
    """What the block is given in the first iteration differs from the start by Gaussian noise of 0.1."""
    seen = []
    own = StackedLayer.forward

    def watched(self, x, *rest, **named):
        seen.append(x)
        return own(self, x, *rest, **named)

    monkeypatch.setattr(StackedLayer, "forward", watched)
    stream = stream_of(vocabulary, np.tile(documents, (10, 1)), 2)
    train_contexts(SHAPE, Recipe(fewest=1, most=1, start=0.0), stream, seeds=[1])
    train_contexts(SHAPE, Recipe(fewest=1, most=1, noise=0.0), stream, seeds=[1])
    noise, _, start, _ = seen
    # Standard deviations of 57,600 Gaussian numbers are known to 0.3 %: one in ten thousand is off by 1.2 %.
    assert noise.std() == pytest.approx(0.1, rel=0.012)
    assert start.std() == pytest.approx(0.01, rel=0.012)


def test_nothing_moves_the_global_random_state(stream):
    state = torch.get_rng_state()
    train_contexts(SHAPE, Recipe(most=5), stream, seeds=[1])
    assert torch.equal(torch.get_rng_state(), state)


def test_divergence_names_phase_iteration_and_configuration(stream):
    with pytest.raises(SemphaseError, match="phase 1 of 2L-24d-2tok diverged in iteration 2: the loss is no number"):
        train_contexts(SHAPE, replace(QUIET, context_rate=1e38), stream, seeds=[1])


def test_an_embedding_that_is_no_number_is_found_at_once(vocabulary, documents):
    head = vocabulary.head.clone()
    head[documents[0, 0]] = float("nan")
    stream = stream_of(normalised(head, vocabulary.types), documents, 2)
    with pytest.raises(SemphaseError, match="diverged in iteration 1"):
        train_contexts(SHAPE, QUIET, stream, seeds=[1])


def test_contexts_that_are_carried_without_noise_are_those_of_the_block_on_what_is_read(stream):
    recipe = Recipe(start=1.0, most=1, fewest=1, context_batch=130, carried="without noise")
    (found,) = train_contexts(SHAPE, recipe, stream, seeds=[2])
    start = torch.randn(len(stream), 24, generator=generator(2, "start"), dtype=stream.table.dtype)
    block = initial_block(SHAPE, 2, stream.table)
    with torch.no_grad():
        made = block(torch.roll(start, 1, dims=0), stream.inputs(slice(0, len(stream))))[-1]
    torch.testing.assert_close(found.contexts, made, atol=1e-5, rtol=1e-5)
    near = ((made - start).square().mean(dim=1) < recipe.converged).float().mean()
    assert np.mean(found.record.converged[0]) == pytest.approx(float(near))
    (noisy,) = train_contexts(SHAPE, replace(recipe, carried="as trained"), stream, seeds=[2])
    assert (noisy.contexts - made).abs().max() > 0.01


def test_without_noise_it_makes_no_difference_what_is_carried(stream):
    made = [train_contexts(SHAPE, replace(QUIET, carried=own), stream, seeds=[2])[0] for own in CARRIED]
    torch.testing.assert_close(made[0].contexts, made[1].contexts)
    assert made[0].record.losses == made[1].record.losses
