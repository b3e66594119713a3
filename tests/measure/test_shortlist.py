"""A shortlist gives the losses at its own streams exactly and those near them to second order."""

from __future__ import annotations

import pytest
import torch
from random_models import random_model
from scipy.stats import spearmanr

from semphase.corpus.grammar import sample_text
from semphase.measure import shortlist as module
from semphase.measure.losses import token_losses
from semphase.measure.replay import Replay
from semphase.measure.screening import screening_replay
from semphase.measure.shortlist import likely_tokens, shortlist
from semphase.measure.sweeps import head_by_head, substitute
from semphase.models import load

ZERO = substitute("zero")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return random_model("llama", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def tiny():
    return load("tiny", device="cpu")


@pytest.fixture(scope="module")
def ids():
    return torch.randint(3, 90, (2, 20), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def stream(model, ids):
    with Replay(model, ids) as replay:
        return replay.stream(model.layers)


@pytest.fixture(scope="module")
def near(model, stream):
    """The shortlist of every other token."""
    likely = torch.zeros(len(model.anatomy.unembed.weight), dtype=torch.bool)
    likely[::2] = True
    return shortlist(model, stream, likely)


def direction(stream, size):
    """A random change of the streams, of this size relative to theirs."""
    step = torch.randn(stream.shape, generator=torch.Generator().manual_seed(1))
    return size * step * stream.norm() / step.norm()


def test_at_its_own_streams_the_losses_are_exact(model, stream, ids, near):
    found = near.losses(stream, ids)
    # Two ways to sum the same exponentials in float32.
    torch.testing.assert_close(found, token_losses(model, stream, ids), rtol=1e-5, atol=1e-5)


def test_near_them_the_error_is_of_second_order(model, stream, ids, near):
    def error(size):
        moved = stream + direction(stream, size)
        return float((near.losses(moved, ids) - token_losses(model, moved, ids)).double().pow(2).mean().sqrt())

    large, small = error(0.1), error(0.025)
    # A quarter of the step leaves a sixteenth of a second-order error, a quarter of a first-order one.
    assert small < large / 8
    moved = stream + direction(stream, 0.025)
    effect = (token_losses(model, moved, ids) - token_losses(model, stream, ids)).double().pow(2).mean().sqrt()
    assert small < 0.05 * float(effect)


def test_copies_of_the_chunks_are_read_as_the_chunks_are(model, stream, ids, near):
    moved = stream + direction(stream, 0.1)
    both = near.losses(torch.cat([stream, moved]), ids.repeat(2, 1))
    torch.testing.assert_close(both, torch.cat([near.losses(stream, ids), near.losses(moved, ids)]))


def test_the_likely_tokens_hold_their_share_and_no_fewer_do(model, stream):
    likely = likely_tokens(model, stream)
    with torch.no_grad():
        logits = model.anatomy.unembed(model.anatomy.final_norm(stream[:, :-1]))
    mass = logits.double().softmax(dim=-1).sum(dim=(0, 1)) / (2 * 19)
    assert mass[likely].sum() >= module.SHARE > mass[likely].sum() - mass[likely].min()
    assert mass[likely].min() >= mass[~likely].max()


def test_only_a_short_list_is_used(model, ids, monkeypatch):
    """The random model knows no unlikely tokens, unless a smaller share is asked for."""
    made = []
    whole = module.shortlist
    monkeypatch.setattr("semphase.measure.screening.shortlist", lambda *given: made.append(1) or whole(*given))
    for share, used in ((0.98, 0), (0.3, 1)):
        monkeypatch.setattr(module, "SHARE", share)
        screening_replay(model, model, ids).close()
        assert len(made) == used


def test_a_trained_model_is_screened_as_it_is_measured(tiny):
    ids = torch.tensor(tiny.encode(sample_text(512, seed=5))[:512]).view(4, 128)
    layers = range(0, tiny.layers, 3)
    with Replay(tiny, ids) as replay:
        wanted = [head_by_head(replay, layer, ZERO) - replay.in_force for layer in layers]
        stream = replay.stream(tiny.layers)
        likely = likely_tokens(tiny, stream)
        replay.read_by(shortlist(tiny, stream, likely).losses)
        found = [head_by_head(replay, layer, ZERO) - replay.in_force for layer in layers]
    effects = [torch.cat(own).mean(dim=(1, 2)).numpy() for own in (wanted, found)]
    assert likely.sum() < len(likely)
    # Of sixteen heads two pairs of neighbours may change places: 1 - 6 * 4 / (16 * 255).
    assert spearmanr(*effects).statistic > 0.99
