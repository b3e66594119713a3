"""Replays with split products have the accuracy of float32, and are taken only where a device gains by them."""

from __future__ import annotations

import copy
import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from random_models import FAMILIES, random_model
from transformers import GPT2Config, GPT2LMHeadModel

import semphase.measure.products.exact as exact
from semphase.data.corpus.grammar import sample_text
from semphase.measure import reading, sites
from semphase.measure.changes import Ablated
from semphase.measure.edits import set_to, zeroed
from semphase.measure.items import Items
from semphase.measure.looks import Losses
from semphase.measure.products.around import kept_bytes, multiplied_bytes
from semphase.measure.products.exact import replay_of, replay_tokens, split_replay, splitting_pays
from semphase.measure.replay import Replay, stream_bytes
from semphase.measure.sweeping import groups, swept_group
from semphase.measure.sweeps import HELD, WIDTH, fitting_tokens, head_by_head, substitute
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
    monkeypatch.setattr(exact, "free_memory", lambda _device: 2**40)


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


def test_split_products_are_taken_where_they_pay_and_fit(split, tmp_path, monkeypatch):
    model = random_model("llama", tmp_path)  # of its own, whose weights nobody has split yet
    kept, split_weights = kept_of(model, ids.numel()), 2 * multiplied_bytes(model)
    needed = (kept + split_weights + HELD * WIDTH * model.d_model * 4) / exact.FREE

    def is_split(free, memory=None):
        monkeypatch.setattr(exact, "free_memory", lambda _device: free)
        with replay_of(model, ids, memory) as own:
            return own.model is not model

    assert not is_split(None)
    assert not is_split(int(0.99 * needed))
    assert is_split(int(1.01 * needed))
    # The split weights are there from now on, and are no longer free.
    assert is_split(int(1.01 * needed - split_weights))
    assert is_split(int(1.01 * needed), memory=kept)
    assert not is_split(int(1.01 * needed), memory=kept - 1)
    monkeypatch.setattr(exact, "splitting_pays", lambda _model: False)
    assert not is_split(int(1.01 * needed))


def kept_of(model, tokens):
    return kept_bytes(model, tokens) + stream_bytes(model, tokens)


def kept_tensors(model):
    around = exact._split(model)
    return [weakref.ref(own.shared.around.there) for own in around._products if own.shared is not None]


def test_what_a_replay_keeps_goes_when_it_is_closed(loaded, split):
    model = loaded("llama")
    with replay_of(model, ids) as own:
        head_by_head(own, 1, ZERO, [0])
        kept = kept_tensors(model)
        assert len(kept) == 7 * model.layers
    gc.collect()
    assert not any(tensor() is not None for tensor in kept)


def test_an_older_replay_that_is_closed_leaves_the_newer_one_its_products(loaded, split):
    model = loaded("llama")
    older = replay_of(model, ids)
    with replay_of(model, ids + 1) as newer, Replay(model, ids + 1) as plain:
        older.close()
        assert len(kept_tensors(model)) == 7 * model.layers
        np.testing.assert_allclose(effects(newer, range(3)), effects(plain, range(3)), atol=CLOSE)
    assert not kept_tensors(model)


def test_a_replay_that_fails_keeps_nothing(loaded, split, monkeypatch):
    model = loaded("llama")
    monkeypatch.setattr("semphase.measure.replay.token_losses", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        replay_of(model, ids)
    assert not kept_tensors(model)


@pytest.fixture
def card(monkeypatch):
    """`card(bytes)` is a device of so much memory whose products can be split."""
    monkeypatch.setattr(exact, "has_tf32", lambda _device: True)

    def made(memory):
        monkeypatch.setattr(exact, "device_memory", lambda _device: memory)
        monkeypatch.setattr(
            exact, "pass_tokens", lambda model: fitting_tokens(memory, model.d_model * model.dtype.itemsize)
        )

    return made


def meta(model, layers, d_model, heads, vocabulary):
    """A model of GPT-2's family that has sizes and no weights."""
    with torch.device("meta"):
        config = GPT2Config(
            n_layer=layers, n_embd=d_model, n_head=heads, vocab_size=vocabulary, tie_word_embeddings=True
        )
        module = GPT2LMHeadModel(config)
    return replace(model, module=module, anatomy=anatomy(module), layers=layers, heads=heads, d_model=d_model)


@pytest.mark.parametrize(
    ("gigabytes", "sizes", "least", "most"),
    [
        (24, (12, 768, 12, 50257), 20_000, 30_000),
        (40, (12, 768, 12, 50257), 32_768, 32_768),
        (80, (12, 768, 12, 50257), 32_768, 32_768),
        (80, (48, 1600, 25, 50257), 4_000, 10_000),
        (40, (48, 1600, 25, 50257), 1_024, 3_000),
    ],
)
def test_groups_are_as_large_as_the_card_has_room_for(loaded, card, gigabytes, sizes, least, most):
    model = meta(loaded("gpt2"), *sizes)
    card(gigabytes * 10**9)
    tokens = replay_tokens(model, memory=None)
    assert least <= tokens <= most
    weights = sum(own.numel() for own in model.module.parameters()) * 4
    held = (
        weights
        + 2 * multiplied_bytes(model)
        + kept_of(model, tokens)
        + HELD * 4 * model.d_model * exact.pass_tokens(model)
    )
    assert held <= exact.SHARE * gigabytes * 10**9
    if tokens < exact.pass_tokens(model):
        assert held + kept_of(model, 1) > exact.SHARE * gigabytes * 10**9


def test_a_card_that_holds_too_little_for_split_products_reads_plainly(loaded, card):
    model = meta(loaded("gpt2"), 48, 1600, 25, 50257)
    card(24 * 10**9)
    assert replay_tokens(model) == min(exact.pass_tokens(model), exact.MEMORY // stream_bytes(model, 1))


def test_what_a_user_allows_bounds_the_groups(loaded, card):
    model = meta(loaded("gpt2"), 12, 768, 12, 50257)
    card(80 * 10**9)
    allowed = kept_of(model, 5000)
    assert replay_tokens(model, allowed) == 5000
    assert replay_tokens(model, allowed, least=5001) == min(32_768, allowed // stream_bytes(model, 1))


def test_a_processor_reads_as_many_tokens_as_fill_a_pass(loaded):
    model = loaded("llama")
    assert replay_tokens(model) == WIDTH
    assert replay_tokens(model, memory=100 * stream_bytes(model, 1)) == 100


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
