"""Projections lack the removed heads for a while, and are afterwards what they were, bit by bit."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
import torch
from wandering import WANDERING, generate, kept_tolerance, logs_of, prompts_of, written

from semphase.measure.edits import zeroed
from semphase.measure.generating.slimming import slimmed
from semphase.measure.generation import continuation
from semphase.measure.sites import head, heads

KNOWN = ("gpt2", "llama", "gemma3_text", "qwen2")
D = 8
REMOVED = {0: frozenset({0, 1}), 1: frozenset({0}), 2: frozenset({0, 1, 2, 3})}
"""A whole key head where two heads share one, a part of one, and all of a layer."""


def state(model):
    """Weights by name with where they lie, and everything else that a layer's attention goes by."""
    named = {name: (id(part), part.data_ptr(), part.clone()) for name, part in model.module.named_parameters()}
    sizes = [getattr(part, "split_size", None) for part in model.module.modules()]
    return named, sizes, [id(part) for part in model.module.modules()]


def require_same(before, after):
    assert before[1:] == after[1:]
    assert before[0].keys() == after[0].keys()
    for name, (known, place, weight) in before[0].items():
        assert after[0][name][:2] == (known, place)
        assert torch.equal(after[0][name][2], weight)


def widths(model, layer):
    """How wide queries, keys and what enters the output projection are."""
    part = model.anatomy.blocks[layer]
    if model.family == "gpt2":
        own = part.attn
        return own.c_attn.weight.shape[1] // 3, own.split_size, own.c_proj.weight.shape[0]
    own = part.self_attn
    return own.q_proj.out_features, own.k_proj.out_features, own.o_proj.in_features


@pytest.mark.parametrize("family", KNOWN)
@pytest.mark.parametrize("problem", [None, RuntimeError])
def test_projections_are_narrower_inside_and_restored(wandering, family, problem):
    model = wandering(family)
    before = state(model)
    shared = model.heads // model.key_heads
    with suppress(RuntimeError), slimmed(model, REMOVED) as made:
        key_heads = {1: ((2, 3), (1, 2, 3), (0,)), 2: ((1,), (0, 1), (0,))}[shared]
        kept = ((2, 3), (1, 2, 3), (0,))
        assert made == {layer: (kept[layer], key_heads[layer]) for layer in range(3)}
        for layer in range(3):
            wide, narrow = D * len(kept[layer]), D * len(key_heads[layer])
            assert widths(model, layer) == (wide, narrow, wide)
        if problem is not None:
            raise problem
    require_same(before, state(model))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_generation_that_fails_leaves_the_model_as_it_was(wandering, monkeypatch, family):
    model = wandering(family)
    before = state(model)
    own = model.module.config._attn_implementation

    def fail(*_):
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patched:
        patched.setattr("semphase.measure.generation.next_tokens", fail)
        with pytest.raises(RuntimeError, match="in the middle"):
            generate(model, prompts_of((4, 6)), [zeroed(head(1, 0))], tokens=3)
        patched.undo()
        patched.setattr("semphase.measure.generating.steps._cost", fail)  # after the projections were changed
        with pytest.raises(RuntimeError, match="in the middle"):
            generate(model, prompts_of((4, 6)), [zeroed(head(1, 0))], tokens=3)
    require_same(before, state(model))
    assert model.module.config._attn_implementation == own


@pytest.mark.parametrize("family", WANDERING)
@pytest.mark.parametrize(
    "removed",
    [
        heads([(0, 0), (0, 1), (1, 0)]),
        head(2),
        heads([(0, 1), (0, 2), (1, 3), (2, 0), (2, 2), (2, 3)]),
        head([0, 1, 2]),
    ],
    ids=["key head", "all of a layer", "parts of key heads", "all"],
)
def test_without_heads_it_is_the_text_of_full_passes(wandering, family, removed):
    model, items = wandering(family), prompts_of((4, 7))
    before = state(model)
    found = generate(model, items, [zeroed(removed)], tokens=6)
    logs = logs_of(continuation(model, items, [zeroed(removed)], [tuple(written(found, k)[:5]) for k in range(2)]))
    for k in range(2):
        token, own = found.token.values[k, 0, 5], found.log_probability.values[k, 0, 5]
        assert token == logs[k].argmax()
        assert abs(own - logs[k, token]) <= kept_tolerance(model, logs[k, token])
    require_same(before, state(model))


@pytest.mark.parametrize("family", ["gpt_neox", "opt"])
def test_unknown_projections_keep_their_heads(wandering, family):
    model = wandering(family)
    before = state(model)
    with slimmed(model, REMOVED) as made:
        assert made == {}
        require_same(before, state(model))


def test_heads_of_another_size_are_not_taken_for_known(wandering, monkeypatch):
    model = wandering("llama")
    monkeypatch.setattr(model.anatomy.blocks[0].self_attn, "head_dim", D // 2)
    with slimmed(model, REMOVED) as made:
        assert set(made) == {1, 2}


def test_nothing_removed_changes_nothing(wandering):
    model = wandering("llama")
    before = state(model)
    with slimmed(model, {1: frozenset()}) as made:
        assert made == {}
        require_same(before, state(model))
    assert np.array_equal(widths(model, 1), (32, 16, 32))
