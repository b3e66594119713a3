"""Replays with split products have the accuracy of float32, and are taken only where a device gains by them."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import FAMILIES

import semphase.measure.exact as exact
from semphase.data.corpus.grammar import sample_text
from semphase.measure import reading, sites
from semphase.measure.around import kept_bytes, products
from semphase.measure.changes import Ablated
from semphase.measure.edits import set_to, zeroed
from semphase.measure.exact import replay_of, split_replay, splitting_pays
from semphase.measure.items import Items
from semphase.measure.looks import Losses
from semphase.measure.replay import Replay, stream_bytes
from semphase.measure.sweeping import groups, swept_group
from semphase.measure.sweeps import head_by_head, substitute
from semphase.measure.weights import head_weights, with_queries
from semphase.models import load
from semphase.models.anatomy import anatomy

ZERO = substitute("zero")
CLOSE = 1e-3
"""A loss is a difference of logits below 64, which three blocks round by less than 200 units in their last place."""
ids = torch.randint(3, 90, (3, 20), generator=torch.Generator().manual_seed(3))


@pytest.fixture
def split(monkeypatch):
    """A device that gains by split products and has room for what they keep."""
    monkeypatch.setattr(exact, "splitting_pays", lambda _model: True)
    monkeypatch.setattr(exact, "device_memory", lambda _device: 2**40)


def wide(model):
    """The same model in float64."""
    module = copy.deepcopy(model.module).double()
    return replace(model, module=module, anatomy=anatomy(module), dtype=torch.float64)


def effects(replay, layers):
    return torch.cat([head_by_head(replay, layer, ZERO) for layer in layers]).double() - replay.in_force.double()


def test_errors_against_float64_are_at_most_three_times_those_of_float32():
    tiny = load("tiny", device="cpu")
    text = torch.tensor(tiny.encode(sample_text(512, seed=5))[:512]).view(4, 128)
    layers = range(0, tiny.layers, 3)
    with Replay(wide(tiny), text) as true, Replay(tiny, text) as plain, split_replay(tiny, text) as own:
        wanted = effects(true, layers)
        off, own_off = effects(plain, layers) - wanted, effects(own, layers) - wanted
    for size in (torch.Tensor.abs, lambda x: x.mean(dim=(1, 2)).abs()):
        assert 0 < float(size(own_off).max()) <= 3 * float(size(off).max())


@pytest.mark.parametrize("family", FAMILIES)
def test_heads_of_every_family_have_their_effects(loaded, family):
    model = loaded(family)
    with Replay(model, ids) as plain, split_replay(model, ids) as own:
        np.testing.assert_array_equal(own.in_force, plain.in_force)
        np.testing.assert_allclose(effects(own, range(3)), effects(plain, range(3)), atol=CLOSE)
        changes = {0: Ablated((1,)), 2: Ablated((0, 3))}
        np.testing.assert_allclose(own.move(changes), plain.move(changes), atol=CLOSE)


def test_products_are_split_inside_the_blocks(loaded, monkeypatch):
    with split_replay(loaded("llama"), ids) as own:
        seen = []
        kept = exact.split_weight(torch.ones(2, 2)).__class__
        added = kept.added
        monkeypatch.setattr(kept, "added", lambda *given: seen.append(1) or added(*given))
        head_by_head(own, 1, ZERO, [0])
    # Queries, keys and values to see the heads; then those, the output, gate and up, and down, of two blocks.
    assert len(seen) == 1 + 2 * 4


def test_another_text_of_the_same_model_is_replayed_as_well(loaded):
    """The older replay loses what it was recorded around, but no more than accuracy."""
    model = loaded("gpt2")
    with split_replay(model, ids) as older, split_replay(model, ids[:2, :13] + 1), Replay(model, ids) as plain:
        np.testing.assert_allclose(effects(older, range(3)), effects(plain, range(3)), atol=CLOSE)


def test_a_processor_replays_plainly(loaded):
    model = loaded("llama")
    assert not splitting_pays(model)
    with replay_of(model, ids) as own:
        assert own.model is model


def test_split_products_are_taken_where_they_pay_and_fit(loaded, split, monkeypatch):
    model, tokens = loaded("llama"), ids.numel()
    multiplied = sum(part.weight.numel() for *_, part in products(model))
    weights = (sum(own.numel() for own in model.module.parameters()) + 2 * multiplied) * 4
    needed = (weights + kept_bytes(model, tokens) + stream_bytes(model, tokens)) / exact.SHARE
    for memory, taken in ((None, False), (int(0.99 * needed), False), (int(1.01 * needed), True)):
        monkeypatch.setattr(exact, "device_memory", lambda _device, memory=memory: memory)
        with replay_of(model, ids) as own:
            assert (own.model is not model) == taken
    monkeypatch.setattr(exact, "splitting_pays", lambda _model: False)
    with replay_of(model, ids) as own:
        assert own.model is model


@pytest.mark.parametrize(("times", "pays"), [([1.3, 1.0], True), ([1.1, 1.0], False)])
def test_what_pays_is_measured(tmp_path, monkeypatch, times, pays):
    model = load("tiny", device="cpu")  # of its own: what is found out about a model is kept with it
    monkeypatch.setattr(exact, "has_tf32", lambda _device: True)
    monkeypatch.setattr(exact, "least_seconds", lambda ways, *_: [way() is None for way in ways] and times)
    assert splitting_pays(model) == pays
    assert not splitting_pays(wide(model))


def test_weights_that_were_rebuilt_for_a_while_leave_nothing_behind(split):
    tiny = load("tiny", device="cpu")
    queries = np.zeros_like(head_weights(tiny).queries)
    with with_queries(tiny, queries), replay_of(tiny, ids):
        pass
    with Replay(tiny, ids) as plain, replay_of(tiny, ids) as own:
        assert torch.allclose(effects(own, [2]), effects(plain, [2]), atol=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_site_is_edited_where_products_are_split(loaded, split, family):
    model, draw = loaded(family), np.random.default_rng(0)
    items = Items.of([draw.integers(3, 90, size=n).tolist() for n in (12, 5, 9)], [10, 4, 8])
    changed = {
        "neurons": [set_to(sites.neurons(2), 3, 1.0)],
        "mlp": [zeroed(sites.mlp(1))],
        "attention": [zeroed(sites.attention(1))],
        "query": [zeroed(sites.query(1, 1))],
        "pattern": [zeroed(sites.pattern(1, 0))],
    }
    for group in groups(model, items, Losses().rows(items)):
        for label, values, _ in swept_group(model, group, changed, Losses()):
            alone = reading.final(model, items, Losses(), changed[label])
            np.testing.assert_allclose(Losses().gathered(items, [(group, values)]), alone, atol=CLOSE)
