"""A shortlist gives the losses at its own streams exactly, and near them with a small part of the error of a gradient."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from random_models import random_model

import semphase.measure.screening.shortlist as module
from semphase.measure.losses import Unembedding, token_losses
from semphase.measure.replay import Replay
from semphase.measure.screening.shortlist import Split, shortlist, split_vocabulary


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return random_model("llama", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def ids():
    return torch.randint(3, 90, (2, 20), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def stream(model, ids):
    with Replay(model, ids) as replay:
        return replay.stream(model.layers)


@pytest.fixture(scope="module")
def split(model, stream):
    """A third of the probability is likely, of the rest two hundred tokens are drawn, many of them twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SHARE", 0.3)
        patch.setattr(module, "SAMPLE", 200)
        return split_vocabulary(model, stream)


@pytest.fixture(scope="module")
def mass(model, stream):
    """The probability of each token, summed over positions."""
    with torch.no_grad():
        logits = model.anatomy.unembed(model.anatomy.final_norm(stream[:, :-1]))
    return logits.double().softmax(dim=-1).sum(dim=(0, 1))


def direction(stream, size):
    """A random change of the streams, of this size relative to theirs."""
    step = torch.randn(stream.shape, generator=torch.Generator().manual_seed(1))
    return size * step * stream.norm() / step.norm()


def error(model, stream, ids, near, size):
    moved = stream + direction(stream, size)
    return float((near.losses(moved, ids) - token_losses(model, moved, ids)).double().pow(2).mean().sqrt())


def test_at_its_own_streams_the_losses_are_exact(model, stream, ids, split):
    found = shortlist(model, stream, split).losses(stream, ids)
    # Two ways to sum the same exponentials in float32.
    torch.testing.assert_close(found, token_losses(model, stream, ids), rtol=1e-5, atol=1e-5)


def test_a_sample_of_everything_is_exact_however_large_the_change(model, stream, ids, split):
    others = (~split.likely).nonzero().squeeze(-1)
    near = shortlist(model, stream, Split(split.likely, others, torch.ones(len(others))))
    for size in (0.1, 1.0):
        moved = stream + direction(stream, size)
        torch.testing.assert_close(near.losses(moved, ids), token_losses(model, moved, ids), rtol=1e-4, atol=1e-4)


def test_without_a_sample_the_error_is_of_second_order_and_a_sample_takes_most_of_it_away(model, stream, ids, split):
    bare = shortlist(model, stream, Split(split.likely, split.drawn[:0], split.weight[:0]))
    large, small = error(model, stream, ids, bare, 0.1), error(model, stream, ids, bare, 0.025)
    # A quarter of the step leaves a sixteenth of a second-order error, a quarter of a first-order one.
    assert small < large / 8
    # Two hundred draws know a variance to 10 %; heavy tails and positions unlike the text's mean cost some of that.
    assert error(model, stream, ids, shortlist(model, stream, split), 0.1) < 0.4 * large


def test_the_sample_is_unbiased(model, stream, ids, split, mass):
    """Means over many samples approach the exact sums of the others, by the law of large numbers."""
    moved, others = stream + direction(stream, 0.2), mass.masked_fill(split.likely, 0)
    wanted, totals = token_losses(model, moved, ids), []
    for seed in range(60):
        draws = torch.multinomial(others, 50, replacement=True, generator=torch.Generator().manual_seed(seed))
        weight = (others.sum() / others[draws] / 50).float()
        near = shortlist(model, stream, Split(split.likely, draws, weight))
        totals.append((near.losses(moved, ids) - wanted).exp())
    ratio = torch.stack(totals)
    off = (ratio.mean(dim=0) - 1) / (ratio.std(dim=0) / 60**0.5)
    # 38 standard errors: their mean square is 1 give or take √(2/38), and skewness may double it.
    assert float(off.pow(2).mean()) < 3


def test_copies_of_the_chunks_are_read_as_the_chunks_are(model, stream, ids, split):
    near, moved = shortlist(model, stream, split), stream + direction(stream, 0.1)
    both = near.losses(torch.cat([stream, moved]), ids.repeat(2, 1))
    torch.testing.assert_close(both, torch.cat([near.losses(stream, ids), near.losses(moved, ids)]))


def test_the_likely_tokens_hold_their_share_and_no_fewer_do(split, mass):
    held = mass[split.likely] / mass.sum()
    assert held.sum() >= 0.3 > held.sum() - held.min()
    assert mass[split.likely].min() >= mass[~split.likely].max()


def test_the_drawn_tokens_are_others_and_stand_for_all_of_them(split, mass):
    assert not split.likely[split.drawn].any()
    assert len(split.drawn.unique()) == len(split.drawn)
    stands_for = float((split.weight * mass[split.drawn]).sum())
    assert stands_for == pytest.approx(float(mass[~split.likely].sum()), rel=1e-4)


def test_losses_stay_finite_where_a_change_breaks_the_model(model, stream, ids, split):
    near = shortlist(model, stream, split)
    far = replace(near, before=near.before - 1e4)  # as if logits had grown by ten thousand nats
    assert bool(far.losses(stream, ids).isfinite().all())


def test_where_all_tokens_are_likely_none_is_drawn(model, stream, ids):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SHARE", 1.0)
        split = split_vocabulary(model, stream)
    assert split.read == len(split.likely) == int(split.likely.sum())


@pytest.mark.parametrize("positions", [7, 38, 80, 1000])
def test_no_product_takes_more_positions_than_a_tile(model, stream, ids, split, monkeypatch, positions):
    near = shortlist(model, stream, split)
    copies = torch.cat([stream + direction(stream, size) for size in (0.0, 0.1, 0.2)])
    wanted = near.losses(copies, ids.repeat(3, 1))
    seen = []
    for name, own in (("logits", Unembedding.logits), ("all", Unembedding.all)):

        def counting(self, x, *rest, own=own):
            seen.append(x[..., 0].numel())
            return own(self, x, *rest)

        monkeypatch.setattr(Unembedding, name, counting)
    monkeypatch.setattr(module, "tile_sizes", lambda _: (positions, 10**6))
    torch.testing.assert_close(near.losses(copies, ids.repeat(3, 1)), wanted, rtol=1e-5, atol=1e-5)
    assert max(seen) <= positions
    # Of two texts of 19 predicted tokens as many copies as a tile holds are read out together.
    assert len(seen) == 2 * {7: 3 * 6, 38: 3, 80: 2, 1000: 1}[positions]
